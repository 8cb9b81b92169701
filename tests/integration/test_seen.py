"""What is stuck is seen, in the words of who caused it: in the transaction, the log, the metrics, and trothctl."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, RESET, SILENCE, Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import TrothTest, main, program, wait_until  # noqa: E402

QUICK = {"interval": "30ms", "max_interval": "60ms"}


class Seen(TrothTest):
    count = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(banks=(), call_timeout="1s", connect_timeout="1s", log_level="info").start()
        cls.trothd = cls.system.trothd

    def setUp(self):
        """A participant of its own, and a saga of one step there."""
        Seen.count += 1
        self.name = f"payments_{Seen.count}"
        self.scripted = Scripted()
        self.scripted.answers["charge", "execute"] = [DONE]

    def tearDown(self):
        self.scripted.end.set()

    def register(self, url=None):
        self.assertEqual(self.trothd.register(self.name, url or self.scripted.url, "http").status, 201)

    def saga(self, steps=None, max_attempts=5000, **members):
        steps = steps or [{"name": "charge", "operation": "charge", "retry": "quick",
                           "compensate": {"operation": "refund", "retry": "once"}}]
        definition = {"name": f"saga_{Seen.count}", "version": 1, "mode": "saga", "timeout": "10m",
                      "retries": {"quick": {**QUICK, "max_attempts": max_attempts},
                                  "once": {**QUICK, "max_attempts": 1}},
                      "steps": [{"participant": self.name, "input": {}, "timeout": "1s", **step} for step in steps],
                      **members}
        reply = self.trothd.apply(definition)
        self.assertEqual(reply.status, 201, reply)
        return definition["name"]

    def begin(self, definition, input_=None):
        reply = self.trothd.submit(definition, input_ or {}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    def step(self, gtid, index=0):
        return self.trothd.show(gtid)["steps"][index]

    def log(self, pattern):
        return re.search(pattern, self.trothd.output(), re.MULTILINE)

    def logged(self, *words):
        """One line of the log that holds them all."""
        def there():
            return [line for line in self.trothd.output().splitlines() if all(word in line for word in words)]
        return wait_until(there, 20, f"a line of the log with {words}")[0]

    def ctl(self, *words):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def metric(self, name):
        found = re.search(rf"^{name} ([0-9.]+)$", self.trothd.get("/metrics").body.decode(), re.MULTILINE)
        return float(found[1])

    # --- a step that does not get on

    def test_the_words_of_a_404_are_shown_and_logged(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [
            (404, b'{"type":"about:blank","detail":"no such route /v2/charge"}', {})]
        gtid = self.begin(self.saga(max_attempts=4000))
        words = 'said 404 "no such route /v2/charge"'
        wait_until(lambda: self.step(gtid).get("tries", 0) >= 3, 20, "three tries")
        self.assertEqual(self.step(gtid)["reason"], words)
        self.assertEqual(self.step(gtid)["tries_max"], 4000)
        line = self.logged("tried again and again", gtid)
        for part in (f"participant={self.name}", "step=charge", "tries=3", r"no such route /v2/charge"):
            self.assertIn(part, line)
        _, shown = self.ctl("tx", "show", gtid)
        self.assertRegex(shown, rf"missing +1 charge at {self.name} has not answered execute; try \d+ of 4000(, next "
                                rf'(now|in \d+ ms))?: {self.name} said 404 "no such route /v2/charge"\n')
        self.assertIn("<- no_operation 404", shown)
        self.trothd.post(f"/v1/transactions/{gtid}/abort")

    def test_a_body_that_is_no_problem_is_shown_by_its_first_bytes(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [(503, b"<h1>\x1b[31mdown for maintenance\n" + b"x" * 5000, {})]
        gtid = self.begin(self.saga())
        wait_until(lambda: "reason" in self.step(gtid), 20, "an answer")
        reason = self.step(gtid)["reason"]
        self.assertTrue(reason.startswith('said 503 "<h1> [31mdown for maintenance xxx'), reason)
        self.assertLess(len(reason), 250)
        self.trothd.post(f"/v1/transactions/{gtid}/abort")

    def test_troubles_are_told_apart(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [RESET, SILENCE, 404, 500, 503, DONE]
        gtid = self.begin(self.saga())
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        told = [(entry.get("trouble"), entry.get("status")) for entry in self.trothd.show(gtid)["timeline"]
                if entry["moment"] == "answered"]
        self.assertEqual(told, [("connection_lost", None), ("timeout", None), (None, 404), (None, 500), (None, 503),
                                (None, None)])

    def test_a_refused_connection_is_told(self):
        port = self.scripted.port
        self.scripted.server.shutdown()  # whoever waits at a socket keeps it open after its close
        self.scripted.server.server_close()
        self.register(f"http://127.0.0.1:{port}")
        gtid = self.begin(self.saga())
        wait_until(lambda: "reason" in self.step(gtid), 20, "a try")
        self.assertEqual(self.step(gtid)["reason"], f"127.0.0.1:{port}: Connection refused")
        self.assertEqual([entry["trouble"] for entry in self.trothd.show(gtid)["timeline"]
                          if entry["moment"] == "answered"][0], "connection_refused")
        self.trothd.post(f"/v1/transactions/{gtid}/abort")

    def test_an_abort_that_nobody_understands_is_seen(self):
        """A service without a route for it: nothing proves that its branch is not prepared, so it is told for ever, and
        everybody sees whom and why."""
        self.register()
        self.assertEqual(self.trothd.apply({
            "name": f"two_{Seen.count}", "version": 1, "mode": "2pc", "prepare_timeout": "5s",
            "steps": [{"name": name, "participant": self.name, "operation": name, "input": {}}
                      for name in ("charge", "book")]}).status, 201)
        self.scripted.answers["book", "prepare"] = [REFUSED]
        self.scripted.answers["charge", "abort"] = [(404, b'{"detail":"no route /charge/abort"}', {})]
        gtid = self.begin(f"two_{Seen.count}")
        line = self.logged("tried again and again", gtid)
        for part in (f"participant={self.name}", "step=charge", "no route /charge/abort"):
            self.assertIn(part, line)
        _, shown = self.ctl("tx", "show", gtid)
        self.assertRegex(shown, rf"(?m)^ABORTED \(aborting\) .*\n(.*\n)*missing +1 charge at {self.name} has not "
                                rf'acknowledged abort; try \d+.*: {self.name} said 404 "no route /charge/abort"$')
        self.assertGreater(self.metric("troth_oldest_open_transaction_seconds"), 0)
        self.assertEqual(self.status()["open_transactions"], 1)
        self.scripted.answers["charge", "abort"] = [DONE]
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "aborted")

    def test_an_answer_that_is_no_output_is_seen(self):
        """Done is done, whatever the body is. Who names its output cannot go on, and both are told."""
        self.register()
        self.scripted.answers["charge", "execute"] = [(200, b"<h1>Welcome</h1>", {})]
        gtid = self.begin(self.saga([
            {"name": "charge", "operation": "charge", "kind": "pivot"},
            {"name": "ship", "operation": "ship", "kind": "retriable", "after": ["charge"],
             "input": {"id": "${steps.charge.output.id}"}}]))
        self.logged("level=warn", "an answer's body is no output: it counts as none", gtid, "step=charge",
                    f"participant={self.name}")
        line = self.logged("parked: an operator must look", gtid, "step=ship")
        self.assertIn("steps.charge.output", line)
        _, shown = self.ctl("tx", "show", gtid)
        self.assertIn("<- done, not understood", shown)
        self.assertRegex(shown, r"missing +2 ship at .* is parked, an operator must look.*steps\.charge\.output")
        self.assertRegex(self.step(gtid)["reason"], "what it answered is no output: ")

    # --- what an operator has to hear of

    def test_parked_and_resumed_are_logged(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [REFUSED]
        self.scripted.answers["reserve", "execute"] = [DONE]
        self.scripted.answers["release", "compensate"] = [(503, b"the shelf is stuck", {}), DONE]
        gtid = self.begin(self.saga([
            {"name": "reserve", "operation": "reserve", "compensate": {"operation": "release", "retry": "once"}},
            {"name": "charge", "operation": "charge", "compensate": {"operation": "refund"}}]))
        line = self.logged("parked: an operator must look", gtid)
        for part in ("level=warn", f"definition=saga_{Seen.count}", "step=reserve", f"participant={self.name}",
                     "the shelf is stuck"):
            self.assertIn(part, line)
        self.assertGreaterEqual(self.metric("troth_parked_transactions"), 1)
        self.assertEqual(self.trothd.post(f"/v1/transactions/{gtid}/retry").status, 200)
        self.logged("resumed: it is tried again", gtid, "level=info", "step=reserve")
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")

    def test_a_fallback_is_logged(self):
        self.register()
        self.scripted.answers["charge", "prepare"] = [SILENCE]
        gtid = self.begin(self.saga(mode="2pc_then_saga", prepare_timeout="300ms"))
        line = self.logged("fell back from two-phase commit to a saga", gtid)
        self.assertIn(f"participant={self.name}", line)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")

    def test_mixed_is_logged(self):
        self.register()
        self.assertEqual(self.trothd.apply({
            "name": f"two_{Seen.count}", "version": 1, "mode": "2pc", "prepare_timeout": "5s",
            "steps": [{"name": name, "participant": self.name, "operation": name, "input": {}}
                      for name in ("charge", "book")]}).status, 201)
        self.scripted.answers["charge", "prepare"] = [DONE]
        self.scripted.answers["book", "prepare"] = [DONE]
        self.scripted.answers["charge", "commit"] = [(200, b"{}", {"Troth-State": "aborted"})]
        gtid = self.begin(f"two_{Seen.count}")
        line = self.logged("mixed: a participant ended otherwise than decided", gtid)
        self.assertIn("level=error", line)
        self.assertIn("step=charge", line)

    def test_how_old_what_is_open_is(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [500]
        gtid = self.begin(self.saga())
        wait_until(lambda: self.metric("troth_oldest_open_transaction_seconds") > 0, 20, "an age")
        first = self.metric("troth_oldest_open_transaction_seconds")
        wait_until(lambda: self.metric("troth_oldest_open_transaction_seconds") > first, 20, "it grows")
        self.assertEqual(self.metric("troth_oldest_in_doubt_transaction_seconds"), 0)
        self.trothd.post(f"/v1/transactions/{gtid}/abort")

    def test_how_old_what_is_in_doubt_is(self):
        self.register()
        self.assertEqual(self.trothd.apply({
            "name": f"two_{Seen.count}", "version": 1, "mode": "2pc", "prepare_timeout": "5s",
            "steps": [{"name": name, "participant": self.name, "operation": name, "input": {}}
                      for name in ("charge", "book")]}).status, 201)
        self.scripted.answers["charge", "commit"] = [500]
        gtid = self.begin(f"two_{Seen.count}")
        wait_until(lambda: self.metric("troth_oldest_in_doubt_transaction_seconds") > 0, 20, "an age")
        self.scripted.answers["charge", "commit"] = [DONE]
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        self.assertEqual(self.metric("troth_oldest_in_doubt_transaction_seconds"), 0)

    # --- participants

    def status(self, name=None):
        return self.trothd.get(f"/v1/participants/{name or self.name}").json["status"]

    def test_a_participant_is_probed_when_it_is_added(self):
        """Nobody knows at first; then whoever answers is there, with anything it says, and who does not is not."""
        reply = self.trothd.register(self.name, self.scripted.url, "http")
        self.assertIsNone(reply.json["status"]["slots_announced"])
        wait_until(lambda: self.status()["reachable"], 20, "it has answered")
        self.assertEqual(self.status()["last_answer"]["status"], 501)  # it has no GET
        self.scripted.server.server_close()
        code, out = self.ctl("participant", "add", "nobody", "http://127.0.0.1:1", "--binding", "http")
        self.assertEqual(code, 0, out)
        self.assertIn("nobody added", out)
        self.assertIn("nobody answers for nobody: 127.0.0.1:1: Connection refused", out)
        self.assertEqual(self.status("nobody")["reachable"], False)
        self.assertEqual(self.status("nobody")["last_failure"]["text"], "127.0.0.1:1: Connection refused")
        self.logged("participant is down", "participant=nobody", "Connection refused")
        code, out = self.ctl("participant", "add", "unnamed", "http://unnamed.invalid:80", "--binding", "http")
        self.assertRegex(out, "nobody answers for unnamed: unnamed.invalid: ")

    def test_a_participant_that_goes_and_comes_back_is_logged(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [DONE]
        self.trothd.wait_outcome(self.begin(self.saga()))
        port = self.scripted.port
        self.assertEqual(self.trothd.register(self.name, "http://127.0.0.1:1", "http").status, 200)
        gtid = self.begin(f"saga_{Seen.count}")
        self.logged("participant is down", f"participant={self.name}")
        self.assertEqual(self.trothd.register(self.name, f"http://127.0.0.1:{port}", "http").status, 200)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        metrics = self.trothd.get("/metrics").body.decode()
        self.assertRegex(metrics, rf'troth_participant_calls_total{{participant="{self.name}",result="done"}} 2\n')
        self.assertRegex(metrics, rf'troth_participant_calls_total{{participant="{self.name}",result="unsent"}} [1-9]')

    def test_down_and_up_again(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [SILENCE, SILENCE, SILENCE, SILENCE, DONE]
        gtid = self.begin(self.saga())
        self.logged("participant is down", f"participant={self.name}", "no answer in time")
        self.logged("participant is up", f"participant={self.name}")
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        self.assertEqual(self.status()["reachable"], True)

    def test_a_participant_that_a_definition_names_is_not_removed(self):
        self.register()
        definition = self.saga()
        code, out = self.ctl("participant", "remove", self.name)
        self.assertEqual(code, 4, out)
        self.assertIn(f'definition "{definition}" version 1 names participant "{self.name}"', out)
        code, out = self.ctl("participant", "remove", self.name, "--force")
        self.assertEqual((code, out), (0, f"{self.name} removed\n"))

    # --- what is not so is not shown

    def test_a_skipped_step_was_never_tried(self):
        self.register()
        gtid = self.begin(self.saga([
            {"name": "charge", "operation": "charge"},
            {"name": "mail", "operation": "mail", "when": {"value": "${input.mail}", "not_equals": None}}]),
            {"mail": None})
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual(shown["outcome"], "committed")
        mail = shown["steps"][1]
        self.assertEqual((mail["state"], mail.get("tries")), ("skipped", None))
        self.assertEqual([entry["moment"] for entry in shown["timeline"] if entry.get("branch") == 2], ["skipped"])

    def test_without_kafka_nothing_is_in_kafka(self):
        self.register()
        gtid = self.begin(self.saga())
        self.trothd.wait_outcome(gtid)
        _, shown = self.ctl("tx", "show", gtid)
        self.assertNotIn("Kafka", shown)
        self.assertRegex(shown, r"outcome told after \d+\.\d+m?s")

    # --- which transaction is meant

    def test_a_transaction_is_found(self):
        """By its label, key, time, the beginning of its gtid and the name that pg_prepared_xacts shows of a branch."""
        self.register()
        definition = self.saga()
        submitted = self.trothd.post("/v1/transactions", b'{"definition": "%s", "labels": {"order" : "47\\u00e411"}, '
                                     b'"input": {"big":9007199254740993,"small":0.10}}' % definition.encode(),
                                     headers={"Idempotency-Key": f"order-{Seen.count}"})
        gtid = submitted.json["gtid"]
        other = self.trothd.wait_outcome(self.begin(definition))["gtid"]
        shown = self.trothd.get(f"/v1/transactions/{gtid}")
        self.assertIn(b'"input":{"big":9007199254740993,"small":0.10}', shown.body)
        self.assertEqual((shown.json["idempotency_key"], shown.json["labels"]),
                         (f"order-{Seen.count}", {"order": "47\u00e411"}))
        self.assertNotIn("input", submitted.json)
        began = shown.json["began_at"]

        def listed(query):
            reply = self.trothd.get("/v1/transactions?" + query)
            self.assertEqual(reply.status, 200, reply)
            self.assertNotIn(b'"input"', reply.body)
            return [one["gtid"] for one in reply.json["transactions"]]

        self.assertEqual(listed("label=order%3D47%C3%A411"), [gtid])
        self.assertEqual(listed("label=order%3D47"), [])
        self.assertEqual(listed(f"key=order-{Seen.count}"), [gtid])
        self.assertEqual(listed("key=nobody"), [])
        self.assertEqual(listed(f"definition={definition}&began_after={began}"), [other, gtid])
        self.assertEqual(listed(f"definition={definition}&began_before={began}"), [])
        self.assertEqual(listed(f"gtid={gtid[:30]}"), [gtid])
        self.assertEqual(set(listed(f"gtid={gtid[:8]}")) & {gtid, other}, {gtid, other})
        self.assertEqual(self.trothd.get("/v1/transactions?gtid=xyz1").status, 400)
        journal = self.system.postgres.value("journal", "select id from troth.journal")
        for text in (gtid, gtid[:30], f"troth_{journal}_{gtid}_1_1"):
            code, out = self.ctl("tx", "show", text)
            self.assertEqual(code, 0, out)
            for part in (f"gtid     {gtid}", "labels   order=47\u00e411", f"key      order-{Seen.count}",
                         'input: {"big":9007199254740993,"small":0.10}'):
                self.assertIn(part, out)
        code, out = self.ctl("tx", "show", gtid[:4])
        self.assertEqual((code, "more than one" in out), (2, True), out)
        code, out = self.ctl("tx", "show", "ffffffff")
        self.assertEqual((code, "there is no transaction" in out), (3, True), out)
        code, out = self.ctl("tx", "list", "--label", "order=47\u00e411", "--since", "2h", "-o", "json")
        self.assertEqual((code, out.count(gtid)), (0, 1), out)

    def test_the_journals_tables_say_what_they_are(self):
        rows = self.system.postgres.query(
            "journal", "select relname, obj_description(oid) from pg_class "
            "where relkind = 'r' and relnamespace = 'troth'::regnamespace")
        self.assertGreater(len(rows), 10)
        self.assertEqual([name for name, comment in rows if not comment and name != "migration"], [])

    def test_an_abort_of_what_is_parked_is_answered_at_once(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [REFUSED]
        self.scripted.answers["release", "compensate"] = [500]
        gtid = self.begin(self.saga([
            {"name": "reserve", "operation": "reserve", "compensate": {"operation": "release", "retry": "once"}},
            {"name": "charge", "operation": "charge", "compensate": {"operation": "refund"}}]))
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked")
        code, out = self.ctl("--timeout", "20s", "tx", "abort", gtid)
        self.assertEqual(code, 7, out)  # an operator must look
        self.assertIn("is parked, an operator must look", out)
        self.assertIn(gtid, out)

    def test_what_never_left_needs_no_compensation(self):
        """Nobody listens: no try reached the participant, and there is nothing to undo."""
        port = self.scripted.port
        self.scripted.server.shutdown()  # whoever waits at a socket keeps it open after its close
        self.scripted.server.server_close()
        self.register(f"http://127.0.0.1:{port}")
        gtid = self.begin(self.saga(max_attempts=3))
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")  # of a saga that turned back
        sent = [entry["op"] for entry in self.trothd.show(gtid)["timeline"] if entry["moment"] == "sent"]
        self.assertEqual(sent, ["execute"] * 3)

    def test_a_lost_answer_is_compensated(self):
        self.register()
        self.scripted.answers["charge", "execute"] = [RESET]
        gtid = self.begin(self.saga(max_attempts=2))
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")
        self.assertEqual(self.scripted.count(gtid, "charge", "execute"), 2)
        self.assertEqual(self.scripted.count(gtid, "refund", "compensate"), 1)

    def test_a_compensation_is_tried_without_end_unless_told_otherwise(self):
        """Its policy says nothing of attempts: five for execute, no end for the compensation."""
        self.register()
        self.scripted.answers["charge", "execute"] = [REFUSED]
        self.scripted.answers["release", "compensate"] = [503] * 7 + [DONE]
        gtid = self.begin(self.saga([
            {"name": "reserve", "operation": "reserve", "compensate": {"operation": "release", "retry": "plain"}},
            {"name": "charge", "operation": "charge", "compensate": {"operation": "refund"}}],
            retries={"plain": {**QUICK, "max_interval": "30ms"}, "once": QUICK, "quick": QUICK}))
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")
        self.assertNotIn("parked", [entry["moment"] for entry in self.trothd.show(gtid)["timeline"]])

    def test_what_is_parked_is_tried_again_by_itself(self):
        """Its participant came back: nobody has to say so. Also behind a restart."""
        self.register()
        self.scripted.answers["charge", "execute"] = [REFUSED]
        self.scripted.answers["release", "compensate"] = [503, 503, DONE]
        gtid = self.begin(self.saga([
            {"name": "reserve", "operation": "reserve", "compensate": {"operation": "release", "retry": "once"}},
            {"name": "charge", "operation": "charge", "compensate": {"operation": "refund"}}]))
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked")
        self.trothd.options["parked_retry"] = "300ms"
        try:
            self.trothd.restart()
            self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")
            moments = [entry["moment"] for entry in self.trothd.show(gtid)["timeline"]]
            self.assertIn("retried", moments)
            self.assertEqual(self.ctl("tx", "show", gtid)[1].count("tried again by itself"), moments.count("retried"))
        finally:
            del self.trothd.options["parked_retry"]
            self.trothd.restart()


if __name__ == "__main__":
    main()
