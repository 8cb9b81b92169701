"""The journal's statements are files that psql takes as they stand, and each is what trothd prepares."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import ROOT, Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

FOLDER = ROOT / "sql" / "journal" / "statements"
HEAD = re.compile(r"^prepare troth_\w+(?: \(([^)]*)\))? as\n", re.MULTILINE)
# What a plan may not be made for: they need what is not there in an empty journal, or would end sessions.
UNPREPARED = ("migrate_schema", "migrate_table", "migrate_lock")


class Statements(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres(log_statement="'all'"))
        cls.postgres.database("journal")
        cls.trothd = Trothd(journal=cls.postgres.to("journal"))
        cls.trothd.migrate()
        cls.names = sorted(path.stem for path in FOLDER.glob("*.sql"))

    def psql(self, *commands):
        """What it says; the statements one after the other, in one session."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.postgres.to("journal")],
            input="".join(f"{command}\n" for command in commands), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_each_is_taken_by_psql_as_it_stands(self):
        """And planned with its parameters, as many as it tells and of its types, on the real schema."""
        self.assertGreater(len(self.names), 40)
        for name in self.names:
            with self.subTest(name):
                if name in UNPREPARED:
                    self.psql("begin;", "drop schema troth cascade;" if name == "migrate_schema" else
                              "drop table troth.migration;" if name == "migrate_table" else "",
                              f"\\i {FOLDER}/{name}.sql", "rollback;")
                    continue
                types = HEAD.search((FOLDER / f"{name}.sql").read_text())[1]
                nulls = ", ".join("null" for _ in types.split(",")) if types else ""
                plan = self.psql(f"\\i {FOLDER}/{name}.sql", "set plan_cache_mode = force_generic_plan;",
                                 f"explain execute troth_{name}" + (f"({nulls});" if nulls else ";"))
                self.assertIn("cost=", plan)

    def test_nothing_is_forgotten_under_another_epoch(self):
        """Who no longer leads the shard deletes nothing there, and raises no mark."""
        gtid = "018bcfe5-6800-8003-8000-004000000001"
        done = self.psql(
            "begin;", "update troth.shard set epoch = 7 where shard = 3;",
            "insert into troth.txn (shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, began_at) "
            f"values (3, '{gtid}', 7, 1, '2pc', '2pc', false, false, now());",
            f"insert into troth.ended (gtid, shard, epoch, ended_at) values ('{gtid}', 3, 7, now());",
            f"\\i {FOLDER}/forget.sql",
            *(f"execute troth_forget (3, {epoch}, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', "
              "'00000000-0000-0000-0000-000000000000', 10);" for epoch in (6, 8, 7)),
            "select mark = (1::bigint << 38 | 1) from troth.forgotten;", "rollback;")
        self.assertEqual(done.split(), ["0|", "0|", f"1|{gtid}", "t"])

    def test_the_daemon_prepares_what_stands_there(self):
        """Word for word, without the head, under the name of the file."""
        self.run_folder.start(self.trothd)
        self.addCleanup(self.trothd.stop)
        log = self.postgres.folder / "log"

        def prepared():
            text = log.read_text(errors="replace")
            return {name for name in self.names
                    if f"execute {name}: {HEAD.sub('', self.body(name)).splitlines()[0]}" in text}

        wait_until(lambda: {"session", "registry_load", "registry_number"} <= prepared(), 30, "what a start says")
        self.assertEqual(self.trothd.post("/v1/transactions", {"mode": "2pc"}).status, 201)
        wait_until(lambda: "beat" in prepared() or "begin" in prepared(), 30, "what is written")

    @staticmethod
    def body(name):
        """Without the comment at the top and the last semicolon."""
        return re.sub(r"\A(--[^\n]*\n)+", "", (FOLDER / f"{name}.sql").read_text()).rstrip().rstrip(";")


if __name__ == "__main__":
    main()
