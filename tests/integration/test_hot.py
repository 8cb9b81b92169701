"""Everybody wants the same rows (protocol.md, section 4, "Conflict"): two-phase commit goes on, and says what it can
not have in time, with whose lock it was."""

import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import Scripted  # noqa: E402
from system import BALANCE, System  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

SECONDS_MAX = 90  # for all transfers of two clients; each stall of old was a whole prepare timeout
HELD = "select * from account where id = %s for update"


def step(name, participant, operation, account):
    return {"name": name, "participant": participant, "operation": operation,
            "input": {"account": f"${{input.{account}}}", "amount": 1}}


def definition(name, *steps, **more):
    return {"name": name, "version": 1, "mode": "2pc", "timeout": "30s", "prepare_timeout": "5s", "steps": list(steps),
            **more}


class Hot(TrothTest):
    account = 0  # each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The same two banks once more over the other binding, by other names.
        cls.system = System(bank_options={"slots": 8}).start()
        cls.trothd = cls.system.trothd
        for name, bank in cls.system.banks.items():
            assert cls.trothd.register(f"http_{name}", bank.url, "http").status == 201
        a, b = "bank_a", "bank_b"
        for made in (definition("there", step("take", a, "debit", "at_a"), step("give", b, "credit", "at_b")),
                     definition("back", step("take", b, "debit", "at_b"), step("give", a, "credit", "at_a")),
                     definition("http_there", step("take", f"http_{a}", "debit", "at_a"),
                                step("give", f"http_{b}", "credit", "at_b")),
                     definition("http_back", step("take", f"http_{b}", "debit", "at_b"),
                                step("give", f"http_{a}", "credit", "at_a")),
                     definition("inside", step("take", a, "debit", "at_a"), step("give", a, "credit", "at_b")),
                     definition("itself", step("take", a, "debit", "at_a"), step("give", a, "credit", "at_a"),
                                prepare_timeout="20s"),
                     definition("itself_saga",
                                {**step("take", a, "debit", "at_a"), "compensate": {"operation": "credit"}},
                                {**step("give", a, "credit", "at_a"), "after": ["take"],
                                 "compensate": {"operation": "debit"}},
                                mode="2pc_then_saga", prepare_timeout="20s"),
                     definition("patient", step("take", a, "debit", "at_a"), step("give", b, "credit", "at_b"),
                                prepare_timeout="25s"),
                     definition("short", step("take", a, "debit", "at_a"), step("give", b, "credit", "at_b"),
                                prepare_timeout="2s")):
            reply = cls.trothd.apply(made)
            assert reply.status == 201, reply

    def setUp(self):
        Hot.account += 2

    def input(self, at_a=None, at_b=None):
        return {"at_a": at_a or self.account, "at_b": at_b or self.account}

    def moved(self, bank, account, amount):
        self.assertEqual(self.system.balance(bank, account), BALANCE + amount, (bank, account))

    def both_commit(self, count, first, second):
        """Two clients, each `count` transactions one after the other; all of them commit. Their attempts."""
        answers = []

        def client(name, values):
            for _ in range(count):
                answers.append(self.trothd.submit(name, values).json)

        began = time.monotonic()
        clients = [threading.Thread(target=client, args=transaction) for transaction in (first, second)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        self.assertEqual([shown["outcome"] for shown in answers], ["committed"] * 2 * count,
                         [shown for shown in answers if shown["outcome"] != "committed"])
        self.assertLess(time.monotonic() - began, SECONDS_MAX)
        self.system.drained()
        return [shown["attempt"] for shown in answers]

    # --- opposite directions

    def test_opposite_directions_over_the_sdk(self):
        self.both_commit(40, ("there", self.input()), ("back", self.input()))
        self.moved("bank_a", self.account, 0)
        self.moved("bank_b", self.account, 0)

    def test_opposite_directions_over_http(self):
        self.both_commit(40, ("http_there", self.input()), ("http_back", self.input()))
        self.moved("bank_a", self.account, 0)
        self.moved("bank_b", self.account, 0)

    def test_opposite_directions_between_two_rows_of_one_participant(self):
        """In order they still close a circle, of which each database sees half: the younger gives way."""
        other = self.account + 1
        self.both_commit(8, ("inside", self.input(self.account, other)), ("inside", self.input(other, self.account)))
        self.moved("bank_a", self.account, 0)
        self.moved("bank_a", other, 0)

    # --- two steps of one transaction

    def test_two_steps_that_want_the_same_row_end_soon_and_say_so(self):
        """No waiting frees it, and no order: the prepare timeout (20 s) is not waited for."""
        began = time.monotonic()
        shown = self.trothd.submit("itself", self.input()).json
        self.assertLess(time.monotonic() - began, 10)
        failure = shown["failure"]
        self.assertEqual((shown["outcome"], failure["cause"], failure["step"], failure["blocker"]),
                         ("aborted", "conflict", "give", shown["gtid"]), shown)
        self.assertIn("another step of this transaction has locked what this one needs", failure["reason"])
        self.system.drained()
        self.moved("bank_a", self.account, 0)

    def test_two_steps_that_want_the_same_row_are_a_saga_where_that_may_be(self):
        began = time.monotonic()
        shown = self.trothd.submit("itself_saga", self.input()).json
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual((shown["outcome"], shown["fallback"]["cause"], shown["fallback"]["blocker"]),
                         ("committed", "conflict", shown["gtid"]), shown)
        self.system.drained()
        self.moved("bank_a", self.account, 0)

    # --- locks of others

    def hold(self, bank):
        session = psycopg2.connect(self.system.postgres.to(bank), application_name="by hand")
        session.cursor().execute(HELD, (self.account,))
        self.addCleanup(session.close)
        return session

    def test_a_lock_of_somebody_else_is_waited_for(self):
        session = self.hold("bank_b")
        gtid = self.trothd.submit("patient", self.input(), prefer="respond-async").json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it prepares in order")
        session.rollback()
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        self.moved("bank_b", self.account, 1)

    def test_a_lock_of_somebody_else_that_stays_is_named(self):
        session = self.hold("bank_b")
        shown = self.trothd.submit("short", self.input()).json
        failure = shown["failure"]
        self.assertEqual((shown["outcome"], failure["cause"], failure["step"], failure["participant"]),
                         ("aborted", "conflict", "give", "bank_b"), shown)
        self.assertIn(f"pid {session.info.backend_pid}, application_name 'by hand'", failure["reason"])
        self.assertNotIn("blocker", failure)
        self.system.drained()
        session.rollback()
        self.moved("bank_a", self.account, 0)
        self.moved("bank_b", self.account, 0)

    def test_an_operator_aborts_while_it_waits_for_a_lock(self):
        """The session that waits is ended, not waited for, although the lock is there as before."""
        session = self.hold("bank_b")
        gtid = self.trothd.submit("patient", self.input(), prefer="respond-async").json["gtid"]
        waiting = ("select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted"
                   " and a.datname = 'bank_b'")
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2 and self.system.postgres.value("bank_b", waiting), 30,
                   "it waits in order")
        self.assertIn(self.trothd.post(f"/v1/transactions/{gtid}/abort", {}).status, (200, 202))
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual((shown["outcome"], shown["failure"]["cause"]), ("aborted", "cancelled"), shown)
        self.system.drained()
        wait_until(lambda: self.system.postgres.value("bank_b", waiting) == 0, 30, "nobody waits")
        session.rollback()
        self.moved("bank_a", self.account, 0)
        self.moved("bank_b", self.account, 0)

    # --- conflicts without end

    def test_a_participant_that_answers_conflict_for_ever(self):
        """It ends when the prepare timeout does, says so with the participant's words and the holder, and leaves
        nothing; and it did not ask without a pause."""
        blocker = "018bcfe5-687b-8007-8000-00c000000063"
        scripted = Scripted()
        self.addCleanup(scripted.end.set)
        scripted.answers[("give", "prepare")] = [(409, b'{"detail":"row 7 is taken"}',
                                                  {"Troth-Conflict": "true", "Troth-Blocker": blocker})]
        self.assertEqual(self.trothd.register("hot", scripted.url, "http").status, 201)
        made = definition("for_ever", step("take", "bank_a", "debit", "at_a"), step("give", "hot", "give", "at_b"),
                          prepare_timeout="1s")
        self.assertEqual(self.trothd.apply(made).status, 201)
        began = time.monotonic()
        shown = self.trothd.submit("for_ever", self.input()).json
        self.assertLess(time.monotonic() - began, 30)
        failure = shown["failure"]
        self.assertEqual((shown["outcome"], failure["cause"], failure["participant"], failure["reason"],
                          failure["blocker"]), ("aborted", "conflict", "hot", "row 7 is taken", blocker), shown)
        self.assertGreater(shown["attempt"], 1)
        self.assertLess(scripted.count(shown["gtid"], "give", "prepare"), 200)
        self.system.drained()
        self.moved("bank_a", self.account, 0)


if __name__ == "__main__":
    main()
