"""A service's session that works through the guard's SQL functions."""
import subprocess

import psycopg2

from test_sdk_examples import JOURNAL, ROOT, database, gtid, query

SQL = sorted((ROOT / "sql" / "participant").glob("*.sql"))

DEBIT = ("debit", '{"amount":100}')
OUTPUT = '{"balance": 900}'


def guard_database(prefix):
    """With the guard, as an administrator would bring it there without the library, and a table of what was done."""
    conninfo = database(prefix)
    subprocess.run(["psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", conninfo,
                    *(word for file in SQL for word in ("-f", str(file)))], check=True)
    query(conninfo, "CREATE TABLE did (gtid uuid, attempt integer, kind text)")
    return conninfo


class Session:
    """A service's connection; `key` is a branch that it works on."""

    def __init__(self, conninfo):
        self.conninfo = conninfo
        self.connection = psycopg2.connect(conninfo)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def run(self, statement, *values):
        self.cursor.execute(statement, values or None)
        return self.cursor.fetchall() if self.cursor.description else self.cursor.statusmessage

    def key(self, counter, attempt=1):
        return JOURNAL, gtid(counter), 1, attempt

    def ask(self, function, counter, *arguments, attempt=1):
        values = (*self.key(counter, attempt), *arguments)
        marks = ", ".join(["%s"] * len(values))
        return self.run(f"SELECT verdict, output, reason, prepared FROM troth_guard.{function}({marks})", *values)[0]

    def begin(self, counter, attempt=1, call=DEBIT, timeout="5s"):
        """BEGIN, the guard; the verdict, and what comes with it."""
        self.run("BEGIN")
        return self.ask("action", counter, *call, timeout, attempt=attempt)

    def work(self, counter, attempt=1, output=OUTPUT, kind="action"):
        """One row for each time that something was done, and the reply."""
        self.run("INSERT INTO did VALUES (%s, %s, %s)", gtid(counter), attempt, kind)
        self.run("SELECT troth_guard.reply(%s, %s, %s, %s, %s, %s)", *self.key(counter, attempt), output, kind)

    def roll_back(self, names):
        self.run("ROLLBACK")
        for name in names:
            try:
                self.run("ROLLBACK PREPARED %s", name)
            except (psycopg2.errors.UndefinedObject, psycopg2.errors.ObjectNotInPrerequisiteState):
                pass

    def execute(self, counter, attempt=1, call=DEBIT, end="COMMIT", timeout="5s"):
        """As a service does: the first two of what was said."""
        while True:
            verdict, output, reason, names = self.begin(counter, attempt, call, timeout)
            if verdict != "roll_back":
                break
            self.roll_back(names)
        if verdict == "work":
            self.work(counter, attempt)
            assert self.run(end) == end.split(" '")[0]
            return "work", OUTPUT
        self.run("COMMIT")
        return verdict, output if reason is None else reason

    def prepare(self, counter, attempt=1):
        return self.execute(counter, attempt, end=f"PREPARE TRANSACTION '{self.name(counter, attempt)}'")

    def name(self, counter, attempt=1):
        return self.run("SELECT troth_guard.prepared_name(%s, %s, %s, %s)", *self.key(counter, attempt))[0][0]

    def refuse(self, counter, reason, output=None, attempt=1, call=DEBIT):
        return self.ask("refuse", counter, *call, reason, output, attempt=attempt)[:3]

    def abort(self, counter, attempt=1):
        rolled_back = False
        while True:
            verdict, output, _, names = self.ask("abort", counter, rolled_back, attempt=attempt)
            if verdict != "roll_back":
                return verdict, output
            self.roll_back(names)
            rolled_back = True

    def compensate(self, counter, attempt=1, call=("refund", "{}"), reply='{"back": 1}'):
        while True:
            self.run("BEGIN")
            verdict, output, reason, names = self.ask("compensation", counter, *call, "5s", attempt=attempt)
            if verdict != "roll_back":
                break
            self.roll_back(names)
        if verdict == "work":
            self.work(counter, attempt, reply, "compensation")
        self.run("COMMIT")
        return verdict, output if reason is None else reason

    def status(self, counter, attempt=1):
        return self.ask("status", counter, attempt=attempt)[:2]

    def did(self, counter):
        return [row[0] for row in query(self.conninfo, "SELECT attempt FROM did WHERE gtid = %s AND kind = 'action'",
                                        (gtid(counter),))]

    def undid(self, counter):
        return query(self.conninfo, "SELECT count(*) FROM did WHERE gtid = %s AND kind = 'compensation'",
                     (gtid(counter),))[0][0]
