"""troth-postgres --check against a real database: all that is wrong at once, each with its line and column, and the
exit statuses that a pipeline goes by."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import psycopg2  # noqa: E402

from from_file import FromFile  # noqa: E402
from troth_test import Postgres, TrothTest, main  # noqa: E402

TABLES = """
create table stock (item text primary key, pieces integer not null constraint stock_pieces check (pieces >= 0));
create table secret (word text);
create function take(item text) returns table (pieces integer) language sql as 'select 1';
revoke execute on function take from public;
create table journal (n integer, word text);
create role clerk login; grant select, update on stock to clerk; grant insert on journal to clerk;
"""
# Each line of SQL, and what is said of it: (column, words). The file is made so that the SQL begins in column 12.
WRONG = [
    ("UPDATE stok SET pieces = 1 RETURNING 1 AS a", 19, 'relation "stok" does not exist'),
    ("UPDATE stock SET piecse = 1 RETURNING item", 29, 'column "piecse" of relation "stock" does not exist'),
    ("SELECT piecse FROM stock", 19, 'column "piecse" does not exist; Perhaps you meant to reference the column '
                                      '"stock.pieces".'),
    ("SELECT item FRM stock", 28, 'syntax error at or near "stock"'),
    ("UPDATE stock SET pieces = 1", 12, "gives no row, and without one it would be refused: say with RETURNING"),
    ("SELECT 1, 2 AS a", 12, "column 1 has no name"),
    ("SELECT 1 AS a, 2 AS a", 12, 'two columns are called "a"'),
    ("SELECT 'größe' AS a, größe FROM stock", 33, 'column "größe" does not exist'),
    ("SELECT '\\u00e9' AS a, nope FROM stock", 34, 'column "nope" does not exist'),
    ("SELECT item FROM stock WHERE pieces = ${input.n}::uuid", 48, "operator does not exist: integer = uuid"),
    ("SELECT ${input.n} IS NULL AS a", 19, "could not determine data type of parameter ${input.n}; say its type"),
    ("WITH a AS (DELETE FROM stock RETURNING item) SELECT item FROM a", 17, "WITH clause containing a data-modifying "
                                                                          "statement must be at the top level"),
    ("SELECT 1 AS a), b AS (SELECT 2", 25, 'syntax error at or near ")"'),
    ("SELECT item INTO b FROM stock", 12, "gives no row, and without one it would be refused: "
                                          "SELECT INTO makes a table"),
    ("SELECT word FROM secret", 12, 'permission denied for table secret, as role "clerk"'),
    ("DELETE FROM stock RETURNING item", 12, 'permission denied for table stock, as role "clerk"'),
    ("SELECT pieces FROM take(${input.item})", 12, 'permission denied for function take, as role "clerk"'),
    ("INSERT INTO journal VALUES (1, 'a') RETURNING n", 12, 'permission denied for table journal, as role "clerk"'),
]


class Check(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres("postgres"))
        cls.database = cls.postgres.database("shop")
        cls.postgres.execute("shop", TABLES)
        cls.program = FromFile("check", cls.database, {})
        cls.clerk = cls.database.replace("user=postgres", "user=clerk")

    def check(self, text, **options):
        self.program.write(text)
        return self.program.once("--check", **{"database": self.clerk, **options})

    def migrated(self):
        self.program.migrate()
        self.postgres.execute("shop", "select troth_guard.grant_to('clerk')")

    def test_every_fault_of_every_statement_is_said_at_once(self):
        lines = ['{ "operations": {']
        for number, (sql, _, _) in enumerate(WRONG):
            lines.append('"%s": { "sql":\n%s"%s" },' % ("op_%d" % number, " " * 10, sql))
        lines.append('"last": { "sql": "SELECT pieces FROM stock", "refuse":\n'
                     '  { "sql": "SELECT 1, 2", "column": "piece", "constraints": { "stock_piece": "x" } } } } }')
        self.migrated()
        status, said = self.check("\n".join(lines))
        self.assertEqual(status, 1, said)
        said = said.splitlines()
        for number, (sql, column, words) in enumerate(WRONG):
            with self.subTest(sql):
                place = f"operations.json:{3 + 2 * number}:{column}: /operations/op_{number}/sql: "
                found = [line for line in said if f"/op_{number}/" in line]
                self.assertEqual(len(found), 1, said)
                self.assertTrue(found[0].startswith(place + words), f"{found[0]}\nis not {place}{words}")
        last = "operations.json:%d:" % (3 + 2 * len(WRONG))
        self.assertEqual([line[len(last):] for line in said if line.startswith(last)], [
            "13: /operations/last/refuse/sql: a reason is one column, and this gives 2",
            '37: /operations/last/refuse/column: no column "piece" comes from "sql"; did you mean "pieces"?',
            "63: /operations/last/refuse/constraints/stock_piece: no constraint of the database is called so"])
        self.assertEqual(len(said), len(WRONG) + 3, said)

    GOOD = '{ "operations": { "look": { "sql": "SELECT pieces FROM stock WHERE item = ${input.item}" } } }'

    def test_a_good_file_runs_nothing_and_says_so(self):
        self.migrated()
        self.assertEqual(self.check(self.GOOD), (0, "operations.json: good, operations: 1\n"))
        taking = self.GOOD.replace("SELECT pieces FROM stock", "UPDATE stock SET pieces = 0 RETURNING item")
        self.assertEqual(self.check(taking.replace(" WHERE item = ${input.item}", ""))[0], 0)
        self.assertEqual(self.postgres.value("shop", "select count(*) from stock where pieces = 0"), 0)

    def test_a_guard_that_is_not_there_is_wrong(self):
        self.postgres.execute("shop", "drop schema if exists troth_guard cascade")
        status, said = self.check(self.GOOD)
        self.assertEqual(status, 1)
        self.assertIn("troth-postgres --migrate", said)
        self.assertNotIn("good", said)

    def test_a_role_without_the_guards_rights_is_wrong(self):
        self.program.migrate()
        self.postgres.execute("shop", "grant usage on schema troth_guard to clerk;"
                              "grant select on all tables in schema troth_guard to clerk;"
                              "revoke insert, update, delete on troth_guard.guard from clerk")
        status, said = self.check(self.GOOD)
        self.assertEqual(status, 1)
        self.assertIn("SELECT troth_guard.grant_to('clerk')", said)

    def test_a_table_that_is_locked_for_long_is_said(self):
        self.migrated()
        session = psycopg2.connect(self.database)
        session.cursor().execute("lock table stock in access exclusive mode")
        try:
            status, said = self.check(self.GOOD)
        finally:
            session.close()
        self.assertEqual(status, 1)
        self.assertIn("canceling statement due to lock timeout", said)

    def test_too_few_prepared_transactions_are_wrong(self):
        self.migrated()
        status, said = self.check(self.GOOD, slots=1000)
        self.assertEqual(status, 1)
        self.assertIn("max_prepared_transactions", said)

    def test_no_database_has_a_status_of_its_own_and_what_is_known_is_said(self):
        nowhere = "host=127.0.0.1 port=1 password=geheim"
        status, said = self.check(self.GOOD, database=nowhere)
        self.assertEqual(status, 3)
        self.assertIn("there is no session that may write", said)
        status, said = self.check(self.GOOD.replace("sql", "sqll"), database=nowhere)
        self.assertEqual(status, 1)
        self.assertIn('unknown field "sqll"; did you mean "sql"?', said)
        self.assertNotIn("geheim", said)

    def test_nothing_of_a_conninfo_that_is_none_is_shown(self):
        for database in ("postgresql://u:geheim@[::1", "host=x pasword=geheim", "geheim"):
            with self.subTest(database):
                status, said = self.check(self.GOOD, database=database)
                self.assertEqual(status, 2)
                self.assertIn("database: ", said)
                self.assertNotIn("geheim", said)

    def test_wrong_usage_has_a_status_of_its_own(self):
        for words in (["--check", "--migrate"], ["--slots", "0", "--check"], ["--listen", "here", "--check"],
                      ["--nothing"], ["--lock_timeout", "5", "--check"], ["--check", "--listen", "0.0.0.0:0"],
                      ["--check", "--journals", "1"], ["--check", "--tls_clients", "some"]):
            with self.subTest(words):
                self.assertEqual(self.program.once(*words)[0], 2)
        self.assertEqual(self.program.once("--check", path="not_there.json")[0], 1)


if __name__ == "__main__":
    main()
