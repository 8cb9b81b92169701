"""The cases in which sides are measured in turn: how many clients, which variants, which sides."""

import itertools

import history
import limits
import measure
import outbox
import standing
import troth_test as support
from loads import loads
from measure import note
from servers import Databases, Troth

LOOPS = ("loop", "strong")


class Case:
    """words: what --list says. sides and clients: what is measured where nothing else is asked for."""

    def __init__(self, words, sides, clients, variants=lambda asked: [{}], measure=None, rows=0, more_sides=(),
                 seconds=5, has_full=False):
        self.words, self.sides, self.clients, self.more_sides = words, sides, clients, more_sides
        self.variants, self.measure, self.rows, self.seconds = variants, measure or one, rows, seconds
        self.has_full = has_full


def hot_variants(asked):
    return [{"isolation": isolation, "hot": hot, "accounts": accounts}
            for isolation, hot, accounts in itertools.product(asked.isolation, asked.hot, asked.accounts)]


def hot_accounts(variant):
    """How many accounts all clients share, at bank_a and at bank_b; 0: each has its own."""
    half = variant.get("accounts", 0) // 2
    return tuple(half if variant.get("hot") in ("both", bank) else 0 for bank in "ab")


class Stage:
    """What all measurements of a run stand on."""

    def __init__(self, asked, databases=None):
        self.asked = asked
        self.databases = databases or Databases(asked.clusters)
        self.troths, self.number, self.kafka = {}, 0, None
        self.capacity = {}
        self.loop_is_made = self.history_is_made = False

    def troth(self, journal="journal"):
        if journal not in self.troths:
            self.troths[journal] = Troth(self.databases, self.asked, journal)
        return self.troths[journal]

    def brokers(self):
        if self.kafka is None:
            self.kafka = support.run_folder().start(support.Kafka())
        return self.kafka.brokers

    def make_loop(self):
        if not self.loop_is_made:
            self.databases.make_loop(measure.accounts_of(self.asked))
            self.loop_is_made = True


def one(stage, side, variant, clients):
    """A side whose load stands in loads.py, or a loop."""
    stage.number += 1
    hot = hot_accounts(variant)
    if variant:
        stage.databases.isolate(("bank_a", "bank_b") if side not in LOOPS else ("loop_a", "loop_b"),
                                variant["isolation"])
    if side in LOOPS:
        stage.make_loop()
        return measure.loop(side, stage.asked, stage.databases, clients, stage.number, hot)
    more = {"hot-a": hot[0], "hot-b": hot[1]} if any(hot) else {}
    if stage.asked.rate:
        more["rate"] = stage.asked.rate
    return measure.troth(stage.troth(), loads()[side], clients, **more)


def several(stage, side, variant, clients):
    """With so many nodes as the side says, over a journal of their own; each client stays with one of them."""
    troth = stage.troth("journal_nodes")
    troth.set_nodes({"one": 1, "two": 2}[side])
    return measure.troth(troth, loads()[variant["load"]], clients)


CASES = {
    "transfer": Case(
        "two PostgreSQL participants, mode 2pc, reply \"completed\"; each client with accounts of its own, so that\n"
        "nobody waits for another's rows. troth: operations that are SQL statements; function: plain C functions",
        "loop,strong,troth,function", "1,16,64", more_sides=("ordered",)),
    "hot": Case(
        "the same transfers between few accounts, which all clients want: half of --accounts at either bank, or one\n"
        "bank's only (--hot a or b), the other's rows being each client's own; with --isolation serializable too.\n"
        "The loop prepares bank_a's branch, then bank_b's, and tries again what a serialisation failure ended",
        "loop,troth", "2,16,64", hot_variants, more_sides=("strong", "ordered", "function")),
    "noop": Case("two-phase commit whose two participants do nothing: what the coordinator costs", "noop", "1,16,64"),
    "saga": Case(
        "a saga of two steps beside each other that do nothing (saga), and one of two behind each other whose second\n"
        "refuses, so that the first is compensated (undone)", "saga,undone", "1,16,64"),
    "http": Case("GET /healthz: what an answer costs trothd, without a transaction", "http", "1,16,64"),
    "fallback": Case(
        "2pc_then_saga whose second participant answers no prepare in its 100 ms, beside the saga that it becomes",
        "saga,fallback", "64"),
    "outbox": Case("the no-op with outcome events: none, left in the table, sent to Kafka and confirmed",
                   "off,table,kafka", "64", measure=outbox.measure),
    "recovery": Case(
        "--rows transactions in doubt when trothd is killed (kill -9): how many a second the next one loads and\n"
        "drives to their end", "troth", "64", measure=standing.recovery, rows=50_000),
    "backlog": Case(
        "the no-op with --rows transactions that wait for an operator (parked) or for their participants (doubt),\n"
        "beside the same without", "without,parked,doubt", "64", measure=standing.backlog, rows=100_000),
    "limits": Case(
        "twice as many transfers, or no-ops, as were just measured to be the capacity, whoever is busy: what is\n"
        "refused and what the accepted ones take; the most memory, connections and prepared transactions meanwhile",
        "capacity,double", "64", lambda asked: [{"load": load} for load in asked.loads], limits.measure, seconds=20,
        has_full=True),
    "memory": Case(
        "no-ops and sagas for --seconds, one after the other: how much of trothd's resident memory a million of them\n"
        "leave behind, over the second half of the time. The told outcomes are asked for again, so --seconds has its\n"
        "price behind the measurement, too", "noop,saga", "64", measure=limits.memory, seconds=60),
    "nodes": Case(
        "one trothd and two that share a journal's shards, each client with one of them: what a second one costs a\n"
        "transaction (half of all requests are passed on), and what it gives where cores are free", "one,two", "16,64",
        lambda asked: [{"load": load} for load in asked.loads], several),
    "history": Case("the no-op over a journal with --rows ended transactions, beside the same without",
                    "without,ended", "64", measure=history.measure, rows=10_000_000),
}


def run(stage, name, case, ret_lines):
    """Every side in turn: results as report.summaries() takes them, and whether all have figures."""
    asked, results, complete = stage.asked, {}, True
    for variant, clients, turn in itertools.product(case.variants(asked), asked.clients, range(asked.rounds)):
        shift = turn % len(asked.sides)
        for side in asked.sides[shift:] + asked.sides[:shift]:
            figures = case.measure(stage, side, variant, clients)
            if figures is None:
                complete = False
                continue
            key = (tuple(variant.items()), clients)
            results.setdefault(key, {side: [] for side in asked.sides})[side].append(figures)
            ret_lines.append({"case": name, **variant, "clients": clients, "round": turn + 1, "side": side, **figures})
            note(f"{name} {variant or ''} {clients} clients, round {turn + 1}, {side}: "
                 f"{figures.get('rate', 0):.0f}/s, others {figures.get('other_percent', 0):.0f} %")
    return results, complete
