"""Outcome events arrive in a real Kafka, read back with kcat, which shares nothing with the producer."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import ROOT, Kafka, TrothTest, main, program, wait_until  # noqa: E402

TOPIC_BYTES_MAX = 20000
SCHEMA = json.loads((ROOT / "coordinator" / "outbox" / "outcome-1.schema.json").read_text())


class Sender:
    """The outbox_send program: takes lines, says lines."""

    def __init__(self, brokers, *properties):
        self.process = subprocess.Popen([program("outbox_send"), brokers, *properties], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said = []
        self.rows = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            words = line.rstrip("\n").split(" ", 2)
            if words[0] == "row":
                self.rows.put(words[1])
            else:
                self.said.append(words)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def send(self, counter, topic="-", key="-", outcome="committed", padding=10):
        """The event's id."""
        self.tell(f"send {counter} {outcome} {topic} {key} {padding}")
        return self.rows.get(timeout=20)

    def ids(self, what):
        return [words[1] for words in list(self.said) if words[0] == what]

    def wait_for(self, what, ids, seconds=40):
        wait_until(lambda: set(ids) <= set(self.ids(what)), seconds, f"{what}: {len(ids)} rows")

    def stats(self):
        """waiting, confirmed, set aside"""
        before = len(self.ids("stats"))
        self.tell("stats")
        wait_until(lambda: len(self.ids("stats")) > before, 20, "stats")
        last = [words for words in list(self.said) if words[0] == "stats"][-1]
        return [int(number) for number in " ".join(last[1:]).split()]

    def state(self):
        states = self.ids("state")
        return states[-1] if states else None

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        self._reader.join()
        self.process.stdout.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.end()


class OutboxToKafka(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The limit is the broker's: the producer does not know it and cannot refuse by itself.
        cls.kafka = cls.run_folder.start(Kafka(message_max_bytes=TOPIC_BYTES_MAX))

    def sender(self, *properties):
        sender = Sender(self.kafka.brokers, *properties)
        self.addCleanup(sender.end)
        return sender

    def ids_in(self, topic):
        return [event["headers"]["ce_id"] for event in self.kafka.consume(topic)]

    def test_an_event_is_a_cloudevent_in_binary_mode_with_the_gtid_as_its_key(self):
        sender = self.sender()
        event_id = sender.send(1, topic="shape")
        sender.wait_for("confirmed", [event_id])
        [event] = self.kafka.consume("shape")
        body = json.loads(event["payload"])
        jsonschema.validate(body, SCHEMA)
        gtid = body["gtid"]
        self.assertEqual(gtid, event["key"])
        self.assertEqual({
            "ce_specversion": "1.0", "ce_id": event_id, "ce_source": "/troth/0123456789abcdef",
            "ce_type": "dev.troth.transaction.committed.v1", "ce_subject": gtid,
            "ce_time": "2026-11-21T07:34:49.200001Z",
            "ce_dataschema": "https://troth.dev/schemas/outcome-1.json", "ce_partitionkey": gtid,
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "content-type": "application/json"}, event["headers"])
        self.assertIn('"amount":9007199254740993', event["payload"])

    def test_the_definitions_topic_and_key_are_used_and_one_key_keeps_its_order(self):
        sender = self.sender()
        sent = [sender.send(100 + i, topic="order", key=f"key{i % 4}") for i in range(400)]
        sender.wait_for("confirmed", sent)
        events = self.kafka.consume("order")
        self.assertEqual(len(sent), len(events))
        for key in range(4):
            arrived = [e["headers"]["ce_id"] for e in events if e["key"] == f"key{key}"]
            self.assertEqual(sent[key::4], arrived)
        self.assertEqual(set(range(4)), {int(e["key"][3:]) for e in events})

    def test_rows_wait_while_kafka_is_away_and_go_by_themselves_when_it_is_back(self):
        sender = self.sender()
        before = [sender.send(1000 + i, topic="away") for i in range(20)]
        sender.wait_for("confirmed", before)
        self.kafka.stop()
        wait_until(lambda: sender.state() == "down", 30, "the outbox notices")
        during = [sender.send(1100 + i, topic="away", key=f"k{i % 3}") for i in range(50)]
        self.assertEqual([50, 20, 0], sender.stats())
        self.kafka.start()
        sender.wait_for("confirmed", during)
        wait_until(lambda: sender.state() == "up", 30, "the outbox says that Kafka is back")
        arrived = self.kafka.consume("away")
        self.assertEqual(sorted(before + during), sorted(e["headers"]["ce_id"] for e in arrived))
        for key in range(3):
            self.assertEqual(during[key::3], [e["headers"]["ce_id"] for e in arrived
                                              if e["key"] == f"k{key}"])

    def test_kafka_may_be_away_at_the_start(self):
        self.kafka.stop()
        sender = self.sender()
        sent = [sender.send(2000 + i, topic="late") for i in range(10)]
        wait_until(lambda: sender.state() == "down", 30, "the outbox says so")
        self.kafka.start()
        sender.wait_for("confirmed", sent)
        self.assertEqual(sorted(sent), sorted(self.ids_in("late")))

    def test_a_row_too_large_for_kafka_is_set_aside_and_blocks_only_its_own_key(self):
        sender = self.sender()
        others = [sender.send(3000 + i, topic="large", key=f"k{i}") for i in range(10)]
        large = sender.send(3100, topic="large", key="big", padding=4 * TOPIC_BYTES_MAX)
        behind = sender.send(3101, topic="large", key="big")
        others += [sender.send(3200 + i, topic="large", key=f"k{i}") for i in range(10)]
        sender.wait_for("set_aside", [large])
        sender.wait_for("confirmed", others)
        self.assertEqual([large], sender.ids("set_aside"))
        self.assertNotIn(behind, sender.ids("confirmed"))
        self.assertEqual([2, 20, 1], sender.stats())
        self.assertEqual(sorted(others), sorted(self.ids_in("large")))
        # An operator tries again in vain: set aside again, and the key still waits.
        sender.tell("retry")
        wait_until(lambda: sender.ids("set_aside") == [large, large], 30, "set aside again")
        self.assertNotIn(behind, sender.ids("confirmed"))

    def test_a_row_too_large_for_the_producer_is_set_aside_and_goes_when_the_limit_is_raised(self):
        small = self.sender("message.max.bytes", "5000")
        large = small.send(4000, topic="limit", padding=8000)
        small.wait_for("set_aside", [large])
        self.assertEqual(0, small.end())
        raised = self.sender()
        self.assertEqual(large, raised.send(4000, topic="limit", padding=8000))
        raised.wait_for("confirmed", [large])
        self.assertEqual([large], self.ids_in("limit"))

    def test_the_same_row_after_a_crash_has_the_same_id(self):
        first = self.sender()
        sent = [first.send(5000 + i, topic="crash") for i in range(30)]
        first.wait_for("confirmed", sent)
        first.kill()
        second = self.sender()
        again = [second.send(5000 + i, topic="crash") for i in range(30)]
        second.wait_for("confirmed", again)
        self.assertEqual(sent, again)
        self.assertEqual(sorted(sent + sent), sorted(self.ids_in("crash")))
        self.assertNotEqual(sent[0], second.send(5000, topic="crash", outcome="mixed"))

    def test_after_a_fatal_error_a_new_producer_sends_what_was_not_confirmed_in_order(self):
        sender = self.sender()
        first = [sender.send(6000 + i, topic="fatal", key="k") for i in range(20)]
        sender.tell("fatal")
        second = [sender.send(6100 + i, topic="fatal", key="k") for i in range(20)]
        sender.wait_for("confirmed", first + second)
        arrived = self.ids_in("fatal")
        in_order = list(dict.fromkeys(arrived))  # a row may have come twice, under one id
        self.assertEqual(first + second, in_order)

    def test_a_wrong_property_is_refused_with_its_name(self):
        done = subprocess.run([program("outbox_send"), self.kafka.brokers, "acks", "some"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertIn("acks", done.stderr)


if __name__ == "__main__":
    main()
