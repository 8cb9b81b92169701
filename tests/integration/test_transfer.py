"""A transfer between two real databases, through the real daemon: what comes out, who is told, and bad input."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import System  # noqa: E402
from troth_test import ROOT, TrothTest, main, wait_until  # noqa: E402

ONE_BRANCH = {
    "$schema": "https://troth.dev/schemas/definition-1.json", "name": "deposit", "version": 1, "mode": "2pc",
    "steps": [{"name": "credit", "participant": "bank_a", "operation": "credit",
               "input": {"account": "${input.to}", "amount": "${input.amount}"}}]}
ONE_READER = {
    "$schema": "https://troth.dev/schemas/definition-1.json", "name": "pay_and_look", "version": 1, "mode": "2pc",
    "steps": [{"name": "debit", "participant": "bank_a", "operation": "debit",
               "input": {"account": "${input.from}", "amount": "${input.amount}"}},
              {"name": "look", "participant": "bank_b", "operation": "balance",
               "input": {"account": "${input.to}"}}]}
ONLY_READERS = {
    "$schema": "https://troth.dev/schemas/definition-1.json", "name": "look", "version": 1, "mode": "2pc",
    "steps": [{"name": name, "participant": name, "operation": "balance", "input": {"account": "${input.to}"}}
              for name in ("bank_a", "bank_b")]}


class Transfers(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(kafka=True, publish_grace="30s").start()
        cls.trothd = cls.system.trothd
        for definition in (ONE_BRANCH, ONE_READER, ONLY_READERS):
            assert cls.trothd.apply(definition).status == 201

    def balances(self, source, target):
        return self.system.balance("bank_a", source), self.system.balance("bank_b", target)

    def event(self, gtid):
        return wait_until(lambda: self.system.events().get(gtid), 30, f"the event of {gtid}")

    # --- outcomes

    def test_commit_moves_money_once_and_tells_kafka(self):
        reply = self.system.transfer(1, 1, 120)
        self.assertEqual(reply.status, 201, reply)
        shown = reply.json
        self.assertEqual((shown["outcome"], shown["mode"], shown["definition"]), ("committed", "2pc", "transfer"))
        self.assertEqual([step["state"] for step in shown["steps"]], ["committed", "committed"])
        self.assertEqual(shown["steps"][0]["output"], {"balance": 880})
        self.assertEqual(self.balances(1, 1), (880, 1120))
        self.assertEqual(self.system.decision(shown["gtid"]), "commit")
        events = self.event(shown["gtid"])
        self.assertEqual(len(events), 1)
        payload = json.loads(events[0]["payload"])
        self.assertEqual(payload["outcome"], "committed")
        self.assertEqual([step["state"] for step in payload["steps"]], ["committed", "committed"])
        self.assertEqual(events[0]["key"], shown["gtid"])

    def test_a_business_no_aborts_everywhere(self):
        reply = self.system.transfer(2, 2, 5000)
        self.assertEqual(reply.status, 201, reply)
        shown = reply.json
        self.assertEqual(shown["outcome"], "aborted")
        self.assertEqual((shown["failure"]["cause"], shown["failure"]["participant"]), ("refused", "bank_a"))
        self.assertIn("insufficient funds", shown["failure"]["reason"])
        self.assertEqual(self.balances(2, 2), (1000, 1000))
        self.assertEqual(self.system.decision(shown["gtid"]), "abort")
        payload = json.loads(self.event(shown["gtid"])[0]["payload"])
        self.assertEqual(payload["outcome"], "aborted")
        self.assertEqual([step["state"] for step in payload["steps"]], ["refused", "aborted"])
        self.assertNotIn("output", payload["steps"][1])

    def test_a_single_branch_commits_in_one_phase(self):
        reply = self.trothd.submit("deposit", {"to": 3, "amount": 7})
        self.assertEqual(reply.json["outcome"], "committed", reply)
        self.assertEqual(self.system.balance("bank_a", 3), 1007)
        ops = [entry["op"] for entry in self.timeline(reply.json["gtid"]) if entry["moment"] == "sent"]
        self.assertEqual(ops, ["execute"])

    def test_a_reader_votes_read_only_and_is_not_committed(self):
        reply = self.trothd.submit("pay_and_look", {"from": 4, "to": 4, "amount": 1})
        self.assertEqual(reply.json["outcome"], "committed", reply)
        self.assertEqual([step["state"] for step in reply.json["steps"]], ["committed", "read_only"])
        sent = [(entry["op"], entry["branch"]) for entry in self.timeline(reply.json["gtid"])
                if entry["moment"] == "sent"]
        self.assertNotIn(("commit", 2), sent)

    def test_only_readers_commit_without_a_second_phase(self):
        reply = self.trothd.submit("look", {"to": 5})
        self.assertEqual(reply.json["outcome"], "committed", reply)
        ops = {entry["op"] for entry in self.timeline(reply.json["gtid"]) if entry["moment"] == "sent"}
        self.assertEqual(ops, {"prepare"})

    def timeline(self, gtid):
        return self.trothd.wait_outcome(gtid)["timeline"]

    def test_the_timeline_is_kept_and_tells_the_order(self):
        gtid = self.system.transfer(6, 6, 1).json["gtid"]
        wait_until(lambda: self.system.postgres.value(
            "journal", "select state from troth.transaction where gtid = %s", (gtid,)) == "ended", 30,
            "ended in the journal")
        timeline = self.timeline(gtid)
        moments = [(entry["moment"], entry.get("record") or entry.get("op")) for entry in timeline]
        order = [moments.index(("sent", "prepare")), moments.index(("answered", "prepare")),
                 moments.index(("writing", "decision")), moments.index(("durable", "decision")),
                 moments.index(("sent", "commit")), moments.index(("answered", "commit"))]
        self.assertEqual(order, sorted(order), moments)
        self.assertIn(("published", None), moments)

    # --- how it is asked for

    def test_the_same_request_twice_is_one_transaction(self):
        first = self.system.transfer(7, 7, 10, key="twice")
        second = self.system.transfer(7, 7, 10, key="twice")
        self.assertEqual(first.json["gtid"], second.json["gtid"])
        self.assertEqual(second.headers.get("idempotency-replayed"), "true")
        self.assertEqual(self.balances(7, 7), (990, 1010))

    def test_many_at_once_under_one_key_are_one_transaction(self):
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: self.system.transfer(8, 8, 10, key="at-once"), range(16)))
        self.assertEqual({reply.json["outcome"] for reply in replies}, {"committed"})
        self.assertEqual(len({reply.json["gtid"] for reply in replies}), 1)
        self.assertEqual(self.balances(8, 8), (990, 1010))

    def test_a_key_with_another_request_is_refused(self):
        first = self.system.transfer(9, 9, 1, key="other")
        second = self.system.transfer(9, 9, 2, key="other")
        self.assertEqual(second.status, 422, second)
        self.assertIn(first.json["gtid"], second.json["detail"])
        self.assertEqual(self.balances(9, 9), (999, 1001))

    def test_the_key_holds_after_a_restart(self):
        first = self.system.transfer(10, 10, 1, key="restart")
        self.trothd.kill9()
        self.trothd.start()
        second = self.system.transfer(10, 10, 1, key="restart")
        self.assertEqual(first.json["gtid"], second.json["gtid"])
        self.assertEqual(second.json["outcome"], "committed")
        self.assertEqual(self.balances(10, 10), (999, 1001))

    def test_respond_async_answers_before_the_outcome(self):
        reply = self.system.transfer(11, 11, 1, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        self.assertEqual(reply.headers["location"], f"/v1/transactions/{reply.json['gtid']}")
        self.assertEqual(self.trothd.wait_outcome(reply.json["gtid"])["outcome"], "committed")

    def test_payloads_pass_through_byte_for_byte(self):
        body = ('{"definition":"transfer","input":{"from":12,"to":12,"amount":1,'
                '"note":[9007199254740993,0.10,1e400,"\\u00e4"]}}')
        reply = self.trothd.post("/v1/transactions", body)
        self.assertEqual(reply.json["outcome"], "committed", reply)
        stored = self.system.postgres.value("journal", "select input from troth.txn where gtid = %s",
                                            (reply.json["gtid"],))
        self.assertIn('[9007199254740993,0.10,1e400,"\\u00e4"]', stored)

    def test_lists_are_filtered_and_go_on_behind_a_cursor(self):
        gtids = [self.system.transfer(13, 13, 1).json["gtid"] for _ in range(5)]
        found, cursor = [], ""
        while cursor is not None:
            page = self.trothd.get(f"/v1/transactions?definition=transfer&participant=bank_a&limit=2{cursor}").json
            found += [shown["gtid"] for shown in page["transactions"]]
            cursor = f"&cursor={page['cursor']}" if page["cursor"] else None
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual([gtid for gtid in found if gtid in gtids], gtids[::-1])
        self.assertEqual(self.trothd.get("/v1/transactions?definition=nothing").json["transactions"], [])

    # --- interactive

    def test_interactive_members_enlist_and_commit(self):
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "30s"}).json["gtid"]
        for branch, (bank, operation) in enumerate((("bank_a", "credit"), ("bank_b", "credit")), 1):
            member = {"branch": branch, "participant": bank, "operation": operation}
            for _ in range(2):  # an enlistment repeated is acknowledged again
                reply = self.trothd.post(f"/v1/transactions/{gtid}/branches", member)
                self.assertIn(reply.status, (200, 201), reply)
        other = self.trothd.post(f"/v1/transactions/{gtid}/branches",
                                 {"branch": 1, "participant": "bank_b", "operation": "credit"})
        self.assertEqual(other.status, 409, other)
        reply = self.trothd.post(f"/v1/transactions/{gtid}/abort", {})
        self.assertEqual(reply.json["outcome"], "aborted", reply)
        late = self.trothd.post(f"/v1/transactions/{gtid}/branches",
                                {"branch": 3, "participant": "bank_b", "operation": "credit"})
        self.assertEqual(late.status, 409, late)

    def test_a_commit_that_names_a_branch_nobody_enlisted_aborts(self):
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        self.trothd.post(f"/v1/transactions/{gtid}/branches",
                         {"branch": 1, "participant": "bank_a", "operation": "credit"})
        reply = self.trothd.post(f"/v1/transactions/{gtid}/commit", {"branches": [1, 2]})
        self.assertEqual((reply.json["outcome"], reply.json["failure"]["cause"]), ("aborted", "not_enlisted"), reply)

    def interactive_by_hand(self, *arguments):
        done = subprocess.run(
            [str(ROOT / "participant-sdk" / "examples" / "interactive" / "transfer.sh"),
             *(self.system.postgres.to(name) for name in ("bank_a", "bank_b")), *(str(word) for word in arguments)],
            capture_output=True, text=True, timeout=60, env={**os.environ, "TROTH_URL": self.trothd.url})
        words = done.stdout.split()
        self.assertEqual((len(words), words[0]), (3, "begun:"), done)
        return done.returncode, words[1], words[2], done.stderr

    def test_interactive_with_curl_and_psql(self):
        """The example of the documentation: it commits; where one bank's database says no, both are as before."""
        before = self.system.balance("bank_a", 21), self.system.balance("bank_b", 22)
        code, gtid, outcome, _ = self.interactive_by_hand(21, 22, 30)
        self.assertEqual((code, outcome), (0, "committed"))
        self.assertEqual((self.system.balance("bank_a", 21), self.system.balance("bank_b", 22)),
                         (before[0] - 30, before[1] + 30))
        shown = self.trothd.show(gtid)
        self.assertEqual([(step["state"], step["output"]) for step in shown["steps"]],
                         [("committed", {"balance": before[0] - 30}), ("committed", {"balance": before[1] + 30})],
                         shown)
        for arguments in ((21, 22, 100000), (21, 100000, 30)):  # not the money; no such account at the other
            code, gtid, outcome, why = self.interactive_by_hand(*arguments)
            self.assertEqual((code, outcome), (1, "aborted"), why)
            self.has_ended(gtid)
        self.assertEqual((self.system.balance("bank_a", 21), self.system.balance("bank_b", 22)),
                         (before[0] - 30, before[1] + 30))

    def has_ended(self, gtid):
        """In the journal, and so not in memory any more."""
        wait_until(lambda: self.trothd.show(gtid)["state"] == "ended", 20, f"{gtid} has ended")

    def test_an_abort_said_again_is_answered_with_the_outcome(self):
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {})
        self.has_ended(gtid)
        for what, body in (("abort", {}), ("commit", {}), ("commit", {"branches": [3]})):
            reply = self.trothd.post(f"/v1/transactions/{gtid}/{what}", body)
            self.assertEqual((reply.status, reply.json["outcome"]), (200, "aborted"), reply)

    # --- bad input: an answer that names what is wrong and where; nothing half done; the daemon goes on

    def expect(self, reply, status, *parts):
        self.assertEqual(reply.status, status, reply)
        self.assertEqual(reply.headers["content-type"], "application/problem+json")
        text = json.dumps(reply.json)
        for part in parts:
            self.assertIn(part, text)

    def test_bad_requests(self):
        post = self.trothd.post
        many = [{"name": f"s{i}", "participant": "bank_a", "operation": "credit"} for i in range(65)]
        good = {"definition": "transfer", "input": {"from": 14, "to": 14, "amount": 1}}
        self.expect(post("/v1/transactions", {"definition": "transfers", "input": {}}), 422, "transfers", "transfer")
        self.expect(post("/v1/transactions", {**good, "version": 9}), 422, "9")
        self.expect(post("/v1/transactions", {**good, "inptu": 1}), 400, "inptu", "input")
        self.expect(post("/v1/transactions", '{"definition":"transfer",\n "input":{"from":01}}'), 400, "line 2")
        self.expect(post("/v1/transactions", {"definition": "transfer", "input": {"from": "1", "amount": 0}}), 422,
                    "/from", "/amount", "to")
        self.expect(post("/v1/transactions", json.dumps(good), headers={"Content-Type": "text/plain"}), 415)
        self.expect(post("/v1/transactions", "x" * (2 << 20)), 413)
        self.expect(self.trothd.get("/v1/transactions", headers={"X-Long": "x" * 20000}), 431)
        self.expect(self.trothd.get("/v1/transactions/not-a-gtid"), 400, "not-a-gtid")
        self.expect(self.trothd.get("/v1/transactions/00000000-0000-8000-8000-004000000001"), 404)
        self.expect(self.trothd.get("/v1/transactions?stat=open"), 400, "stat", "state")
        self.expect(self.trothd.get("/v1/nothing"), 404)
        self.expect(self.trothd.delete("/v1/transactions"), 405)
        self.expect(self.trothd.apply({"name": "many", "version": 1, "mode": "2pc", "steps": many}), 422, "64")
        self.expect(self.trothd.apply({"name": "bad", "version": 1, "mode": "2pc", "stepz": []}), 422, "stepz", "steps")
        self.expect(self.trothd.register("bank_c", "ftp://127.0.0.1"), 422)
        self.assertEqual(self.system.transfer(14, 14, 1).json["outcome"], "committed")

    def test_unknown_participants_and_operations_are_named(self):
        """An operation that is not there is no refusal, since another replica may have it: it is tried again, and is
        the cause when the prepare timeout comes, in the participant's own words."""
        step = {"name": "pay", "participant": "bank_x", "operation": "debit", "input": {}}
        definition = {"name": "nowhere", "version": 1, "mode": "2pc", "steps": [step]}
        self.assertEqual(self.trothd.apply(definition).status, 201)
        self.expect(self.trothd.submit("nowhere", {}), 422, "bank_x", "pay")
        entry = {"account": 14, "amount": 1}
        steps = [{"name": "pay", "participant": "bank_a", "operation": "debbit", "input": entry},
                 {"name": "get", "participant": "bank_b", "operation": "credit", "input": entry}]
        misspelt = {"name": "misspelt", "version": 1, "mode": "2pc", "prepare_timeout": "2s", "steps": steps}
        self.assertEqual(self.trothd.apply(misspelt).status, 201)
        balance = self.system.balance("bank_b", 14)
        shown = self.trothd.submit("misspelt", {}).json
        self.assertEqual((shown["outcome"], shown["failure"]["step"]), ("aborted", "pay"), shown)
        self.assertIn("debbit", shown["failure"]["reason"])
        prepares = [entry for entry in self.trothd.show(shown["gtid"])["timeline"]
                    if (entry["moment"], entry.get("op"), entry.get("branch")) == ("sent", "prepare", 1)]
        self.assertGreater(len(prepares), 1, prepares)
        self.assertEqual(self.system.balance("bank_b", 14), balance)
        # It ends: what became of a branch its participant knows also where the operation is not.
        self.assertEqual(self.trothd.wait_outcome(shown["gtid"], 60)["outcome"], "aborted")

    def test_a_published_version_never_changes(self):
        changed = {**ONE_BRANCH, "description": "another one"}
        self.assertEqual(self.trothd.apply(ONE_BRANCH).status, 200)
        self.expect(self.trothd.apply(changed), 409, "deposit", "version")

    def test_an_unused_mode_is_named_as_it_ran(self):
        """The same step as a saga: nothing is prepared, and the answer says so."""
        saga = {**ONE_BRANCH, "name": "saga", "mode": "saga"}
        self.assertEqual(self.trothd.apply(saga).status, 201)
        shown = self.trothd.submit("saga", {"to": 15, "amount": 1}).json
        self.assertEqual((shown["outcome"], shown["mode"], shown["steps"][0]["state"]), ("committed", "saga", "done"))
        self.assertEqual(self.system.balance("bank_a", 15), 1001)


if __name__ == "__main__":
    main()
