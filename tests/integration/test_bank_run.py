"""The bank: 16 clients, 20,000 random transfers among 100 accounts at two banks, while a bank and trothd are killed
(-9) and restarted several times. Afterwards money is conserved, every answer that a client got agrees with both
databases, the journal and Kafka, and no prepared transaction is left. (2PC gives atomic commit, not atomic reads:
nothing is read between.)"""

import http.client
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import BALANCE, DEFINITIONS as DEFINITION_FILES, System  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

DEFINITIONS = {"transfer": ("bank_a", "bank_b"), "transfer_back": ("bank_b", "bank_a")}
CLIENTS = 16
TRANSFERS = int(os.environ.get("TROTH_BANK_TRANSFERS", "20000"))
ACCOUNTS = 100
AMOUNT_MAX = 200  # of balances around 1,000: some transfers are refused
KILLS = 3  # of each
SECONDS_MAX = 480
RETRY_SECONDS = 0.05


class Client(threading.Thread):
    """Sends its transfers one after the other, each under its own key until it has an answer."""

    def __init__(self, port, number, count, seed):
        super().__init__()
        self.port = port
        self.number, self.count = number, count
        self.random = random.Random(seed)
        self.answers = {}  # key -> (body sent, answer)
        self.retries = 0
        self.connection = None
        self.fault = None

    def run(self):
        try:
            for i in range(self.count):
                self.transfer(f"{self.number}-{i}")
        except Exception as error:  # told by the test
            self.fault = error

    def body(self):
        return {"definition": self.random.choice(list(DEFINITIONS)),
                "input": {"from": self.random.randint(1, ACCOUNTS), "to": self.random.randint(1, ACCOUNTS),
                          "amount": self.random.randint(1, AMOUNT_MAX)}}

    def transfer(self, key):
        body = self.body()
        end = time.monotonic() + SECONDS_MAX
        while time.monotonic() < end:
            status, answer = self.post(key, json.dumps(body))
            if status in (200, 201) and answer["outcome"]:
                self.answers[key] = (body, answer)
                return
            if status not in (None, 200, 202, 503, 504):
                raise AssertionError(f"{status}: {answer}")
            self.retries += 1
            time.sleep(RETRY_SECONDS)
        raise AssertionError(f"no answer for {key}")

    def post(self, key, body):
        """None when the connection broke: it is not known what happened, so the same is sent again."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.connection.request("POST", "/v1/transactions", body,
                                    {"Content-Type": "application/json", "Idempotency-Key": key,
                                     "Prefer": "wait=30"})
            reply = self.connection.getresponse()
            return reply.status, json.loads(reply.read())
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return None, None


class BankRun(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(kafka=True, accounts=ACCOUNTS, log_level="info").start()
        transfer = json.loads((DEFINITION_FILES / "transfer.json").read_text())
        debit, credit = transfer["steps"]
        back = [{**debit, "participant": "bank_b"}, {**credit, "participant": "bank_a"}]
        assert cls.system.trothd.apply({**transfer, "name": "transfer_back", "steps": back}).status == 201

    def done(self):
        return sum(len(client.answers) for client in self.clients)

    def kill_in_turn(self):
        """Spread over the run by the number of answers, not by the clock."""
        victims = [self.system.trothd, self.system.banks["bank_b"]] * KILLS
        for i, victim in enumerate(victims, 1):
            target = TRANSFERS * i // (len(victims) + 1)
            wait_until(lambda t=target: self.done() >= t or not self.alive(), SECONDS_MAX, f"{target} answers")
            victim.kill9()
            victim.start()

    def alive(self):
        return any(client.is_alive() for client in self.clients)

    def test_the_bank(self):
        seed = int(os.environ.get("TROTH_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (TROTH_SEED={seed} runs the same transfers)", file=sys.stderr)
        before = self.system.total()
        self.clients = [Client(self.system.trothd.port, n, TRANSFERS // CLIENTS, seed * CLIENTS + n)
                        for n in range(CLIENTS)]
        began = time.monotonic()
        for client in self.clients:
            client.start()
        self.kill_in_turn()
        for client in self.clients:
            client.join(SECONDS_MAX)
        self.assertEqual([client.fault for client in self.clients if client.fault], [])
        took = time.monotonic() - began
        self.system.drained()
        outcomes = self.check_answers()
        self.assertEqual(self.system.total(), before)
        self.assertEqual(self.system.postgres.prepared(), [])
        print(f"{outcomes}, {sum(c.retries for c in self.clients)} retries, {took:.0f} s", file=sys.stderr)

    def check_answers(self):
        answers = {key: value for client in self.clients for key, value in client.answers.items()}
        self.assertEqual(len(answers), TRANSFERS // CLIENTS * CLIENTS)
        decisions = dict(self.system.postgres.query(
            "journal", "select gtid::text, array_agg(decision order by attempt) from troth.decided group by gtid"))
        events = self.system.events()
        change = {name: dict.fromkeys(range(1, ACCOUNTS + 1), 0) for name in self.system.names}
        outcomes = {}
        for key, (sent, answer) in answers.items():
            gtid, outcome = answer["gtid"], answer["outcome"]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            self.assertEqual(decisions[gtid][-1], {"committed": "commit", "aborted": "abort"}[outcome], key)
            told = {json.loads(event["payload"])["outcome"] for event in events[gtid]}
            self.assertEqual(told, {outcome}, key)
            self.assertEqual(len({event["headers"]["ce_id"] for event in events[gtid]}), 1, key)
            if outcome == "committed":
                source, target = DEFINITIONS[sent["definition"]]
                change[source][sent["input"]["from"]] -= sent["input"]["amount"]
                change[target][sent["input"]["to"]] += sent["input"]["amount"]
        self.assertEqual(len({answer["gtid"] for _, answer in answers.values()}), len(answers))
        for name in self.system.names:
            balances = dict(self.system.postgres.query(name, "select id, balance from account"))
            self.assertEqual(balances, {id_: BALANCE + moved for id_, moved in change[name].items()}, name)
        return outcomes


if __name__ == "__main__":
    main()
