#!/usr/bin/env python3
"""The example participants over a real PostgreSQL, called as a coordinator calls them."""
import http.client
import json
import os
import pathlib
import subprocess
import sys
import unittest

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["TROTH_BUILD"])
WITH_POSTGRES = ROOT / "tests" / "support" / "with-postgres"
BANK = BUILD / "participant-sdk" / "bank"
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

    def call(self, operation, op, counter, value=None, attempt=1):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", f"/{operation}/{op}", None if value is None else json.dumps(value), {
            "Troth-Journal": JOURNAL, "Troth-Gtid": gtid(counter), "Troth-Branch": "1",
            "Troth-Attempt": str(attempt), "Troth-Timeout": "5s"})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return (reply.status, reply.headers.get("Troth-State") or reply.headers.get("Troth-Vote"),
                json.loads(body) if body else None)


def database(name):
    conninfo = os.environ["TROTH_TEST_POSTGRES"]
    connection = psycopg2.connect(conninfo + " dbname=postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return f"{conninfo} dbname={name}"


class Ledger(unittest.TestCase):
    def setUp(self):
        self.database = database("ledger")
        self.ledger = Participant(LEDGER, "--database", self.database, "--create-accounts", 3)

    def tearDown(self):
        self.ledger.close()

    def account(self, number=1):
        with psycopg2.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT balance, available FROM ledger_account WHERE id = %s", (number,))
            row = cursor.fetchone()
        connection.close()
        return row

    def test_commit(self):
        """A prepared change is invisible, then made last once, however often it is committed."""
        change = {"account": 1, "amount": -100}
        for _ in range(2):
            self.assertEqual(self.ledger.call("post", "prepare", 1, change)[0], 204)
        self.assertEqual(self.account(), (1000, 900))
        for _ in range(2):
            self.assertEqual(self.ledger.call("post", "commit", 1), (200, "committed", {"balance": 900}))
        self.assertEqual(self.account(), (900, 900))

    def test_abort(self):
        """An abort gives back what was staged; one that comes first refuses the late prepare."""
        change = {"account": 1, "amount": -100}
        self.ledger.call("post", "prepare", 1, change)
        self.assertEqual(self.ledger.call("post", "abort", 1), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "abort", 2), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "prepare", 1, change)[0], 409)
        self.assertEqual(self.ledger.call("post", "prepare", 2, change)[0], 409)
        self.assertEqual(self.ledger.call("post", "commit", 2)[0], 409)
        self.assertEqual(self.account(), (1000, 1000))

    def test_refusal_is_kept(self):
        """Money that is staged to go is not there twice, and a refusal stays one."""
        self.assertEqual(self.ledger.call("post", "prepare", 1, {"account": 1, "amount": -900})[0], 204)
        more = {"account": 1, "amount": -101}
        self.assertEqual(self.ledger.call("post", "prepare", 2, more),
                         (409, None, {"detail": "insufficient funds"}))
        self.ledger.call("post", "abort", 1)
        self.assertEqual(self.ledger.call("post", "prepare", 2, more),
                         (409, None, {"detail": "insufficient funds"}))
        self.assertEqual(self.account(), (1000, 1000))

    def test_attempts(self):
        """Execute of a higher attempt replaces what a lower one staged; the late abort changes nothing."""
        change = {"account": 1, "amount": -100}
        self.ledger.call("post", "prepare", 1, change)
        self.assertEqual(self.ledger.call("post", "execute", 1, change, attempt=2),
                         (200, "committed", {"balance": 900}))
        self.assertEqual(self.ledger.call("post", "abort", 1), (204, "aborted", None))
        self.assertEqual(self.ledger.call("post", "abort", 1, attempt=2),
                         (200, "committed", {"balance": 900}))
        self.assertEqual(self.account(), (900, 900))

    def test_compensate(self):
        """A compensation undoes once; without an action it refuses the one that comes later."""
        change = {"account": 1, "amount": 50}
        self.ledger.call("post", "execute", 1, change)
        for _ in range(2):
            self.assertEqual(self.ledger.call("post", "compensate", 1, change)[:2],
                             (204, "compensated"))
        self.assertEqual(self.account(), (1000, 1000))
        self.assertEqual(self.ledger.call("post", "compensate", 2, change)[:2], (204, "compensated"))
        self.assertEqual(self.ledger.call("post", "execute", 2, change)[0], 409)

    def test_read_only_and_bad_input(self):
        """Balance votes read_only; what makes no sense is refused by name and changes nothing."""
        self.assertEqual(self.ledger.call("balance", "prepare", 1, {"account": 2}),
                         (200, "read_only", {"balance": 1000}))
        self.assertEqual(self.ledger.call("post", "prepare", 2, {"account": "1"})[0], 409)
        self.assertEqual(self.ledger.call("post", "prepare", 3, [])[0], 409)
        self.assertEqual(self.ledger.call("nosuch", "prepare", 4, {})[0], 404)
        self.assertEqual(self.account(), (1000, 1000))


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
                             (409, None, {"detail": "insufficient funds"}))
            self.assertEqual(bank.call("credit", "execute", 4, {"account": 7, "amount": 1}),
                             (409, None, {"detail": "no such account"}))
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
