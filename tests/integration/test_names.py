"""Names of hosts: a participant, or the coordinator, whose address comes, goes and changes is followed, and a name
server that is silent holds up nobody but who waits for that name."""

import contextlib
import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from nameserver import NameServer  # noqa: E402
from scripted import Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import Bank, TrothTest, main, wait_until  # noqa: E402

STEP = {"name": "one", "operation": "do", "input": {}, "retry": "again"}
RETRIES = {"again": {"interval": "50ms", "max_interval": "200ms", "max_attempts": 1000}}


class Names(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = NameServer()
        cls.system = System(resolver=cls.names.address, connect_timeout="1s", lease="3s").start()
        cls.trothd = cls.system.trothd

    def setUp(self):
        self.names.silent = False

    def participant(self, name, host, port):
        """A saga of one step at a participant whose host is a name."""
        self.assertIn(self.trothd.register(name, f"http://{host}:{port}", "http").status, (200, 201))
        definition = {"name": f"saga_{name}", "version": 1, "mode": "saga", "timeout": "10m", "retries": RETRIES,
                      "steps": [{**STEP, "participant": name}]}
        reply = self.trothd.apply(definition)
        self.assertIn(reply.status, (200, 201), reply)
        return definition["name"]

    def run_one(self, definition, wait=20):
        reply = self.trothd.submit(definition, {}, prefer=f"wait={wait}")
        self.assertEqual(reply.json["outcome"], "committed", reply)
        return reply.json["gtid"]

    def test_an_address_that_changes_is_followed(self):
        here = Scripted()
        there = Scripted("127.0.0.2", here.port)
        self.names.set("moving.test", "127.0.0.1", ttl=1)
        definition = self.participant("moving", "moving.test", here.port)
        self.assertEqual(here.count(self.run_one(definition), "do", "execute"), 1)
        self.names.set("moving.test", "127.0.0.2", ttl=1)
        # The kept-alive connection to the old address goes as well.
        wait_until(lambda: there.count(self.run_one(definition), "do", "execute") == 1, 20,
                   "the other address is called")
        self.names.set("moving.test", "127.0.0.1", ttl=1)
        wait_until(lambda: here.count(self.run_one(definition), "do", "execute") == 1, 20, "and the first one again")

    def test_a_name_that_comes_later(self):
        server = Scripted()
        definition = self.participant("later", "later.test", server.port)
        reply = self.trothd.submit(definition, {}, prefer="respond-async")
        wait_until(lambda: ("later.test", 1) in self.names.asked, 20, "the name is asked for")
        self.assertEqual(self.trothd.show(reply.json["gtid"])["outcome"], None)
        self.names.set("later.test", "127.0.0.1", ttl=60)
        self.assertEqual(self.trothd.wait_outcome(reply.json["gtid"])["outcome"], "committed")

    def test_one_that_stands_in_the_journal_comes_later_too(self):
        server = Scripted()
        definition = self.participant("journalled", "journalled.test", server.port)
        self.trothd.restart()
        self.names.set("journalled.test", "127.0.0.1", ttl=60)
        self.run_one(definition)

    def test_every_address_is_tried(self):
        server = Scripted("127.0.0.3")
        self.names.set("several.test", "127.0.0.2", "::1", "127.0.0.3", ttl=60)
        definition = self.participant("several", "several.test", server.port)
        self.assertEqual(server.count(self.run_one(definition), "do", "execute"), 1)

    def test_ipv6(self):
        server = Scripted("::1")
        self.names.set("six.test", "::1", ttl=60)
        self.run_one(self.participant("six", "six.test", server.port))

    def test_a_silent_name_server_holds_up_nobody_else(self):
        self.names.silent = True
        epoch = self.trothd.get("/readyz").json
        begin = time.monotonic()
        definition = self.participant("silent", "silent.test", 7)
        self.assertLess(time.monotonic() - begin, 5, "the PUTs do not wait for it")
        waiting = [self.trothd.submit(definition, {}, prefer="respond-async").json["gtid"] for _ in range(20)]
        end = time.monotonic() + 4  # longer than the lease
        for number in itertools.count():
            begin = time.monotonic()
            if begin > end:
                break
            account = 2 + number % (self.system.accounts - 1)  # thousands, on a fast machine: nobody runs out of money
            self.assertEqual(self.system.transfer(account, 2, 1).json["outcome"], "committed")
            self.assertLess(time.monotonic() - begin, 5, "a transfer elsewhere")
        self.assertEqual(self.trothd.get("/readyz").json["ready"], epoch["ready"])
        self.assertTrue(self.trothd.running())
        for gtid in waiting:
            self.assertIn(self.trothd.post(f"/v1/transactions/{gtid}/abort").status, (200, 202))

    def test_a_host_that_can_have_no_address_is_refused(self):
        for url in ("http://:80/", "http://./", "http://300.1.1.1/", "http://127.1/", "http://[fe80]/", "http://a..b/"):
            reply = self.trothd.register("wrong", url, "http")
            self.assertEqual(reply.status, 422, (url, reply))
        self.assertEqual(self.trothd.get("/v1/participants/wrong").status, 404)

    def cut_the_journal(self):
        self.system.postgres.execute(
            "journal", "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
            "and datname = 'journal' and backend_type = 'client backend'")

    def answers(self, path="/healthz"):
        """What it says at once; None: nothing yet."""
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            reply = self.trothd.get(path, timeout=10)
            self.assertLess(time.monotonic() - begin, 4, "it waits for no name server")
            return reply
        return None

    def test_the_journals_host_is_a_name(self):
        trothd, journal = self.trothd, self.trothd.options["journal"]
        trothd.stop()
        trothd.options["journal"] = journal.replace("127.0.0.1", "journal.test")
        self.assertIn("journal.test", trothd.options["journal"])
        try:
            self.names.silent = True
            trothd.launch()
            wait_until(self.answers, 60, "it answers, although no name server does")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertNotEqual(self.answers("/readyz").status, 200)
                time.sleep(0.1)
            self.names.silent = False  # now the name is known to be none …
            wait_until(lambda: "looking up journal.test" in trothd.output(), 30, "it says what is missing")
            self.names.set("journal.test", "127.0.0.3", "127.0.0.1", ttl=1)  # … and now at one of two addresses
            trothd.wait_ready()
            self.assertEqual(self.system.transfer(1, 2, 1).json["outcome"], "committed")
            self.names.silent = True
            time.sleep(1.5)  # behind its TTL
            self.cut_the_journal()
            begin = time.monotonic()
            self.assertEqual(self.system.transfer(1, 2, 1).json["outcome"], "committed")
            self.assertLess(time.monotonic() - begin, 10, "it is where it was")
            self.names.silent = False
            self.names.set("journal.test", "127.0.0.1", ttl=1)
            self.cut_the_journal()
            self.assertEqual(self.system.transfer(1, 2, 1).json["outcome"], "committed")
        finally:
            trothd.options["journal"] = journal
            trothd.restart()

    def test_the_sdk_finds_the_coordinator_again(self):
        system = self.system
        bank = Bank("bank_n", system.postgres.database("bank_n"),
                    f"http://coordinator.test:{self.trothd.port}", resolver=self.names.address)
        self.run_folder.start(bank)
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        self.trothd.post(f"/v1/transactions/{gtid}/abort")
        journal = system.postgres.value("journal", "select id from troth.journal")
        name = f"troth_{journal}_{gtid}_1_1"
        system.postgres.execute("bank_n", f"begin; create table t (n int); prepare transaction '{name}'")
        wait_until(lambda: ("coordinator.test", 1) in self.names.asked, 30, "the bank asks for the name")
        self.names.set("coordinator.test", "127.0.0.1", ttl=1)
        wait_until(lambda: not system.postgres.prepared(), 30, "the bank has asked, and rolled it back")


if __name__ == "__main__":
    main()
