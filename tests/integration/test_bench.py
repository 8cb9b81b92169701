"""The bench measures what it says: each case runs, ends by itself and has figures of every side; and what is not true
of a measurement leaves it without one. Nothing here asks how fast anything is."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
sys.path[:0] = [str(ROOT / "tests" / "support"), str(BENCH)]
import cases  # noqa: E402
import limits  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
from loads import loads  # noqa: E402
from servers import Databases, Troth  # noqa: E402
from troth_test import BUILD, TrothTest, main, run_folder  # noqa: E402

LEFT_OUT = ("outbox", "limits")  # a Kafka takes ten seconds to start; the other one is below, with more to see
SMALL = {"seconds": 0.3, "warm-up": 0.1, "rounds": 1, "clients": 4, "clusters": 1, "rows": 300, "accounts": 4,
         "isolation": "read_committed", "loads": "noop"}


@functools.cache
def databases():
    """One cluster for the classes that need one."""
    return Databases(1)


class Cases(TrothTest):
    """One run of all cases but those in LEFT_OUT, as small as it can be."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for seconds in (SMALL["seconds"], 3):  # on a busy machine a short time may see nothing end
            cls.figures = cls.run_all(seconds)
            if all(row["completed"] for row in cls.figures["rounds"] if row["case"] != "recovery"):
                break

    @staticmethod
    def run_all(seconds):
        file = run_folder().path / "figures.json"
        names = [name for name in cases.CASES if name not in LEFT_OUT]
        flags = [text for key, value in {**SMALL, "seconds": seconds}.items() for text in (f"--{key}", str(value))]
        done = subprocess.run([BENCH / "run", *names, "--no-build", *flags, "--json", file],
                              env={**os.environ, "TROTH_BUILD": str(BUILD)}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(file.read_text())

    def rows(self, case):
        return {row["side"]: row for row in self.figures["summary"] if row["case"] == case}

    def test_every_side_of_every_case_has_a_figure(self):
        for name, case in cases.CASES.items():
            if name not in LEFT_OUT:
                self.assertEqual(sorted(self.rows(name)), sorted(case.sides.split(",")), name)
        for row in self.figures["summary"]:
            if row["case"] != "recovery":
                self.assertGreater(row["rate"], 0, row)
                self.assertLessEqual(row["p50_us"], row["p99_us"])
                self.assertEqual((row["wrong"], row["lost"]), (0, 0))

    def test_what_each_process_used_is_told(self):
        for name in ("transfer", "noop", "saga", "fallback", "history"):
            for side, row in self.rows(name).items():
                self.assertGreater(row["databases_cpu_us"], 0, row)
                self.assertIn("other_percent", row)
                if side not in cases.LOOPS:
                    for key in ("trothd_cpu_us", "participants_cpu_us", "journal_session_cpu_us", "wal_flushes",
                                "wal_bytes", "trothd_switches", "trothd_rss_mib"):
                        self.assertGreater(row[key], 0, (key, row))

    def test_sides_are_compared(self):
        self.assertIn("rate_by_loop", self.rows("transfer")["troth"])
        self.assertIn("rate_by_strong", self.rows("transfer")["function"])
        self.assertIn("rate_by_without", self.rows("history")["ended"])
        self.assertIn("rate_by_without", self.rows("backlog")["doubt"])

    def test_the_histogram_has_every_transaction(self):
        for row in self.figures["rounds"]:
            if row["case"] != "recovery":
                self.assertEqual(sum(count for _, count in row["histogram"]), row["completed"])

    def test_what_stands_open_is_counted(self):
        self.assertGreater(self.rows("backlog")["parked"]["open_bytes_each"], 0)
        self.assertEqual(self.rows("recovery")["troth"]["total"], SMALL["rows"])

    def test_the_machine_and_the_commit_are_told(self):
        self.assertRegex(self.figures["machine"]["commit"], r"^[0-9a-f]{7,}$")
        self.assertGreater(self.figures["machine"]["processors"], 0)

    def test_a_second_node_is_measured_beside_one(self):
        one, two = (self.rows("nodes")[side] for side in ("one", "two"))
        self.assertIn("rate_by_one", two)
        self.assertGreater(two["trothd_rss_mib"], 1.5 * one["trothd_rss_mib"])  # both are counted
        self.assertGreater(two["trothd_cpu_us"], 0)

    def test_a_case_that_is_not_there_is_refused_with_those_that_are(self):
        done = subprocess.run([BENCH / "run", "trnsfer", "--no-build"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("transfer, hot, noop", done.stderr)


class TooMuch(TrothTest):
    """Twice as many transfers as there is capacity, whoever is busy: what is too much is refused, and the others are
    not late for it; where it is let in, they all wait until they abort."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        asked = SimpleNamespace(slots=4, trothd=["line_wait_max=200ms"], clients_most=16, warm_up=1, seconds=2.5,
                                count_calls=False)
        stage = cases.Stage(asked, databases())
        cls.capacity, cls.double = (limits.measure(stage, side, {"load": "troth"}, 16)
                                    for side in ("capacity", "double"))

    def test_what_is_too_much_is_refused(self):
        self.assertGreater(self.double["refused"], 0)
        self.assertEqual(self.capacity["refused"], 0)

    def test_nothing_is_wrong_and_nothing_aborts(self):
        for figures in (self.capacity, self.double):
            self.assertEqual((figures["wrong"], figures["lost"], figures["aborted"], figures["unsent"]), (0, 0, 0, 0))
            self.assertGreater(figures["completed"], 0)

    def test_who_is_let_in_is_not_late(self):
        """Without the limit it would be half of what is measured, and of the warm-up, and more all the time."""
        self.assertLess(self.double["p99_us"], 1_500_000 + 3 * self.capacity["p99_us"])

    def test_memory_connections_and_prepared_transactions_are_far_from_their_ends(self):
        self.assertLess(self.double["prepared_most"], 200)
        self.assertLess(self.double["open_most"], 4000)
        self.assertLess(self.double["rss_most_mib"], 200)


class Truth(TrothTest):
    """What a measurement is held against."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        asked = SimpleNamespace(slots=4, trothd=[], clients_most=4, warm_up=0.1, seconds=0.2, count_calls=False)
        cls.troth = Troth(databases(), asked, "journal_parked")
        cls.load = loads()["noop"]
        cls.troth.start("nothing")
        cls.addClassCleanup(cls.troth.stop)
        cls.troth.define(cls.load.definition)
        cls.told = run_folder().path / "told_by_hand"

    def wrong(self, *lines):
        self.told.write_text("".join(f"{line}\n" for line in lines))
        return measure.told_is_true(self.troth.trothd, "noop", "1970-01-01T00:00:00Z", self.told)

    def test_what_clients_were_told_is_asked_again(self):
        gtids = [self.troth.trothd.submit("noop", {"number": number}).json["gtid"] for number in range(3)]
        self.assertIsNone(self.wrong(*(f"{gtid} committed" for gtid in gtids)))
        self.assertRegex(self.wrong(f"{gtids[0]} committed", f"{gtids[1]} aborted", f"{gtids[2]} committed"),
                         f"1 transactions have another outcome now, {gtids[1]}")
        self.assertRegex(self.wrong(*(f"{gtid} committed" for gtid in gtids), f"{gtids[0][:-4]}ffff committed"),
                         "1 transactions are not there")
        self.assertRegex(self.wrong(f"{gtids[0]} committed", f"{gtids[1]} committed"),
                         f"1 transactions nobody was told of, {gtids[2]}")

    def test_a_participant_that_was_not_asked_is_noticed(self):
        asked = [SimpleNamespace(asked=lambda: {"prepare": 5, "commit": 4})] * 2
        self.assertIsNone(measure.work_was_asked(asked, {"prepare": 2, "commit": 2}, 4))
        self.assertIn("8 times for commit", measure.work_was_asked(asked, {"commit": 2}, 5))

    def test_money_that_did_not_move_is_noticed(self):
        databases = SimpleNamespace(money=lambda name: {"a": 90, "b": 109}[name], prepared=lambda: [])
        self.assertIn("[-10, 9]", measure.money_moved(databases, ("a", "b"), {"a": 100, "b": 100}, 10))

    def test_medians_and_ratios(self):
        results = {((), 16): {"loop": [{"rate": rate, "p50_us": 1, "p99_us": 2} for rate in (90, 100, 140)],
                              "troth": [{"rate": 150, "p50_us": 2, "p99_us": 2, "histogram": [[1.0, 2]]},
                                        {"rate": 250, "p50_us": 2, "p99_us": 2, "histogram": [[1.0, 1], [3.0, 4]]}]}}
        loop, troth = report.summaries("transfer", results)
        self.assertEqual((loop["rate"], loop["rate_least"], loop["rate_most"]), (100, 90, 140))
        self.assertEqual((troth["rate_by_loop"], troth["p50_by_loop"]), (2, 2))
        self.assertEqual(troth["histogram"], [[1.0, 3], [3.0, 4]])


if __name__ == "__main__":
    main()
