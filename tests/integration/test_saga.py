"""Sagas on real databases: forward, back, and faults on the way. Whatever happens, each action is done 0 or 1 times,
each compensation 0 or 1 times and never without its action, and the outcome says which."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from shop_system import UPGRADE, ShopSystem  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

ALL = {name: (1, 0) for name in UPGRADE}


class Sagas(TrothTest):
    tenant = 0  # each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(participants=UPGRADE, kafka=True, shop_options={"tenants": 40},
                                call_timeout="1s").start()
        cls.trothd = cls.system.trothd

    def setUp(self):
        Sagas.tenant += 1

    def tearDown(self):
        self.system.heal()

    def upgrade(self, **options):
        return self.system.upgrade(self.tenant, **options)

    def begin(self, **options):
        reply = self.upgrade(prefer="respond-async", **options)
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def value(self, database, statement):
        return self.system.postgres.value(database, statement, (f"tenant_{self.tenant}",))

    def untouched(self):
        """All is as it was before."""
        self.assertEqual(self.value("accounts", "select free from seat_pool where tenant = %s"), 100)
        self.assertEqual(self.value("analytics", "select searches from quota where tenant = %s"), 0)
        self.assertEqual(self.value("billing", "select balance from credit where tenant = %s"), 1000)

    def told(self, gtid):
        events = wait_until(lambda: self.system.events().get(gtid), 30, "the event")
        return [json.loads(event["payload"])["outcome"] for event in events]

    # --- forward and back

    def test_a_saga_commits_each_step_once(self):
        shown = self.upgrade().json
        self.assertEqual((shown["outcome"], shown["mode"]), ("committed", "saga"), shown)
        self.assertEqual(self.system.effects(shown["gtid"]), ALL)
        self.assertEqual(self.value("accounts", "select free from seat_pool where tenant = %s"), 97)
        self.assertEqual(self.told(shown["gtid"]), ["committed"])

    def test_a_refusal_compensates_what_was_done(self):
        shown = self.upgrade(price=100000).json
        self.assertEqual(shown["outcome"], "compensated", shown)
        self.assertEqual((shown["failure"]["cause"], shown["failure"]["participant"]), ("refused", "billing"))
        self.assertEqual(self.system.effects(shown["gtid"]), {"accounts": (1, 1), "analytics": (1, 1)})
        self.untouched()
        self.assertEqual(self.told(shown["gtid"]), ["compensated"])

    def test_a_refusal_of_the_first_step(self):
        shown = self.upgrade(seats=1000).json
        self.assertEqual(shown["outcome"], "compensated", shown)
        effects = self.system.effects(shown["gtid"])
        self.assertIn(effects, ({}, {"analytics": (1, 1)}))
        self.untouched()

    def test_the_same_request_twice_is_one_saga(self):
        first, second = self.upgrade(key="saga"), self.upgrade(key="saga")
        self.assertEqual(first.json["gtid"], second.json["gtid"])
        self.assertEqual(self.system.effects(first.json["gtid"]), ALL)

    # --- faults

    def test_an_answer_that_is_lost_is_asked_for_again(self):
        self.system.proxies["accounts"].cut_at("reply", b'"result":"done"')
        shown = self.upgrade().json
        self.assertTrue(self.system.proxies["accounts"].triggered.is_set())
        self.assertEqual(shown["outcome"], "committed", shown)
        self.assertEqual(self.system.effects(shown["gtid"]), ALL)

    def test_a_step_that_may_have_run_is_compensated(self):
        """It ran, its answer is lost, and its retries are spent: it is undone all the same."""
        proxy = self.system.proxies["accounts"]
        proxy.cut_at("reply", b'"result":"done"', then_refuse=True)
        gtid = self.begin()
        wait_until(lambda: self.trothd.show(gtid)["state"] == "compensating", 40, "it turned back")
        proxy.accept()
        self.system.ended(gtid, "compensated")
        self.assertEqual(self.system.effects(gtid), {"accounts": (1, 1), "analytics": (1, 1)})
        self.untouched()

    def test_an_input_that_can_not_be_made_says_why(self):
        reply = self.trothd.apply({"name": "no_path", "version": 1, "mode": "saga", "steps": [
            {"name": "seats", "participant": "accounts", "operation": "grant_seats",
             "input": {"tenant": "${input.tenant}", "seats": 1},
             "compensate": {"operation": "revoke_seats", "input": {"grant": "${steps.seats.output.grant}"}}},
            {"name": "quota", "participant": "analytics", "operation": "raise_quota",
             "input": {"tenant": "${steps.seats.output.nothing}", "plan": "team"},
             "compensate": {"operation": "restore_quota", "input": {}}}]})
        self.assertIn(reply.status, (200, 201), reply)
        shown = self.trothd.submit("no_path", {"tenant": "tenant_1"}).json
        self.assertEqual(shown["outcome"], "compensated", shown)
        self.assertEqual({name: shown["failure"].get(name) for name in ("cause", "step", "reason")},
                         {"cause": "input", "step": "quota",
                          "reason": "${steps.seats.output.nothing} is not there"}, shown)

    def test_a_participant_down_after_the_pivot_gets_its_step_later(self):
        self.system.shops["notifications"].kill9()
        gtid = self.begin()
        wait_until(lambda: "billing" in self.system.effects(gtid), 30, "charged")
        self.assertEqual(self.trothd.show(gtid)["outcome"], None)
        self.system.shops["notifications"].start()
        self.system.ended(gtid, "committed")
        self.assertEqual(self.system.effects(gtid), ALL)

    def test_a_cancel_compensates(self):
        self.system.proxies["billing"].refuse()
        gtid = self.begin()
        wait_until(lambda: set(self.system.effects(gtid)) == {"accounts", "analytics"}, 30, "two steps done")
        reply = self.trothd.post(f"/v1/transactions/{gtid}/abort", {}, headers={"Prefer": "wait=1"})
        self.assertIn(reply.status, (200, 202), reply)
        self.system.proxies["billing"].accept()
        shown = self.system.ended(gtid, "compensated")
        self.assertEqual(shown["failure"]["cause"], "cancelled", shown)
        self.assertEqual({name: undone for name, (_, undone) in self.system.effects(gtid).items()},
                         {"accounts": 1, "analytics": 1})
        self.untouched()

    def test_compensation_waits_for_its_participant_and_delays_no_other(self):
        proxy = self.system.proxies["accounts"]
        proxy.cut_at("request", b'"op":"compensate"', then_refuse=True)
        gtid = self.begin(price=100000)
        wait_until(lambda: self.system.effects(gtid).get("analytics") == (1, 1), 30, "the other one is undone")
        self.assertEqual(self.system.effects(gtid)["accounts"], (1, 0))
        self.assertEqual(self.trothd.show(gtid)["outcome"], None)
        proxy.accept()
        self.system.ended(gtid, "compensated")
        self.untouched()

    # --- trothd killed

    def killed(self, where, outcome, **options):
        """kill -9 when a message with these bytes passes a participant, then a restart."""
        name, direction, pattern = where
        self.system.proxies[name].cut_at(direction, pattern, then_refuse=True)
        gtid = self.begin(**options)
        wait_until(self.system.proxies[name].triggered.is_set, 30, f"{pattern} came by")
        self.trothd.kill9()
        self.system.proxies[name].accept()
        self.trothd.start()
        self.system.ended(gtid, outcome)
        return self.system.effects(gtid)

    def test_killed_before_the_first_step_ran(self):
        self.assertEqual(self.killed(("accounts", "request", b'"execute"'), "committed"), ALL)

    def test_killed_after_a_step_ran_and_before_its_result_was_known(self):
        self.assertEqual(self.killed(("accounts", "reply", b'"done"'), "committed"), ALL)

    def test_killed_after_the_pivot_ran(self):
        self.assertEqual(self.killed(("billing", "reply", b'"done"'), "committed"), ALL)

    def test_killed_behind_the_pivot(self):
        self.assertEqual(self.killed(("notifications", "reply", b'"done"'), "committed"), ALL)

    def test_killed_before_a_compensation(self):
        effects = self.killed(("accounts", "request", b'"compensate"'), "compensated", price=100000)
        self.assertEqual(effects, {"accounts": (1, 1), "analytics": (1, 1)})
        self.untouched()

    def test_killed_after_a_compensation_ran(self):
        effects = self.killed(("analytics", "reply", b'"compensate"'), "compensated", price=100000)
        self.assertEqual(effects, {"accounts": (1, 1), "analytics": (1, 1)})
        self.untouched()

    def test_a_cancel_that_reaches_a_new_leader_whose_predecessor_had_sent_the_pivot(self):
        self.system.proxies["billing"].cut_at("reply", b'"done"', then_refuse=True)
        gtid = self.begin()
        wait_until(self.system.proxies["billing"].triggered.is_set, 30, "the pivot ran")
        self.trothd.kill9()
        self.trothd.start()
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {}, headers={"Prefer": "wait=1"})
        self.system.proxies["billing"].accept()
        self.system.ended(gtid, "committed")  # the pivot had run: only forward
        self.assertEqual(self.system.effects(gtid), ALL)


if __name__ == "__main__":
    main()
