"""Every crash point, and at each of them a node, a participant, the participants' database or the journal's killed with
kill -9: the process stands at the point (it is stopped there, not near it), one of them is killed, what stood goes on,
what is dead is started again. Then it drains, and holds: nothing prepared, every answer as the journal has it, money
conserved, each action of the shop once or undone, Kafka's events.

    tests/run crash                                          every point with everybody: some 30 minutes
    TROTH_CRASH_PART=2/8 tests/run crash                     the second eighth of it
    TROTH_CRASH=journal.write.decide:node tests/run crash    one point, one victim
    TROTH_CRASH_NODES=2 tests/run crash                      with a second node, which takes over, or is the victim
    TROTH_CRASH_SECONDS=25 tests/run crash                   a sample, as the default run takes it

Which scenario passes which point is found out first, by counting. With all scenarios every point that the programs list
must have been passed."""

import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "history"))
from checker import check  # noqa: E402
from crash import CrashPoints  # noqa: E402
from record import History, operations  # noqa: E402
from scenarios import ALL, QUICK, Asker  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, program, wait_until  # noqa: E402
from world import World  # noqa: E402

SECONDS = float(os.environ.get("TROTH_CRASH_SECONDS", "0"))  # 0: all
ONE = os.environ.get("TROTH_CRASH", "")
PART, PARTS = (int(word) for word in os.environ.get("TROTH_CRASH_PART", "1/1").split("/"))
NODES = int(os.environ.get("TROTH_CRASH_NODES", "1"))
# node: who stands at the point, or leads; second: a node beside that
VICTIMS = ("node", "participant", "database", "journal") if NODES == 1 else ("node", "second")
REACH_SECONDS_MAX = 15
BEHIND_SECONDS_MAX = 3  # what comes when the answer is there: the end, what Kafka has confirmed
UP_SECONDS_MAX = 60
TRIES_MAX = 4
# Of `trothd migrate`: test_a_migration_that_is_killed. Of a journal that went back, which nothing here does to it. And
# what is noted as open since a sweep has overtaken its first row, which takes a journal that stands for two seconds at
# the right moment.
ELSEWHERE = {f"journal.{word}" for word in ("migrate", "migrated", "lost.raise", "lost.raised", "write.open_put",
                                             "sent.open_put", "wrote.open_put", "told.open_put")}
if NODES == 1:  # nobody is there to hand a shard over to
    ELSEWHERE |= {"journal.lease.promise", "journal.lease.give", "journal.lease.given"}


class Scene:
    """One run of a scenario: who asks, and what the scenario may do to the system."""

    def __init__(self, test, scenario, number):
        self.test, self.world, self.history, self.journal_lock = test, test.world, test.history, test.journal_lock
        self.scenario, self.number = scenario, 1 + number % (test.world.accounts - 1)
        self.sku = f"sku_{1 + number % 10}"
        self.asker = Asker(self.world, self.history, f"run-{number}")
        self.failed = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            self.scenario(self)
        except Exception as error:  # shown by the test
            self.failed = error

    def begin(self):
        self.thread.start()

    def over(self):
        return not self.thread.is_alive()

    def join(self):
        self.thread.join(3 * UP_SECONDS_MAX)
        assert self.over(), f"{self.scenario.__name__} does not end"
        if self.failed is not None:
            raise AssertionError(f"{self.scenario.__name__}: {self.failed!r}") from self.failed

    # --- what scenarios use

    def wait(self, condition, seconds):
        """Where somebody was killed meanwhile it may not come: it is a scenario's hope, not a promise."""
        try:
            wait_until(condition, seconds, self.scenario.__name__)
        except AssertionError:
            pass

    def value(self, statement, *values):
        return self.world.journal.value("journal", statement, values)

    def passed(self, name):
        return sum(points.passed().get(name, 0) for points in self.test.points.values())

    def kill(self, process):
        process.kill9()

    def up(self, process):
        up(self.world, process)


def up(world, process):
    """Runs and serves, or waits to lead; it may have been killed meanwhile, by somebody else."""
    def there():
        with world.up_lock:
            if not process.running():
                process.launch()
        if process in world.nodes:
            return world.leader() is not None
        return process._ready_line() and process.running()  # pylint: disable=protected-access
    wait_until(there, UP_SECONDS_MAX, f"{process.name} serves again")


class Crash(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.points = {}
        cls.world = World(nodes=NODES, accounts=200)
        cls.world.up_lock, cls.journal_lock = threading.Lock(), threading.Lock()
        cls.world.prepare = lambda process: cls.points.update({process.name: CrashPoints(process)})
        cls.world.start()
        cls.history = History(cls.run_folder.path / "history")
        cls.runs = 0
        cls.seed = int(os.environ.get("TROTH_SEED", time.time_ns() % 1_000_000))
        print(f"seed {cls.seed}", file=sys.stderr)

    def scene(self, scenario):
        Crash.runs += 1
        return Scene(self, scenario, Crash.runs)

    # --- which scenario passes which point

    def count(self, scenarios):
        """{(node or participant, point): [(scenario, where)]}: those that pass it, first who does so most often."""
        found = {}
        self.warm_up()
        for scenario in scenarios:
            before = {name: points.passed() for name, points in self.points.items()}
            scene = self.scene(scenario)
            scene.begin()
            scene.join()
            self.settle()
            for name, points in self.points.items():
                for point, passed in points.passed().items():
                    more = passed - before[name].get(point, 0)
                    if more > 0:
                        found.setdefault((self.kind(name), point), []).append((more, scenario, self.place(name)))
        return {point: [(scenario, place) for _, scenario, place in sorted(these, key=lambda one: -one[0])]
                for point, these in found.items()}

    def warm_up(self):
        """What comes only once in a process's life, at its first command, is none of a scenario's."""
        for scenario in QUICK:
            scene = self.scene(scenario)
            scene.begin()
            scene.join()
        self.settle()

    def kind(self, name):
        return "node" if name in self.world.names else "participant"

    def place(self, name):
        return "node" if name in self.world.names else name

    def at_place(self, place):
        """Whoever may stand there: every node, or the one participant."""
        return [points for name, points in self.points.items() if place in (name, self.place(name))]

    def listed(self):
        """Every point there is: (node or participant, name)."""
        return {(self.kind(name), point) for name, points in self.points.items() for point in points.passed()}

    # --- one point, one victim

    def victim(self, victim, scenario, holder):
        if victim == "participant":
            return holder if holder in self.world.participants else self.world.process(ALL[scenario])
        first = holder if holder in self.world.nodes else self.world.leader() or self.world.nodes[0]
        return first if victim == "node" else next(node for node in self.world.nodes if node is not first)

    def kill(self, victim, scenario, held):
        """What stood at the point goes on without it, and then it is started again."""
        postgres = {"database": self.world.postgres, "journal": self.world.journal}.get(victim)
        if postgres:
            with self.journal_lock:
                postgres.kill()
                held.go_on()
                postgres.start()
            return
        process = self.victim(victim, scenario, held.process)
        with self.world.up_lock:
            process.kill9()
        held.go_on()
        up(self.world, process)

    def stands(self, places, scene):
        """The crash points of whoever stands there; None: it did not come to that."""
        def there():
            return next((points for points in places if points.reached()), None)
        end, over = time.monotonic() + REACH_SECONDS_MAX, None
        while there() is None and time.monotonic() < end:
            if scene.over():
                over = over or time.monotonic() + BEHIND_SECONDS_MAX
                end = min(end, over)
            time.sleep(0.001)
        return there()

    def run_once(self, scenario, place, point, victim):
        """false: the scenario did not come by."""
        places, scene = self.at_place(place), self.scene(scenario)
        for points in places:
            points.arm(point)
        self.history.fault(f"{victim} at {point}")
        scene.begin()
        held = self.stands(places, scene)
        for points in places:
            if points is not held:
                points.go_on()
        if held:
            self.kill(victim, scenario, held)
        scene.join()
        self.settle()
        return held is not None

    def settle(self):
        """All run, and nothing is under way."""
        for process in self.world.processes:
            up(self.world, process)
        self.world.drained()

    def at(self, candidates, point, victim):
        """What came by once may not always: how rows share writes differs between runs, and some points are passed
        only when somebody is late. Then another try, with another scenario."""
        with self.subTest(point=point, victim=victim):
            for scenario, place in (candidates * TRIES_MAX)[:max(TRIES_MAX, len(candidates))]:
                if self.run_once(scenario, place, point, victim):
                    return True
            if SECONDS:  # a sample knows few scenarios
                return False
            self.fail(f"nothing comes by {point} any more: {[(one.__name__, place) for one, place in candidates]}")

    # --- the tests

    def chosen(self, found):
        every = sorted(((point, victim) for point in found for victim in VICTIMS), key=str)
        if ONE:
            point, _, victim = ONE.partition(":")
            every = [pair for pair in every if pair[0][1] == point and victim in ("", pair[1])]
            self.assertTrue(every, f"there is no {ONE}")
        if SECONDS:
            random.Random(self.seed).shuffle(every)
            return every
        return [pair for n, pair in enumerate(every) if n % PARTS == PART - 1]

    def test_everybody_is_killed_at_every_point(self):
        began = time.monotonic()
        found = self.count(QUICK if SECONDS else ALL)
        if not SECONDS:
            with self.subTest("every point is passed"):
                missed = self.listed() - set(found) - {("node", name) for name in ELSEWHERE}
                self.assertEqual(sorted(missed), [])
        counted, done = time.monotonic() - began, 0
        chosen = self.chosen(found)
        for place, victim in chosen:
            if SECONDS and time.monotonic() - began > SECONDS:
                break
            done += self.at(found[place], place[1], victim) is True
        print(f"{done} of {len(chosen)} pairs of point and victim, {len(found)} of {len(self.listed())} points known, "
              f"{counted:.0f} s to count, {time.monotonic() - began:.0f} s", file=sys.stderr)
        self.history.end()
        self.assertEqual(check(operations(self.history.path), self.world.final()), [])


class Migrate(Trothd):
    """`trothd migrate`, once."""

    def command(self):
        return [program("trothd"), "migrate", "--config", self.write_config()]


class Migrations(TrothTest):
    def test_a_migration_that_is_killed_is_made_by_the_next(self):
        """Before and behind the COMMIT of each: each is there as a whole, or not at all."""
        postgres = self.run_folder.start(Postgres("migrated"))
        whole = Migrate("whole", journal=postgres.to("whole"))
        points = CrashPoints(whole)
        postgres.database("whole")
        whole.launch()
        self.assertEqual(whole.wait_end(), 0, whole.output())
        wanted = self.made(postgres, "whole")
        commits = points.passed()["journal.migrate"]
        self.assertEqual(commits, len(wanted[0]) + 2)  # and one that finds nothing more to do, and the journal's row
        killed = Migrate("killed", journal=postgres.to("killed"))
        points = CrashPoints(killed)
        for point in ("journal.migrate", "journal.migrated"):
            postgres.database("killed")
            for number in range(commits):
                # Before each COMMIT: the one before it has been made in this run, or none has.
                points.arm(point, min(number, 1) if point == "journal.migrate" else 0)
                killed.launch()
                self.assertTrue(points.wait_reached(20), f"{point}, {number}")
                killed.kill9()
                points.go_on()
            killed.launch()
            self.assertEqual(killed.wait_end(), 0, killed.output())
            self.assertEqual(self.made(postgres, "killed"), wanted)
            postgres.execute("postgres", "drop database killed")

    def made(self, postgres, name):
        """The migrations, what they made, and how many journals there are."""
        columns = postgres.query(name, "select table_name::text, column_name::text, data_type::text from "
                                       "information_schema.columns where table_schema = 'troth' order by 1, 2")
        return (postgres.query(name, "select version from troth.migration order by version"), columns,
                postgres.query(name, "select count(*), max(shards) from troth.journal"))


if __name__ == "__main__":
    main()
