"""The test support does what it says: servers keep their data over stops and crashes, a proxy's faults are real, and
nothing of a test process is left behind."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Kafka, Postgres, TcpProxy, TrothTest, main, wait_until  # noqa: E402


class Aim(TrothTest):
    """tests/run -R NAME:PART runs that part of that test, and nothing else."""

    AIM = Path(__file__).resolve().parents[1] / "support" / "aim"

    def aim(self, *arguments):
        return subprocess.run([self.AIM, *arguments, "--build", os.environ["TROTH_BUILD"]], capture_output=True,
                              text=True, timeout=120, check=False)

    def test_one_case_of_check_runs_alone(self):
        done = self.aim("unit", "unit_wire:id")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        ran = [line for line in done.stdout.splitlines() if ":P:" in line]
        self.assertGreater(len(ran), 0, done.stdout)
        self.assertEqual([], [line for line in ran if ":P:id:" not in line])

    def test_a_test_function_finds_its_case(self):
        done = self.aim("unit", "unit_base:many_keys_are_not_quadratic")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("json_check:many_keys_are_not_quadratic", done.stdout)

    def test_one_history_is_traced_with_and_without_a_mutation(self):
        done = self.aim("sim", "seed:26")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("--seed 26 --trace", done.stdout)
        self.assertIn("journal: txn", done.stdout)
        done = self.aim("sim", "seed:26:no-tombstone", "--print")
        self.assertIn("--mutate no-tombstone", done.stdout)

    def test_a_python_test_is_found_by_its_class_and_by_its_name(self):
        name = "test_what_is_not_there_is_refused_with_what_is"
        for part in (f"Aim.{name}", name):
            done = self.aim("all", f"support:{part}", "--print")
            self.assertRegex(done.stdout, rf"test_support\.py -v Aim\.{name}\n$")

    def test_what_is_not_there_is_refused_with_what_is(self):
        for suite, what, said in (("unit", "unit_txn:sagga", "Did you mean saga?"),
                                  ("unit", "unit_tnx:saga", "Did you mean txn?"),
                                  ("integration", "told:test_nothing_of_the_kind", "Told"),
                                  ("sim", "seed:last", "a seed is a number"),
                                  ("model", "saga:NORULE", "There are: "),
                                  ("fuzz", "json:nowhere", "there is no file")):
            done = self.aim(suite, what)
            self.assertNotEqual(0, done.returncode, what)
            self.assertIn(said, done.stderr)

    def test_help_shows_each_form_and_each_is_real(self):
        run = self.AIM.parents[1] / "run"
        told = subprocess.run([run, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        forms = re.findall(r"^ +(\w+) -R (\S+:[a-zA-Z0-9]+)  ", told, re.M)
        self.assertGreaterEqual({suite for suite, _ in forms},
                                {"unit", "sim", "model", "integration", "fuzz", "history"})
        for suite, what in forms:
            if not what.endswith(":FILE"):
                self.assertEqual(0, self.aim(suite, what, "--print").returncode, what)


class PostgresServer(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())
        cls.postgres.database("bank")
        cls.postgres.execute("bank", "create table account (id int primary key, balance bigint)")

    def test_what_was_committed_is_there_after_a_crash_on_the_same_port(self):
        self.postgres.execute("bank", "insert into account values (1, 100)")
        port = self.postgres.port
        self.postgres.kill()
        with self.assertRaises(psycopg2.OperationalError):
            self.postgres.value("bank", "select 1")
        self.postgres.start()
        self.assertEqual(port, self.postgres.port)
        self.assertEqual(100, self.postgres.value("bank", "select balance from account where id = 1"))

    def test_prepared_transactions_are_listed_across_databases(self):
        self.postgres.execute("bank", "begin; insert into account values (2, 1); prepare transaction 'troth_x'")
        self.assertEqual(["troth_x"], self.postgres.prepared())
        self.postgres.execute("bank", "rollback prepared 'troth_x'")
        self.assertEqual([], self.postgres.prepared())

    def connect_through(self, proxy):
        connection = psycopg2.connect(self.postgres.to("bank", proxy.port))
        self.addCleanup(connection.close)
        self.addCleanup(proxy.close)
        return connection

    def test_a_reply_that_is_cut_off_leaves_the_work_done_and_the_client_without_an_answer(self):
        proxy = TcpProxy(self.postgres.port)
        connection = self.connect_through(proxy)
        connection.cursor().execute("insert into account values (10, 5)")
        proxy.cut_at("reply", b"COMMIT\0")
        with self.assertRaises(psycopg2.OperationalError):
            connection.commit()
        self.assertTrue(proxy.triggered.is_set())
        self.assertEqual(5, self.postgres.value("bank", "select balance from account where id = 10"))

    def test_a_request_that_is_cut_off_never_reaches_the_server(self):
        proxy = TcpProxy(self.postgres.port)
        connection = self.connect_through(proxy)
        connection.cursor().execute("insert into account values (11, 5)")
        proxy.cut_at("request", b"COMMIT")
        with self.assertRaises(psycopg2.OperationalError):
            connection.commit()
        self.assertEqual([], self.postgres.query("bank", "select * from account where id = 11"))

    def test_a_proxy_refuses_and_accepts_again(self):
        proxy = TcpProxy(self.postgres.port)
        connection = self.connect_through(proxy)
        proxy.refuse()
        with self.assertRaises(psycopg2.OperationalError):
            connection.cursor().execute("select 1")
        with self.assertRaises(psycopg2.OperationalError):
            psycopg2.connect(self.postgres.to("bank", proxy.port))
        proxy.accept()
        self.connect_through(proxy).cursor().execute("select 1")

    def test_a_proxy_delays(self):
        proxy = TcpProxy(self.postgres.port)
        connection = self.connect_through(proxy)
        proxy.delay(0.1)
        began = time.monotonic()
        connection.cursor().execute("select 1")
        self.assertGreaterEqual(time.monotonic() - began, 0.2)


class KafkaServer(TrothTest):
    def test_messages_with_key_and_headers_are_there_after_a_stop_and_a_start(self):
        kafka = self.run_folder.start(Kafka())
        subprocess.run(["kcat", "-P", "-b", kafka.brokers, "-t", "t", "-K", "|", "-H", "ce_id=7", "-H", "a=ü"],
                       input="key|{\"amount\":0.10}\n", text=True, check=True)
        kafka.restart()
        events = kafka.consume("t")
        self.assertEqual([("key", '{"amount":0.10}', {"ce_id": "7", "a": "ü"})],
                         [(event["key"], event["payload"], event["headers"]) for event in events])
        self.assertEqual([], kafka.consume("no_such_topic"))


class Failures(TrothTest):
    """What failed is the last that one reads, however much others have to say."""

    SUPPORT = Path(__file__).resolve().parents[1] / "support"

    def run_python(self, script):
        return subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=self.SUPPORT, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_logs_come_before_what_failed_and_trothds_behind_the_others(self):
        done = self.run_python("""
            import troth_test
            class Fails(troth_test.TrothTest):
                def test_fails(self):
                    for name in ("bank", "node_1", "zoo"):
                        folder = self.run_folder.path / name
                        folder.mkdir()
                        (folder / "log").write_text("".join(f"{name} says {i}\\n" for i in range(1000)))
                    (self.run_folder.path / "node_1" / "trothd.conf").write_text("")
                    with self.subTest("a part"):
                        self.assertEqual("hoped for", "found")
            troth_test.main()
        """)
        self.assertEqual(1, done.returncode, done.stderr)
        places = [done.stderr.index(text) for text in ("bank says 999", "zoo says 999", "node_1 says 999",
                                                       "'hoped for' != 'found'")]
        self.assertEqual(sorted(places), places, done.stderr)
        self.assertGreater(done.stderr.count("node_1 says"), 20)
        self.assertLess(done.stderr.count("bank says"), 10)

    def test_the_end_of_what_failed_tests_said_is_the_end_of_a_run(self):
        with tempfile.TemporaryDirectory() as folder:
            loud = "echo 'add_test(%s sh -c \"seq 1 5000; echo %s; exit %d\")'"
            tests = (("good", "fine", 0), ("bad", "the reason", 3), ("well", "fine", 0))
            script = "; ".join(loud % each for each in tests)
            subprocess.run(["sh", "-c", f"{{ {script}; }} >CTestTestfile.cmake"], cwd=folder, check=True)
            subprocess.run(["ctest"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
                           check=False)
            told = subprocess.run([self.SUPPORT / "ctest-told", folder], capture_output=True, text=True, timeout=60,
                                  check=True).stdout
        self.assertRegex(told, r"\A\n--- bad failed after \d+ s; .*\n(\d+\n){69}the reason\n\nFailed: bad\n\Z")

    def test_of_parts_those_that_failed_come_last(self):
        part = "echo part $TROTH_TEST_PART; [ $TROTH_TEST_PART != 2 ]"
        done = subprocess.run([self.SUPPORT / "in-parts", "3", "sh", "-c", part], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((1, "part 1\npart 3\npart 2\n"), (done.returncode, done.stdout))


class CleanUp(TrothTest):
    def nothing_is_left_of(self, start):
        """Of a test process that is killed behind `start`, which sets `pids`."""
        script = textwrap.dedent("""
            import json, signal
            from troth_test import Postgres, Process, run_folder
            {start}
            print(json.dumps({{"folder": str(run_folder().path), "pids": pids}}), flush=True)
            signal.pause()
        """).format(start=textwrap.dedent(start))
        support = Path(__file__).resolve().parents[1] / "support"
        child = subprocess.Popen([sys.executable, "-c", script], cwd=support, stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        made = json.loads(child.stdout.readline())
        for pid in made["pids"]:
            os.kill(pid, 0)
        child.kill()
        child.wait()
        wait_until(lambda: not Path(made["folder"]).exists(), 60, "the folder removed")
        for pid in made["pids"]:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it is gone
                self.assertIn(") Z ", Path(f"/proc/{pid}/stat").read_text())

    def test_nothing_is_left_when_a_test_process_is_killed(self):
        self.nothing_is_left_of("""
            postgres = run_folder().start(Postgres())
            pids = [int((postgres.folder / "postgres.process").read_text().split()[0])]
        """)

    def test_two_processes_of_one_name_are_both_ended(self):
        self.nothing_is_left_of("""
            class Sleep(Process):
                def command(self):
                    return ["sleep", "600"]
            two = [Sleep("same"), Sleep("same")]
            for one in two:
                one.launch()
            pids = [one.pid for one in two]
        """)


if __name__ == "__main__":
    main()
