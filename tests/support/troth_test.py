"""Troth's integration tests stand on this: real servers of their own, faults, and waiting for conditions.

    from troth_test import TrothTest, Postgres, Kafka, Trothd, Bank, wait_until, main

    class Transfers(TrothTest):
        @classmethod
        def setUpClass(cls):
            super().setUpClass()
            cls.postgres = cls.run_folder.start(Postgres("journal"))

A test process has one run folder in /tmp; every server lives below it. A cleaner process waits for the end of a pipe
that the test process holds, then stops the servers and removes the folder: also when the test is killed. For a test
that failed the logs' last lines are printed, trothd's behind the others', and behind them what failed. TROTH_KEEP=1
keeps the folder, TROTH_BUILD names the build folder. TROTH_TEST_TLS=1 puts mutual TLS under everything that speaks
HTTP: trothd, banks, shops, scripted participants. Nothing here sleeps for a fixed time: wait_until() waits for a
condition, with a bound.
"""

import atexit
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import psycopg2
import psycopg2.extensions

sys.path.insert(0, str(Path(__file__).resolve().parent))
from certificates import Authority  # noqa: E402
from tcp_proxy import TcpProxy  # noqa: E402,F401  (tests take it from here)

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "deploy" / "lib"
BUILD = Path(os.environ.get("TROTH_BUILD") or ROOT / "build" / "ci")

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 30  # of trothd's; of the others a few, so that they do not hide what matters
LOG_TAIL_LINES_OF_OTHERS = 6
LOG_COLUMNS_MAX = 400


def program(name):
    """The path of a program that the build made, wherever in the build folder it is."""
    found = [path for path in sorted(BUILD.rglob(name)) if path.is_file() and os.access(path, os.X_OK)]
    if not found:
        raise FileNotFoundError(f"no program {name} in {BUILD}: build it first (tests/run does)")
    return found[0]


def wait_until(condition, seconds, what):
    """Calls condition until it gives something true, and returns that. AssertionError naming `what` after `seconds`.
    An exception of the condition is "not yet"; the last one is shown when the time is over."""
    end = time.monotonic() + seconds
    while True:
        trouble = None
        try:
            result = condition()
            if result:
                return result
        except Exception as error:  # whatever it is, the bound ends it
            trouble = error
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds} s: {what}" + (f" ({trouble!r})" if trouble else ""))
        time.sleep(POLL_SECONDS)


# --- the run folder ---------------------------------------------------------------------------------------------------


class RunFolder:
    """One a test process; run_folder() gives it."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="troth-test."))
        self.path.chmod(0o755)  # the PostgreSQL user passes through it
        self.servers = []
        read_end, self._held = os.pipe()
        keep = ["-k"] if os.environ.get("TROTH_KEEP") else []
        self._cleaner = subprocess.Popen(
            [LIBRARY / "clean-up", *keep, self.path], stdin=read_end, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(read_end)
        atexit.register(self.finish)

    def start(self, server, **options):
        """Starts it and returns it; the clean-up knows it by its process file."""
        self.servers.append(server)
        server.start(**options)
        return server

    def show_logs(self):
        def is_ours(log):
            return (log.parent / "trothd.conf").exists()

        for log in sorted(self.path.rglob("log"), key=lambda log: (is_ours(log), log)):
            most = LOG_TAIL_LINES if is_ours(log) else LOG_TAIL_LINES_OF_OTHERS
            lines = [line[:LOG_COLUMNS_MAX] for line in log.read_text(errors="replace").splitlines()[-most:]]
            if lines:
                print(f"--- the last lines of {log.relative_to(self.path)}", *lines, sep="\n", file=sys.stderr)

    def finish(self):
        if self._held is None:
            return
        os.close(self._held)
        self._held = None
        self._cleaner.wait()
        if os.environ.get("TROTH_KEEP"):
            print(f"kept: {self.path}", file=sys.stderr)


_run_folder = None


def run_folder():
    global _run_folder
    if _run_folder is None:
        _run_folder = RunFolder()
    return _run_folder


class TrothTest(unittest.TestCase):
    """A test case with the run folder; servers started through self.run_folder end with the process."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.run_folder = run_folder()


class _Result(unittest.TextTestResult):
    """Shows the servers' logs right where a test failed, and what failed; the end says that once more."""

    def addError(self, test, err):
        super().addError(test, err)
        self._show(self.errors)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._show(self.failures)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._show(self.failures if issubclass(err[0], test.failureException) else self.errors)

    @staticmethod
    def _show(told):
        if _run_folder is not None:
            _run_folder.show_logs()
        print(f"--- {told[-1][0]}", told[-1][1], sep="\n", file=sys.stderr, flush=True)


class _Runner(unittest.TextTestRunner):
    resultclass = _Result


def main():
    """In place of unittest.main(). SIGTERM ends the tests as an error does, so that clean-ups run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(testRunner=_Runner)


# --- TLS --------------------------------------------------------------------------------------------------------------


class Tls:
    """One authority of the run folder, and an identity that everybody shows to everybody."""

    def __init__(self, folder):
        self.authority = Authority(folder)
        self.identity = self.authority.issue("everybody")

    def trothd(self):
        own = {"certificate": self.identity.certificate, "key": self.identity.key}
        return {**{f"tls_{key}": path for key, path in own.items()},
                **{f"participant_tls_{key}": path for key, path in own.items()},
                "tls_client_ca": self.authority.certificate, "tls_clients": "required",
                "participant_tls_ca": self.authority.certificate}

    def flags(self):
        """Of the example participants."""
        return ["--tls-certificate", self.identity.certificate, "--tls-key", self.identity.key, "--tls-ca",
                self.authority.certificate]

    def environment(self):
        """Of trothctl."""
        return {"TROTH_CACERT": str(self.authority.certificate), "TROTH_CERT": str(self.identity.certificate),
                "TROTH_CERT_KEY": str(self.identity.key)}

    def context(self):
        return self.identity.client_context(self.authority)


_tls = None


def tls_of_all():
    """None without TROTH_TEST_TLS."""
    global _tls
    if _tls is None and os.environ.get("TROTH_TEST_TLS"):
        _tls = Tls(run_folder().path / "tls")
    return _tls


# --- servers ----------------------------------------------------------------------------------------------------------


def _library(*command, check=True):
    """Runs one of deploy/lib's commands; its words are shown when it fails."""
    done = subprocess.run([LIBRARY / command[0], *map(str, command[1:])], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"deploy/lib/{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout.strip()


class Postgres:
    """A private cluster. stop() and start() keep data and port; kill() is a crash."""

    def __init__(self, name="postgres", **settings):
        self.folder = run_folder().path / name
        self.settings = settings

    def start(self):
        _library("postgres", "start", self.folder, *(f"{key}={value}" for key, value in self.settings.items()))
        self.conninfo = _library("postgres", "conninfo", self.folder)
        self.port = int(re.search(r"port=(\d+)", self.conninfo).group(1))

    def stop(self):
        _library("postgres", "stop", self.folder)

    def kill(self):
        """As a crash would: kill -9 of the postmaster; the others end when they notice."""
        _library("postgres", "stop", self.folder, "KILL")

    def stop_at_once(self):
        """-m immediate: its sessions are told so, and it recovers as from a crash."""
        _library("postgres", "stop", self.folder, "QUIT")

    def restart(self):
        self.stop()
        self.start()

    def signal_all(self, number):
        """To each of its processes: SIGSTOP makes it silent, SIGCONT lets it go on."""
        postmaster = (self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0]
        for pid in (postmaster, *Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def follow(self, primary):
        """It becomes a copy of another cluster, which it follows under its folder's name; what it had is lost."""
        _library("postgres", "standby", self.folder, primary.folder)
        self.start()

    def promote(self):
        """A standby takes writes from here on."""
        _library("postgres", "promote", self.folder)

    def commit_with(self, standby):
        """Commits wait for a standby from here on; None: for nobody."""
        name = standby.folder.name if standby else ""
        self.execute("postgres", f"alter system set synchronous_standby_names = '{name}'")
        self.execute("postgres", "select pg_reload_conf()")
        if standby:
            wait_until(lambda: self.query("postgres", "select 1 from pg_stat_replication where sync_state = 'sync'"),
                       STOP_SECONDS_MAX, f"{name} follows, and commits wait for it")

    def database(self, name):
        """Creates a database; returns its conninfo."""
        self.execute("postgres", f'create database "{name}"')
        return self.to(name)

    def to(self, database, port=None):
        """The conninfo of a database, through another port (a proxy's) if given."""
        return f"host=127.0.0.1 port={port or self.port} user=postgres dbname={database}"

    def query(self, database, statement, values=None):
        """The rows, as tuples. Each call has a connection of its own, so that it sees the server as it is now."""
        connection = psycopg2.connect(self.to(database), connect_timeout=10)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def execute(self, database, statement, values=None):
        self.query(database, statement, values)

    def value(self, database, statement, values=None):
        return self.query(database, statement, values)[0][0]

    def prepared(self, like="troth\\_%"):
        """The names of prepared transactions, of all databases."""
        return [row[0] for row in self.query(
            "postgres", "select gid from pg_prepared_xacts where gid like %s order by gid", (like,))]


class Kafka:
    """A private broker. stop() and start() keep topics and port."""

    def __init__(self, name="kafka", **properties):
        self.folder = run_folder().path / name
        self.properties = properties

    def start(self):
        _library("kafka", "start", self.folder,
                 *(f"{key.replace('_', '.')}={value}" for key, value in self.properties.items()))
        self.brokers = _library("kafka", "brokers", self.folder)

    def stop(self):
        _library("kafka", "stop", self.folder)

    def kill(self):
        _library("kafka", "stop", self.folder, "KILL")

    def restart(self):
        self.stop()
        self.start()

    def signal(self, number):
        """SIGSTOP makes it silent, SIGCONT lets it go on."""
        os.kill(int((self.folder / "kafka.process").read_text().split()[0]), number)

    def topics(self):
        listed = self._kcat("-L", "-J")
        return sorted(topic["topic"] for topic in json.loads(listed)["topics"])

    def consume(self, topic):
        """Everything in a topic now, from the beginning, partition by partition in order of offset: a list of dicts
        partition, offset, key, payload (text), headers (dict, in order of sending). Empty when there is no topic."""
        if topic not in self.topics():
            return []
        lines = self._kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J").splitlines()
        events = []
        for line in lines:
            event = json.loads(line)
            flat = event.get("headers") or []
            event["headers"] = dict(zip(flat[0::2], flat[1::2]))
            events.append(event)
        return sorted(events, key=lambda event: (event["partition"], event["offset"]))

    def keys(self, topic):
        """The keys of everything in a topic now: many more than consume() is made for."""
        return set(self._kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\\n").splitlines())

    def _kcat(self, *options):
        done = subprocess.run(["kcat", "-b", self.brokers, "-m", "10", *options], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"kcat {' '.join(options)}: {done.stderr.strip()}")
        return done.stdout


class Process:
    """A program of ours: its output is in <run folder>/<name>/log, its process file beside it."""

    ready = None  # a regular expression; its line says that the program serves

    def __init__(self, name):
        self.name = name
        self.folder = run_folder().path / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.more_environment = {}
        self._popen = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        """Without what configures Troth: only the test says that."""
        of_ours = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        return {**of_ours, **self.more_environment}

    def launch(self):
        """Starts it and does not wait. Output is appended, so that a restart keeps what went before."""
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as output:
            self._popen = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=subprocess.STDOUT, cwd=self.folder,
                                           env=self.environment())
        started = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        # A file each: a second one of this name must not make the clean-up forget the first.
        (self.folder / f"{self.name}.{self.pid}.process").write_text(f"{self.pid} {started} KILL\n")

    def start(self):
        self.launch()
        self.wait_ready()

    def wait_ready(self, seconds=READY_SECONDS_MAX):
        self.on_ready(wait_until(self._ready_line, seconds, f"{self.name} ready"))

    def _ready_line(self):
        found = re.search(self.ready, self.output(), re.MULTILINE)
        if not found and self._popen.poll() is not None:
            raise EarlyEnd(f"{self.name} ended with {self._popen.returncode}:\n{self.output()}")
        return found

    def on_ready(self, match):
        """What the ready line tells (a port)."""

    def output(self):
        """What it wrote since it was last started."""
        with open(self.log, "rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen is not None and self._popen.poll() is None

    def signal(self, number):
        self._popen.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def wait_end(self, seconds=STOP_SECONDS_MAX):
        """The exit status."""
        return self._popen.wait(seconds)

    def stop(self):
        """SIGTERM; the exit status."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait_end()

    def kill9(self):
        if self.running():
            self.signal(signal.SIGKILL)
        self.wait_end()

    def restart(self):
        self.stop()
        self.start()


class EarlyEnd(RuntimeError):
    """A program ended before it was ready."""


class Reply:
    """An HTTP answer: status, headers (lower-case names), body (bytes)."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class HttpServer(Process):
    """A program that serves HTTP on the port that its ready line names. It gets the same port at a restart."""

    port = 0

    def __init__(self, name):
        super().__init__(name)
        self.tls = tls_of_all()  # None: plain http

    @property
    def listen(self):
        return f"127.0.0.1:{self.port}"

    @property
    def scheme(self):
        return "https" if self.tls else "http"

    @property
    def url(self):
        return f"{self.scheme}://{self.listen}"

    def connect(self, timeout=60):
        """A connection of http.client's."""
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls.context())
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def on_ready(self, match):
        self.port = int(match.group("port"))

    def call(self, method, path, body=None, headers=None, timeout=60):
        """One request on a connection of its own. A body of bytes or str goes as it is; anything else as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent.update(headers or {})
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.call("PUT", path, body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)


class Trothd(HttpServer):
    """The coordinator. Options are its configuration keys: Trothd(journal=conninfo, kafka_brokers=…)."""

    ready = r"^trothd ready listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, name="trothd", **options):
        super().__init__(name)
        self.options = {"node": name, **options}
        self.token_files = {}  # by participants' names

    def migrate(self):
        subprocess.run([program("trothd"), "migrate", "--config", self.write_config()], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def write_config(self):
        path = self.folder / "trothd.conf"
        lines = {"listen": self.listen, **(self.tls.trothd() if self.tls else {}), **self.options}
        path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
        return path

    def command(self):
        return [program("trothd"), "run", "--config", self.write_config()]

    # What tests ask it most.

    def apply(self, definition):
        """PUTs a definition: a dict, or the path of a file, sent byte for byte."""
        body = Path(definition).read_bytes() if isinstance(definition, (str, Path)) else json.dumps(definition).encode()
        return self.put(f"/v1/definitions/{json.loads(body)['name']}", body)

    def register(self, name, url, binding="batch"):
        token = {"token_file": self.token_files[name]} if name in self.token_files else {}
        return self.put(f"/v1/participants/{name}", {"binding": binding, "urls": [url], **token})

    def submit(self, definition, input_, key=None, prefer="wait=30", **members):
        headers = {"Prefer": prefer} if prefer else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.post("/v1/transactions", {"definition": definition, "input": input_, **members}, headers=headers)

    def show(self, gtid):
        return self.get(f"/v1/transactions/{gtid}").json

    def wait_outcome(self, gtid, seconds=30):
        """The transaction, once it has ended."""
        def ended():
            shown = self.show(gtid)
            return shown if shown["state"] == "ended" else None
        return wait_until(ended, seconds, f"{gtid} ended")


class Bank(HttpServer):
    """The example bank over a database of its own; it makes the accounts that are missing."""

    ready = r"^bank ready listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, name, database, coordinator, accounts=100, balance=1000, slots=8, **options):
        super().__init__(name)
        self.options = {"database": database, "coordinator": coordinator, "slots": slots, "create-accounts": accounts,
                        "balance": balance, **{key.replace("_", "-"): value for key, value in options.items()}}

    def command(self):
        flags = [word for key, value in self.options.items() for word in (f"--{key}", value)]
        return [program("bank"), "--listen", self.listen, *(self.tls.flags() if self.tls else []), *flags]
