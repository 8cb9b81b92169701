"""trothctl against a scripted HTTP server: what it asks, what it prints, how it exits."""

import json
import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cli_test import (ATTENTION, COMPLETION, GTID, INPUT, LOCAL, NOT_COMMITTED, NOT_FOUND, OK, PROTOCOL,  # noqa: E402
                      REFUSED, ROOT, SECONDS_MAX, TROTHCTL, UNAVAILABLE, UNKNOWN, USAGE, CliTest, transaction)


class Transactions(CliTest):
    def test_start_sends_the_input_byte_for_byte(self):
        """The input goes out, and the output is printed, as the text it was: from an argument, a file, stdin."""
        ways = [(INPUT, ""), ("@" + self.file(INPUT + "\n"), ""), ("-", INPUT)]
        for way, stdin in ways:
            self.answer(200, transaction())
            out, _ = self.exits(OK, "tx", "start", "transfer", "--input", way, stdin=stdin)
            method, target, headers, body = self.last()
            self.assertEqual((method, target), ("POST", "/v1/transactions"))
            self.assertEqual(body, '{"definition":"transfer","input":' + INPUT + "}")
            self.assertEqual(headers["Content-Type"], "application/json")
            self.assertIn('{"balance":9007199254740993,"rate":0.10,"big":1e400}', out)
            self.assertTrue(out.startswith("COMMITTED  transfer version 1, 2pc\n"), out)

    def test_start_options(self):
        """Version, key, labels and preference are where the API wants them."""
        self.answer(201, transaction())
        self.exits(OK, "tx", "start", "transfer", "--version", "3", "--key", 'a "b\\', "-l", "tenant=acme",
                   "-l", "x=y=z", "--wait", "1.5s")
        _, _, headers, body = self.last()
        self.assertEqual(json.loads(body), {"definition": "transfer", "version": 3, "input": {},
                                            "labels": {"tenant": "acme", "x": "y=z"}})
        self.assertEqual(headers["Idempotency-Key"], '"a \\"b\\\\"')
        self.assertEqual(headers["Prefer"], "wait=2")  # rounded up
        self.answer(202, transaction(None, "preparing"))
        self.exits(OK, "tx", "start", "transfer", "--async")  # running is what was asked for
        self.assertEqual(self.last()[2]["Prefer"], "respond-async")

    def test_each_start_has_its_own_key(self):
        """Without --key one is made up, another each time."""
        keys = set()
        for _ in range(2):
            self.answer(200, transaction())
            self.exits(OK, "tx", "start", "transfer")
            keys.add(self.last()[2]["Idempotency-Key"])
        self.assertEqual(len(keys), 2)

    def test_outcomes_as_exit_status(self):
        """Each outcome has its exit status, and says why."""
        no = '{"cause":"refused","branch":1,"step":"debit","participant":"bank_a","reason":"insufficient funds"}'
        parked = '[{"branch":1,"name":"debit","participant":"bank_a","operation":"debit","state":"parked"}]'
        said_no = "refused by 1 debit at bank_a: insufficient funds"
        cases = [(transaction(), OK, "COMMITTED"),
                 (transaction("aborted", failure=no), NOT_COMMITTED, said_no),
                 (transaction("compensated"), NOT_COMMITTED, "COMPENSATED"),
                 (transaction(None, "preparing"), UNKNOWN, "RUNNING (preparing)"),
                 (transaction("mixed"), ATTENTION, "MIXED"),
                 (transaction("committed", "committing", steps=parked), ATTENTION, "is parked, an operator must look")]
        for body, code, said in cases:
            for words in (["tx", "start", "transfer"], ["tx", "commit", GTID], ["tx", "show", "--exit-code", GTID]):
                self.answer(200, body)
                out, _ = self.exits(code, *words)
                self.assertIn(said, out)
            self.answer(200, body)
            self.exits(OK, "tx", "show", GTID)  # it was shown

    def test_show_draws_the_timeline(self):
        """Head, steps, outputs, then the moments, a column for each branch."""
        self.answer(200, transaction(timeline=True))
        out, _ = self.exits(OK, "tx", "show", GTID)
        self.assertEqual(self.last()[:2], ("GET", f"/v1/transactions/{GTID}"))
        self.assertEqual(out, f"""\
COMMITTED  transfer version 1, 2pc
gtid     {GTID}
began    2026-11-21 05:34:49.112Z, ended after 14.200ms

BRANCH  STEP   PARTICIPANT  OPERATION  STATE      VOTE  TRIES
     1  debit  bank_a       debit      committed  yes   1

output of 1 debit at bank_a: {{"balance":9007199254740993,"rate":0.10,"big":1e400}}

    MS  TRANSACTION       1 debit
+0.000  began
+1.203                    -> prepare
+2.000                    <- vote yes
+4.000  decision durable
""")

    def test_json_is_the_body(self):
        """-o json prints the coordinator's own text."""
        body = transaction("aborted", timeline=True)
        self.answer(200, body)
        out, _ = self.exits(OK, "tx", "show", GTID, "-o", "json")
        self.assertEqual(out, body + "\n")
        self.answer(200, body)
        out, _ = self.exits(NOT_COMMITTED, "-o", "json", "tx", "start", "transfer")
        self.assertEqual(out, body + "\n")

    def test_list_follows_the_pages(self):
        """Filters go into the query; pages are followed up to the limit; the table has a row for each."""
        page = '{"transactions":[%s],"cursor":%s}'
        self.answer(200, page % (",".join([transaction()] * 2), '"c/1"'))
        self.answer(200, page % (transaction("aborted", failure='{"cause":"timeout"}'), "null"))
        out, err = self.exits(OK, "tx", "list", "--state", "ended", "-d", "transfer", "--older-than", "5m", "-n", "600")
        self.assertEqual([asked[1] for asked in self.server.asked], [
            "/v1/transactions?state=ended&definition=transfer&older_than=5m&limit=500",
            "/v1/transactions?state=ended&definition=transfer&older_than=5m&cursor=c%2F1&limit=500"])
        lines = out.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0], "^GTID +DEFINITION +STATE +OUTCOME +BEGAN +TOOK +WHY$")
        self.assertEqual(lines[3].split(), [GTID, "transfer", "ended", "aborted", "2026-11-21", "05:34:49.112Z",
                                            "14.200ms", "not", "done", "in", "time"])
        self.assertEqual(err, "")

    def test_list_stops_at_the_limit(self):
        """A cut list says so; as JSON it carries the cursor and the items' own text."""
        page = '{"transactions":[%s],"cursor":"c1"}' % transaction()
        self.answer(200, page)
        _, err = self.exits(OK, "tx", "list", "-n", "1")
        self.assertIn("more than these 1", err)
        self.assertEqual(self.last()[1], "/v1/transactions?limit=1")
        self.answer(200, page)
        out, err = self.exits(OK, "tx", "list", "-n", "1", "-o", "json")
        self.assertEqual((out, err), (page + "\n", ""))

    def test_abort(self):
        """Aborted is what was asked for; committed before, or not ended, is not."""
        for body, code in [(transaction("aborted"), OK), (transaction(None, "aborting"), UNKNOWN),
                           (transaction(), REFUSED)]:
            self.answer(200, body)
            self.exits(code, "tx", "abort", GTID)
            self.assertEqual(self.last()[:2], ("POST", f"/v1/transactions/{GTID}/abort"))
        self.refuse(409, "ended", "it has committed")
        _, err = self.exits(REFUSED, "tx", "abort", GTID)
        self.assertEqual(err, "trothctl: it has committed\n")

    def test_retry(self):
        """What is parked is tried again; that it has not ended yet is no failure."""
        self.answer(200, transaction(None, "compensating"))
        out, _ = self.exits(OK, "tx", "retry", GTID)
        self.assertIn("compensating", out)
        self.assertEqual(self.last()[:2], ("POST", f"/v1/transactions/{GTID}/retry"))
        self.refuse(409, "wrong-state", "nothing is parked")
        _, err = self.exits(REFUSED, "tx", "retry", GTID)
        self.assertEqual(err, "trothctl: nothing is parked\n")

    def test_begin_and_commit(self):
        """begin prints the gtid alone; commit names the branches."""
        self.answer(201, transaction(None, "open"))
        out, _ = self.exits(OK, "tx", "begin", "--lifetime", "5m", "--label", "a=b")
        self.assertEqual(out, GTID + "\n")
        self.assertEqual(json.loads(self.last()[3]), {"mode": "2pc", "timeout": "5m", "labels": {"a": "b"}})
        self.answer(200, transaction())
        self.exits(OK, "tx", "commit", GTID, "-b", "1", "--branch", "7", "--wait", "10s")
        method, target, headers, body = self.last()
        self.assertEqual((method, target, body),
                         ("POST", f"/v1/transactions/{GTID}/commit", '{"branches":[1,7]}'))
        self.assertEqual(headers["Prefer"], "wait=10")


class Failures(CliTest):
    def test_refusals_by_kind(self):
        """What is not there, refused, not ready and broken exit differently, with the coordinator's words."""
        cases = [(404, "unknown-transaction", NOT_FOUND), (422, "unknown-definition", NOT_FOUND),
                 (400, "invalid-body", REFUSED), (413, "too-large", REFUSED), (503, "full", UNAVAILABLE),
                 (500, "internal", PROTOCOL)]
        for status, slug, code in cases:
            self.refuse(status, slug, f"because {slug}")
            out, err = self.exits(code, "tx", "start", "transfer")
            self.assertEqual((out, err), ("", f"trothctl: because {slug}\n"))

    def test_faults_of_an_input(self):
        """Each fault of the input is printed with its pointer."""
        self.refuse(422, "invalid-input", "2 faults in the input",
                    [{"pointer": "/from", "severity": "error", "detail": "missing"},
                     {"pointer": "/amount", "line": 1, "column": 9, "severity": "error", "detail": "not an integer"}])
        _, err = self.exits(REFUSED, "tx", "start", "transfer")
        self.assertEqual(err, "trothctl: 2 faults in the input\n  /from: missing\n  /amount: not an integer\n")

    def test_connection_refused(self):
        """Nobody there: nothing was begun, whatever was asked."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            for words in (["tx", "start", "transfer"], ["tx", "list"], ["status"],
                          ["def", "delete", "a", "--version", "1"]):
                _, err = self.exits(UNAVAILABLE, "--url", url, *words)
                self.assertIn(url, err)

    def test_answer_lost(self):
        """A request that left without an answer is unknown, and the hint says how to ask again with the same key."""
        self.answer(None, kind="closed")
        _, err = self.exits(UNKNOWN, "tx", "start", "transfer")
        key = self.server.asked[-2][2]["Idempotency-Key"].strip('"')
        self.assertIn("not known what became of it", err)
        self.assertIn(f"--key '{key}'", err)
        self.assertEqual(self.last()[:2], ("GET", f"/v1/transactions?key={key}"))  # which transaction is it?
        self.answer(None, kind="closed")
        self.answer(200, '{"transactions":[' + transaction(None, "running") + '],"cursor":null}')
        _, err = self.exits(UNKNOWN, "tx", "start", "transfer")
        self.assertIn(f"it is transaction {GTID}", err)
        self.answer(None, kind="closed")
        _, err = self.exits(UNKNOWN, "tx", "abort", GTID)
        self.assertIn(f"trothctl tx show {GTID}", err)
        self.answer(None, kind="closed")
        self.exits(UNAVAILABLE, "tx", "show", GTID)  # asking changed nothing

    def test_answer_too_late(self):
        """The timeout ends a wait for an answer that does not come; --wait is added to it."""
        self.answer(None, kind="silent")
        self.exits(UNKNOWN, "--timeout", "200ms", "tx", "start", "transfer")
        self.answer(None, kind="silent")
        self.exits(UNAVAILABLE, "--timeout", "200ms", "status")

    def test_not_a_coordinator(self):
        """An answer that is none is told apart from one of a coordinator."""
        self.answer(200, "<html>hello</html>", "text/html")
        self.exits(PROTOCOL, "tx", "show", GTID)
        self.answer(404, "<html>no</html>", "text/html")
        _, err = self.exits(PROTOCOL, "tx", "show", GTID)
        self.assertIn("is this a coordinator?", err)
        self.answer(200, "[]")
        self.exits(PROTOCOL, "tx", "show", GTID)
        self.answer(200, '{"transactions":7}')
        self.exits(PROTOCOL, "tx", "list")
        self.answer(502, "bad gateway", "text/plain")
        self.exits(UNKNOWN, "tx", "start", "transfer")

    def test_wrong_use_sends_nothing(self):
        """What is wrong on the command line is found before anything is sent."""
        wrong = [["tx", "show", "17"], ["tx", "start", "Transfer"], ["tx", "start", "t", "--wait", "10"],
                 ["tx", "start", "t", "--wait", "301s"], ["tx", "start", "t", "--wait", "1s", "--async"],
                 ["tx", "watch", "17"], ["tx", "start", "t", "--watch", "--async"],
                 ["tx", "start", "t", "--watch", "--wait", "1s"],
                 ["tx", "start", "t", "--label", "x"], ["tx", "start", "t", "-l", "a=1", "-l", "a=2"],
                 ["tx", "start", "t", "--key", ""], ["tx", "start", "t", "--key", "ä"],
                 ["tx", "start", "t", "--version", "0"], ["tx", "list", "-n", "x"], ["tx", "commit", GTID, "-b", "0"],
                 ["tx", "list", "--older-than", "5"], ["def", "show", "../x"], ["def", "delete", "transfer"],
                 ["participant", "add", "bank", "http://x"], ["participant", "add", "bank", "http://x", "-b", "soap"],
                 ["--url", "ftp://x", "status"], ["nonsense"], []]
        for words in wrong:
            self.exits(USAGE, *words)
        self.assertEqual(self.server.asked, [])

    def test_wrong_input_is_placed(self):
        """An input that is not JSON is refused with line and column; a file that is not there is told."""
        path = self.file('{"a": 1,\n "b": 01}')
        _, err = self.exits(REFUSED, "tx", "start", "t", "-i", "@" + path)
        self.assertEqual(err, f"trothctl: {path}:2:8: a number has a leading zero\n")
        _, err = self.exits(REFUSED, "tx", "start", "t", "-i", "{a:1}")
        self.assertIn("--input:1:2: ", err)
        _, err = self.exits(LOCAL, "tx", "start", "t", "-i", "@/nowhere/x.json")
        self.assertIn("/nowhere/x.json: No such file", err)
        self.assertEqual(self.server.asked, [])

    def test_output_that_can_not_be_written(self):
        """A full disk is no success."""
        self.answer(200, transaction())
        with open("/dev/full", "w") as full:
            done = subprocess.run([TROTHCTL, "--url", self.url, "tx", "show", GTID], stdout=full,
                                  stderr=subprocess.PIPE, timeout=SECONDS_MAX)
        self.assertEqual(done.returncode, LOCAL)

    def test_the_terminal_is_safe(self):
        """Control characters in what a participant says are shown, not obeyed."""
        no = '{"cause":"refused","branch":1,"participant":"bank_a","reason":"\\u001b]0;x\\u0007\\u009b2J"}'
        self.answer(200, transaction("aborted", failure=no))
        out, _ = self.exits(OK, "tx", "show", GTID)
        self.assertIn("\\u001b]0;x\\u0007\\u009b2J", out)
        self.assertNotIn("\x1b", out)
        steps = ('[{"branch":1,"name":"a","participant":"b","operation":"c","state":"done",'
                 '"output":"x\u009b2J\u202e\u2066y"}]')
        for words in (["tx", "show", GTID], ["tx", "show", GTID, "-o", "json"], ["tx", "list", "-o", "json"]):
            text = transaction(steps=steps)
            self.answer(200, '{"transactions":[' + text + '],"cursor":null}' if "list" in words else text)
            out, _ = self.exits(OK, *words)
            for character in "\u009b\u202e\u2066":
                self.assertNotIn(character, out, words)
            if "json" in words:
                self.assertIn('"x\\u009b2J\\u202e\\u2066y"', out)

    def test_a_password_in_the_url_is_not_shown(self):
        """Neither where nobody is there, nor where an option or a command is misspelt."""
        url = "http://user:geheim@127.0.0.1:1"
        for words in (["--url", url, "status"], ["--ulr=" + url, "status"], ["status", "--ulr=" + url], [url, "status"],
                      ["--url", "gopher://user:geheim@x", "status"]):
            _, out, err = self.run_it(*words)
            self.assertNotIn("geheim", out + err, words)


class Registry(CliTest):
    DEFINITION = '{ "name": "transfer", "version": 1,\n  "limit": 9007199254740993 }\n'

    def test_apply(self):
        """The file goes out as it is, under its own name; the same again is no error."""
        path = self.file(self.DEFINITION)
        for status, said in [(201, "transfer version 1 published\n"), (200, "transfer version 1 was there already\n")]:
            self.answer(status, '{"name":"transfer","version":1,"mode":"2pc","steps":2,"warnings":'
                                '[{"pointer":"/steps","line":4,"column":3,"severity":"warning","detail":"odd"}]}')
            out, err = self.exits(OK, "def", "apply", path)
            self.assertEqual(out, said)
            self.assertEqual(err, f"{path}:4:3: /steps: warning: odd\n")
            self.assertEqual(self.last()[:2], ("PUT", "/v1/definitions/transfer"))
            self.assertEqual(self.last()[3], self.DEFINITION)

    def test_apply_with_faults(self):
        """Every fault is printed as file:line:column: pointer: text; later files are applied all the same."""
        first, second = self.file(self.DEFINITION, "a.json"), self.file(self.DEFINITION, "b.json")
        self.refuse(422, "invalid-definition", "1 fault", [
            {"pointer": "/steps/1/compensate/operation", "line": 24, "column": 57, "severity": "error",
             "detail": '"relase" is unknown'}])
        self.answer(201, '{"name":"transfer","version":1,"mode":"2pc","steps":2,"warnings":[]}')
        out, err = self.exits(REFUSED, "def", "apply", first, second)
        self.assertEqual(err, f"trothctl: {first}: 1 fault\n"
                              f'{first}:24:57: /steps/1/compensate/operation: "relase" is unknown\n')
        self.assertEqual(out, "transfer version 1 published\n")

    def test_apply_without_a_name(self):
        """A file without a usable name is validated, which says all that is wrong with it; nothing is sent."""
        path = self.file("{nonsense")
        out, _ = self.exits(REFUSED, "def", "apply", path)
        self.assertEqual(self.server.asked, [])
        self.assertRegex(out, rf"^{path}:1:2: .+\n$")

    def test_validate(self):
        """A valid file may have warnings; as JSON the answer itself is printed."""
        body = ('{"valid":true,"faults":[{"pointer":"/steps","line":4,"column":3,"severity":"warning",'
                '"detail":"two steps at one participant"}]}')
        self.answer(200, body)
        out, _ = self.exits(OK, "def", "validate", "--url", self.url, "-", stdin=self.DEFINITION)
        self.assertEqual(out, "(standard input):4:3: /steps: warning: two steps at one participant\n"
                              "(standard input): valid\n")
        self.answer(200, body)
        out, _ = self.exits(OK, "def", "validate", "--url", self.url, "-", "-o", "json", stdin=self.DEFINITION)
        self.assertEqual(out, body + "\n")

    def test_validate_needs_no_coordinator(self):
        """Without --url nothing is asked, also where $TROTH_URL names one: a pipeline checks files before anything
        runs."""
        good = ROOT / "participant-sdk/examples/definitions/transfer.json"
        out, _ = self.exits(OK, "def", "validate", str(good), environment={"TROTH_URL": "http://127.0.0.1:1"})
        self.assertIn(f"{good}: valid\n", out)
        bad = ROOT / "tests/corpus/definition/bad/topic_with_space.json"
        out, _ = self.exits(REFUSED, "def", "validate", str(bad))
        self.assertEqual(out.replace(f"{bad.parent}/", ""), bad.with_suffix(".expected").read_text())
        out, _ = self.exits(REFUSED, "def", "validate", "-o", "json", str(bad))
        self.assertEqual((json.loads(out)["valid"], json.loads(out)["faults"][0]["pointer"]), (False, "/events/topic"))
        self.assertEqual(self.server.asked, [])

    def test_list_show_delete(self):
        """Definitions as a table, as their own text, and gone."""
        self.answer(200, '{"definitions":[{"name":"transfer","version":12,"mode":"2pc","steps":2,"description":"Move"},'
                         '{"name":"a","version":1,"mode":"saga","steps":10}],"cursor":null}')
        out, _ = self.exits(OK, "def", "list")
        self.assertEqual(out, "NAME      VERSION  MODE  STEPS  DESCRIPTION\n"
                              "transfer       12  2pc       2  Move\n"
                              "a               1  saga     10\n")
        self.answer(200, self.DEFINITION)
        out, _ = self.exits(OK, "def", "show", "transfer", "--version", "1")
        self.assertEqual(out, self.DEFINITION)
        self.assertIn("/v1/definitions/transfer?version=1", [target for _, target, _, _ in self.server.asked])
        self.answer(204)
        out, _ = self.exits(OK, "def", "delete", "transfer", "--version", "1")
        self.assertEqual((out, self.last()[:2]),
                         ("transfer version 1 deleted\n", ("DELETE", "/v1/definitions/transfer?version=1")))

    def test_participants(self):
        """Registered with URLs, binding and slots; listed with what is known of them; removed."""
        self.answer(201, '{"name":"bank_a","binding":"batch","urls":["http://a"],"status":{}}')
        out, _ = self.exits(OK, "participant", "add", "bank_a", "http://a", "http://b", "-b", "batch", "-s", "16")
        self.assertEqual(out, "bank_a added\n")
        self.assertEqual(self.last()[:2], ("PUT", "/v1/participants/bank_a"))
        self.assertEqual(json.loads(self.last()[3]),
                         {"binding": "batch", "urls": ["http://a", "http://b"], "slots": 16})
        one = ('{"name":"bank_a","binding":"batch","urls":["http://a","http://b"],"slots":16,'
               '"status":{"in_flight":3,"breaker":"closed"}}')
        self.answer(200, f'{{"participants":[{one}],"cursor":null}}')
        out, _ = self.exits(OK, "participant", "list")
        self.assertEqual(out, "NAME    BINDING  SLOTS  URLS               NOW\n"
                              "bank_a  batch       16  http://a http://b  in_flight=3 breaker=closed\n")
        self.answer(200, one)
        out, _ = self.exits(OK, "participant", "show", "bank_a")
        self.assertIn("status.breaker    closed\n", out)
        self.refuse(409, "in-use", "definition transfer names it")
        _, err = self.exits(REFUSED, "participant", "remove", "bank_a")
        self.assertIn("definition transfer names it", err)
        self.answer(204)
        self.assertEqual(self.exits(OK, "participant", "remove", "bank_a")[0], "bank_a removed\n")

    def test_status(self):
        """Ready or not is the exit status; the details are printed in both cases."""
        details = '{"ready":%s,"leading":true,"journal":{"connected":true,"shards":16}}'
        self.answer(200, details % "true")
        out, _ = self.exits(OK, "status")
        self.assertEqual(out, f"ready at {self.url}\nready              true\nleading            true\n"
                              "journal.connected  true\njournal.shards     16\n")
        self.answer(503, details % "false")
        out, _ = self.exits(UNAVAILABLE, "status")
        self.assertIn("NOT READY", out)
        self.assertIn("ready              false\n", out)
        self.refuse(503, "full", "too many connections")
        out, _ = self.exits(UNAVAILABLE, "status", "-o", "json")
        self.assertIn('"too many connections"', out)


class Completion(CliTest):
    def complete(self, *words):
        """What the completion offers for the last of the words."""
        script = (f'. "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trothctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        path = f"{TROTHCTL.parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-uc", script, "bash", "trothctl", *words], capture_output=True, text=True,
                              timeout=SECONDS_MAX, env={"PATH": path, "TROTH_URL": self.url})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(line for line in done.stdout.split("\n") if line)

    def test_lists_agree_with_the_program(self):
        """The completion knows the commands and options of the program's table, no more and no fewer."""
        out, _ = self.exits(OK, "--list-commands")
        program = {line.split(":")[0]: line.split(":")[1].split() for line in out.splitlines()}
        script = (f'. "{COMPLETION}"; echo ":$_trothctl_everywhere"; for name in "${{!_trothctl_options[@]}}"; do '
                  'printf "%s:%s\\n" "$name" "${_trothctl_options[$name]}"; done')
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=SECONDS_MAX)
        completion = {line.split(":")[0]: line.split(":")[1].split() for line in done.stdout.splitlines()}
        self.assertEqual(completion, program)
        self.assertGreater(len(program), 10)

    def test_words(self):
        """Commands, their second words, options and fixed values are offered where they can stand."""
        self.assertEqual(self.complete(""), ["def", "doctor", "event", "key", "node", "participant", "status", "tx"])
        self.assertEqual(self.complete("-o", "json", "t"), ["tx"])
        self.assertEqual(self.complete("tx", "s"), ["show", "sql", "start"])
        self.assertEqual(self.complete("def", ""), ["apply", "delete", "diff", "list", "show", "validate"])
        self.assertEqual(self.complete("tx", "commit", "--b"), ["--branch"])
        self.assertEqual(self.complete("tx", "start", "--l"), ["--label"])
        self.assertEqual(self.complete("status", "--o"), ["--output"])
        self.assertEqual(self.complete("tx", "list", "-o", ""), ["json", "table"])
        self.assertEqual(self.complete("participant", "add", "x", "--binding", "b"), ["batch"])
        self.assertEqual(self.complete("--v"), ["--version"])
        path = self.file("{}", "transfer.json")
        self.assertEqual(self.complete("def", "apply", path[:-4]), [path])
        self.assertEqual(self.complete("tx", "start", "-i", "@" + path[:-4]), ["@" + path])
        self.refuse(503, "full", "full")
        self.assertEqual(self.complete("def", "diff", path[:-4]), [path])

    def test_names_come_from_the_coordinator(self):
        """Definitions are offered by name; a coordinator that does not answer offers none."""
        self.answer(200, '{"definitions":[{"name":"transfer","version":1,"mode":"2pc","steps":2},'
                         '{"name":"order","version":1,"mode":"2pc","steps":2}],"cursor":null}')
        self.assertEqual(self.complete("tx", "start", "t"), ["transfer"])
        self.refuse(503, "full", "full")
        self.assertEqual(self.complete("tx", "start", "t"), [])

    def test_names_are_not_run(self):
        """A name that the shell would expand is not offered, and not run."""
        mark = Path(self.folder.name) / "mark"
        self.answer(200, '{"definitions":[{"name":"t$(touch %s)","version":1},{"name":"t1","version":1}],"cursor":null}'
                    % mark)
        self.assertEqual(self.complete("tx", "start", "t"), ["t1"])
        self.assertFalse(mark.exists())


class Contract(unittest.TestCase):
    """The scripted answers above are only worth something while the coordinator answers like that."""

    def test_openapi_has_what_is_used(self):
        """Every call that trothctl makes, and every member that it reads, is in the coordinator's OpenAPI file."""
        api = json.loads((ROOT / "coordinator" / "api" / "openapi.json").read_text())
        for path, methods in {"/v1/transactions": "get post", "/v1/transactions/{gtid}": "get",
                              "/v1/transactions/{gtid}/events": "get",
                              "/v1/transactions/{gtid}/commit": "post", "/v1/transactions/{gtid}/abort": "post",
                              "/v1/transactions/{gtid}/retry": "post", "/v1/transactions/{gtid}/resolve": "post",
                              "/v1/transactions/{gtid}/forget": "post", "/v1/transactions/{gtid}/decision": "get",
                              "/v1/definitions": "get", "/v1/definitions/{name}": "get put delete",
                              "/v1/definitions/validate": "post", "/v1/participants": "get",
                              "/v1/participants/{name}": "get put delete", "/readyz": "get"}.items():
            self.assertLessEqual(set(methods.split()), set(api["paths"][path]), path)
        for schema, members in {
                "TransactionWithTimeline": "gtid definition version mode attempt state outcome began_at ended_at "
                                           "labels steps failure timeline",
                "TransactionList": "transactions cursor", "DefinitionList": "definitions cursor",
                "ParticipantList": "participants cursor", "DefinitionSummary": "name version mode steps description",
                "Participant": "name binding urls slots status", "Published": "name version warnings",
                "Step": "branch name participant operation state vote tries output reason resolved forgotten "
                        "unconfirmed earlier_abort",
                "Resolved": "as by reason at forced",
                "Failure": "cause branch step participant reason", "Validation": "valid faults",
                "Moment": "at branch attempt moment op result record reply vote count",
                "Progress": "id event data",
                "Fault": "pointer line column severity detail", "Problem": "type title detail errors"}.items():
            known = api["components"]["schemas"][schema]["properties"]
            self.assertLessEqual(set(members.split()), set(known), schema)


class Help(CliTest):
    def test_help_and_version(self):
        """Help goes to stdout and succeeds; the exit status table is in it."""
        out, _ = self.exits(OK, "--help")
        for code in range(10):
            self.assertRegex(out, rf"\n  {code}  \w")
        out, _ = self.exits(OK, "tx", "start", "--help")
        self.assertIn("--input JSON|@FILE|-", out)
        self.assertIn("Examples:\n  trothctl tx start", out)
        out, _ = self.exits(OK, "--version")
        self.assertRegex(out, r"^trothctl \d+\.\d+\.\d+\n$")



class WrongWords(CliTest):
    def test_the_nearest_command_is_named(self):
        """A mistyped command names the right one; a group alone names its commands; nothing is sent."""
        for words, said in [(["stauts"], "there is no command 'stauts'; did you mean 'status'?"),
                            (["participants", "list"], "no command 'participants'; did you mean 'participant'?"),
                            (["tx", "shwo"], "there is no command 'tx shwo'; did you mean 'tx show'?"),
                            (["frobnicate"], "there is no command 'frobnicate'\n"),
                            (["def"], "'def' needs one more word: apply, validate, diff, list, show, delete"),
                            (["tx", "show"], "too few arguments: it takes GTID"),
                            (["tx", "list", "x"], "too many arguments: it takes none")]:
            _, err = self.exits(USAGE, *words)
            self.assertTrue(err.startswith("trothctl: "), err)
            self.assertIn(said, err)
        self.assertEqual(self.server.asked, [])

    def test_help_on_a_group(self):
        """Its commands only."""
        out, _ = self.exits(OK, "participant", "--help")
        self.assertIn("participant remove NAME", out)
        self.assertNotIn("tx start", out)
        self.assertEqual(self.exits(OK, "participant", "-h")[0], out)

    def test_addresses_without_a_host(self):
        """libcurl would ask a host called "readyz"."""
        for url in ("http://", "http:///x", "/x"):
            self.assertEqual(self.exits(USAGE, "--url", url, "status")[1], f"trothctl: --url {url}: it names no host\n")


if __name__ == "__main__":
    unittest.main()
