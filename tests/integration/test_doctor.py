"""trothctl doctor: each of its findings is provoked once, on real servers, and gone again when what it says is done."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import REFUSED, Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import Postgres, TrothTest, main, program, run_folder, wait_until  # noqa: E402

OK, USAGE, ATTENTION = 0, 2, 7


class Doctor(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(outbox="table", lazy_delay="10ms").start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres
        cls.scripted = Scripted()

    # --- what tests do

    def doctor(self, *words, url=None):
        """(exit status, {(check, of): finding})"""
        done = subprocess.run([program("trothctl"), "--url", url or self.trothd.url, "-o", "json", "doctor", *words],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
        self.assertIn(done.returncode, (OK, ATTENTION), done.stderr)
        answer = json.loads(done.stdout)
        findings = {(one["check"], one["of"]): one for one in answer["findings"]}
        self.assertEqual(len(findings), len(answer["findings"]), "each is there once")
        wrong = [one for one in findings.values() if one["level"] == "attention"]
        self.assertEqual((answer["attention"], done.returncode), (len(wrong), ATTENTION if wrong else OK))
        for one in findings.values():
            self.assertTrue(one["found"], one)
            self.assertEqual(one["do"] == "", one["level"] == "ok", one)
        return findings

    def banks(self, *names):
        return [word for name in names for word in ("--database", f"{name}={self.postgres.to(name)}")]

    def attends(self, check, of, *words, found="", url=None):
        finding = self.doctor(*words, url=url)[check, of]
        self.assertEqual(finding["level"], "attention", finding)
        self.assertIn(found, finding["found"])

    def fine(self, check, of, *words):
        finding = self.doctor(*words)[check, of]
        self.assertEqual(finding["level"], "ok", finding)

    # --- tests

    def test_all_is_well(self):
        """A healthy system: everything is looked at and nothing needs attention; as a table, too."""
        words = ("--journal", self.postgres.to("journal"), *self.banks("bank_a", "bank_b"))
        findings = self.doctor(*words)
        wrong = [one for one in findings.values() if one["level"] == "attention"]
        self.assertEqual(wrong, [])
        for check in ("coordinator", "journal takes writes", "parked transactions", "oldest in doubt", "outbox",
                      "oldest open transaction", "clock, to the journal's database", "mixed outcomes of a week",
                      "participant answers", "fsync", "full_page_writes", "whose journal", "retention", "disk",
                      "events in the outbox", "server version", "primary", "max_prepared_transactions", "guard",
                      "prepared transactions", "oldest prepared", "orphans", "transaction ids", "lost rows"):
            self.assertIn(check, {check for check, _ in findings})
        table = subprocess.run([program("trothctl"), "--url", self.trothd.url, "doctor"], capture_output=True,
                               text=True, timeout=60)
        self.assertEqual(table.returncode, OK, table.stdout + table.stderr)
        self.assertRegex(table.stdout, r"(?m)^ok +parked transactions +coordinator +0")
        self.assertRegex(table.stdout, r"(?m)^unseen +journal's database .*--journal CONNINFO")
        self.assertIn("0 of these need attention", table.stdout)

    def test_a_coordinator_that_is_not_there(self):
        """Databases are looked at all the same."""
        findings = self.doctor(*self.banks("bank_a"), url="http://127.0.0.1:1")
        self.assertIn("not reached", findings["coordinator", "http://127.0.0.1:1"]["found"])
        self.assertEqual(findings["max_prepared_transactions", "bank_a"]["level"], "ok")

    def test_a_journal_that_takes_no_writes(self):
        """Somebody locks the shards: the doctor says that nothing is written, and why."""
        with contextlib.closing(psycopg2.connect(self.postgres.to("journal"))) as session:
            session.cursor().execute("lock table troth.shard in access exclusive mode")
            self.trothd.post("/v1/transactions", {"mode": "2pc", "timeout": "30s"})
            wait_until(lambda: not self.trothd.get("/readyz").json["journal"]["writable"], 60, "it is noticed")
            self.attends("journal takes writes", "coordinator", found="no: ")
            self.attends("coordinator", self.trothd.url, found="not ready")
        wait_until(lambda: self.trothd.get("/readyz").json["ready"], 60, "it goes on")
        self.fine("journal takes writes", "coordinator")

    def test_what_is_parked_and_mixed(self):
        """A compensation that is refused for good is parked; settled against all the others it is mixed."""
        assert self.trothd.register("scripted", self.scripted.url, "http").status in (200, 201)
        self.scripted.answers[("fail", "execute")] = [(REFUSED, b"{}", {"Troth-State": "aborted"})]
        self.scripted.answers[("undo", "compensate")] = [REFUSED]
        definition = {"name": "parks", "version": 1, "mode": "saga", "timeout": "2m",
                      "retries": {"default": {"interval": "50ms", "max_attempts": 1}},
                      "steps": [{"name": "act", "participant": "scripted", "operation": "act", "input": {},
                                 "compensate": {"operation": "undo", "input": {}}},
                                {"name": "fail", "participant": "scripted", "operation": "fail", "input": {}}]}
        self.assertEqual(self.trothd.apply(definition).status, 201)
        gtid = self.trothd.submit("parks", {}, prefer="respond-async").json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "it is parked")
        self.attends("parked transactions", "coordinator", found="1")
        reply = self.trothd.post(f"/v1/transactions/{gtid}/resolve", {
            "as": "committed", "by": "alice", "reason": "it stays", "force": True})
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "mixed")
        self.fine("parked transactions", "coordinator")
        self.attends("mixed outcomes of a week", "coordinator", found="1")
        self.postgres.execute("journal", "update troth.txn set began_at = began_at - interval '8 days' where gtid = %s",
                              (gtid,))
        self.fine("mixed outcomes of a week", "coordinator")

    def test_a_participant_that_is_gone(self):
        """Its process does not answer; then its database does not, either."""
        bank = self.system.banks["bank_b"]
        bank.kill9()
        self.system.transfer(1, 1, 1, prefer="wait=5")
        self.attends("participant answers", "bank_b", found="no: ")
        bank.start()
        wait_until(lambda: self.system.transfer(1, 1, 1, prefer="wait=5").json.get("outcome") == "committed", 60,
                   "it answers")
        self.fine("participant answers", "bank_b")
        self.attends("database", "bank_b", "--database", "bank_b=host=/nowhere", found="not reached")

    def test_what_is_prepared_and_cannot_be_explained(self):
        """A name like Troth's that the coordinator does not know."""
        session = psycopg2.connect(self.postgres.to("bank_a"))
        session.cursor().execute("update account set balance = balance where id = 90")
        session.cursor().execute("prepare transaction 'troth_and_more'")
        session.close()
        try:
            self.attends("orphans", "bank_a", *self.banks("bank_a"), found="1 cannot be explained")
        finally:
            self.postgres.execute("bank_a", "rollback prepared 'troth_and_more'")
        self.fine("orphans", "bank_a", *self.banks("bank_a"))

    def test_a_database_that_cannot_prepare_and_keeps_nothing(self):
        """A server with max_prepared_transactions 0 and fsync off; a guard that is older; a database of another
        encoding that holds no journal; and one that holds another journal."""
        other = run_folder().start(Postgres("other", max_prepared_transactions=0, fsync="off", full_page_writes="off"))
        other.database("bank_a")
        other.execute("bank_a", "create schema troth_guard")
        other.execute("bank_a", "create table troth_guard.version as select 1 as version")
        participant = ("--database", f"bank_a={other.to('bank_a')}")
        self.system.transfer(2, 2, 1)  # with its answers the bank announces its slots
        self.attends("max_prepared_transactions", "bank_a", *participant, found="0, for 8 slots")
        self.attends("guard", "bank_a", *participant, found="version 1,")
        other.execute("postgres", "create database latin encoding 'LATIN1' locale 'C' template template0")
        findings = self.doctor("--journal", other.to("latin"))
        for check, found in (("fsync", "off"), ("full_page_writes", "off"), ("encoding", "LATIN1"),
                             ("schema", "there is none")):
            self.assertEqual(findings[check, "journal"]["level"], "attention")
            self.assertIn(found, findings[check, "journal"]["found"])
        other.database("journal")
        subprocess.run([program("trothd"), "migrate", "--journal", other.to("journal"), "--journal_unsafe", "allow"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.attends("whose journal", "journal", "--journal", other.to("journal"))
        other.stop()

    def test_a_standby_is_no_primary(self):
        """Whoever is given a standby's address is told so, instead of what the primary would say."""
        standby = Postgres("standby")
        standby.follow(self.postgres)
        try:
            self.attends("primary", "bank_a", "--database", f"bank_a={standby.to('bank_a')}", found="no")
        finally:
            standby.stop()

    def test_a_database_that_is_no_participants(self):
        """A name that is none is wrong use; without a guard that is said, and no alarm."""
        self.postgres.database("empty")
        findings = self.doctor("--database", f"ledger={self.postgres.to('empty')}")
        self.assertEqual(findings["guard", "ledger"]["level"], "unseen")
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, "doctor", "-d", "dbname"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)


if __name__ == "__main__":
    main()
