"""2PC that falls back to a saga: when a prepare times out or its participant cannot be reached before the decision.
Never a double effect, never a missing one, whatever attempt 1 had done by then."""

import json
import sys
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from shop_system import CHECKOUT, ShopSystem  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

ALL = {name: (1, 0) for name in CHECKOUT}


class Fallback(TrothTest):
    number = 0  # account and order; each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(participants=CHECKOUT, kafka=True, call_timeout="1s").start()
        cls.trothd = cls.system.trothd

    def setUp(self):
        Fallback.number += 1

    def tearDown(self):
        self.system.heal()

    def begin(self, **options):
        reply = self.system.checkout(self.number, prefer="respond-async", **options)
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def fell_back(self, gtid, outcome="committed"):
        shown = self.system.ended(gtid, outcome)
        self.assertEqual(shown["attempt"], 2, shown)
        self.assertEqual(shown["fallback"]["attempt"], 1, shown)
        self.assertIn("fell_back", [entry["moment"] for entry in shown["timeline"]])
        return shown

    def test_with_all_participants_there_it_is_a_2pc(self):
        shown = self.system.checkout(self.number).json
        self.assertEqual((shown["outcome"], shown["attempt"]), ("committed", 1), shown)
        self.assertNotIn("fallback", shown)
        self.assertEqual(self.system.effects(shown["gtid"]), ALL)

    def test_a_step_whose_condition_is_false_is_skipped(self):
        shown = self.system.checkout(self.number, email=None).json
        self.assertEqual(shown["outcome"], "committed", shown)
        self.assertEqual(self.system.effects(shown["gtid"]), {name: (1, 0) for name in CHECKOUT[:3]})

    def test_a_business_no_never_falls_back(self):
        shown = self.system.checkout(self.number, amount=100000).json
        self.assertEqual((shown["outcome"], shown["attempt"]), ("aborted", 1), shown)
        self.assertEqual(self.system.effects(shown["gtid"]), {})

    def test_a_participant_stopped_before_prepare(self):
        self.system.shops["payments"].kill9()
        gtid = self.begin()
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it fell back")
        self.system.shops["payments"].start()
        shown = self.fell_back(gtid)
        self.assertEqual(shown["fallback"]["participant"], "payments", shown)
        self.assertEqual(self.system.effects(gtid), ALL)
        events = wait_until(lambda: self.system.events("orders.outcomes").get(gtid), 30, "the event")
        payload = json.loads(events[0]["payload"])
        self.assertEqual((payload["outcome"], payload["attempt"]), ("committed", 2))
        self.assertEqual(payload["fallback"]["participant"], "payments")

    def lock(self):
        connection = psycopg2.connect(self.system.postgres.to("payments"))
        connection.cursor().execute("select * from account where id = %s for update", (self.number,))
        self.addCleanup(connection.close)
        return connection

    def test_a_lock_is_no_reason_to_fall_back_before_prepares_in_order_waited_for_it(self):
        """Held by a session that is no transaction of ours."""
        connection = self.lock()
        gtid = self.begin()
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it prepares in order")
        connection.rollback()
        shown = self.system.ended(gtid, "committed")
        self.assertNotIn("fallback", shown)
        moments = [(entry["moment"], entry.get("cause")) for entry in shown["timeline"]]
        self.assertIn(("restarted", "conflict"), moments)
        self.assertIn(("in_order", None), moments)
        self.assertEqual(self.system.effects(gtid), ALL)

    def test_a_lock_that_is_held_for_longer_than_a_prepare_may_take(self):
        connection = self.lock()
        gtid = self.begin()
        wait_until(lambda: "fallback" in self.trothd.show(gtid), 60, "it fell back")
        connection.rollback()
        shown = self.system.ended(gtid, "committed")
        self.assertEqual(shown["fallback"]["cause"], "conflict", shown)
        self.assertEqual(shown["fallback"]["participant"], "payments", shown)
        self.assertEqual(self.system.effects(gtid), ALL)

    def test_a_yes_that_was_sent_and_lost(self):
        """Attempt 1 is prepared there when attempt 2 arrives: it is rolled back first, then done once."""
        self.system.proxies["payments"].cut_at("reply", b'"vote"', then_refuse=True)
        gtid = self.begin()
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it fell back")
        self.assertTrue(self.system.proxies["payments"].triggered.is_set())
        self.system.proxies["payments"].accept()
        self.fell_back(gtid)
        self.assertEqual(self.system.effects(gtid), ALL)

    def test_a_participant_that_never_comes_back_compensates_at_the_timeout(self):
        """The pivot never ran: what was done before it is undone."""
        steps = json.loads(json.dumps(self.definition()))
        steps["name"], steps["version"], steps["timeout"] = "short_checkout", 1, "6s"
        self.assertIn(self.trothd.apply(steps).status, (200, 201))
        self.system.shops["payments"].kill9()
        reply = self.trothd.submit("short_checkout", {
            "order_id": "o", "sku": "sku_1", "quantity": 1, "account": self.number, "amount": 1},
            prefer="respond-async")
        gtid = reply.json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it fell back")
        wait_until(lambda: self.trothd.show(gtid)["state"] in ("stopping", "turning", "compensating"), 30, "it stops")
        self.system.shops["payments"].start()
        self.fell_back(gtid, "compensated")
        effects = self.system.effects(gtid)
        self.assertNotIn("payments", {name for name, (did, undone) in effects.items() if did != undone})
        self.assertEqual(effects.get("inventory", (0, 0))[0], effects.get("inventory", (0, 0))[1])

    def definition(self):
        return self.trothd.get("/v1/definitions/order_checkout").json


if __name__ == "__main__":
    main()
