#!/usr/bin/env python3
"""The example participants over a real PostgreSQL, called as a coordinator calls them."""
import functools
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import unittest

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["TROTH_BUILD"])
WITH_POSTGRES = ROOT / "tests" / "support" / "with-postgres"
BANK = BUILD / "participant-sdk" / "bank"
SHOP = BUILD / "participant-sdk" / "shop"
DEFINITIONS = ROOT / "participant-sdk" / "examples" / "definitions"
LEDGER = ROOT / "participant-sdk" / "examples" / "ledger_python" / "ledger.py"
JOURNAL = "00000000000000aa"


def gtid(counter):
    value = (0x019AA4B64500 << 80) | (8 << 76) | (3 << 64) | (2 << 62) | (1 << 38) | counter
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Participant:
    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if " ready listen=" in line:
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise AssertionError(f"{command[0]} ended with {self.process.wait()} before it was ready")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def post(self, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, body, {"Troth-Journal": JOURNAL, **headers})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply, body

    def call(self, operation, op, counter, value=None, attempt=1, branch=1, binding="http"):
        """(status, state or vote, output or problem), in the words of the http binding."""
        if binding == "batch":
            return self.batch(operation, op, counter, value, attempt, branch)
        reply, body = self.post(f"/{operation}/{op}", None if value is None else json.dumps(value), {
            "Troth-Gtid": gtid(counter), "Troth-Branch": str(branch), "Troth-Attempt": str(attempt),
            "Troth-Timeout": "5s"})
        return (reply.status, reply.headers.get("Troth-State") or reply.headers.get("Troth-Vote"),
                json.loads(body) if body else None)

    def batch(self, operation, op, counter, value, attempt, branch):
        command = {"op": op, "gtid": gtid(counter), "branch": branch, "attempt": attempt, "operation": operation,
                   "timeout": "5s", **({} if value is None else {"input": value})}
        reply, body = self.post("/", json.dumps(command) + "\n", {"Content-Type": "application/x-ndjson"})
        assert reply.status == 200, (reply.status, body)
        result = json.loads(body)
        if result["result"] in ("done", "vote"):
            return (200 if "output" in result else 204, result.get("state") or result.get("vote"),
                    result.get("output"))
        status = {"refused": 409, "retry": 503}.get(result["result"], 500)
        return status, None, {"detail": result.get("reason", ""),
                              **({"output": result["output"]} if "output" in result else {})}


def database(name):
    conninfo = os.environ["TROTH_TEST_POSTGRES"]
    connection = psycopg2.connect(conninfo + " dbname=postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return f"{conninfo} dbname={name}"


def query(conninfo, statement, values=None):
    """The rows, on a connection of its own."""
    connection = psycopg2.connect(conninfo)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def roll_back_prepared(conninfo):
    for name, in query(conninfo, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
        query(conninfo, "ROLLBACK PREPARED %s", (name,))


def together(*calls):
    """What each of the calls returns, all being made at once."""
    results = [None] * len(calls)

    def run(number):
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Ledger(unittest.TestCase):
    def setUp(self):
        self.database = database("ledger")
        self.ledger = Participant(LEDGER, "--database", self.database, "--create-accounts", 3)

    def tearDown(self):
        self.ledger.close()
        roll_back_prepared(self.database)

    def balance(self, number=1):
        return query(self.database, "SELECT balance FROM ledger_account WHERE id = %s", (number,))[0][0]

    def entries(self, counter):
        return [row[0] for row in query(
            self.database, "SELECT amount FROM ledger_entry WHERE gtid = %s ORDER BY id", (gtid(counter),))]

    def test_commit(self):
        """A prepared change is invisible, then made last once, however often it is prepared and committed."""
        change = {"account": 1, "amount": -100}
        status, _, output = self.ledger.call("post", "prepare", 1, change)
        self.assertEqual((status, output["balance"]), (200, 900))
        self.assertEqual(self.ledger.call("post", "prepare", 1, change)[0], 204)  # its output comes with the commit
        self.assertEqual(self.ledger.call("post", "execute", 1, change)[0], 503)
        self.assertEqual((self.balance(), self.entries(1)), (1000, []))
        self.assertEqual(self.ledger.call("post", "status", 1)[:2], (204, "prepared"))
        for _ in range(2):
            self.assertEqual(self.ledger.call("post", "commit", 1), (200, "committed", output))
        self.assertEqual(self.ledger.call("post", "status", 1), (200, "committed", output))
        self.assertEqual((self.balance(), self.entries(1)), (900, [-100]))

    def test_abort(self):
        """An abort rolls back what is prepared; one that comes first refuses the late prepare."""
        change = {"account": 1, "amount": -100}
        self.ledger.call("post", "prepare", 1, change)
        self.assertEqual(self.ledger.call("post", "abort", 1), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "abort", 2), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "prepare", 1, change)[0], 409)
        self.assertEqual(self.ledger.call("post", "prepare", 2, change)[0], 409)
        self.assertEqual(self.ledger.call("post", "commit", 2)[0], 409)
        self.assertEqual(self.ledger.call("post", "status", 1)[:2], (204, "aborted"))
        self.assertEqual((self.balance(), self.entries(1)), (1000, []))

    def test_commit_of_what_is_gone(self):
        """A prepared transaction that somebody rolled back is no success: a person has to look."""
        self.ledger.call("post", "prepare", 1, {"account": 1, "amount": -100})
        roll_back_prepared(self.database)
        status, _, said = self.ledger.call("post", "commit", 1)
        self.assertEqual((status, "left no guard row" in said["detail"]), (409, True), said)

    def test_refusal_is_kept(self):
        """A refusal stays one, with its words, though the call could succeed now."""
        more = {"account": 1, "amount": -1001}
        for _ in range(2):
            self.assertEqual(self.ledger.call("post", "prepare", 2, more),
                             (409, "aborted", {"detail": "insufficient funds"}))
            query(self.database, "UPDATE ledger_account SET balance = 5000")
        self.assertEqual(self.balance(), 5000)

    def test_attempts(self):
        """Execute of a higher attempt replaces what a lower one prepared; the late abort changes nothing."""
        change = {"account": 1, "amount": -100}
        self.ledger.call("post", "prepare", 1, change)
        status, state, output = self.ledger.call("post", "execute", 1, change, attempt=2)
        self.assertEqual((status, state, output["balance"]), (200, "committed", 900))
        self.assertEqual(self.ledger.call("post", "abort", 1), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "abort", 1, attempt=2), (200, "committed", output))
        self.assertEqual(self.entries(1), [-100])

    def test_execute_twice(self):
        """The same call answers the stored reply, one with another input is refused, and it happened once."""
        change = {"account": 1, "amount": -100}
        first = self.ledger.call("post", "execute", 1, change)
        self.assertEqual(first[:2], (200, "committed"))
        self.assertEqual(self.ledger.call("post", "execute", 1, change), first)
        self.assertEqual(self.ledger.call("post", "execute", 1, {"account": 1, "amount": -1}),
                         (409, None, {"detail": "the same call came before with another input"}))
        self.assertEqual((self.balance(), self.entries(1)), (900, [-100]))

    def test_compensate(self):
        """A compensation undoes once; without an action it refuses the one that comes later."""
        change = {"account": 1, "amount": 50}
        self.ledger.call("post", "execute", 1, change)
        answers = [self.ledger.call("post", "compensate", 1, change) for _ in range(2)]
        self.assertEqual(answers[0][:2], (200, "compensated"))
        self.assertEqual(answers[1], answers[0])
        self.assertEqual((self.balance(), self.entries(1)), (1000, [50, -50]))
        self.assertEqual(self.ledger.call("post", "status", 1)[1], "compensated")
        self.assertEqual(self.ledger.call("post", "compensate", 2, change), (204, "compensated", None))
        self.assertEqual(self.ledger.call("post", "execute", 2, change)[0], 409)

    def test_compensation_that_has_to_wait(self):
        """What came in and is spent cannot be taken back now; later it can."""
        self.ledger.call("post", "execute", 1, {"account": 1, "amount": 50})
        self.ledger.call("post", "execute", 2, {"account": 1, "amount": -1050})
        self.assertEqual(self.ledger.call("post", "compensate", 1, {})[0], 503)
        self.ledger.call("post", "execute", 3, {"account": 1, "amount": 60})
        self.assertEqual(self.ledger.call("post", "compensate", 1, {})[:2], (200, "compensated"))
        self.assertEqual((self.balance(), self.entries(1)), (10, [50, -50]))

    def test_read_only_and_bad_input(self):
        """Balance votes read_only; what makes no sense is refused by name and changes nothing."""
        self.assertEqual(self.ledger.call("balance", "prepare", 1, {"account": 2}),
                         (200, "read_only", {"balance": 1000}))
        self.assertEqual(self.ledger.call("post", "prepare", 2, {"account": "1"})[0], 409)
        self.assertEqual(self.ledger.call("post", "prepare", 3, [])[0], 409)
        self.assertEqual(self.ledger.call("nosuch", "prepare", 4, {})[0], 404)
        self.assertEqual(self.ledger.call("post", "execute", 5, {"account": 1, "amount": 1}, branch=0)[0], 500)
        self.assertEqual(query(self.database, "SELECT count(*) FROM ledger_entry"), [(0,)])


    def test_half_a_body(self):
        """A caller that leaves in the middle of its input has said nothing: the whole input is taken later."""
        change = {"account": 1, "amount": -100}
        with socket.create_connection(("127.0.0.1", self.ledger.port)) as half:
            half.sendall(f"POST /post/execute HTTP/1.1\r\nTroth-Journal: {JOURNAL}\r\nTroth-Gtid: {gtid(1)}\r\n"
                         "Troth-Branch: 1\r\nTroth-Attempt: 1\r\nContent-Length: 30\r\n\r\n{\"acc".encode())
            half.shutdown(socket.SHUT_WR)
            half.settimeout(20)
            self.assertEqual(half.recv(1000), b"")
        self.assertEqual(self.ledger.call("post", "execute", 1, change)[:2], (200, "committed"))


# operation, input, the operation that undoes it, its participant, the members that it puts out
SHOP_OPERATIONS = [
    ("reserve", {"sku": "sku_1", "quantity": 3}, "release", "inventory", {"id"}),
    ("charge", {"account": 1, "amount": 40}, "charge", "payments", {"payment", "balance"}),
    ("book", {"order_id": "o-1", "reservation": 1}, "book", "shipping", {"parcel"}),
    ("send", {"to": "a@example.org", "order_id": "o-1"}, "send", "mail", {"mail"}),
    ("grant_seats", {"tenant": "tenant_1", "seats": 5}, "revoke_seats", "accounts", {"grant"}),
    ("raise_quota", {"tenant": "tenant_1", "plan": "team"}, "restore_quota", "analytics", {"previous", "raise"}),
    ("charge", {"tenant": "tenant_1", "price": 40}, "charge", "billing", {"invoice", "balance"}),
    ("send", {"tenant": "tenant_1", "template": "plan_upgraded"}, "send", "notifications", {"notification"}),
]

# What the shop has, and what has gone out of it or into it.
SHOP_STOCK = """SELECT (SELECT sum(quantity) FROM stock), (SELECT sum(balance) FROM account),
    (SELECT sum(free) FROM seat_pool), (SELECT sum(searches) FROM quota), (SELECT sum(balance) FROM credit)"""


def render(template, known):
    """A definition's input: ${a.b.c} looked up; one whole expression keeps its type."""
    if isinstance(template, dict):
        return {key: render(value, known) for key, value in template.items()}
    if found := re.fullmatch(r"\$\{(.*)\}", template):
        value = known
        for name in found[1].split("."):
            value = value[name]
        return value
    return template


def every_operation(test):
    """Every operation over every binding, each with a transaction of its own."""
    @functools.wraps(test)
    def tests(self):
        counter = 0
        for binding in ("http", "batch"):
            for operation, value, undo, participant, puts_out in SHOP_OPERATIONS:
                counter += 1
                with self.subTest(operation=operation, participant=participant, binding=binding):
                    test(self, counter, functools.partial(self.shop.call, binding=binding), operation, value, undo,
                         participant, puts_out)
    return tests


class Shop(unittest.TestCase):
    """Each test has a shop of its own."""

    def setUp(self):
        self.database = database("shop")
        self.shop = Participant(SHOP, "--database", self.database, "--create")
        self.first = query(self.database, SHOP_STOCK)

    def tearDown(self):
        self.shop.close()
        roll_back_prepared(self.database)

    def effects(self, counter):
        """{participant: times undone}; fails where an effect is there twice."""
        rows = query(self.database, "SELECT participant, branch, undone FROM effect WHERE gtid = %s", (gtid(counter),))
        self.assertEqual(len({row[:2] for row in rows}), len(rows), rows)
        return {row[0]: row[2] for row in rows}

    @every_operation
    def test_prepare_and_commit(self, counter, call, operation, value, _, participant, puts_out):
        """What is prepared is seen by nobody until the commit, which answers the same output, twice too."""
        status, vote, output = call(operation, "prepare", counter, value)
        self.assertEqual((status, vote, set(output)), (200, "yes", puts_out))
        self.assertEqual(self.effects(counter), {})
        self.assertEqual(call(operation, "status", counter)[1], "prepared")
        for _ in range(2):
            self.assertEqual(call(operation, "commit", counter), (200, "committed", output))
        self.assertEqual(self.effects(counter), {participant: 0})

    @every_operation
    def test_prepare_and_abort(self, counter, call, operation, value, *_):
        """What is aborted has no effect, and a late prepare of it is refused."""
        self.assertEqual(call(operation, "prepare", counter, value)[:2], (200, "yes"))
        self.assertEqual(call(operation, "abort", counter), (204, "aborted", None))
        self.assertEqual(call(operation, "prepare", counter, value)[0], 409)
        self.assertEqual(self.effects(counter), {})
        self.assertEqual(query(self.database, SHOP_STOCK), self.first)

    @every_operation
    def test_execute_and_compensate(self, counter, call, operation, value, undo, participant, puts_out):
        """The same execute answers the stored reply, the same compensation undoes once, and all is as before."""
        first = call(operation, "execute", counter, value)
        self.assertEqual((first[:2], set(first[2])), ((200, "committed"), puts_out))
        self.assertEqual(call(operation, "execute", counter, value), first)
        self.assertEqual(self.effects(counter), {participant: 0})
        for _ in range(2):
            self.assertEqual(call(undo, "compensate", counter, {}), (204, "compensated", None))
        self.assertEqual(self.effects(counter), {participant: 1})
        self.assertEqual(call(operation, "status", counter)[1], "compensated")
        self.assertEqual(query(self.database, SHOP_STOCK), self.first)

    @every_operation
    def test_null_compensation(self, counter, call, operation, value, undo, *_):
        """A compensation without an action has nothing to undo; the action that comes later is refused."""
        self.assertEqual(call(undo, "compensate", counter, {}), (204, "compensated", None))
        for op in ("execute", "prepare"):
            self.assertEqual(call(operation, op, counter, value)[0], 409)
        self.assertEqual(self.effects(counter), {})
        self.assertEqual(query(self.database, SHOP_STOCK), self.first)

    @every_operation
    def test_other_input(self, counter, call, operation, value, _, participant, *__):
        """The same call with another input is refused, and the first stands."""
        first = call(operation, "execute", counter, value)
        self.assertEqual(call(operation, "execute", counter, {**value, "more": 1}),
                         (409, None, {"detail": "the same call came before with another input"}))
        self.assertEqual(call(operation, "execute", counter, value), first)
        self.assertEqual(self.effects(counter), {participant: 0})

    def test_no_such_operation(self):
        """What only compensates, and what nobody has, is no refusal: another replica may have it."""
        for op in ("prepare", "execute"):
            self.assertEqual(self.shop.call("release", op, 1, {"reservation": 1}),
                             (501, None, {"detail": "the operation only compensates here"}))
            self.assertEqual(self.shop.call("nothing", op, 1, {})[0], 501)

    def test_refusals_say_why(self):
        """Every way to say no has its words, changes nothing, and stays a no."""
        refused = [("reserve", {"sku": "sku_1", "quantity": 1001}, "out of stock"),
                   ("reserve", {"sku": "sku_x", "quantity": 1}, "unknown sku"),
                   ("reserve", {"sku": "sku_1", "quantity": 0}, "quantity must be a whole number above 0"),
                   ("reserve", {"sku": 1, "quantity": 1}, "sku must be a text of less than 256 bytes"),
                   ("reserve", {"sku": "s" * 256, "quantity": 1}, "sku must be a text of less than 256 bytes"),
                   ("reserve", {}, "sku must be a text of less than 256 bytes"),
                   ("charge", {"account": 1, "amount": 1001}, "insufficient funds"),
                   ("charge", {"account": 0, "amount": 1}, "unknown account"),
                   ("charge", {"account": 1, "amount": 1.5}, "amount must be a whole number above 0"),
                   ("charge", {}, "account must be a whole number"),
                   ("charge", {"tenant": "tenant_1", "price": 1001}, "insufficient funds"),
                   ("charge", {"tenant": "tenant_x", "price": 1}, "unknown tenant"),
                   ("charge", {"tenant": "tenant_1", "price": -1}, "price must be a whole number, 0 or above"),
                   ("book", {"order_id": "o-1"}, "reservation must be a whole number"),
                   ("send", {"to": None, "order_id": "o-1"}, "to must be a text of less than 256 bytes"),
                   ("grant_seats", {"tenant": "tenant_1", "seats": 101}, "not enough seats"),
                   ("grant_seats", {"tenant": "tenant_x", "seats": 1}, "unknown tenant"),
                   ("raise_quota", {"tenant": "tenant_x", "plan": "team"}, "unknown tenant"),
                   ("raise_quota", {"tenant": "tenant_1", "plan": "tea"}, "unknown plan")]
        for counter, (operation, value, reason) in enumerate(refused, 1):
            for op in ("prepare", "execute"):
                with self.subTest(operation=operation, input=value, op=op):
                    self.assertEqual(self.shop.call(operation, op, counter, value),
                                     (409, "aborted", {"detail": reason}))
            self.assertEqual(self.effects(counter), {})
        self.assertEqual(query(self.database, SHOP_STOCK), self.first)

    def test_a_compensation_of_another_operation(self):
        """An operation that does not undo the action refuses, so that the step is parked, and changes nothing."""
        self.shop.call("reserve", "execute", 1, {"sku": "sku_1", "quantity": 1})
        self.assertEqual(self.shop.call("revoke_seats", "compensate", 1, {}),
                         (409, None, {"detail": "this is not the operation that undoes it"}))
        self.assertEqual(self.effects(1), {"inventory": 0})
        self.assertEqual(self.shop.call("release", "compensate", 1, {})[1], "compensated")

    def test_all_prepared_at_once(self):
        """One transaction can be prepared at all eight: no two of them wait for a common row."""
        for branch, (operation, value, *_) in enumerate(SHOP_OPERATIONS, 1):
            self.assertEqual(self.shop.call(operation, "prepare", 1, value, branch=branch)[:2], (200, "yes"))
        for branch, (operation, *_) in enumerate(SHOP_OPERATIONS, 1):
            self.assertEqual(self.shop.call(operation, "commit", 1, branch=branch)[1], "committed")
        self.assertEqual(self.effects(1), {row[3]: 0 for row in SHOP_OPERATIONS})

    def test_the_last_one_is_sold_once(self):
        """Of many who reserve the last ones at once only as many get one as there are."""
        query(self.database, "UPDATE stock SET quantity = 3 WHERE sku = 'sku_1'")
        answers = together(*(lambda counter=counter: self.shop.call(
            "reserve", "execute", counter, {"sku": "sku_1", "quantity": 1}) for counter in range(1, 9)))
        self.assertEqual(sorted(answer[0] for answer in answers), [200] * 3 + [409] * 5, answers)
        self.assertEqual(query(self.database, "SELECT count(*) FROM reservation"), [(3,)])

    def test_definitions(self):
        """The definition files' inputs and outputs are the shop's: forward step by step, and back again."""
        inputs = {"order_checkout": {"order_id": "o-9", "sku": "sku_2", "quantity": 2, "account": 7, "amount": 30,
                                     "email": "b@example.org"},
                  "upgrade_subscription": {"tenant": "tenant_2", "plan": "business", "seats": 9, "price": 99}}
        for counter, (name, value) in enumerate(inputs.items(), 1):
            steps = json.loads((DEFINITIONS / f"{name}.json").read_text())["steps"]
            known = {"input": value, "steps": {}}
            for branch, step in enumerate(steps, 1):
                status, _, output = self.shop.call(step["operation"], "execute", counter,
                                                   render(step["input"], known), branch=branch)
                self.assertEqual(status, 200, (step["name"], output))
                known["steps"][step["name"]] = {"output": output}
            self.assertEqual(self.effects(counter), {step["participant"]: 0 for step in steps})
            for branch, step in reversed(list(enumerate(steps, 1))):
                if undo := step.get("compensate"):
                    self.assertEqual(self.shop.call(undo["operation"], "compensate", counter,
                                                    render(undo["input"], known), branch=branch)[1], "compensated")
            self.assertEqual(self.effects(counter),
                             {step["participant"]: int("compensate" in step) for step in steps})

    def test_only(self):
        """Several processes share the participants out; each says that it lacks what is another's."""
        payments = Participant(SHOP, "--database", self.database, "--only", "payments,mail")
        try:
            self.assertEqual(payments.call("charge", "execute", 1, {"account": 1, "amount": 1})[0], 200)
            self.assertEqual(payments.call("charge", "execute", 2, {"tenant": "tenant_1", "price": 1}),
                             (409, "aborted", {"detail": "account must be a whole number"}))
            self.assertEqual(payments.call("reserve", "execute", 3, {"sku": "sku_1", "quantity": 1})[0], 501)
            # Two processes over one database are one participant.
            self.assertEqual(payments.call("charge", "prepare", 4, {"account": 1, "amount": 1})[0], 200)
            self.assertEqual(self.shop.call("charge", "commit", 4)[1], "committed")
        finally:
            payments.close()
        done = subprocess.run([SHOP, "--database", self.database, "--only", "payments,male"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn('"male" is none of inventory payments shipping', done.stderr)


class Ending(unittest.TestCase):
    """SIGTERM: what runs is finished and answered, the process ends well, and another goes on."""

    def ends(self, name, command, create, table, call):
        conninfo = database(f"ending_{name}")
        self.addCleanup(roll_back_prepared, conninfo)
        service = Participant(command, "--database", conninfo, *create)
        idle = socket.create_connection(("127.0.0.1", service.port))
        holder = psycopg2.connect(conninfo)
        try:
            with holder.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table}")
            answers = []
            caller = threading.Thread(target=lambda: answers.append(service.call(call[0], "prepare", 1, call[1])))
            caller.start()
            while not query(conninfo, "SELECT 1 FROM pg_locks WHERE relation = %s::regclass AND NOT granted", (table,)):
                self.assertTrue(caller.is_alive())
            service.process.terminate()
            with self.assertRaises(subprocess.TimeoutExpired):
                service.process.wait(0.1)  # the call is under way
            holder.rollback()
            caller.join()
            self.assertEqual(answers[0][0], 200, answers)
            self.assertEqual(service.process.wait(20), 0)
        finally:
            idle.close()
            holder.close()
            service.close()
        self.assertEqual(query(conninfo, "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"),
                         [(1,)])
        after = Participant(command, "--database", conninfo)
        try:
            self.assertEqual(after.call(call[0], "commit", 1), (200, "committed", answers[0][2]))
        finally:
            after.close()

    def test_bank(self):
        """The C library, queries_only."""
        self.ends("bank", BANK, ("--create-accounts", 3), "account", ("debit", {"account": 1, "amount": 1}))

    def test_shop(self):
        """The C library."""
        self.ends("shop", SHOP, ("--create",), "stock", ("reserve", {"sku": "sku_1", "quantity": 1}))

    def test_ledger(self):
        """Python; a connection that is idle does not hold its end up."""
        self.ends("ledger", LEDGER, ("--create-accounts", 3), "ledger_account",
                  ("post", {"account": 1, "amount": -1}))


class Bank(unittest.TestCase):
    def test_refusals_name_the_reason(self):
        """The bank's business: balance, debit, credit, and its two ways to say no."""
        conninfo = database("bank")
        bank = Participant(BANK, "--database", conninfo, "--create-accounts", 2)
        try:
            self.assertEqual(bank.call("debit", "execute", 1, {"account": 1, "amount": 1000}),
                             (200, "committed", {"balance": 0}))
            self.assertEqual(bank.call("credit", "execute", 2, {"account": 2, "amount": 5}),
                             (200, "committed", {"balance": 1005}))
            self.assertEqual(bank.call("debit", "execute", 3, {"account": 1, "amount": 1}),
                             (409, "aborted", {"detail": "insufficient funds"}))
            self.assertEqual(bank.call("credit", "execute", 4, {"account": 7, "amount": 1}),
                             (409, "aborted", {"detail": "no such account"}))
            self.assertEqual(bank.call("debit", "execute", 5, {"account": 1, "amount": -1})[0], 409)
            self.assertEqual(bank.call("balance", "prepare", 6, {"account": 2}),
                             (200, "read_only", {"balance": 1005}))
        finally:
            bank.close()

    def test_no_prepared_transactions(self):
        """With max_prepared_transactions = 0 the bank does not start, and names the setting."""
        script = (f"psql -q \"$TROTH_TEST_POSTGRES dbname=postgres\" -c 'CREATE DATABASE bank' &&"
                  f" {BANK} --database \"$TROTH_TEST_POSTGRES dbname=bank\" --create-accounts 1")
        done = subprocess.run([WITH_POSTGRES, "-p", "0", "bash", "-c", script], capture_output=True,
                              text=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("max_prepared_transactions is 0", done.stderr)
        self.assertIn("max_prepared_transactions = 32", done.stderr)


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
