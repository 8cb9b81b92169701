#!/usr/bin/env python3
"""The guard's schema moves on below services that run: rows, prepared and running branches stay what they are, what a
process of the version before says is understood, and a lock that is not had is told with whoever has it."""
import os
import subprocess
import sys
import unittest

import psycopg2

from guard_session import DEBIT, OUTPUT, SQL, Session
from test_sdk_examples import BANK, ROOT, WITH_POSTGRES, database, gtid, query, roll_back_prepared

OLDER = ROOT / "tests" / "abi" / "older" / "guard"  # the library's statements of version 11
OLDER_VERSION = 11
APPLY = ROOT / "sql" / "participant" / "apply.psql"
PLACE = ("debit\x00{}".encode(), 3, (1 << 38) + 1)
CLAIM = (*PLACE, "0", "201", "a_name", "1000")


class Older(Session):
    """A connection of a process of version 11, with its statements prepared."""

    def __init__(self, conninfo):
        super().__init__(conninfo)
        for path in sorted(OLDER.glob("*.sql")):
            self.cursor.execute(path.read_text())

    def execute_older(self, name, counter, *arguments, attempt=1):
        values = (*self.key(counter, attempt), *arguments)
        return self.run(f"EXECUTE troth_{name} ({', '.join(['%s'] * len(values))})", *values)

    def claim(self, counter, attempt=1):
        """The place of the row, in an open transaction; None: it was not to be had."""
        self.run("BEGIN")
        rows = self.execute_older("claim", counter, *CLAIM, attempt=attempt)
        return rows[0][0] if rows else None

    def keep(self, counter, place, end):
        self.execute_older("keep", counter, OUTPUT, "action", place)
        assert self.run(end) == end.split(" '")[0]


class Migration(unittest.TestCase):
    def setUp(self):
        self.database = database("guard_migration")
        older = [path for path in SQL if int(path.name[:4]) <= OLDER_VERSION]
        subprocess.run(["psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", self.database,
                        *(word for file in older for word in ("-f", str(file)))], check=True)
        query(self.database, "CREATE TABLE did (gtid uuid, attempt integer, kind text)")
        self.older, self.other = Older(self.database), Older(self.database)

    def tearDown(self):
        self.older.connection.close()
        self.other.connection.close()
        roll_back_prepared(self.database)

    def migrate(self):
        subprocess.run(["psql", "-q", "-X", "-d", self.database, "-f", str(APPLY)], check=True, timeout=30)

    def test_a_service_goes_on_below_a_migration(self):
        """With a row, a prepared branch and one that runs, of which none is waited for; and what it says afterwards is
        understood, by those who are new as well."""
        older, other = self.older, self.other
        older.keep(1, older.claim(1), "COMMIT")
        older.keep(2, older.claim(2), f"PREPARE TRANSACTION '{older.name(2)}'")
        place = other.claim(3)
        self.migrate()
        other.keep(3, place, "COMMIT")
        older.run("COMMIT PREPARED %s", older.name(2))
        new = Session(self.database)
        for counter in (1, 2, 3):
            self.assertIsNone(older.claim(counter))
            older.run("ROLLBACK")
            self.assertEqual(older.execute_older("found", counter, PLACE[0])[0][:2], ("done", OUTPUT))
            self.assertEqual(new.status(counter), ("committed", OUTPUT))
        older.keep(4, older.claim(4), "COMMIT")
        self.assertEqual(new.execute(4, call=("debit", "{}")), ("done", OUTPUT))
        self.assertEqual(older.execute_older("refuse", 5, PLACE[0], "no", None)[0][::4], ("refused", True))
        self.assertEqual(older.execute_older("abort", 6, False)[0][0], "aborted")
        self.assertEqual(new.execute(5, call=("debit", "{}")), ("refused", "no"))
        self.assertEqual(new.compensate(6), ("done", None))
        self.assertEqual(older.execute_older("to_undo", 4)[0][:2], ("work", OUTPUT))
        new.connection.close()

    def test_an_answer_says_revoked_and_to_those_who_are_older_fenced(self):
        self.migrate()
        self.older.refuse(1, "no")
        for call, revoked in ((DEBIT, True), (("debit", "{}"), False)):
            self.older.run("BEGIN")
            said = self.older.run("SELECT verdict, revoked, fenced FROM troth_guard.action(%s, %s, %s, %s, %s, %s)",
                                  *self.older.key(1), *call)
            self.assertEqual(said, [("refused", revoked, revoked)])
            self.older.run("ROLLBACK")

    def test_a_migration_waits_for_its_lock_ten_seconds_and_names_who_has_it(self):
        """By the library, and by psql."""
        with psycopg2.connect(self.database + " application_name=someone") as holder, holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(500136113256)")
            bank = subprocess.run([BANK, "--database", self.database, "--create-accounts", "1"], capture_output=True,
                                  text=True, timeout=60)
            psql = subprocess.run(["psql", "-q", "-X", "-d", self.database, "-f", str(APPLY)], capture_output=True,
                                  text=True, timeout=60)
        holder.close()
        self.assertEqual(bank.returncode, 1, bank)
        self.assertRegex(bank.stderr, r"troth_guard is in use and could not be changed within 10s: nothing was changed,"
                                      r" try it again; held by process \d+ \(someone\)")
        self.assertEqual(psql.returncode, 3, psql)
        self.assertIn("lock timeout", psql.stderr)
        self.assertEqual(query(self.database, "SELECT max(version) FROM troth_guard.version"), [(OLDER_VERSION,)])

    def test_who_has_the_tables_is_named_too(self):
        self.older.keep(1, self.older.claim(1), f"PREPARE TRANSACTION '{self.older.name(1)}'")
        self.older.run((ROOT / "sql/participant/statements/migration_holders.sql").read_text())
        self.assertEqual(self.older.run("EXECUTE troth_migration_holders"),
                         [(f"prepared transaction {self.older.name(1)}",)])
        self.assertEqual(query(self.database, "SELECT gtid FROM troth_guard.guard WHERE gtid = %s", (gtid(1),)), [])


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
