"""Participants over plain HTTP: one message a request, and they cannot ask for the decision. So the begin is durable
before the first prepare, and a new leader knows whom to tell."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import Scripted  # noqa: E402
from system import BALANCE, System  # noqa: E402
from troth_test import ROOT, HttpServer, TrothTest, main, wait_until  # noqa: E402


class Ledger(HttpServer):
    """The example in plain Python: it uses nothing of Troth but the wire and the guard's SQL functions."""

    ready = r"listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, database):
        super().__init__("ledger")
        self.database = database

    def command(self):
        return ["/usr/bin/python3", ROOT / "participant-sdk/examples/ledger_python/ledger.py", "--database",
                self.database, "--create-accounts", "10", "--balance", str(BALANCE), "--listen", self.listen]


class HttpBinding(TrothTest):
    account = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(binding="http").start()
        cls.trothd = cls.system.trothd
        cls.ledger = cls.run_folder.start(Ledger(cls.system.postgres.database("ledger")))
        assert cls.trothd.register("ledger", cls.ledger.url, "http").status == 201
        steps = [{"name": "pay", "participant": "bank_a", "operation": "debit",
                  "input": {"account": "${input.from}", "amount": "${input.amount}"}},
                 {"name": "book", "participant": "ledger", "operation": "post",
                  "input": {"account": "${input.to}", "amount": "${input.amount}"}}]
        assert cls.trothd.apply({"name": "book", "version": 1, "mode": "2pc", "steps": steps}).status == 201

    def setUp(self):
        HttpBinding.account += 1

    def tearDown(self):
        """One test's fault is no other's: whatever one that failed left down is brought up."""
        for proxy in self.system.proxies.values():
            proxy.release()
            proxy.accept()
        for process in (self.trothd, *self.system.banks.values()):
            if not process.running():
                process.start()

    def balances(self, moved):
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE - moved)
        self.assertEqual(self.system.balance("bank_b", self.account), BALANCE + moved)

    def test_commit_and_abort(self):
        shown = self.system.transfer(self.account, self.account, 10).json
        self.assertEqual(shown["outcome"], "committed", shown)
        shown = self.system.transfer(self.account, self.account, 100000).json
        self.assertEqual((shown["outcome"], shown["failure"]["reason"]), ("aborted", "insufficient funds"), shown)
        self.balances(10)

    def test_the_begin_is_durable_before_the_first_prepare(self):
        shown = self.system.transfer(self.account, self.account, 10).json
        moments = [(entry["moment"], entry.get("record") or entry.get("op"))
                   for entry in self.trothd.show(shown["gtid"])["timeline"]]
        self.assertLess(moments.index(("durable", "begin")), moments.index(("sent", "prepare")))

    def test_nobody_who_is_shown_no_token_ends_the_coordinator(self):
        """By the word that it has seen a newer epoch, of whichever shard."""
        scripted = Scripted()
        if scripted.url.startswith("https"):
            self.skipTest("whom trothd calls by https it believes")
        said = [(200, b"{}", {"Troth-Epoch": f"{shard}/50"}) for shard in range(16)]
        scripted.answers = {("say", "prepare"): said, ("say", "commit"): list(said)}
        self.assertEqual(self.trothd.register("liar", scripted.url, "http").status, 201)
        steps = [{"name": f"say_{i}", "participant": "liar", "operation": "say", "input": {}} for i in range(20)]
        self.assertEqual(self.trothd.apply({"name": "say", "version": 1, "mode": "2pc", "steps": steps}).status, 201)
        for _ in range(2):
            self.assertEqual(self.trothd.submit("say", {}).json["outcome"], "committed")
        self.assertNotIn("has seen epoch", self.trothd.output())

    def test_killed_before_the_decision_the_new_leader_tells_them(self):
        self.system.proxies["bank_b"].hold("reply")

        def ask():
            try:
                self.system.transfer(self.account, self.account, 10)
            except OSError:
                pass  # the answer never comes

        client = threading.Thread(target=ask)
        client.start()
        wait_until(lambda: len(self.system.postgres.prepared()) == 2, 20, "both prepared")
        self.trothd.kill9()
        client.join(30)
        self.system.proxies["bank_b"].release()
        self.system.proxies["bank_b"].cut()
        self.trothd.start()
        self.system.drained()
        self.balances(0)

    def test_killed_after_the_decision_the_new_leader_tells_them(self):
        self.system.proxies["bank_b"].cut_at("request", b"/credit/commit", then_refuse=True)
        gtid = self.system.begin(self.account, self.account, 10)
        wait_until(self.system.proxies["bank_b"].triggered.is_set, 20, "the commit was cut")
        self.assertEqual(self.system.decision(gtid), "commit")
        self.trothd.kill9()
        self.system.proxies["bank_b"].accept()
        self.trothd.start()
        self.system.drained()
        self.balances(10)

    def test_a_bank_in_c_and_a_ledger_in_python(self):
        shown = self.trothd.submit("book", {"from": self.account, "to": 3, "amount": 25}).json
        self.assertEqual(shown["outcome"], "committed", shown)
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE - 25)
        self.assertEqual(self.system.postgres.value("ledger", "select balance from ledger_account where id = 3"),
                         BALANCE + 25)
        shown = self.trothd.submit("book", {"from": self.account, "to": 77, "amount": 25}).json
        self.assertEqual((shown["outcome"], shown["failure"]["participant"]), ("aborted", "ledger"), shown)
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE - 25)


if __name__ == "__main__":
    main()
