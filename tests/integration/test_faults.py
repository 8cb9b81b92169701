"""Faults on the way of one transfer: each with real processes, kill -9 and cut connections; after it the system drains
and both databases, the journal and Kafka say the same."""

import json
import re
import signal
import socket
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import BALANCE, System  # noqa: E402
from troth_test import Bank, Postgres, TrothTest, main, wait_until  # noqa: E402

SHORT = {
    "name": "short", "version": 1, "mode": "2pc", "timeout": "20s", "prepare_timeout": "700ms",
    "steps": [{"name": "debit", "participant": "bank_a", "operation": "debit",
               "input": {"account": "${input.from}", "amount": "${input.amount}"}},
              {"name": "credit", "participant": "bank_b", "operation": "credit",
               "input": {"account": "${input.to}", "amount": "${input.amount}"}}]}
AMOUNT = 10


class Faults(TrothTest):
    account = 0  # each test has its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(kafka=True).start()
        cls.trothd = cls.system.trothd
        assert cls.trothd.apply(SHORT).status == 201

    def setUp(self):
        Faults.account += 1
        self.bank_b = self.system.proxies["bank_b"]

    def tearDown(self):
        """One test's fault is no other's: whatever one that failed left down is brought up."""
        for proxy in self.system.proxies.values():
            proxy.release()
            proxy.accept()
        for process in (self.trothd, *self.system.banks.values()):
            if not process.running():
                process.start()

    def agrees(self, gtid, outcome):
        """Both databases, the journal, the API and Kafka say `outcome`, once."""
        self.system.drained()
        moved = AMOUNT if outcome == "committed" else 0
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE - moved)
        self.assertEqual(self.system.balance("bank_b", self.account), BALANCE + moved)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], outcome)
        self.assertEqual(self.system.decision(gtid), "commit" if outcome == "committed" else "abort")
        events = self.system.events()[gtid]
        self.assertEqual({json.loads(event["payload"])["outcome"] for event in events}, {outcome})
        self.assertEqual(len({event["headers"]["ce_id"] for event in events}), 1)

    def begin(self, definition="transfer"):
        return self.system.begin(self.account, self.account, AMOUNT, definition=definition)

    def decided(self, gtid, decision="commit"):
        wait_until(lambda: self.system.decision(gtid) == decision, 20, f"{gtid} decided")

    def prepared(self, gtid, count):
        wait_until(lambda: sum(gtid in name for name in self.system.postgres.prepared()) == count, 20,
                   f"{count} branches prepared")

    # --- participants

    def test_a_participant_that_does_not_answer_in_time_aborts(self):
        self.bank_b.hold("request")
        shown = self.system.transfer(self.account, self.account, AMOUNT, definition="short").json
        self.assertEqual((shown["outcome"], shown["failure"]["cause"]), ("aborted", "timeout"), shown)
        self.bank_b.release()
        self.agrees(shown["gtid"], "aborted")

    def test_a_participant_that_can_not_be_reached_aborts(self):
        with socket.socket() as nobody:  # bound and not listening: connections are refused
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            self.assertEqual(self.trothd.register("nobody", f"http://127.0.0.1:{port}/").status, 201)
            steps = [{**SHORT["steps"][0]}, {**SHORT["steps"][1], "participant": "nobody"}]
            self.assertEqual(self.trothd.apply({**SHORT, "name": "unreachable", "steps": steps}).status, 201)
            shown = self.system.transfer(self.account, self.account, AMOUNT, definition="unreachable").json
            self.assertEqual((shown["outcome"], shown["failure"]["cause"], shown["failure"]["participant"]),
                             ("aborted", "unreachable", "nobody"), shown)
            self.assertEqual(self.trothd.delete("/v1/participants/nobody").status, 409)
        # It is told abort until it acknowledges: when it has moved, too.
        self.assertEqual(self.trothd.register("nobody", self.system.banks["bank_b"].url).status, 200)
        self.agrees(shown["gtid"], "aborted")

    def test_a_vote_that_is_lost_is_asked_for_again(self):
        self.bank_b.cut_at("reply", b'"vote"')
        shown = self.system.transfer(self.account, self.account, AMOUNT).json
        self.assertTrue(self.bank_b.triggered.is_set())
        self.assertEqual(shown["outcome"], "committed", shown)
        self.agrees(shown["gtid"], "committed")

    def test_an_acknowledgement_that_is_lost_is_asked_for_again(self):
        self.bank_b.cut_at("reply", b'"op":"commit"')
        gtid = self.begin()
        wait_until(self.bank_b.triggered.is_set, 20, "the acknowledgement was cut")
        self.agrees(gtid, "committed")

    def test_a_participant_down_in_phase_2_commits_when_it_is_back(self):
        self.bank_b.cut_at("request", b'"op":"commit"', then_refuse=True)
        bank = self.system.banks["bank_b"]
        reply = {}
        client = threading.Thread(target=lambda: reply.update(
            self.system.transfer(self.account, self.account, AMOUNT).json))
        client.start()
        wait_until(self.bank_b.triggered.is_set, 20, "the commit was cut")
        bank.kill9()
        client.join(30)
        # The client is told the outcome; it does not wait for a participant that cannot be reached.
        self.assertEqual((reply["outcome"], reply["state"]), ("committed", "committing"), reply)
        self.prepared(reply["gtid"], 1)
        bank.start()
        self.bank_b.accept()
        self.agrees(reply["gtid"], "committed")

    def test_a_participant_killed_while_prepared(self):
        self.bank_b.hold("reply")
        gtid = self.begin()
        self.prepared(gtid, 2)
        self.system.banks["bank_b"].kill9()
        self.bank_b.release()
        self.bank_b.cut()
        self.system.banks["bank_b"].start()
        self.agrees(gtid, "committed")

    # --- the coordinator

    def test_trothd_killed_before_the_decision_when_a_client_waits(self):
        """Nobody was told anything: the branches learn by asking that it was aborted."""
        self.bank_b.hold("reply")

        def ask():
            try:
                self.system.transfer(self.account, self.account, AMOUNT)
            except OSError:
                pass  # the answer never comes: trothd is killed

        client = threading.Thread(target=ask)
        client.start()
        wait_until(lambda: len(self.system.postgres.prepared()) == 2, 20, "both prepared")
        self.trothd.kill9()
        client.join(30)
        self.bank_b.release()
        self.trothd.start()
        self.system.drained()
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE)
        self.assertEqual(self.system.balance("bank_b", self.account), BALANCE)

    def test_trothd_killed_before_the_decision_when_it_was_accepted(self):
        """It was acknowledged with 202: a new attempt drives it to its outcome."""
        self.bank_b.hold("reply")
        gtid = self.begin()
        self.prepared(gtid, 2)
        self.trothd.kill9()
        self.bank_b.release()
        self.bank_b.cut()
        self.trothd.start()
        self.system.drained()
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual((shown["outcome"], shown["attempt"]), ("committed", 2), shown)
        self.assertEqual(self.system.balance("bank_a", self.account), BALANCE - AMOUNT)
        self.assertEqual(self.system.balance("bank_b", self.account), BALANCE + AMOUNT)

    def test_trothd_killed_after_the_decision(self):
        self.bank_b.cut_at("request", b'"op":"commit"', then_refuse=True)
        gtid = self.begin()
        self.decided(gtid)
        wait_until(self.bank_b.triggered.is_set, 20, "the commit was cut")
        self.trothd.kill9()
        self.bank_b.accept()
        self.trothd.start()
        self.agrees(gtid, "committed")

    def test_branches_in_doubt_learn_the_decision_by_asking(self):
        """The coordinator cannot reach the bank, the bank can reach the coordinator."""
        self.bank_b.cut_at("request", b'"op":"commit"', then_refuse=True)
        gtid = self.begin()
        self.decided(gtid)
        wait_until(self.bank_b.triggered.is_set, 20, "the commit was cut")
        wait_until(lambda: self.system.balance("bank_b", self.account) == BALANCE + AMOUNT, 30,
                   "bank_b asked and committed")
        self.bank_b.accept()
        self.agrees(gtid, "committed")

    # --- the journal

    def test_the_journal_connection_cut_during_commit(self):
        """The answer to the COMMIT of the decision is lost: written again, one verdict, one event."""
        journal = self.system.proxies["journal"]
        self.bank_b.hold("reply")
        gtid = self.begin()
        self.prepared(gtid, 2)
        journal.drop("reply")
        self.bank_b.release()
        self.decided(gtid)
        journal.cut()
        self.agrees(gtid, "committed")

    def test_the_journal_away_and_back(self):
        self.system.proxies["journal"].refuse()
        gtids = []
        client = threading.Thread(target=lambda: gtids.append(
            self.system.transfer(self.account, self.account, AMOUNT, prefer="wait=60").json["gtid"]))
        client.start()
        wait_until(lambda: self.trothd.get("/readyz").status == 503, 20, "not ready")
        self.system.proxies["journal"].accept()
        client.join(60)
        self.agrees(gtids[0], "committed")

    def test_the_journals_database_crashes(self):
        before = self.system.transfer(self.account, self.account, AMOUNT).json
        self.assertEqual(before["outcome"], "committed", before)
        self.system.postgres.kill()
        self.system.postgres.start()
        wait_until(lambda: self.trothd.get("/readyz").status == 200, 30, "ready again")
        self.agrees(before["gtid"], "committed")

    # --- Kafka

    def test_kafka_away_transactions_go_on_and_events_come_later(self):
        self.system.kafka.stop()
        reply = self.system.transfer(self.account, self.account, AMOUNT)
        self.assertEqual(reply.json["outcome"], "committed", reply)
        gtid = reply.json["gtid"]
        self.assertEqual(self.system.postgres.value(
            "journal", "select count(*) from troth.outbox where gtid = %s", (gtid,)), 1)
        self.system.kafka.start()
        self.agrees(gtid, "committed")

    def test_kafka_away_and_trothd_restarted_the_event_keeps_its_id(self):
        self.system.kafka.stop()
        gtid = self.system.transfer(self.account, self.account, AMOUNT).json["gtid"]
        before = self.system.postgres.value("journal", "select id::text from troth.outbox where gtid = %s", (gtid,))
        self.trothd.kill9()
        self.trothd.start()
        self.system.kafka.start()
        self.agrees(gtid, "committed")
        self.assertEqual({event["headers"]["ce_id"] for event in self.system.events()[gtid]}, {before})

    # --- two of them

    def test_a_prepared_transaction_beside_the_journal_stops_no_event(self):
        """Of somebody else, in the journal's own database, for as long as one likes."""
        postgres = self.system.postgres
        postgres.execute("journal", "create table if not exists public.other (n int)")
        session = psycopg2.connect(postgres.to("journal"))
        session.cursor().execute("insert into public.other values (1); prepare transaction 'somebody_elses'")
        session.close()
        try:
            gtid = self.system.transfer(self.account, self.account, AMOUNT).json["gtid"]
            self.agrees(gtid, "committed")
            self.assertEqual(postgres.prepared("somebody%"), ["somebody_elses"])
        finally:
            postgres.execute("journal", "rollback prepared 'somebody_elses'")

    def test_a_kafka_that_does_not_answer(self):
        """Its connections live and nothing comes: transactions go on, it is told, and the events arrive when it is
        back."""
        self.system.transfer(self.account, self.account, 1)
        self.system.drained()  # it has been heard of
        self.system.kafka.signal(signal.SIGSTOP)
        try:
            gtid = self.system.transfer(self.account, self.account, 1).json["gtid"]
            wait_until(lambda: re.search("^troth_kafka_reachable 0$", self.trothd.get("/metrics").body.decode(),
                                         re.MULTILINE), 30, "the metric says so")
            self.assertRegex(self.trothd.output(), "level=warn msg=kafka reachable=false "
                                                   'reason="connected, and no event was confirmed for [5-9] s"')
            self.assertEqual(self.trothd.get("/readyz").json["outbox"]["waiting"], 1)
            self.assertEqual(self.trothd.get("/readyz").status, 200)
        finally:
            self.system.kafka.signal(signal.SIGCONT)
        self.system.drained()
        self.assertEqual({json.loads(event["payload"])["outcome"] for event in self.system.events()[gtid]},
                         {"committed"})
        wait_until(lambda: self.trothd.get("/readyz").json["outbox"]["reachable"], 30, "it is there again")

    def test_a_second_coordinator_takes_over(self):
        from system import CheckedTrothd
        second = CheckedTrothd("second", **{**self.trothd.options, "node": "second", "lease": "2s"})
        second.launch()
        self.trothd.kill9()
        second.wait_ready(60)
        wait_until(lambda: second.get("/readyz").json["shards_led"] == 16, 60, "it leads all shards")
        first, self.system.trothd, Faults.trothd = self.trothd, second, second
        try:
            shown = self.system.transfer(self.account, self.account, AMOUNT).json
            self.assertEqual(shown["outcome"], "committed", shown)
            self.agrees(shown["gtid"], "committed")
        finally:
            second.stop()
            self.system.trothd = Faults.trothd = first
            first.start()


class NoPreparedTransactions(TrothTest):
    def test_a_database_with_max_prepared_transactions_0_is_named(self):
        postgres = self.run_folder.start(Postgres("without", max_prepared_transactions=0))
        postgres.database("bank")
        bank = Bank("bank_0", postgres.to("bank"), "http://127.0.0.1:1")
        bank.launch()
        self.assertNotEqual(bank.wait_end(), 0)
        self.assertIn("set max_prepared_transactions", bank.output())


if __name__ == "__main__":
    main()
