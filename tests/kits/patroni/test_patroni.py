"""The journal on PostgreSQL under Patroni and etcd, with one synchronous standby and under load: switched over, its
primary killed, stopped and cut off. What was told stays true, and transfers commit again at most a second later than
the cluster itself takes writes again."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cluster import TTL_SECONDS, Cluster, Probe  # noqa: E402
from system import System  # noqa: E402
from transfers import Transfers  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

CLIENTS = 4
SOME = 20  # transfers, until something goes on
AGAIN_SECONDS_MAX = 4 * TTL_SECONDS
MORE_SECONDS_MAX = 1.0  # than the cluster's own gap


class OnPatroni(System):
    def start_journal(self):
        self.journal = Cluster("journal").start()
        self.journal.database("journal")
        return self.journal.conninfo("journal")


class Patroni(TrothTest):
    """Each test begins and ends with a whole cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = OnPatroni(accounts=50, log_level="info", journal_timeout="1s").start()
        cls.done, cls.first_client, cls.measured = [], 0, []
        cls.probe = Probe(cls.system.journal)

    @classmethod
    def tearDownClass(cls):
        print("", *cls.measured, sep="\n", file=sys.stderr)
        cls.probe.end.set()
        for process in (cls.system.trothd, *cls.system.banks.values()):
            process.kill9()
        cls.system.journal.stop()

    def setUp(self):
        self.cluster, self.trothd = self.system.journal, self.system.trothd
        self.transfers = Transfers(self.system, CLIENTS, first=self.first_client)
        type(self).first_client += CLIENTS
        self.addCleanup(lambda: [client.end.set() for client in self.transfers.clients])
        self.goes_on(time.monotonic(), "transfers are made")
        self.epoch = self.cluster.value("journal", "select max(epoch) from troth.shard")

    def goes_on(self, since, what):
        """Enough of them, all begun behind the last that was late. The longest gap since then."""
        wait_until(lambda: self.transfers.committed_since(since)[SOME:], AGAIN_SECONDS_MAX, what)
        moments = [since, *(one.at for one in self.transfers.committed_since(since))]
        return max(later - earlier for earlier, later in zip(moments, moments[1:]))

    def over(self, what, old, began):
        """Somebody else leads, and transfers go on; no longer than promised behind the cluster itself."""
        wait_until(lambda: self.cluster.leader(other_than=old), AGAIN_SECONDS_MAX, "another node takes writes")
        now = time.monotonic()
        self.goes_on(now, what)
        gap, own = self.goes_on(began, what), self.probe.gap(began, time.monotonic())
        type(self).measured.append(f"{what}: no commit for {gap:.2f} s; the cluster took no write for {own:.2f} s")
        self.assertLessEqual(gap, own + MORE_SECONDS_MAX, self.measured[-1])

    def all_is_well(self):
        """The same process leads under the same epoch; what was told is in the banks and in the journal."""
        self.cluster.wait_whole()
        self.transfers.stop()
        self.system.drained()
        self.transfers.check(more=self.done)
        self.done.extend((one.source, one.target, one.amount) for one in self.transfers.committed_since(0))
        self.assertEqual(self.trothd.output().count("trothd ready"), 1)
        self.assertEqual(self.cluster.value("journal", "select max(epoch) from troth.shard"), self.epoch)
        self.assertEqual(self.cluster.value("journal", "select max(lost) from troth.shard"), 0)
        wait_until(lambda: self.cluster.value("journal", "select bool_and(synchronous) from troth.shard"),
                   AGAIN_SECONDS_MAX, "it is noted that a promotion loses nothing")

    # --- tests

    def test_switched_over(self):
        began = time.monotonic()
        old = self.cluster.switchover()
        self.over("switched over", old, began)
        self.all_is_well()

    def test_the_primary_is_killed(self):
        """Its host is gone: kill -9 of PostgreSQL and Patroni. It comes back, and follows."""
        old, began = self.cluster.leader(), time.monotonic()
        old.kill()
        self.over("killed", old, began)
        old.launch()
        self.all_is_well()

    def test_the_primary_is_stopped(self):
        """SIGSTOP: it accepts connections and answers nobody. Awake again, it finds that it leads no more."""
        old, began = self.cluster.leader(), time.monotonic()
        self.addCleanup(old.wake)
        old.silence()
        self.over("stopped", old, began)
        old.wake()
        self.all_is_well()

    def test_the_primary_is_cut_off(self):
        """It lives, and nobody hears it: neither etcd, nor its standbys, nor trothd."""
        old, began = self.cluster.leader(), time.monotonic()
        self.addCleanup(old.mend)
        old.cut_off()
        self.over("cut off", old, began)
        old.mend()
        self.all_is_well()


if __name__ == "__main__":
    main()
