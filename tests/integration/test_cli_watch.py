"""trothctl tx watch and def diff against a scripted HTTP server: what they ask, what they draw, how they exit."""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cli_test import (ATTENTION, GTID, INPUT, LOCAL, NOT_COMMITTED, NOT_FOUND, OK, PROTOCOL, REFUSED,  # noqa: E402
                      SECONDS_MAX, TROTHCTL, UNAVAILABLE, UNKNOWN, USAGE, CliTest, transaction)


def events(*pairs):
    """A stream: (event, data as text), numbered."""
    return "".join(f"id: {number}\nevent: {event}\ndata: {data}\n\n"
                   for number, (event, data) in enumerate(pairs, 1))


def moment(at, what, **members):
    return "moment", json.dumps({"at": at, "moment": what, **members})


class Watching(CliTest):
    STREAM = (("state", transaction(None, "preparing")), moment("+0s", "began"),
              moment("+1.203ms", "sent", branch=1, attempt=1, op="prepare"),
              moment("+2ms", "answered", branch=1, attempt=1, op="prepare", result="vote", vote="yes"),
              ("state", transaction(None, "deciding")),
              moment("+12.5s", "sent", branch=1, attempt=2, op="commit"),
              moment("+13s", "answered", branch=1, attempt=2, op="prepare", result="retry"))
    END = ("ended", transaction(timeline=True))

    def stream(self, *pairs, status=200):
        self.answer(status, events(*pairs), "text/event-stream")

    def test_watch_draws_what_comes(self):
        """Head, moments and changes of state as they come, then the transaction as tx start shows it."""
        self.stream(*self.STREAM, self.END)
        out, err = self.exits(OK, "tx", "watch", GTID)
        method, target, headers, _ = self.last()
        self.assertEqual((method, target), ("GET", f"/v1/transactions/{GTID}/events"))
        self.assertIn("text/event-stream", headers["Accept"])
        self.assertEqual(err, "")
        head, rows, end = re.fullmatch("(.*\n)\n( +SECONDS.*?\n)\n(COMMITTED.*)", out, re.DOTALL).groups()
        self.assertRegex(head, f"^RUNNING \\(preparing\\)  transfer version 1, 2pc\ngtid     {GTID}\nbegan ")
        self.assertEqual(rows, """\
     SECONDS  BRANCH   MOMENT
   +0.000000           began
   +0.001203  1 debit  -> prepare
   +0.002000  1 debit  <- vote yes
                       -- deciding --
                       -- attempt 2 --
  +12.500000  1 debit  -> commit
  +13.000000  1 debit  <- retry to prepare
""")
        self.assertIn("output of 1 debit at bank_a: ", end)
        self.assertNotIn("TRANSACTION", end)  # the timeline was drawn already

    def test_one_that_has_ended_is_shown(self):
        """What had ended before is shown as tx show does; its outcome is the exit status."""
        self.answer(200, transaction(timeline=True))
        shown, _ = self.exits(OK, "tx", "show", GTID)
        self.stream(self.END)
        self.assertEqual(self.exits(OK, "tx", "watch", GTID)[0], shown)
        for outcome, code in [("aborted", NOT_COMMITTED), ("compensated", NOT_COMMITTED), ("mixed", ATTENTION)]:
            self.stream(("ended", transaction(outcome, timeline=True)))
            self.exits(code, "tx", "watch", GTID)

    def test_events_as_json(self):
        """-o json prints each event on a line, its data as it came."""
        self.stream(*self.STREAM, self.END)
        out, _ = self.exits(OK, "tx", "watch", "-o", "json", GTID)
        lines = out.splitlines()
        self.assertEqual(len(lines), len(self.STREAM) + 1)
        for number, (line, (event, data)) in enumerate(zip(lines, (*self.STREAM, self.END)), 1):
            self.assertEqual(line, f'{{"id":"{number}","event":"{event}","data":{data}}}')

    def test_start_and_watch(self):
        """tx start --watch starts without waiting, then follows what was started."""
        self.answer(202, transaction(None, "preparing"))
        self.stream(*self.STREAM, ("ended", transaction("aborted", timeline=True)))
        out, _ = self.exits(NOT_COMMITTED, "tx", "start", "transfer", "--watch", "-i", INPUT)
        (_, _, headers, body), (_, target, _, _) = self.server.asked
        self.assertEqual(headers["Prefer"], "respond-async")
        self.assertIn(INPUT, body)
        self.assertEqual(target, f"/v1/transactions/{GTID}/events")
        self.assertIn("-> prepare", out)
        self.assertIn("ABORTED", out)
        self.refuse(422, "unknown-definition", "there is none")
        self.exits(NOT_FOUND, "tx", "start", "transfer", "--watch")

    def test_streams_that_are_none(self):
        """What is no stream, or not understood, is told apart from what cannot be reached; nothing is tried again."""
        self.answer(None, kind="closed")
        self.exits(UNAVAILABLE, "tx", "watch", GTID)
        self.refuse(404, "unknown-transaction", "never was")
        self.assertEqual(self.exits(NOT_FOUND, "tx", "watch", GTID)[1], "trothctl: never was\n")
        self.refuse(503, "full", "32 clients watch this transaction already")
        _, err = self.exits(UNAVAILABLE, "tx", "watch", GTID)
        self.assertEqual(err, f"trothctl: {self.url}: 32 clients watch this transaction already\n")
        self.answer(200, transaction())
        self.exits(PROTOCOL, "tx", "watch", GTID)
        self.answer(200, "<html>hello</html>", "text/html")
        self.exits(PROTOCOL, "tx", "watch", GTID)
        self.stream(("state", "{nonsense"))
        self.exits(PROTOCOL, "tx", "watch", GTID)
        self.stream()
        self.exits(PROTOCOL, "tx", "watch", GTID)
        self.assertEqual(len(self.server.asked), 7)

    # --- streams that break off

    def test_a_stream_that_breaks_off_is_joined_again(self):
        """It goes on with what is new: the drawing is that of a stream that held. What is in the way meanwhile (the
        coordinator not yet ready, a proxy's own page) is tried again."""
        self.stream(*self.STREAM, self.END)
        whole, _ = self.exits(OK, "tx", "watch", GTID)
        self.stream(*self.STREAM[:4])
        self.refuse(503, "unavailable", "this node does not lead yet")
        self.answer(502, "<html>bad gateway</html>", "text/html")
        self.stream(self.STREAM[4], *(event for event in self.STREAM if event[0] == "moment"), self.END)
        out, err = self.exits(OK, "tx", "watch", GTID)
        moments = [line for line in out.splitlines() if line.startswith("  ") and "--" not in line]
        self.assertEqual(moments, [line for line in whole.splitlines() if line.startswith("  ") and "--" not in line])
        self.assertEqual(err, f"trothctl: {self.url}: the stream broke off (the coordinator ended it); trying again "
                              "for 30s\ntrothctl: the stream goes on\n")
        self.assertEqual(len(self.server.asked), 5)

    def test_a_coordinator_that_was_restarted(self):
        """What it notes now is another timeline, that begins with its recovery: all of it is drawn."""
        self.stream(*self.STREAM)
        self.stream(("state", transaction(None, "committing")), moment("+14s", "recovered"),
                    moment("+14s", "sent", branch=1, attempt=2, op="commit"))
        self.stream(("state", transaction(None, "committing")), moment("+14s", "recovered"),
                    moment("+14s", "sent", branch=1, attempt=2, op="commit"),
                    moment("+15s", "answered", branch=1, attempt=2, op="commit", result="done"), self.END)
        out, err = self.exits(OK, "tx", "watch", GTID)
        self.assertRegex(out, r"""\+13.000000  1 debit  <- retry to prepare
 +-- committing --
 +\+14.000000 +taken up again
 +\+14.000000  1 debit  -> commit
 +\+15.000000  1 debit  <- done

COMMITTED""")
        self.assertEqual(out.count("SECONDS"), 1)
        self.assertEqual(err.count("the stream goes on"), 2)

    def test_moments_that_were_left_out_are_counted(self):
        """A timeline in bounded memory says how many moments it left out; those that were drawn are not drawn again."""
        self.stream(*self.STREAM)
        told = [event for event in self.STREAM if event[0] == "moment"]
        self.stream(self.STREAM[0], told[0], moment("+1s", "left_out", count=len(told) - 1),
                    moment("+14s", "answered", branch=1, attempt=2, op="commit", result="done"), self.END)
        out, _ = self.exits(OK, "tx", "watch", GTID)
        self.assertEqual(out.count("           began\n"), 1)
        self.assertNotIn("left out", out)
        self.assertIn("+14.000000  1 debit  <- done\n", out)

    def test_joined_again_as_json(self):
        """The state comes again, moments do not."""
        self.stream(*self.STREAM[:4])
        self.stream(*self.STREAM[:4], self.STREAM[5], self.END)
        out, _ = self.exits(OK, "tx", "watch", "-o", "json", GTID)
        names = [json.loads(line)["event"] for line in out.splitlines()]
        self.assertEqual(names, ["state", "moment", "moment", "moment", "state", "moment", "ended"])

    def test_a_coordinator_that_does_not_come_back(self):
        """After --timeout without a word it is unknown how the transaction goes on."""
        self.stream(*self.STREAM)
        _, err = self.exits(UNKNOWN, "tx", "watch", "--timeout", "2s", GTID)
        self.assertIn("trying again for 2s\n", err)
        self.assertIn(f"'trothctl tx watch {GTID}' follows it further\n", err)
        self.assertEqual(err.count("\n"), 2, err)
        self.assertGreater(len(self.server.asked), 2)

    def test_a_transaction_that_did_not_survive(self):
        """One of which nothing was written is gone with its coordinator."""
        self.stream(*self.STREAM[:4])
        self.refuse(404, "unknown-transaction", "there is no such transaction")
        _, err = self.exits(NOT_FOUND, "tx", "watch", GTID)
        self.assertIn("it did not commit", err)

    def test_what_was_just_started_is_waited_for(self):
        """tx start --watch: the transaction is there, so a stream that cannot be joined yet is tried again."""
        self.answer(202, transaction(None, "preparing"))
        self.refuse(503, "unavailable", "this node does not lead yet")
        self.stream(*self.STREAM, self.END)
        _, err = self.exits(OK, "tx", "start", "transfer", "--watch")
        self.assertIn("the stream cannot be joined (this node does not lead yet)", err)

    def test_a_stream_that_falls_silent(self):
        """Not even a sign of life: after the time between two of them and --timeout it is over."""
        self.answer(None, kind="silent")
        _, err = self.exits(UNAVAILABLE, "--timeout", "100ms", "tx", "watch", GTID)
        self.assertIn("too slow", err)

    def test_output_that_can_not_be_written(self):
        """A full disk ends it."""
        self.stream(*self.STREAM, self.END)
        with open("/dev/full", "w") as full:
            done = subprocess.run([TROTHCTL, "--url", self.url, "tx", "watch", GTID], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX)
        self.assertEqual(done.returncode, LOCAL)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Differences(CliTest):
    OLD = '{"name":"order","version":3,"timeout":"15m","steps":[{"name":"a","participant":"p","timeout":"10s"}]}'
    NEW = ('{"name":"order","version":4,"timeout":"15m","steps":[{"name":"a","participant":"p","timeout":"20s"},'
           '{"name":"b","participant":"q"}]}')
    CHANGES = 'changed  step a, timeout: "10s" -> "20s"\nadded    step b: participant "q"\n'

    def test_two_versions(self):
        """Both are asked for; what changed is said, and exit status 1 says that something did."""
        for body in (self.OLD, self.NEW):
            self.answer(200, body)
        out, err = self.exits(NOT_COMMITTED, "def", "diff", "order", "3", "4")
        self.assertEqual(out, "order version 3 -> version 4: 2 differences\n" + self.CHANGES)
        self.assertEqual(err, "")
        self.assertEqual([asked[1] for asked in self.server.asked],
                         ["/v1/definitions/order?version=3", "/v1/definitions/order?version=4"])

    def test_a_file_against_the_newest(self):
        """The name stands in the file; the same is exit status 0; a changed one needs another version."""
        path = self.file(self.NEW.replace(",", ",\n"))
        self.answer(200, self.OLD)
        out, err = self.exits(NOT_COMMITTED, "def", "diff", path)
        self.assertEqual(out, f"order version 3 -> {path}, version 4: 2 differences\n" + self.CHANGES)
        self.assertEqual((self.last()[1], err), ("/v1/definitions/order", ""))
        self.answer(200, self.NEW)
        self.assertEqual(self.exits(OK, "def", "diff", path)[0],
                         f"order version 4 -> {path}, version 4: the same\n")
        self.answer(200, self.NEW)
        _, err = self.exits(NOT_COMMITTED, "def", "diff", "-", stdin=self.NEW.replace("20s", "30s"))
        self.assertIn("never changes; give it another one", err)

    def test_as_json(self):
        """Each change with its step, its field and both values as they stand."""
        for body in (self.OLD, self.NEW):
            self.answer(200, body)
        out, _ = self.exits(NOT_COMMITTED, "def", "diff", "order", "3", "4", "-o", "json")
        self.assertEqual(json.loads(out), {"name": "order", "from": 3, "to": 4, "same": False, "changes": [
            {"change": "changed", "step": "a", "field": "timeout", "from": "10s", "to": "20s"},
            {"change": "added", "step": "b", "field": None, "from": None,
             "to": {"name": "b", "participant": "q"}}]})

    def test_what_can_not_be_compared(self):
        """Wrong use, files that are none, and definitions that are not there."""
        for words in (["order", "3"], ["order", "3", "x"], ["order", "0", "1"], ["Order", "3", "4"], []):
            self.exits(USAGE, "def", "diff", *words)
        self.exits(LOCAL, "def", "diff", "/nowhere/order.json")
        _, err = self.exits(REFUSED, "def", "diff", self.file('{"name":"order",\n"name":1}'))
        self.assertRegex(err, r"file\.json:2:1: ")
        _, err = self.exits(REFUSED, "def", "diff", self.file('{"name":7}'))
        self.assertIn("def validate", err)
        self.exits(REFUSED, "def", "diff", self.file("[]"))
        self.assertEqual(self.server.asked, [])
        self.refuse(404, "unknown-definition", "there is no definition order")
        self.exits(NOT_FOUND, "def", "diff", self.file(self.OLD))
        self.answer(200, "[]")
        self.exits(PROTOCOL, "def", "diff", self.file(self.OLD))


if __name__ == "__main__":
    unittest.main()
