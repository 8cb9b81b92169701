"""The case of too much load: twice as many requests as there is capacity, whoever is busy (open loop). What is too much
must be refused (503 with Retry-After) before memory, connections or prepared transactions run out, and what is accepted
must not take longer than its share. And that of memory: what ends leaves nothing behind."""

import statistics
import threading

import machine
import measure as measuring
from loads import loads

SAMPLE_SECONDS = 0.25
CONNECTIONS = 3900
TIMES = 2


class Sampler(threading.Thread):
    """What trothd and the databases hold, now and then, while a load runs."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_, self.over = run, threading.Event()
        self.samples = []

    def run(self):
        self.sample()
        while not self.over.wait(SAMPLE_SECONDS):
            self.sample()

    def sample(self):
        trothd = self.run_.troth.trothd
        ready = trothd.get("/readyz").json
        self.samples.append({"rss": machine.resident_bytes(trothd.pid), "open": ready["open_transactions"],
                             "prepared": len(self.run_.databases.prepared()),
                             "connections": self.run_.troth.metric("troth_client_connections")})

    def figures(self):
        self.over.set()
        self.join()
        half = self.samples[len(self.samples) // 2:]
        rss = [sample["rss"] / 1048576 for sample in half]
        minutes = max(len(half) * SAMPLE_SECONDS / 60, SAMPLE_SECONDS / 60)
        slope = statistics.linear_regression(range(len(rss)), rss).slope * len(rss) / minutes if len(rss) > 1 else 0.0
        return {"rss_most_mib": max(sample["rss"] for sample in self.samples) / 1048576,
                "rss_mib_a_minute": slope,  # over the second half, where it should be 0
                "open_most": max(sample["open"] for sample in self.samples),
                "prepared_most": max(sample["prepared"] for sample in self.samples),
                "connections_most": max(sample["connections"] for sample in self.samples)}


def drive(run, **more):
    """Its figures, with what was sampled meanwhile; or None."""
    sampler = Sampler(run)
    sampler.start()
    figures = run.drive(**more)
    sampled = sampler.figures()
    if figures:
        figures.update(sampled)
    return figures


def memory(stage, side, variant, clients):
    """One after the other for --seconds: what a million of them leave in trothd's memory, over the second half."""
    del variant
    run, figures = measuring.Run(stage.troth(), loads()[side], clients), None
    try:
        run.start()
        figures = drive(run)
        if figures and figures["rate"]:
            figures["rss_kib_a_million"] = figures["rss_mib_a_minute"] * 1024 / (figures["rate"] * 60 / 1e6)
    finally:
        figures = run.stop(figures)
    return figures


def measure(stage, side, variant, clients):
    """capacity: as many as this number of clients complete, each one after the other; double: twice as many are due."""
    load = loads()[variant["load"]]
    more, extra = {}, ()
    if side == "double":
        capacity = stage.capacity.get((variant["load"], clients))
        assert capacity, "what is the double of: measure the side capacity first"
        more["rate"], extra = TIMES * capacity, ("--refusals",)
    run, figures = measuring.Run(stage.troth(), load, CONNECTIONS if side == "double" else clients), None
    try:
        run.start()
        figures = drive(run, extra=extra, **more)
        if figures:
            if side == "capacity":
                stage.capacity[variant["load"], clients] = figures["rate"]
            else:
                figures["offered"] = more["rate"]
                figures["refused_rate"] = figures["refused_within"] / figures["seconds"]
    finally:
        figures = run.stop(figures)
    return figures
