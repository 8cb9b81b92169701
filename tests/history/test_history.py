"""The history checker: careless clients in all modes, and somebody who kills, stops, pauses, cuts and reconfigures at
random; afterwards every answer that anybody got is held against the journal, every database, Kafka and the till, and
the banks' money is conserved. The programs are built with sanitizers (tests/run history).

    TROTH_HISTORY_SECONDS=600 TROTH_SEED=7 tests/run history     with one node, with two, with three
    TROTH_HISTORY_NODES=2 TROTH_HISTORY_JOURNAL=pair …           with these; pair: the journal is failed over, too
    python3 tests/history/checker.py FILE                        a history that was kept, once more

One seed gives the same choices, not the same history: processes and threads run as they do. The report at the end says
what was done to the system, what was asked and told, and what was found. A history with faults is kept in the build
folder; it holds all that the checker needs."""

import os
import random
import re
import shutil
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from checker import check  # noqa: E402
from clients import Client  # noqa: E402
from crash import CrashPoints  # noqa: E402
from faults import Faults  # noqa: E402
from record import History, operations  # noqa: E402
from till import PREPARED, Till  # noqa: E402
from troth_test import BUILD, TrothTest, main, wait_until  # noqa: E402
from world import World, definitions  # noqa: E402

SECONDS = float(os.environ.get("TROTH_HISTORY_SECONDS", "60"))
NODES = int(os.environ.get("TROTH_HISTORY_NODES", "2"))
JOURNAL = os.environ.get("TROTH_HISTORY_JOURNAL", "alone")
WRONG = os.environ.get("TROTH_HISTORY_WRONG", "")  # a rule that is switched off: then faults must be found
# Which shows best under these faults. What it is: RULE_IS_OFF in the code.
RULES = {"durable": ["kill_node", "kill_participant"], "unknown": ["cut_participant", "kill_participant"],
         "told": ["silence_journal"]}
CLIENTS = 8
CLIENT_END_SECONDS_MAX = 120
DRAIN_SECONDS_MAX = 120


class Run:
    """What clients and faults share."""

    def __init__(self, folder, seed):
        self.world = World(nodes=NODES, proxies=True, journal=JOURNAL, publish_grace="200ms")
        self.points = []
        self.world.prepare = lambda process: self.points.append(CrashPoints(process))
        self.till = Till(random.Random(seed + 1))
        self.over = threading.Event()
        self.world.start()
        self.definitions = definitions()
        self.world.configure(lambda node: node.register("till", self.till.url, "http"))
        self.history = History(folder / "history")
        self.faults = Faults(self, random.Random(seed), RULES.get(WRONG, ()))
        self.clients = [Client(self, n, seed * CLIENTS + n) for n in range(CLIENTS)]

    def switch_off(self, rule):
        for points in self.points:
            points.switch_off(rule)


class Histories(TrothTest):
    def test_every_answer_is_what_later_turns_out(self):
        seed = int(os.environ.get("TROTH_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (TROTH_SEED={seed} makes the same choices)", file=sys.stderr)
        self.run_ = Run(self.run_folder.path, seed)
        self.run_.switch_off(WRONG)
        self.work()
        found = self.settle()
        final = self.run_.world.final(till=dict(self.run_.till.branches))
        self.run_.history.end(final.lines())
        found += [*check(operations(self.run_.history.path), final), *self.run_.till.faults]
        self.report(seed, final, found)
        if WRONG:
            self.assertNotEqual(found, [], f"{WRONG} is switched off, and nothing was found")
            return
        if found:
            kept = BUILD / f"history-{seed}.jsonl"
            shutil.copy(self.run_.history.path, kept)
            print(f"kept: {kept}", file=sys.stderr)
        self.assertEqual(found, [])
        self.assertGreater(sum(1 for row in final.transactions.values() if row[2] == "committed"), 20)

    def work(self):
        run = self.run_
        for client in run.clients:
            client.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            run.faults.next()
            self.sane()
        run.over.set()
        run.faults.heal()
        for client in run.clients:
            client.join(CLIENT_END_SECONDS_MAX)
            self.assertFalse(client.is_alive(), f"{client.name} still waits for its answer")
            self.assertIsNone(client.failed, client.name)

    def settle(self):
        """Everything is there again: it comes to its end by itself. What does not, where a rule is off."""
        run = self.run_
        try:
            run.world.drained(10 if WRONG else DRAIN_SECONDS_MAX)
        except AssertionError as error:
            if WRONG:
                return [str(error)]
            raise
        run.history.file.flush()
        told = [(one["gtid"], one["branch"]) for one in operations(run.history.path)
                if one["what"] == "enlist" and one.get("status") in (200, 201)]
        if not WRONG:
            wait_until(lambda: not [key for key in told if run.till.state(*key) == PREPARED], 60,
                       "every branch that was acknowledged is told")
        self.sane()
        return []

    def sane(self):
        """No sanitizer has spoken, nobody ended by an assertion."""
        for process in self.run_.world.processes:
            log = process.log.read_text(errors="replace")
            trouble = re.search(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed", log)
            self.assertIsNone(trouble, f"{process.name}: {trouble and log[trouble.start():][:3000]}")

    def report(self, seed, final, found):
        counts = self.run_.history.counts
        outcomes = {}
        for _, _, outcome in final.transactions.values():
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        lines = [f"history of {SECONDS:.0f} s, {NODES} nodes, journal {JOURNAL}, seed {seed}",
                 "done to the system: " + ", ".join(
                     f"{what} ({count})" for (kind, what), count in sorted(counts.items()) if kind == "fault"),
                 "asked, and how it ended: " + ", ".join(
                     f"{what} {kind} {count}" for (what, kind), count in sorted(counts.items()) if what != "fault"),
                 "transactions: " + ", ".join(
                     f"{count} {outcome}" for outcome, count in sorted(outcomes.items(), key=str))]
        lines += [f"FOUND: {fault}" for fault in found] or ["found: nothing that was told otherwise than it is"]
        print(*lines, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    main()
