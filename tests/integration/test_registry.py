"""What is registered, while it is in use: participants, definitions, their life and what each is told."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, SILENCE, Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

BANKS = ("bank_a", "bank_b")


def step(name, participant, **members):
    return {"name": name, "participant": participant, "operation": "work", **members}


class Registrations(TrothTest):
    """Beside the banks, participants that answer as the test says; each has one slot."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(bank_options={"sweep_interval": 1}, tokens=True).start()
        cls.trothd = cls.system.trothd

    def setUp(self):
        self.one, self.two = Scripted(), Scripted()
        self.put("one", self.one, 1)
        self.put("two", self.two, 1)

    def tearDown(self):
        for scripted in (self.one, self.two):
            scripted.answers.clear()
            scripted.end.set()
        wait_until(lambda: self.trothd.get("/readyz").json["open_transactions"] == 0, 60, "all have ended")

    def put(self, name, scripted, slots):
        reply = self.trothd.put(f"/v1/participants/{name}",
                                {"binding": "http", "urls": [scripted.url], "slots": slots})
        self.assertIn(reply.status, (200, 201), reply)

    def publish(self, name, steps, mode="2pc", **members):
        reply = self.trothd.apply({"name": name, "version": 1, "mode": mode, "steps": steps, **members})
        self.assertIn(reply.status, (200, 201), reply)

    def begin(self, definition):
        reply = self.trothd.submit(definition, {}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def status(self, name):
        return self.trothd.get(f"/v1/participants/{name}").json["status"]

    def test_guard_rows_of_every_shard_leave_at_every_bank(self):
        """Each participant goes round all shards by itself: however the requests of two banks alternate, none of them
        keeps the guard rows of half the shards for ever."""
        gtids = [self.system.transfer(1, 1, 1).json["gtid"] for _ in range(48)]
        self.assertEqual(len({gtid[15:18] for gtid in gtids}), 16, "three of each shard")

        def gone():
            self.assertEqual(self.system.transfer(2, 2, 1).status, 201)  # marks come with requests
            left = [self.system.postgres.value(
                bank, "select count(*) from troth_guard.guard where gtid = any(%s::uuid[])", (gtids,))
                for bank in BANKS]
            return left == [0, 0]
        wait_until(gone, 60, "the guard rows of 48 transfers are gone at both banks")

    def test_the_guard_row_of_what_is_parked_stays(self):
        """A saga is parked for longer than the rows of all others stay: its compensation finds what it undoes."""
        self.publish("undone", [
            {"name": "take", "participant": "bank_a", "operation": "debit", "input": {"account": 3, "amount": 5},
             "compensate": {"operation": "debit", "input": {"account": 3, "amount": 5}, "retry": "once"}},
            step("give", "one")], mode="saga", retries={"once": {"interval": "30ms", "max_attempts": 1}})
        self.one.before["work", "execute"] = self.system.proxies["bank_a"].refuse
        self.one.answers["work", "execute"] = [REFUSED]
        before = self.system.balance("bank_a", 3)
        gtid = self.begin("undone")
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 30, "it is parked")
        self.assertEqual(self.system.balance("bank_a", 3), before - 5)
        self.system.proxies["bank_a"].accept()
        later = [self.system.transfer(1, 1, 1).json["gtid"] for _ in range(48)]

        def rows(gtids):
            return self.system.postgres.value(
                "bank_a", "select count(*) from troth_guard.guard where gtid = any(%s::uuid[])", (gtids,))

        def gone():
            self.assertEqual(self.system.transfer(2, 2, 1).status, 201)  # marks come with requests
            return rows([other for other in later if other[15:18] != gtid[15:18]]) == 0
        wait_until(gone, 60, "the rows of what came later, in other shards, are gone")
        self.assertEqual(rows([gtid]), 1)
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")
        self.assertEqual(self.system.balance("bank_a", 3), before)

    def test_a_participant_that_open_transactions_need_is_not_deleted(self):
        self.one.answers["work", "prepare"] = [SILENCE]
        self.publish("alone", [step("a", "one"), step("b", "two")])
        gtid = self.begin("alone")
        wait_until(lambda: self.one.count(gtid, "work", "prepare"), 30, "its prepare is out")
        for name in ("one", "two"):  # two has voted: the decision is still to come
            refused = self.trothd.delete(f"/v1/participants/{name}")
            self.assertEqual((refused.status, refused.json["type"].rsplit("/", 1)[1]), (409, "in-use"))
            self.assertIn("1 open transaction needs", refused.json["detail"])
            self.assertIn(gtid, refused.json["detail"])
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/abort").status, 200)
        self.trothd.wait_outcome(gtid)
        wait_until(lambda: self.trothd.get("/readyz").json["open_transactions"] == 0, 30, "its end is durable")
        named = self.trothd.delete("/v1/participants/one")  # a definition still names it
        self.assertEqual((named.status, 'definition "alone" version' in named.json["detail"]), (409, True), named)
        self.assertEqual(self.trothd.delete("/v1/participants/one?force=true").status, 204)
        self.assertEqual(self.trothd.get("/v1/participants/one").status, 404)
        self.assertEqual(self.trothd.delete("/v1/participants/one").status, 404)

    def test_registering_again_while_transactions_wait_for_slots(self):
        """However often: what waits goes the new way, and after a restart the same registration is in force."""
        self.one.answers["work", "prepare"] = [SILENCE]
        self.publish("both", [step("a", "one"), step("b", "two")], prepare_timeout="20s")
        gtids = [self.begin("both") for _ in range(4)]
        wait_until(lambda: self.one.count(gtids[0], "work", "prepare"), 30, "the first has the only slot")
        better = Scripted()
        for slots in range(2, 10):  # more often than there were places for channels that are replaced
            self.put("one", better, slots)
            self.put("two", self.two, slots)
        self.assertEqual(self.trothd.get("/v1/participants/one").json["slots"], 9)
        for gtid in gtids[1:]:  # they were waiting, and are called where it is now
            self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
            self.assertEqual(better.count(gtid, "work", "prepare"), 1)
        self.one.end.set()  # the connection breaks: the same command again, to the new address
        self.assertEqual(self.trothd.wait_outcome(gtids[0])["outcome"], "committed")
        wait_until(lambda: self.status("one")["slots_used"] == 0, 30, "no slot is lost")
        self.trothd.kill9()
        self.trothd.start()
        for name in ("one", "two"):
            self.assertEqual(self.trothd.get(f"/v1/participants/{name}").json["slots"], 9)

    def test_what_the_journal_did_not_take_is_not_in_force(self):
        """Memory and journal change together or not at all: also where the answer was lost."""
        proxy = self.system.proxies["journal"]
        proxy.drop("reply")
        with self.assertRaises(TimeoutError):
            self.trothd.put("/v1/participants/one",
                            {"binding": "http", "urls": [self.one.url], "slots": 7}, timeout=3)
        proxy.cut()
        proxy.release()
        written = wait_until(lambda: self.system.postgres.value(
            "journal", "select body::json->>'slots' from troth.participant where name = 'one'"), 30, "the row")
        wait_until(lambda: self.trothd.get("/readyz").json["ready"], 60, "it leads again")
        wait_until(lambda: str(self.trothd.get("/v1/participants/one").json["slots"]) == written, 30,
                   f"the memory says {written}, as the journal does")

    def test_a_deleted_definition_serves_what_runs_it(self):
        self.one.answers["work", "execute"] = [SILENCE]
        steps = [step("a", "one"), step("b", "two")]
        self.publish("gone", steps, mode="saga", retries={"fast": {"interval": "50ms", "max_attempts": 0}})
        gtid = self.begin("gone")
        wait_until(lambda: self.one.count(gtid, "work", "execute"), 30, "its first step is out")
        self.assertEqual(self.trothd.delete("/v1/definitions/gone?version=1").status, 204)
        self.assertEqual(self.trothd.get("/v1/definitions/gone").status, 404)
        self.assertEqual(self.trothd.submit("gone", {}).status, 422)
        other = {"name": "gone", "version": 1, "mode": "saga", "steps": steps[:1]}
        self.assertEqual(self.trothd.apply(other).status, 409)
        self.trothd.kill9()
        self.one.answers["work", "execute"] = [DONE]
        self.trothd.start()
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        wait_until(lambda: self.system.postgres.value(
            "journal", "select count(*) from troth.definition where name = 'gone'") == 0, 30, "its text has left")
        self.assertEqual(self.trothd.apply(other).status, 201)

    def test_what_can_not_be_loaded_is_parked_and_shown_everywhere(self):
        """A definition that somebody deleted from the journal, and a row that cannot be read: both count as open,
        whoever asks is told what is the matter, and the first goes on when its definition is there again."""
        self.one.answers["work", "execute"] = [SILENCE]
        steps = [step("a", "one")]
        for name in ("lost", "torn"):
            self.publish(name, steps, mode="saga", retries={"fast": {"interval": "50ms", "max_attempts": 0}})
        lost, torn = self.begin("lost"), self.begin("torn")
        for gtid in (lost, torn):
            wait_until(lambda gtid=gtid: self.one.count(gtid, "work", "execute"), 30, "its step is out")
        self.trothd.kill9()
        journal = self.system.postgres
        journal.execute("journal", "delete from troth.definition where name = 'lost'")
        mode = journal.value("journal", "select mode from troth.txn where gtid = %s", (torn,))
        journal.execute("journal", "update troth.txn set mode = 'torn' where gtid = %s", (torn,))
        self.trothd.start()
        ready = self.trothd.get("/readyz").json
        self.assertEqual((ready["open_transactions"], ready["parked_transactions"]), (2, 2))
        self.assertRegex(self.trothd.get("/metrics").body.decode(), "\ntroth_parked_transactions 2\n")
        listed = self.trothd.get("/v1/transactions?state=parked").json["transactions"]
        self.assertEqual({each["gtid"] for each in listed}, {lost, torn})
        listed = self.trothd.get("/v1/transactions").json["transactions"]
        self.assertEqual({each["gtid"] for each in listed if each["state"] == "parked"}, {lost, torn})
        for gtid, words in ((lost, 'no definition "lost" version 1'), (torn, "cannot be read")):
            shown = self.trothd.show(gtid)
            self.assertEqual((shown["state"], shown["failure"]["cause"]), ("parked", "stuck"))
            self.assertIn(words, shown["failure"]["reason"])
            for request in ("abort", "retry"):
                told = self.trothd.post(f"/v1/transactions/{gtid}/{request}")
                self.assertEqual(told.status, 409, told)
                self.assertIn(words, told.json["detail"])
        self.one.answers["work", "execute"] = [DONE]
        self.publish("lost", steps, mode="saga", retries={"fast": {"interval": "50ms", "max_attempts": 0}})
        self.assertEqual(self.trothd.post(f"/v1/transactions/{lost}/retry").status, 200)
        self.assertEqual(self.trothd.wait_outcome(lost)["outcome"], "committed")
        self.trothd.kill9()
        journal.execute("journal", "update troth.txn set mode = %s where gtid = %s", (mode, torn))
        self.trothd.start()
        self.assertEqual(self.trothd.wait_outcome(torn)["outcome"], "committed")

    def test_a_dead_participant_is_nobody_elses_trouble(self):
        """B is down, and many want A and B: those of A alone commit as ever, those of B are told so long before their
        prepare timeout, and when B is there again it is used at once, though aborts there were never acknowledged."""
        legs = [step("a", "bank_a"), step("b", "bank_b")]
        for leg, operation in zip(legs, ("debit", "credit")):
            leg.update(operation=operation, input={"account": "${input.account}", "amount": 1})
        self.publish("ab", legs, prepare_timeout="20s")
        alone = [dict(legs[0], name=name, input={"account": "${input.%s}" % name, "amount": 1}) for name in ("x", "y")]
        self.publish("aa", alone, prepare_timeout="20s")
        self.system.banks["bank_b"].kill9()
        end, told = threading.Event(), []

        def want_both(account):
            while not end.is_set():
                began = time.monotonic()
                reply = self.trothd.submit("ab", {"account": account}).json
                told.append((time.monotonic() - began, reply["outcome"], reply["failure"]["cause"]))

        clients = [threading.Thread(target=want_both, args=(account,)) for account in range(10, 34)]
        for client in clients:
            client.start()
        try:
            wait_until(lambda: self.status("bank_b")["breaker"] == "open", 60, "nothing is heard of bank_b")
            for account in range(40, 60):
                began = time.monotonic()
                reply = self.trothd.submit("aa", {"x": account, "y": account + 20}).json
                self.assertEqual(reply["outcome"], "committed", reply)
                self.assertLess(time.monotonic() - began, 10)
        finally:
            end.set()
            for client in clients:
                client.join()
            self.system.banks["bank_b"].start()
        self.assertEqual({(outcome, cause) for _, outcome, cause in told}, {("aborted", "unreachable")})
        self.assertLess(max(seconds for seconds, *_ in told), 15)
        wait_until(lambda: self.status("bank_b")["breaker"] == "closed", 60, "somebody is there again")
        self.assertEqual(self.trothd.submit("ab", {"account": 5}).json["outcome"], "committed")


if __name__ == "__main__":
    main()
