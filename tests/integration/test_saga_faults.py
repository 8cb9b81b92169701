"""Faults of sagas and of the fallback that were seen in other systems, each by its number in the list of faults: on
real databases and processes, and where calls are counted at a participant that answers as a test says."""

import json
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, NOT_NOW, REFUSED, SILENCE, UNKNOWN, Scripted  # noqa: E402
from shop_system import CHECKOUT, UPGRADE, ShopSystem  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

NEVER = b"\0never"  # a pattern that does not come by


def retry(attempts, interval="50ms"):
    return {"interval": interval, "backoff": 1.0, "max_attempts": attempts, "jitter": "none"}


RETRIES = {"once": retry(1), "two": retry(2), "two_slow": retry(2, "2s"), "three": retry(3), "endless": retry(0)}
SEATS = {"name": "seats", "participant": "accounts", "operation": "grant_seats", "retry": "endless",
         "input": {"tenant": "${input.tenant}", "seats": 3},
         "compensate": {"operation": "revoke_seats", "input": {"grant": "${steps.seats.output.grant}"},
                        "retry": "endless"}}
QUOTA = {"name": "quota", "participant": "analytics", "operation": "raise_quota", "retry": "endless",
         "input": {"tenant": "${input.tenant}", "plan": "team"},
         "compensate": {"operation": "restore_quota", "input": {"previous": "${steps.quota.output.previous}"},
                        "retry": "endless"}}
CHARGE = {"name": "charge", "participant": "billing", "operation": "charge", "retry": "endless",
          "input": {"tenant": "${input.tenant}", "price": 10},
          "compensate": {"operation": "charge", "input": {"invoice": "${steps.charge.output.invoice}"},
                         "retry": "endless"}}


def act(name="act", forward="two", back="endless", **more):
    return {"name": name, "participant": "scripted", "operation": name, "timeout": "700ms", "retry": forward,
            "input": {}, "compensate": {"operation": f"undo_{name}", "input": {}, "retry": back}, **more}


class SagaFaults(TrothTest):
    number = 0  # tenant, account and definition; each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(shop_options={"tenants": 60}, database_proxies=True, call_timeout="1s",
                                lazy_delay="10ms").start()
        cls.trothd = cls.system.trothd
        cls.postgres = cls.system.postgres

    def setUp(self):
        SagaFaults.number += 1
        self.tenant = f"tenant_{self.number}"
        self.scripted = Scripted()
        assert self.trothd.register("scripted", self.scripted.url, "http").status in (200, 201)

    def tearDown(self):
        self.scripted.end.set()
        for proxy in self.system.proxies.values():
            proxy.cut_at("request", NEVER)
        self.system.heal()

    # --- what tests do

    def begin(self, *steps, timeout="5m", mode="saga", input_=None, **more):
        definition = {"name": f"fault_{self.number}", "version": 1, "mode": mode, "timeout": timeout,
                      "retries": RETRIES, "steps": list(steps), **more}
        reply = self.trothd.apply(definition)
        self.assertIn(reply.status, (200, 201), reply)
        return self.start(input_)

    def start(self, input_=None):
        reply = self.trothd.submit(f"fault_{self.number}", input_ or {"tenant": self.tenant}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def cancel(self, gtid):
        reply = self.trothd.post(f"/v1/transactions/{gtid}/abort", {}, headers={"Prefer": "respond-async"})
        self.assertIn(reply.status, (200, 202), reply)

    def ended(self, gtid, outcome):
        return self.system.ended(gtid, outcome)

    def effects(self, gtid, **expected):
        self.assertEqual(self.system.effects(gtid), expected)

    def records(self, gtid):
        return self.postgres.value("journal", "select count(*) from troth.record where gtid = %s", (gtid,))

    def value(self, database, statement):
        return self.postgres.value(database, statement, (self.tenant,))

    def untouched(self):
        self.assertEqual(self.value("accounts", "select free from seat_pool where tenant = %s"), 100)
        self.assertEqual(self.value("analytics", "select searches from quota where tenant = %s"), 0)
        self.assertEqual(self.value("billing", "select balance from credit where tenant = %s"), 1000)

    def lock(self, database, statement, value):
        """A session that holds the row until it is closed."""
        session = psycopg2.connect(self.postgres.to(database))
        self.addCleanup(session.close)
        session.cursor().execute(statement + " for update", (value,))
        return session

    def waits_for_a_lock(self, database):
        return self.postgres.value("postgres", "select count(*) from pg_stat_activity where datname = %s"
                                   " and wait_event_type = 'Lock'", (database,)) > 0

    def in_background(self, call):
        """Returns a function that waits for the result."""
        results = []
        thread = threading.Thread(target=lambda: results.append(call()))
        thread.start()

        def result():
            thread.join(30)
            return results[0]
        return result

    def fresh_gtid(self):
        """Of this journal, of a transaction that trothd does not run any more."""
        self.scripted.answers["act", "execute"] = [DONE]
        gtid = self.begin(act())
        self.ended(gtid, "committed")
        return gtid

    # --- 21

    def test_21_killed_before_any_result_was_written_then_cancelled(self):
        """Fault 21: three steps done, crash before the results were written: every one of them is compensated."""
        self.trothd.options["lazy_delay"] = "10s"
        self.trothd.restart()
        try:
            self.scripted.answers["act", "execute"] = [SILENCE]
            last = {**act(forward="endless"), "timeout": "30s", "after": ["seats", "quota", "charge"]}
            gtid = self.begin(SEATS, {**QUOTA, "after": []}, {**CHARGE, "after": []}, last)
            done = {"accounts": (1, 0), "analytics": (1, 0), "billing": (1, 0)}
            wait_until(lambda: self.system.effects(gtid) == done and self.scripted.calls, 20, "three steps done")
            self.trothd.kill9()
            self.assertEqual(self.records(gtid), 0)
        finally:
            self.trothd.options["lazy_delay"] = "10ms"
        for name in UPGRADE:  # the new leader cannot learn by asking again
            self.system.proxies[name].refuse()
        self.trothd.start()
        self.cancel(gtid)
        wait_until(lambda: self.trothd.show(gtid)["state"] == "compensating", 20, "it turned")
        for name in UPGRADE:
            self.system.proxies[name].accept()
        self.ended(gtid, "compensated")
        self.effects(gtid, accounts=(1, 1), analytics=(1, 1), billing=(1, 1))
        self.untouched()

    # --- 22

    def grant(self, gtid, op, **options):
        operation = "revoke_seats" if op == "compensate" else "grant_seats"
        return self.system.send("accounts", op, gtid, operation, {"tenant": self.tenant, "seats": 3}, branch=9,
                                **options)

    def test_22_a_compensation_before_its_action_and_twice(self):
        """Fault 22: it finds nothing to undo, and the action that comes later is refused."""
        gtid = self.fresh_gtid()
        self.assertEqual([self.grant(gtid, "compensate")["result"] for _ in range(2)], ["done", "done"])
        self.assertEqual(self.grant(gtid, "execute")["result"], "refused")
        self.assertEqual(self.grant(gtid, "prepare")["result"], "refused")
        self.effects(gtid)
        self.untouched()

    def test_22_a_compensation_twice_at_once(self):
        """Fault 22: two of them beside each other undo once."""
        gtid = self.fresh_gtid()
        self.assertEqual(self.grant(gtid, "execute")["result"], "done")
        session = self.lock("accounts", "select * from seat_pool where tenant = %s", self.tenant)
        both = [self.in_background(lambda: self.grant(gtid, "compensate")) for _ in range(2)]
        wait_until(lambda: self.waits_for_a_lock("accounts"), 10, "one waits")
        session.close()
        results = {result()["result"] for result in both}
        self.assertLessEqual(results, {"done", "retry"})
        self.assertEqual(self.grant(gtid, "compensate")["result"], "done")
        self.effects(gtid, accounts=(1, 1))
        self.untouched()

    def test_22_a_compensation_while_its_action_runs(self):
        """Fault 22: the action waits for a row that another session holds; its compensation is not "done" before."""
        gtid = self.fresh_gtid()
        session = self.lock("accounts", "select * from seat_pool where tenant = %s", self.tenant)
        action = self.in_background(lambda: self.grant(gtid, "execute", timeout="20s"))
        wait_until(lambda: self.waits_for_a_lock("accounts"), 10, "the action runs")
        self.assertEqual(self.grant(gtid, "compensate")["result"], "retry")
        session.close()
        action()
        self.assertEqual(self.grant(gtid, "compensate")["result"], "done")
        self.assertIn(self.system.effects(gtid), ({}, {"accounts": (1, 1)}))
        self.assertEqual(self.grant(gtid, "execute")["result"] == "done", self.system.effects(gtid) != {})
        self.untouched()

    def test_22_a_saga_compensates_a_step_that_still_runs(self):
        """Fault 22: as above, in a saga that is cancelled: the compensation is tried again until it knows."""
        session = self.lock("accounts", "select * from seat_pool where tenant = %s", self.tenant)
        gtid = self.begin(QUOTA, {**SEATS, "timeout": "20s", "retry": "once"})
        wait_until(lambda: self.waits_for_a_lock("accounts"), 20, "the action runs")
        cancelled = self.in_background(lambda: self.cancel(gtid))
        wait_until(lambda: [entry for entry in self.trothd.show(gtid)["timeline"]
                            if (entry["moment"], entry.get("op")) == ("answered", "compensate")
                            and entry.get("result") == "retry"], 20, "the compensation was told to come again")
        session.close()
        cancelled()
        self.ended(gtid, "compensated")
        self.assertIn(self.system.effects(gtid).get("accounts"), (None, (1, 1)))
        self.assertEqual(self.system.effects(gtid)["analytics"], (1, 1))
        self.untouched()

    # --- 23

    def test_23_a_compensation_that_fails_for_long_is_parked(self):
        """Fault 23: parked when its retries are spent, visible, and others are not delayed: neither independent steps
        nor other transactions. The step that it depends on waits."""
        self.scripted.answers["undo_act", "compensate"] = [UNKNOWN]
        self.scripted.answers["fail", "execute"] = [REFUSED]
        fail = {"name": "fail", "participant": "scripted", "operation": "fail", "kind": "pivot", "input": {}}
        gtid = self.begin(SEATS, act(back="three", after=["seats"]), {**QUOTA, "after": []},
                          {**fail, "after": ["act", "quota"]})
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked")
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 3)
        self.effects(gtid, accounts=(1, 0), analytics=(1, 1))
        shown = self.trothd.show(gtid)
        self.assertEqual({step["name"]: step["state"] for step in shown["steps"]},
                         {"seats": "done", "act": "parked", "quota": "compensated", "fail": "refused"})
        self.assertEqual((shown["outcome"], shown["failure"]["step"]), (None, "fail"), shown)
        listed = self.trothd.get(f"/v1/transactions?definition=fault_{self.number}").json["transactions"]
        self.assertEqual([(other["gtid"], other["state"]) for other in listed], [(gtid, "parked")])
        other = self.start_other()
        self.ended(other, "committed")
        # Restarted, it is what it was: parked, and not tried again.
        wait_until(lambda: self.postgres.value(
            "journal", "select count(*) from troth.record where gtid = %s and payload like '%%parked%%'", (gtid,)) > 0,
            20, "the journal knows it")
        self.trothd.kill9()
        self.trothd.start()
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked again")
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 3)
        self.effects(gtid, accounts=(1, 0), analytics=(1, 1))

    def start_other(self):
        reply = self.trothd.submit("upgrade_subscription", {
            "tenant": self.tenant, "plan": "team", "seats": 1, "price": 1}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    # --- 24

    def two_tries(self, answer, cause):
        self.scripted.answers["act", "execute"] = [answer]
        gtid = self.begin(SEATS, act(forward="two"))
        shown = self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), 2)
        self.assertEqual((shown["failure"]["step"], shown["failure"]["cause"]), ("act", cause), shown)
        # It may have run: it is compensated, once.
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 1)
        self.effects(gtid, accounts=(1, 1))

    def test_24_two_tries_that_time_out(self):
        """Fault 24: a timeout counts; a limit of 2 means two tries."""
        self.two_tries(SILENCE, "timeout")

    def test_24_two_tries_with_an_unknown_answer(self):
        """Fault 24: so does an answer that proves nothing."""
        self.two_tries(UNKNOWN, "timeout")

    def test_24_two_tries_with_a_restart_between_them(self):
        """Fault 24: the count and the time of the next try survive a restart."""
        self.scripted.answers["act", "execute"] = [UNKNOWN]
        gtid = self.begin(act(forward="two_slow"))
        wait_until(lambda: self.scripted.count(gtid, "act", "execute") == 1 and self.records(gtid) == 1, 20,
                   "the first try failed, and the journal knows it")
        self.trothd.kill9()
        self.trothd.start()
        self.ended(gtid, "compensated")
        tries = self.scripted.times(gtid, "act", "execute")
        self.assertEqual(len(tries), 2)
        self.assertGreaterEqual(tries[1] - tries[0], 1.9)

    def killed_during(self, gtid, operation, op, number):
        """trothd dies while the call with that number has no answer yet, and comes back."""
        wait_until(lambda: self.scripted.count(gtid, operation, op) == number, 20, f"call {number}")
        self.trothd.kill9()
        self.trothd.start()

    def test_24_killed_during_the_first_try_of_two(self):
        """Fault 24: it counts, although the journal knows nothing of it."""
        self.scripted.answers["act", "execute"] = [SILENCE]
        gtid = self.begin({**act(forward="two"), "timeout": "3s"})
        self.killed_during(gtid, "act", "execute", 1)
        self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), 2)

    def test_24_killed_during_the_last_try(self):
        """Fault 24: there is no third one: it may have run, and is compensated."""
        for forward, tries in (("once", 1), ("two", 2)):
            with self.subTest(forward=forward):
                SagaFaults.number += 1
                self.scripted.answers["act", "execute"] = [UNKNOWN] * (tries - 1) + [SILENCE]
                gtid = self.begin(SEATS, {**act(forward=forward), "timeout": "20s"})
                self.killed_during(gtid, "act", "execute", tries)
                shown = self.ended(gtid, "compensated")
                self.assertEqual((shown["failure"]["step"], shown["failure"]["cause"]), ("act", "restarted"), shown)
                self.assertEqual(self.scripted.count(gtid, "act", "execute"), tries)
                self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 1)
                self.effects(gtid, accounts=(1, 1))

    def test_24_killed_during_the_last_compensation(self):
        """Fault 24: the same for compensations: parked, until an operator says again."""
        self.scripted.answers["undo_act", "compensate"] = [UNKNOWN, SILENCE, DONE]
        self.scripted.answers["fail", "execute"] = [REFUSED]
        fail = {"name": "fail", "participant": "scripted", "operation": "fail", "kind": "pivot", "input": {}}
        gtid = self.begin({**act(back="two"), "timeout": "20s"}, fail)
        self.killed_during(gtid, "undo_act", "compensate", 2)
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked")
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 2)
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry", {}).status, 200)
        self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 3)

    # --- 25

    def past(self, gtid, seconds):
        began = self.postgres.value("journal", "select extract(epoch from began_at) from troth.txn where gtid = %s",
                                    (gtid,))
        wait_until(lambda: time.time() > float(began) + seconds, seconds + 5, "its timeout has passed")

    def test_25_a_late_timeout_of_a_committed_saga(self):
        """Fault 25: nothing is rolled back, also not by a new leader."""
        gtid = self.begin(SEATS, act(), timeout="3s")
        self.ended(gtid, "committed")
        self.past(gtid, 3.2)
        self.trothd.kill9()
        self.trothd.start()
        self.assertEqual(self.trothd.show(gtid)["outcome"], "committed")
        self.effects(gtid, accounts=(1, 0))
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 0)

    def test_25_a_timeout_while_the_outcome_is_being_written(self):
        """Fault 25: the last step is done, and the journal does not answer until the timeout has passed."""
        journal = self.system.proxies["journal"]
        self.scripted.before["act", "execute"] = lambda: journal.hold("reply")
        gtid = self.begin(SEATS, act(), timeout="3s")
        wait_until(lambda: self.scripted.calls, 20, "the last step")
        self.past(gtid, 3.5)
        journal.release()
        self.ended(gtid, "committed")
        self.effects(gtid, accounts=(1, 0))
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 0)

    # --- 26

    def turned_back(self, gtid, cause):
        shown = self.ended(gtid, "compensated")
        self.assertEqual(shown["failure"]["cause"], cause, shown)
        self.effects(gtid, accounts=(1, 1), analytics=(1, 1))
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 1)
        self.untouched()

    def half_done(self, **more):
        """Two steps are done, the third may have run."""
        self.scripted.answers["act", "execute"] = [SILENCE]
        gtid = self.begin(SEATS, QUOTA, {**act(forward="endless"), "timeout": "20s"}, **more)
        wait_until(lambda: self.scripted.calls, 20, "the third step")
        return gtid

    def test_26_a_cancel_runs_the_compensations(self):
        """Fault 26: also of the step that is under way."""
        gtid = self.half_done()
        self.cancel(gtid)
        self.turned_back(gtid, "cancelled")

    def test_26_the_whole_timeout_runs_the_compensations(self):
        """Fault 26: the timeout, without anybody's call."""
        self.turned_back(self.half_done(timeout="4s"), "timeout")

    def test_26_the_whole_timeout_passes_while_trothd_is_down(self):
        """Fault 26: the new leader finds it has passed."""
        gtid = self.half_done(timeout="4s")
        self.trothd.kill9()
        self.past(gtid, 4.2)
        self.trothd.start()
        self.turned_back(gtid, "timeout")

    # --- 27

    def test_27_the_forward_count_does_not_leak_into_compensation(self):
        """Fault 27: both tries forward are spent, and the compensation has its own two."""
        self.scripted.answers["act", "execute"] = [UNKNOWN]
        self.scripted.answers["undo_act", "compensate"] = [UNKNOWN, DONE]
        gtid = self.begin(act(forward="two", back="two"))
        self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), 2)
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 2)

    def test_27_nor_across_a_restart(self):
        """Fault 27: the same when a new leader compensates."""
        self.scripted.answers["act", "execute"] = [UNKNOWN]
        self.scripted.answers["undo_act", "compensate"] = [SILENCE, UNKNOWN, DONE]
        gtid = self.begin({**act(forward="two", back="three"), "timeout": "20s"})
        wait_until(lambda: self.scripted.count(gtid, "undo_act", "compensate") == 1, 20, "it compensates")
        self.trothd.kill9()
        self.trothd.start()
        self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), 2)
        self.assertEqual(self.scripted.count(gtid, "undo_act", "compensate"), 3)

    # --- 34

    CHECKED_OUT = {name: (1, 0) for name in CHECKOUT}

    def checkout(self):
        reply = self.system.checkout(self.number, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def checked_out(self, gtid):
        shown = self.ended(gtid, "committed")
        self.assertEqual(shown["attempt"], 2, shown)
        self.effects(gtid, **self.CHECKED_OUT)
        self.assertEqual(self.postgres.value("payments", "select balance from account where id = %s", (self.number,)),
                         900)

    def charge(self, op, gtid, **options):
        return self.system.send("payments", op, gtid, "charge", {"account": self.number, "amount": 100}, branch=2,
                                **options)

    def test_34_an_abort_of_attempt_1_after_the_execute_of_attempt_2(self):
        """Fault 34: it changes nothing; nor does a prepare of attempt 1 that comes then: what is done is done, and
        only its stored reply comes back."""
        proxy = self.system.proxies["payments"]
        proxy.cut_at("reply", b'"vote"', then_refuse=True)
        gtid = self.checkout()
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 20, "it fell back")
        proxy.cut_at("request", b'"op":"abort"')
        proxy.accept()
        self.checked_out(gtid)
        self.assertTrue(proxy.triggered.is_set())
        self.assertEqual(self.charge("abort", gtid, attempt=1)["result"], "done")
        late = self.charge("prepare", gtid, attempt=1)
        self.assertEqual(late["output"]["balance"], 900, late)
        self.assertEqual(self.postgres.prepared(f"%{gtid}%"), [])
        self.checked_out(gtid)

    def test_34_a_prepare_of_attempt_1_still_runs_when_execute_of_attempt_2_arrives(self):
        """Fault 34: the lower one is ended, whatever it waits for, and the work is done once."""
        gtid = self.fresh_gtid()
        session = self.lock("payments", "select * from account where id = %s", self.number)
        prepare = self.in_background(lambda: self.charge("prepare", gtid, attempt=1, timeout="20s"))
        wait_until(lambda: self.waits_for_a_lock("payments"), 10, "attempt 1 is preparing")
        execute = self.in_background(lambda: self.charge("execute", gtid, attempt=2, timeout="20s"))
        self.assertNotEqual(prepare()["result"], "vote")  # ended while the other session still holds the row
        session.close()
        answer = execute()
        if answer["result"] == "retry":
            answer = self.charge("execute", gtid, attempt=2)
        self.assertEqual(answer["result"], "done", answer)
        self.effects(gtid, payments=(1, 0))
        self.assertEqual(self.postgres.prepared(f"%{gtid}%"), [])

    def test_34_killed_between_rollback_prepared_and_its_acknowledgement(self):
        """Fault 34: attempt 1's branch is gone, nobody was told, and the participant is new."""
        proxy, database = self.system.proxies["payments"], self.system.databases["payments"]
        proxy.cut_at("reply", b'"vote"', then_refuse=True)
        gtid = self.checkout()
        wait_until(lambda: self.trothd.show(gtid)["attempt"] == 2, 20, "it fell back")
        database.cut_at("reply", b"ROLLBACK PREPARED\0", then_refuse=True)
        proxy.accept()
        wait_until(database.triggered.is_set, 20, "rolled back")
        self.system.shops["payments"].kill9()
        self.assertEqual(self.postgres.prepared(f"%{gtid}_2_%"), [])
        self.assertNotIn("payments", self.system.effects(gtid))
        database.accept()
        self.system.shops["payments"].start()
        self.checked_out(gtid)

    # --- 37

    def test_37_a_refused_step_whose_duplicate_would_succeed(self):
        """Fault 37: the refusal stands, with its words, though there are seats by now."""
        gtid = self.begin({**SEATS, "input": {"tenant": "${input.tenant}", "seats": 150}})
        shown = self.ended(gtid, "compensated")
        self.assertEqual((shown["failure"]["cause"], shown["failure"]["reason"]), ("refused", "not enough seats"))
        self.postgres.execute("accounts", "update seat_pool set free = 1000 where tenant = %s", (self.tenant,))
        late = self.system.send("accounts", "execute", gtid, "grant_seats", {"tenant": self.tenant, "seats": 150})
        self.assertEqual((late["result"], late["reason"]), ("refused", "not enough seats"))
        self.effects(gtid)

    # --- 39

    RESERVE = {"name": "reserve", "participant": "inventory", "operation": "reserve", "retry": "endless",
               "input": {"sku": "sku_1", "quantity": 1},
               "compensate": {"operation": "release", "input": {"id": "${steps.reserve.output.id}"}}}
    BOOK = {"name": "book", "participant": "shipping", "operation": "book", "kind": "pivot", "retry": "endless",
            "input": {"order_id": "o", "reservation": "${steps.reserve.output.id}"}}

    def handed_over(self, restart, book=BOOK):
        """The vote of `reserve` is lost; asked again, it votes yes and cannot read its output; `book` needs it."""
        proxy = self.system.proxies["inventory"]
        proxy.cut_at("reply", b'"vote"', then_refuse=True)
        gtid = self.begin(self.RESERVE, book, mode="2pc_then_saga", prepare_timeout="20s")
        wait_until(proxy.triggered.is_set, 20, "the vote is lost")
        wait_until(lambda: self.postgres.prepared(f"%{gtid}_1_%"), 20, "it is prepared")
        if restart:
            self.system.shops["inventory"].kill9()
            self.system.shops["inventory"].start()
        proxy.accept()
        shown = self.trothd.wait_outcome(gtid)
        return gtid, shown

    def test_39_a_repeated_prepare_at_the_same_process(self):
        """Fault 39: it has the output in memory."""
        gtid, shown = self.handed_over(restart=False)
        self.assertEqual(shown["outcome"], "committed", shown)
        self.effects(gtid, inventory=(1, 0), shipping=(1, 0))

    def test_39_a_repeated_prepare_at_a_restarted_participant(self):
        """Fault 39: nobody can read the output before the commit: attempt 1 is given up for a saga, which finds it
        again."""
        gtid, shown = self.handed_over(restart=True)
        self.assertEqual((shown["outcome"], shown["attempt"]), ("committed", 2), shown)
        self.assertEqual((shown["fallback"]["cause"], shown["fallback"]["step"]), ("input", "book"), shown)
        self.assertEqual(shown["fallback"]["reason"], "${steps.reserve.output.id} is not there", shown)
        self.effects(gtid, inventory=(1, 0), shipping=(1, 0))
        wait_until(lambda: not self.postgres.prepared(f"%{gtid}%"), 20, "nothing of it is prepared")

    def test_39_a_condition_on_an_output_that_was_lost(self):
        """Fault 39: nobody guesses what the condition says: the saga finds out."""
        book = {**self.BOOK, "when": {"value": "${steps.reserve.output.id}", "exists": True},
                "input": {"order_id": "o", "reservation": 1}}
        gtid, shown = self.handed_over(restart=True, book=book)
        self.assertEqual((shown["outcome"], shown["attempt"]), ("committed", 2), shown)
        self.assertEqual(shown["fallback"]["cause"], "input", shown)
        self.effects(gtid, inventory=(1, 0), shipping=(1, 0))


if __name__ == "__main__":
    main()
