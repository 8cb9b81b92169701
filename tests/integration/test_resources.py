"""What a process has little of: descriptors, somebody who reads its diagnostics, time to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import NOT_NOW, Scripted  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

SAGA = {"name": "saga", "version": 1, "mode": "saga", "timeout": "1h",
        "retries": {"patient": {"interval": "1h", "max_interval": "1h", "max_attempts": 0, "jitter": "none"}},
        "steps": [{"name": "charge", "participant": "shop", "operation": "charge", "retry": "patient",
                   "compensate": {"operation": "refund", "input": {}}, "input": {}}]}


class LimitedTrothd(Trothd):
    """With so many open files, soft and hard."""

    soft = hard = 0

    def command(self):
        return ["prlimit", f"--nofile={self.soft}:{self.hard}", *super().command()]


class UnreadTrothd(Trothd):
    """Its standard error is a pipe that only the test reads, and late."""

    def launch(self):
        self.read_end, write_end = os.pipe()
        self._popen = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL,
                                       stdout=open(self.log, "ab"), stderr=write_end, env=self.environment())
        self._from = 0
        os.close(write_end)

    def read(self):
        """What is in the pipe now."""
        return os.read(self.read_end, 1 << 20).decode()


class Resources(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def prepare(self, trothd):
        self.postgres.database(trothd.name)
        trothd.options["journal"] = self.postgres.to(trothd.name)
        trothd.migrate()
        return trothd

    def started(self, trothd):
        self.run_folder.start(self.prepare(trothd))
        self.addCleanup(trothd.kill9)
        return trothd

    def test_the_soft_limit_of_files_is_raised(self):
        trothd = LimitedTrothd("raised")
        trothd.soft, trothd.hard = 128, 4096
        self.started(trothd)
        limits = Path(f"/proc/{trothd.pid}/limits").read_text()
        self.assertRegex(limits, r"Max open files +4096 +4096")

    def test_clients_can_not_take_the_journals_descriptors(self):
        trothd = LimitedTrothd("few", connections_max=4000)
        trothd.soft = trothd.hard = 256
        self.started(trothd)
        self.assertRegex(trothd.output(), "limit of open files is too low.*open_files=256.*served=128")
        clients = []
        for _ in range(300):
            client = socket.create_connection(("127.0.0.1", trothd.port), timeout=10)
            self.addCleanup(client.close)
            clients.append(client)
        # The journal's sessions end, and are made anew beside all these clients.
        self.postgres.query("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'few'")
        wait_until(lambda: self.postgres.value("postgres", "select count(*) from pg_stat_activity where "
                                                           "datname = 'few'") == 4, 20, "four sessions again")
        for client in clients:
            client.close()
        wait_until(lambda: trothd.get("/readyz").status == 200, 20, "ready")

    def test_nobody_reads_standard_error(self):
        """The loop goes on; lines are dropped and counted, and the next reader is told."""
        trothd = UnreadTrothd("unread", log_level="debug")
        self.started(trothd)

        def dropped():
            self.assertEqual(trothd.post("/v1/transactions", {"mode": "2pc"}).status, 201)
            found = re.search(r"^troth_log_lines_dropped_total (\d+)", trothd.get("/metrics").body.decode(), re.M)
            return int(found.group(1)) > 100

        wait_until(dropped, 60, "lines are dropped")
        trothd.read()
        self.assertEqual(trothd.post("/v1/transactions", {"mode": "2pc"}).status, 201)
        self.assertRegex(trothd.read(), r'lines were dropped" count=\d+')

    def test_a_hang_up_ends_nothing(self):
        trothd = self.started(Trothd("hang_up"))
        trothd.signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in trothd.output(), 20, "it says so")
        self.assertEqual(trothd.get("/readyz").status, 200)

    def test_a_stop_does_not_wait_for_what_waits_itself(self):
        """A saga in back-off is the next start's: the shards are given up at once."""
        trothd = self.started(Trothd("stops", drain_timeout="1h", retry_interval="1h", retry_interval_max="1h"))
        shop = Scripted()
        shop.answers["charge", "execute"] = [NOT_NOW]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        applied = trothd.apply(SAGA)
        self.assertEqual(applied.status, 201, applied)
        gtid = trothd.submit("saga", {}, prefer="respond-async").json["gtid"]
        wait_until(lambda: shop.count(gtid, "charge", "execute") == 1, 20, "it was tried")
        began = time.monotonic()
        self.assertEqual(trothd.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        trothd.start()
        self.assertEqual(trothd.show(gtid)["state"], "running")


if __name__ == "__main__":
    main()
