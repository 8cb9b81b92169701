"""Progress as server-sent events, from the real daemon: what a client that follows a transaction is told, when the
stream ends, who is refused, and trothctl that draws it."""

import http.client
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import openapi_check  # noqa: E402
from system import DEFINITIONS, System  # noqa: E402
from troth_test import TrothTest, main, program, wait_until  # noqa: E402

SECONDS_MAX = 30
WATCHERS_PER_TRANSACTION_MAX = 32  # API_WATCHERS_PER_TRANSACTION_MAX
QUIET_SECONDS = 15                 # API_WATCH_QUIET_US
NEVER_WAS = "00000000-0000-8000-8000-004000000001"


class Stream:
    """A client that follows a transaction. What came so far is in `raw`; `ended`: the server ended the stream."""

    def __init__(self, trothd, gtid):
        self.path = f"/v1/transactions/{gtid}/events"
        self.connection = http.client.HTTPConnection("127.0.0.1", trothd.port, timeout=SECONDS_MAX)
        self.connection.request("GET", self.path)
        self.answer = self.connection.getresponse()
        self.status, self.raw, self.ended, self.broken = self.answer.status, b"", False, None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while piece := self.answer.read1():
                self.raw += piece
            self.ended = True
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            self.broken = error

    def events(self):
        return openapi_check.parse_events(self.raw)

    def names(self):
        return [event["event"] for event in self.events()]

    def moments(self):
        return [event["data"] for event in self.events() if event["event"] == "moment"]

    def wait_moment(self, **members):
        return wait_until(lambda: [moment for moment in self.moments() if members.items() <= moment.items()],
                          SECONDS_MAX, f"a moment {members}")

    def to_the_end(self):
        """Every event; the stream ended by itself and is as openapi.json says."""
        self.thread.join(SECONDS_MAX)
        if not self.ended:
            raise AssertionError(f"the stream has not ended: {self.broken!r}, {self.raw!r}")
        return openapi_check.check("GET", self.path, self.status, self.raw)

    def leave(self):
        self.connection.sock.shutdown(2)
        self.thread.join(SECONDS_MAX)
        self.connection.close()


class Watch(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(drain_timeout="60s").start()
        cls.trothd = cls.system.trothd
        cls.bank_b = cls.system.proxies["bank_b"]
        patient = json.loads((DEFINITIONS / "transfer.json").read_text())
        patient.update(name="patient", timeout="5m", prepare_timeout="2m")
        assert cls.trothd.apply(patient).status == 201

    def tearDown(self):
        self.bank_b.release()
        self.system.drained()

    def begin_held(self, account):
        """A transfer that has not ended, since bank_b's answers do not come, however long the test takes."""
        self.bank_b.hold("reply")
        return self.system.begin(account, account, 1, definition="patient")

    def trothctl(self, *words):
        return subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], capture_output=True, text=True,
                              timeout=SECONDS_MAX, env={"COLUMNS": "100"})

    # --- the stream

    def test_a_client_is_told_as_it_happens(self):
        """State first, each moment when it is noted, changes of state, and the end: the same that GET shows."""
        gtid = self.begin_held(1)
        stream = Stream(self.trothd, gtid)
        stream.wait_moment(moment="answered", branch=1, result="vote")
        early = stream.events()
        self.assertEqual((early[0]["event"], early[0]["data"]["gtid"]), ("state", gtid))
        self.assertNotIn("timeline", early[0]["data"])
        self.assertNotIn("ended", stream.names())
        self.bank_b.release()
        events = stream.to_the_end()
        self.assertEqual(events[:len(early)], early)
        self.assertEqual([event["id"] for event in events], [str(i + 1) for i in range(len(events))])
        states = [event["data"]["state"] for event in events if event["event"] == "state"]
        self.assertIn("committing", states)
        self.assertEqual(len(states), len([a for a, b in zip(states, [None, *states]) if a != b]), states)
        last = events[-1]
        self.assertEqual((last["event"], last["data"]["state"], last["data"]["outcome"]),
                         ("ended", "ended", "committed"))
        self.assertEqual(stream.moments(), last["data"]["timeline"])
        shown = self.trothd.show(gtid)
        self.assertEqual(shown["ended_at"], last["data"]["ended_at"])
        self.assertEqual(shown["timeline"], last["data"]["timeline"][:len(shown["timeline"])])

    def test_one_that_has_ended_is_told_at_once(self):
        """`ended` is the only event, and says what GET says, but for what the client has sent itself."""
        gtid = self.system.transfer(2, 2, 1).json["gtid"]
        self.system.drained()  # the journal has the end
        stream = Stream(self.trothd, gtid)
        events = stream.to_the_end()
        self.assertEqual([event["event"] for event in events], ["ended"])
        shown = self.trothd.show(gtid)
        for name in ("input", "idempotency_key"):
            shown.pop(name, None)
        self.assertEqual(events[0]["data"], shown)
        self.assertEqual(stream.answer.getheader("Content-Type"), "text/event-stream")

    def test_what_never_was_is_not_found(self):
        """A problem, and no stream."""
        reply = self.trothd.get(f"/v1/transactions/{NEVER_WAS}/events")
        self.assertEqual((reply.status, reply.headers["content-type"]), (404, "application/problem+json"))
        self.assertEqual(self.trothd.get("/v1/transactions/17/events").status, 400)
        self.assertEqual(self.trothd.call("HEAD", f"/v1/transactions/{NEVER_WAS}/events").status, 404)

    def test_an_interactive_transaction_shows_who_enlists(self):
        """Enlistments are told while it is open, also to a client that came before them."""
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "30s"}).json["gtid"]
        stream = Stream(self.trothd, gtid)
        member = {"branch": 7, "participant": "bank_a", "operation": "credit"}
        self.assertIn(self.trothd.post(f"/v1/transactions/{gtid}/branches", member).status, (200, 201))
        stream.wait_moment(moment="enlisted", branch=7)
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {})
        last = stream.to_the_end()[-1]["data"]
        self.assertEqual((last["outcome"], last["failure"]["cause"]), ("aborted", "cancelled"))

    def test_silence_is_broken(self):
        """While nothing happens a comment comes, so that both sides know that the other lives."""
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "60s"}).json["gtid"]
        stream = Stream(self.trothd, gtid)
        wait_until(lambda: b"\n\n: " in stream.raw, QUIET_SECONDS + 10, "a comment")
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {})
        self.assertEqual(stream.to_the_end()[-1]["event"], "ended")

    # --- clients that leave, too many of them, and a coordinator that leaves

    def test_too_many_watchers_are_refused_and_leaving_makes_room(self):
        """One more than the limit gets 503; a place that became free can be taken; the others hear the end."""
        gtid = self.begin_held(3)
        streams = [Stream(self.trothd, gtid) for _ in range(WATCHERS_PER_TRANSACTION_MAX)]
        self.assertEqual({stream.status for stream in streams}, {200})
        reply = self.trothd.get(f"/v1/transactions/{gtid}/events")
        self.assertEqual((reply.status, reply.json["type"].rsplit("/")[-1]), (503, "full"), reply)
        streams.pop().leave()

        def another():
            stream = Stream(self.trothd, gtid)
            return stream if stream.status == 200 else None
        streams.append(wait_until(another, SECONDS_MAX, "a place is free"))
        self.bank_b.release()
        for stream in streams:
            self.assertEqual(stream.to_the_end()[-1]["data"]["outcome"], "committed")

    def test_a_stream_breaks_off_with_the_coordinator(self):
        """A coordinator that stops ends the stream without `ended`; the next one tells the end."""
        gtid = self.begin_held(4)
        stream = Stream(self.trothd, gtid)
        stream.wait_moment(moment="sent", branch=2, op="prepare")
        self.trothd.signal(signal.SIGTERM)  # waits for what is open
        wait_until(lambda: "msg=stopping" in self.trothd.output(), SECONDS_MAX, "it is stopping")
        self.trothd.signal(signal.SIGTERM)  # now
        self.assertEqual(self.trothd.wait_end(), 0)
        self.assertNotIn("ended", [event["event"] for event in stream.to_the_end()])
        self.bank_b.release()
        self.trothd.start()
        last = Stream(self.trothd, gtid).to_the_end()[-1]
        self.assertEqual(last["event"], "ended")
        self.assertEqual(last["data"]["outcome"], self.trothd.wait_outcome(gtid)["outcome"])

    # --- trothctl

    def test_trothctl_follows(self):
        """tx watch draws what comes and exits by the outcome; tx start --watch does both."""
        gtid = self.begin_held(5)
        command = [program("trothctl"), "--url", self.trothd.url, "tx", "watch", gtid]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            lines = [following.stdout.readline() for _ in range(4)]
            self.bank_b.release()
            text = "".join(lines) + following.stdout.read()
            self.assertEqual(following.wait(SECONDS_MAX), 0)
        self.assertIn("1 debit", text)
        self.assertIn("-> prepare", text)
        self.assertIn("decision durable", text)
        self.assertIn("COMMITTED", text)
        done = self.trothctl("tx", "start", "transfer", "--watch", "-i", '{"from": 6, "to": 6, "amount": 5000}')
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("ABORTED", done.stdout)
        self.assertIn("insufficient funds", done.stdout)
        done = self.trothctl("tx", "watch", gtid, "-o", "json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["event"]), (0, "ended"), done)
        self.assertEqual(self.trothctl("tx", "watch", NEVER_WAS).returncode, 3)

    def test_trothctl_follows_past_a_kill(self):
        """trothd is killed (-9) in the middle: tx watch says so, joins the next one, and tells the outcome."""
        gtid = self.begin_held(8)
        command = [program("trothctl"), "--url", self.trothd.url, "tx", "watch", gtid]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
            self.addCleanup(following.kill)
            before = []
            while "-> prepare" not in "".join(before):
                before.append(following.stdout.readline())
            self.trothd.kill9()
            self.assertIn("the stream broke off", following.stderr.readline())
            self.trothd.start()
            self.assertEqual(following.stderr.readline(), "trothctl: the stream goes on\n")
            self.bank_b.release()
            text = "".join(before) + following.stdout.read()
            self.assertEqual(following.stderr.read(), "")
            self.assertEqual(following.wait(SECONDS_MAX), 0)
        self.assertEqual(text.count("           began\n"), 1, text)
        self.assertEqual(text.count("taken up again"), 1, text)
        self.assertIn("COMMITTED", text)


if __name__ == "__main__":
    main()
