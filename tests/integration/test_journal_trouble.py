"""The journal's database stops answering, its disk is full: the node says so, takes nothing
new, and goes on by itself."""

import concurrent.futures
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Postgres, TcpProxy, Trothd, TrothTest, main, wait_until  # noqa: E402

TABLESPACE_BYTES = 24 << 20


class JournalTrouble(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def start(self, name, database=None, **options):
        database = database or name
        if database == name:
            self.postgres.database(name)
        proxy = TcpProxy(self.postgres.port)
        self.addCleanup(proxy.close)
        trothd = Trothd(name, journal=self.postgres.to(database, proxy.port), **{"reply_wait": "200ms", **options})
        trothd.migrate()
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        self.assertEqual(trothd.register("bank", "http://127.0.0.1:9/", "http").status, 201)
        return trothd, proxy

    @staticmethod
    def begin(trothd):
        return trothd.post("/v1/transactions", {"mode": "2pc"})

    @staticmethod
    def enlist(trothd, gtid, branch):
        return trothd.post(f"/v1/transactions/{gtid}/branches",
                           {"branch": branch, "participant": "bank", "operation": "debit", "prepared": True})

    def enlists(self, trothd, gtid):
        """Who is told that it is not known yet (504) enlists again."""
        wait_until(lambda: self.enlist(trothd, gtid, 1).status == 200, 20, "its row is durable")

    def metric(self, trothd, name):
        for line in trothd.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        self.fail(f"no {name}")

    def ready(self, trothd, status):
        wait_until(lambda: trothd.get("/readyz").status == status, 20, f"/readyz says {status}")

    def refuses(self, trothd):
        reply = self.begin(trothd)
        self.assertEqual(reply.status, 503, reply)
        self.assertIn("nothing was done", reply.json["detail"])
        self.assertIn("retry-after", reply.headers)

    def test_a_database_that_does_not_answer(self):
        """The connection lives, and nothing comes: not ready, said once, nothing new taken; then all goes on."""
        trothd, proxy = self.start("silent", lease="2s", journal_timeout="500ms")
        gtid = self.begin(trothd).json["gtid"]
        self.ready(trothd, 200)
        wrote = self.metric(trothd, "troth_journal_last_write_timestamp_seconds")
        self.assertGreater(wrote, 0)
        proxy.hold("reply")
        self.ready(trothd, 503)
        shown = trothd.get("/readyz").json
        self.assertEqual((shown["ready"], shown["journal"]["writable"]), (False, False), shown)
        self.assertEqual(self.metric(trothd, "troth_journal_writable"), 0)
        self.refuses(trothd)
        wait_until(lambda: "has not answered" in trothd.output(), 20, "it says so")
        proxy.release()
        self.ready(trothd, 200)
        self.enlists(trothd, gtid)
        self.assertEqual(self.metric(trothd, "troth_journal_writable"), 1)
        self.assertLess(trothd.output().count("has not answered"), 5)

    def test_what_waits_for_the_journal_is_bounded(self):
        """By admission: those under way go on, new ones and new branches are refused, and nothing ends the daemon."""
        trothd, proxy = self.start("bounded", lease="1h", journal_timeout="1h", journal_queue_rows_max=20,
                                   reply_wait="30s")
        gtid = self.begin(trothd).json["gtid"]
        proxy.hold("request")
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            replies = [pool.submit(self.enlist, trothd, gtid, branch) for branch in range(1, 41)]
            done = wait_until(lambda: [reply for reply in replies if reply.done()], 20, "one is refused")
            self.assertIn("journal_queue_rows_max is 20", done[0].result().json["detail"], done[0].result())
            self.refuses(trothd)
            self.assertEqual(self.metric(trothd, "troth_journal_queued_rows"), 20)
            proxy.release()
            replies = [reply.result() for reply in replies]
        taken = [reply.status for reply in replies].count(200)
        self.assertTrue(15 <= taken <= 20, taken)  # of 20 rows, one a branch and the transaction's own
        self.assertEqual(self.metric(trothd, "troth_journal_queued_rows"), 0)
        self.assertTrue(trothd.running())

    def full_disk(self):
        """A tablespace of a few megabytes. Its folder."""
        folder = self.run_folder.path / "tiny"
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TABLESPACE_BYTES}", "tmpfs", folder],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            raise unittest.SkipTest(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        space = folder / "space"
        space.mkdir()
        subprocess.run(["chown", "postgres:", space], check=os.getuid() == 0)
        self.postgres.execute("postgres", f"create tablespace tiny location '{space}'")
        self.postgres.execute("postgres", "create database journal tablespace tiny")
        return folder

    def test_a_full_disk(self):
        folder = self.full_disk()
        trothd, _ = self.start("full", "journal", lease="2s", journal_timeout="500ms")
        gtid = self.begin(trothd).json["gtid"]
        filler = folder / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                pass
        labels = {"padding": "x" * 60000}
        wait_until(lambda: self.ready_after_a_write(trothd, labels) == 503, 60, "not ready")
        wait_until(lambda: "No space left on device" in trothd.output(), 20, "the log names it")
        wait_until(lambda: self.begin(trothd).status == 503, 20, "journal_timeout is over")
        self.refuses(trothd)
        self.assertTrue(trothd.running())
        filler.unlink()
        self.ready(trothd, 200)
        self.enlists(trothd, gtid)
        self.assertEqual(self.metric(trothd, "troth_journal_queued_rows"), 0)

    def ready_after_a_write(self, trothd, labels):
        reply = trothd.post("/v1/transactions", {"mode": "2pc", "labels": labels})
        if reply.status == 201:
            self.enlist(trothd, reply.json["gtid"], 1)
        return trothd.get("/readyz").status


if __name__ == "__main__":
    main()
