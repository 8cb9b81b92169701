"""Careless clients: they mostly send no key, do what an answer tells them, repeat themselves, change their minds. What
they ask and are told stands in the history (record.py)."""

import http.client
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from till import ABORTED, COMMITTED  # noqa: E402

HOT = 2  # accounts that everybody wants
TRANSFERS = ("transfer", "back", "deposit", "withdrawal")
CALL_SECONDS_MAX = 20
ENLIST_SECONDS_MAX = 40


class Client(threading.Thread):
    """One client. It stays with the node that answers, and goes to the next one where none does."""

    def __init__(self, run, number, seed):
        super().__init__(daemon=True, name=f"c{number}")
        self.run_, self.world, self.history = run, run.world, run.history
        self.random = random.Random(seed)
        self.node = self.random.choice(self.world.nodes)
        self.known = []  # gtids that were told
        self.made = 0
        self.failed = None

    def run(self):
        try:
            while not self.run_.over.is_set():
                self.one()
        except Exception as error:  # told by the test
            self.failed = error

    def label(self):
        self.made += 1
        return f"{self.name}-{self.made}"

    def one(self):
        pick = self.random.random()
        if pick < 0.55:
            most = HOT if self.random.random() < 0.4 else self.world.accounts
            self.submit(self.random.choice(TRANSFERS), {
                "from": self.random.randint(1, most), "to": self.random.randint(1, most),
                "amount": self.random.randint(1, 30)})
        elif pick < 0.75:
            number = self.random.randint(1, self.world.accounts)
            self.submit(self.random.choice(["checkout", "saga"]), {
                "order_id": f"o-{number}", "sku": f"sku_{self.random.randint(1, 3)}", "quantity": 1, "account": number,
                "amount": self.random.randint(1, 60), "email": self.random.choice([None, "a@example.org"])})
        elif pick < 0.9:
            self.interactive()
        else:
            self.look()

    # --- one request

    def ask(self, what, method, path, body=None, headers=None, **facts):
        """(kind, status, answer); (unknown, None, None): the connection broke, so nothing is known."""
        if self.random.random() < 0.1:
            self.node = self.random.choice(self.world.nodes)
        number = self.history.invoke(self.name, what, node=self.node.name, **facts)
        status, answer = self.call(self.node, method, path, body, headers)
        kind = self.history.told(number, status, answer)
        if kind == "ok" and answer.get("gtid"):
            self.known.append(answer["gtid"])
        if status is None or status == 503:
            others = [node for node in self.world.nodes if node is not self.node]
            self.node = self.random.choice(others or self.world.nodes)
        return kind, status, answer

    @staticmethod
    def call(node, method, path, body, headers):
        text = None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=CALL_SECONDS_MAX)
        try:
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or b"{}")
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None, None
        finally:
            connection.close()

    # --- what clients do

    def submit(self, definition, input_):
        label, headers = self.label(), {}
        body = {"definition": definition, "input": input_, "labels": {"history": label}}
        prefer = self.random.choice(["respond-async", "respond-async, wait=1", "wait=1", "wait=10", None])
        if prefer:
            headers["Prefer"] = prefer
        if self.random.random() < 0.2:
            headers["Idempotency-Key"] = label
        if self.random.random() < 0.2:
            body["reply"] = "decided"
        for _ in range(3 if "Idempotency-Key" in headers else 1):
            kind, status, answer = self.ask("start", "POST", "/v1/transactions", body, headers, label=label,
                                            definition=definition, input=input_, key=headers.get("Idempotency-Key"))
            if kind == "ok":
                if self.random.random() < 0.15:
                    self.abort(answer["gtid"])
                return
            if status is not None and status < 500:
                return
            self.run_.over.wait(self.random.random() * 0.2)

    def abort(self, gtid):
        self.ask("abort", "POST", f"/v1/transactions/{gtid}/abort", {}, gtid=gtid)

    def look(self):
        if not self.known:
            self.run_.over.wait(0.1)
            return
        gtid = self.random.choice(self.known)
        self.ask("look", "GET", f"/v1/transactions/{gtid}", gtid=gtid)

    def interactive(self):
        label = self.label()
        kind, _, answer = self.ask("begin", "POST", "/v1/transactions", {
            "mode": "2pc", "timeout": "6s", "labels": {"history": label}}, label=label)
        if kind != "ok":
            return
        gtid = answer["gtid"]
        wanted = list(range(1, self.random.randint(1, 3) + 1))
        enlisted = [branch for branch in wanted if self.enlist(gtid, branch)]
        if self.random.random() < 0.15:
            self.abort(gtid)
        elif self.random.random() < 0.9:  # else the client vanishes
            self.commit(gtid, wanted if self.random.random() < 0.8 else enlisted)

    def enlist(self, gtid, branch):
        """A service did its work, and repeats its enlistment until it knows."""
        till, end = self.run_.till, time.monotonic() + ENLIST_SECONDS_MAX
        till.prepare_by_itself(gtid, branch)
        while time.monotonic() < end:
            _, status, _ = self.ask("enlist", "POST", f"/v1/transactions/{gtid}/branches", {
                "branch": branch, "participant": "till", "operation": "pay", "prepared": True},
                gtid=gtid, branch=branch)
            if status in (200, 201):
                return True
            if status is not None and status < 500:
                till.roll_back(gtid, branch)
                return False
            if till.state(gtid, branch) in (COMMITTED, ABORTED):
                return False  # the coordinator knows it and has told it
            time.sleep(0.05)
        return False  # in doubt: nobody may decide here

    def commit(self, gtid, branches):
        """Repeated, and sometimes beside another commit with one branch more or less."""
        lists = [branches] * self.random.choice([1, 1, 2])
        if self.random.random() < 0.3:
            lists.append(branches[:-1] if len(branches) > 1 and self.random.random() < 0.5 else branches + [9])
        threads = [threading.Thread(target=self.commit_once, args=(gtid, list_)) for list_ in lists]
        for thread in threads:
            thread.start()
            if self.random.random() < 0.5:
                thread.join()
        for thread in threads:
            thread.join()

    def commit_once(self, gtid, branches):
        for _ in range(3):
            _, status, _ = self.ask("commit", "POST", f"/v1/transactions/{gtid}/commit", {"branches": branches},
                                    gtid=gtid, branches=branches)
            if status is not None and status < 500:
                return
