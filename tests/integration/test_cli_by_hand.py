"""trothctl tx resolve, tx forget and what tx show says of them, against a scripted HTTP server: what is sent, who is
asked first, how it exits."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cli_test import ATTENTION, GTID, OK, REFUSED, TROTHCTL, UNKNOWN, USAGE, CliTest, transaction  # noqa: E402

WORD = '"as":"compensated","by":"alice@ops-1","reason":"refunded","at":"2026-11-21T06:10:00.000000Z"'
STEPS = ('[{"branch":1,"name":"reserve","participant":"inventory","operation":"reserve","state":"compensated",'
         f'"resolved":{{{WORD},"forced":true}},"forgotten":{{"by":"bob","reason":"scrapped",'
         '"at":"2026-11-21T06:11:00.000000Z"}},{"branch":2,"name":"pay","participant":"bank","operation":"pay",'
         '"state":"committed","unconfirmed":{"attempt":1,"state":"committing","tries":3,"reason":"10.0.0.7:80: no"}}]')


class ByHand(CliTest):
    def at_a_terminal(self, typed, *words):
        """(exit status, what was shown): standard input and error are a terminal."""
        mine, its = pty.openpty()
        self.addCleanup(os.close, mine)
        process = subprocess.Popen([TROTHCTL, *words], stdin=its, stdout=subprocess.PIPE, stderr=its,
                                   env={"PATH": os.environ["PATH"], "TROTH_URL": self.url, "COLUMNS": "100"})
        os.close(its)
        os.write(mine, typed.encode())
        out = process.stdout.read().decode()
        process.stdout.close()
        code, shown = process.wait(30), b""
        with contextlib.suppress(OSError):  # EIO: nobody holds the other end any more, and all is read
            while piece := os.read(mine, 65536):
                shown += piece
        return code, out, shown.decode()

    def test_a_word_is_sent_with_who_and_why(self):
        """Branch, word, reason and force as they were given; who: the local user, where nobody else is named."""
        self.answer(200, transaction(outcome="compensated", steps=STEPS))
        out, _ = self.exits(OK, "tx", "resolve", GTID, "-b", "2", "--as", "compensated", "-r", "refunded", "--yes",
                            "--force")
        method, path, _, body = self.last()
        self.assertEqual((method, path), ("POST", f"/v1/transactions/{GTID}/resolve"))
        sent = json.loads(body)
        user = sent.pop("by")
        self.assertEqual(sent, {"branch": 2, "as": "compensated", "reason": "refunded", "force": True})
        self.assertRegex(user, r"^\S+@\S+")
        self.assertIn("by hand  1 reserve at inventory: compensated, forced, says alice@ops-1", out)
        self.answer(200, transaction())
        self.exits(OK, "tx", "forget", GTID, "--reason", "scrapped", "--by", "bob", "-y")
        self.assertEqual(json.loads(self.last()[3]), {"reason": "scrapped", "by": "bob"})

    def test_what_is_missing_is_said_before_anything_is_sent(self):
        """No word, a wrong one, no reason, nobody to ask: exit status 2."""
        for words in (("resolve", GTID, "-r", "x", "-y"), ("resolve", GTID, "--as", "done", "-r", "x", "-y"),
                      ("resolve", GTID, "--as", "aborted", "-y"), ("resolve", GTID, "--as", "aborted", "-r", " ", "-y"),
                      ("resolve", GTID, "--as", "aborted", "-r", "x", "-b", "0", "-y"), ("forget", GTID, "-y")):
            self.exits(USAGE, "tx", *words)
        _, err = self.exits(USAGE, "tx", "resolve", GTID, "--as", "aborted", "-r", "x")
        self.assertIn("--yes", err)
        self.exits(USAGE, "tx", "forget", GTID, "-r", "x")
        self.assertEqual(self.server.asked, [])

    def test_at_a_terminal_he_is_shown_it_and_asked(self):
        """The transaction is shown first; only "yes" goes on."""
        for typed, code, methods in (("yes\n", OK, ["GET", "POST"]), ("y\n", USAGE, ["GET"]), ("\n", USAGE, ["GET"])):
            self.server.asked.clear()
            self.server.answers.clear()
            self.answer(200, transaction(outcome=None, state="parked"))
            self.answer(200, transaction(outcome="compensated"))
            status, out, shown = self.at_a_terminal(typed, "tx", "resolve", GTID, "-b", "1", "--as", "compensated",
                                                    "-r", "refunded")
            self.assertEqual(status, code, shown)
            self.assertEqual([one[0] for one in self.server.asked], methods)
            self.assertIn("Branch 1 has ended, and is compensated? Type yes to go on:", shown)
            self.assertIn("(parked)", shown)
            self.assertEqual("COMPENSATED" in out, code == OK)

    def test_a_refusal_and_a_lost_answer(self):
        """What is unsafe exits 4 with the coordinator's words; no answer exits 6, and the same again is safe."""
        self.refuse(409, "unsafe", "its outcome would be mixed")
        _, err = self.exits(REFUSED, "tx", "resolve", GTID, "--as", "aborted", "-r", "x", "-y")
        self.assertEqual(err, "trothctl: its outcome would be mixed\n")
        _, err = self.exits(UNKNOWN, "tx", "resolve", GTID, "--as", "aborted", "-r", "x", "-y")
        self.assertIn("the same again is safe", err)

    def test_show_says_who_settled_what_and_what_is_not_confirmed(self):
        self.answer(200, transaction(outcome="mixed", steps=STEPS))
        out, _ = self.exits(ATTENTION, "tx", "show", GTID, "-e")
        self.assertIn("by hand  1 reserve at inventory: compensated, forced, says alice@ops-1, 2026-11-21"
                      " 06:10:00.000Z: refunded\n         1 reserve at inventory: forgotten, says bob,"
                      " 2026-11-21 06:11:00.000Z: scrapped\n", out)
        self.assertIn("missing  2 pay at bank has not confirmed it, and is told to commit; try 3:"
                      " 10.0.0.7:80: no\n", out)

    def test_the_doctor_sees_what_is_old_apart_or_refused(self):
        """What takes hours to come about on real servers: clocks apart, doubts, events and transactions that are old,
        Kafka away, events set aside, a participant that does not answer."""
        self.answer(200, json.dumps({
            "ready": True, "parked_transactions": 0, "journal": {"id": "0" * 16, "writable": True, "reason": None},
            "outbox": {"mode": "kafka", "reachable": False, "reason": "no broker", "set_aside": 3}}))
        self.answer(200, "# HELP\ntroth_clock_difference_seconds -2.5\ntroth_oldest_in_doubt_transaction_seconds 61\n"
                    "troth_oldest_open_transaction_seconds 90000\ntroth_oldest_unsent_event_seconds 61.5\n",
                    "text/plain")
        self.answer(200, '{"transactions":[],"cursor":null}')
        self.answer(200, '{"participants":[{"name":"bank_a","status":{"reachable":false,"last_failure":{"text":"no"}}},'
                         '{"name":"bank_b","status":{"reachable":null}}],"cursor":null}')
        out, _ = self.exits(ATTENTION, "doctor", "-o", "json")
        found = {(one["check"], one["of"]): (one["level"], one["found"]) for one in json.loads(out)["findings"]}
        for check, words in {"clock, to the journal's database": "-2.500 s", "oldest in doubt": "61.000 s",
                             "oldest open transaction": "90000.000 s", "kafka": "not reached: no broker",
                             "oldest event that waits for Kafka": "61.500 s", "events set aside": "3"}.items():
            self.assertEqual(found[check, "coordinator"], ("attention", words))
        self.assertEqual(found["participant answers", "bank_a"], ("attention", "no: no, 0 in use"))
        self.assertEqual(found["participant answers", "bank_b"], ("ok", "not asked yet, 0 in use"))
        self.assertEqual(json.loads(out)["attention"], 7)

    def test_lists_ask_for_what_needs_somebody(self):
        """--in-doubt, --parked and --mixed are filters of the list, and go together with the others."""
        for words, query in ((("--in-doubt", "-p", "bank_b"), "?in_doubt=true&participant=bank_b&limit=50"),
                             (("--parked",), "?state=parked&limit=50"), (("--mixed",), "?outcome=mixed&limit=50")):
            self.answer(200, '{"transactions":[],"cursor":null}')
            self.exits(OK, "tx", "list", *words)
            self.assertEqual(self.last()[1].replace("&limit=50", "") + "&limit=50", "/v1/transactions" + query)
        self.exits(USAGE, "tx", "list", "--parked", "--state", "ended")


if __name__ == "__main__":
    import unittest
    unittest.main()
