"""Careful clients: each makes one transfer after the other between the banks of a System, under a key of its own, and
sends it again until it is told what became of it. What they were told is held against the banks, the journal and Kafka.

    transfers = Transfers(system, clients=3)
    …                                      # faults
    transfers.stop()
    system.drained()
    transfers.check()
"""

import collections
import http.client
import json
import random
import threading
import time

from system import BALANCE

CLIENTS_END_SECONDS_MAX = 60
AGAIN_SECONDS = 0.02

Told = collections.namedtuple("Told", "source target amount outcome gtid at")


class Client(threading.Thread):
    def __init__(self, system, number):
        super().__init__(daemon=True)
        self.system, self.number, self.random = system, number, random.Random(number)
        self.told, self.end = [], threading.Event()
        self.accepted = set()  # gtids of 202: durable, whatever became of them
        self.failed = None
        self.start()

    def run(self):
        try:
            while not self.end.is_set():
                source, target = (self.random.randint(1, self.system.accounts) for _ in range(2))
                self.send(source, target, self.random.randint(1, 9), f"client-{self.number}-{len(self.told)}")
        except Exception as error:  # shown by whoever stops it
            self.failed = error

    def send(self, source, target, amount, key):
        """Until it is told the outcome; at the end of the test, also if nothing was done."""
        while True:
            try:
                reply = self.system.transfer(source, target, amount, key=key, prefer="wait=2")
            except (OSError, http.client.HTTPException):  # between two coordinators nobody listens
                reply = None
            if reply is not None and reply.status in (200, 201):
                self.told.append(Told(source, target, amount, reply.json["outcome"], reply.json["gtid"],
                                      time.monotonic()))
                return
            assert reply is None or reply.status in (202, 503, 504), reply
            if reply is not None and reply.status == 202:
                self.accepted.add(reply.json["gtid"])
            self.end.wait(AGAIN_SECONDS)


class Transfers:
    def __init__(self, system, clients, first=0):
        """`first`: the number of the first client; two of one number would send the same keys."""
        self.system = system
        self.clients = [Client(system, first + number) for number in range(clients)]

    def told(self):
        return sorted((one for client in self.clients for one in client.told), key=lambda one: one.at)

    def committed_since(self, moment):
        return [one for one in self.told() if one.at > moment and one.outcome == "committed"]

    def stop(self):
        for client in self.clients:
            client.end.set()
        for client in self.clients:
            client.join(CLIENTS_END_SECONDS_MAX)
            assert not client.is_alive(), "a client is not told what became of its transfer"
            assert client.failed is None, repr(client.failed)

    def check(self, more=()):
        """What was told is true everywhere, and nothing else was done. `more`: of others, (source, target, amount)."""
        told = self.told()
        done = [(one.source, one.target, one.amount) for one in told if one.outcome == "committed"] + list(more)
        expected = {name: dict.fromkeys(range(1, self.system.accounts + 1), BALANCE) for name in self.system.names}
        for source, target, amount in done:
            expected["bank_a"][source] -= amount
            expected["bank_b"][target] += amount
        for name, balances in expected.items():
            rows = dict(self.system.postgres.query(name, "select id, balance from account"))
            assert rows == balances, (name, rows, balances)
        decisions = collections.defaultdict(set)
        for gtid, decision in self.system.journal.query("journal", "select gtid::text, decision from troth.decided"):
            decisions[gtid].add(decision)
        known = {gtid for gtid, in self.system.journal.query("journal", "select gtid::text from troth.txn")}
        forgotten = set().union(*(client.accepted for client in self.clients)) - known - decisions.keys()
        assert not forgotten, forgotten
        events = self.system.events() if self.system.kafka else None
        for one in told:
            assert ("commit" in decisions[one.gtid]) == (one.outcome == "committed"), (one, decisions[one.gtid])
            if events is not None:
                said = {(event["headers"]["ce_id"], json.loads(event["payload"])["outcome"])
                        for event in events[one.gtid]}
                assert [outcome for _, outcome in said] == [one.outcome], (one, said)
