"""An operator settles by hand what a participant does not: trothctl tx resolve and tx forget on real processes and
databases; trothd is killed at the worst moment, and the participant comes back and says otherwise."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import TrothTest, main, program, wait_until  # noqa: E402

OK, NOT_COMMITTED, USAGE, NOT_FOUND, REFUSED_EXIT, UNAVAILABLE, UNKNOWN, ATTENTION = range(8)
ONCE = {"interval": "50ms", "max_attempts": 1}
NEVER = b"\0never"


class Resolve(TrothTest):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(outbox="table", lazy_delay="10ms").start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres

    def setUp(self):
        Resolve.number += 1
        self.scripted = Scripted()
        assert self.trothd.register("scripted", self.scripted.url, "http").status in (200, 201)

    def tearDown(self):
        self.scripted.end.set()
        for name, bank in self.system.banks.items():
            self.system.proxies[name].cut_at("request", NEVER)
            if not bank.running():
                bank.start()
        self.system.proxies["journal"].release()
        if not self.trothd.running():
            self.trothd.start()

    # --- what tests do

    def trothctl(self, *words, code=OK):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        return done.stdout if code in (OK, ATTENTION, NOT_COMMITTED) else done.stderr

    def resolve(self, gtid, word, *more, code=OK):
        return self.trothctl("tx", "resolve", gtid, "--as", word, "--reason", "ticket 4711", "--by", "alice@ops", "-y",
                             *more, code=code)

    def forget(self, gtid, *more, code=OK):
        return self.trothctl("tx", "forget", gtid, "-r", "scrapped", "--by", "bob@ops", "--yes", *more, code=code)

    def parked_saga(self):
        """Its step is done and its compensation refused for good."""
        definition = {"name": f"saga_{self.number}", "version": 1, "mode": "saga", "timeout": "2m",
                      "retries": {"default": ONCE},
                      "steps": [{"name": "act", "participant": "scripted", "operation": "act", "input": {},
                                 "compensate": {"operation": "undo", "input": {}}},
                                {"name": "fail", "participant": "scripted", "operation": "fail", "input": {}}]}
        self.scripted.answers[("fail", "execute")] = [(REFUSED, b"{}", {"Troth-State": "aborted"})]
        self.scripted.answers[("undo", "compensate")] = [REFUSED]
        self.assertEqual(self.trothd.apply(definition).status, 201)
        gtid = self.trothd.submit(definition["name"], {}, prefer="respond-async").json["gtid"]
        wait_until(lambda: self.trothd.show(gtid)["state"] == "parked", 20, "the compensation is parked")
        return gtid

    def in_doubt(self, account):
        """Committed; bank_b is prepared, was killed before it heard of it, and does not come back."""
        proxy = self.system.proxies["bank_b"]
        proxy.cut_at("request", b'"op":"commit"', then_refuse=True)
        gtid = self.system.begin(account, account, 50)
        assert proxy.triggered.wait(20)
        self.system.banks["bank_b"].kill9()
        proxy.accept()
        wait_until(lambda: self.system.decision(gtid) == "commit", 20, "it is decided")
        wait_until(lambda: self.state(gtid, 1) == "committed", 20, "bank_a has committed")
        self.assertEqual(len(self.postgres.prepared()), 1)
        return gtid

    def psql(self, database, script):
        done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", self.postgres.to(database)], input=script,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def prepare(self, database, statement, name):
        connection = psycopg2.connect(self.postgres.to(database))
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.execute(f"prepare transaction '{name}'")
        connection.close()

    def step(self, gtid, branch):
        return self.trothd.show(gtid)["steps"][branch - 1]

    def state(self, gtid, branch):
        return self.step(gtid, branch)["state"]

    def records(self, gtid):
        """What the journal holds of an operator's words."""
        rows = self.postgres.query("journal", "select payload from troth.record where gtid = %s"
                                   " and payload like '%%\"resolved\"%%' order by seq", (gtid,))
        return [json.loads(row[0]) for row in rows]

    def events(self, gtid):
        rows = self.postgres.query("journal", "select type, payload from troth.outbox where gtid = %s order by seq",
                                   (gtid,))
        return {kind.split(".")[-2]: json.loads(payload) for kind, payload in rows}

    # --- tests

    def test_a_parked_compensation_is_settled_by_hand(self):
        """A person has undone the step: the saga ends compensated, is not compensated again, and who, when and why
        stand in tx show, in the journal and in the event."""
        gtid = self.parked_saga()
        self.assertIn(gtid, self.trothctl("tx", "list", "--parked"))
        calls = self.scripted.count(gtid, "undo", "compensate")
        self.assertIn("by hand  1 act at scripted: compensated, says alice@ops", self.resolve(gtid, "compensated"))
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual(shown["outcome"], "compensated")
        word = shown["steps"][0]["resolved"]
        self.assertEqual((word["as"], word["by"], word["reason"]), ("compensated", "alice@ops", "ticket 4711"))
        self.assertEqual([record["resolved"] for record in self.records(gtid)], [word])
        self.assertEqual(self.events(gtid)["compensated"]["steps"][0]["resolved"], word)
        self.assertIn("ticket 4711", self.trothctl("tx", "show", gtid))
        self.assertEqual(self.scripted.count(gtid, "undo", "compensate"), calls)

    def test_a_step_that_was_undone_by_hand_is_not_undone_by_the_next_leader(self):
        """The word is durable, another step is still parked, and trothd is killed: the next one goes by the word."""
        definition = {"name": f"saga_{self.number}", "version": 1, "mode": "saga", "timeout": "2m",
                      "retries": {"default": ONCE},
                      "steps": [*({"name": name, "participant": "scripted", "operation": name, "input": {}, "after": [],
                                   "compensate": {"operation": f"undo_{name}", "input": {}}} for name in ("a", "b")),
                                {"name": "fail", "participant": "scripted", "operation": "fail", "input": {},
                                 "after": ["a", "b"]}]}
        self.scripted.answers[("fail", "execute")] = [(REFUSED, b"{}", {"Troth-State": "aborted"})]
        for name in ("undo_a", "undo_b"):
            self.scripted.answers[(name, "compensate")] = [REFUSED]
        self.assertEqual(self.trothd.apply(definition).status, 201)
        gtid = self.trothd.submit(definition["name"], {}, prefer="respond-async").json["gtid"]
        wait_until(lambda: [self.state(gtid, n) for n in (1, 2)] == ["parked", "parked"], 20, "both are parked")
        self.assertIn("name one", self.resolve(gtid, "compensated", code=REFUSED_EXIT))
        self.resolve(gtid, "compensated", "--branch", "2")
        calls = self.scripted.count(gtid, "undo_b", "compensate")
        self.trothd.kill9()
        self.trothd.start()
        self.assertEqual(self.state(gtid, 2), "compensated")
        self.scripted.answers[("undo_a", "compensate")] = [DONE]
        self.trothctl("tx", "retry", gtid)
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "compensated")
        self.assertEqual(self.scripted.count(gtid, "undo_b", "compensate"), calls)
        self.assertEqual(self.trothd.show(gtid)["steps"][1]["resolved"]["by"], "alice@ops")

    def test_a_participant_that_comes_back_confirms_the_word(self):
        """In doubt at a dead bank: settled, the client is told so; when the bank is there again it commits, and the
        transaction ends."""
        gtid = self.in_doubt(account=1)
        self.assertIn(gtid, self.trothctl("tx", "list", "--in-doubt"))
        text = self.resolve(gtid, "committed")
        self.assertIn("2 credit at bank_b has not confirmed it, and is told to commit", text)
        self.assertEqual(self.trothd.show(gtid)["outcome"], "committed")
        self.assertEqual(len(self.postgres.prepared()), 1)
        self.system.banks["bank_b"].start()
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual(shown["outcome"], "committed")
        self.assertEqual(shown["steps"][1]["resolved"]["as"], "committed")
        self.assertNotIn("unconfirmed", shown["steps"][1])
        self.assertEqual(self.system.balance("bank_b", 1), 1050)

    def test_a_participant_that_ended_otherwise_makes_it_mixed(self):
        """The operator said committed, and somebody had rolled it back: found out when the bank is there again, with
        an event of its own."""
        gtid = self.in_doubt(account=2)
        self.postgres.execute("bank_b", f"rollback prepared '{self.postgres.prepared()[0]}'")
        self.resolve(gtid, "committed")
        self.assertEqual(self.trothd.show(gtid)["outcome"], "committed")
        self.system.banks["bank_b"].start()
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual((shown["outcome"], shown["steps"][1]["state"]), ("mixed", "heuristic"))
        events = self.events(gtid)
        self.assertEqual(list(events), ["committed", "mixed"])
        self.assertEqual(events["mixed"]["steps"][1]["resolved"]["by"], "alice@ops")
        self.assertIn(gtid, self.trothctl("tx", "list", "--mixed"))

    def test_a_participant_that_is_gone_is_forgotten(self):
        """Forgetting an open one is refused; settled first, it ends without the bank. A bank that comes back all the
        same asks, and is answered."""
        gtid = self.in_doubt(account=3)
        self.assertIn("resolve first", self.forget(gtid, code=REFUSED_EXIT))
        self.resolve(gtid, "committed")
        self.assertIn("forgotten", self.forget(gtid))
        shown = self.trothd.wait_outcome(gtid)
        self.assertEqual(shown["steps"][1]["forgotten"]["reason"], "scrapped")
        self.assertIn("has ended", self.forget(gtid, code=REFUSED_EXIT))
        self.system.banks["bank_b"].start()
        wait_until(lambda: not self.postgres.prepared(), 30, "the bank has asked, and committed")
        self.assertEqual(self.system.balance("bank_b", 3), 1050)

    def test_against_the_decision_only_with_force(self):
        """The refusal says what would go wrong and what to look at; forced, the outcome is mixed."""
        gtid = self.in_doubt(account=4)
        words = self.resolve(gtid, "aborted", code=REFUSED_EXIT)
        for part in ("the decision is commit", "mixed for ever", "still prepared", "force"):
            self.assertIn(part, words)
        self.assertNotIn("resolved", self.step(gtid, 2))
        self.postgres.execute("bank_b", f"rollback prepared '{self.postgres.prepared()[0]}'")
        self.resolve(gtid, "aborted", "--force")
        wait_until(lambda: self.trothd.show(gtid)["outcome"] == "mixed", 20, "it is mixed")
        self.assertIs(self.events(gtid)["mixed"]["steps"][1]["resolved"]["forced"], True)
        self.system.banks["bank_b"].start()
        self.trothd.wait_outcome(gtid)

    def test_killed_between_the_word_and_its_answer(self):
        """The word is in the journal and nobody was told: trothd is killed. The next leader goes by it, and the same
        again is answered by the first."""
        gtid = self.in_doubt(account=5)
        replies = []

        def ask():
            try:
                replies.append(self.trothd.post(f"/v1/transactions/{gtid}/resolve", {
                    "branch": 2, "as": "committed", "by": "alice@ops", "reason": "ticket 4711"}))
            except OSError as error:
                replies.append(error)
        self.system.proxies["journal"].hold("reply")
        asked = threading.Thread(target=ask)
        asked.start()
        wait_until(lambda: len(self.records(gtid)) == 1, 20, "the word is in the journal")
        self.assertEqual(replies, [])
        self.trothd.kill9()
        asked.join(20)
        self.assertIsInstance(replies[0], OSError)
        self.system.proxies["journal"].release()
        self.system.proxies["journal"].cut()
        self.trothd.start()
        self.assertEqual(self.step(gtid, 2)["resolved"]["by"], "alice@ops")
        self.assertIn("alice@ops", self.resolve(gtid, "committed"))
        self.assertEqual(len(self.records(gtid)), 1)
        self.assertIn("a word is said once", self.resolve(gtid, "aborted", "--force", code=REFUSED_EXIT))
        self.system.banks["bank_b"].start()
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")

    def test_two_operators_at_once_and_the_participant_too(self):
        """Both words and the bank's own answer come at the same moment: each is answered, and nothing is half done."""
        gtid = self.in_doubt(account=6)
        codes = {}

        def say(word, *more):
            done = subprocess.run([program("trothctl"), "--url", self.trothd.url, "tx", "resolve", gtid, "-b", "2",
                                   "--as", word, "-r", "now", "--by", word, "-y", *more], capture_output=True,
                                  text=True, timeout=60)
            codes[word] = (done.returncode, done.stdout, done.stderr)
        threads = [threading.Thread(target=say, args=("committed",)),
                   threading.Thread(target=say, args=("aborted", "--force"))]
        self.system.banks["bank_b"].launch()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.system.banks["bank_b"].wait_ready()
        shown = self.trothd.wait_outcome(gtid)
        said = [step["resolved"]["as"] for step in shown["steps"] if "resolved" in step]
        accepted = [word for word, (code, *_) in codes.items() if code == OK]
        self.assertEqual(said, accepted or said, codes)
        self.assertLessEqual(len(said), 1, shown)
        self.assertEqual(shown["outcome"], "mixed" if said == ["aborted"] else "committed")
        self.assertEqual(self.system.balance("bank_b", 6), 1050)

    def test_a_dba_finds_and_ends_a_branch_with_the_script(self):
        """What tx sql prints looks, in psql, and with its last line uncommented it does what was decided."""
        gtid = self.in_doubt(account=9)
        script = self.trothctl("tx", "sql", gtid, "--branch", "2")
        looked = self.psql("bank_b", script)
        self.assertIn(self.postgres.prepared()[0], looked)
        self.assertEqual(len(self.postgres.prepared()), 1)
        self.psql("bank_b", re.sub(r"^-- commit prepared", "commit prepared", script, flags=re.MULTILINE))
        self.assertEqual((self.postgres.prepared(), self.system.balance("bank_b", 9)), ([], 1050))
        self.resolve(gtid, "committed")
        self.system.banks["bank_b"].start()
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")

    def test_prepared_transactions_are_explained_or_not(self):
        """Of what is prepared at a bank that is gone: a decided one, another journal's, a stranger's, and one that the
        coordinator cannot explain, for which the exit status says that somebody must look."""
        gtid = self.in_doubt(account=10)
        ours = self.postgres.prepared()[0]
        journal = ours.split("_")[1]
        database = ("--database", self.postgres.to("bank_b"), "-o", "json")
        listed = json.loads(self.trothctl("participant", "orphans", "bank_b", *database))["prepared"]
        self.assertEqual([(one["name"], one["decision"], one["participant"], one["attention"]) for one in listed],
                         [(ours, "commit", "bank_b", False)])
        names = {f"troth_{journal}_{gtid[:-12]}ff4000000001_1_1": "unknown",
                 f"troth_{'f' * 16}_{gtid}_1_1": "elsewhere", "troth_and_more": "strange"}
        for number, name in enumerate(names):
            self.prepare("bank_b", f"update account set balance = balance where id = {50 + number}", name)
        try:
            listed = json.loads(self.trothctl("participant", "orphans", "bank_b", *database,
                                              code=ATTENTION))["prepared"]
            self.assertEqual({one["name"]: one["decision"] for one in listed}, {ours: "commit", **names})
            self.assertIn("another journal's", self.trothctl("participant", "orphans", "bank_b", *database[:2],
                                                             code=ATTENTION))
            self.assertIn("whose database is this", self.trothctl("participant", "orphans", "bank_a", *database[:2],
                                                                  code=ATTENTION))
        finally:
            for name in names:
                self.postgres.execute("bank_b", f"rollback prepared '{name}'")
        self.assertIn("/nowhere", self.trothctl("participant", "orphans", "bank_b", "-d", "host=/nowhere",
                                                code=UNAVAILABLE))
        self.trothctl("participant", "orphans", "bank_b", code=USAGE)
        self.system.banks["bank_b"].start()
        self.trothd.wait_outcome(gtid)

    def test_from_a_blocked_row_to_the_transaction(self):
        """One query, the documented one, leads from a session that waits to the transaction that holds it up."""
        gtid = self.in_doubt(account=11)
        waiting = psycopg2.connect(self.postgres.to("bank_b"))
        self.addCleanup(waiting.close)
        thread = threading.Thread(target=lambda: waiting.cursor().execute(
            "update account set balance = balance where id = 11"))
        thread.start()
        rows = wait_until(lambda: self.postgres.query(
            "bank_b", "select gtid::text, branch, prepared, waiting_pid from troth_guard.blockers"), 20, "it is seen")
        self.assertEqual(rows, [(gtid, 2, True, waiting.info.backend_pid)])
        self.system.banks["bank_b"].start()
        thread.join(30)
        self.trothd.wait_outcome(gtid)

    def test_what_cannot_be_settled_says_why(self):
        """An ended and an unknown transaction, a wrong word, a branch that is not there, one that has answered."""
        ended = wait_until(lambda: next((reply.json["gtid"] for reply in [self.system.transfer(7, 7, 1)]
                                         if reply.json["outcome"] == "committed"), None), 30, "one commits")
        self.trothd.wait_outcome(ended)
        self.assertIn("has ended with outcome committed", self.resolve(ended, "aborted", "-b", "1", code=REFUSED_EXIT))
        unknown = ended[:-4] + ("ffff" if not ended.endswith("ffff") else "fffe")
        self.assertIn("no row", self.resolve(unknown, "aborted", "-b", "1", code=NOT_FOUND))
        gtid = self.in_doubt(account=8)
        self.assertIn("say committed or aborted", self.resolve(gtid, "compensated", code=REFUSED_EXIT))
        self.assertIn("there is no branch 9", self.resolve(gtid, "committed", "-b", "9", code=REFUSED_EXIT))
        self.assertIn('as "bank_a" itself says', self.resolve(gtid, "aborted", "-b", "1", code=REFUSED_EXIT))
        self.trothctl("tx", "resolve", gtid, "--as", "done", "-r", "x", "-y", code=USAGE)
        self.trothctl("tx", "resolve", gtid, "--as", "committed", "-y", code=USAGE)
        self.assertIn("no terminal", self.trothctl("tx", "resolve", gtid, "--as", "committed", "-r", "x", code=USAGE))
        self.assertNotIn("resolved", self.step(gtid, 2))
        self.system.banks["bank_b"].start()
        self.trothd.wait_outcome(gtid)


if __name__ == "__main__":
    main()
