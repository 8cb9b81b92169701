"""A reply never says more than is durable, and never less than is known: what clients are told when the coordinator
stops, is fenced or has no answer from its journal, held against what turns out behind kill -9."""

import re
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, NOT_NOW, REFUSED, SILENCE, Scripted  # noqa: E402
from tcp_proxy import TcpProxy  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, run_folder, wait_until  # noqa: E402

FOR_EVER = {"interval": "50ms", "max_interval": "200ms", "max_attempts": 0}


def definition(name, mode, *steps):
    undo = {"compensate": {"operation": "undo", "input": {}}} if mode == "saga" else {}
    patience = {} if mode == "saga" else {"prepare_timeout": "60s"}
    return {"name": name, "version": 1, "mode": mode, "timeout": "2m", **patience,
            "retries": {"default": FOR_EVER},
            "steps": [{"name": step, "participant": "scripted", "operation": step, "input": {}, **undo}
                      for step in steps]}


class Asked(threading.Thread):
    """A client that waits for its answer."""

    def __init__(self, node, path, body, headers=None):
        super().__init__(daemon=True)
        self.request = (node, path, body, headers)
        self.reply = self.trouble = None
        self.start()

    def run(self):
        node, path, body, headers = self.request
        try:
            self.reply = node.post(path, body, headers=headers)
        except Exception as error:  # told by answer()
            self.trouble = error

    def answer(self):
        self.join(60)
        assert self.reply is not None, f"no answer: {self.trouble!r}"
        return self.reply


class Told(TrothTest):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = run_folder().start(Postgres("postgres"))

    def setUp(self):
        Told.number += 1
        self.database = f"journal_{self.number}"
        self.postgres.database(self.database)
        self.proxy = TcpProxy(self.postgres.port)
        self.nodes = []
        self.scripted = Scripted()

    def tearDown(self):
        self.scripted.end.set()
        self.proxy.release()
        for node in self.nodes:
            node.kill9()
        self.proxy.close()

    # --- what tests do

    def node(self, name="a", **options):
        node = Trothd(f"{name}_{self.number}", journal=self.postgres.to(self.database, self.proxy.port),
                      **{"lease": "20s", "call_timeout": "2s", "retry_interval": "50ms", "retry_interval_max": "200ms",
                         "drain_timeout": "60s", "lazy_delay": "10ms", "outbox": "table", **options})
        self.nodes.append(node)
        return node

    def lead(self, *definitions, **options):
        node = self.node(**options)
        node.migrate()
        node.start()
        self.assertEqual(node.register("scripted", self.scripted.url, "http").status, 201)
        for each in definitions:
            reply = node.apply(each)
            self.assertEqual(reply.status, 201, reply)
        return node

    def start(self, node, name, prefer=None, key=None):
        headers = {**({"Prefer": prefer} if prefer else {}), **({"Idempotency-Key": key} if key else {})}
        return Asked(node, "/v1/transactions", {"definition": name, "input": {}}, headers)

    def called(self, operation, op, times=1):
        """The gtid of its last call."""
        def seen():
            gtids = [gtid for _, *call, gtid in list(self.scripted.calls) if call == [operation, op]]
            return gtids[-1] if len(gtids) >= times else None
        return wait_until(seen, 30, f"{operation}/{op} is called")

    def drains(self, node):
        node.signal(signal.SIGTERM)
        wait_until(lambda: node.get("/readyz").json["draining"], 20, "it drains")

    def is_unknown(self, reply, gtid=None):
        self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[1]), (504, "outcome-unknown"), reply)
        self.assertNotIn("retry-after", reply.headers)
        self.assertFalse(re.search("nothing was done|try again", reply.json["detail"]), reply)
        self.assertIn(f"GET /v1/transactions/{reply.json['gtid']}", reply.json["detail"])
        self.assertEqual(reply.headers["location"], f"/v1/transactions/{reply.json['gtid']}")
        if gtid is not None:
            self.assertEqual(reply.json["gtid"], gtid)
        return reply.json["gtid"]

    def test_a_begin_that_was_not_written_is_forgotten_by_a_crash(self):
        """An interactive begin is answered before its row is written, since nothing depends on it: a crash aborts it,
        and everybody who comes later hears that there is none."""
        node = self.lead()
        self.proxy.hold("request")
        gtid = node.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        node.kill9()
        self.proxy.cut()
        self.proxy.release()
        node.start()
        branch = {"branch": 1, "participant": "scripted", "operation": "debit", "prepared": True}
        for reply in (node.get(f"/v1/transactions/{gtid}"), node.post(f"/v1/transactions/{gtid}/branches", branch),
                      node.post(f"/v1/transactions/{gtid}/commit", {"branches": [1]})):
            self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[1]), (404, "unknown-transaction"), reply)
        self.assertIn("it never was, or was aborted before anything was written",
                      node.get(f"/v1/transactions/{gtid}").json["detail"])

    # --- the journal does not answer

    def test_accepted_is_never_said_of_what_a_crash_may_forget(self):
        node = self.lead(definition("move", "2pc", "debit", "credit"))
        self.proxy.hold("request")
        asked = [self.start(node, "move", "respond-async, wait=1"), self.start(node, "move", "wait=1")]
        later = self.start(node, "move", "respond-async")
        gtids = [self.is_unknown(each.answer()) for each in asked]
        node.kill9()
        self.proxy.cut()
        self.proxy.release()
        node.start()
        self.assertIsNone(later.reply)
        for gtid in gtids:
            self.assertEqual(node.get(f"/v1/transactions/{gtid}").status, 404)
        accepted = self.start(node, "move", "respond-async").answer()
        self.assertEqual(accepted.status, 202, accepted)
        node.kill9()
        node.start()
        self.assertIn(node.wait_outcome(accepted.json["gtid"])["outcome"], ("committed", "aborted"))

    def test_a_key_that_can_not_be_looked_up_begins_nothing(self):
        node = self.lead(definition("move", "2pc", "debit"))
        self.proxy.hold("request")
        reply = self.start(node, "move", "wait=1", key="order-1").answer()
        self.assertEqual(reply.status, 503, reply)
        self.assertIn("nothing was done", reply.json["detail"])
        self.proxy.release()
        again = self.start(node, "move", key="order-1").answer()
        self.assertEqual((again.status, again.json["outcome"]), (201, "committed"), again)
        self.assertEqual(self.postgres.value(self.database, "select count(*) from troth.txn"), 1)

    def test_an_enlistment_is_acknowledged_when_its_row_is_durable(self):
        node = self.lead(reply_wait="1s")
        gtid = node.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        wait_until(lambda: self.postgres.value(self.database, "select count(*) from troth.txn") == 1, 20, "it is open")
        member = {"branch": 1, "participant": "scripted", "operation": "debit", "prepared": True}
        self.proxy.hold("request")
        reply = Asked(node, f"/v1/transactions/{gtid}/branches", member).answer()
        self.assertEqual((reply.status, reply.json["gtid"]), (504, gtid), reply)
        self.assertIn("enlist again", reply.json["detail"])
        self.assertNotIn("debit", str(self.postgres.query(self.database, "select members from troth.txn")))
        self.proxy.release()
        again = node.post(f"/v1/transactions/{gtid}/branches", member)
        self.assertEqual(again.status, 200, again)
        node.kill9()
        node.start()
        self.assertEqual(node.wait_outcome(gtid)["outcome"], "aborted")
        self.assertGreaterEqual(self.scripted.count(gtid, "debit", "abort"), 1)  # it is called again

    # --- stopping

    def test_who_waits_when_it_stops_is_told_what_is_durable(self):
        node = self.lead(definition("move", "2pc", "debit", "credit"), definition("work", "saga", "act"))
        self.scripted.answers["debit", "commit"] = [SILENCE]
        self.scripted.answers["act", "execute"] = [SILENCE]
        move, work = self.start(node, "move"), self.start(node, "work")
        moved, worked = self.called("debit", "commit"), self.called("act", "execute")
        self.drains(node)
        refused = self.start(node, "move").answer()
        self.assertEqual(refused.status, 503, refused)
        self.assertIn("nothing was done", refused.json["detail"])
        node.signal(signal.SIGTERM)
        reply = move.answer()
        self.assertEqual((reply.status, reply.json["gtid"], reply.json["outcome"]), (201, moved, "committed"), reply)
        reply = work.answer()
        self.assertEqual((reply.status, reply.json["gtid"], reply.json["outcome"]), (202, worked, None), reply)
        self.assertEqual(node.wait_end(), 0)
        self.scripted.end.set()
        self.scripted.answers.clear()
        node.start()
        self.assertEqual(node.wait_outcome(moved)["outcome"], "committed")
        self.assertEqual(node.wait_outcome(worked)["outcome"], "committed")
        self.assertEqual(self.postgres.value(self.database, "select count(*) from troth.txn"), 2)

    def test_what_is_not_durable_when_it_stops_is_not_known(self):
        node = self.lead(definition("move", "2pc", "debit", "credit"))
        self.proxy.hold("request")
        asked = self.start(node, "move")
        wait_until(lambda: node.get("/readyz").json["open_transactions"] == 1, 20, "it has begun")
        self.drains(node)
        node.signal(signal.SIGTERM)
        node.wait_end()
        self.is_unknown(asked.answer())

    # --- fenced

    def test_a_leader_that_was_paused_past_its_lease_is_silent_and_says_so(self):
        first = self.lead(definition("work", "saga", "act"), lease="2s")
        self.scripted.answers["act", "execute"] = [NOT_NOW]
        asked = self.start(first, "work")
        gtid = self.called("act", "execute", times=3)
        second = self.node("b", lease="2s")
        second.launch()
        first.pause()
        second.wait_ready()
        wait_until(lambda: second.get("/readyz").json["shards_led"] == 16, 20, "it leads all")
        self.assertEqual(second.post(f"/v1/transactions/{gtid}/abort", {}).json["outcome"], "compensated")
        calls = self.scripted.count(gtid, "act", "execute")
        first.resume()
        self.is_unknown(asked.answer(), gtid)
        self.assertEqual(self.scripted.count(gtid, "act", "execute"), calls)
        self.assertEqual(second.show(gtid)["outcome"], "compensated")
        wait_until(lambda: first.get("/readyz").json["shards_led"] == 8, 20, "it goes on by itself, with its share")

    def test_a_second_node_of_the_same_name_is_refused(self):
        first = self.lead(lease="3s", node="same")
        second = self.node("b", lease="3s", node="same")
        second.launch()
        self.assertEqual(second.wait_end(30), 3)
        self.assertRegex(second.output(), r'is called .{0,3}same.{0,3}, too, lives')
        self.assertTrue(first.get("/readyz").json["leading"])
        first.kill9()
        second.start()  # its earlier self is gone
        self.assertTrue(second.get("/readyz").json["leading"])

    # --- said again, and otherwise

    def test_a_commit_said_again_gets_the_first_ones_answer_and_another_one_never_does(self):
        node = self.lead()
        gtid = node.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        path = f"/v1/transactions/{gtid}"
        for branch, operation in ((1, "debit"), (2, "credit")):
            self.assertEqual(node.post(f"{path}/branches", {"branch": branch, "participant": "scripted",
                                                            "operation": operation, "prepared": True}).status, 200)
        self.scripted.answers["debit", "commit"] = [SILENCE]
        first = Asked(node, f"{path}/commit", {"branches": [2, 1]})
        self.called("debit", "commit")
        self.changed(node, path)
        self.scripted.answers["debit", "commit"] = [DONE]
        self.scripted.end.set()
        self.assertEqual((first.answer().status, first.reply.json["outcome"]), (200, "committed"), first.reply)
        node.wait_outcome(gtid)
        for _ in range(2):
            self.changed(node, path)
            for again in ({"branches": [1, 2]}, {}):
                reply = node.post(f"{path}/commit", again)
                self.assertEqual((reply.status, reply.json["outcome"]), (200, "committed"), reply)
            self.assertEqual(node.post(f"{path}/abort", {}).status, 409)
            node.kill9()
            node.start()

    def changed(self, node, path):
        for branches, what in (([1, 2, 3], "names branch 3"), ([2], "leaves out branch 1")):
            reply = node.post(f"{path}/commit", {"branches": branches})
            self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[1]), (422, "commit-differs"), reply)
            self.assertIn(what, reply.json["detail"])

    # --- mixed

    def test_mixed_is_told_when_it_is_durable(self):
        node = self.lead(definition("move", "2pc", "debit", "credit"))
        self.scripted.answers["credit", "prepare"] = [REFUSED]
        self.scripted.answers["debit", "abort"] = [NOT_NOW]
        reply = self.start(node, "move", "wait=3").answer()
        gtid = reply.json["gtid"]
        self.assertEqual(reply.json["outcome"], "aborted", reply)
        self.proxy.hold("request")
        self.scripted.answers["debit", "abort"] = [(DONE, b"{}", {"Troth-State": "committed"})]
        wait_until(lambda: "heuristic" in [each["state"] for each in node.show(gtid)["steps"]], 20, "it is heuristic")
        shown = node.show(gtid)
        self.assertEqual((shown["outcome"], shown["failure"]), ("aborted", None))
        node.kill9()
        self.proxy.cut()
        self.proxy.release()
        node.start()
        self.assertEqual(node.wait_outcome(gtid)["outcome"], "mixed")
        self.assertEqual(self.events(gtid), ["aborted", "mixed"])

    def events(self, gtid):
        rows = self.postgres.query(self.database, "select payload from troth.outbox "
                                                  "where gtid = %s order by epoch, seq", (gtid,))
        return [re.search(r'"outcome": ?"(\w+)"', payload).group(1) for payload, in rows]


if __name__ == "__main__":
    main()
