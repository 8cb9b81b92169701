"""PostgreSQL under Patroni and etcd, as Debian packages them: three nodes, one of them a synchronous standby.

    cluster = Cluster("journal").start()
    cluster.conninfo("journal")          # names every node; each behind a proxy of its own
    cluster.switchover()                 # in good order
    cluster.leader().kill()              # the node's Patroni and PostgreSQL: kill -9
    cluster.leader().silence()           # … SIGSTOP; wake()
    cluster.leader().cut_off()           # it lives, and reaches neither etcd nor anybody else; mend()
    cluster.is_whole()                   # a leader, and everybody follows it

Between a node and etcd, and between its PostgreSQL and its Patroni and whoever connects to these, the other nodes too,
stand proxies: that is what a cut-off goes through. Needs root (the servers run as user postgres).
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
from troth_test import Process, TcpProxy, run_folder, wait_until  # noqa: E402

WHOLE_SECONDS_MAX = 120
TTL_SECONDS = 20  # of the leader's key in etcd: a node that dies or is cut off is noticed so late; Patroni's least
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def server_binaries():
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]


class Etcd(Process):
    ready = r"ready to serve client requests|serving insecure client requests"

    def __init__(self, name):
        super().__init__(name)
        self.port, self.peer = free_port(), free_port()

    def command(self):
        clients, peers = (f"http://127.0.0.1:{port}" for port in (self.port, self.peer))
        return ["etcd", "--data-dir", self.folder / "data", "--listen-client-urls", clients, "--advertise-client-urls",
                clients, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster",
                f"default={peers}"]


class Node(Process):
    """One Patroni and its PostgreSQL."""

    ready = r"INFO: (?:no action|Lock owner|bootstrap|.*initialized a new cluster|.*following a leader)"

    def __init__(self, cluster, name):
        super().__init__(f"{cluster.name}_{name}")
        self.cluster, self.node = cluster, name
        self.rest, self.port = free_port(), free_port()
        self.etcd = TcpProxy(cluster.etcd.port)
        self.proxy, self.asked = TcpProxy(self.port), TcpProxy(self.rest)
        shutil.chown(self.folder, "postgres", "postgres")
        (self.folder / "patroni.yml").write_text(json.dumps(self.settings()))  # JSON is YAML

    def settings(self):
        login = {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}}
        return {
            "scope": self.cluster.name, "name": self.node,
            "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.asked.port}"},
            "etcd3": {"hosts": f"127.0.0.1:{self.etcd.port}", "use_proxies": True},  # else it asks etcd where it is
            "bootstrap": {
                "dcs": {"ttl": TTL_SECONDS, "loop_wait": 2, "retry_timeout": 3, "synchronous_mode": True,
                        "postgresql": {"use_pg_rewind": True,
                                       "parameters": {"max_prepared_transactions": 200, "max_connections": 100}}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.proxy.port}",
                "data_dir": str(self.folder / "data"), "bin_dir": str(server_binaries()),
                "pgpass": str(self.folder / "pgpass"), "authentication": login,
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
        }

    def command(self):
        return [*AS_POSTGRES, "patroni", self.folder / "patroni.yml"]

    def processes(self):
        """Patroni, the postmaster and its children, as far as they are there."""
        found = [self.pid] if self.running() else []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            found += [postmaster, *map(int, children)]
        return found

    def signal_all(self, number):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        self.signal_all(signal.SIGKILL)
        self.wait_end()

    def silence(self):
        self.signal_all(signal.SIGSTOP)

    def wake(self):
        self.signal_all(signal.SIGCONT)

    def cut_off(self):
        """What is sent to it, or by it, is not heard; no connection is closed."""
        for proxy in (self.etcd, self.proxy, self.asked):
            proxy.hold("request")
            proxy.hold("reply")

    def mend(self):
        for proxy in (self.etcd, self.proxy, self.asked):
            proxy.release()
            proxy.cut()

    def connect(self, database="postgres"):
        return psycopg2.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=2")

    def shows(self):
        """The cluster as this node sees it: roles by name; of members that run only."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/cluster", timeout=2) as reply:
            members = json.load(reply)["members"]
        return {one["name"]: one["role"] for one in members if one["state"] in ("running", "streaming")}


class Cluster:
    def __init__(self, name, nodes=3):
        self.name, self.folder = name, run_folder()
        self.etcd = Etcd(f"{name}_etcd")
        self.folder.start(self.etcd)
        self.nodes = {f"n{number}": Node(self, f"n{number}") for number in range(1, nodes + 1)}

    def start(self):
        for node in self.nodes.values():
            self.folder.servers.append(node)
            node.launch()
        self.wait_whole()
        return self

    def stop(self):
        """Patroni stops its PostgreSQL."""
        for node in self.nodes.values():
            node.wake()
            node.mend()
            if node.running():
                node.signal(signal.SIGTERM)
        for node in self.nodes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait_end()
        self.etcd.kill9()

    # --- who is what

    def roles(self):
        for node in self.nodes.values():
            with contextlib.suppress(OSError, ValueError, KeyError):
                return node.shows()
        return {}

    def leader(self, other_than=None):
        """The node that takes writes; None: nobody does. Asked of PostgreSQL itself, not of Patroni."""
        for node in self.nodes.values():
            if node is not other_than and self.writes(node):
                return node
        return None

    @staticmethod
    def writes(node):
        with contextlib.suppress(psycopg2.Error):
            connection = node.connect()
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute("select not pg_is_in_recovery()")
                return cursor.fetchone()[0]
        return False

    def is_whole(self):
        roles = sorted(self.roles().values())
        return roles == sorted(["leader", "sync_standby", *["replica"] * (len(self.nodes) - 2)]) and self.leader()

    def wait_whole(self):
        wait_until(self.is_whole, WHOLE_SECONDS_MAX, f"{self.name}: a leader, a synchronous standby and the others")

    def switchover(self):
        """To the synchronous standby; returns when Patroni has been told."""
        old = self.leader()
        to = next(name for name, role in self.roles().items() if role == "sync_standby")
        body = json.dumps({"leader": old.node, "candidate": to}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{old.rest}/switchover", data=body, method="POST")
        with contextlib.suppress(OSError):  # it answers when it is done, or not
            urllib.request.urlopen(request, timeout=60).read()
        return old

    # --- as deploy/lib's clusters are asked

    def conninfo(self, database):
        ports = [str(node.proxy.port) for node in self.nodes.values()]
        return f"host={','.join(['127.0.0.1'] * len(ports))} port={','.join(ports)} user=postgres dbname={database}"

    def query(self, database, statement, values=None):
        connection = self.leader().connect(database)
        with contextlib.closing(connection):
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    def execute(self, database, statement, values=None):
        self.query(database, statement, values)

    def value(self, database, statement, values=None):
        return self.query(database, statement, values)[0][0]

    def database(self, name):
        """Every node has it when this returns: libpq tries no further host behind one that has it not yet."""
        self.execute("postgres", f'create database "{name}"')
        for node in self.nodes.values():
            wait_until(lambda node=node: node.connect(name).close() is None, WHOLE_SECONDS_MAX,
                       f"{node.name} has it")


class Probe:
    """When the cluster takes writes, as one sees it who asks every node all the time: a failover's own cost."""

    def __init__(self, cluster):
        cluster.execute("postgres", "create table if not exists probe (at timestamptz)")
        self.at, self.end = [], threading.Event()
        for node in cluster.nodes.values():
            threading.Thread(target=self._run, args=(node,), daemon=True).start()

    def _run(self, node):
        while not self.end.is_set():
            with contextlib.suppress(psycopg2.Error):
                # Through the proxy: who is cut off is of no use to anybody.
                connection = psycopg2.connect(f"host=127.0.0.1 port={node.proxy.port} user=postgres dbname=postgres "
                                              "connect_timeout=2")
                connection.autocommit = True
                with contextlib.closing(connection), connection.cursor() as cursor:
                    while not self.end.is_set():
                        cursor.execute("insert into probe values (now())")
                        self.at.append(time.monotonic())
                        self.end.wait(0.02)
            self.end.wait(0.02)

    def gap(self, since, until):
        """The longest time between two writes that succeeded, around what was between these moments."""
        moments = [since, *sorted(at for at in self.at if since < at < until), until]
        return max(later - earlier for earlier, later in zip(moments, moments[1:]))
