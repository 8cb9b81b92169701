#!/usr/bin/env python3
"""The guard's SQL functions on a real PostgreSQL: each row of the guard's table (participant-sdk.md), by themselves,
beside a participant in C over the same rows, and with several sessions at once."""
import json
import os
import re
import subprocess
import sys
import threading
import time
import unittest

import psycopg2

from guard_session import DEBIT, OUTPUT, SQL, Session, guard_database
from test_sdk_examples import (JOURNAL, SHOP, WITH_POSTGRES, Participant, database, gtid, query, roll_back_prepared,
                               together)


class GuardSql(unittest.TestCase):
    def setUp(self):
        self.database = guard_database("guard_sql")
        self.sessions = []
        self.a, self.b = self.session(), self.session()

    def session(self):
        self.sessions.append(Session(self.database))
        return self.sessions[-1]

    def tearDown(self):
        for session in self.sessions:
            session.connection.close()
        roll_back_prepared(self.database)

    # --- the table, row by row

    def test_the_same_call_again(self):
        """Answers the stored reply, byte for byte, and does nothing."""
        self.assertEqual(self.a.execute(1), ("work", OUTPUT))
        for session in (self.a, self.b):
            self.assertEqual(session.execute(1), ("done", OUTPUT))
        self.assertEqual(self.a.did(1), [1])

    def test_the_same_prepare_again(self):
        """Its row is invisible, its own name is there: it is prepared; once committed it is done."""
        self.assertEqual(self.a.prepare(1), ("work", OUTPUT))
        self.assertEqual(self.b.execute(1, timeout="300ms")[0], "prepared")
        self.a.run("COMMIT PREPARED %s", self.a.name(1))
        self.assertEqual(self.b.execute(1), ("done", OUTPUT))
        self.assertEqual(self.a.did(1), [1])

    def test_other_input(self):
        """Another input, or another operation, is refused within the attempt; done is done in any other."""
        self.a.execute(1)
        for call in (("debit", '{"amount":101}'), ("credit", DEBIT[1])):
            self.assertEqual(self.a.execute(1, call=call),
                             ("refused", "the same call came before with another input"))
        self.assertEqual(self.a.execute(1, attempt=2, call=("debit", "{}")), ("done", OUTPUT))
        self.assertEqual(self.a.did(1), [1])

    def test_a_refusal_is_kept(self):
        """A refusal commits its answer; the same call gets it for ever, a higher attempt may act."""
        self.assertEqual(self.a.begin(1)[0], "work")
        self.a.run("INSERT INTO did VALUES (%s, 1, 'action')", gtid(1))
        self.a.run("ROLLBACK")
        said = ("refused", '{"missing": 5}', "no money")
        self.assertEqual(self.a.refuse(1, "no money", '{"missing": 5}'), said)
        self.assertEqual(self.b.begin(1)[:3], said)
        self.b.run("COMMIT")
        self.assertEqual(self.b.refuse(1, "other words")[2], "no money")
        self.assertEqual(self.b.compensate(1), ("done", None))
        self.assertEqual(self.b.abort(1), ("aborted", None))
        self.assertEqual(self.b.status(1), ("aborted", None))
        self.assertEqual(self.a.did(1), [])
        self.assertEqual(self.a.execute(1, attempt=2)[0], "work")
        self.assertEqual(self.a.execute(1)[0], "done")

    def test_a_refusal_that_was_overtaken(self):
        """Whoever refuses after a duplicate has acted, or an abort has come, says what is there."""
        self.a.execute(1)
        self.assertEqual(self.b.refuse(1, "no money"), ("done", OUTPUT, None))
        self.a.abort(2)
        self.assertEqual(self.b.refuse(2, "no money")[2], "this attempt was aborted, or replaced by a higher one")
        self.b.begin(3)
        self.assertEqual(self.a.refuse(3, "no money")[0], "retry")

    def test_tombstones(self):
        """An abort that finds nothing writes one; it refuses its attempt and lower ones, not higher ones."""
        self.assertEqual(self.a.abort(1, attempt=2), ("aborted", None))
        for attempt in (1, 2):
            self.assertEqual(self.a.execute(1, attempt=attempt),
                             ("refused", "this attempt was aborted, or replaced by a higher one"))
        self.assertEqual(self.a.status(1), ("aborted", None))
        self.assertEqual(self.a.did(1), [])
        self.assertEqual(self.a.execute(1, attempt=3)[0], "work")
        self.assertEqual(self.a.abort(1, attempt=2), ("aborted", None))  # of what it replaced
        self.assertEqual(self.a.did(1), [3])

    def test_done_is_done(self):
        """A committed action of any attempt answers its stored reply, to an abort of it or of a higher one too."""
        self.a.execute(1, attempt=2)
        for attempt in (1, 2, 3):
            self.assertEqual(self.a.execute(1, attempt=attempt), ("done", OUTPUT))
        for attempt, verdict in ((1, ("aborted", None)), (2, ("committed", OUTPUT)), (3, ("committed", OUTPUT))):
            self.assertEqual(self.a.abort(1, attempt=attempt), verdict)
        self.assertEqual(self.a.did(1), [2])

    def test_a_lower_attempt_is_prepared(self):
        """Execute and prepare of a higher attempt have it rolled back first, by its name, and act once."""
        for counter, act in ((1, self.b.execute), (2, self.b.prepare)):
            self.a.prepare(counter)
            self.assertEqual(self.b.begin(counter, attempt=2)[::3], ("roll_back", [self.a.name(counter)]))
            self.b.run("ROLLBACK")
            self.assertEqual(act(counter, attempt=2), ("work", OUTPUT))
            self.assertEqual(self.a.execute(counter, timeout="300ms")[0], "done" if counter == 1 else "refused")
        self.b.run("COMMIT PREPARED %s", self.b.name(2, 2))
        self.assertEqual((self.a.did(1), self.a.did(2)), ([2], [2]))

    def test_a_lower_attempt_still_runs(self):
        """A higher attempt ends its session; nothing of it is left."""
        self.a.begin(1)
        self.a.run("INSERT INTO did VALUES (%s, 1, 'action')", gtid(1))
        self.assertEqual(self.b.execute(1, attempt=2, timeout="400ms"), ("work", OUTPUT))
        with self.assertRaises(psycopg2.OperationalError):
            self.a.run("COMMIT")
        self.assertEqual(self.b.did(1), [2])

    def test_neighbours_go_on(self):
        """Whoever works on another branch goes on, however much of its name is the same."""
        of_shard_4 = gtid(1)[:15] + "004" + gtid(1)[18:]
        others = [(JOURNAL, of_shard_4, 1), (JOURNAL, gtid(1), 11), ("00000000000000bb", gtid(1), 1)]
        neighbours = [self.session() for _ in others]
        for neighbour, branch in zip(neighbours, others):
            neighbour.run("BEGIN")
            neighbour.run("SELECT troth_guard.action(%s, %s, %s, 1, 'debit', '{}', '60s')", *branch)
        self.a.begin(1)
        self.assertEqual(self.b.abort(1), ("aborted", None))
        with self.assertRaises(psycopg2.OperationalError):
            self.a.run("COMMIT")
        self.assertEqual([neighbour.run("COMMIT") for neighbour in neighbours], ["COMMIT"] * len(others))

    def test_this_attempt_still_runs(self):
        """Anything but an abort is told to come again; the first answer stands."""
        self.a.begin(1)
        self.assertEqual(self.b.execute(1, timeout="300ms"), ("retry", "the same call still runs"))
        self.assertEqual(self.b.compensate(1), ("retry", "the action still runs"))
        self.a.work(1)
        self.a.run("COMMIT")
        self.assertEqual(self.b.execute(1), ("done", OUTPUT))

    def test_abort(self):
        """Prepared: rolled back, then the tombstone. Running: its session ends. Either way it never acts again."""
        self.a.prepare(1)
        self.assertEqual(self.b.ask("abort", 1)[::3], ("roll_back", [self.a.name(1)]))
        self.assertEqual(self.b.abort(1), ("aborted", None))
        self.assertEqual(self.a.execute(1)[0], "refused")
        self.a.begin(2)
        self.assertEqual(self.b.abort(2), ("aborted", None))
        with self.assertRaises(psycopg2.OperationalError):
            self.a.run("COMMIT")
        self.assertEqual(self.b.execute(2)[0], "refused")
        self.assertEqual(self.b.did(1) + self.b.did(2), [])

    def test_abort_below_a_prepared_attempt(self):
        """An abort of attempt 1 leaves attempt 2, which is prepared, alone."""
        self.a.prepare(1, attempt=2)
        self.assertEqual(self.b.ask("abort", 1)[::2], ("retry", "a higher attempt is at work"))
        self.a.run("COMMIT PREPARED %s", self.a.name(1, 2))
        self.assertEqual(self.b.abort(1), ("aborted", None))
        self.assertEqual(self.b.did(1), [2])

    def test_commit(self):
        """The row that was prepared with the work is the witness, also when somebody else has ended it."""
        self.a.prepare(1)
        self.a.run("COMMIT PREPARED %s", self.a.name(1))
        for _ in range(2):
            self.assertEqual(self.b.ask("committed", 1)[:2], ("done", OUTPUT))
        self.assertEqual(self.b.ask("committed", 1, attempt=2)[0], "done")  # its vote was the stored answer
        self.a.prepare(2)
        self.a.run("ROLLBACK PREPARED %s", self.a.name(2))
        self.assertEqual(self.b.ask("committed", 2)[0], "heuristic")
        self.a.abort(3)
        self.assertEqual(self.b.ask("committed", 3)[0], "heuristic")
        self.a.execute(4, attempt=2)
        self.assertEqual(self.b.ask("committed", 4)[0], "heuristic")  # attempt 1 never committed

    def test_compensation(self):
        """Undoes once, with the action's output at hand; the same again answers its stored reply."""
        self.a.execute(1)
        self.assertEqual(self.a.compensate(1), ("work", OUTPUT))
        self.assertEqual(self.b.compensate(1), ("done", '{"back": 1}'))
        self.assertEqual(self.b.compensate(1, call=("refund", "[]")), ("done", '{"back": 1}'))  # whatever its input
        self.assertEqual(self.a.execute(1), ("done", OUTPUT))
        self.assertEqual(self.a.status(1), ("compensated", '{"back": 1}'))
        self.assertEqual((self.a.did(1), self.a.undid(1)), ([1], 1))

    def test_null_compensation(self):
        """Nothing to undo: done, and the action that comes later is refused, in this attempt and lower ones."""
        self.assertEqual(self.a.compensate(1, attempt=2), ("done", None))
        late = ("refused", "this attempt was aborted, or replaced by a higher one")
        for attempt in (1, 2):
            self.assertEqual(self.a.execute(1, attempt=attempt), late)
        self.a.prepare(2)  # not decided, so not done
        self.assertEqual(self.b.compensate(2), ("done", None))
        self.assertEqual(self.a.execute(2), late)
        self.a.abort(3)  # of attempt 1, before the fallback
        self.assertEqual(self.b.compensate(3, attempt=2), ("done", None))
        self.assertEqual(self.a.execute(3, attempt=2), late)
        self.assertEqual([self.a.did(counter) + [self.a.undid(counter)] for counter in (1, 2, 3)], [[0]] * 3)

    def test_a_compensation_that_failed(self):
        """What was rolled back is not kept: the compensation can be tried again."""
        self.a.execute(1)
        self.a.run("BEGIN")
        self.assertEqual(self.a.ask("compensation", 1, "refund", "{}")[0], "work")
        self.assertEqual(self.b.ask("compensation", 1, "refund", "{}", "300ms")[::2],
                         ("retry", "the same compensation still runs"))
        self.a.run("ROLLBACK")
        self.assertEqual(self.b.compensate(1)[0], "work")
        self.assertEqual(self.b.undid(1), 1)

    def test_status(self):
        """Says each state and changes none."""
        self.assertEqual(self.a.status(1), ("unknown", None))
        self.a.prepare(1)
        self.assertEqual((self.a.status(1), self.a.status(1, attempt=2)), (("prepared", None), ("unknown", None)))
        self.a.run("COMMIT PREPARED %s", self.a.name(1))
        self.assertEqual(self.a.status(1), ("committed", OUTPUT))
        self.a.abort(2)
        self.assertEqual((self.a.status(2), self.a.status(2, attempt=2)), (("aborted", None), ("unknown", None)))
        self.a.prepare(2, attempt=2)  # over the tombstone
        self.assertEqual((self.a.status(2), self.a.status(2, attempt=2)), (("prepared", None), ("prepared", None)))

    # --- around it

    def test_the_example_in_the_header(self):
        """It runs as it stands there: the work, the same again, and the business no."""
        lines = [line[7:] for line in SQL[1].read_text().splitlines() if line.startswith("--     ")]
        example = "\n".join(lines[:lines.index("work        do it, in this transaction; everything else: COMMIT, then"
                                               " answer")])
        work, no = example.split("-- or a business no")

        def run(text, counter):
            values = {":key": "'{}', '{}', {}, {}".format(*self.a.key(counter)), ":body": "'{}'",
                      ":troth_timeout": "'5s'"}
            for name, value in values.items():
                text = text.replace(name, value)
            return [self.a.run(statement) for statement in re.sub("--.*", "", text).split(";") if statement.strip()]

        self.assertEqual([said[0][0] for said in run(work, 1)][1], "work")
        self.assertEqual(self.b.execute(1, call=("debit", "{}")), ("done", '{"balance": 880}'))
        run(work.split("-- work")[0], 2)
        self.assertEqual(run(no.split("\n", 1)[1], 2)[1], [("refused", None, "no money")])
        self.assertEqual(self.b.execute(2, call=("debit", "{}")), ("refused", "no money"))

    def test_an_output_within_its_limits(self):
        """What the coordinator could not keep is an error here, where the service sees why, before anything is done."""
        def check(output):
            return self.a.run("SELECT troth_guard.check_output(%s)", output)

        deepest, strings = "[" * 63 + '{"a":[]}' + "]" * 63, '["' + "[{" * 100 + r'\"' + "[" * 99 + '"]'
        for output in (None, deepest[1:-1], "[" + "[]," * 2000 + "{}]", strings, r'"\u0000\ud800"'):
            check(output)
        for output in (deepest, "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, '"' + "x" * 524287 + '"'):
            with self.assertRaises(psycopg2.errors.InvalidParameterValue, msg=output[:80]):
                check(output)
        with self.assertRaises(psycopg2.errors.InvalidTextRepresentation):
            check("{")

    def test_wrong_use_is_an_error(self):
        """What would answer a lie is refused by the functions themselves."""
        def wrong(error, call, *arguments, **names):
            with self.assertRaises(error):
                call(*arguments, **names)
            self.a.run("ROLLBACK")

        late = psycopg2.errors.ObjectNotInPrerequisiteState
        invalid = psycopg2.errors.InvalidParameterValue
        self.a.run("BEGIN")
        wrong(late, self.a.work, 1)  # without action()
        self.a.begin(1)
        wrong(late, self.a.refuse, 1, "no")  # with the work still there
        self.a.begin(1)
        wrong(late, self.a.work, 2)  # another branch
        self.a.begin(1)
        wrong(psycopg2.errors.InvalidTextRepresentation, self.a.work, 1, output="{balance: 1}")
        for key in (("x", gtid(1), 1, 1), (JOURNAL, gtid(1), 0, 1), (JOURNAL, gtid(1), 1, 10000),
                    (JOURNAL, "019aa4b6-4500-7003-8000-004000000001", 1, 1), (JOURNAL, None, 1, 1)):
            wrong(invalid, self.a.run, "SELECT troth_guard.action(%s, %s, %s, %s, 'debit', '{}')", *key)
            wrong(invalid, self.a.run, "SELECT troth_guard.abort(%s, %s, %s, %s)", *key)
        self.assertEqual(query(self.database, "SELECT count(*) FROM troth_guard.guard"), [(0,)])

    def test_timeouts(self):
        """Work has what is left of its call, a lock half of it or a second; the end of the transaction has no limit."""
        shows = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        for timeout, said in (("5s", ("5001ms", "1001ms")), ("300ms", ("301ms", "151ms")), ("1.5h", ("5400001ms",
                              "1001ms")), (None, ("0", "1001ms"))):
            self.a.begin(1, timeout=timeout)
            self.assertEqual(self.a.run(shows), [said])
            self.a.work(1)
            self.assertEqual(self.a.run(shows)[0][0], "0")
            self.a.run("ROLLBACK")
        self.assertEqual(self.a.run(shows), [("0", "0")])

    def test_time_to_wait_for_locks(self):
        """It is the coordinator's choice, but for an eighth of the call's time, in which the answer goes back."""
        for timeout, lock, said in (("5s", "100ms", "101ms"), ("4s", "10s", "3501ms"), (None, "10s", "10001ms"),
                                    ("5s", "0s", "1ms")):
            self.a.run("BEGIN")
            self.assertEqual(self.a.ask("action", 1, *DEBIT, timeout, lock)[0], "work")
            self.assertEqual(self.a.run("SHOW lock_timeout"), [(said,)])
            self.a.run("ROLLBACK")
        self.a.begin(1)
        began = time.monotonic()  # the guard's own row is waited for briefly, whatever the work may wait
        self.b.run("BEGIN")
        self.assertEqual(self.b.ask("action", 1, *DEBIT, "60s", "60s")[::2], ("retry", "the same call still runs"))
        self.assertLess(time.monotonic() - began, 30)

    def wait_for(self, session, statement):
        """The session waits for a lock in a thread of its own."""
        thread = threading.Thread(target=session.run, args=(statement,))
        thread.start()
        self.addCleanup(thread.join)
        pid = session.connection.info.backend_pid
        deadline = time.monotonic() + 30
        while not query(self.database, "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return pid

    def test_holders(self):
        """Whom a session waits for: behind others that wait, the transaction that is prepared, or a session by name."""
        query(self.database, "CREATE TABLE item (id integer PRIMARY KEY, n integer);"
                             "INSERT INTO item VALUES (1, 0), (2, 0)")
        holders = "SELECT waiter, gtid::text, branch, attempt, prepared, holder FROM troth_guard.holders(%s)"
        self.a.begin(1, attempt=2)
        self.a.run("UPDATE item SET n = 1 WHERE id = 1")
        name = self.a.name(1, 2)
        self.a.run(f"PREPARE TRANSACTION '{name}'")
        self.b.run("BEGIN")
        self.b.ask("action", 2, *DEBIT, "60s", "60s")
        stranger, last = self.session(), self.session()
        stranger.run("SET application_name = 'by hand'")
        stranger.run("BEGIN")
        stranger.run("UPDATE item SET n = 2 WHERE id = 2")
        waiting = [self.wait_for(self.b, "UPDATE item SET n = 2 WHERE id = 1"),
                   self.wait_for(last, "UPDATE item SET n = 2 WHERE id = 1")]
        self.assertEqual(sorted(query(self.database, holders, (waiting,))),
                         sorted((pid, gtid(1), 1, 2, True, f"prepared transaction {name}") for pid in waiting))
        self.a.run("ROLLBACK PREPARED %s", name)  # then b has the row, and goes on
        others = [self.session(), self.session()]
        waiting = [self.wait_for(others[0], "UPDATE item SET n = 2 WHERE id = 2"),
                   last.connection.info.backend_pid]
        seen = query(self.database, "SELECT waiting_pid, gtid::text, branch, attempt, prepared, holder, "
                     "waiting_since < now(), waiting_query FROM troth_guard.blockers WHERE waiting_pid = ANY (%s)",
                     (waiting,))
        self.assertEqual(sorted(row[:6] for row in seen), sorted(query(self.database, holders, (waiting,))))
        self.assertTrue(all(row[6] and row[7] for row in seen), seen)
        found = {row[0]: row for row in query(self.database, holders, ([*waiting, 0],))}
        self.assertEqual(found[waiting[0]][1:],
                         (None, None, None, False,
                          f"pid {stranger.connection.info.backend_pid}, application_name 'by hand'"))
        self.assertEqual(found[waiting[1]][1:5], (gtid(2), 1, 1, False))
        self.assertEqual(len(found), 2)
        stranger.run("ROLLBACK")
        self.b.run("ROLLBACK")

    def test_forget(self):
        """Rows leave below the oldest open gtid, a time after the mark has moved; from the mark on it is unknown."""
        def forget(counter, every, *others):
            return self.a.run("SELECT troth_guard.forget(%s, %s::uuid[], %s)", JOURNAL, [gtid(counter), *others],
                              every)

        for counter in (1, 2, 5):
            self.a.execute(counter)
        self.assertEqual(forget(2, "1 hour"), [(0,)])  # the first mark
        self.assertEqual(self.a.execute(1)[0], "unknown")
        self.assertEqual(self.a.execute(2), ("done", OUTPUT))
        self.assertEqual(forget(5, "1 hour"), [(0,)])  # not yet
        self.assertEqual(forget(5, "1 hour", gtid(1).replace("-8003-", "-8004-")), [(0,)])  # another shard's first
        self.assertEqual(self.a.execute(2), ("done", OUTPUT))
        self.assertEqual(forget(5, "0"), [(1,)])
        self.assertEqual(forget(6, "0"), [(1,)])
        self.assertEqual(query(self.database, "SELECT gtid FROM troth_guard.guard"), [(gtid(5),)])
        for counter in (1, 4):
            self.assertEqual(self.a.compensate(counter)[0], "unknown")
            self.assertEqual(self.a.abort(counter)[0], "unknown")
            self.assertEqual(self.a.ask("committed", counter)[0], "unknown")
        self.assertEqual(self.a.execute(6)[0], "work")

    # --- several at once

    def test_the_same_call_at_once(self):
        """Whoever comes is told work once, and everybody else the same output, or to come again."""
        for counter in range(1, 9):
            said = together(*(lambda: self.session().execute(counter) for _ in range(4)))
            self.assertEqual([verdict for verdict, _ in said].count("work"), 1, said)
            self.assertLessEqual(set(said), {("work", OUTPUT), ("done", OUTPUT), ("retry", "the same call still runs")})
            self.assertEqual(self.a.did(counter), [1])

    def test_action_and_compensation_at_once(self):
        """Whichever is first: done and undone, or neither."""
        for counter in range(1, 17):
            action, compensation = together(lambda: self.a.execute(counter), lambda: self.b.compensate(counter))
            while compensation[0] == "retry":
                compensation = self.b.compensate(counter)
            self.assertIn((action[0], compensation[0]), {("work", "work"), ("refused", "done")})
            self.assertEqual(len(self.a.did(counter)), self.a.undid(counter))

    def test_action_and_abort_at_once(self):
        """The abort is told what became of it: committed exactly when it was done."""
        for counter in range(1, 17):
            def act():
                try:
                    return self.session().execute(counter)[0]
                except psycopg2.OperationalError:
                    return "ended"

            action, aborted = together(act, lambda: self.b.abort(counter)[0])
            self.assertIn((action, aborted), {("work", "committed"), ("refused", "aborted"), ("ended", "aborted")})
            self.assertEqual(len(self.b.did(counter)), aborted == "committed")

    def test_attempts_at_once(self):
        """Attempts that chase each other, preparing and executing, leave one effect."""
        for counter in range(1, 9):
            def chase(attempt):
                session = self.session()
                try:
                    return (session.execute if attempt == 3 else session.prepare)(counter, attempt)[0]
                except psycopg2.OperationalError:
                    return "ended"

            together(*(lambda attempt=attempt: chase(attempt) for attempt in (1, 2, 3)))
            session = self.session()
            self.assertIn(session.execute(counter, 3)[0], ("work", "done"))
            self.assertEqual(len(session.did(counter)), 1)
            self.assertEqual(session.run("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"),
                             [(0,)])


class BesideTheLibrary(GuardSql):
    """A shop in C and SQL sessions serve the same branches."""

    RESERVE = ("reserve", {"sku": "sku_1", "quantity": 1})
    CALL = ("reserve", json.dumps(RESERVE[1]))

    def setUp(self):
        self.database = database("guard_mixed")
        self.shop = Participant(SHOP, "--database", self.database, "--create")
        self.sessions = []
        self.a, self.b = self.session(), self.session()
        query(self.database, "CREATE TABLE did (gtid uuid, attempt integer, kind text)")

    def tearDown(self):
        self.shop.close()
        super().tearDown()

    def call(self, op, counter, attempt=1, operation="reserve"):
        return self.shop.call(operation, op, counter, self.RESERVE[1] if op in ("prepare", "execute") else {}, attempt)

    def reserved(self, counter):
        return query(self.database, "SELECT count(*) FROM reservation WHERE gtid = %s", (gtid(counter),))[0][0]

    def test_rows_are_the_same(self):
        """Key, place, hash and state of a row do not say who wrote it."""
        self.call("execute", 1)
        self.a.execute(2, call=self.CALL)
        self.shop.call("reserve", "abort", 3)
        self.a.abort(4)
        rows = query(self.database, "SELECT journal, branch, kind, attempt, state, request, shard, reason,"
                                    " ordering - right(gtid::text, 9)::integer FROM troth_guard.guard ORDER BY gtid")
        self.assertEqual((rows[0], rows[2]), (rows[1], rows[3]))

    def test_from_the_first_version(self):
        """The library brings a database of version 1 up to date; what is in it stays."""
        old = database("guard_old")
        subprocess.run(["psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", old, "-f", str(SQL[0])], check=True)
        query(old, "INSERT INTO troth_guard.guard (journal, gtid, branch, kind, attempt, state, shard, ordering)"
                   " VALUES (%s, %s, 1, 'action', 1, 'tombstone', 3, 274877906945)", (JOURNAL, gtid(1)))
        Participant(SHOP, "--database", old, "--create").close()
        self.sessions.append(session := Session(old))
        self.assertEqual(session.run("SELECT version FROM troth_guard.version ORDER BY 1"),
                         [(number,) for number in range(1, len(SQL) + 1)])
        self.assertEqual((session.status(1), session.begin(2)[0]), (("aborted", None), "work"))

    def test_what_the_library_did(self):
        """A session answers with what the library has stored: done, refused, aborted, compensated."""
        output = self.call("execute", 1)[2]
        verdict, said = self.a.execute(1, call=self.CALL)
        self.assertEqual((verdict, json.loads(said)), ("done", output))
        self.assertEqual(self.a.execute(1)[0], "refused")  # another input
        self.shop.call("reserve", "execute", 2, {"sku": "sku_1", "quantity": 5000})
        self.assertEqual(self.a.execute(2, call=("reserve", '{"sku": "sku_1", "quantity": 5000}')),
                         ("refused", "out of stock"))
        self.assertEqual(self.call("status", 2), (204, "aborted", None))  # what it answered is no output of a branch
        self.call("abort", 3)
        self.assertEqual(self.a.execute(3, call=self.CALL)[0], "refused")
        self.call("compensate", 1, operation="release")
        self.assertEqual(self.a.compensate(1, call=("release", "{}")), ("done", None))
        self.assertEqual(self.a.status(1)[0], "compensated")

    def test_what_a_session_did(self):
        """The library answers with what a session has stored."""
        self.a.execute(1, call=self.CALL)
        self.assertEqual(self.call("execute", 1), (200, "committed", json.loads(OUTPUT)))
        self.assertEqual(self.call("abort", 1), (200, "committed", json.loads(OUTPUT)))
        self.a.compensate(1, call=("release", "{}"))
        self.assertEqual(self.call("compensate", 1, operation="release"), (200, "compensated", {"back": 1}))
        self.a.refuse(2, "closed today", '{"opens": 9}', call=self.CALL)
        self.assertEqual(self.call("prepare", 2), (409, "aborted", {"detail": "closed today", "output": {"opens": 9}}))
        self.a.abort(3)
        self.assertEqual(self.call("prepare", 3)[0], 409)
        self.a.compensate(4)
        self.assertEqual(self.call("execute", 4)[0], 409)
        self.assertEqual([self.reserved(counter) for counter in (1, 2, 3, 4)], [0] * 4)

    def test_one_prepares_and_the_other_ends_it(self):
        """Names and rows fit both ways: commit, abort, compensation."""
        output = self.call("prepare", 1)[2]
        self.assertEqual(self.a.status(1)[0], "prepared")
        self.a.run("COMMIT PREPARED %s", self.a.name(1))
        self.assertEqual(json.loads(self.a.ask("committed", 1)[1]), output)
        self.a.prepare(2)
        self.assertEqual(self.call("status", 2)[1], "prepared")
        self.assertEqual(self.call("commit", 2), (200, "committed", json.loads(OUTPUT)))
        self.call("prepare", 3)
        self.assertEqual(self.a.abort(3), ("aborted", None))
        self.a.prepare(4)
        self.assertEqual(self.call("abort", 4)[1], "aborted")
        self.call("prepare", 5)
        self.assertEqual(self.a.compensate(5), ("done", None))
        self.assertEqual([self.reserved(counter) for counter in (1, 3, 5)], [1, 0, 0])
        self.assertEqual([len(self.a.did(counter)) for counter in (2, 4)], [1, 0])

    def test_attempts_of_both(self):
        """A higher attempt of one rolls back, or ends, the lower one of the other."""
        self.call("prepare", 1)
        self.assertEqual(self.a.execute(1, attempt=2)[0], "work")
        self.assertEqual((self.reserved(1), self.a.did(1)), (0, [2]))
        self.a.prepare(2)
        self.assertEqual(self.call("execute", 2, attempt=2)[0], 200)
        self.assertEqual((self.reserved(2), self.a.did(2)), (1, []))
        self.a.begin(3)
        self.assertEqual(self.call("execute", 3, attempt=2)[0], 200)
        with self.assertRaises(psycopg2.OperationalError):
            self.a.run("COMMIT")
        self.assertEqual((self.reserved(3), self.b.did(3)), (1, []))

    def test_a_session_ends_the_running_work_of_the_library(self):
        """It is found by its branch's name; its answer is no success."""
        self.a.run("BEGIN")
        self.a.run("LOCK TABLE reservation")
        answers = []
        caller = threading.Thread(target=lambda: answers.append(self.call("execute", 1)))
        caller.start()
        while not self.b.run("SELECT 1 FROM pg_locks WHERE relation = 'reservation'::regclass AND NOT granted"):
            self.assertTrue(caller.is_alive())
        self.assertEqual(self.b.run("SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                                    " troth_guard.running_name(%s, %s, 1, 1)", JOURNAL, gtid(1)), [(1,)])
        self.assertEqual(self.b.execute(1, attempt=2, timeout="400ms")[0], "work")
        caller.join()
        self.a.run("ROLLBACK")
        self.assertIn(answers[0][0], (500, 503))
        self.assertEqual((self.reserved(1), self.b.did(1)), (0, [2]))

    def test_both_at_once(self):
        """The same call at the library and in a session: one effect, whoever does it."""
        for counter in range(1, 17):
            answer, (verdict, _) = together(lambda: self.call("execute", counter),
                                            lambda: self.a.execute(counter, call=self.CALL))
            self.assertIn((answer[0], verdict), {(200, "done"), (200, "work"), (200, "retry"), (503, "work")})
            self.assertEqual(self.reserved(counter) + len(self.a.did(counter)), 1)


for name in [name for name in vars(GuardSql) if name.startswith("test_")]:
    setattr(BesideTheLibrary, name, None)  # they are the functions' own, once is enough


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
