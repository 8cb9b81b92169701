"""What a measurement runs on: PostgreSQL clusters, trothd, participants. Started for a measurement and stopped behind
it; the clean-up of tests/support/troth_test.py ends whatever is left."""

import json
import re
import signal

import troth_test as support

ROOT = support.ROOT
TRANSFER = ROOT / "participant-sdk" / "examples" / "definitions" / "transfer.json"
GUARD = sorted((ROOT / "sql" / "participant").glob("[0-9]*.sql"))
BALANCE = 1_000_000_000
# Which cluster a database is in, where there are three.
PLACES = {"bank_a": 0, "loop_a": 0, "function_a": 0, "bank_b": 1, "loop_b": 1, "function_b": 1, "decisions": 2,
          "journal": 2, "journal_parked": 2, "journal_doubt": 2, "journal_history": 2, "journal_table": 2,
          "journal_nodes": 2}
KINDS = {"bank": ("bank_a", "bank_b"), "function": ("function_a", "function_b"), "nothing": ("nothing_a", "nothing_b")}


class Databases:
    """The clusters, and a database where somebody asks for it."""

    def __init__(self, clusters):
        settings = {"max_connections": 400, "max_prepared_transactions": 300}
        names = ["postgres"] if clusters == 1 else ["postgres_a", "postgres_b", "postgres_journal"]
        self.clusters = {name: support.run_folder().start(support.Postgres(name, **settings)) for name in names}
        self.made = set()

    def of(self, name):
        clusters = list(self.clusters.values())
        return clusters[PLACES[name] % len(clusters)]

    def to(self, name):
        if name not in self.made:
            self.of(name).database(name)
            self.made.add(name)
        return self.of(name).to(name)

    def make_loop(self, accounts):
        """What the hand-written loop needs."""
        for name in ("loop_a", "loop_b"):
            self.to(name)
            for file in GUARD:
                self.of(name).execute(name, file.read_text())
            self.of(name).execute(
                name, "create table account (id bigint primary key, balance bigint not null check (balance >= 0))")
            self.of(name).execute(
                name, "insert into account select id, %s from generate_series(1, %s) id", (BALANCE, accounts))
        self.to("decisions")
        self.of("decisions").execute(
            "decisions", "create table decision (gtid uuid primary key, decision text not null, members text not null, "
            "decided_at timestamptz not null default now())")

    def isolate(self, names, level):
        """What the next sessions of these databases begin with."""
        for name in names:
            self.to(name)
            self.of(name).execute("postgres", f"alter database {name} set default_transaction_isolation = "
                                              f"'{level.replace('_', ' ')}'")

    def postmasters(self):
        return {name: int((cluster.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
                for name, cluster in self.clusters.items()}

    def sessions(self, name):
        """The pids of a database's sessions."""
        return [row[0] for row in self.of(name).query(
            "postgres", "select pid from pg_stat_activity where datname = %s", (name,))]

    def wal(self):
        """Flushes and bytes so far of each cluster. Backends report late: read it when they have ended. PostgreSQL 18
        has moved the count of flushes: then there is nothing."""
        found = {}
        for name, cluster in self.clusters.items():
            try:
                row = cluster.query("postgres", "select wal_sync, wal_bytes from pg_stat_wal")[0]
            except support.psycopg2.Error:
                return {}
            found[name] = (int(row[0]), int(row[1]))
        return found

    def wait_idle(self, names):
        """Until the sessions on these databases have ended, and with them their reports."""
        def idle():
            return all(self.of(name).value("postgres", "select count(*) from pg_stat_activity where datname = %s",
                                           (name,)) == 0 for name in names)
        support.wait_until(idle, 30, f"no session on {', '.join(names)}")

    def money(self, name):
        return int(self.of(name).value(name, "select sum(balance) from account"))

    def prepared(self):
        return [gid for cluster in self.clusters.values() for gid in cluster.prepared(like="%")]


class Participant(support.HttpServer):
    """bench_participant: without a database it does nothing; with one it is a bank of plain C functions."""

    ready = r"^bench_participant ready listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, name, **options):
        super().__init__(name)
        self.options = options

    def command(self):
        flags = [word for key, value in self.options.items() for word in (f"--{key.replace('_', '-')}", value)]
        return [support.program("bench_participant"), "--listen", self.listen, *flags]

    def settle(self):
        """Doubtful commits are done from here on."""
        self.signal(signal.SIGUSR1)

    def asked(self):
        """How often it was asked what; when it has ended."""
        found = re.search(r"^asked (\{.*\})$", self.output(), re.MULTILINE)
        return json.loads(found.group(1)) if found else None


class Troth:
    """trothd over one journal, and participants of one kind. More nodes than one share its shards evenly."""

    def __init__(self, databases, asked, journal="journal"):
        self.databases, self.asked, self.journal = databases, asked, journal
        self.more_nodes = []
        self.trothd = support.Trothd(f"trothd_{journal}", journal=databases.to(journal), log_level="warn")
        self.trothd.migrate()
        self.participants, self.known, self.definitions = {}, set(), set()
        self.running = []

    def make(self, kind, accounts):
        if kind in self.participants:
            return self.participants[kind]
        url = self.trothd.url
        if kind == "nothing":
            made = [Participant(name, slots=1000, late_ms=150) for name in KINDS[kind]]
        elif kind == "function":
            made = [Participant(name, database=self.databases.to(name), coordinator=url, slots=self.asked.slots,
                                create_accounts=accounts, balance=BALANCE) for name in KINDS[kind]]
        else:
            made = [support.Bank(name, self.databases.to(name), url, accounts=accounts, balance=BALANCE,
                                 slots=self.asked.slots) for name in KINDS[kind]]
        self.participants[kind] = made
        return made

    def start(self, kind, accounts=0, **options):
        """trothd, with these options beside those of the command line, and the participants of this kind."""
        given = dict(option.split("=", 1) for option in self.asked.trothd)
        base = {key: self.trothd.options[key] for key in ("node", "journal", "log_level")}
        # The load is one caller, who asks more often than one may by default.
        self.trothd.options = {**base, "caller_requests_max": 0, **options, **given}
        self.running = [self.trothd]
        self.trothd.start()
        for node in self.more_nodes:
            node.options = {**self.trothd.options, "node": node.name}
            self.running.append(node)
            node.start()
        for participant in self.make(kind, accounts) if kind else []:
            self.running.append(participant)
            participant.start()
            if participant.name not in self.known:
                self.said(self.trothd.register(participant.name, f"http://127.0.0.1:{participant.port}/"))
                self.known.add(participant.name)

    def nodes(self):
        return [self.trothd, *self.more_nodes]

    def set_nodes(self, count):
        """From the next start on."""
        self.more_nodes = [support.Trothd(f"trothd_{self.journal}_{number}") for number in range(2, count + 1)]

    def settle(self):
        """Until each node leads its share, and knows what one was told of participants and definitions."""
        def settled(node):
            shown = node.get("/v1/nodes").json
            led = [len(each["shards"]) for each in shown["nodes"] if each["live"]]
            return not shown["free"] and len(led) == len(self.nodes()) and max(led) - min(led) < 2 and \
                all(node.get(f"/v1/definitions/{name}").status == 200 for name in self.definitions) and \
                all(node.get(f"/v1/participants/{name}").status == 200 for name in self.known)
        for node in self.nodes():
            support.wait_until(lambda: settled(node), 60, f"{node.name} has its share and knows all")

    def define(self, definition):
        if definition["name"] not in self.definitions:
            self.said(self.trothd.apply(definition))
            self.definitions.add(definition["name"])

    @staticmethod
    def said(reply):
        assert reply.status in (200, 201), reply

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.trothd.get("/metrics").body.decode(), re.MULTILINE)
        return float(found.group(1))

    def open(self):
        return self.trothd.get("/readyz").json["open_transactions"]

    def stop(self):
        """The participants' sessions end with them, and so do their reports to PostgreSQL's statistics."""
        for process in self.running:
            if process.running():
                process.stop()
        self.running = []
