#!/usr/bin/env python3
"""The guard has one set of rules: the library's own statements run in psql as they stand, and what the functions know
of old branches, and how long they wait, is the same for all who call them."""
import os
import subprocess
import sys
import unittest

from guard_session import DEBIT, Session, guard_database
from test_sdk_examples import JOURNAL, ROOT, WITH_POSTGRES, gtid, query, roll_back_prepared


class GuardOne(unittest.TestCase):
    def setUp(self):
        self.database = guard_database("guard_one")
        self.a, self.b = Session(self.database), Session(self.database)

    def tearDown(self):
        self.a.connection.close()
        self.b.connection.close()
        roll_back_prepared(self.database)

    def test_the_statements_of_the_library(self):
        """Each of its files runs in psql as it stands, and takes what its comment says."""
        names = sorted(path.stem for path in (ROOT / "sql" / "participant" / "statements").glob("*.sql"))
        key = "'{}', '{}', {}, {}".format(*self.a.key(1))
        place = "'debit', 3, 274877906945"
        said = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.database],
            input="".join(f"\\i {ROOT}/sql/participant/statements/{name}.sql\n" for name in names) +
            "SELECT string_agg(name, ' ' ORDER BY name COLLATE \"C\") FROM pg_prepared_statements;\n"
            f"BEGIN;\nEXECUTE troth_claim ({key}, {place}, '0', '200', 'a_name', '1000');\n"
            f"EXECUTE troth_keep ({key}, '{{}}', 'action', '(0,1)');\nCOMMIT;\n",
            check=True, capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(said[0].split(), [f"troth_{name}" for name in names])
        self.assertEqual(said[1:], ["(0,1)|1s", "0"])
        self.assertEqual(self.a.status(1), ("committed", "{}"))

    def test_what_is_known_of_a_forgotten_branch(self):
        """A row that is still there answers, and so does what was rolled back; nothing comes later."""
        self.a.prepare(1)
        self.a.abort(2)
        self.a.execute(3)
        query(self.database, "INSERT INTO troth_guard.mark (journal, shard, ordering)"
                             " SELECT %s, troth_guard.shard_of(%s), troth_guard.ordering_of(%s)",
              (JOURNAL, gtid(9), gtid(9)))
        self.assertEqual(self.b.abort(1), ("aborted", None))
        self.assertEqual(self.b.abort(1)[0], "unknown")  # which has no row
        self.assertEqual(self.b.compensate(2, attempt=2), ("done", None))  # attempt 1 never acted
        self.assertEqual(self.b.abort(2, attempt=2), ("aborted", None))
        self.assertEqual(self.b.compensate(3)[0], "unknown")  # it may have been undone
        self.assertEqual([self.a.execute(counter)[0] for counter in (1, 2, 3)], ["unknown"] * 3)

    def test_a_guard_row_is_waited_for_briefly(self):
        """By all functions alike, and as long as the session wants."""
        calls = (("refuse", *DEBIT, "no"), ("abort",), ("compensation", "refund", "{}", "60s", "60s"))
        self.a.prepare(1, attempt=2)
        for setting, said in ((None, "201ms"), ("30ms", "31ms")):
            if setting:
                self.b.run(f"SET troth_guard.row_timeout = '{setting}'")
            for function, *arguments in calls:
                self.b.run("BEGIN")
                self.assertEqual(self.b.ask(function, 1, *arguments)[0], "retry")
                self.assertEqual(self.b.run("SHOW lock_timeout"), [(said,)], function)
                self.b.run("ROLLBACK")
        self.a.run("COMMIT PREPARED %s", self.a.name(1, 2))
        self.b.run("BEGIN")  # and then the work's own locks as long as the call may
        self.assertEqual(self.b.ask("compensation", 1, "refund", "{}", "60s", "7s", attempt=2)[0], "work")
        self.assertEqual(self.b.run("SHOW lock_timeout"), [("7001ms",)])
        self.b.run("ROLLBACK")

    def test_rows_leave_when_their_mark_is_old(self):
        """As old as the end of what moved it, not as its beginning; and it is said whether something is left to do."""
        def forget(counter, every, most=10):
            return self.a.run("SELECT gone, owed FROM troth_guard.forget_below(%s, ARRAY[troth_guard.shard_of(%s)],"
                              " ARRAY[troth_guard.ordering_of(%s)], %s, %s)",
                              JOURNAL, gtid(counter), gtid(counter), every, most)[0]

        for counter in (1, 2, 3, 4):
            self.a.abort(counter)
        self.a.run("BEGIN")
        self.assertEqual(forget(4, "1 hour"), (0, True))
        self.assertEqual(self.a.run("SELECT moved_at > now() FROM troth_guard.mark"), [(True,)])
        self.a.run("COMMIT")
        self.assertEqual(forget(5, "1 hour"), (0, True))  # the mark is young: nothing leaves, and it stays
        self.assertEqual(forget(4, "0", most=2), (2, True))
        self.assertEqual(forget(4, "0", most=2), (1, False))
        self.assertEqual(query(self.database, "SELECT gtid FROM troth_guard.guard"), [(gtid(4),)])
        self.assertEqual(forget(5, "0"), (0, True))  # what is below the mark that has just moved
        self.assertEqual(forget(5, "0"), (1, False))


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
