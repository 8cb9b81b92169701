"""The outbox's table: what finds no room in memory, or was there before, is read from it; nobody else is held up."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Kafka, Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

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


if __name__ == "__main__":
    main()
