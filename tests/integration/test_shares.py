"""Who fills open_transactions_max, a participant that is dead or a client that begins and never ends, leaves everybody
else seats of their own; and no transaction is open longer than the coordinator's limits."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, SILENCE, Scripted  # noqa: E402
from troth_test import Postgres, TcpProxy, Trothd, TrothTest, main, program, wait_until  # noqa: E402

SEATS = 300  # 210 shared; 30 for definitions, 30 for participants, 30 for callers (one for each caller)
FILLED = 210 + 7 + 15 + 1
PATIENT = {"patient": {"interval": "100ms", "max_interval": "1s", "max_attempts": 0, "jitter": "none"}}


def saga(name, *participants, version=1, **members):
    steps = [{"name": f"step_{number}", "participant": participant, "operation": "charge", "retry": "patient",
              "timeout": "500ms", "compensate": {"operation": "refund", "input": {}}, "input": {}}
             for number, participant in enumerate(participants)]
    return {"name": name, "version": version, "mode": "saga", "timeout": "1h", "retries": PATIENT, "steps": steps,
            **members}


def two_phase(name, *participants, **members):
    return {"name": name, "version": 1, "mode": "2pc", "timeout": "1m", "prepare_timeout": "10s",
            "steps": [{"name": f"step_{number}", "participant": participant, "operation": "charge",
                       "input": {"text": "${input.text}"}} for number, participant in enumerate(participants)],
            **members}


class Shares(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def start(self, name, port=None, **options):
        self.postgres.database(name)
        trothd = Trothd(name, journal=self.postgres.to(name, port), **options)
        trothd.migrate()
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        self.alive = Scripted()
        self.register(trothd, "alive", self.alive.url)
        return trothd

    def register(self, trothd, name, url):
        self.assertIn(trothd.register(name, url, "http").status, (200, 201))

    def apply(self, trothd, definition):
        reply = trothd.apply(definition)
        self.assertIn(reply.status, (200, 201), reply)

    @staticmethod
    def call_from(trothd, address, path, body):
        """From another address of this host: another caller."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", trothd.port, timeout=60,
                                                           source_address=(address, 0))) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def metric(self, trothd, name):
        for line in trothd.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return self.fail(f"no {name}")

    def ctl(self, trothd, *words):
        done = subprocess.run([program("trothctl"), "--url", trothd.url, *words], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def fill(self, begin):
        """Until one is refused: how many began, and the refusal."""
        for began in range(2 * SEATS):
            reply = begin()
            if reply.status == 503:
                return began, reply
            self.assertIn(reply.status, (201, 202), reply)
        return self.fail("nothing is refused")

    def refused(self, reply, *words):
        self.assertEqual(reply.json["type"].rsplit("/", 1)[-1], "full", reply)
        self.assertIn("retry-after", reply.headers)
        for word in ("open_transactions_max", "open_transactions_reserved", "nothing was done", *words):
            self.assertIn(word, reply.json["detail"])

    def commits(self, trothd, definition, times=5):
        for _ in range(times):
            reply = trothd.submit(definition, {"text": "x"})
            self.assertEqual((reply.status, reply.json.get("outcome")), (201, "committed"), reply)

    # A participant that is dead.

    def is_nobody_elses_trouble(self, trothd, dead):
        self.register(trothd, "dead", dead)
        for definition in (saga("over_dead", "alive", "dead"), saga("over_alive", "alive"),
                           two_phase("pay", "alive")):
            self.apply(trothd, definition)
        began, reply = self.fill(lambda: trothd.submit("over_dead", {}, prefer="respond-async"))
        self.assertEqual(began, FILLED)  # 3 definitions, and interactive ones; 2 participants
        self.refused(reply, 'definition "over_dead" 7 of 7 (233 open)', 'participant "dead" 15 of 15 (233 open)',
                     "caller 127.0.0.1 1 of 1 (233 open)")
        self.commits(trothd, "over_alive")  # over a participant that the others need, too
        self.commits(trothd, "pay")
        self.assertEqual(self.metric(trothd, 'troth_refused_total{reason="seats"}'), 1)

    def test_a_closed_port_fills_no_others_seats(self):
        """Nor behind a restart, and when it is back all is over."""
        silent = socket.socket()
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        trothd = self.start("closed", open_transactions_max=SEATS, outbox="off")
        self.is_nobody_elses_trouble(trothd, f"http://127.0.0.1:{silent.getsockname()[1]}")
        self.assertEqual(self.metric(trothd, 'troth_participant_open_transactions{participant="dead"}'), FILLED)
        self.assertEqual(self.metric(trothd, 'troth_definition_open_transactions{definition="over_dead"}'), FILLED)
        self.assertEqual(self.metric(trothd, 'troth_seats_used{of="shared"}'), 210)
        self.assertIn("what would begin is refused", trothd.output())
        self.assertEqual(self.metric(trothd, 'troth_participant_refused_total{participant="dead"}'), 1)
        self.assertRegex(self.ctl(trothd, "participant", "show", "dead"), r"status.seats.own_used +15\b")
        self.assertRegex(self.ctl(trothd, "participant", "list"), rf"dead.*open_transactions={FILLED}")
        self.assertRegex(self.ctl(trothd, "status"), r"seats.shared_used +210\b")
        self.assertRegex(self.ctl(trothd, "status"), r"seats.busiest_caller.address +127.0.0.1\b")
        trothd.kill9()
        trothd.start()
        wait_until(lambda: trothd.get("/readyz").status == 200, 20, "it leads again")
        wait_until(lambda: self.metric(trothd, "troth_open_transactions") == FILLED, 20, "what had ended has left")
        self.commits(trothd, "over_alive")
        began, reply = self.fill(lambda: trothd.submit("over_dead", {}, prefer="respond-async"))
        self.assertEqual(began, 1, reply)  # the caller of those before is not known any more
        self.commits(trothd, "pay")
        back = Scripted()
        self.register(trothd, "dead", back.url)
        wait_until(lambda: self.metric(trothd, "troth_open_transactions") == 0, 60, "all have ended")
        self.assertEqual(self.metric(trothd, 'troth_seats_used{of="shared"}'), 0)
        self.commits(trothd, "over_dead")

    def test_one_that_swallows_fills_no_others_seats(self):
        swallows = Scripted()
        swallows.answers["charge", "execute"] = [SILENCE]
        trothd = self.start("swallows", open_transactions_max=SEATS, outbox="off")
        self.is_nobody_elses_trouble(trothd, swallows.url)

    def test_a_version_has_no_seats_of_its_own(self):
        """All versions of a definition are one owner, those that were deleted with them."""
        trothd = self.start("versions", open_transactions_max=SEATS, outbox="off")
        self.register(trothd, "dead", "http://127.0.0.1:9/")
        self.apply(trothd, saga("over_dead", "dead"))
        self.apply(trothd, saga("over_dead", "dead", version=2))
        self.apply(trothd, saga("over_alive", "alive"))
        began, _ = self.fill(lambda: trothd.submit("over_dead", {}, version=1, prefer="respond-async"))
        self.assertEqual(trothd.submit("over_dead", {}, version=2, prefer="respond-async").status, 503)
        self.assertEqual(trothd.delete("/v1/definitions/over_dead?version=1").status, 204)
        self.apply(trothd, saga("over_dead", "dead", version=3))
        self.assertEqual(trothd.submit("over_dead", {}, version=3, prefer="respond-async").status, 503)
        shown = trothd.get("/v1/definitions/over_dead/status").json
        self.assertEqual(shown["open_transactions"], began, shown)
        self.assertEqual((shown["seats"]["own_used"], shown["seats"]["refused"]), (10, 3), shown)
        self.commits(trothd, "over_alive")

    # A client that begins and never ends.

    @staticmethod
    def begin(trothd, gtids):
        reply = trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "1h"})
        gtids.append(reply.json.get("gtid"))
        return reply

    def test_one_client_leaves_the_others_theirs(self):
        trothd = self.start("careless", open_transactions_max=SEATS, outbox="off")
        self.apply(trothd, saga("over_alive", "alive"))
        gtids = []
        began, reply = self.fill(lambda: self.begin(trothd, gtids))
        self.assertEqual(began, 210 + 15 + 1)  # no participant yet
        self.refused(reply, "interactive transactions 15 of 15 (226 open)", "caller 127.0.0.1 1 of 1 (226 open)")
        status, body = self.call_from(trothd, "127.0.0.2", "/v1/transactions", {"mode": "2pc"})
        self.assertEqual(status, 201, body)
        status, body = self.call_from(trothd, "127.0.0.2", "/v1/transactions", {"mode": "2pc"})
        self.assertEqual(status, 503, body)
        self.assertIn("caller 127.0.0.2 1 of 1 (1 open)", body["detail"])
        self.commits(trothd, "over_alive")
        # One that ends makes room for one more.
        self.assertEqual(trothd.post(f"/v1/transactions/{gtids[0]}/abort", {}).status, 200)
        wait_until(lambda: trothd.post("/v1/transactions", {"mode": "2pc"}).status == 201, 20, "there is room")

    def test_a_key_that_is_open_is_answered_whatever_is_full(self):
        """"Nothing was done" would not be true of it."""
        trothd = self.start("keyed", open_transactions_max=3, open_transactions_reserved=0, outbox="off")
        self.register(trothd, "dead", "http://127.0.0.1:9/")
        self.apply(trothd, saga("over_dead", "dead"))
        gtids = [trothd.submit("over_dead", {}, key=f"key-{n}", prefer="respond-async").json["gtid"] for n in range(3)]
        self.assertEqual(trothd.submit("over_dead", {}, key="key-4", prefer="respond-async").status, 503)
        again = trothd.submit("over_dead", {}, key="key-1", prefer="respond-async")
        self.assertEqual(again.json.get("gtid"), gtids[1], again)

    # How long.

    def test_a_timeout_has_a_longest(self):
        trothd = self.start("long", outbox="off", timeout_max="60d", prepare_timeout_max="10m")
        reply = trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "36500d"})
        self.assertEqual(reply.status, 400, reply)
        self.assertIn("/timeout: it is longer than the coordinator's prepare_timeout_max, 10m", reply.json["detail"])
        self.assertEqual(trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "10m"}).status, 201)
        for definition, pointer, words in (
                (saga("one", "alive", timeout="61d"), "/timeout", "timeout_max, 60d"),
                (two_phase("two", "alive", timeout="1h", prepare_timeout="11m"), "/prepare_timeout",
                 "prepare_timeout_max, 10m")):
            reply = trothd.apply(definition)
            self.assertEqual((reply.status, reply.json["errors"][0]["pointer"]), (422, pointer), reply)
            self.assertIn(words, reply.json["detail"])
            checked = trothd.post("/v1/definitions/validate", definition).json
            self.assertEqual((checked["valid"], checked["faults"][0]["pointer"]), (False, pointer), checked)
        self.apply(trothd, saga("slow", "alive", timeout="59d"))
        trothd.stop()
        trothd.options["timeout_max"] = "30d"
        trothd.start()
        self.assertRegex(trothd.output(), 'longer timeout than is taken.*definition=slow')
        self.commits(trothd, "slow")  # what was published stays, under the limit
        reply = trothd.submit("slow", {}, timeout="45d")
        self.assertEqual(reply.status, 400, reply)
        self.assertIn("longer than the coordinator's timeout_max, 30d", reply.json["detail"])

    # What waits for the journal.

    def test_nothing_is_asked_while_the_journals_queue_is_full(self):
        """Answers would add to it: commands wait here until it has room again, and all end well."""
        limit, output = 1 << 20, 300000
        proxy = TcpProxy(self.postgres.port)
        self.addCleanup(proxy.close)
        trothd = self.start("queue", proxy.port, lease="1h", journal_timeout="1h", outbox="off",
                            journal_queue_bytes_max=limit, participant_slots=1, lazy_delay="1ms")
        slow, go_on = Scripted(), threading.Event()
        self.addCleanup(go_on.set)
        slow.answers["charge", "execute"] = [(DONE, b'{"text":"' + b"x" * output + b'"}', {})]
        slow.before["charge", "execute"] = lambda: go_on.wait(60)
        self.register(trothd, "slow", slow.url)
        definition = saga("long", *["slow"] * 6)
        for step in definition["steps"]:
            step["timeout"] = "1m"
        self.apply(trothd, definition)
        gtids = [trothd.submit("long", {}, prefer="respond-async").json["gtid"] for _ in range(3)]
        wait_until(lambda: len(slow.calls) == 1, 20, "the first is asked")
        proxy.hold("request")
        go_on.set()

        def waits():
            return (self.metric(trothd, "troth_journal_queued_bytes") >= limit
                    and self.metric(trothd, 'troth_participant_in_flight{participant="slow"}') == 0
                    and self.metric(trothd, 'troth_participant_queued{participant="slow"}') >= 1)

        wait_until(waits, 30, "the queue is full, and nothing more is asked")
        self.assertLess(self.metric(trothd, "troth_journal_queued_bytes"), limit + 2 * output)
        self.assertLess(len(slow.calls), 8)  # of 18
        refused = trothd.submit("long", {}, prefer="respond-async")
        self.assertIn("journal_queue_bytes_max is 1048576", refused.json["detail"], refused)
        self.assertEqual(self.metric(trothd, 'troth_refused_total{reason="journal_queue"}'), 1)
        proxy.release()
        for gtid in gtids:
            self.assertEqual(trothd.wait_outcome(gtid)["outcome"], "committed")
        self.assertEqual(len(slow.calls), 18)
        self.assertTrue(trothd.running())

    def test_a_roles_connection_limit_ends_nothing(self):
        """The daemon says so in PostgreSQL's words, is not ready, and leads when it is lifted."""
        self.postgres.execute("postgres", "create role limited login connection limit 1")
        self.postgres.execute("postgres", "create database limits owner limited")
        journal = self.postgres.to("limits").replace("user=postgres", "user=limited")
        self.assertIn("user=limited", journal)
        self.postgres.execute("postgres", "alter role limited connection limit -1")
        trothd = Trothd("limits", journal=journal, outbox="off")
        trothd.port = self.free_port()
        trothd.migrate()
        for limit in (0, 1, 2):
            self.postgres.execute("postgres", f"alter role limited connection limit {limit}")
            trothd.launch()
            self.addCleanup(trothd.kill9)
            with self.subTest(limit=limit):
                wait_until(lambda: 'too many connections for role' in trothd.output(), 30, "it says why")
                self.assertEqual(trothd.get("/readyz").status, 503)
                self.assertTrue(trothd.running())
                self.postgres.execute("postgres", "alter role limited connection limit -1")
                trothd.wait_ready()
                self.assertEqual(trothd.get("/readyz").status, 200)
            self.assertEqual(trothd.stop(), 0)

    @staticmethod
    def free_port():
        with contextlib.closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            return taken.getsockname()[1]


if __name__ == "__main__":
    main()
