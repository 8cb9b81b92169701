"""The monkey's clients: they mostly send no key, do what an answer tells them, repeat themselves, change their minds.
Told keeps what they were told."""

import http.client
import json
import random
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from till import ABORTED, COMMITTED  # noqa: E402

ACCOUNTS = 20
HOT = 2  # accounts that everybody wants
TRANSFERS = {"hasty_transfer": ("bank_a", "bank_b"), "hasty_back": ("bank_b", "bank_a"),
             "hasty_deposit": (None, "bank_a")}
NOTHING_DONE = re.compile(r"nothing was done|nothing has been done", re.IGNORECASE)


# --- what clients are told -------------------------------------------------------------------------------------------


class Told:
    """Everything that anybody was told, with what it claims."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes = {}  # gtid -> set of (outcome, where)
        self.accepted = {}  # gtid -> where: it will be driven to an outcome
        self.nothing = {}  # label -> where: nothing was done
        self.requests = {}  # label -> (definition, input)
        self.enlisted = {}  # (gtid, branch) -> True: acknowledged
        self.commits = {}  # gtid -> [(branches, outcome)]
        self.counts = {}
        self.faults = []

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def outcome(self, gtid, outcome, where):
        with self.lock:
            told = self.outcomes.setdefault(gtid, {})
            if told and outcome not in told:
                self.faults.append(f"{gtid}: {where} says {outcome}, told before: {told}")
            told.setdefault(outcome, where)


class Client(threading.Thread):
    """One careless client. It works with whichever coordinator answers."""

    def __init__(self, world, number, seed):
        super().__init__(daemon=True)
        self.world, self.number = world, number
        self.random = random.Random(seed)
        self.node = world.nodes[0]
        self.made = 0

    def run(self):
        try:
            while not self.world.over.is_set():
                self.one()
        except Exception as error:  # told by the test
            self.world.told.fault(f"client {self.number}: {error!r}")

    def label(self):
        self.made += 1
        return f"m{self.number}-{self.made}"

    def one(self):
        pick = self.random.random()
        if pick < 0.55:
            most = HOT if self.random.random() < 0.4 else ACCOUNTS
            self.submit(self.random.choice(list(TRANSFERS)), {
                "from": self.random.randint(1, most), "to": self.random.randint(1, most),
                "amount": self.random.randint(1, 30)})
        elif pick < 0.8:
            number = self.random.randint(1, ACCOUNTS)
            self.submit(self.random.choice(["hasty_checkout", "saga_checkout"]), {
                "order_id": f"o-{number}", "sku": f"sku_{self.random.randint(1, 3)}", "quantity": 1, "account": number,
                "amount": self.random.randint(1, 60), "email": self.random.choice([None, "a@example.org"])})
        elif pick < 0.95:
            self.interactive()
        else:
            self.look()

    # --- one request

    def call(self, method, path, body=None, headers=None):
        """(status, body) or (None, None): the connection broke, so nothing is known."""
        if self.random.random() < 0.1:
            self.node = self.random.choice(self.world.nodes)
        node = self.node
        text = None if body is None else json.dumps(body)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
            try:
                connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
                reply = connection.getresponse()
                status, answer = reply.status, json.loads(reply.read() or b"{}")
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            status, answer = None, None
        if status is None or status == 503:  # the other one may lead
            self.node = next(other for other in self.world.nodes if other is not node)
        return status, answer

    def note(self, status, answer, label, where):
        """What an answer claims, whatever was asked."""
        told = self.world.told
        told.count(f"{where} {status}")
        if status is None:
            return
        if status >= 500 and "gtid" not in answer and not NOTHING_DONE.search(answer.get("detail", "")):
            if where == "start" and "not known" not in answer.get("detail", ""):
                told.fault(f"{where}: {status} says neither that nothing was done nor which transaction: {answer}")
        if label is not None and status >= 400 and NOTHING_DONE.search(answer.get("detail", "")):
            with told.lock:
                told.nothing[label] = answer
        if status in (200, 201, 202) and answer.get("gtid"):
            if answer.get("outcome"):
                told.outcome(answer["gtid"], answer["outcome"], where)
            if status == 202:
                with told.lock:
                    told.accepted[answer["gtid"]] = where

    # --- what clients do

    def submit(self, definition, input_):
        label = self.label()
        body = {"definition": definition, "input": input_, "labels": {"monkey": label}}
        self.world.told.requests[label] = (definition, input_)
        headers = {}
        prefer = self.random.choice(["respond-async", "respond-async, wait=1", "wait=1", "wait=10", None])
        if prefer:
            headers["Prefer"] = prefer
        if self.random.random() < 0.2:
            headers["Idempotency-Key"] = label
        if self.random.random() < 0.2:
            body["reply"] = "decided"
        tries = 3 if "Idempotency-Key" in headers else 1
        for _ in range(tries):
            status, answer = self.call("POST", "/v1/transactions", body, headers)
            self.note(status, answer, label if tries == 1 else None, "start")
            if status in (200, 201, 202):
                if self.random.random() < 0.15:
                    self.cancel(answer["gtid"])
                return
            if status is not None and status < 500:
                return
            self.world.over.wait(self.random.random() * 0.2)

    def cancel(self, gtid):
        self.note(*self.call("POST", f"/v1/transactions/{gtid}/abort", {}), None, "abort")

    def look(self):
        """Once told, an outcome never changes; what was accepted is never "not found"."""
        with self.world.told.lock:
            known = list(self.world.told.accepted) + list(self.world.told.outcomes)
        if not known:
            self.world.over.wait(0.1)
            return
        gtid = self.random.choice(known)
        status, answer = self.call("GET", f"/v1/transactions/{gtid}")
        if status == 404:
            self.world.told.fault(f"{gtid} was told and is not found: {answer}")
        if status == 200 and answer.get("outcome"):
            self.world.told.outcome(gtid, answer["outcome"], "GET")

    def interactive(self):
        label = self.label()
        status, answer = self.call("POST", "/v1/transactions", {
            "mode": "2pc", "timeout": "6s", "labels": {"monkey": label}})
        self.note(status, answer, label, "begin")
        if status not in (200, 201):
            return
        gtid = answer["gtid"]
        wanted = list(range(1, self.random.randint(1, 3) + 1))
        enlisted = [branch for branch in wanted if self.enlist(gtid, branch)]
        if self.random.random() < 0.15:
            self.cancel(gtid)
        elif self.random.random() < 0.9:  # else the client vanishes
            self.commit(gtid, wanted if self.random.random() < 0.8 else enlisted)

    def enlist(self, gtid, branch):
        """A service did its work, and repeats its enlistment until it knows."""
        till = self.world.till
        till.prepare_by_itself(gtid, branch)
        end = time.monotonic() + 40
        while time.monotonic() < end:
            status, answer = self.call("POST", f"/v1/transactions/{gtid}/branches", {
                "branch": branch, "participant": "till", "operation": "pay", "prepared": True})
            self.world.told.count(f"enlist {status}")
            if status in (200, 201):
                with self.world.told.lock:
                    self.world.told.enlisted[gtid, branch] = True
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
            status, answer = self.call("POST", f"/v1/transactions/{gtid}/commit", {"branches": branches})
            self.note(status, answer, None, "commit")
            if status == 200 and answer.get("outcome"):
                with self.world.told.lock:
                    self.world.told.commits.setdefault(gtid, []).append((branches, answer["outcome"]))
            if status is not None and status < 500:
                return
