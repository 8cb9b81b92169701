"""Nothing counts as "it did not run" but proof (faults.md 46, 47, 48, 62): two replicas of a participant, one without
the operation; answers that are lost; plain http that refuses; what an operator's retry is; payloads as they come."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, RESET, SILENCE, Scripted  # noqa: E402
from shop_system import Shop  # noqa: E402
from system import BALANCE, System  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

ONCE = {"interval": "50ms", "max_attempts": 1, "jitter": "none"}
ENDLESS = {"interval": "50ms", "backoff": 1.0, "max_interval": "50ms", "max_attempts": 0, "jitter": "none"}
COMMITTED = (200, b'{"n":7}', {"Troth-State": "committed"})
ABORTED = (200, b"", {"Troth-State": "aborted"})
NO_STATE = (200, b"{}", {})
DEEPEST = b"[" * 64 + b'"\\u0000\\ud800"' + b"]" * 64


def act(name, participant="scripted", **more):
    return {"name": name, "participant": participant, "operation": name, "timeout": "1s", "input": {}, **more}


class Proof(TrothTest):
    number = 0  # account and definition; each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(banks=("bank_a",), call_timeout="1s").start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres
        # Another process over the same database, which lacks what the bank does.
        cls.other = cls.run_folder.start(Shop("mail", cls.postgres.to("bank_a"), cls.trothd.url))
        cls.register("bank_a", f"{cls.trothd.scheme}://127.0.0.1:{cls.system.proxies['bank_a'].port}/", cls.other.url)

    @classmethod
    def register(cls, name, *urls):
        reply = cls.trothd.put(f"/v1/participants/{name}", {"urls": list(urls), "binding": "batch"})
        assert reply.status in (200, 201), reply

    def setUp(self):
        Proof.number += 1
        self.scripted = Scripted()
        reply = self.trothd.register("scripted", self.scripted.url, "http")
        assert reply.status in (200, 201), reply

    def tearDown(self):
        self.scripted.end.set()
        self.system.proxies["bank_a"].accept()
        if not self.trothd.running():
            self.trothd.start()

    def define(self, mode, *steps, **retries):
        name = f"proof_{self.number}"
        reply = self.trothd.apply({"name": name, "version": 1, "mode": mode, "timeout": "60s",
                                   "retries": {"once": ONCE, "endless": ENDLESS, **retries}, "steps": list(steps)})
        assert reply.status == 201, reply
        return name

    def begin(self, name, input_=None):
        reply = self.trothd.submit(name, input_ or {}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def ended(self, gtid, outcome):
        shown = self.trothd.wait_outcome(gtid, 30)
        self.assertEqual(shown["outcome"], outcome, shown)
        return shown

    def state(self, gtid, state):
        wait_until(lambda: self.trothd.show(gtid)["state"] == state, 30, f"it is {state}")

    def keys(self, gtid, operation, op):
        return [key for *call, key, _ in self.scripted.received if call == [operation, op, gtid]]

    # --- 46

    def pay(self, mode):
        step = act("debit", "bank_a", input={"account": "${input.account}", "amount": 10}, retry="endless")
        return self.begin(self.define(mode, step), {"account": self.number})

    def test_46_a_replica_without_the_operation_is_no_refusal(self):
        """One phase: try 1 commits and its answer is lost; the only replica that can be reached lacks the operation.
        It is neither a refusal nor an end: the one that has it answers what it did."""
        if self.trothd.tls:
            self.skipTest("the proxy cannot see the answer that it shall lose")
        proxy = self.system.proxies["bank_a"]
        proxy.cut_at("reply", b'"result":"done"', then_refuse=True)
        gtid = self.pay("2pc")
        wait_until(proxy.triggered.is_set, 20, "the answer was lost")
        wait_until(lambda: self.trothd.show(gtid)["steps"][0].get("tries", 0) >= 3, 20, "it is tried again")
        self.assertIsNone(self.trothd.show(gtid)["outcome"])
        proxy.accept()
        self.ended(gtid, "committed")
        self.assertEqual(self.system.balance("bank_a", self.number), BALANCE - 10)

    def test_46_where_it_is_there_the_same_try_goes_on(self):
        """Every other request meets the replica that lacks it: nobody hears of that, and no try is counted."""
        for _ in range(4):
            shown = self.ended(self.pay("2pc"), "committed")
            self.assertEqual(shown["steps"][0]["tries"], 1, shown)
            Proof.number += 1

    def plain(self, abort):
        self.scripted.answers = {("pay", "execute"): [RESET, REFUSED], ("pay", "abort"): [abort]}
        return self.begin(self.define("2pc", act("pay")))

    def test_46_a_plain_refusal_behind_a_lost_answer_is_revoked(self):
        """The try whose answer was lost had acted. The refusal behind it decides nothing, its abort does."""
        gtid = self.plain(COMMITTED)
        shown = self.ended(gtid, "committed")
        self.assertEqual(shown["steps"][0]["output"], {"n": 7})
        self.assertEqual(self.scripted.count(gtid, "pay", "execute"), 2)

    def test_46_the_fence_says_that_nothing_ran(self):
        shown = self.ended(self.plain(ABORTED), "aborted")
        self.assertEqual(shown["failure"]["cause"], "refused", shown)

    def test_46_a_revocation_that_says_nothing_waits_for_an_operator(self):
        gtid = self.plain(NO_STATE)
        self.state(gtid, "parked")
        self.scripted.answers["pay", "abort"] = [COMMITTED]
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        self.ended(gtid, "committed")

    # --- 47

    def test_47_a_kept_connection_that_breaks_is_a_try(self):
        """max_attempts 1 over a connection that was kept and breaks: it is executed once, and compensated, for it may
        have run."""
        undo = {"operation": "undo", "input": {}, "retry": "endless"}
        name = self.define("saga", act("act", retry="once", compensate=undo))
        self.ended(self.begin(name), "committed")  # and the connection is kept
        self.scripted.answers = {("act", "execute"): [RESET, REFUSED]}
        gtid = self.begin(name)
        self.ended(gtid, "compensated")
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), 1)
        self.assertEqual(self.scripted.count(gtid, "undo", "compensate"), 1)

    # --- 48

    def test_48_a_retry_of_a_refused_step_is_a_new_attempt(self):
        """The pivot has acted, and the bank refuses the step behind it for good. Mended, an operator's retry is a new
        attempt of the step, which the guard takes; also by another leader."""
        debit = act("debit", "bank_a", kind="retriable", after=["act"], input={"account": self.number, "amount": 5000})
        gtid = self.begin(self.define("saga", act("act", kind="pivot"), debit))
        self.state(gtid, "parked")
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        self.state(gtid, "parked")  # it is refused once more
        self.trothd.kill9()
        self.trothd.start()
        self.state(gtid, "parked")
        self.postgres.execute("bank_a", "update account set balance = 9000 where id = %s", (self.number,))
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        shown = self.ended(gtid, "committed")
        self.assertEqual((shown["steps"][1]["state"], shown["steps"][1]["attempt"]), ("done", 3), shown)
        self.assertEqual(self.system.balance("bank_a", self.number), 4000)

    def test_48_a_retry_of_a_refused_compensation_has_a_new_key(self):
        """Whoever keeps an answer under its key would give the refusal for ever."""
        undo = {"operation": "undo", "input": {}, "retry": "endless"}
        steps = act("act", compensate=undo), act("no", after=["act"])
        self.scripted.answers = {("no", "execute"): [REFUSED], ("undo", "compensate"): [REFUSED, DONE]}
        gtid = self.begin(self.define("saga", *steps))
        self.state(gtid, "parked")
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        self.ended(gtid, "compensated")
        self.assertEqual(self.keys(gtid, "undo", "compensate"),
                         [f"{gtid}:1:compensate:1", f"{gtid}:1:compensate:2"])

    def test_48_a_retry_of_a_refused_commit_has_a_new_key(self):
        """The same of a commit, whose attempt is that of what was prepared."""
        self.scripted.answers = {("a", "commit"): [REFUSED, DONE]}
        gtid = self.begin(self.define("2pc", act("a"), act("b")))
        self.state(gtid, "parked")
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        wait_until(lambda: self.trothd.show(gtid)["ended_at"], 20, "it has ended")
        first, again = self.keys(gtid, "a", "commit")
        self.assertEqual(first, f"{gtid}:1:commit:1")
        self.assertRegex(again, f"^{gtid}:1:commit:1:[0-9]+-1$")

    # --- 62

    def test_62_the_deepest_output_survives_and_is_passed_on(self):
        """As deep as any that is taken, with strings that are no text: after kill -9 it is loaded, shown, listed and
        in the input of its compensation, byte for byte."""
        undo = {"operation": "undo", "input": {"of": "${steps.act.output}"}, "retry": "endless"}
        self.scripted.answers = {("act", "execute"): [(200, DEEPEST, {})], ("hang", "execute"): [SILENCE]}
        gtid = self.begin(self.define("saga", act("act", compensate=undo), act("hang", after=["act"], timeout="30s")))
        wait_until(lambda: self.scripted.count(gtid, "hang", "execute") == 1, 20, "the next step is out")
        wait_until(lambda: self.postgres.value(
            "journal", "select count(*) from troth.record where gtid = %s", (gtid,)) > 0, 20, "its output is kept")
        self.trothd.kill9()
        self.trothd.start()
        self.assertEqual(json.dumps(self.trothd.show(gtid)["steps"][0]["output"]).encode(), DEEPEST)
        self.assertIn(gtid, [shown["gtid"] for shown in self.trothd.get("/v1/transactions").json["transactions"]])
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/abort").status, 200)
        self.ended(gtid, "compensated")
        sent = [body for operation, *_, body in self.scripted.received if operation == "undo"]
        self.assertEqual([json.dumps(json.loads(body)["of"]).encode() for body in sent], [DEEPEST])

    def test_62_an_answer_that_is_no_output_parks_the_compensation_that_needs_it(self):
        """Too deep by one level: the step is done and says why it has no output; nobody is called with {}."""
        undo = {"operation": "undo", "input": {"of": "${steps.act.output}"}, "retry": "endless"}
        self.scripted.answers = {("act", "execute"): [(200, b"[" + DEEPEST + b"]", {})], ("no", "execute"): [REFUSED]}
        gtid = self.begin(self.define("saga", act("act", compensate=undo), act("no", after=["act"])))
        self.state(gtid, "parked")
        step = self.trothd.show(gtid)["steps"][0]
        self.assertEqual(step["state"], "parked", step)
        self.assertEqual(self.scripted.count(gtid, "undo", "compensate"), 0)

    def test_62_a_damaged_row_spoils_no_list(self):
        """What cannot be read in one row is shown empty and named; the others are as they are."""
        gtid = self.ended(self.begin(self.define("saga", act("act"))), "committed")["gtid"]
        wait_until(lambda: self.postgres.value(
            "journal", "select count(*) from troth.transaction where gtid = %s and state = 'ended'", (gtid,)) == 1, 20,
            "ended")
        self.postgres.execute("journal", "update troth.txn set labels = '{' where gtid = %s", (gtid,))
        self.postgres.execute("journal", "update troth.ended set steps = '[{' where gtid = %s", (gtid,))
        self.assertEqual(self.trothd.show(gtid)["damaged"], ["labels", "steps"])
        page = self.trothd.get("/v1/transactions?limit=500&payloads=true").json
        listed = {shown["gtid"]: shown for shown in page["transactions"]}
        self.assertEqual((listed[gtid]["steps"], listed[gtid]["damaged"]), ([], ["labels", "steps"]))


if __name__ == "__main__":
    main()
