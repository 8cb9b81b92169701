"""A participant and its database, as real processes: whoever is not meant goes on, and a database that says nothing
does not hold the participant up."""

import itertools
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import BALANCE, System  # noqa: E402
from troth_test import Postgres, TcpProxy, TrothTest, main, wait_until  # noqa: E402

SAGAS = 48
WINDOW_SECONDS = 0.5
STOP_SECONDS = 5  # the participant's own
ENDLESS = {"interval": "50ms", "backoff": 1.0, "max_attempts": 0, "jitter": "none"}
TAKE = {"name": "take", "version": 1, "mode": "saga", "timeout": "5m", "retries": {"endless": ENDLESS},
        "steps": [{"name": "take", "kind": "pivot", "participant": "bank_a", "operation": "debit", "timeout": "60s",
                   "retry": "endless", "input": {"account": "${input.account}", "amount": 1}}]}


# Work at the accounts goes on for as long as there is a row.
HELD = """create table held ();
create function while_held() returns trigger language plpgsql as $$
begin while exists (select from held) loop perform pg_sleep(0.02); end loop; return new; end $$;
create trigger held before update on account for each row execute function while_held()"""


class ParticipantDatabase(TrothTest):
    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(bank_options={"slots": 16}, line_wait_max="0s").start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres
        # bank_a once more, with a proxy before its database.
        cls.database = TcpProxy(cls.postgres.port)
        bank = cls.system.banks["bank_a"]
        bank.options["database"] = cls.postgres.to("bank_a", cls.database.port)
        cls.restart_bank()
        assert cls.trothd.apply(TAKE).status == 201
        cls.postgres.execute("bank_a", HELD)

    @classmethod
    def restart_bank(cls):
        """On another port, so the proxy before it follows."""
        bank = cls.system.banks["bank_a"]
        if bank.running():
            bank.stop()
        bank.start()
        proxy = cls.system.proxies["bank_a"] = TcpProxy(bank.port)
        assert cls.trothd.register("bank_a", f"http://127.0.0.1:{proxy.port}/").status in (200, 201)

    def test_a_database_that_does_not_exist_is_no_success(self):
        """A decision meets a server without the participant's database: what says "does not exist" is taken for
        nothing, neither for a commit nor for an abort."""
        empty = self.run_folder.start(Postgres("empty"))
        account = 7
        for target, outcome in ((account, "committed"), (99999, "aborted")):  # nobody has that account
            with self.subTest(outcome=outcome):
                before = self.system.balance("bank_a", account)
                self.system.proxies["bank_b"].hold("request")
                gtid = self.system.begin(account, target, 5)
                wait_until(lambda gtid=gtid: [name for name in self.postgres.prepared() if gtid in name], 20,
                           "bank_a is prepared")
                self.database.lead_to(empty.port)
                try:
                    self.system.proxies["bank_b"].release()
                    wait_until(lambda gtid=gtid: "does not exist" in self.reason(gtid), 20, "the decision meets it")
                    self.assertIn(self.trothd.show(gtid)["steps"][0]["state"], ("committing", "aborting"))
                    wait_until(lambda: len(self.postgres.prepared()) == 1, 20, "bank_b has ended, and bank_a has not")
                finally:
                    self.database.lead_to(self.postgres.port)
                self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], outcome)
                self.assertEqual(before - self.system.balance("bank_a", account), 5 if outcome == "committed" else 0)
        self.system.drained()

    def reason(self, gtid):
        return self.trothd.show(gtid)["steps"][0].get("reason", "")

    def tearDown(self):
        self.database.release()
        self.postgres.execute("bank_a", "delete from held")
        for pid, _ in self.sessions():
            os.kill(pid, signal.SIGCONT)
        if not self.system.banks["bank_a"].running():
            self.restart_bank()
        self.system.drained()

    def sessions(self):
        """(pid, name of the branch that it works on, or the bank's own) of bank_a's."""
        return self.postgres.query("postgres", "select pid, application_name from pg_stat_activity"
                                   " where datname = 'bank_a' and backend_type = 'client backend'"
                                   " and pid <> pg_backend_pid()")

    def take(self, account):
        reply = self.trothd.submit("take", {"account": account}, prefer="respond-async")
        self.assertEqual(reply.status, 202, reply)
        return reply.json["gtid"]

    # --- who is not meant goes on

    @staticmethod
    def counter(gtid):
        return int(gtid.replace("-", "")[-8:], 16)

    def running(self):
        """gtid -> pid of the sessions that work on a branch."""
        return {name.split("_")[1]: pid for pid, name in self.sessions() if name.count("_") == 3}

    def some_of_the_same_number(self):
        """Sessions whose gtids have the same low 32 bits, in several shards."""
        running = self.running()
        for gtid in running:
            same = {other: pid for other, pid in running.items() if self.counter(other) == self.counter(gtid)}
            if len(same) > 2:
                return same
        return None

    def all_work_but(self, ended, before):
        """Nobody else has lost anything: each of the others still works, in the same session."""
        wait_until(lambda: not ended & set(self.running()), 20, f"the sessions of {ended} have left the list")
        after = self.running()
        self.assertEqual({gtid: pid for gtid, pid in before.items() if gtid in after},
                         {gtid: pid for gtid, pid in before.items() if gtid not in ended})

    def test_a_cancel_ends_no_neighbour(self):
        """One saga of many in all shards is cancelled while its pivot works, another is aborted by another process of
        the participant: they alone are ended."""
        self.postgres.execute("bank_a", "insert into held default values")
        gtids = [self.take(account) for account in range(1, SAGAS + 1)]
        same = wait_until(self.some_of_the_same_number, 60, "neighbours of the same number work at once")
        before, (first, second) = self.running(), sorted(same)[:2]
        reply = self.trothd.post(f"/v1/transactions/{first}/abort", {}, headers={"Prefer": "wait=30"})
        self.assertIn(reply.status, (200, 202), reply)
        self.assertIn(self.trothd.wait_outcome(first)["outcome"], ("aborted", "compensated"))
        self.all_work_but({first}, before)
        journal = self.trothd.get("/readyz").json["journal"]["id"]
        self.assertEqual(self.postgres.value("bank_a", "select verdict from troth_guard.abort(%s, %s, 1, 1)",
                                             (journal, second)), "aborted")
        wait_until(lambda: before[second] not in dict(self.sessions()), 20, "its session is gone")  # and no other one
        self.assertLessEqual(set(before.values()) - {before[second]}, set(dict(self.sessions())))
        self.all_work_but({first, second}, before)
        self.postgres.execute("bank_a", "delete from held")
        for account, gtid in enumerate(gtids, 1):
            outcome = self.trothd.wait_outcome(gtid)["outcome"]
            self.assertEqual(outcome == "committed", gtid not in (first, second), gtid)
            self.assertEqual(self.system.balance("bank_a", account), BALANCE - (outcome == "committed"))
        self.system.drained()
        self.postgres.execute("bank_a", "update account set balance = %s", (BALANCE,))

    # --- a database that says nothing

    def stops_in_time(self):
        began = time.monotonic()
        self.system.banks["bank_a"].signal(signal.SIGTERM)
        self.assertEqual(self.system.banks["bank_a"].wait_end(60), 0)
        self.assertLess(time.monotonic() - began, STOP_SECONDS + 10)

    def under_way(self):
        """Transfers that have not come to their end at bank_a."""
        gtids = [self.system.begin(account, account, 1) for account in range(1, 33)]
        wait_until(lambda: self.trothd.get("/readyz").json["open_transactions"] >= 8, 30, "they are under way")
        return gtids

    def all_end(self, gtids):
        self.restart_bank()
        for gtid in gtids:
            self.assertIn(self.trothd.wait_outcome(gtid, 60)["outcome"], ("committed", "aborted"), gtid)
        self.system.drained()
        self.assertEqual(self.system.total(), 2 * 100 * BALANCE)

    def test_a_stop_beside_a_silent_proxy(self):
        """Everything between the bank and its database is swallowed: SIGTERM ends the bank in its time."""
        self.database.hold("request")
        self.database.hold("reply")
        gtids = self.under_way()
        self.stops_in_time()
        self.database.release()
        self.all_end(gtids)

    def test_a_stop_beside_stopped_backends(self):
        """The same when every backend of the bank hangs."""
        self.assertEqual(self.system.transfer(1, 1, 1).json["outcome"], "committed")
        stopped = [pid for pid, _ in self.sessions()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            gtids = self.under_way()
            self.stops_in_time()
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        self.all_end(gtids)

    def test_it_goes_on_when_the_database_answers_again(self):
        """Calls that were swallowed do not keep the bank's sessions: it works on, and says what it cut."""
        self.database.drop("reply")
        gtids = [self.system.begin(account, account, 1) for account in range(1, 17)]
        bank = self.system.banks["bank_a"]
        wait_until(lambda: "did not answer in time" in bank.output(), 60, "a connection was cut")
        self.database.cut()
        for gtid in gtids:
            self.assertIn(self.trothd.wait_outcome(gtid, 60)["outcome"], ("committed", "aborted"), gtid)
        self.assertEqual(self.system.transfer(1, 1, 1).json["outcome"], "committed")
        lines = [line for line in bank.output().splitlines() if "event=connection_cut" in line]
        self.assertTrue(all(re.search(r" gtid=\S+ branch=\d+ attempt=\d+ backend=\d+ ", line) for line in lines), lines)

    # --- connections that are lost while nobody wants them

    def loop_cpu_seconds(self):
        """Of the bank's loop: its main thread."""
        return int(Path(f"/proc/{self.system.banks['bank_a'].pid}/schedstat").read_text().split()[0]) / 1e9

    def transfers(self):
        for gtid in [self.system.begin(account, account, 1) for account in range(1, 33)]:
            self.assertEqual(self.trothd.wait_outcome(gtid, 60)["outcome"], "committed")
        self.system.drained()

    def test_a_database_that_ends_idle_sessions_costs_nothing(self):
        """libpq closes its socket when it finds the connection lost; the loop must not be told of it for ever."""
        self.transfers()
        ended = [pid for pid, _ in self.sessions()]
        self.assertGreater(len(ended), 3)
        self.postgres.execute("bank_a", "select pg_terminate_backend(pid) from unnest(%s) as pid", (ended,))
        wait_until(lambda: not {pid for pid, _ in self.sessions()} & set(ended), 10, "these sessions are gone")
        before, until = self.loop_cpu_seconds(), time.monotonic() + WINDOW_SECONDS
        wait_until(lambda: time.monotonic() > until, 10, "the window is over")
        self.assertLess(self.loop_cpu_seconds() - before, WINDOW_SECONDS / 5)
        self.transfers()

    # --- a database that ends at once

    def cpu_seconds(self):
        """Of all of the bank's threads."""
        fields = Path(f"/proc/{self.system.banks['bank_a'].pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def aborts(self):
        """The results of many at once, of transactions that nobody knows, so that every connection has some."""
        known = self.system.transfer(1, 1, 1).json["gtid"]
        lines = [json.dumps({"op": "abort", "gtid": f"{known[:-8]}{0x200000 + next(self.numbers):08x}", "branch": 1,
                             "attempt": 1, "operation": "debit", "timeout": "3s"}) for _ in range(16)]
        reply = self.system.banks["bank_a"].post("/", "\n".join(lines) + "\n", timeout=20, headers={
            "Content-Type": "application/x-ndjson",
            "Troth-Journal": self.postgres.value("journal", "select id from troth.journal")})
        self.assertEqual(reply.status, 200, reply)
        return {json.loads(line)["result"] for line in reply.body.decode().splitlines()}

    def test_a_database_that_ends_at_once_takes_no_thread_with_it(self):
        """libpq calls a connection good that a crash and a proxy have ended, and then gives NULL for ever."""
        def immediately():
            self.postgres.stop_at_once()
            self.postgres.start()
        for end in (self.database.cut, immediately, self.database.cut, immediately):
            self.assertEqual(self.aborts(), {"done"})
            end()
            wait_until(lambda: self.trothd.get("/readyz").status == 200, 30, "trothd leads again")
            wait_until(lambda: self.aborts() == {"done"}, 30, "aborts are answered")
            before, until = self.cpu_seconds(), time.monotonic() + WINDOW_SECONDS
            wait_until(lambda: time.monotonic() > until, 10, "the window is over")
            self.assertLess(self.cpu_seconds() - before, WINDOW_SECONDS / 2)


if __name__ == "__main__":
    main()
