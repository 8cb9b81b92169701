"""The case with outcome events: none, left in the table, sent to Kafka; and whether each arrived there."""

import time

import measure as measuring
import troth_test as support
from loads import loads

TOPIC = "troth.outcomes"
WAIT_SECONDS = 60


def measure(stage, side, variant, clients):
    del variant
    troth = stage.troth("journal_table" if side == "table" else "journal")
    options = {"kafka_brokers": stage.brokers()} if side == "kafka" else {}
    run, figures = measuring.Run(troth, loads()[side], clients, **options), None
    try:
        run.start()
        figures = run.drive()
        if figures and side == "kafka":
            figures = arrived(stage, run, figures)
    finally:
        figures = run.stop(figures)
    return figures


def arrived(stage, run, figures):
    """Behind the load: until Kafka has confirmed all; then every transaction has its event in the topic."""
    began = time.monotonic()
    support.wait_until(lambda: run.troth.metric("troth_outbox_waiting") == 0, WAIT_SECONDS, "Kafka has every event")
    figures["drained_s"] = time.monotonic() - began
    said = {line.split()[0] for line in run.told.read_text().splitlines()}
    missing = said - stage.kafka.keys(TOPIC)
    if missing:
        measuring.note(f"outbox has no figure: {len(missing)} of {len(said)} events are not in Kafka")
        return None
    return figures
