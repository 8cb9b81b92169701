"""What the journal stands on: a database that keeps what it acknowledges, sessions that are ours alone, and a clock."""

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Bank, BUILD, Postgres, Process, Trothd, TrothTest, main, program, wait_until  # noqa: E402

FENCED = 3
DAY_SECONDS = 86400
QUARTER = {"name": "quarter", "version": 1, "mode": "saga", "timeout": "15m",
           "retries": {"patient": {"interval": "1m", "max_attempts": 0}},
           "steps": [{"name": "charge", "participant": "bank", "operation": "charge", "input": {}, "retry": "patient",
                      "compensate": {"operation": "refund"}}]}


class Pgbouncer(Process):
    """A real pooler on a free port. It refuses to run as root, so root lends it to PostgreSQL's user."""

    ready = r"process up: PgBouncer"

    def __init__(self, name, postgres, mode, size):
        super().__init__(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.ini = self.folder / "pgbouncer.ini"
        self.ini.write_text(f"""[databases]
* = host=127.0.0.1 port={postgres.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
auth_type = any
unix_socket_dir =
pool_mode = {mode}
default_pool_size = {size}
""")
        self.folder.chmod(0o755)

    def command(self):
        path = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
        lend = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        return [*lend, path, self.ini]


class ShiftedTrothd(Trothd):
    """Its wall clock is ahead, and jumps when a test says so."""

    def __init__(self, name, **options):
        super().__init__(name, **options)
        self.file = self.folder / "shift"
        self.shift(0)

    def shift(self, seconds):
        """From now on; written in one piece."""
        with open(self.file, "r+b" if self.file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    def environment(self):
        return {**super().environment(), "LD_PRELOAD": str(next(BUILD.rglob("libclock_shift.so"))),
                "CLOCK_SHIFT": str(self.file)}


class Footing(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def end_of(self, trothd):
        trothd.launch()
        self.assertEqual(trothd.wait_end(), FENCED, trothd.output())
        return trothd.output()

    def begin(self, trothd):
        reply = trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "15m"})
        self.assertEqual(reply.status, 201, reply)
        return reply.json["gtid"]

    def test_migrate_refuses_an_encoding_and_names_the_command(self):
        self.postgres.execute("postgres", "create database latin template template0 encoding 'LATIN1' locale 'C'")
        done = subprocess.run([program("trothd"), "migrate", "--journal", self.postgres.to("latin")],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, "server_encoding is LATIN1.*create database troth template template0 encoding")

    def test_a_database_that_may_lose_commits_is_refused_unless_allowed(self):
        journal = self.postgres.database("unsafe")
        trothd = Trothd("unsafe", journal=journal)
        trothd.migrate()
        self.postgres.execute("postgres", "alter system set fsync = off")
        self.addCleanup(self.postgres.execute, "postgres", "select pg_reload_conf()")
        self.addCleanup(self.postgres.execute, "postgres", "alter system reset fsync")
        self.postgres.execute("postgres", "select pg_reload_conf()")
        wait_until(lambda: self.postgres.value("postgres", "show fsync") == "off", 20, "fsync is off")
        self.assertRegex(self.end_of(trothd), "fsync is off.*alter system set fsync = on")
        allowed = Trothd("allowed", journal=journal, journal_unsafe="allow")
        self.run_folder.start(allowed)
        self.assertRegex(allowed.output(), "journal_unsafe = allow: fsync is off")
        self.assertEqual(allowed.stop(), 0)

    def pooled(self, mode, size):
        journal = self.postgres.database(f"pooled_{mode}_{size}")
        Trothd("direct", journal=journal).migrate()
        pooler = self.run_folder.start(Pgbouncer(f"pgbouncer_{mode}_{size}", self.postgres, mode, size))
        self.addCleanup(pooler.stop)
        return Trothd(f"trothd_{mode}_{size}", lease="1s",
                      journal=self.postgres.to(f"pooled_{mode}_{size}", pooler.port))

    def test_a_pooler_in_transaction_mode_is_refused(self):
        """With one session for all, which shares settings, and with several, among which prepared statements get
        lost."""
        for size in (1, 2):
            with self.subTest(size=size):
                self.assertRegex(self.end_of(self.pooled("transaction", size)),
                                 "sessions are shared.*pool_mode=session")

    def test_a_pooler_in_session_mode_serves(self):
        trothd = self.pooled("session", 10)
        self.run_folder.start(trothd)
        gtid = self.begin(trothd)
        self.assertEqual(trothd.post(f"/v1/transactions/{gtid}/abort", {}).status, 200)
        trothd.kill9()

    def pooled_bank(self, mode, size):
        name = f"bank_{mode}_{size}"
        self.postgres.database(name)
        pooler = self.run_folder.start(Pgbouncer(f"pgbouncer_{name}", self.postgres, mode, size))
        self.addCleanup(pooler.stop)
        return Bank(name, self.postgres.to(name, pooler.port), "http://127.0.0.1:1", accounts=1)

    def test_a_participant_behind_a_pooler_in_transaction_mode_does_not_start(self):
        """Its statements, its settings and the locks that branches are ended by would be somebody else's."""
        for size in (1, 5):
            with self.subTest(size=size):
                bank = self.pooled_bank("transaction", size)
                bank.launch()
                self.assertEqual(bank.wait_end(), 1, bank.output())
                self.assertRegex(bank.output(), "sessions are shared.*pool_mode=session")

    def test_a_participant_behind_a_pooler_in_session_mode_starts(self):
        bank = self.pooled_bank("session", 20)
        self.run_folder.start(bank)
        bank.kill9()

    def test_a_clock_that_is_a_day_ahead_does_not_lead(self):
        """And a saga of 15 minutes is not compensated by it; set right, it leads."""
        trothd = ShiftedTrothd("ahead", journal=self.postgres.database("clock"))
        trothd.migrate()
        trothd.shift(DAY_SECONDS)
        trothd.launch()
        wait_until(lambda: re.search("clock is 864\\d\\d s ahead of the clock of the journal's database.*"
                                     "clock_difference_max", trothd.output()), 20, "it says so")
        self.assertNotIn("ready listen", trothd.output())
        self.assertEqual(self.postgres.value("clock", "select max(epoch) from troth.shard"), 0)
        trothd.kill9()
        trothd.shift(0)
        self.run_folder.start(trothd)
        trothd.kill9()

    def test_deadlines_follow_the_journals_clock(self):
        """Within the limit, a clock that is ahead changes nothing: times in the journal are the database's."""
        trothd = ShiftedTrothd("within", journal=self.postgres.database("within"), clock_difference_max="24h")
        trothd.migrate()
        trothd.shift(DAY_SECONDS - 3600)
        self.run_folder.start(trothd)
        gtid = self.begin(trothd)
        began = self.postgres.value("within", "select now() - %s::timestamptz < interval '1 hour' and "
                                              "%s::timestamptz < now() + interval '1 hour'",
                                    (trothd.show(gtid)["began_at"],) * 2)
        self.assertTrue(began, trothd.show(gtid))
        trothd.kill9()

    def is_now(self, database, moment):
        """By the database's clock, give or take an hour."""
        off = "select abs(extract(epoch from now() - %s::timestamptz))"
        return self.postgres.value(database, off, (moment,)) < 3600

    def test_a_clock_that_jumps_changes_nothing(self):
        """While it leads, and before it has compared its clock with the database's again: nobody's timeout passes,
        and what begins then is not a day old to whoever leads next."""
        trothd = ShiftedTrothd("jumps", journal=self.postgres.database("jumps"), lease="1h")
        trothd.migrate()
        self.run_folder.start(trothd)
        self.assertEqual(trothd.register("bank", "http://127.0.0.1:9/", "http").status, 201)
        self.assertEqual(trothd.apply(QUARTER).status, 201)
        running = []
        for shift in (0, -DAY_SECONDS, DAY_SECONDS):
            trothd.shift(shift)
            gtid = trothd.submit("quarter", {}, prefer="respond-async").json["gtid"]
            self.assertTrue(self.is_now("jumps", trothd.show(gtid)["began_at"]), trothd.show(gtid))
            running.append(gtid)
        self.assertEqual([trothd.show(gtid)["state"] for gtid in running], ["running"] * 3)
        trothd.kill9()
        trothd.shift(0)
        trothd.start()
        self.assertEqual([trothd.show(gtid)["state"] for gtid in running], ["running"] * 3)
        trothd.kill9()

    def test_a_clock_that_jumps_is_seen(self):
        """It leads on, since its times are the database's, and says that its clock is wrong."""
        trothd = ShiftedTrothd("seen", journal=self.postgres.database("seen"), lease="3s")
        trothd.migrate()
        self.run_folder.start(trothd)
        self.assertLess(self.difference(trothd), 60)
        trothd.shift(-DAY_SECONDS)
        wait_until(lambda: abs(self.difference(trothd) - DAY_SECONDS) < 60, 20, "the metric shows it")
        self.assertRegex(trothd.output(), r'level=warn msg="this node.s clock is not the journal.s: times follow the '
                                          r'journal.s" ahead_seconds=-86[34]\d\d')
        self.assertEqual(trothd.get("/readyz").status, 200)
        trothd.kill9()

    @staticmethod
    def difference(trothd):
        found = re.search(r"^troth_clock_difference_seconds (\S+)$", trothd.get("/metrics").body.decode(), re.MULTILINE)
        return float(found[1])


if __name__ == "__main__":
    main()
