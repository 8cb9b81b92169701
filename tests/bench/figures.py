"""tests/bench/run figures: every figure that has an aim, measured in one run, with a table must / aim / measured. A row
is a ratio of medians or a median; its range is that of single rounds, a ratio's of sides beside each other in a
round."""

import argparse
import json
import subprocess
import sys
import time

import cases
import machine
import report
from servers import ROOT

SECONDS, WARM_UP, ROUNDS = 3, 1.5, 3


class Row:
    """name, what it is, must and aim; `least`: less is better. Of a case with so many clients, a side's figure, or its
    ratio to another side's."""

    def __init__(self, name, words, must, aim, case, clients, side, figure="rate", by=None, least=False):
        self.name, self.words, self.must, self.aim, self.least = name, words, must, aim, least
        self.case, self.clients, self.side, self.figure, self.by = case, clients, side, figure, by

    def sides(self):
        return [side for side in (self.by, self.side) if side]

    def values(self, rounds):
        """(the figure, its least, its most), or None where it was not measured."""
        def of(side):
            return [each[self.figure] for each in rounds if self.figure in each and each["side"] == side
                    and each["case"] == self.case and each["clients"] == self.clients]
        of_side = of(self.side)
        if not of_side:
            return None
        if self.by is None:
            return report.statistics.median(of_side), min(of_side), max(of_side)
        of_other = of(self.by)
        if not of_other:
            return None
        ratios = [one / other for one, other in zip(of_side, of_other)]
        return report.statistics.median(of_side) / report.statistics.median(of_other), min(ratios), max(ratios)

    def verdict(self, value):
        def reaches(bound):
            return value <= bound if self.least else value >= bound
        return "aim" if reaches(self.aim) else "must" if reaches(self.must) else "missed"


def transfers():
    for clients, bounds in ((16, ((1.2, 1.5), (0.95, 1.15), (1.0, 1.2))), (64, ((1.7, 2.1), (1.2, 1.5), (1.2, 1.5)))):
        sides = (("sql_loop", "troth", "loop"), ("sql_strong", "troth", "strong"),
                 ("function_loop", "function", "loop"))
        for (must, aim), (name, side, by) in zip(bounds, sides):
            words = "SQL operations" if side == "troth" else "C functions"
            yield Row(f"{name}_{clients}", f"transfer, {words} ÷ {by}, {clients} clients", must, aim, "transfer",
                      clients, side, by=by)


ROWS = [
    *transfers(),
    Row("p50_1", "transfer, p50 ÷ loop, 1 client", 1.2, 1.1, "transfer", 1, "troth", "p50_us", "loop", least=True),
    Row("noop_64", "no-op 2PC a second, 64 clients", 18000, 30000, "noop", 64, "noop"),
    Row("saga_64", "no-op saga a second, 64 clients", 14000, 25000, "saga", 64, "saga"),
    Row("trothd_cpu", "trothd's CPU a no-op, µs", 25, 15, "noop", 64, "noop", "trothd_cpu_us", least=True),
    Row("instructions", "trothd's instructions a no-op", 70000, 50000, "instructions", 64, "trothd", "instructions",
        least=True),
    Row("journal_cpu", "journal backends' CPU a no-op, µs", 30, 20, "noop", 64, "noop", "journal_session_cpu_us",
        least=True),
    Row("memory_doubt", "bytes of an open transaction in doubt", 4096, 2048, "backlog", 64, "doubt", "open_bytes_each",
        least=True),
    Row("memory_parked", "bytes of a parked saga", 4096, 2048, "backlog", 64, "parked", "open_bytes_each", least=True),
    Row("history", "rate with 10,000,000 ended ÷ without", 0.95, 1.0, "history", 64, "ended", by="without"),
    Row("parked", "rate with 100,000 parked ÷ without", 0.95, 1.0, "backlog", 64, "parked", by="without"),
    Row("doubt", "rate with 100,000 in doubt ÷ without", 0.95, 1.0, "backlog", 64, "doubt", by="without"),
]


def chosen(asked):
    names = [row.name for row in ROWS]
    if unknown := set(asked.only) - set(names):
        sys.exit(f"tests/bench/run figures: --only {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    return [row for row in ROWS if not asked.only or row.name in asked.only]


def instructions(rounds):
    """callgrind's count, by tests/bench/instructions; None where valgrind is not installed."""
    file = cases.support.run_folder().path / "instructions.json"
    done = subprocess.run([ROOT / "tests" / "bench" / "instructions", "--no-build", "--clients", "64", "--seconds", "5",
                           "--json", file], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        cases.note(f"tests/bench/instructions has no figure: {(done.stderr or done.stdout).strip()[-500:]}")
        return False
    for each in json.loads(file.read_text()):
        rounds.append({"case": "instructions", "side": "trothd", "round": 1, **each})
    return True


def measure(asked, rows, rounds):
    """What these rows need, and no more; whether all of it has figures."""
    wanted = {}
    for row in rows:
        wanted.setdefault((row.case, row.clients), []).extend(row.sides())
    asked.clients_most = max((clients for case, clients in wanted if case != "instructions"), default=64)
    stage, is_complete = None, True
    for (name, clients), sides in wanted.items():
        began = time.monotonic()
        if name == "instructions":
            is_complete = instructions(rounds) and is_complete
            continue
        case = cases.CASES[name]
        known = case.sides.split(",")
        vars(asked).update(clients=[clients], sides=sorted(set(sides), key=known.index),
                           rows=asked.rows_asked or case.rows)
        stage = stage or cases.Stage(asked)
        is_complete = cases.run(stage, name, case, rounds)[1] and is_complete
        cases.note(f"{name} with {clients} clients took {time.monotonic() - began:.0f} s")
    return is_complete


def tabulated(rows, rounds):
    for row in rows:
        values = row.values(rounds)
        line = {"row": row.name, "what": row.words, "must": row.must, "aim": row.aim}
        if values:
            others = [each.get("other_percent", 0) for each in rounds
                      if each["case"] == row.case and each["clients"] == row.clients]
            line.update(measured=values[0], least=values[1], most=values[2], verdict=row.verdict(values[0]),
                        other_percent=max(others, default=0))
        yield line


def number(value):
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def show(lines):
    print(f"{'row':<18}{'what':<46}{'must':>9}{'aim':>9}{'measured':>11}  {'least … most':<19}  {'others':>6}")
    for line in lines:
        most = f"{number(line['least'])} … {number(line['most'])}" if "least" in line else ""
        others = f"{line['other_percent']:.0f} %" if "other_percent" in line else ""
        print(f"{line['row']:<18}{line['what']:<46}{number(line['must']):>9}{number(line['aim']):>9}"
              f"{number(line.get('measured')):>11}  {most:<19}  {others:>6}  {line.get('verdict', 'no figure')}")


def run(asked):
    began, rounds, rows = time.monotonic(), [], chosen(asked)
    vars(asked).update(argparse.Namespace(seconds=asked.seconds or SECONDS, warm_up=min(asked.warm_up, WARM_UP),
                                          rounds=asked.rounds or ROUNDS, rate=None, rows_asked=asked.rows).__dict__)
    is_complete = measure(asked, rows, rounds)
    lines = list(tabulated(rows, rounds))
    show(lines)
    print(f"{time.monotonic() - began:.0f} s; machine: {machine.description(ROOT)}")
    if asked.json:
        report.write_json(asked.json, {"machine": machine.description(ROOT), "command": sys.argv[1:], "figures": lines,
                                       "rounds": rounds})
    return 0 if is_complete else 1
