#!/usr/bin/env python3
"""The guard under random calls: the C library (its guard row before the work, and in one statement with it) and the
plain SQL functions, each as two processes over one database.

Each round many threads send every op of a few branches in attempts 1 to 3, doubled, late and out of order, while
sessions of the database are ended and the processes are killed. Then the round is drained as a coordinator would,
everything is sent once more, and each answer that came is held against the rows (faults.md, invariants 6, 7, 8).

TROTH_RANDOM_SEED=n replays the choices (not the interleaving), TROTH_RANDOM_ROUNDS=n makes it longer."""
import collections
import http.client
import json
import os
import random
import sys
import threading
import time
import unittest

import psycopg2

from test_sdk_examples import BANK, JOURNAL, LEDGER, SHOP, WITH_POSTGRES, Participant, database, gtid, query

SEED = int(os.environ.get("TROTH_RANDOM_SEED", "20261121"))
ROUNDS = int(os.environ.get("TROTH_RANDOM_ROUNDS", "5"))
BRANCHES = 6  # in a round
CALLS = 40    # of each branch in a round
THREADS = 10
ATTEMPTS = 3
FIRST = 1050  # in each account; `poor` ones have 50, and get 1000 more at times
AMOUNTS = {False: 100, True: 7}  # of a branch's call, and of the same call with another input
DRAIN_S_MAX = 30
REPLACED = {"this attempt was aborted, or replaced by a higher one", "a higher attempt is prepared"}
OTHER = "the same call came before with another input"

# Which ops a branch gets, and how often.
PROFILES = [{"prepare": 6, "execute": 3, "status": 1},
            {"prepare": 6, "commit": 4, "abort": 1, "status": 1},
            {"prepare": 8, "execute": 8, "compensate": 1},
            {"execute": 6, "compensate": 2, "abort": 1, "status": 1},
            {"prepare": 4, "commit": 2, "abort": 1, "execute": 4, "compensate": 1, "status": 1}]

# A row for each time that the business was changed in a transaction of the guard, and of which attempt that was:
# `amount` is what has gone out of the account.
SPY = """
CREATE TABLE did (gtid uuid, branch integer, kind text, attempt integer, amount bigint);
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO did SELECT gtid, branch, kind, attempt,
        (to_jsonb(OLD) ->> TG_ARGV[0])::bigint - (to_jsonb(NEW) ->> TG_ARGV[0])::bigint
    FROM troth_guard.guard WHERE xmin = pg_current_xact_id()::xid
        OR format('%s %s %s %s', journal, gtid, branch, kind) = current_setting('troth_guard.claimed', true);
    RETURN NULL;
END $$;
"""

Call = collections.namedtuple("Call", "op attempt other")  # other: the same call with another input
Said = collections.namedtuple("Said", "call began ended verdict state output reason")
Acted = collections.namedtuple("Acted", "attempt amount")
Row = collections.namedtuple("Row", "attempt state output reason")


class Branch:
    def __init__(self, number, dice):
        self.number, self.counter, self.branch = number, 1 + number // 2, 1 + number % 2
        self.profile = dice.choice(PROFILES)
        self.poor = dice.random() < 0.3
        self.attempts = dice.choice(([6, 3, 1], [1, 1, 1], [1, 0, 0], [0, 1, 3]))
        self.said = []

    def random_call(self, dice):
        op = dice.choices(list(self.profile), list(self.profile.values()))[0]
        return Call(op, dice.choices(range(1, ATTEMPTS + 1), self.attempts)[0],
                    op in ("prepare", "execute") and dice.random() < 0.15)


# --- the services -----------------------------------------------------------------------------------------------------


class Bank:
    """The C library, an operation that is a statement: the guard row behind the work of a first attempt."""

    name, operation, undo, table, value, key = "bank", "debit", "debit", "account", "balance", "id = {}"
    bindings = ("http", "batch")
    undoes_output = False  # but what the compensation's input says

    @staticmethod
    def command(conninfo, accounts):
        return BANK, "--database", conninfo, "--create-accounts", accounts, "--balance", FIRST

    @staticmethod
    def input(number, amount):
        return {"account": number, "amount": amount}


class Shop:
    """The C library; the guard row by itself."""

    name, operation, undo, table, value, key = "shop", "reserve", "release", "stock", "quantity", "sku = 'sku_{}'"
    bindings = ("http", "batch")
    undoes_output = True

    @staticmethod
    def command(conninfo, accounts):
        return SHOP, "--database", conninfo, "--create", "--skus", accounts, "--stock", FIRST

    @staticmethod
    def input(number, amount):
        return {"sku": f"sku_{number}", "quantity": amount}


class Ledger:
    """The SQL functions, from Python."""

    name, operation, undo, table, value, key = "ledger", "post", "post", "ledger_account", "balance", "id = {}"
    bindings = ("http",)
    undoes_output = True

    @staticmethod
    def command(conninfo, accounts):
        return LEDGER, "--database", conninfo, "--create-accounts", accounts, "--balance", FIRST

    @staticmethod
    def input(number, amount):
        return {"account": number, "amount": -amount}


# --- one run ----------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, service):
        self.service = service
        self.conninfo = database(f"guard_random_{service.name}")
        self.accounts = ROUNDS * BRANCHES
        self.replicas = [self.start() for _ in range(2)]
        self.begin()
        self.local = threading.local()
        self.over = threading.Event()

    def start(self):
        return Participant(*self.service.command(self.conninfo, self.accounts))

    def begin(self):
        query(self.conninfo, SPY)
        query(self.conninfo, f"CREATE TRIGGER spy AFTER UPDATE ON {self.service.table} FOR EACH ROW"
                             f" EXECUTE FUNCTION spy('{self.service.value}')")

    def close(self):
        for replica in self.replicas:
            replica.close()

    # --- a call

    def send(self, branch, call, timeout, dice):
        """The answer, whatever it is, is written down."""
        began = time.monotonic()
        try:
            said = self.ask(dice.choice(self.replicas).port, branch, call, timeout, dice)
        except (OSError, http.client.HTTPException) as error:
            assert not isinstance(error, TimeoutError), f"blocked: {call}"
            self.hang_up()
            said = "lost", None, None, None
        said = Said(call, began, time.monotonic(), *said)
        branch.said.append(said)
        return said

    def hang_up(self):
        """What this thread has open."""
        for connection in self.local.__dict__.pop("connections", {}).values():
            connection.close()

    def ask(self, port, branch, call, timeout, dice):
        connections = self.local.__dict__.setdefault("connections", {})
        connection = connections.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=20))
        operation = self.service.undo if call.op == "compensate" else self.service.operation
        text = None
        if call.op in ("prepare", "execute", "compensate"):
            text = json.dumps(self.service.input(branch.number + 1, AMOUNTS[call.other]))
        headers = {"Troth-Journal": JOURNAL, "Troth-Gtid": gtid(branch.counter), "Troth-Branch": str(branch.branch),
                   "Troth-Attempt": str(call.attempt), "Troth-Timeout": timeout}
        if dice.choice(self.service.bindings) == "http":
            connection.request("POST", f"/{operation}/{call.op}", text, headers)
            return self.heard(connection.getresponse())
        command = {"op": call.op, "gtid": gtid(branch.counter), "branch": branch.branch, "attempt": call.attempt,
                   "operation": operation, "timeout": timeout}
        # The input as it stands in the other binding: its bytes are what is compared.
        line = json.dumps(command)[:-1] + ("" if text is None else f', "input":{text}') + "}\n"
        connection.request("POST", "/", line, {"Troth-Journal": JOURNAL})
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200, (reply.status, body)
        said = json.loads(body)
        state = said.get("state") or said.get("vote")
        return said["result"], state, said.get("output"), said.get("reason")

    @staticmethod
    def heard(reply):
        body = reply.read()
        value = json.loads(body) if body else None
        if reply.status in (200, 204):
            vote = reply.headers.get("Troth-Vote")
            return "vote" if vote else "done", vote or reply.headers.get("Troth-State"), value, None
        assert reply.status in (409, 500, 503), (reply.status, body)
        return {409: "refused", 503: "retry", 500: "unknown"}[reply.status], None, value.get("output"), value["detail"]

    # --- trouble

    def trouble(self, seed, branches):
        """Kills a process, ends sessions, kills more, and changes what the business says, until `over`."""
        dice = random.Random(seed)
        what = 1.0
        while not self.over.wait(dice.uniform(0.005, 0.05)):
            if what < 0.6:
                self.end_a_session()
            elif what < 0.95:
                self.change_fortune(dice, dice.choice([branch for branch in branches if branch.poor] or branches))
            else:
                number = dice.randrange(2)
                self.replicas[number].close()
                self.replicas[number] = self.start()
            what = dice.random()

    def end_a_session(self):
        query(self.conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                             " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                             " ORDER BY state = 'idle', random() LIMIT 1")

    def change_fortune(self, dice, branch):
        """What was refused could succeed now, and the other way round."""
        try:
            query(self.conninfo + " options='-c lock_timeout=20'", self.of(
                branch, "UPDATE {table} SET {value} = CASE WHEN {value} >= 1000 THEN {value} - 1000 ELSE {value} + 1000"
                        " END WHERE {where}"))
        except psycopg2.Error:
            pass  # it is in use

    def of(self, branch, text):
        service = self.service
        return text.format(table=service.table, value=service.value, where=service.key.format(branch.number + 1))

    # --- a round

    def round(self, dice, branches):
        calls = [(branch, branch.random_call(dice)) for branch in branches for _ in range(CALLS)]
        dice.shuffle(calls)
        self.over.clear()
        for branch in branches:
            if branch.poor:
                self.change_fortune(dice, branch)
        trouble = threading.Thread(target=self.guarded, args=(self.trouble, dice.random(), branches))
        threads = [threading.Thread(target=self.guarded, args=(self.send_all, dice.random(), calls))
                   for _ in range(THREADS)]
        self.wrong = []
        for thread in (trouble, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        self.over.set()
        trouble.join()
        if self.wrong:
            raise self.wrong[0]
        self.in_parallel(dice, branches, self.drain)
        prepared = self.prepared()
        self.in_parallel(dice, branches, self.send_once_more)
        return prepared + self.prepared()

    def guarded(self, what, *arguments):
        try:
            what(*arguments)
        except BaseException as error:  # pylint: disable=broad-except
            self.wrong.append(error)
        finally:
            self.hang_up()

    def send_all(self, seed, calls):
        dice = random.Random(seed)
        while True:
            try:
                branch, call = calls.pop()
            except IndexError:
                return
            self.send(branch, call, dice.choice(("200ms", "400ms", "400ms", "5s")), dice)

    def in_parallel(self, dice, branches, what):
        threads = [threading.Thread(target=self.guarded, args=(what, random.Random(dice.random()), branch))
                   for branch in branches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.wrong:
            raise self.wrong[0]

    def drain(self, dice, branch):
        """Ends the highest attempt, one way or the other."""
        branch.end = dice.choice(("abort", "compensate"))
        if dice.random() < 0.3:
            self.send(branch, Call("commit", ATTEMPTS, False), "5s", dice)
        bound = time.monotonic() + DRAIN_S_MAX
        while self.send(branch, Call(branch.end, ATTEMPTS, False), "5s", dice).verdict != "done":
            assert time.monotonic() < bound, f"does not drain: {branch.said[-1]}"

    def send_once_more(self, dice, branch):
        """All that there was comes late."""
        for attempt in range(1, ATTEMPTS + 1):
            for op in ("prepare", "execute", "commit", "abort", branch.end):
                self.send(branch, Call(op, attempt, False), "5s", dice)

    def prepared(self):
        return query(self.conninfo, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")


# --- what must hold ---------------------------------------------------------------------------------------------------


class Judge:
    """Of one branch. Each method is a sentence about the rows and the answers."""

    def __init__(self, test, run, branch):
        self.test, self.branch, self.undoes_output = test, branch, run.service.undoes_output
        self.said = sorted(branch.said, key=lambda said: said.began)
        rows = query(run.conninfo, "SELECT kind, attempt, amount FROM did WHERE gtid = %s AND branch = %s",
                     (gtid(branch.counter), branch.branch))
        self.acted = [Acted(*row[1:]) for row in rows if row[0] == "action"]
        self.undone = [Acted(*row[1:]) for row in rows if row[0] == "compensation"]
        self.rows = {row[0]: Row(*row[1:]) for row in query(
            run.conninfo, "SELECT kind, attempt, state, output, reason FROM troth_guard.guard WHERE gtid = %s AND"
                          " branch = %s", (gtid(branch.counter), branch.branch))}
        self.left = query(run.conninfo, run.of(branch, "SELECT {value} FROM {table} WHERE {where}"))[0][0]
        self.at = self.acted[0].attempt if self.acted else 0  # the attempt that acted
        self.output = self.stored("action")

    def stored(self, kind):
        text = self.rows[kind].output if kind in self.rows else None
        return None if text is None else json.loads(text)

    def must(self, holds, *why):
        if not holds:
            lines = "\n".join(f"  {said.began:.4f} {said.ended:.4f} {tuple(said.call)} {said[3:]}"
                              for said in self.said)
            self.test.fail(f"branch {self.branch.number}, acted {self.acted}, undone {self.undone}, {self.rows}:"
                           f" {why}\n{lines}")

    def judge(self):
        self.effects()
        for said in self.said:
            if said.verdict == "done" and said.state == "aborted":
                self.aborted(said)
            elif said.call.op == "compensate" and said.verdict == "done":
                self.compensated(said)
            elif said.verdict == "done" and said.state == "committed":
                self.committed(said)
            elif said.verdict == "refused" and said.call.op in ("prepare", "execute"):
                self.refused(said)

    def effects(self):
        """Once or not at all, undone once or not at all and never without its action, as the guard's rows say."""
        self.must(len(self.acted) <= 1 and len(self.undone) <= len(self.acted), "effects")
        action = self.rows.get("action")
        self.must(action is not None, "after the drain there is a row")
        self.must(bool(self.acted) == (action.state == "done") and self.at == (action.attempt if self.acted else 0),
                  "the guard and the business differ")
        self.must(bool(self.undone) == ("compensation" in self.rows), "the guard and the undoing differ")
        gone = sum(row.amount for row in self.acted + self.undone)
        self.must((self.left + gone - FIRST) % 1000 == 0, "balance", self.left)
        self.must(self.branch.end == "abort" or len(self.undone) == len(self.acted) or
                  self.said[-1].call.op != "compensate", "compensated means as often as it acted")
        self.must(not self.undone or gone == 0 or not self.undoes_output, "what was undone is not what was done")

    def later(self, said, *ops):
        """Calls of this attempt that were begun after the answer."""
        return [late for late in self.said if late.began > said.ended and late.call.op in ops
                and late.call.attempt == said.call.attempt]

    def aborted(self, said):
        """Nothing of this attempt, or a lower one, happens any more (invariant 6)."""
        self.must(not self.acted or self.at > said.call.attempt, "acted after its abort was acknowledged", said)
        for late in self.said:
            if late.began > said.ended and late.call.attempt <= said.call.attempt:
                if late.call.op in ("prepare", "execute"):
                    self.must(late.verdict not in ("vote", "done") or self.at > said.call.attempt,
                              "said yes after the abort", said, late)
                elif late.call.op == "commit":
                    self.must(late.verdict != "done", "committed after the abort", said, late)

    def compensated(self, said):
        """It was undone, or this attempt and lower ones never act."""
        self.must(self.undone or not self.acted or self.at > said.call.attempt, "acted, and is not undone", said)
        if self.undone and said.call.attempt >= self.at:
            self.must(said.output == self.stored("compensation"), "another output than the stored one", said)

    def committed(self, said):
        """It acted, and the answer is the stored one; the same call with another input is refused."""
        self.must(self.acted, "it did not act", said)
        self.must(said.output == self.output or self.was_rolled_back(said), "another output than the stored one", said)
        if said.call.op == "commit":
            self.must(self.at <= said.call.attempt, "the commit of another attempt", said)
        if said.call.op == "execute" and self.at == said.call.attempt:
            self.must(self.acted[0].amount == AMOUNTS[said.call.other], "another input was done", said)
        for late in self.said:
            if late.began > said.ended and late.call.op in ("prepare", "execute"):
                if late.call.attempt == self.at and self.acted[0].amount != AMOUNTS[late.call.other]:
                    self.must(late.verdict not in ("vote", "done") and (late.verdict != "refused" or
                              late.reason == OTHER), "another input", late)
                else:
                    self.must(late.verdict != "refused", "done is done", said, late)
                    self.must(late.verdict not in ("vote", "done") or late.output == self.output,
                              "another output than the stored one", said, late)

    def was_rolled_back(self, said):
        """A commit that was sent together with what rolls its attempt back, as no coordinator does: the library may
        answer the output of the one that was rolled back from memory, though another replica has prepared it anew."""
        return said.call.op == "commit" and any(
            other.began < said.ended and
            (other.call.attempt > said.call.attempt and other.call.op in ("prepare", "execute")
             or other.call.attempt >= said.call.attempt and other.call.op in ("abort", "compensate"))
            for other in self.said)

    def refused(self, said):
        """A business no of an attempt stays one, with its words, until a higher attempt replaces it."""
        if said.reason in REPLACED or said.reason == OTHER:
            return
        self.must(self.at != said.call.attempt, "acted after it was refused", said)
        for late in self.later(said, "prepare", "execute"):
            replaced = any(other.call.attempt > said.call.attempt and other.began < late.ended
                           and other.call.op not in ("status", "commit") for other in self.said)
            words = OTHER if late.call.other != said.call.other else said.reason
            if late.verdict == "refused":
                self.must(late.reason == words or replaced and late.reason in REPLACED | {OTHER}, "other words", said,
                          late)
            else:
                self.must(late.verdict not in ("vote", "done") or self.at > said.call.attempt, "refused, then yes",
                          said, late)


class Random(unittest.TestCase):
    def check(self, service):
        dice = random.Random(f"{SEED} {service.name}")
        branches = []
        run = Run(service)
        try:
            for number in range(ROUNDS):
                some = [Branch(number * BRANCHES + i, dice) for i in range(BRANCHES)]
                branches += some
                self.assertEqual(run.round(dice, some), [], "left prepared")
                for branch in some:
                    Judge(self, run, branch).judge()
        except BaseException:
            print(f"\nTROTH_RANDOM_SEED={SEED} {service.name}", file=sys.stderr)
            raise
        finally:
            run.over.set()
            run.close()
        counts = collections.Counter((said.call.op, said.verdict, said.state) for branch in branches
                                     for said in branch.said)
        for seen in (("prepare", "vote", "yes"), ("execute", "done", "committed"), ("commit", "done", "committed"),
                     ("abort", "done", "aborted"), ("compensate", "done", "compensated"), ("prepare", "refused", None),
                     ("execute", "retry", None)):
            self.assertGreater(counts[seen], 0, f"{seen} was never seen: {counts}")
        self.assertIn("lost", {said.verdict for branch in branches for said in branch.said}, counts)
        if os.environ.get("TROTH_RANDOM_VERBOSE"):
            print(*(f"{count} {what}" for what, count in counts.most_common()), sep="\n")

    def test_c_with_a_statement(self):
        """The C library, the guard row of first attempts behind their work, in one message with it."""
        self.check(Bank)

    def test_c(self):
        """The C library, its guard row before the work."""
        self.check(Shop)

    def test_sql_functions(self):
        """The SQL functions, in a participant without the library."""
        self.check(Ledger)


if __name__ == "__main__":
    if "TROTH_TEST_POSTGRES" not in os.environ:
        os.execv(WITH_POSTGRES, [str(WITH_POSTGRES), sys.executable, *sys.argv])
    unittest.main()
