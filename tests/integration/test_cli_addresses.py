"""trothctl with several coordinators: which of them is asked, and what is sent again. A second scripted server stands
in for the other node."""

import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cli_test import GTID, OK, UNAVAILABLE, UNKNOWN, USAGE, CliTest, transaction  # noqa: E402


class Two(CliTest):
    """`self.server` is the first, `self.other` the second."""

    def setUp(self):
        super().setUp()
        self.other = CliTest()
        CliTest.setUp(self.other)
        self.both = f"{self.url},{self.other.url}"

    def tearDown(self):
        self.other.tearDown()
        super().tearDown()

    def refused_url(self):
        """Nobody listens there, and nobody will while the test holds it."""
        held = socket.socket()
        held.bind(("127.0.0.1", 0))
        self.addCleanup(held.close)
        return f"http://127.0.0.1:{held.getsockname()[1]}"

    def asked(self):
        return len(self.server.asked), len(self.other.server.asked)


class Addresses(Two):
    def test_one_that_is_not_there_is_passed_over(self):
        """With commas, repeated, or from the environment; also for what has no key; and it is said."""
        gone = self.refused_url()
        for words, environment in (([f"--url={gone},{self.other.url}"], {}),
                                   (["--url", gone, "--url", self.other.url], {}),
                                   ([], {"TROTH_URL": f"{gone}, {self.other.url}"})):
            self.other.answer(200, transaction())
            out, err = self.exits(OK, "tx", "show", GTID, *words, environment=environment)
            self.assertIn("COMMITTED", out)
            self.assertIn(f"{gone}: ", err)
            self.assertIn(f"asking {self.other.url}", err)
        self.other.answer(200, transaction("aborted"))
        self.exits(OK, "tx", "abort", GTID, "--url", f"{gone},{self.other.url}")
        self.assertEqual(self.other.last()[:2], ("POST", f"/v1/transactions/{GTID}/abort"))

    def test_one_that_does_not_lead_is_passed_over_and_one_that_is_full_is_not(self):
        """503 says that nothing was done; `full` would only burden the next."""
        self.refuse(503, "unavailable", "this node does not lead")
        self.other.answer(200, transaction())
        self.exits(OK, "tx", "start", "transfer", "--url", self.both)
        self.assertEqual(self.last()[3], self.other.last()[3])
        self.assertEqual(self.last()[2]["Idempotency-Key"], self.other.last()[2]["Idempotency-Key"])
        self.refuse(503, "full", "too much")
        self.exits(UNAVAILABLE, "tx", "start", "transfer", "--url", self.both)
        self.assertEqual(self.asked(), (2, 1))

    def test_what_may_have_happened_is_sent_again_under_its_key_alone(self):
        """A start (which has a key) whose connection broke is asked for at the next; an abort is not sent twice."""
        self.other.answer(200, transaction())
        self.exits(OK, "tx", "start", "transfer", "--url", self.both)  # the first closes without an answer
        self.assertEqual(self.asked(), (1, 1))
        self.assertEqual(self.last()[3], self.other.last()[3])
        self.exits(UNKNOWN, "tx", "abort", GTID, "--url", self.both)
        self.assertEqual(self.asked(), (2, 1))

    def test_nothing_was_done_is_not_said_where_something_may_have_been(self):
        """The first broke off, the second does not lead: unknown, not unavailable."""
        self.other.refuse(503, "unavailable", "this node does not lead")
        self.exits(UNKNOWN, "tx", "start", "transfer", "--url", self.both)
        self.exits(UNKNOWN, "tx", "start", "transfer", "--url", f"{self.url},{self.refused_url()}")

    def test_a_silent_one_gets_its_part_of_the_time(self):
        """A question goes on within --timeout where one takes it and says nothing."""
        self.answer(None, kind="silent")
        self.other.answer(200, transaction())
        out, err = self.exits(OK, "tx", "show", GTID, "--url", self.both, "--timeout", "2s")
        self.assertIn("COMMITTED", out)
        self.assertIn(f"asking {self.other.url}", err)

    def test_nobody(self):
        """All are tried once; the last one's trouble is the answer. Wrong lists are refused."""
        first, second = self.refused_url(), self.refused_url()
        _, err = self.exits(UNAVAILABLE, "tx", "show", GTID, "--url", f"{first},{second}")
        self.assertEqual(err.count(second), 2, err)
        self.exits(USAGE, "status", "--url", ",".join(["http://127.0.0.1:1"] * 9))
        self.exits(USAGE, "status", "--url", ",")

    def test_a_stream_goes_on_at_another(self):
        """tx watch follows at the second what the first can tell no more of."""
        event = "id: 1\nevent: state\ndata: " + transaction(None, "preparing") + "\n\n"
        ended = "id: 2\nevent: ended\ndata: " + transaction() + "\n\n"
        self.answer(200, event, "text/event-stream")
        self.refuse(503, "unavailable", "this node is stopping")
        self.other.answer(200, event + ended, "text/event-stream")
        out, _ = self.exits(OK, "tx", "watch", GTID, "--url", self.both)
        self.assertIn("COMMITTED", out)
        self.assertEqual(self.asked(), (2, 1))


NODES = """{"nodes":[
{"name":"a","address":"http://10.0.0.7:7800","version":"0.1.0","schema":9,"started_at":"2026-11-21T05:34:49.112000Z",
 "seen_at":"2026-11-21T05:34:49.112000Z","self":true,"live":true,"leaving":false,"shards":[0,1,2,3,7,9,10]},
{"name":"b","address":"http://10.0.0.8:7800","version":"0.1.0","schema":9,"started_at":"2026-11-21T05:34:49.112000Z",
 "seen_at":"2026-11-21T05:34:49.112000Z","self":false,"live":true,"leaving":true,"shards":[]},
{"name":"c","address":"http://10.0.0.9:7800","version":"0.1.0","schema":9,"started_at":"2026-11-21T05:34:49.112000Z",
 "seen_at":"2026-11-21T05:34:49.112000Z","self":false,"live":false,"leaving":false,"shards":[4]}],
"shards":12,"free":[5,6,8,11]}"""


class WhoLeads(CliTest):
    def test_node_list(self):
        """A line for each node: what it leads, in ranges, and whether it lives; and what nobody leads."""
        self.answer(200, NODES)
        out, _ = self.exits(OK, "node", "list")
        rows = {line.split()[0]: line for line in out.splitlines()}
        self.assertIn("live     0-3, 7, 9-10  http://10.0.0.7:7800", rows["a"])
        self.assertIn("leaving  -             http://10.0.0.8:7800", rows["b"])
        self.assertIn("gone     4 ", rows["c"])
        self.assertIn("nobody leads shards 5-6, 8, 11", out)
        self.answer(200, NODES)
        out, _ = self.exits(OK, "node", "list", "-o", "json")
        self.assertEqual(out, NODES + "\n")

    def test_status_says_it_too(self):
        """Behind what the probe says; who may not know it is shown the probe alone, without a complaint."""
        self.answer(200, '{"ready":true}')
        self.answer(200, NODES)
        out, _ = self.exits(OK, "status")
        self.assertIn("0-3, 7, 9-10", out)
        self.answer(200, '{"ready":true}')
        self.refuse(401, "unauthenticated", "no")
        out, err = self.exits(OK, "status")
        self.assertTrue(out.startswith("ready at "), out)
        self.assertEqual(err, "")


if __name__ == "__main__":
    unittest.main()
