"""The incident walk. One thing after the other goes wrong and stays so: a participant dies, a saga parks, Kafka is
away, the journal's disk is full, its synchronous standby is lost. At each moment an operator sees it in the log, in the
metrics and with trothctl, in the words of who caused it; clients go on all the while. Then all of it is mended, and
nothing is lost."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from standby import PairedJournal  # noqa: E402
from shop_system import ShopSystem, UPGRADE  # noqa: E402
from system import DEFINITIONS  # noqa: E402
from transfers import Transfers  # noqa: E402
from troth_test import TrothTest, main, program, wait_until  # noqa: E402

DEAR = 100000  # more than anybody has: the charge is refused
CLIENTS = 3
ACCOUNTS = 20
AWAY = (1, 2, 1)  # a transfer while Kafka is away
UNAVAILABLE = 5  # an exit status of trothctl


class PairedShop(PairedJournal, ShopSystem):
    pass


class Incident(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.system = PairedShop(participants=UPGRADE, banks=("bank_a", "bank_b"), kafka=True, tiny_disk=True,
                                    accounts=ACCOUNTS, log_level="info", lease="2s", journal_timeout="500ms").start()
        except PermissionError as error:
            raise unittest.SkipTest(str(error)) from None
        cls.trothd = cls.system.trothd
        fragile = json.loads((DEFINITIONS / "upgrade_subscription.json").read_text())
        fragile["name"] = "fragile_upgrade"
        fragile["retries"]["twice"] = {"interval": "50ms", "max_attempts": 2, "jitter": "none"}
        for step in fragile["steps"]:
            if step["name"] == "charge":
                step["retry"] = "patient"
            if "compensate" in step:
                step["compensate"]["retry"] = "twice"
        assert cls.trothd.apply(fragile).status == 201

    # --- the three places

    def logged(self, *words, seconds=20):
        """A line of the log that holds them all."""
        def there():
            return [line for line in self.trothd.output().splitlines() if all(word in line for word in words)]
        return wait_until(there, seconds, f"a line of the log with {words}")[0]

    def metric(self, name, labels=""):
        for line in self.trothd.get("/metrics").body.decode().splitlines():
            if line.startswith(f"{name}{labels} "):
                return float(line.split()[-1])
        raise AssertionError(f"no {name}{labels}")

    def metric_is(self, value, name, labels=""):
        wait_until(lambda: self.metric(name, labels) == value, 20, f"{name}{labels} is {value}")

    def metric_grows(self, name):
        wait_until(lambda: self.metric(name) > 0, 20, f"{name} is above 0")

    def ctl(self, *words, status=0):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done)
        return done.stdout + done.stderr

    def status(self, *patterns, status=0):
        """What `trothctl status` says, once it says all of these."""
        def says():
            shown = self.ctl("status", status=status)
            for pattern in patterns:
                self.assertRegex(shown, pattern)
            return shown
        return wait_until(says, 20, f"trothctl status says {patterns}")

    # --- the moments

    def a_participant_dies(self):
        """Billing cannot be reached for a while, so that the saga stands in the middle when accounts dies."""
        self.system.proxies["billing"].refuse()
        direct = self.system.shops["accounts"]
        self.assertEqual(self.trothd.register("accounts", f"{direct.url}/").status, 200)
        reply = self.trothd.submit("fragile_upgrade", {"tenant": "tenant_1", "plan": "team", "seats": 3, "price": DEAR},
                                   prefer="respond-async")
        gtid = reply.json["gtid"]
        wait_until(lambda: [step["state"] for step in self.trothd.show(gtid)["steps"][:2]] == ["done", "done"], 20,
                   "two steps are done")
        direct.kill9()
        self.system.proxies["billing"].accept()
        self.logged("level=warn", "participant is down", "participant=accounts", "Connection refused")
        self.metric_is(0, "troth_participant_reachable", '{participant="accounts"}')
        self.assertRegex(self.ctl("participant", "list"), r"(?m)^accounts .*reachable=false .*Connection refused")
        self.assertRegex(self.ctl("participant", "show", "accounts"),
                         rf"last_failure\.text +127\.0\.0\.1:{direct.port}: Connection refused")
        return gtid

    def a_saga_parks(self, gtid):
        line = self.logged("level=warn", "parked: an operator must look", gtid)
        for part in ("definition=fragile_upgrade", "step=seats", "participant=accounts", "Connection refused"):
            self.assertIn(part, line)
        self.metric_is(1, "troth_parked_transactions")
        self.assertGreaterEqual(self.metric("troth_steps_parked_total"), 1)
        self.metric_grows("troth_oldest_open_transaction_seconds")
        self.status(r"parked_transactions +1\n")
        self.assertIn(gtid, self.ctl("tx", "list", "--state", "parked"))
        shown = self.ctl("tx", "show", gtid)
        self.assertIn("why      refused by 3 charge at billing: insufficient funds\n", shown)
        self.assertRegex(shown, r"missing  1 seats at accounts is parked, an operator must look; .*Connection refused")

    def kafka_is_away(self):
        self.system.kafka.kill()
        gtid = self.system.transfer(*AWAY).json["gtid"]
        self.logged("level=warn", "kafka reachable=false", self.system.kafka.brokers)
        self.metric_is(0, "troth_kafka_reachable")
        self.metric_grows("troth_outbox_waiting")
        self.metric_grows("troth_oldest_unsent_event_seconds")
        self.status(r"outbox\.reachable +false\n", r"outbox\.reason .*Connection refused", r"outbox\.waiting +[1-9]")
        self.assertNotIn("event is in Kafka", self.ctl("tx", "show", gtid))

    def journal_fails(self, words):
        """What it looks like in all three places, and to clients; how the cause is called."""
        self.logged("level=warn", "journal state=connecting", words, seconds=40)
        self.metric_is(0, "troth_journal_writable")
        shown = self.status("NOT READY at", r"journal\.writable +false\n", rf"journal\.reason .*{words}",
                            status=UNAVAILABLE)
        refused = self.system.transfer(*AWAY)  # a new one; those under way are not refused, and wait
        self.assertEqual(refused.status, 503, refused)
        self.assertIn("nothing was done", refused.json["detail"])
        self.assertIn(words, refused.json["detail"])
        return shown

    def journal_is_well(self):
        self.status(r"^ready at", r"journal\.writable +true\n", r"journal\.reason +null\n")
        self.metric_is(1, "troth_journal_writable")
        self.assertLess(self.trothd.output().count("msg=journal"), 40)  # said, and not without end

    def the_journals_disk_is_full(self):
        self.system.disk.fill()
        self.journal_fails("No space left on device")
        self.system.disk.free()
        self.journal_is_well()

    def the_standby_is_lost(self):
        self.system.pair.standby.kill()
        self.journal_fails("a commit waits for a synchronous standby: synchronous_standby_names is 'journal_b', "
                           "standbys connected: 0")
        self.assertLess(self.metric("troth_journal_last_write_timestamp_seconds"),
                        self.system.journal.value("postgres", "select extract(epoch from clock_timestamp())::int8"))

    # --- and afterwards

    def all_is_mended(self, gtid):
        self.system.pair.standby.start()
        self.journal_is_well()
        self.system.kafka.start()
        self.logged("level=info", "kafka reachable=true")
        self.system.shops["accounts"].start()
        self.ctl("tx", "retry", gtid)
        self.logged("level=info", "participant is up", "participant=accounts")
        self.assertEqual(self.system.ended(gtid, "compensated")["state"], "ended")
        self.transfers.stop()
        self.system.drained()
        self.status(r"^ready at", r"parked_transactions +0\n", r"outbox\.waiting +0\n", r"outbox\.reason +null\n",
                    r"open_transactions +0\n")
        for name in ("troth_parked_transactions", "troth_outbox_waiting", "troth_oldest_unsent_event_seconds"):
            self.metric_is(0, name)
        self.metric_is(1, "troth_participant_reachable", '{participant="accounts"}')
        self.assertNotIn(gtid, self.ctl("tx", "list", "--state", "parked"))

    def nothing_is_lost(self, gtid):
        self.assertGreater(len(self.transfers.told()), 10)
        self.transfers.check(more=[AWAY])
        self.assertEqual(self.system.effects(gtid), {"accounts": (1, 1), "analytics": (1, 1)})
        self.assertEqual([json.loads(event["payload"])["outcome"] for event in self.system.events()[gtid]],
                         ["compensated"])

    def test_the_walk(self):
        self.status(r"^ready at", r"journal\.reason +null\n", r"outbox\.reason +null\n")
        self.transfers = Transfers(self.system, CLIENTS)
        gtid = self.a_participant_dies()
        self.a_saga_parks(gtid)
        self.kafka_is_away()
        self.the_journals_disk_is_full()
        self.the_standby_is_lost()
        self.all_is_mended(gtid)
        self.nothing_is_lost(gtid)


if __name__ == "__main__":
    main()
