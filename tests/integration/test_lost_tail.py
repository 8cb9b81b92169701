"""A standby of the journal that lagged is promoted, and rows that were acknowledged are gone: trothd notices, by its
own memory or, behind a restart, by the server's timeline; what is not there any more is never taken for "aborted"."""

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from standby import PairedJournal  # noqa: E402
from system import BALANCE, System  # noqa: E402
from troth_test import ROOT, TrothTest, main, program, wait_until  # noqa: E402

AMOUNT = 50
FENCED = 3
ATTENTION = 7
FAR = 1024  # the epochs go so far above what is left
SECONDS_MAX = 30
SOME = 40  # transfers, over most of the shards
NEVER = b"\0never"


class JournalOnPair(PairedJournal, System):
    pass


class LostTail(TrothTest):
    """Each test begins with a primary and an asynchronous standby that follows it."""

    account = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = JournalOnPair(synchronous=False, accounts=80, lazy_delay="10ms", journal_timeout="2s",
                                   tokens=True).start()

    def setUp(self):
        self.trothd, self.pair = self.system.trothd, self.system.pair
        self.postgres, self.bank_b = self.system.postgres, self.system.banks["bank_b"]
        self.epoch = self.shards("max(epoch)")

    # --- what tests do

    def shards(self, what):
        return self.system.journal.value("journal", f"select {what} from troth.shard")

    def new_account(self):
        type(self).account += 1
        return self.account

    def trothctl(self, *words, code=0):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def held(self, account):
        """Accepted, and its row is on the standby, too; its prepare at bank_b waits for a lock, which is let go by the
        connection that is returned."""
        lock = psycopg2.connect(self.postgres.to("bank_b"))
        self.addCleanup(lock.close)
        lock.cursor().execute("select from account where id = %s for update", (account,))
        gtid = self.system.begin(account, account, AMOUNT)
        wait_until(lambda: self.pair.standby.query("journal", "select 1 from troth.txn where gtid = %s", (gtid,)),
                   SECONDS_MAX, "the standby has its row")
        return gtid, lock

    def in_doubt(self, account):
        """Committed, and bank_a has done so; bank_b is prepared, and was killed before it heard of it."""
        proxy = self.system.proxies["bank_b"]
        proxy.cut_at("request", b'"op":"commit"', then_refuse=True)
        gtid = self.system.begin(account, account, AMOUNT)
        self.assertTrue(proxy.triggered.wait(20))
        self.bank_b.kill9()
        proxy.accept()
        wait_until(lambda: self.trothd.show(gtid)["steps"][0]["state"] == "committed", 20, "bank_a has committed")
        self.assertEqual(len(self.postgres.prepared()), 1)
        return gtid

    def balances(self, account):
        return [self.system.balance(bank, account) for bank in ("bank_a", "bank_b")]

    def lose(self, *also):
        """What the standby has not is gone; `also` dies with the primary."""
        for process in also:
            process.kill9()
        self.pair.primary.kill()
        self.pair.promote()

    # --- what must hold

    def loses_what_it_acknowledged(self, *die):
        """One transfer was accepted on both, and decided on the primary only; another one was there only."""
        known, unknown = self.new_account(), self.new_account()
        accepted, lock = self.held(known)
        self.pair.lag()
        lock.rollback()
        self.assertEqual(self.trothd.wait_outcome(accepted)["outcome"], "committed")
        gone = self.in_doubt(unknown)
        self.lose(*die)
        return known, accepted, unknown, gone

    def nothing_is_decided_twice(self, known, accepted, unknown, gone):
        """Undecided here, and committed before: its branches say so. Not there at all: unknown, and bank_b leaves what
        it has prepared as it is."""
        self.assertGreaterEqual(self.shards("min(epoch)"), self.epoch + FAR)
        self.assertEqual(self.trothd.show(accepted)["state"], "doubtful")  # bank_b is not there
        self.assertEqual(self.trothd.get("/readyz").json["journal"]["lost_shards"], 16)
        self.assertIn("troth_journal_lost_shards 16\n", self.trothd.get("/metrics").body.decode())
        doctor = self.trothctl("doctor", "--journal", self.system.journal.to("journal"), code=ATTENTION)
        self.assertRegex(doctor, r"(?m)^ATTENTION +lost rows +journal +of 16 shards, 2")
        self.assertEqual(self.balances(known), [BALANCE - AMOUNT, BALANCE + AMOUNT])
        self.bank_b.start()
        wait_until(lambda: "the coordinator does not know it" in self.bank_b.output(), SECONDS_MAX, "bank_b has asked")
        answer = self.trothd.get(f"/v1/transactions/{gone}/decision?branch=2&attempt=1")
        self.assertEqual(answer.json["decision"], "unknown")
        prepared, = self.postgres.prepared()
        self.assertIn(gone, prepared)
        self.assertEqual(self.trothd.wait_outcome(accepted)["outcome"], "committed")
        self.settled_by_hand(prepared)
        self.assertEqual(self.balances(known), [BALANCE - AMOUNT, BALANCE + AMOUNT])
        self.assertEqual(self.balances(unknown), [BALANCE - AMOUNT, BALANCE + AMOUNT])

    def settled_by_hand(self, prepared):
        """The branch that bank_a has committed is committed at bank_b. And new work is done."""
        self.postgres.execute("bank_b", f"commit prepared '{prepared}'")
        account = self.new_account()
        self.assertEqual(self.system.transfer(account, account, AMOUNT).json["outcome"], "committed")
        self.system.drained()

    # --- tests

    def test_a_living_coordinator_misses_what_it_wrote(self):
        lost = self.loses_what_it_acknowledged()
        self.assertEqual(self.trothd.wait_end(), FENCED, self.trothd.output())
        self.assertIn("the journal went back: rows that it had acknowledged are missing", self.trothd.output())
        self.assertEqual(self.shards("min(lost)"), self.epoch + FAR - 1)
        self.trothd.start()
        self.nothing_is_decided_twice(*lost)
        self.pair.rejoin()

    def test_a_coordinator_that_died_with_the_primary_knows_the_timeline(self):
        lost = self.loses_what_it_acknowledged(self.trothd)
        self.trothd.start()
        self.assertIn("the journal may have gone back: of 16 shards", self.trothd.output())
        self.nothing_is_decided_twice(*lost)
        self.pair.rejoin()

    def test_what_a_banks_database_has_lost_is_found(self):
        """With what docs/operations.md says, word for word. As a standby that lagged: the bank has one of two transfers
        no more."""
        kept, lost = (self.system.transfer(self.new_account(), self.account, AMOUNT).json["gtid"] for _ in range(2))
        self.postgres.execute("bank_b", "delete from troth_guard.guard where gtid = %s", (lost,))
        section = (ROOT / "docs" / "operations.md").read_text().split("## A participant's database went back")[1]
        script = "\n".join(line[4:] for line in section.split("## ")[0].splitlines() if line.startswith("    "))
        script = script.replace("trothctl ", f"{program('trothctl')} --url {self.trothd.url} ")
        script = script.replace("psql -d bank_b", f"psql -XAtq -d '{self.postgres.to('bank_b')}'")
        done = subprocess.run(["bash", "-c", script], cwd=self.trothd.folder, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(lost, done.stdout.split())
        self.assertNotIn(kept, done.stdout.split())

    def test_participants_tell_of_a_snapshot_that_was_brought_back(self):
        """The disk is set back behind the backs of all: the same server, the same timeline. The banks have seen newer
        epochs."""
        data, copy = self.pair.primary.folder / "data", self.pair.primary.folder / "snapshot"
        self.trothd.stop()
        self.pair.primary.stop()
        subprocess.run(["cp", "-a", data, copy], check=True)
        self.pair.primary.start()
        for _ in range(3):
            self.trothd.start()
            self.trothd.stop()
        self.trothd.start()
        seen = self.shards("max(epoch)")
        for _ in range(SOME):
            self.system.transfer(self.new_account(), self.account, AMOUNT)
        self.trothd.stop()
        self.pair.primary.stop()
        shutil.rmtree(data)
        copy.rename(data)
        self.pair.primary.start()
        self.trothd.start()
        self.assertLess(self.shards("max(epoch)"), seen)

        def it_ends():
            if self.trothd.running():
                self.system.transfer(1, 1, AMOUNT, prefer="respond-async")
            return not self.trothd.running()

        wait_until(it_ends, SECONDS_MAX, "a bank has told")
        self.assertEqual(self.trothd.wait_end(), FENCED, self.trothd.output())
        self.assertRegex(self.trothd.output(), f"a participant has seen epoch {seen} of shard")
        self.assertIn("the journal went back", self.trothd.output())
        self.assertGreaterEqual(self.shards("max(epoch)"), seen + FAR)
        self.trothd.start()
        account = self.new_account()
        wait_until(lambda: self.system.transfer(account, account, AMOUNT).json["outcome"] == "committed", SECONDS_MAX,
                   "new work is done")
        for bank in self.system.banks:  # of the time before a bank told: unknown, and left as they are
            for name in self.postgres.prepared():
                if self.postgres.query(bank, "select from pg_prepared_xacts where gid = %s"
                                       " and database = current_database()", (name,)):
                    self.postgres.execute(bank, f"rollback prepared '{name}'")
        self.pair.standby.kill()
        self.pair.rejoin()


if __name__ == "__main__":
    main()
