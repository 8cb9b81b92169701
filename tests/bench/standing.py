"""Cases with many transactions that stand open: recovered behind kill -9, or waiting beside others that go on."""

import signal
import time

import machine
import measure
import troth_test as support
from loads import loads

WAIT_SECONDS = 200


def options(rows):
    """So many stand open, and as many more may begin."""
    return {"open_transactions_max": min(1_000_000, 2 * rows + 40_000), "open_bytes_max": 1 << 33,
            "journal_queue_rows_max": 1_000_000, "line_wait_max": "0s"}


def fill(run, load, rows):
    """Begins so many transactions, which stay open, beside what runs. What one takes of trothd's memory."""
    trothd = run.troth.trothd
    run.troth.define(load.definition)
    before = machine.resident_bytes(trothd.pid)
    figures = measure.generate(
        run.watch(), WAIT_SECONDS, "bench_load", "--port", trothd.port, "--clients", 64, "--count", rows,
        "--definition", load.definition["name"], "--input", load.input, "--reply", "accepted", "--told", run.told)
    assert figures is not None, "the transactions that are to stand open did not begin"
    is_settled(run, load, rows)
    return {"open_bytes_each": (machine.resident_bytes(trothd.pid) - before) / rows,
            "filled_rate": figures["rate"]}


def is_settled(run, load, rows):
    """Nothing of what stands open is on its way any more but what is tried again and again."""
    troth = run.troth
    if load.definition["name"] == "parks":
        support.wait_until(lambda: troth.metric("troth_parked_transactions") == rows, WAIT_SECONDS,
                           f"{rows} transactions are parked")
        return
    support.wait_until(lambda: troth.metric("troth_open_transactions") == rows, WAIT_SECONDS,
                       f"{rows} transactions are open")
    support.wait_until(
        lambda: all(troth.metric(f'troth_participant_slots_used{{participant="{each.name}"}}') == 0
                    for each in troth.participants["nothing"]), WAIT_SECONDS, "all are decided")


def recovery(stage, side, variant, clients):
    """Killed with so many in doubt, started again: until the last one has ended."""
    del side, variant
    rows, load = stage.asked.rows, loads()["doubtful"]
    run, figures = measure.Run(stage.troth(), load, clients, **options(rows)), None
    try:
        run.start()
        figures = {"rows": rows, "total": rows, "aborted": 0, **fill(run, load, rows)}
        trothd = run.troth.trothd
        trothd.signal(signal.SIGKILL)
        trothd.wait_end()
        for participant in run.troth.participants["nothing"]:
            participant.settle()
        began = time.monotonic()
        trothd.start()
        figures["ready_s"] = time.monotonic() - began
        support.wait_until(lambda: trothd.get("/readyz").status == 200 and run.troth.open() == 0, WAIT_SECONDS,
                           "what was in doubt has ended")
        figures["driven_s"] = time.monotonic() - began
        figures["rate"] = rows / (figures["driven_s"] - figures["ready_s"])
        figures["trothd_rss_mib"] = machine.resident_bytes(trothd.pid) / 1048576
        wrong = all_committed(run, rows)
        if wrong:
            measure.note(f"recovery has no figure: {wrong}")
            figures = None
    finally:
        figures = run.stop(figures)
    return figures


def all_committed(run, rows):
    """Every one that was accepted has come to its outcome, and to the right one. None, or what is wrong."""
    said = [line.split()[0] for line in run.told.read_text().splitlines()]
    now = measure.outcomes(run.troth.trothd, "doubtful", "1970-01-01T00:00:00Z")
    wrong = [gtid for gtid in said if now.get(gtid) != "committed"]
    if wrong or len(said) != rows:
        return f"{len(said)} were accepted, {len(wrong)} of them are not committed: {wrong[:1]}"
    return None


def backlog(stage, side, variant, clients):
    """The no-op beside what waits."""
    del variant
    rows = stage.asked.rows
    troth = stage.troth("journal" if side == "without" else f"journal_{side}")
    standing = {"parked": "parks", "doubt": "doubtful"}.get(side)
    run = measure.Run(troth, loads()["noop"], clients, **options(rows))
    figures, more = None, {}
    try:
        run.start()
        if standing:
            more = stand(run, loads()[standing], rows)
        figures = run.drive()
        if figures:
            figures.update({"rows": rows, **more})
    finally:
        figures = run.stop(figures)
    return figures


def stand(run, load, rows):
    """They are there already, from the round before, or begin now."""
    if run.troth.open() == 0:
        return fill(run, load, rows)
    is_settled(run, load, rows)
    return {}
