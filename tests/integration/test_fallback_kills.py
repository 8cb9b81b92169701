"""The 2PC that falls back to a saga, in the four ways in which it comes to that, and the one that does not, since an
attempt in order gets what the first one did not, each with trothd killed at every journal write: before the write is
done, and when it is done and nobody was told. Afterwards: each effect once, whatever attempt 1 had prepared, one
decision an attempt, one event, nothing prepared."""

import contextlib
import http.client
import json
import sys
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from shop_system import CHECKOUT, ShopSystem  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

WRITES_MAX = 20  # more than any of these transactions has
ALL = {name: (1, 0) for name in CHECKOUT}
NEVER = b"\0never"  # a pattern that does not come by


class PaymentsIsDown:
    """Stopped before prepare."""

    definition, effects = "quick_checkout", ALL

    def __init__(self, system, number):
        self.shop = system.shops["payments"]
        self.shop.kill9()

    def heal(self):
        self.shop.start()

    def may_heal(self, test, gtid):
        return test.trothd.show(gtid)["attempt"] == 2


class PaymentsComesBackInTheMiddle(PaymentsIsDown):
    """Stopped before prepare, and back when the saga has reserved and tries to charge."""

    def may_heal(self, test, gtid):
        sent = [entry for entry in test.trothd.show(gtid)["timeline"]
                if (entry["moment"], entry.get("op"), entry.get("branch")) == ("sent", "execute", 2)]
        return sent and test.system.effects(gtid).get("inventory") == (1, 0)


class PaymentsWaitsForALock:
    """It is preparing, and another session holds the account until prepares in order have waited for it in vain."""

    definition, effects = "quick_checkout", ALL

    def __init__(self, system, number):
        self.session = psycopg2.connect(system.postgres.to("payments"))
        self.session.cursor().execute("select * from account where id = %s for update", (number,))

    def heal(self):
        self.session.close()

    def may_heal(self, test, gtid):
        return "fallback" in test.trothd.show(gtid)


class PaymentsGetsTheLockInOrder(PaymentsWaitsForALock):
    """Another session holds the account until the attempt that prepares in order waits for it."""

    definition, effects = "plain_checkout", {"inventory": (1, 0), "payments": (1, 0)}

    def may_heal(self, test, gtid):
        return test.trothd.show(gtid)["attempt"] > 1


class TheYesIsLost:
    """It is prepared, and nobody knows: its vote was cut off, and then nothing gets through."""

    definition, effects = "quick_checkout", ALL

    def __init__(self, system, number):
        self.proxy = system.proxies["payments"]
        self.proxy.cut_at("reply", b'"vote"', then_refuse=True)

    def heal(self):
        self.proxy.cut_at("reply", NEVER)
        self.proxy.accept()

    def may_heal(self, test, gtid):
        return test.trothd.show(gtid)["attempt"] == 2


class FallbackKills(TrothTest):
    number = 0  # account, order and key; each run has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(participants=CHECKOUT, shop_options={"accounts": 1000}, call_timeout="1s",
                                outbox="table", retry_interval="20ms", retry_interval_max="100ms").start()
        cls.trothd = cls.system.trothd
        cls.journal = cls.system.kill_at_writes()
        definition = cls.trothd.get("/v1/definitions/order_checkout").json
        definition = json.loads(json.dumps(definition))
        definition.update(name="quick_checkout", version=1, prepare_timeout="500ms")
        definition["retries"] = {"patient": {"interval": "50ms", "max_interval": "100ms", "max_attempts": 0}}
        for step in definition["steps"]:
            step.update(timeout="1s", retry="patient")
        assert cls.trothd.apply(definition).status == 201
        # Two-phase commit alone. Parallel each time: what was learnt from the run before would spare it the conflict.
        steps = [{key: step[key] for key in ("name", "participant", "operation", "input")}
                 for step in definition["steps"][:2]]
        definition.update(name="plain_checkout", mode="2pc", prepare_timeout="20s", prepare="parallel", steps=steps)
        del definition["retries"]
        assert cls.trothd.apply(definition).status == 201

    def tearDown(self):
        self.journal.disarm()
        self.system.heal()

    def submit(self, definition):
        reply = self.trothd.submit(definition, {
            "order_id": f"order-{self.number}", "sku": "sku_1", "quantity": 1, "account": self.number, "amount": 1,
            "email": "a@example.org"}, key=f"kill-{self.number}", prefer="respond-async")
        self.assertIn(reply.status, (200, 202), reply)
        return reply.json["gtid"]

    def run_once(self, scenario, direction, which):
        """which: see kill_at(). Returns what was written before the kill, the killed write last, and whether it came to
        that."""
        FallbackKills.number += 1
        fault = scenario(self.system, self.number)
        self.journal.kill_at(direction, which, self.trothd)
        gtid = None
        with contextlib.suppress(OSError, http.client.HTTPException):  # killed before it had answered
            gtid = self.submit(fault.definition)
        healed = self.killed_or(lambda: fault.may_heal(self, gtid), "it fell back")
        if healed:
            fault.heal()
            # The database may have the write while its answer is still on its way to the kill.
            self.killed_or(lambda: self.settled(gtid) and not self.journal.met, "it ended")
            self.journal.disarm()
        killed = self.journal.triggered.is_set()
        if killed:
            self.trothd.start()
            again = self.submit(fault.definition)  # one key is one transaction, also for a client that was not answered
            self.assertIn(gtid, (None, again))
            gtid = again
        if not healed:
            wait_until(lambda: fault.may_heal(self, gtid), 20, "it fell back after the restart")
            fault.heal()
        self.agrees(gtid, fault.effects)
        return self.journal.writes, killed

    def killed_or(self, condition, what):
        """Waits for either; true: it is the condition."""
        def condition_holds():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return condition()

        def either():
            if self.journal.triggered.is_set():
                return "killed"
            return condition_holds() and "there"
        return wait_until(either, 20, what) == "there"

    def settled(self, gtid):
        """It has ended, and the journal has its last write."""
        return self.value("select state from troth.transaction where gtid = %s", gtid) == "ended"

    def value(self, statement, gtid):
        return self.system.postgres.value("journal", statement, (gtid,))

    def agrees(self, gtid, effects):
        shown = self.system.ended(gtid, "committed")
        wait_until(lambda: self.settled(gtid), 20, "the journal agrees")
        self.assertEqual(self.system.effects(gtid), effects, shown)
        if "fallback" in shown:
            self.assertEqual(shown["fallback"]["attempt"], shown["attempt"] - 1, shown)
        decisions = self.system.postgres.query(
            "journal", "select attempt, decision from troth.decided where gtid = %s and decision = 'commit'", (gtid,))
        self.assertLessEqual(len(decisions), 1, decisions)
        self.assertEqual(self.value("select count(*) from troth.outbox where gtid = %s", gtid), 1)

    def at_every_write(self, scenario, direction, kinds):
        """One after the other, until a run has no more of them. How rows share writes differs between runs, so that the
        last kinds may have moved to an earlier write by then: those are killed by their name."""
        killed, number, came = set(), 0, True
        while came:
            number += 1
            self.assertLess(number, WRITES_MAX)
            came = self.killed_at(scenario, direction, number, killed)
        for kind in kinds:
            if kind not in killed:
                self.assertTrue(self.killed_at(scenario, direction, kind, killed), kind)

    def killed_at(self, scenario, direction, which, killed):
        came = False
        with self.subTest(direction=direction, which=which):
            try:
                writes, came = self.run_once(scenario, direction, which)
            finally:
                self.tearDown()
        if came:
            killed.update(writes[-1].split("+"))
        return came

    def both(self, scenario, kinds=("begin", "attempt", "step", "decision", "end")):
        for direction in ("request", "reply"):
            self.at_every_write(scenario, direction, kinds)

    def test_a_participant_stopped_before_prepare(self):
        self.both(PaymentsIsDown)

    def test_a_participant_that_prepares_and_waits_for_a_lock(self):
        self.both(PaymentsWaitsForALock)

    def test_a_participant_that_gets_the_lock_in_order(self):
        self.both(PaymentsGetsTheLockInOrder, kinds=("begin", "attempt", "decision", "end"))

    def test_a_yes_that_was_sent_and_lost(self):
        self.both(TheYesIsLost)

    def test_a_participant_that_comes_back_in_the_middle_of_the_saga(self):
        self.both(PaymentsComesBackInTheMiddle)


if __name__ == "__main__":
    main()
