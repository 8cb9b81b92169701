"""All of Troth for tests that kill at will: one or more nodes over one journal, two banks, the shop's four participants
in two processes, Kafka. The journal and the participants' databases are clusters of their own, so that each can be
killed alone.

    world = World(nodes=2, proxies=True).start()
    world.apply(definition); world.leader(); world.drained(); world.final(till)

With proxies=True a TCP proxy stands between each node and the journal (world.to_journal[name]) and before each
participant (world.to[name]); journal="pair" gives the journal a synchronous standby (standby.Pair)."""

import http.client
import json
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "history"))
from checker import SHOPS, Final  # noqa: E402
from shop_system import Shop  # noqa: E402
from standby import Pair  # noqa: E402
from system import DEFINITIONS  # noqa: E402
from tcp_proxy import TcpProxy  # noqa: E402
from troth_test import Bank, Kafka, Postgres, Trothd, run_folder, wait_until  # noqa: E402

NAMES = ("north", "south", "east")
BANKS = ("bank_a", "bank_b")
STORES = {"store": ("inventory", "shipping"), "cashier": ("payments", "mail")}  # process -> participants
BALANCE = 1000
OPTIONS = {"lease": "2s", "retry_interval": "50ms", "retry_interval_max": "500ms", "call_timeout": "2s",
           "reply_wait": "1s", "drain_timeout": "1s"}


class Store(Shop):
    """Several of the shop's participants in one process."""

    def __init__(self, name, *arguments, **options):
        super().__init__(name, *arguments, **options)
        self.flags[self.flags.index("--only") + 1] = ",".join(STORES[name])


def transfer_between(source, target, name, example):
    """The example's steps, at these banks; None: without that side."""
    debit, credit = example["steps"]
    steps = [{**step, "participant": bank} for step, bank in ((debit, source), (credit, target)) if bank]
    return {**example, "name": name, "steps": steps}


def hasty(definition, timeout, **changes):
    """With timeouts that a stall exceeds."""
    definition = {**definition, **changes, "steps": [{**step, "timeout": timeout} for step in definition["steps"]]}
    if definition["mode"] == "saga":
        definition.pop("prepare_timeout", None)
    else:
        definition["prepare_timeout"] = timeout
    return definition


def definitions(timeout="1500ms"):
    """All that clients start, by name: `transfer`, `back`, `deposit`, `withdrawal`, `checkout`, `saga`."""
    example = json.loads((DEFINITIONS / "transfer.json").read_text())
    checkout = json.loads((DEFINITIONS / "order_checkout.json").read_text())
    checkout["retries"] = {"patient": {"interval": "50ms", "max_interval": "300ms", "max_attempts": 0}}
    made = [transfer_between("bank_a", "bank_b", "transfer", example),
            transfer_between("bank_b", "bank_a", "back", example),
            transfer_between(None, "bank_a", "deposit", example),
            transfer_between("bank_a", None, "withdrawal", example),
            {**checkout, "name": "checkout"}, {**checkout, "name": "saga", "mode": "saga"}]
    return {definition["name"]: hasty(definition, timeout) for definition in made}


class World:
    def __init__(self, nodes=1, proxies=False, journal="alone", accounts=20, **options):
        self.folder, self.accounts = run_folder(), accounts
        self.names, self.paired, self.proxied = NAMES[:nodes], journal == "pair", proxies
        self.options = {**OPTIONS, **options}
        self.to_journal, self.to = {}, {}
        self.lease_seconds = float(self.options["lease"].rstrip("s"))
        self.tokens = self.folder.path / "tokens"
        self.tokens.mkdir()
        (self.tokens / "banks").write_text("0123456789abcdef" * 4 + "\n")
        self.options["participant_tokens"] = self.tokens
        self.prepare = lambda process: None  # what a test does to each process before it starts

    # --- the parts

    @property
    def journal(self):
        """The cluster that takes the journal's writes."""
        return self.pair.primary if self.paired else self.alone

    def start(self):
        self.start_servers()
        self.start_nodes()
        self.start_participants()
        for name in self.to:
            self.register(name)
        for definition in definitions().values():
            assert self.configure(lambda node, d=definition: node.apply(d)).status == 201
        for node in self.nodes:  # the others hear of it within a second
            wait_until(lambda node=node: node.get(f"/v1/definitions/{definition['name']}").status == 200, 60,
                       f"{node.name} knows the definitions")
        return self

    def start_servers(self):
        self.postgres = self.folder.start(Postgres("participants"))
        self.kafka = self.folder.start(Kafka())
        if self.paired:
            self.pair = Pair("journal")
        else:
            self.alone = self.folder.start(Postgres("journal"))
        self.journal.execute("postgres", "create database journal")

    def start_nodes(self):
        self.nodes = [self.make_node(name) for name in self.names]
        self.nodes[0].migrate()
        self.nodes[0].start()
        for node in self.nodes[1:]:
            node.launch()

    def journal_of(self, name):
        """The conninfo; with proxies one before each of the clusters."""
        clusters = self.pair.clusters if self.paired else [self.alone]
        ports = [cluster.port for cluster in clusters]
        if self.proxied:
            self.to_journal[name] = [TcpProxy(port) for port in ports]
            ports = [proxy.port for proxy in self.to_journal[name]]
        hosts = ",".join(["127.0.0.1"] * len(ports))
        return f"host={hosts} port={','.join(map(str, ports))} user=postgres dbname=journal"

    def make_node(self, name):
        node = Trothd(name, journal=self.journal_of(name), kafka_brokers=self.kafka.brokers, **self.options)
        with socket.create_server(("127.0.0.1", 0)) as free:
            node.port = free.getsockname()[1]
        self.prepare(node)
        return node

    def start_participants(self):
        coordinator = ",".join(node.url for node in self.nodes)
        self.participants = [Bank(name, self.postgres.database(name), coordinator, accounts=self.accounts,
                                  balance=BALANCE, sweep_interval=1, token_file=self.tokens / "banks")
                             for name in BANKS]
        self.participants += [Store(name, self.postgres.database(name), coordinator, stock=1000000,
                                    accounts=self.accounts) for name in STORES]
        for process in self.participants:
            self.prepare(process)
            self.folder.start(process)
            for name in STORES.get(process.name, (process.name,)):
                self.to[name] = TcpProxy(process.port) if self.proxied else process

    @property
    def processes(self):
        return [*self.nodes, *self.participants]

    def process(self, name):
        """Of a node, of a participant, or of the process that a participant is in."""
        return next(process for process in self.processes
                    if process.name == name or name in STORES.get(process.name, ()))

    # --- whoever leads

    def leader(self):
        for node in self.nodes:
            try:
                if node.running() and node.get("/readyz", timeout=2).status == 200:
                    return node
            except (OSError, http.client.HTTPException):
                pass
        return None

    def configure(self, what, seconds=60):
        """Asks whoever leads by then, until there is an answer."""
        def asked():
            leader = self.leader()
            reply = leader and what(leader)
            return reply if reply and reply.status < 500 else None
        return wait_until(asked, seconds, "the leader takes a change")

    def register(self, name):
        reply = self.configure(lambda node: self.registered(node, name))
        assert reply.status in (200, 201), reply

    def registered(self, node, name):
        """Says it to this node; the banks want a token."""
        body = {"binding": "batch", "urls": [f"http://127.0.0.1:{self.to[name].port}/"]}
        if name in BANKS:
            body["token_file"] = "banks"
        return node.put(f"/v1/participants/{name}", body)

    def revive(self):
        """What a fault has ended is started again."""
        for process in self.processes:
            if not process.running():
                process.launch()
                if process not in self.nodes:  # a node may have to wait for the lease
                    process.wait_ready()

    # --- the end

    def open_transactions(self):
        """Of all nodes that lead; None: nobody does."""
        ready = [reply.json["open_transactions"] for reply in (node.get("/readyz") for node in self.nodes)
                 if reply.status == 200]
        return sum(ready) if ready else None

    def value(self, statement):
        return self.journal.value("journal", statement)

    def drained(self, seconds=120):
        wait_until(lambda: not self.postgres.prepared(), seconds, "no prepared transaction is left")
        wait_until(lambda: self.open_transactions() == 0, seconds, "no transaction is open")
        wait_until(lambda: self.value("select count(*) from troth.transaction where state <> 'ended'") == 0, seconds,
                   "the journal agrees")
        wait_until(lambda: self.value("select count(*) from troth.outbox") == 0, seconds, "the outbox is empty")

    def transactions(self):
        rows = self.journal.query(
            "journal", "select gtid::text, labels, idempotency_key, outcome from troth.transaction")
        return {gtid: (json.loads(labels)["history"] if labels else None, key, outcome)
                for gtid, labels, key, outcome in rows}

    def effects(self):
        found = {}
        for process, names in STORES.items():
            for name in names:
                assert name in SHOPS
                for gtid, actions, undone in self.postgres.query(
                        process, "select gtid::text, count(*), sum(undone) from effect where participant = %s "
                                 "group by gtid", (name,)):
                    found[gtid, name] = (actions, undone)
        return found

    def events(self):
        events = {}
        for topic in ("troth.outcomes", "orders.outcomes"):
            for event in self.kafka.consume(topic):
                payload = json.loads(event["payload"])
                events.setdefault(payload["gtid"], set()).add((payload["outcome"], event["headers"]["ce_id"]))
        return events

    def final(self, till=None, events=True):
        """What the checker holds the answers against."""
        balances = {bank: dict(self.postgres.query(bank, "select id, balance from account")) for bank in BANKS}
        return Final(transactions=self.transactions(), balances=balances, first=BALANCE, effects=self.effects(),
                     events=self.events() if events else None, till=till or {}, prepared=self.postgres.prepared())
