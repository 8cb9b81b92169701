#!/usr/bin/python3
"""ledger.py: a participant in plain Python, over the `http` binding of the participant protocol.

It needs no SDK: it answers POST /{operation}/{op} (op: prepare, commit, abort, execute, compensate,
status) with a status code, and is idempotent by itself. How:

  * One row of `ledger_branch` for each (journal, gtid, branch) says what became of it. Every call first
    inserts that row, or locks the one that is there, and ends in one local transaction with the change
    itself: whatever is lost, doubled or late, the change happens once.
  * `prepare` stages: it takes the money out of what is available, under the account's lock, and
    commits. Nothing stays locked until the decision and no max_prepared_transactions is needed;
    `commit` moves the staged amount into the balance, `abort` gives it back.
  * An abort that finds nothing leaves a row that refuses its attempt and lower ones, so that a late
    prepare finds it. A refusal is kept too, with its words.
  * A higher attempt (a fallback, a re-drive) replaces what a lower one has staged.

Only the status code decides: 200 done (the body is the output), 409 refused, 503 not now; anything
else is "unknown" and asked again. The words of a refusal are the `detail` of a problem (RFC 9457).
A coordinator that cannot be asked by its participant writes its
begin before the first prepare; that is why this one needs no scan of its own.

Operations: `post` {"account": 1, "amount": -120}, `balance` {"account": 1} (read-only).
"""
import argparse
import hashlib
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

BODY_BYTES_MAX = 1 << 20
LOCK_TIMEOUT_MS = 1000
IDLE_TIMEOUT_S = 75
PATH = re.compile(r"/(post|balance)/(prepare|commit|abort|execute|compensate|status)")
JOURNAL = re.compile(r"[0-9a-f]{16}")
GTID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = re.compile(r"[1-9][0-9]{0,3}")

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger_account (
    id bigint PRIMARY KEY,
    balance bigint NOT NULL,            -- what has been committed
    available bigint NOT NULL CHECK (available >= 0)  -- balance less what is staged to go
);
CREATE TABLE IF NOT EXISTS ledger_branch (
    journal text NOT NULL, gtid uuid NOT NULL, branch integer NOT NULL,
    attempt integer NOT NULL,
    state text NOT NULL CHECK (state IN ('new', 'staged', 'posted', 'refused', 'aborted', 'reversed')),
    request text, account bigint, amount bigint, output text, reason text,
    PRIMARY KEY (journal, gtid, branch)
);
"""


class Answer(Exception):
    """Ends a call: what is said, after its transaction has committed."""

    def __init__(self, status, body=None, state=None, vote=None):
        super().__init__(status)
        self.status, self.body, self.state, self.vote = status, body, state, vote


def refused(reason):
    return Answer(409, json.dumps({"detail": reason}))


class Branch:
    """The row of one branch, locked for the time of one transaction."""

    def __init__(self, cursor, key, attempt):
        self.cursor, self.key, self.attempt = cursor, key, attempt
        # Insert, never check and then insert: this waits for whoever is at it.
        cursor.execute("INSERT INTO ledger_branch (journal, gtid, branch, attempt, state)"
                       " VALUES (%s, %s, %s, %s, 'new') ON CONFLICT DO NOTHING", (*key, attempt))
        cursor.execute("SELECT attempt, state, request, account, amount, output, reason"
                       " FROM ledger_branch WHERE (journal, gtid, branch) = (%s, %s, %s) FOR UPDATE",
                       key)
        (self.of, self.state, self.request, self.account, self.amount, self.output,
         self.reason) = cursor.fetchone()

    def become(self, state, **values):
        names = ["state", "attempt", *values]
        self.cursor.execute(
            "UPDATE ledger_branch SET " + ", ".join(f"{name} = %s" for name in names) +
            " WHERE (journal, gtid, branch) = (%s, %s, %s)",
            (state, self.attempt, *values.values(), *self.key))

    def unstage(self):
        """Gives back what is staged."""
        self.cursor.execute("UPDATE ledger_account SET available = available - least(%s, 0)"
                            " WHERE id = %s", (self.amount, self.account))

    def settle(self):
        """Makes what is staged last; returns the output."""
        self.cursor.execute("UPDATE ledger_account SET balance = balance + %s, available = available +"
                            " greatest(%s, 0) WHERE id = %s RETURNING balance",
                            (self.amount, self.amount, self.account))
        return json.dumps({"balance": self.cursor.fetchone()[0]})


def read_input(text):
    try:
        value = json.loads(text)
        account, amount = value["account"], value.get("amount", 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise refused("the input must be an object with account and amount") from None
    if type(account) is not int or type(amount) is not int:
        raise refused("account and amount must be whole numbers")
    return account, amount


def stage(branch, text):
    """Takes the money out of what is available; a refusal is kept with its words."""
    request = hashlib.sha256(text).hexdigest()
    if branch.state == "posted":  # done is done, in any attempt
        raise Answer(200, branch.output, "committed")
    if branch.state == "staged" and branch.of == branch.attempt:
        if branch.request != request:
            raise refused("the same call came before with another input")
        return
    if branch.state != "new" and branch.of >= branch.attempt:
        raise refused(branch.reason or "this attempt was aborted")
    if branch.state == "staged":
        branch.unstage()
    account, amount = read_input(text)
    branch.cursor.execute("SELECT available FROM ledger_account WHERE id = %s FOR UPDATE", (account,))
    row = branch.cursor.fetchone()
    reason = ("no such account" if row is None
              else "insufficient funds" if row[0] + amount < 0 else None)
    if reason is not None:
        branch.become("refused", request=request, reason=reason)
        raise refused(reason)
    branch.cursor.execute("UPDATE ledger_account SET available = available + least(%s, 0)"
                          " WHERE id = %s", (amount, account))
    branch.become("staged", request=request, account=account, amount=amount, output=None, reason=None)
    branch.state, branch.account, branch.amount = "staged", account, amount


def prepare(branch, text):
    stage(branch, text)
    return Answer(200, None, "prepared", "yes")


def commit(branch, _):
    if branch.state == "staged" and branch.of == branch.attempt:
        branch.become("posted", output=(output := branch.settle()))
        return Answer(200, output, "committed")
    if branch.state == "posted":
        return Answer(200, branch.output, "committed")
    # Neither prepared nor done: it makes no sense. A person has to look, nothing is written.
    branch.cursor.connection.rollback()
    return refused("nothing of this attempt is prepared")


def abort(branch, _):
    if branch.state == "posted" and branch.of <= branch.attempt:
        return Answer(200, branch.output, "committed")
    if branch.of <= branch.attempt:
        if branch.state == "staged":
            branch.unstage()
        if branch.state in ("new", "staged") or branch.of < branch.attempt:
            branch.become("aborted", reason=None)
    return Answer(200, None, "aborted")


def execute(branch, text):
    stage(branch, text)
    branch.become("posted", output=(output := branch.settle()))
    return Answer(200, output, "committed")


def compensate(branch, _):
    if branch.state == "posted":
        # What came in may be spent already: then it is not now, and asked again.
        branch.cursor.execute("UPDATE ledger_account SET balance = balance - %s, available = available"
                              " - %s WHERE id = %s AND available >= %s",
                              (branch.amount, branch.amount, branch.account, branch.amount))
        if branch.cursor.rowcount == 0:
            return Answer(503, json.dumps({"detail": "the money is not there now"}))
        branch.become("reversed")
    elif branch.state == "staged":
        branch.unstage()
        branch.become("aborted")
    elif branch.state == "new":
        branch.become("aborted")
    return Answer(200, None, "compensated")


def status(branch, _):
    names = {"staged": "prepared", "posted": "committed", "reversed": "compensated", "new": "unknown"}
    answer = Answer(200, branch.output, names.get(branch.state, "aborted"))
    branch.cursor.connection.rollback()  # it changes nothing, not even its own row
    return answer


OPS = {"prepare": prepare, "commit": commit, "abort": abort, "execute": execute,
       "compensate": compensate, "status": status}


def balance(cursor, op, text):
    if op in ("commit", "abort", "compensate", "status"):
        return Answer(200, None, "committed" if op == "commit" else "aborted")
    cursor.execute("SELECT balance FROM ledger_account WHERE id = %s", (read_input(text)[0],))
    row = cursor.fetchone()
    if row is None:
        return refused("no such account")
    return Answer(200, json.dumps({"balance": row[0]}), None, "read_only" if op == "prepare" else None)


class Ledger(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    conninfo = ""
    slots = 8
    local = threading.local()  # a database connection for each thread, so for each HTTP connection

    def cursor(self):
        connection = getattr(self.local, "connection", None)
        if connection is None or connection.closed:
            connection = self.local.connection = psycopg2.connect(self.conninfo)
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", (str(LOCK_TIMEOUT_MS),))
            connection.commit()
        return connection.cursor()

    def finish(self):
        connection = getattr(self.local, "connection", None)
        if connection is not None:
            connection.close()
        super().finish()

    def call(self):
        """One call in one transaction; the answer is given after it has committed."""
        path = PATH.fullmatch(self.path)
        if path is None:
            return Answer(404, json.dumps({"detail": "no such operation"}))
        key = [self.headers.get(name, "") for name in ("Troth-Journal", "Troth-Gtid", "Troth-Branch")]
        attempt = self.headers.get("Troth-Attempt", "")
        if not (JOURNAL.fullmatch(key[0]) and GTID.fullmatch(key[1]) and NUMBER.fullmatch(key[2])
                and NUMBER.fullmatch(attempt)):
            return Answer(400, json.dumps({"detail": "a Troth header is missing or malformed"}))
        operation, op = path.groups()
        cursor = self.cursor()
        try:
            if operation == "balance":
                answer = balance(cursor, op, self.body)
            else:
                answer = OPS[op](Branch(cursor, key, int(attempt)), self.body)
        except Answer as early:
            answer = early
        cursor.connection.commit()
        return answer

    def do_POST(self):
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.reply(Answer(413, json.dumps({"detail": "too large a body, or no length"})))
            return
        self.body = self.rfile.read(int(length))
        try:
            answer = self.call()
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected,
                psycopg2.errors.SerializationFailure) as error:
            self.local.connection.rollback()
            answer = Answer(503, json.dumps({"detail": str(error).splitlines()[0]}))
        except psycopg2.Error as error:  # it may have committed: unknown, asked again
            if getattr(self.local, "connection", None) is not None:
                self.local.connection.close()
            answer = Answer(500, json.dumps({"detail": (str(error).splitlines() or ["?"])[0]}))
        self.reply(answer)

    def reply(self, answer):
        body = b"" if answer.body is None else answer.body.encode()
        self.send_response(answer.status if body or answer.status != 200 else 204)
        self.send_header("Troth-Slots", str(self.slots))
        if answer.state is not None:
            self.send_header("Troth-State", answer.state)
        if answer.vote is not None:
            self.send_header("Troth-Vote", answer.vote)
        if body:
            self.send_header("Content-Type", "application/json" if answer.status == 200
                             else "application/problem+json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def create_accounts(conninfo, count, first_balance):
    with psycopg2.connect(conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        cursor.execute("INSERT INTO ledger_account SELECT id, %s, %s FROM generate_series(1, %s) AS id"
                       " ON CONFLICT DO NOTHING", (first_balance, first_balance, count))


def main():
    parser = argparse.ArgumentParser(description="A ledger as a participant of global transactions")
    parser.add_argument("--database", required=True, help="libpq connection string")
    parser.add_argument("--listen", default="127.0.0.1:0", help="ADDRESS:PORT")
    parser.add_argument("--slots", type=int, default=8, help="prepares at a time, announced")
    parser.add_argument("--create-accounts", type=int, default=0, metavar="N")
    parser.add_argument("--balance", type=int, default=1000, help="of each new account")
    options = parser.parse_args()
    create_accounts(options.database, options.create_accounts, options.balance)
    Ledger.conninfo, Ledger.slots = options.database, options.slots
    address, _, port = options.listen.rpartition(":")
    server = ThreadingHTTPServer((address, int(port)), Ledger)
    print(f"ledger ready listen={address}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
