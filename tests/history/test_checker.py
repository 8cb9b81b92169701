"""The history checker finds what is wrong: a history that is right, and one for each rule that is not."""

import copy
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checker import Final, check  # noqa: E402
from record import History, final_line, operations  # noqa: E402

FOLDER = tempfile.TemporaryDirectory(prefix="troth-checker.")
INPUT = {"from": 1, "to": 2, "amount": 10}
BASKET = {"email": None}


class Told:
    """A history in the making."""

    def __init__(self):
        self.history = History(Path(FOLDER.name) / "history")

    def say(self, what, status, answer, **facts):
        self.history.told(self.history.invoke("c1", what, **facts), status, answer)

    def start(self, label, status, answer, definition="transfer", input_=None, key=None):
        self.say("start", status, answer, label=label, definition=definition, input=input_ or INPUT, key=key)

    def operations(self, final=None):
        self.history.end(final)
        return operations(self.history.path)


def committed(gtid, **more):
    return {"gtid": gtid, "outcome": "committed", "state": "ended", **more}


def right():
    """Of each kind of request one, told what is true."""
    told = Told()
    told.history.fault("kill north")
    told.start("l1", 200, committed("g1"), key="k1")
    told.start("l1", 200, committed("g1"), key="k1")
    told.start("l2", None, None)
    told.start("l3", 503, {"detail": "nothing was done: try again"})
    told.start("l4", 202, {"gtid": "g4"}, "checkout", BASKET)
    told.start("l6", 504, {"detail": "its outcome is not known here"})
    told.say("begin", 201, {"gtid": "g5"}, label="i5")
    told.say("enlist", 201, {}, gtid="g5", branch=1)
    told.say("commit", 200, committed("g5"), gtid="g5", branches=[1])
    told.say("look", 200, committed("g5"), gtid="g5")
    final = Final(
        transactions={"g1": ("l1", "k1", "committed"), "g2": ("l2", None, "committed"), "g4": ("l4", None, "committed"),
                      "g5": ("i5", None, "committed"), "g6": ("l6", None, "aborted")},
        balances={"bank_a": {1: 80, 2: 100}, "bank_b": {1: 100, 2: 120}}, first=100,
        effects={("g4", "inventory"): (1, 0), ("g4", "payments"): (1, 0), ("g4", "shipping"): (1, 0)},
        events={gtid: {("committed", f"e-{gtid}")} for gtid in ("g1", "g2", "g4", "g5")},
        till={("g5", 1): "committed"})
    return told, final


class Checker(unittest.TestCase):
    def test_what_is_right_is_right_also_when_it_is_read_again(self):
        told, final = right()
        self.assertEqual(check(told.operations(final.lines()), final), [])
        again = Final.of(final_line(told.history.path))
        self.assertEqual(again, final)
        self.assertEqual(check(operations(told.history.path), again), [])

    def found(self, expected, change=lambda final: None, more=lambda told: None):
        told, final = right()
        more(told)
        final = copy.deepcopy(final)
        change(final)
        faults = check(told.operations(), final)
        self.assertTrue(any(expected in fault for fault in faults), (expected, faults))

    def test_an_answer_that_is_not_true(self):
        self.found("told committed of g1, which is aborted",
                   lambda final: final.transactions.update(g1=("l1", "k1", "aborted")))
        self.found("g1 was told (200 committed) and is in no journal", lambda final: final.transactions.pop("g1"))
        self.found("g4 was told (202 None) and is in no journal", lambda final: final.transactions.pop("g4"))
        self.found("told that nothing was done",
                   lambda final: final.transactions.update(g3=("l3", None, "committed")))
        self.found("says nothing of what was done", more=lambda told: told.start("l7", 500, {"detail": "oops"}))

    def test_what_does_not_come_to_its_end(self):
        self.found("g2 (l2): its outcome is None", lambda final: final.transactions.update(g2=("l2", None, None)))
        self.found("g2 (l2): its outcome is mixed", lambda final: final.transactions.update(g2=("l2", None, "mixed")))
        self.found("troth_x is left prepared", lambda final: final.prepared.append("troth_x"))

    def test_what_is_told_less_later(self):
        self.found("g1 is not found", more=lambda told: told.say("look", 404, {"detail": "not found"}, gtid="g1"))
        self.found("g1 has no outcome", more=lambda told: told.say("look", 200, {"gtid": "g1"}, gtid="g1"))

    def test_one_key_for_two(self):
        self.found("key k1 has 2 transactions",
                   lambda final: final.transactions.update(g7=("l1", "k1", "aborted")))

    def test_two_commits_that_differ(self):
        self.found("committed was answered to commits of", more=lambda told: told.say(
            "commit", 200, committed("g5"), gtid="g5", branches=[1, 2]))

    def test_what_nobody_asked_for(self):
        self.found("nobody asked for it", lambda final: final.transactions.update(g9=("l9", None, "aborted")))

    def test_money_that_is_lost_or_made(self):
        self.found("bank_b: account 2 has 110", lambda final: final.balances["bank_b"].update({2: 110}))

    def test_an_action_of_the_shop(self):
        self.found("payments did (2, 0)", lambda final: final.effects.update({("g4", "payments"): (2, 0)}))
        self.found("shipping did (1, 0) (actions, compensations) for g6, which is aborted",
                   lambda final: final.effects.update({("g6", "shipping"): (1, 0)}))
        self.found("shipping did nothing", lambda final: final.effects.pop(("g4", "shipping")))
        self.found("which is in no journal", lambda final: final.effects.update({("g9", "mail"): (1, 1)}))

    def test_events(self):
        self.found("Kafka has no event of it", lambda final: final.events.pop("g2"))
        self.found("different events of g2", lambda final: final.events["g2"].add(("committed", "another")))
        self.found("of g6, which is aborted", lambda final: final.events.update(g6={("committed", "e")}))

    def test_a_branch_that_hears_something_else(self):
        self.found("is aborted at the till", lambda final: final.till.update({("g5", 1): "aborted"}))
        self.found("is None at the till", lambda final: final.till.clear())


def tearDownModule():  # noqa: N802  (the name is unittest's)
    FOLDER.cleanup()


if __name__ == "__main__":
    unittest.main()
