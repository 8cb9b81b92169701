"""One measurement: a load program beside the processes that it drives, its figures and theirs, and whether every
outcome that was told is true. What is not true has no figure."""

import datetime
import json
import subprocess
import sys
import tempfile
import threading
from urllib.parse import quote

import machine
import troth_test as support
from servers import KINDS

ACCOUNTS_PER_CLIENT = 100
CLIENTS_MAX = 4096  # of bench_load
PAGE = 500
LAST_ANSWERS_SECONDS = 90  # behind the end of the window


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def generate(watch, seconds, program, *arguments):
    """Runs a load program, with the watch over the others while it measures. Its figures and theirs, or None with its
    words when it has none."""
    text = ""
    # What it complains of goes to a file: a pipe that nobody reads yet would stop it.
    with tempfile.TemporaryFile("w+") as complaints, subprocess.Popen(
            [support.program(program), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=complaints, text=True) as process:
        watch.generator = process.pid
        bound = threading.Timer(seconds + LAST_ANSWERS_SECONDS, process.kill)
        bound.start()
        try:
            for line in process.stdout:
                if line.strip() in ("begin", "end"):
                    getattr(watch, line.strip())()
                else:
                    text += line
            process.wait()
            complaints.seek(0)
            words = complaints.read()
        finally:
            bound.cancel()
            process.kill()
    if words.strip():
        note(f"{program}: {words.strip()[:2000]}")
    if process.returncode != 0:
        note(f"{program} says that something is wrong: no figure. {text[:300]}")
        return None
    figures = json.loads(text)
    figures.update(watch.figures(figures["completed"]))
    return figures


def sum_up(figures, clusters):
    """The clusters' processor time together, under one name."""
    figures["databases_cpu_us"] = sum(figures[f"{name}_cpu_us"] for name in clusters)
    return figures


def wal_figures(before, after, transactions):
    figures = {}
    for name, (flushes, byte_count) in after.items():
        figures[f"{name}_flushes"] = (flushes - before[name][0]) / transactions
        figures[f"{name}_wal_bytes"] = (byte_count - before[name][1]) / transactions
    if figures:
        figures["wal_flushes"] = sum(figures[f"{name}_flushes"] for name in after)
        figures["wal_bytes"] = sum(figures[f"{name}_wal_bytes"] for name in after)
    if "postgres_journal" in after:
        figures["journal_flushes"] = figures["postgres_journal_flushes"]
    return figures


def accounts_of(asked):
    """At either bank: for every client that any measurement of this run may have."""
    return max(asked.clients_most * ACCOUNTS_PER_CLIENT, CLIENTS_MAX)


# --- is it true ------------------------------------------------------------------------------------------------------


def outcomes(trothd, definition, since):
    """Every transaction of a definition that began since then, by gtid: asked of trothd, page by page."""
    path = f"/v1/transactions?definition={definition}&limit={PAGE}&began_after={quote(since)}"
    found, cursor = {}, None
    while True:
        reply = trothd.get(path + (f"&cursor={quote(cursor)}" if cursor else ""))
        assert reply.status == 200, reply
        page = reply.json
        for each in page["transactions"]:
            found[each["gtid"]] = each["outcome"] or "open"
        cursor = page["cursor"]
        if not cursor:
            return found


def told_is_true(trothd, definition, since, told):
    """What clients were told is held against what trothd says now; None, or what is wrong."""
    said = dict(line.split() for line in told.read_text().splitlines())
    now = outcomes(trothd, definition, since)
    lost = [gtid for gtid in said if gtid not in now]
    other = [gtid for gtid in said if gtid in now and said[gtid] not in ("open", now[gtid])]
    untold = [gtid for gtid in now if gtid not in said]
    for gtids, words in ((lost, "are not there"), (other, "have another outcome now"), (untold, "nobody was told of")):
        if gtids:
            return f"{len(gtids)} transactions {words}, {gtids[0]} among them (of {len(said)})"
    return None


def money_moved(databases, names, before, total):
    """Every counted transaction moved 1, and nothing else did. The text of what is wrong, or None."""
    moved = [databases.money(name) - before[name] for name in names]
    if moved != [-total, total]:
        return f"{total} transactions counted, but the banks' money changed by {moved}"
    if left := databases.prepared():
        return f"{len(left)} prepared transactions are left, {left[0]} among them"
    return None


def work_was_asked(participants, commands, total):
    """Participants that do nothing have counted what they were asked for: never less than was told to clients."""
    asked = [participant.asked() or {} for participant in participants]
    for op, each in commands.items():
        count = sum(one.get(op, 0) for one in asked)
        if count < each * total:
            return f"{total} transactions counted, but participants were asked {count} times for {op}"
    return None


# --- sides -----------------------------------------------------------------------------------------------------------


def flags(load, asked, clients, **more):
    """Of bench_load."""
    bounds = {} if "count" in more else {"warm-up": asked.warm_up, "seconds": asked.seconds}
    words = {"clients": clients, **bounds, **more}
    if load.get:
        words["get"] = load.get
    else:
        words.update({"definition": load.definition["name"], "input": load.input, "outcome": load.outcome,
                      "step-state": load.step_state,
                      "accounts": min(ACCOUNTS_PER_CLIENT, accounts_of(asked) // clients)})
    return [text for key, value in words.items() if value is not None for text in (f"--{key}", value)]


def loop(side, asked, databases, clients, number, hot):
    """The hand-written loop."""
    names = ("loop_a", "loop_b")
    money, wal = {name: databases.money(name) for name in names}, databases.wal()
    watch = machine.Watch({}, databases.postmasters())
    figures = generate(watch, asked.warm_up + asked.seconds, "bench_loop", "strong" if side == "strong" else "plain",
                       clients, ACCOUNTS_PER_CLIENT, asked.warm_up, asked.seconds, number, *hot,
                       databases.to("loop_a"), databases.to("loop_b"), databases.to("decisions"))
    databases.wait_idle((*names, "decisions"))
    if figures is None:
        return None
    if wrong := money_moved(databases, names, money, figures["total"]):
        note(f"{side} with {clients} clients has no figure: {wrong}")
        return None
    figures.update(wal_figures(wal, databases.wal(), figures["total"]))
    return sum_up(figures, databases.clusters)


class Run:
    """Troth under a load: with Run(…) as run: run.drive(…)."""

    def __init__(self, troth, load, clients, **options):
        self.troth, self.load, self.clients = troth, load, clients
        self.databases, self.asked = troth.databases, troth.asked
        self.options = {**load.options, **options}
        self.has_money = load.kind in ("bank", "function")
        self.told = support.run_folder().path / "told"

    def start(self):
        accounts = accounts_of(self.asked)
        if self.has_money and self.load.kind not in self.troth.participants:  # makes the banks' tables
            self.troth.start(self.load.kind, accounts, **self.options)
            self.troth.stop()
            self.databases.wait_idle((*KINDS[self.load.kind], self.troth.journal))
        names = KINDS[self.load.kind] if self.has_money else ()
        self.money = {name: self.databases.money(name) for name in names}
        self.wal = self.databases.wal()
        self.troth.start(self.load.kind, accounts, **self.options)
        if self.load.definition:
            self.troth.define(self.load.definition)
        if self.troth.more_nodes:
            self.troth.settle()
        self.processes = {"trothd": [node.pid for node in self.troth.nodes()]}
        if self.load.kind:
            self.processes["participants"] = [each.pid for each in self.troth.participants[self.load.kind]]

    def watch(self):
        return machine.Watch(self.processes, self.databases.postmasters(),
                             {"journal_session": self.databases.sessions(self.troth.journal)},
                             self.asked.count_calls)

    def drive(self, seconds=None, extra=(), **more):
        """The figures, or None: with the reason said."""
        if seconds is None:
            seconds = self.asked.warm_up + self.asked.seconds
        since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = {"told": self.told} if self.load.definition else {}
        ports = [word for node in self.troth.nodes() for word in ("--port", node.port)]
        figures = generate(self.watch(), seconds, "bench_load", *ports, *extra,
                           *flags(self.load, self.asked, self.clients, **told, **more))
        if figures is None:
            return None
        figures["trothd_rss_mib"] = sum(machine.resident_bytes(node.pid) for node in self.troth.nodes()) / 1048576
        if told and (wrong := told_is_true(self.troth.trothd, self.load.definition["name"], since, self.told)):
            note(f"{self.load.definition['name']} with {self.clients} clients has no figure: {wrong}")
            return None
        return sum_up(figures, self.databases.clusters)

    def stop(self, figures):
        """The figures with what is known only behind the end; None where something is wrong."""
        self.troth.stop()
        names = KINDS[self.load.kind] if self.has_money else ()
        self.databases.wait_idle((*names, self.troth.journal))
        if figures is None:
            return None
        wrong = None
        if self.has_money:
            wrong = money_moved(self.databases, names, self.money, figures["total"])
        elif self.load.kind:
            wrong = work_was_asked(self.troth.participants["nothing"], self.load.commands, figures["total"])
        if wrong:
            note(f"{self.load.definition['name']} with {self.clients} clients has no figure: {wrong}")
            return None
        if figures["aborted"]:
            figures["aborts_percent"] = 100 * figures["aborted"] / (figures["aborted"] + figures["total"])
        figures.update(wal_figures(self.wal, self.databases.wal(), max(figures["total"], 1)))
        return figures


def troth(of, load, clients, options=None, **more):
    """Troth, from its start to its end."""
    run, figures = Run(of, load, clients, **(options or {})), None
    try:
        run.start()
        figures = run.drive(**more)
    finally:
        figures = run.stop(figures)
    return figures
