"""trothd's command line against real servers: what is wrong is said in one line, with what to do, and in the exit
status; what may pass is tried again, without a flood of lines."""

import os
import re
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Postgres, TrothTest, Trothd, main, program, wait_until  # noqa: E402

OK, FAILED, USAGE, FENCED = range(4)
SECONDS_MAX = 30
TRIES = 18
TRIES_SECONDS_MIN = 1  # of nine a connection, with pauses that double from 20 ms on; 0.3 when they do not


class CommandLine(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres(log_connections="on", log_timezone="UTC"))
        cls.journal = cls.postgres.database("journal")
        cls.trothd = Trothd(journal=cls.journal)
        cls.trothd.migrate()

    def run_it(self, *words, **environment):
        names = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        done = subprocess.run([program("trothd"), *words], capture_output=True, text=True, timeout=SECONDS_MAX,
                              env={**names, **environment})
        return done.returncode, done.stdout, done.stderr

    def refused(self, code, said, *words, **environment):
        """One line (argp points to --help in a second one), that has `said`."""
        status, _, err = self.run_it(*words, **environment)
        lines = [line for line in err.splitlines() if "trothd --help" not in line]
        self.assertEqual((status, len(lines)), (code, 1), err)
        self.assertRegex(lines[0], said)

    def test_wrong_words(self):
        """An unknown command or option, a wrong value from a flag or the environment: exit status 2."""
        self.refused(USAGE, '^trothd: unknown command "rnu"; commands are run and migrate$', "rnu")
        self.refused(USAGE, '^trothd: one command at a time: "migrate" is too much$', "run", "migrate")
        self.refused(USAGE, "^trothd: unrecognized option '--listne'$", "--listne", "x")
        self.refused(USAGE, '^trothd: --lease: "5" is not a duration from 1s to 1h', "--lease", "5")
        self.refused(USAGE, '^trothd: environment TROTH_LEASE: lease: "5"', TROTH_LEASE="5")
        for shards in ("0", "3x", "-1", "", "4097"):
            self.refused(USAGE, "^trothd: --shards: .* is not a number from 1 to 4096$", "migrate", "--shards", shards)
        self.refused(USAGE, "^trothd: --shards is for migrate", "--shards", "3")
        self.refused(USAGE, r'^trothd: journal: invalid connection option "\*\*\*"; did you mean "host"\?$',
                     "--journal", "hots=127.0.0.1")
        self.refused(USAGE, '^trothd: journal: ', "migrate", "--journal", "hots=127.0.0.1")

    def test_passwords_stay_hidden(self):
        """--print-config shows the journal without its password, however that is written."""
        status, out, _ = self.run_it("--print-config", "--journal", "host=a password = 'so geheim' dbname=b")
        self.assertEqual(status, OK)
        self.assertNotIn("geheim", out)
        self.assertRegex(out, r"(?m)^journal = .*password=\*\*\*")
        for words in (["--journal", "host=a password=so geheim"], ["--journal", "postgres://u:geheim@[::1"],
                      ["--jornal=password=geheim"], ["run", "password=geheim"], ["password=geheim"]):
            status, out, err = self.run_it(*words)
            self.assertEqual(status, USAGE, words)
            self.assertNotIn("geheim", out + err)

    def test_an_address_in_use(self):
        """The other program is not disturbed; one line says what to do."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.refused(FAILED, f'level=error msg="cannot start" listen=127.0.0.1:{port} reason="another program '
                                 'listens there: stop it, or choose another --listen"$',
                         "--journal", self.journal, "--listen", f"127.0.0.1:{port}")

    def test_schemas_that_do_not_fit(self):
        """None, or a newer one: exit status 3, and what to do."""
        empty = self.postgres.database("empty")
        status, _, err = self.run_it("--journal", empty, "--listen", "127.0.0.1:0")
        self.assertEqual(status, FENCED, err)
        self.assertIn("the database has no journal; run: trothd migrate", err)
        newer = self.postgres.database("newer")
        self.assertEqual(self.run_it("migrate", "--journal", newer)[0], OK)
        columns = self.postgres.query("newer", "select * from troth.migration order by version desc limit 1")
        self.assertTrue(columns)
        self.postgres.execute("newer", "update troth.migration set version = 999 where version = "
                                       "(select max(version) from troth.migration)")
        status, _, err = self.run_it("--journal", newer, "--listen", "127.0.0.1:0")
        self.assertEqual(status, FENCED, err)
        self.assertIn("the journal's schema is newer than this program", err)
        self.refused(FENCED, "^trothd migrate: the journal's schema is newer than this program", "migrate",
                     "--journal", newer)

    def connections_of(self, role, count):
        """When it connected, by the server's own log; None as long as there are less than `count`."""
        log = (self.postgres.folder / "log").read_text(errors="replace")
        times = re.findall(rf"(?m)^(\S+ \S+) UTC .*connection authorized: user={role} ", log)
        return [datetime.fromisoformat(time) for time in times] if len(times) >= count else None

    def test_a_database_that_refuses_is_tried_again_with_pauses(self):
        """A missing right may be given later: trothd goes on trying, says why once, and does not run hot."""
        self.postgres.execute("journal", "create role nobody_much login")
        node = Trothd("refused", journal=self.journal.replace("user=postgres", "user=nobody_much"))
        node.launch()
        try:
            times = wait_until(lambda: self.connections_of("nobody_much", TRIES), SECONDS_MAX, f"{TRIES} tries")
            self.assertGreater((times[-1] - times[0]).total_seconds(), TRIES_SECONDS_MIN)
            said = re.findall("msg=journal.*", node.output())
            self.assertEqual(len(said), 1, said)
            self.assertIn("permission denied", said[0])
            self.postgres.execute("journal", "grant usage on schema troth to nobody_much; "
                                             "grant all on all tables in schema troth to nobody_much")
            node.wait_ready(SECONDS_MAX)
        finally:
            node.kill9()


if __name__ == "__main__":
    main()
