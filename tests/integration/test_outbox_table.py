"""The outbox's table: what finds no room in memory, or was there before, is read from it; nobody else is held up."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Kafka, Postgres, Trothd, TrothTest, main, program, wait_until  # noqa: E402

ROWS = 20000
FILL = """insert into troth.outbox select n %% 16, 1, n + 1000000, gen_random_uuid(), ('0194d000-0000-8' ||
          lpad(to_hex(n %% 16), 3, '0') || '-8000-0040' || lpad(to_hex(n), 8, '0'))::uuid, 'old', n %% 50, 'x',
          json_build_object('n', n)::text, '{"ce_id":"' || n || '"}' from generate_series(1, %s) n"""
MEGABYTE = 1 << 20


class OutboxTable(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())
        cls.kafka = cls.run_folder.start(Kafka())

    def prepare(self, name, **options):
        trothd = Trothd(name, journal=self.postgres.database(name), **options)
        trothd.migrate()
        return trothd

    def left(self, trothd):
        return self.postgres.value(trothd.name, "select count(*) from troth.outbox")

    def test_a_table_full_of_rows_is_published_in_order(self):
        """Switched from `table` to Kafka: streamed, each once, in order per key."""
        trothd = self.prepare("full", outbox="table")
        self.postgres.execute("full", FILL, (ROWS,))
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        self.assertEqual(self.left(trothd), ROWS)
        self.assertEqual(trothd.stop(), 0)
        del trothd.options["outbox"]
        trothd.options["kafka_brokers"] = self.kafka.brokers
        trothd.start()
        wait_until(lambda: self.left(trothd) == 0, 90, "the table is empty")
        events = self.kafka.consume("old")
        self.assertEqual(len(events), ROWS)
        keys = {}
        for event in events:
            keys.setdefault(event["key"], []).append(json.loads(event["payload"])["n"])
        for numbers in keys.values():
            by_shard = {}
            for number in numbers:
                by_shard.setdefault(number % 16, []).append(number)
            for one in by_shard.values():
                self.assertEqual(one, sorted(one))

    def test_memory_is_bounded_by_bytes_while_kafka_is_away(self):
        nobody = "127.0.0.1:1"
        trothd = self.prepare("away", kafka_brokers=nobody, outbox_memory_max=16 * MEGABYTE)
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)

        def resident():
            status = Path(f"/proc/{trothd.pid}/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0]) * 1024

        self.postgres.execute("away", FILL.replace("json_build_object('n', n)::text", "repeat('x', 200000)"), (400,))
        before = resident()
        for _ in range(40):
            gtid = trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
            self.assertEqual(trothd.post(f"/v1/transactions/{gtid}/abort", {}).status, 200)
        trothd.restart()
        trothd.wait_ready()
        wait_until(lambda: trothd.get("/readyz").json["outbox"]["waiting"] > 50, 30, "the table is being read")
        self.assertGreaterEqual(self.left(trothd), 400)
        self.assertLess(resident() - before, 64 * MEGABYTE)  # of 80


    # --- what Kafka will not take

    def trothctl(self, trothd, *words):
        done = subprocess.run([program("trothctl"), "--url", trothd.url, *words], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def refused(self, name):
        """A trothd with one event that is larger than the broker takes, and one behind it."""
        trothd = self.prepare(name, kafka_brokers=self.kafka.brokers, kafka_message_bytes_max=50 * MEGABYTE)
        self.postgres.execute(name, FILL.replace("'old', n %% 50", f"'{name}', 7").replace(
            "json_build_object('n', n)::text",
            "case n when 1 then (select '\"' || string_agg(md5(i::text), '') || '\"' from generate_series(1, 100000) i)"
            " else n::text end"), (20,))
        self.postgres.execute(name, "update troth.outbox set shard = 1, gtid = ('0194d000-0000-8001-8000-0040' || "
                                    "lpad(to_hex(seq), 8, '0'))::uuid")
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        listed = wait_until(lambda: json.loads(self.trothctl(trothd, "event", "list", "-o", "json"))["events"], 30,
                            "one is set aside")
        self.assertEqual(len(listed), 1)
        return trothd, listed[0]

    def test_an_event_that_kafka_refuses_is_listed_and_discarded(self):
        trothd, event = self.refused("refused")
        self.assertIn("too large", event["reason"])
        self.assertEqual((event["topic"], event["key"], event["bytes"]), ("refused", "7", 3200002))
        self.assertEqual(self.left(trothd), 20)
        shown = json.loads(self.trothctl(trothd, "event", "show", event["id"], "-o", "json"))
        self.assertEqual(len(shown["payload"]), 3200000)
        self.trothctl(trothd, "event", "resend", event["id"])  # in vain
        wait_until(lambda: trothd.output().count("set aside: Kafka") == 2, 30, "set aside again")
        self.trothctl(trothd, "event", "discard", event["id"])
        wait_until(lambda: self.left(trothd) == 0, 30, "what was behind it went")
        self.assertEqual([event["payload"] for event in self.kafka.consume("refused")],
                         [str(n) for n in range(2, 21)])
        self.assertEqual(json.loads(self.trothctl(trothd, "event", "list", "-o", "json"))["events"], [])

    def test_an_event_is_made_to_fit(self):
        """Without its steps, rather than not at all."""
        trothd = self.prepare("fits", kafka_brokers=self.kafka.brokers, kafka_message_bytes_max=10000)
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        self.assertEqual(trothd.register("bank", "http://127.0.0.1:9/").status, 201)
        gtid = trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        for branch in range(1, 61):
            reply = trothd.post(f"/v1/transactions/{gtid}/branches",
                                {"branch": branch, "participant": "bank", "operation": "o" * 60, "prepared": True})
            self.assertEqual(reply.status, 200, reply)
        trothd.post(f"/v1/transactions/{gtid}/abort", {}, headers={"Prefer": "respond-async"})
        wait_until(lambda: self.kafka.consume("troth.outcomes"), 30, "it is in Kafka")
        [event] = self.kafka.consume("troth.outcomes")
        payload = json.loads(event["payload"])
        self.assertEqual((payload["gtid"], payload["outcome"]), (gtid, "aborted"))
        self.assertEqual((payload["steps"], payload["left_out"]), ([], ["steps"]))


if __name__ == "__main__":
    main()
