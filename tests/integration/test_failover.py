"""A real primary and its synchronous standby, for the journal and for the participants: the primary is killed and the
standby promoted, the roles change back, the standby is lost, the primary takes no more writes. trothd and the banks go
on by themselves, whatever was told stays true, and no money is lost."""

import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from standby import PairedBanks, PairedJournal  # noqa: E402
from system import CheckedTrothd, System  # noqa: E402
from transfers import Transfers  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

CLIENTS = 4
SOME = 5  # transfers, until something goes on
AGAIN_SECONDS_MAX = 20  # bound of every recovery; what it took is printed
FENCED = 3
OPTIONS = {"accounts": 50, "log_level": "info", "lease": "2s", "journal_timeout": "1s"}


class JournalOnPair(PairedJournal, System):
    pass


class BanksOnPair(PairedBanks, System):
    pass


class Failover(TrothTest):
    """Each test begins and ends with a primary and a standby that follows it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.done = []  # what the tests before have moved
        cls.first_client = 0
        cls.system = cls.make_system().start()

    @classmethod
    def tearDownClass(cls):
        """The next class has processes of the same names."""
        for process in (cls.system.trothd, *cls.system.banks.values()):
            process.kill9()
        for cluster in cls.system.pair.clusters:
            cluster.stop()

    def setUp(self):
        self.trothd, self.pair = self.system.trothd, self.system.pair
        self.transfers = Transfers(self.system, CLIENTS, first=self.first_client)
        type(self).first_client += CLIENTS
        self.goes_on("transfers are made", time.monotonic())

    def tearDown(self):
        for client in self.transfers.clients:
            client.end.set()

    def goes_on(self, what, since):
        """Transfers commit again. How long nobody was told of a commit is printed."""
        now = time.monotonic()
        wait_until(lambda: self.transfers.committed_since(now)[SOME - 1:], AGAIN_SECONDS_MAX, what)
        moments = [since, *(one.at for one in self.transfers.committed_since(since))]
        gap = max(later - earlier for earlier, later in zip(moments, moments[1:]))
        print(f"{self.id().split('.')[-1]}: {what}: {gap:.2f} s without a commit", file=sys.stderr)

    def all_is_well(self):
        self.transfers.stop()
        self.system.drained()
        self.transfers.check(more=self.done)
        self.done.extend((one.source, one.target, one.amount) for one in self.transfers.committed_since(0))

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.trothd.get("/metrics").body.decode(), re.MULTILINE)[1])

    def is_the_same_process(self):
        self.assertTrue(self.trothd.running())
        self.assertEqual(self.trothd.output().count("trothd ready"), 1)

    def epoch(self):
        (epoch,), = self.system.journal.query("journal", "select distinct epoch from troth.shard")
        return epoch


class Journal(Failover):
    @staticmethod
    def make_system():
        return JournalOnPair(**OPTIONS)

    def test_the_primary_dies_and_comes_back(self):
        """Nobody tells trothd. The old primary comes back as the standby at its old address, and is led past; then
        the roles change back in good order."""
        epoch = self.epoch()
        killed = time.monotonic()
        self.pair.primary.kill()
        self.pair.promote()
        self.goes_on("killed and promoted", killed)
        self.pair.rejoin()
        self.goes_on("beside its new standby", time.monotonic())
        switched = time.monotonic()
        self.pair.primary.stop()
        self.pair.promote()
        self.goes_on("switched back", switched)
        self.is_the_same_process()
        self.all_is_well()
        self.assertEqual(self.epoch(), epoch)  # one leader, one memory
        self.pair.rejoin()

    def test_a_primary_that_takes_no_more_writes_is_left(self):
        """A manager fences it: it lives, and refuses writes (25006), in sessions that are there, too."""
        fenced = self.pair.primary
        fenced.execute("postgres", "alter system set default_transaction_read_only = on")
        fenced.execute("postgres", "select pg_reload_conf()")
        wait_until(lambda: self.trothd.get("/readyz").status == 503, AGAIN_SECONDS_MAX, "it is not ready")
        self.assertRegex(self.trothd.get("/readyz").json["journal"]["reason"], "read-only")
        self.assertRegex(self.trothd.output(), r'journal state=connecting reason="[^\n]*read-only')
        promoted = time.monotonic()
        self.pair.promote()
        self.goes_on("promoted", promoted)
        self.is_the_same_process()
        self.all_is_well()
        busy = "select 1 from pg_stat_activity where datname = 'journal' and state <> 'idle'"
        wait_until(lambda: not fenced.query("postgres", busy), AGAIN_SECONDS_MAX, "nobody works there")
        fenced.stop()
        self.pair.rejoin()

    def test_a_primary_dies_whose_standby_had_been_silent(self):
        """What only the primary had is gone with it. Nobody was told of it, not even that it was accepted."""
        self.pair.standby.signal_all(signal.SIGSTOP)
        wait_until(lambda: self.metric("troth_journal_writable") == 0, AGAIN_SECONDS_MAX, "no write succeeds")
        self.pair.primary.kill()
        self.pair.standby.signal_all(signal.SIGCONT)
        promoted = time.monotonic()
        self.pair.promote()
        self.goes_on("promoted", promoted)
        self.is_the_same_process()
        self.all_is_well()
        self.pair.rejoin()

    def test_the_standby_is_lost_beside_a_second_node(self):
        """The leases run out, and neither node can lead: both say why. When the standby is back both go on."""
        second = CheckedTrothd("second", **{**self.trothd.options, "node": "second"})
        second.launch()
        self.addCleanup(second.kill9)
        second.wait_ready()
        wait_until(lambda: second.get("/readyz").json["shards_led"] > 0, AGAIN_SECONDS_MAX, "it has a share")
        lost = self.pair.standby.folder.name
        self.pair.standby.kill()
        for node in (self.trothd, second):
            wait_until(lambda node=node: re.search('reason="a commit waits for a synchronous standby: '
                                                   f"synchronous_standby_names is '{lost}'", node.output()),
                       AGAIN_SECONDS_MAX, f"{node.name} says why")
        self.assertEqual(self.trothd.get("/readyz").status, 503)
        self.pair.standby.start()
        back = time.monotonic()
        for node in (self.trothd, second):
            wait_until(lambda node=node: node.get("/readyz").json["shards_led"] > 0 and
                       node.get("/readyz").status == 200, AGAIN_SECONDS_MAX, f"{node.name} goes on")
        self.goes_on("the standby is back", back)
        self.assertEqual(second.stop(), 0)
        wait_until(lambda: self.trothd.get("/readyz").json["shards_led"] == 16, AGAIN_SECONDS_MAX, "it leads all again")
        self.all_is_well()


class Participants(Failover):
    @staticmethod
    def make_system():
        return BanksOnPair(**OPTIONS)

    def test_a_participants_primary_dies(self):
        """What was prepared is prepared on the standby, too, and gets its decision there."""
        killed = time.monotonic()
        self.pair.primary.kill()
        self.pair.promote()
        self.goes_on("killed and promoted", killed)
        for name, bank in self.system.banks.items():
            self.assertTrue(bank.running(), name)
        self.all_is_well()
        self.pair.rejoin()


if __name__ == "__main__":
    main()
