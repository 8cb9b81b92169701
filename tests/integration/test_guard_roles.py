#!/usr/bin/env python3
"""Who may use the guard, and how its schema comes into a database: by a service's role that owns nothing, and by a file
that may be applied as often as one likes."""
import os
import re
import subprocess
import sys
import unittest

import psycopg2

from guard_session import OUTPUT, Session
from test_sdk_examples import BANK, JOURNAL, ROOT, WITH_POSTGRES, Participant, database, gtid, query, roll_back_prepared

SQL = ROOT / "sql" / "participant"
FILES = sorted(path.name for path in SQL.glob("*.sql"))
ROLE = "guard_service"


def apply(conninfo, *options):
    return subprocess.run(["psql", "-X", "-d", conninfo, *options, "-f", str(SQL / "apply.psql")], check=True,
                          capture_output=True, text=True).stdout


def schema(conninfo):
    """With its privileges and its rows."""
    text = subprocess.run(["pg_dump", "-d", conninfo, "--schema=troth_guard"], check=True, capture_output=True,
                          text=True).stdout
    return [line for line in text.splitlines() if not re.match(r"\\(un)?restrict ", line)]  # random


class GuardRoles(unittest.TestCase):
    def setUp(self):
        self.database = database("guard_roles")
        self.server = os.environ["TROTH_TEST_POSTGRES"]
        if not query(self.database, "SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)):
            query(self.database, f"CREATE ROLE {ROLE} LOGIN")
        self.service = f"{self.database} user={ROLE}"
        self.sessions = []

    def tearDown(self):
        for session in self.sessions:
            session.connection.close()
        roll_back_prepared(self.database)

    def session(self):
        self.sessions.append(Session(self.service))
        return self.sessions[-1]

    def test_applied_twice(self):
        """The second time changes nothing, and says so."""
        self.assertIn(f"version {len(FILES)}, before 0", apply(self.database))
        query(self.database, "INSERT INTO troth_guard.guard (journal, gtid, branch, kind, attempt, state, shard,"
                             " ordering) VALUES (%s, %s, 1, 'action', 1, 'tombstone', 3, 1)", (JOURNAL, gtid(1)))
        before = schema(self.database)
        self.assertIn(f"version {len(FILES)}, before {len(FILES)}", apply(self.database))
        self.assertEqual(schema(self.database), before)

    def test_it_goes_on_from_an_earlier_version(self):
        """What is missing is applied, in one transaction, and the result is the library's own."""
        for name in FILES[:3]:
            subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-f", str(SQL / name)],
                           check=True)
        self.assertIn("before 3", apply(self.database))
        mine = schema(self.database)
        other = database("guard_by_library")
        Participant(BANK, "--database", other, "--create-accounts", "1").close()
        theirs = schema(other)
        times = [line for line in mine if line[:1].isdigit()]  # when each version was applied
        self.assertEqual(len(times), len(FILES))
        self.assertEqual([line for line in mine if line not in times],
                         [line for line in theirs if not line[:1].isdigit()])

    def test_every_file_is_in_it(self):
        text = (SQL / "apply.psql").read_text()
        self.assertEqual([line.split()[1] for line in text.splitlines() if line.startswith("\\ir ")], FILES)

    def test_nobody_puts_a_function_in_its_way(self):
        """Another role may create functions in public, as in databases of old, and makes some that fit better than
        PostgreSQL's own: neither the schema's owner nor a service ever runs one of them."""
        query(self.database, "GRANT CREATE ON SCHEMA public TO public; CREATE TABLE ran (name text);"
                             " GRANT INSERT ON ran TO public; CREATE TABLE did (gtid uuid, attempt integer, kind text);"
                             f" GRANT INSERT ON did TO {ROLE}")
        if not query(self.database, "SELECT 1 FROM pg_roles WHERE rolname = 'guard_stranger'"):
            query(self.database, "CREATE ROLE guard_stranger LOGIN")
        for taken in ("text, text", "text, name", "text, integer, text", "text, text, uuid, integer",
                      "text, text, uuid, integer, integer"):
            query(f"{self.database} user=guard_stranger",
                  f"CREATE FUNCTION public.format({taken}) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                  f" INSERT INTO public.ran VALUES ('format({taken})'); RETURN 'select 1'; END $$")
        apply(self.database, "-v", f"service={ROLE}")
        asked = self.session()
        first = asked.run("SELECT (troth_guard.action(%s, %s, 1, 1, 'work', '{}')).verdict", JOURNAL, gtid(1))
        self.assertEqual(first, [("work",)])
        for function in ("abort", "status"):
            self.session().run(f"SELECT * FROM troth_guard.{function}(%s, %s, 1, 1)", JOURNAL, gtid(2))
        self.assertEqual(query(self.database, "SELECT * FROM ran"), [])
        open_to_all = query(self.database, "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace ="
                                           " 'troth_guard'::regnamespace AND proconfig IS NULL")
        self.assertEqual(open_to_all, [], "each function says whose names it means (0014_own_names.sql)")

    def test_a_role_without_rights(self):
        """It is told what it lacks, and nothing is done."""
        apply(self.database)
        with self.assertRaises(psycopg2.errors.InsufficientPrivilege):
            self.session().run("SELECT * FROM troth_guard.status(%s, %s, 1, 1)", JOURNAL, gtid(1))
        done = subprocess.run([str(BANK), "--database", self.service], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("SELECT troth_guard.grant_to('guard_service')", done.stderr)

    def test_the_role_of_a_service(self):
        """It does all that a service does, through the functions and through the library; it owns nothing."""
        apply(self.database, "-v", f"service={ROLE}")
        query(self.database, "CREATE TABLE did (gtid uuid, attempt integer, kind text);"
                             "CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL);"
                             "INSERT INTO account VALUES (1, 1000);"
                             f"GRANT ALL ON did, account TO {ROLE}")
        a, b = self.session(), self.session()
        self.assertEqual(a.execute(1), ("work", OUTPUT))
        self.assertEqual(a.compensate(1)[0], "work")
        a.prepare(2)
        a.run("COMMIT PREPARED %s", a.name(2))
        self.assertEqual(a.ask("committed", 2)[0], "done")
        a.prepare(3)
        self.assertEqual(b.abort(3), ("aborted", None))
        self.assertEqual(a.refuse(4, "no money")[0], "refused")
        a.begin(5)  # whose session ends
        self.assertEqual(b.abort(5), ("aborted", None))
        self.assertEqual(b.status(1)[0], "compensated")
        self.assertEqual(b.run("SELECT troth_guard.forget(%s, %s::uuid[])", JOURNAL, [gtid(9)]), [(0,)])
        self.assertEqual(b.run("SELECT count(*) FROM troth_guard.blockers"), [(0,)])
        bank = Participant(BANK, "--database", self.service)
        self.addCleanup(bank.close)
        call = {"account": 1, "amount": 100}
        self.assertEqual(bank.call("debit", "execute", 11, call)[0], 200)
        self.assertEqual(bank.call("debit", "compensate", 11, call)[0], 200)
        self.assertEqual(bank.call("debit", "prepare", 12, call)[0], 200)
        self.assertEqual(bank.call("debit", "commit", 12)[0], 200)
        self.assertEqual(bank.call("debit", "prepare", 13, call)[0], 200)
        self.assertEqual(bank.call("debit", "abort", 13)[0], 204)
        self.assertEqual(query(self.database, "SELECT balance FROM account"), [(900,)])
        for statement in ("DROP TABLE troth_guard.guard", "TRUNCATE troth_guard.guard", "DELETE FROM troth_guard.mark",
                          "UPDATE troth_guard.version SET version = 0", "CREATE TABLE troth_guard.mine ()"):
            with self.assertRaises(psycopg2.errors.InsufficientPrivilege, msg=statement):
                b.run(statement)


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
