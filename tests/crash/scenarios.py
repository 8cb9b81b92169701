"""What happens while tests/crash/test_crash.py kills: each scenario passes some crash points, all of them together pass
every one. A scenario asks through an Asker, which asks again until it is told; what it does beside that (a lock, a
restart) it undoes itself."""

import http.client
import json
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import wait_until  # noqa: E402

ASK_SECONDS_MAX = 60
CALL_SECONDS_MAX = 4  # a process that stands at a point does not answer
NOBODY = 999999  # no such account
TOO_MUCH = 100000000


class Asker:
    """Asks whichever node answers, the same under the same key until it is told the outcome; writes that down."""

    def __init__(self, world, history, name):
        self.world, self.history, self.name = world, history, name
        self.made = 0

    def call(self, method, path, body, headers, number):
        status, answer = None, None
        for node in self.world.nodes:
            connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=CALL_SECONDS_MAX)
            try:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json", **headers})
                reply = connection.getresponse()
                status, answer = reply.status, json.loads(reply.read() or b"{}")
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                continue
            finally:
                connection.close()
            if status != 503:
                break
        self.history.told(number, status, answer)
        return status, answer

    def start(self, definition, input_, first=None, until_told=True):
        """The answer with the outcome; with until_told=False the first one that names the transaction."""
        self.made += 1
        label = f"{self.name}-{self.made}"
        end = time.monotonic() + ASK_SECONDS_MAX
        prefer = first or "wait=3"
        while time.monotonic() < end:
            number = self.history.invoke(self.name, "start", label=label, definition=definition, input=input_,
                                         key=label)
            status, answer = self.call("POST", "/v1/transactions", {
                "definition": definition, "input": input_, "labels": {"history": label}},
                {"Prefer": prefer, "Idempotency-Key": label}, number)
            if status in (200, 201, 202) and (answer.get("outcome") or not until_told):
                return answer
            if status is not None and status not in (200, 202, 503, 504):
                raise AssertionError(f"{label}: {status} {answer}")
            prefer = "wait=2"
            time.sleep(0.02)
        raise AssertionError(f"{label}: not told within {ASK_SECONDS_MAX} s")

    def begin(self):
        """An interactive transaction: its gtid. Each try that nobody answers is another one."""
        end = time.monotonic() + ASK_SECONDS_MAX
        while time.monotonic() < end:
            self.made += 1
            label = f"{self.name}-{self.made}"
            status, answer = self.call("POST", "/v1/transactions", {
                "mode": "2pc", "timeout": "20s", "labels": {"history": label}}, {},
                self.history.invoke(self.name, "begin", label=label))
            if status in (200, 201):
                return answer["gtid"]
            time.sleep(0.02)
        raise AssertionError(f"{self.name}: nothing begins within {ASK_SECONDS_MAX} s")

    def of(self, gtid, what, body, **facts):
        """Says it of a transaction until there is an answer; what a restart has forgotten is not found."""
        end = time.monotonic() + ASK_SECONDS_MAX
        while time.monotonic() < end:
            status, answer = self.call("POST", f"/v1/transactions/{gtid}/{what}", body, {},
                                       self.history.invoke(self.name, what, gtid=gtid, **facts))
            if status is not None and status < 500:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{what} of {gtid}: no answer within {ASK_SECONDS_MAX} s")


def transfer(scene, **changes):
    return {"from": scene.number, "to": scene.number, "amount": 1, **changes}


def basket(scene, **changes):
    return {"order_id": f"o-{scene.number}", "sku": scene.sku, "quantity": 1, "account": scene.number, "amount": 1,
            "email": "a@example.org", **changes}


class Lock:
    """A row, an account's if nothing else is said, held by somebody else."""

    def __init__(self, scene, database, statement="select * from account where id = %s for update", key=None):
        self.session = psycopg2.connect(scene.world.postgres.to(database))
        self.session.cursor().execute(statement, (key or scene.number,))

    def release(self):
        self.session.close()


# --- scenarios: (the participants' process that it is about, what happens) ------------------------------------------


def a_transfer(scene):
    scene.asker.start("transfer", transfer(scene))


def a_transfer_that_is_accepted(scene):
    scene.asker.start("transfer", transfer(scene), first="respond-async")


def a_refused_transfer(scene):
    scene.asker.start("transfer", transfer(scene, to=NOBODY))


def one_branch(scene):
    scene.asker.start("deposit", transfer(scene))


def one_branch_that_enlisted(scene):
    """Its row is there before it is delegated. It refuses, since nobody told it which account."""
    gtid = scene.asker.begin()
    scene.asker.of(gtid, "branches", {"branch": 1, "participant": "bank_a", "operation": "credit"}, branch=1)
    scene.wait(lambda: scene.value("select count(*) from troth.txn where gtid = %s", gtid), 2)
    scene.asker.of(gtid, "commit", {"branches": [1]}, branches=[1])


def a_checkout(scene):
    scene.asker.start("checkout", basket(scene))


def a_refused_checkout(scene):
    scene.asker.start("checkout", basket(scene, amount=TOO_MUCH))


def a_saga(scene):
    scene.asker.start("saga", basket(scene))


def a_refused_saga(scene):
    scene.asker.start("saga", basket(scene, amount=TOO_MUCH))


def a_fallback(scene):
    """Its account is held until two-phase commit is given up."""
    lock = Lock(scene, "cashier")
    try:
        gtid = scene.asker.start("checkout", basket(scene), first="respond-async", until_told=False)["gtid"]
        scene.wait(lambda: scene.value("select fallback is not null from troth.transaction where gtid = %s", gtid), 8)
    finally:
        lock.release()
    scene.asker.start("checkout", basket(scene))


def a_cancel_behind_a_takeover(scene):
    """The step has run and nobody has heard that: the next leader asks its branch what it made, to undo it."""
    store, node = scene.world.process("store"), scene.world.nodes[0]
    lock = Lock(scene, "store", "select * from stock where sku = %s for update", scene.sku)
    try:
        gtid = scene.asker.start("saga", basket(scene), first="respond-async", until_told=False)["gtid"]
        scene.wait(lambda: scene.world.postgres.query("store", "select 1 from pg_locks where not granted"), 4)
        if node.running():
            node.pause()
    finally:
        lock.release()
    scene.wait(lambda: scene.world.postgres.query(
        "store", "select 1 from effect where gtid = %s and participant = 'inventory'", (gtid,)), 4)
    scene.kill(node)
    try:
        if store.running():
            store.pause()  # it would tell the new leader
        scene.up(node)
        scene.asker.of(gtid, "abort", {})
        scene.wait(lambda: scene.value("select count(*) from troth.decided where gtid = %s", gtid), 8)
    finally:
        store.resume()


def a_participant_that_is_away(scene):
    bank = scene.world.process("bank_b")
    scene.kill(bank)
    scene.asker.start("transfer", transfer(scene))
    scene.up(bank)


def a_participant_that_comes_back_prepared(scene):
    """It asks what became of what it has prepared."""
    bank, lock = scene.world.process("bank_b"), Lock(scene, "bank_a")
    asking = threading.Thread(target=a_transfer, args=(scene,), daemon=True)
    asking.start()
    try:
        scene.wait(lambda: scene.world.postgres.prepared() or not asking.is_alive(), 8)
        scene.kill(bank)
    finally:
        lock.release()
    scene.up(bank)
    asking.join(ASK_SECONDS_MAX)
    assert not asking.is_alive(), "it is not told"


def a_restart_of_the_node(scene):
    node = scene.world.nodes[0]
    scene.kill(node)
    scene.up(node)
    scene.asker.start("transfer", transfer(scene))


def a_node_that_comes_back(scene):
    """Shards are handed over to it, where there is another one that has them."""
    node, given = scene.world.nodes[-1], scene.passed("journal.lease.given")
    scene.kill(node)
    others = len(scene.world.nodes) > 1
    scene.wait(lambda: not others or scene.value("select count(distinct owner) from troth.lease") == 1, 12)
    scene.up(node)
    scene.wait(lambda: not others or scene.passed("journal.lease.given") > given, 12)


def a_stop_of_the_node(scene):
    node = scene.world.nodes[0]
    if node.running():
        node.signal(signal.SIGTERM)
    scene.wait(lambda: not node.running(), 20)
    scene.up(node)


def a_restart_of_a_participant(scene):
    bank = scene.world.process("bank_b")
    scene.kill(bank)
    scene.up(bank)
    scene.asker.start("transfer", transfer(scene))


def a_restart_of_the_journal(scene):
    with scene.journal_lock:
        scene.world.journal.restart()
    scene.asker.start("transfer", transfer(scene))


def a_pause_past_the_lease(scene):
    node = scene.world.nodes[0]
    if node.running():
        node.pause()
        time.sleep(scene.world.lease_seconds * 1.2)  # the lease's own time: there is no other condition
        node.resume()
    scene.asker.start("transfer", transfer(scene))


def nothing_but_time(scene):
    """The lease is renewed, and rows of no consequence are written."""
    passed = scene.passed("journal.lease.renewed")
    scene.wait(lambda: scene.passed("journal.lease.renewed") >= passed + 2, 8)


def a_change_of_what_is_registered(scene):
    scene.wait(lambda: scene.world.register("bank_b") is None, 20)


def guard_rows_that_leave(scene):
    a_transfer(scene)
    passed = scene.passed("guard.swept")
    scene.wait(lambda: scene.passed("guard.swept") > passed, 8)


def many(scene):
    """So many end that those which are still open are noted."""
    passed, over = scene.passed("journal.sweep"), threading.Event()

    def ask(asker):
        while not over.is_set() and asker.made < 200:
            asker.start("deposit", transfer(scene, to=1 + asker.made))

    threads = [threading.Thread(target=ask, args=(Asker(scene.world, scene.history, f"{scene.asker.name}-{n}"),),
                                daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    scene.wait(lambda: scene.passed("journal.sweep") > passed or not any(one.is_alive() for one in threads), 30)
    over.set()
    for thread in threads:
        thread.join(ASK_SECONDS_MAX)
        assert not thread.is_alive(), "it is not told"


QUICK = {a_transfer: "bank_b", a_transfer_that_is_accepted: "bank_b", a_refused_transfer: "bank_a",
         one_branch: "bank_a", one_branch_that_enlisted: "bank_a", a_checkout: "cashier", a_refused_checkout: "store",
         a_saga: "cashier", a_refused_saga: "store"}
SLOW = {a_fallback: "store", a_restart_of_the_node: "bank_b", a_restart_of_a_participant: "bank_b",
        a_participant_that_is_away: "bank_b", a_participant_that_comes_back_prepared: "bank_b",
        a_stop_of_the_node: "bank_b", a_node_that_comes_back: "bank_b", a_change_of_what_is_registered: "bank_b",
        a_restart_of_the_journal: "bank_b",
        a_cancel_behind_a_takeover: "store", nothing_but_time: "bank_b", guard_rows_that_leave: "bank_b",
        a_pause_past_the_lease: "bank_b", many: "bank_a"}
ALL = {**QUICK, **SLOW}
