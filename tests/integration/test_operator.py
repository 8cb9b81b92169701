"""What an operator sees and does: metrics, what is parked, and trying it again."""

import json
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, SILENCE, Scripted  # noqa: E402
from shop_system import CHECKOUT, ShopSystem  # noqa: E402
from system import DEFINITIONS  # noqa: E402
from troth_test import TrothTest, main, program, wait_until  # noqa: E402

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*"(?:,(?!\}))?)+)\})? ([0-9]+(?:\.[0-9]+)?)')
DEAR = 100000  # more than anybody has: the charge is refused


class Metrics(dict):
    """The text format 0.0.4, strictly: (name, labels) -> value, where labels is a sorted tuple of pairs."""

    def __init__(self, text):
        super().__init__()
        assert text.endswith("\n"), text
        self.types = {}
        family, helped = None, None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                _, _, helped, words = line.split(" ", 3)
                assert words and helped not in self.types, line
            elif line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                assert family == helped and family not in self.types, line
                assert kind in ("counter", "gauge") and (kind == "counter") == family.endswith("_total"), line
                self.types[family] = kind
            else:
                self.add(family, line)

    def add(self, family, line):
        found = SAMPLE.fullmatch(line)
        assert found and found[1] == family, line
        labels = tuple(sorted(re.findall(r'([a-z_]+)="([^"]*)"', found[2] or "")))
        assert len({name for name, _ in labels}) == len(labels) and (family, labels) not in self, line
        self[family, labels] = float(found[3])

    def value(self, name, **labels):
        return self[name, tuple(sorted(labels.items()))]


class Operator(TrothTest):
    number = 0  # tenant and account; each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(kafka=True, shop_options={"tenants": 40}, call_timeout="1s", drain_timeout="1s").start()
        cls.trothd = cls.system.trothd
        fragile = json.loads((DEFINITIONS / "upgrade_subscription.json").read_text())
        fragile["name"] = "fragile_upgrade"
        fragile["retries"]["twice"] = {"interval": "50ms", "max_attempts": 2, "jitter": "none"}
        for step in fragile["steps"]:
            if step["name"] == "charge":
                step["retry"] = "patient"
            if "compensate" in step:
                step["compensate"]["retry"] = "twice"
        assert cls.trothd.apply(fragile).status == 201

    def setUp(self):
        Operator.number += 1

    def tearDown(self):
        self.system.heal()

    def metrics(self):
        reply = self.trothd.get("/metrics")
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        return Metrics(reply.body.decode())

    def grown(self, before, name, **labels):
        return self.metrics().value(name, **labels) - before.value(name, **labels)

    def ctl(self, *words, status=0):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done)
        return done.stdout + done.stderr

    def step(self, gtid, name):
        return next(step["state"] for step in self.trothd.show(gtid)["steps"] if step["name"] == name)

    def parked(self):
        """A saga that turned back, and cannot revoke its seats since accounts is down."""
        self.system.proxies["billing"].refuse()
        reply = self.trothd.submit("fragile_upgrade", {"tenant": f"tenant_{self.number}", "plan": "team", "seats": 3,
                                                       "price": DEAR}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        gtid = reply.json["gtid"]
        wait_until(lambda: set(self.system.effects(gtid)) == {"accounts", "analytics"}, 30, "two steps are done")
        wait_until(lambda: self.step(gtid, "seats") == self.step(gtid, "quota") == "done", 30, "and it is known")
        self.system.shops["accounts"].kill9()
        self.system.proxies["billing"].accept()
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 30, "it is parked")
        return gtid

    def test_metrics_of_what_is_there(self):
        before = self.metrics()
        self.assertEqual(self.system.checkout(self.number).json["outcome"], "committed")
        self.assertEqual(self.grown(before, "troth_transactions_total", mode="2pc_then_saga", outcome="committed"), 1)
        self.assertGreater(self.grown(before, "troth_journal_rows_total"), 0)
        self.assertGreater(self.grown(before, "troth_journal_batches_total"), 0)
        wait_until(lambda: self.metrics().value("troth_outbox_waiting") == 0, 30, "Kafka confirmed all")
        after = self.metrics()
        self.assertGreater(after.value("troth_outbox_confirmed_total"), 0)
        for name in ("troth_kafka_reachable", "troth_leading", "troth_journal_connected"):
            self.assertEqual(after.value(name), 1, name)
        for name in CHECKOUT:  # announced with their answers
            self.assertEqual(after.value("troth_participant_slots", participant=name), 4)
        for name in self.system.participants:
            wait_until(lambda name=name: self.metrics().value("troth_participant_slots_used", participant=name) == 0,
                       30, "its slots are given back")
        started = Path(f"/proc/{self.trothd.pid}").stat().st_mtime
        self.assertLess(abs(after.value("process_start_time_seconds") - started), 60)

    def test_an_abort_and_a_compensation_count(self):
        before = self.metrics()
        self.assertEqual(self.system.checkout(self.number, amount=DEAR).json["outcome"], "aborted")
        self.assertEqual(self.system.upgrade(self.number, price=DEAR).json["outcome"], "compensated")
        self.assertEqual(self.grown(before, "troth_transactions_total", mode="2pc_then_saga", outcome="aborted"), 1)
        self.assertEqual(self.grown(before, "troth_transactions_total", mode="saga", outcome="compensated"), 1)
        self.assertEqual(self.grown(before, "troth_compensations_total"), 2)

    def falls_back(self, cause, down, up):
        """A checkout while payments is down, and how often each cause of a fallback was counted for it."""
        before = self.metrics()
        down()
        gtid = self.system.checkout(self.number, prefer="respond-async").json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 30, "it fell back")
        up()
        self.assertEqual(self.system.ended(gtid, "committed")["fallback"]["cause"], cause)
        self.assertEqual({name: self.grown(before, "troth_fallbacks_total", cause=name)
                          for name in ("timeout", "unreachable", "restarted")},
                         {"timeout": 0, "unreachable": 0, "restarted": 0, cause: 1})
        self.assertEqual(self.grown(before, "troth_transactions_total", mode="2pc_then_saga", outcome="committed"), 1)

    def test_a_fallback_counts_with_its_cause(self):
        proxy = self.system.proxies["payments"]  # takes the request, and nobody answers
        self.falls_back("timeout", lambda: proxy.hold("request"), proxy.release)

    def test_a_fallback_since_nobody_could_be_reached(self):
        payments = self.system.shops["payments"]
        self.assertEqual(self.trothd.register("payments", f"{payments.url}/").status, 200)
        try:
            self.falls_back("unreachable", payments.kill9, payments.start)
        finally:
            proxy = self.system.proxies["payments"]
            self.assertEqual(self.trothd.register("payments", f"http://127.0.0.1:{proxy.port}/").status, 200)

    def test_spent_retries_park_and_an_operator_resumes(self):
        before = self.metrics()
        gtid = self.parked()
        self.assertEqual((self.step(gtid, "seats"), self.step(gtid, "quota")), ("parked", "compensated"))
        self.assertEqual(self.metrics().value("troth_parked_transactions"), 1)
        self.assertEqual(self.grown(before, "troth_steps_parked_total"), 1)
        self.assertEqual(self.metrics().value("troth_participant_reachable", participant="accounts"), 0)
        self.assertIn(gtid, self.ctl("tx", "list", "--state", "parked"))
        self.assertNotIn(gtid, self.ctl("tx", "list", "--state", "compensating"))
        self.assertIn("is parked, an operator must look", self.ctl("tx", "show", gtid))
        # The others go on.
        other = self.system.checkout(self.number).json
        self.assertEqual(other["outcome"], "committed")
        self.ctl("tx", "retry", other["gtid"], status=4)
        # The participant is still down: it is tried again, and parked again.
        self.ctl("tx", "retry", gtid)
        wait_until(lambda: self.grown(before, "troth_steps_parked_total") == 2, 30, "it is parked again")
        self.system.shops["accounts"].start()
        self.assertIn("compensating", self.ctl("tx", "retry", gtid))
        shown = self.system.ended(gtid, "compensated")
        self.assertEqual([entry["moment"] for entry in shown["timeline"]].count("resumed"), 2, shown)
        self.assertEqual(self.system.effects(gtid), {"accounts": (1, 1), "analytics": (1, 1)})
        self.assertEqual(self.metrics().value("troth_parked_transactions"), 0)
        self.assertEqual(self.grown(before, "troth_compensations_total"), 2)
        self.assertEqual(self.grown(before, "troth_steps_resumed_total"), 2)
        self.assertNotIn(gtid, self.ctl("tx", "list", "--state", "parked"))

    def test_what_is_not_parked_is_not_resumed(self):
        self.system.proxies["billing"].refuse()
        gtid = self.system.upgrade(self.number, prefer="respond-async").json["gtid"]
        reply = self.trothd.post(f"/v1/transactions/{gtid}/retry")
        self.assertEqual(reply.status, 409, reply)
        self.assertTrue(reply.json["type"].endswith("/wrong-state"), reply)
        self.system.proxies["billing"].accept()
        ended = self.trothd.wait_outcome(gtid, 60)["gtid"]
        reply = self.trothd.post(f"/v1/transactions/{ended}/retry")
        self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[1]), (409, "ended"), reply)
        reply = self.trothd.post(f"/v1/transactions/{gtid[:-4]}ffff/retry")
        self.assertEqual(reply.status, 404, reply)

    def moments(self, gtid):
        return [entry["moment"] for entry in self.trothd.show(gtid)["timeline"]]

    def parked_abort(self):
        """Two steps that fell back and are committed; their participant refuses to abort attempt 1."""
        scripted = Scripted()
        self.addCleanup(scripted.end.set)
        self.assertIn(self.trothd.register("scripted", scripted.url, "http").status, (200, 201))
        steps = [{"name": name, "participant": "scripted", "operation": name, "input": {},
                  "compensate": {"operation": f"undo_{name}", "input": {}}} for name in ("one", "two")]
        applied = self.trothd.apply({"name": f"stuck_{self.number}", "version": 1, "mode": "2pc_then_saga",
                                     "timeout": "5m", "prepare_timeout": "500ms", "steps": steps})
        self.assertEqual(applied.status, 201, applied)
        scripted.answers[("two", "prepare")] = [SILENCE]
        scripted.answers[("two", "abort")] = [REFUSED]
        reply = self.trothd.submit(f"stuck_{self.number}", {}, prefer="wait=20")
        self.assertEqual((reply.status, reply.json["outcome"]), (201, "committed"), reply)
        gtid = reply.json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 30, "its abort is parked")
        return scripted, gtid

    def test_a_refused_abort_of_attempt_1_is_parked_and_an_operator_resumes(self):
        before = self.metrics()
        scripted, gtid = self.parked_abort()
        shown = self.trothd.show(gtid)
        self.assertEqual((shown["state"], shown["outcome"]), ("parked", "committed"))
        self.assertEqual(shown["steps"][1]["earlier_abort"],
                         {"attempt": 1, "state": "parked", "tries": 1, "reason": "scripted"}, shown)
        self.assertNotIn("earlier_abort", shown["steps"][0])
        self.assertEqual(self.metrics().value("troth_parked_transactions"), 1)
        self.assertEqual(self.grown(before, "troth_steps_parked_total"), 1)
        self.assertIn(gtid, self.ctl("tx", "list", "--state", "parked"))
        self.assertIn("refused the abort of attempt 1", self.ctl("tx", "show", gtid))
        aborts = [(entry["moment"], entry.get("result")) for entry in shown["timeline"]
                  if entry.get("branch") == 2 and (entry.get("op") == "abort" or entry["moment"] == "parked")
                  and entry["attempt"] == 1]
        self.assertEqual(aborts, [("sent", None), ("answered", "refused"), ("parked", None)], shown)
        self.ctl("tx", "retry", gtid)
        wait_until(lambda: self.grown(before, "troth_steps_parked_total") == 2, 30, "it is parked again")
        self.assertEqual(scripted.count(gtid, "two", "abort"), 2)
        # A new leader asks by itself, and parks it again; it knows nothing of the operator before it.
        self.trothd.kill9()
        self.trothd.launch()
        self.trothd.wait_ready()
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 30, "it is parked as before")
        self.assertEqual(scripted.count(gtid, "two", "abort"), 3)
        self.assertEqual(self.metrics().value("troth_parked_transactions"), 1)
        self.assertNotIn("resumed", self.moments(gtid))
        scripted.answers[("two", "abort")] = [DONE]
        self.ctl("tx", "retry", gtid)
        ended = self.system.ended(gtid, "committed")
        self.assertNotIn("earlier_abort", json.dumps(ended))
        self.assertEqual((self.moments(gtid)[0], self.moments(gtid).count("resumed")), ("recovered", 1))
        self.assertEqual(self.metrics().value("troth_parked_transactions"), 0)
        self.assertEqual(self.metrics().value("troth_steps_resumed_total"), 1)
        self.assertEqual([scripted.count(gtid, name, "execute") for name in ("one", "two")], [1, 1])
        self.assertEqual([scripted.count(gtid, f"undo_{name}", "compensate") for name in ("one", "two")], [0, 0])

    def test_a_restart_counts_nothing_twice(self):
        """What was parked is parked again; what was counted before the restart is not counted behind it. Metrics are
        answered also while there is no journal."""
        gtid = self.parked()
        self.assertEqual(self.system.checkout(self.number).json["outcome"], "committed")
        wait_until(lambda: self.system.postgres.value(
            "journal", "select count(*) from troth.record where gtid = %s and payload like '%%undo_parked%%'",
            (gtid,)) == 1, 30, "the journal knows that it is parked")
        self.trothd.kill9()
        self.system.proxies["journal"].refuse()
        self.trothd.launch()
        wait_until(lambda: self.trothd.get("/metrics").status == 200, 30, "metrics without a journal")
        self.assertEqual((self.metrics().value("troth_leading"), self.metrics().value("troth_journal_connected")),
                         (0, 0))
        self.assertEqual(self.trothd.get(f"/v1/transactions/{gtid}").status, 503)
        self.system.proxies["journal"].accept()
        self.trothd.wait_ready()
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 30, "it is parked as before")
        wait_until(lambda: self.metrics().value("troth_open_transactions") == 1, 30, "the checkout has ended")
        after = self.metrics()
        self.assertEqual(after.value("troth_parked_transactions"), 1)
        for (name, labels), value in after.items():
            if name in ("troth_transactions_total", "troth_fallbacks_total", "troth_compensations_total",
                        "troth_steps_parked_total"):
                self.assertEqual(value, 0, (name, labels))
        self.system.shops["accounts"].start()
        self.ctl("tx", "retry", gtid)
        self.system.ended(gtid, "compensated")
        self.assertEqual(self.system.effects(gtid), {"accounts": (1, 1), "analytics": (1, 1)})
        after = self.metrics()
        self.assertEqual(after.value("troth_compensations_total"), 1)
        self.assertEqual(after.value("troth_transactions_total", mode="saga", outcome="compensated"), 1)


if __name__ == "__main__":
    main()
