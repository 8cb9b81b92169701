#!/usr/bin/python3
"""ledger.py: a participant in plain Python, over the `http` binding of the participant protocol.

It needs no SDK: it answers POST /{operation}/{op} (op: prepare, commit, abort, execute, compensate,
status) with a status code. That whatever is lost, doubled, late or out of order happens once, is the
work of the guard's SQL functions (sql/participant/0002_functions.sql), which it calls first in each
transaction and which say what to do.

The business is `post` and `unpost`; Branch is what every such service does in the same way.

The status code decides: 200 done (the body is the output), 409 refused, 503 not now, or, with the
header Troth-Conflict, another transaction in the way (sql/participant/0006_conflicts.sql); anything
else is "unknown" and asked again. The words of a refusal are the `detail` of a problem (RFC 9457).
A coordinator that cannot be asked by its participant writes its begin before the first prepare; that
is why this one needs no scan of its own.

Operations: `post` {"account": 1, "amount": -120}, `balance` {"account": 1} (read-only).
"""
import argparse
import contextlib
import hmac
import json
import re
import signal
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
from psycopg2 import errors

BODY_BYTES_MAX = 1 << 20
IDLE_TIMEOUT_S = 75
HANDSHAKE_TIMEOUT_S = 5
NUMBER_MAX = 1 << 53
ROUNDS_MAX = 8  # of rolling back what a lower attempt has left; then it is "not now"
PATH = re.compile(r"/(post|balance)/(prepare|commit|abort|execute|compensate|status)")
AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)  # nothing is held any more: perhaps now
CONFLICT = (errors.LockNotAvailable, *AGAIN)
AGAIN_FOR_S = 0.1  # where the coordinator does not say how long to wait for locks
AGAIN_PAUSE_S = 0.005
LOOK_AFTER_S = 0.5
SQL = Path(__file__).resolve().parents[3] / "sql" / "participant"
MIGRATION_LOCK = 500136113256  # troth_postgres_migrate() takes the same

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger_account (
    id bigint PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0)
);
CREATE TABLE IF NOT EXISTS ledger_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gtid uuid NOT NULL, branch integer NOT NULL,
    account bigint NOT NULL, amount bigint NOT NULL,
    reverses bigint  -- the entry that a compensation undid
);
"""


class Refused(Exception):
    """A business no."""


class NotNow(Exception):
    """It may succeed later."""


class Stranger(Exception):
    """Nobody who may command here: status and words."""


class Answer:
    def __init__(self, status, body=None, state=None, vote=None, conflict=False, blocker=None):
        self.status, self.body, self.state, self.vote = status, body, state, vote
        self.conflict, self.blocker = conflict, blocker


def problem(status, detail, state=None, **more):
    return Answer(status, json.dumps({"detail": detail}), state, **more)


def seconds(duration):
    """Of a header: 100ms, 4.5s, 1.5h. None: it says nothing."""
    if duration is None:
        return None
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m|h|d)", duration).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


# --- the business -----------------------------------------------------------------------------------------------------


def read_input(text):
    try:
        value = json.loads(text)
        account, amount = value["account"], value.get("amount", 0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("the input must be an object with account and amount") from None
    if type(account) is not int or type(amount) is not int or max(abs(account), abs(amount)) > NUMBER_MAX:
        raise Refused("account and amount must be whole numbers")
    return account, amount


def book(cursor, key, account, amount, reverses=None):
    """Changes the balance and writes the entry; None if the money is not there."""
    cursor.execute("UPDATE ledger_account SET balance = balance + %s WHERE id = %s AND balance + %s >= 0"
                   " RETURNING balance", (amount, account, amount))
    if (row := cursor.fetchone()) is None:
        return None
    cursor.execute("INSERT INTO ledger_entry (gtid, branch, account, amount, reverses)"
                   " VALUES (%s, %s, %s, %s, %s) RETURNING id", (key[1], key[2], account, amount, reverses))
    return {"balance": row[0], "entry": cursor.fetchone()[0]}


def balance(cursor, text):
    cursor.execute("SELECT balance FROM ledger_account WHERE id = %s", (read_input(text)[0],))
    if (row := cursor.fetchone()) is None:
        raise Refused("no such account")
    return {"balance": row[0]}


def post(cursor, key, text):
    account, amount = read_input(text)
    output = book(cursor, key, account, amount)
    if output is None:
        balance(cursor, text)  # or no such account
        raise Refused("insufficient funds")
    return output


def unpost(cursor, key, posted):
    """`posted` is what post has put out."""
    cursor.execute("SELECT account, amount FROM ledger_entry WHERE id = %s", (posted["entry"],))
    account, amount = cursor.fetchone()
    output = book(cursor, key, account, -amount, posted["entry"])
    if output is None:  # what came in is spent already
        raise NotNow("the money is not there now")
    return output


# --- one call of a branch, through the guard --------------------------------------------------------------------------


class Branch:
    """`key` is journal, gtid, branch and attempt; the connection is in autocommit mode, so that BEGIN, COMMIT and
    PREPARE TRANSACTION stand here in plain sight."""

    def __init__(self, connection, key, operation, text, timeout, lock_timeout):
        self.connection, self.cursor, self.key = connection, connection.cursor(), key
        self.request = (operation, text)
        self.timeout, self.lock_timeout = timeout, lock_timeout
        self.revoked = False

    def ask(self, function, *arguments):
        """A verdict of the guard. A transaction is open then."""
        values = (*self.key, *arguments)
        for _ in range(ROUNDS_MAX):
            self.cursor.execute("BEGIN")
            self.cursor.execute(f"SELECT verdict, output, reason, prepared, revoked FROM troth_guard.{function}"
                                f"({', '.join(['%s'] * len(values))})", values)
            verdict, output, reason, prepared, self.revoked = self.cursor.fetchone()
            if verdict != "roll_back":
                return verdict, output, reason
            self.cursor.execute("ROLLBACK")
            for name in prepared:
                try:
                    self.cursor.execute("ROLLBACK PREPARED %s", (name,))
                except (errors.UndefinedObject, errors.ObjectNotInPrerequisiteState):
                    pass  # somebody was faster, or is at it
            if function == "abort":
                values = (*self.key, True)  # so much is known of the branch, however old it is
        self.cursor.execute("BEGIN")
        return "retry", None, "another call of the same branch does not end"

    def finish(self, verdict, output, reason, done):
        """Ends the transaction, then answers."""
        self.cursor.execute("COMMIT")
        if verdict in ("done", "work"):
            return Answer(200, output, **done)
        if verdict in ("prepared", "committed", "compensated", "aborted"):
            return Answer(200, output, state=verdict)
        # aborted: with a tombstone, so that no earlier try of it has acted
        return problem({"retry": 503, "unknown": 500}.get(verdict, 409), reason, "aborted" if self.revoked else None)

    def keep(self, output, *kind):
        text = json.dumps(output)
        marks = ", ".join(["%s"] * (5 + len(kind)))
        self.cursor.execute(f"SELECT troth_guard.reply({marks})", (*self.key, text, *kind))
        return text

    def act(self, done):
        """The work in an open transaction, or the answer: (output, None) or (None, answer)."""
        verdict, output, reason = self.ask("action", *self.request, self.timeout, self.lock_timeout)
        if verdict == "prepared" and "vote" not in done:
            verdict = "retry"
        if verdict != "work":
            return None, self.finish(verdict, output, reason, done)
        try:
            return self.keep(post(self.cursor, self.key, self.request[1])), None
        except Refused as no:
            self.cursor.execute("ROLLBACK")
            return None, self.finish(*self.ask("refuse", *self.request, str(no)), done)

    def execute(self):
        done = {"state": "committed"}
        output, answer = self.act(done)
        return answer or self.finish("work", output, None, done)

    def prepare(self):
        done = {"vote": "yes", "state": "prepared"}
        output, answer = self.act(done)
        if answer:
            return answer
        self.end("PREPARE TRANSACTION")
        return Answer(200, output, **done)

    def commit(self):
        try:
            self.end("COMMIT PREPARED")
        except errors.UndefinedObject:
            pass  # neither success nor failure: the guard's row knows
        except errors.ObjectNotInPrerequisiteState as busy:
            return problem(503, str(busy))
        return self.finish(*self.ask("committed"), {"state": "committed"})

    def abort(self):
        return self.finish(*self.ask("abort"), {})

    def compensate(self):
        done = {"state": "compensated"}
        verdict, output, reason = self.ask("compensation", *self.request, self.timeout, self.lock_timeout)
        if verdict == "work":
            try:
                output = self.keep(unpost(self.cursor, self.key, json.loads(output)), "compensation")
            except NotNow as later:
                self.cursor.execute("ROLLBACK")
                return problem(503, str(later))
        return self.finish(verdict, output, reason, done)

    def status(self):
        verdict, output, reason = self.ask("status")
        self.cursor.execute("COMMIT")
        return Answer(200, output, state=verdict)

    def end(self, command):
        """A failed transaction answers ROLLBACK without an error, and a warning means that nobody knows."""
        self.cursor.execute("SELECT troth_guard.prepared_name(%s, %s, %s, %s)", self.key)
        name = self.cursor.fetchone()[0]
        del self.connection.notices[:]
        self.cursor.execute(f"{command} %s", (name,))
        if self.cursor.statusmessage != command or any("WARNING" in notice for notice in self.connection.notices):
            raise psycopg2.OperationalError(f"{command}: {self.cursor.statusmessage} {self.connection.notices}")


class GivesWay:
    """While a branch of a transaction that prepares in order works: who holds the lock that its session waits for is
    looked up from another one, and the younger transaction gives way to the older, where that has been prepared for
    long. PostgreSQL sees no circle of which a prepared transaction is a part."""

    def __init__(self, conninfo, connection, gtid, attempt):
        self.conninfo, self.pid, self.gtid, self.attempt = conninfo, connection.info.backend_pid, gtid, int(attempt)
        self.blocker = self.holder = None
        self.ended = False
        self.lock = threading.Lock()  # no signal behind the end of the call

    def arm(self):
        self.timer = threading.Timer(LOOK_AFTER_S, self.look)
        self.timer.daemon = True
        self.timer.start()

    def look(self):
        with contextlib.closing(psycopg2.connect(self.conninfo)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT h.gtid::text, h.attempt, h.holder, clock_timestamp() - p.prepared > '0.5s'"
                           " FROM troth_guard.holders(ARRAY[%s]) h LEFT JOIN pg_prepared_xacts p"
                           " ON p.gid = substr(h.holder, length('prepared transaction ') + 1)", (self.pid,))
            gtid, attempt, self.holder, stuck = cursor.fetchone() or (None, None, None, None)
            older = gtid is not None and stuck and (gtid, attempt) <= (self.gtid, self.attempt)
            with self.lock:
                if older and not self.ended:
                    self.blocker = gtid
                    cursor.execute("SELECT pg_cancel_backend(%s)", (self.pid,))
                elif not self.ended:
                    self.arm()

    def __enter__(self):
        self.arm()
        return self

    def __exit__(self, *_):
        with self.lock:
            self.ended = True
            self.timer.cancel()


def read_only(cursor, op, text):
    """It changes nothing, so it needs no guard, and no commit."""
    if op not in ("prepare", "execute"):
        return Answer(200, state={"commit": "committed", "compensate": "compensated"}.get(op, "aborted"))
    try:
        return Answer(200, json.dumps(balance(cursor, text)), vote="read_only" if op == "prepare" else None)
    except Refused as no:
        return problem(409, str(no))


# --- whose commands these are -----------------------------------------------------------------------------------------


class Coordinators:
    """Who may command: whoever shows a token of the file, and a certificate with one of the names; what is configured
    of the two must both be shown. Where neither is, anybody is served, and nobody is believed what he says of the
    oldest open transactions: rows of the guard stay."""

    def __init__(self, token_file=None, names=(), certified=False, journals=()):
        self.token_file, self.names, self.journals = token_file, names, journals
        self.known = bool(token_file or names or certified)
        self.newest = {}  # (journal, shard): the end of its newest gtid, which orders them
        self.lock = threading.Lock()

    def check(self, headers, certificate):
        if self.names:
            shown = {f"{kind}:{name}" for kind, name in (certificate or {}).get("subjectAltName", ())}
            if not shown:
                raise Stranger(401, "this participant takes commands only from who shows a certificate")
            if not shown.intersection(self.names):
                raise Stranger(403, "the certificate that was shown has none of the names of this participant's"
                                    " coordinators")
        if self.token_file:
            shown = headers.get("Authorization", "").encode()
            lines = [line.split() for line in Path(self.token_file).read_bytes().splitlines()]
            fits = [hmac.compare_digest(b"Bearer " + line[0], shown) for line in lines if line and line[0][:1] != b"#"]
            if not any(fits):
                raise Stranger(401, "this participant takes commands only from who shows a token that it knows"
                                    " (Authorization: Bearer)")
        if self.journals and headers.get("Troth-Journal") not in self.journals:
            raise Stranger(403, "this participant does not serve the coordinator's journal")

    def oldest_open(self, journal, gtid, oldest):
        """What may leave: never above what has come here of that shard. A gtid is 8-4-vSSS-NNNN-NNNNNNNNNNNN: SSS its
        shard, and what follows orders it within."""
        with self.lock:
            shard = (journal, gtid[15:18])
            self.newest[shard] = max(self.newest.get(shard, ""), gtid[19:])
            newest = self.newest.get((journal, oldest[15:18]))
        if not self.known or newest is None:
            return None
        return oldest if oldest[19:] <= newest else oldest[:19] + newest


# --- HTTP -------------------------------------------------------------------------------------------------------------


class Ledger(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    conninfo = ""
    slots = 8
    coordinators = Coordinators()
    local = threading.local()  # a database connection for each thread, so for each HTTP connection
    open = set()

    def setup(self):
        if self.server.tls:
            self.request.settimeout(HANDSHAKE_TIMEOUT_S)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.open.add(self.connection)

    def session(self):
        connection = getattr(self.local, "connection", None)
        if connection is None or connection.closed:
            connection = self.local.connection = psycopg2.connect(self.conninfo)
            connection.autocommit = True
        return connection

    def finish(self):
        if (connection := getattr(self.local, "connection", None)) is not None:
            connection.close()
        self.open.discard(self.connection)
        super().finish()

    def call(self, text):
        if (path := PATH.fullmatch(self.path)) is None:
            return problem(404, "no such operation")
        operation, op = path.groups()
        connection = self.session()
        if operation == "balance":
            return read_only(connection.cursor(), op, text)
        key = tuple(self.headers.get(f"Troth-{name}") for name in ("Journal", "Gtid", "Branch", "Attempt"))
        branch = Branch(connection, key, operation, text, self.headers.get("Troth-Timeout"),
                        self.headers.get("Troth-Lock-Timeout"))
        answer = self.work(branch, op) if op in ("prepare", "execute") else getattr(branch, op)()
        oldest = self.headers.get("Troth-Oldest-Open")
        if oldest and (oldest := self.coordinators.oldest_open(key[0], key[1], oldest)):
            branch.cursor.execute("SELECT troth_guard.forget(%s, %s::uuid[])", (key[0], f"{{{oldest}}}"))
        return answer

    def work(self, branch, op):
        """As often as a deadlock or a serialisation failure ends it, while it might have waited for a lock."""
        until = time.monotonic() + (seconds(branch.lock_timeout) or AGAIN_FOR_S)
        while True:
            way = GivesWay(self.conninfo, branch.connection, branch.key[1], branch.key[3])
            try:
                with way if self.headers.get("Troth-Ordered") == "true" else contextlib.nullcontext():
                    return getattr(branch, op)()
            except AGAIN:
                branch.cursor.execute("ROLLBACK")
                if time.monotonic() > until:
                    raise
                time.sleep(AGAIN_PAUSE_S)
            except errors.QueryCanceled:
                branch.cursor.execute("ROLLBACK")
                if way.blocker is None:  # not us: what is left of its timeout
                    return problem(503, "not in time")
                return problem(503, f"it gives way to an older transaction; the lock is held by {way.holder}",
                               conflict=True, blocker=way.blocker)

    def do_POST(self):
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.reply(problem(413, "too large a body, or no length"))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the caller has left; half an input is none
            self.close_connection = True
            return
        try:
            certificate = self.connection.getpeercert() if self.server.tls else None
            self.coordinators.check(self.headers, certificate)
            answer = self.call(body.decode())
        except Stranger as stranger:
            answer = problem(*stranger.args)
        except (psycopg2.Error, UnicodeDecodeError) as error:
            if getattr(self.local, "connection", None) is not None:
                self.local.connection.close()  # with whatever transaction is open
            # Otherwise it may have committed: unknown, asked again.
            conflict = isinstance(error, CONFLICT)
            answer = problem(503 if conflict else 500, (str(error).splitlines() or ["?"])[0], conflict=conflict)
        self.reply(answer)

    def reply(self, answer):
        body = b"" if answer.body is None else answer.body.encode()
        self.send_response(answer.status if body or answer.status != 200 else 204)
        self.send_header("Troth-Slots", str(self.slots))
        if answer.status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="troth"')
        if answer.state is not None:
            self.send_header("Troth-State", answer.state)
        if answer.vote is not None:
            self.send_header("Troth-Vote", answer.vote)
        if answer.conflict:
            self.send_header("Troth-Conflict", "true")
        if answer.blocker is not None:
            self.send_header("Troth-Blocker", answer.blocker)
        if body:
            self.send_header("Content-Type", "application/json" if answer.status == 200
                             else "application/problem+json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# --- start-up ---------------------------------------------------------------------------------------------------------


def migrate(cursor):
    """The guard's tables and functions, where they are missing."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s), to_regclass('troth_guard.version') IS NOT NULL",
                   (MIGRATION_LOCK,))
    version = 0
    if cursor.fetchone()[1]:
        cursor.execute("SELECT max(version) FROM troth_guard.version")
        version = cursor.fetchone()[0]
    for file in sorted(SQL.glob("*.sql"))[version:]:
        cursor.execute(file.read_text())


def create_accounts(conninfo, count, first_balance):
    with psycopg2.connect(conninfo) as connection, connection.cursor() as cursor:
        migrate(cursor)
        cursor.execute(SCHEMA)
        # Not ON CONFLICT: that would wait for a row which a prepared transaction has changed.
        cursor.execute("INSERT INTO ledger_account SELECT id, %s FROM generate_series(1, %s) AS id"
                       " WHERE NOT EXISTS (SELECT FROM ledger_account AS a WHERE a.id = id.id)",
                       (first_balance, count))
    connection.close()


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for them
    tls = None

    def handle_error(self, request, client_address):
        """A handshake that came to nothing, or who has left, is nobody's fault here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def end(self):
        """What is under way is finished and answered; connections take nothing more."""
        self.shutdown()
        for connection in list(Ledger.open):
            try:
                socket.socket.shutdown(connection, socket.SHUT_RD)  # below TLS: what is answered goes out in it
            except OSError:
                pass  # closed just now


def tls_context(options):
    if options.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(options.tls_certificate, options.tls_key)
    if options.tls_ca:
        context.load_verify_locations(options.tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def main():
    parser = argparse.ArgumentParser(description="A ledger as a participant of global transactions")
    parser.add_argument("--database", required=True, help="libpq connection string")
    parser.add_argument("--listen", default="127.0.0.1:0", help="ADDRESS:PORT")
    parser.add_argument("--slots", type=int, default=8, help="prepares at a time, announced")
    parser.add_argument("--create-accounts", type=int, default=0, metavar="N")
    parser.add_argument("--balance", type=int, default=1000, help="of each new account")
    parser.add_argument("--token-file", help="tokens, one a line, of which the coordinator must show one")
    parser.add_argument("--tls-certificate", help="PEM; it serves https")
    parser.add_argument("--tls-key", help="PEM")
    parser.add_argument("--tls-ca", help="PEM: who signs the coordinator's certificate, which it must show")
    parser.add_argument("--coordinator-name", action="append", default=[], metavar="DNS:NAME",
                        help="a name in its certificate")
    parser.add_argument("--journal", action="append", default=[], help="id of a journal that is served (default: any)")
    options = parser.parse_args()
    Ledger.coordinators = Coordinators(options.token_file, set(options.coordinator_name), options.tls_ca is not None,
                                       options.journal)
    create_accounts(options.database, options.create_accounts, options.balance)
    Ledger.conninfo, Ledger.slots = options.database, options.slots
    address, _, port = options.listen.rpartition(":")
    with Server((address, int(port)), Ledger) as server:
        server.tls = tls_context(options)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.end).start())
        print(f"ledger ready listen={address}:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
