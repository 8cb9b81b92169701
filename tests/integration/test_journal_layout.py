"""A journal that an older trothd has filled: it is migrated with what is in it, and the new one goes on with it."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import Scripted  # noqa: E402
from troth_test import ROOT, Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

OLD = ["0001_journal", "0002_sagas", "0003_registry", "0004_comments"]
HASH = "00" * 32
MEMBERS = [{"branch": n, "name": name, "participant": "shop", "operation": name, "inquires": False, "vote": "yes"}
           for n, name in ((1, "first"), (2, "second"))]


def gtid(number):
    """Of shard 3, made under epoch 1."""
    return f"018bcfe5-6800-8003-8000-0040{number:08x}"


class Layout(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def setUp(self):
        self.shop = Scripted()
        self.addCleanup(self.shop.end.set)

    def fill(self, name):
        """As a version before 0006 left it: led once, then killed."""
        self.postgres.database(name)
        run = self.postgres.execute
        run(name, "create schema troth")
        run(name, "create table troth.migration (version integer not null primary key, name text not null, "
                  "applied_at timestamptz not null default clock_timestamp())")
        for number, file in enumerate(OLD, 1):
            run(name, (ROOT / "sql" / "journal" / f"{file}.sql").read_text().replace("%", "%%"), ())
            run(name, "insert into troth.migration (version, name) values (%s, %s)", (number, file))
        run(name, "insert into troth.journal (id, shards) values ('0123456789abcdef', 16)")
        run(name, "insert into troth.shard (shard, epoch) select n, 1 from generate_series(0, 15) n")
        run(name, "insert into troth.lease (shard) select shard from troth.shard")
        step = {"participant": "shop", "input": {}, "timeout": "5s"}
        definition = {"name": "order", "version": 1, "mode": "saga", "steps": [
            {**step, "name": "first", "operation": "first"}, {**step, "name": "second", "operation": "second"}]}
        run(name, "insert into troth.definition (name, version, body) values ('order', 1, %s)",
            (json.dumps(definition),))

    def txn(self, name, number, state, **columns):
        columns = {"shard": 3, "gtid": gtid(number), "epoch": 1, "attempt": 1, "protocol": "2pc", "mode": "2pc",
                   "interactive": False, "accepted": False, "state": state, "began_at": "2023-11-14T22:13:20Z",
                   "prepare_timeout_us": 5000000, **columns}
        self.postgres.execute(name, f"insert into troth.txn ({', '.join(columns)}) "
                              f"values ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))

    def decide(self, name, number, decision, outcome):
        self.postgres.execute(
            name, "insert into troth.decision (shard, gtid, attempt, epoch, decision, outcome, decided_at, members) "
            "values (3, %s, 1, 1, %s, %s, now(), %s)", (gtid(number), decision, outcome, json.dumps(MEMBERS)))

    def started(self, name, **options):
        trothd = Trothd(name, journal=self.postgres.to(name), **options)
        trothd.migrate()
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        self.assertEqual(trothd.register("shop", self.shop.url, "http").status, 201)
        return trothd

    def test_what_is_open_goes_on_under_the_new_layout(self):
        name = "open_ones"
        self.fill(name)
        self.txn(name, 1, "open", interactive=True)
        self.decide(name, 1, "commit", "committed")
        self.txn(name, 2, "open", interactive=True, members=json.dumps(MEMBERS))
        self.txn(name, 3, "open", mode="saga", protocol="saga", accepted=True, definition="order",
                 definition_version=1, input="{}", members=json.dumps(MEMBERS))
        self.postgres.execute(
            name, "insert into troth.record (shard, gtid, seq, epoch, kind, at, payload) values "
            "(3, %s, 4294967297, 1, 'step', now(), "
            "'{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1,\"output\":{\"n\":1e400}}')", (gtid(3),))
        trothd = self.started(name)
        self.assertEqual(trothd.wait_outcome(gtid(1))["outcome"], "committed")
        self.assertEqual(trothd.wait_outcome(gtid(2))["outcome"], "aborted")
        shown = trothd.wait_outcome(gtid(3))
        self.assertEqual(shown["outcome"], "committed")
        self.assertEqual({(operation, op, of) for operation, op, of, *_ in self.shop.received},
                         {("first", "commit", gtid(1)), ("second", "commit", gtid(1)), ("first", "abort", gtid(2)),
                          ("second", "abort", gtid(2)), ("second", "execute", gtid(3))})
        wait_until(lambda: self.postgres.value(name, "select count(*) from troth.ended") == 3, 30, "all have ended")
        wait_until(lambda: self.postgres.value(name, "select count(*) from troth.open") == 0, 30, "none is open")
        self.assertEqual(trothd.get("/v1/transactions?state=open").json["transactions"], [])
        self.assertEqual(len(trothd.get("/v1/transactions?state=ended").json["transactions"]), 3)

    def test_what_has_ended_is_shown_as_before(self):
        """And its key still stands for it; the next start finds nothing to do."""
        name = "ended_ones"
        self.fill(name)
        self.txn(name, 1, "ended", definition="order", definition_version=1, input='{"n": 0.10}',
                 idempotency_key="mine", request_hash=HASH, ended_at="2023-11-14T22:13:21Z", steps="[]",
                 history='[{"at":"+0s","moment":"began"}]')
        self.decide(name, 1, "abort", "aborted")
        self.postgres.execute(name, "insert into troth.idempotency (shard, key, gtid, request_hash, began_at) "
                              "select shard, 'mine', gtid, request_hash, began_at from troth.txn")
        trothd = self.started(name)
        shown = trothd.show(gtid(1))
        self.assertEqual((shown["state"], shown["outcome"], shown["idempotency_key"]), ("ended", "aborted", "mine"))
        self.assertIn(b'{"n": 0.10}', trothd.get(f"/v1/transactions/{gtid(1)}").body)
        listed = trothd.get("/v1/transactions?state=ended&outcome=aborted&definition=order").json["transactions"]
        self.assertEqual([each["gtid"] for each in listed], [gtid(1)])
        self.assertEqual(self.postgres.value(name, "select gtid::text from troth.transaction where state = 'ended'"),
                         gtid(1))
        trothd.stop()
        trothd.start()
        self.assertEqual(trothd.get("/readyz").json["open_transactions"], 0)

    def test_what_has_ended_long_ago_leaves(self):
        """With its key; what is open stays, however old."""
        name = "old_ones"
        self.fill(name)
        self.txn(name, 1, "ended", idempotency_key="mine", request_hash=HASH, ended_at="2023-11-14T22:13:21Z")
        self.decide(name, 1, "abort", "aborted")
        self.postgres.execute(name, "insert into troth.idempotency (shard, key, gtid, request_hash, began_at) "
                              "select shard, 'mine', gtid, request_hash, began_at from troth.txn")
        self.txn(name, 2, "open", interactive=True)
        self.decide(name, 2, "commit", "committed")
        self.shop.answers["first", "commit"] = [503]
        trothd = self.started(name, retention="1d")
        wait_until(lambda: self.postgres.query(name, "select gtid::text from troth.txn") == [(gtid(2),)], 60,
                   "the one that has ended is gone")
        self.assertEqual(trothd.get(f"/v1/transactions/{gtid(1)}").status, 404)
        for table in ("idempotency", "ended"):
            self.assertEqual(self.postgres.value(name, f"select count(*) from troth.{table}"), 0)
        self.assertEqual(self.postgres.query(name, "select gtid::text from troth.decision"), [(gtid(2),)])
        asked = trothd.get(f"/v1/transactions/{gtid(1)}/decision?branch=1&attempt=1&journal=0123456789abcdef")
        self.assertEqual(asked.json["decision"], "unknown")
        self.assertIn(b"troth_journal_forgotten_total 1\n", trothd.get("/metrics").body)
        self.shop.answers["first", "commit"] = [200]
        self.assertEqual(trothd.wait_outcome(gtid(2))["outcome"], "committed")

    def test_a_key_whose_transaction_leaves_while_it_is_looked_up_may_be_sent_again(self):
        """Between the two questions, whose key is it and what became of that one, the rows may leave by their age: a
        start hears that nothing was done, and not that there is no such transaction."""
        name = "leaving"
        self.postgres.database(name)
        trothd = self.started(name)
        definition = {"name": "order", "version": 1, "mode": "saga", "steps": [
            {"name": "first", "operation": "first", "participant": "shop", "input": {}}]}
        self.assertEqual(trothd.apply(definition).status, 201)
        first = trothd.submit("order", {}, key="mine").json["gtid"]
        wait_until(lambda: self.postgres.value(name, "select count(*) from troth.ended") == 1, 30, "its end is durable")
        self.postgres.execute(name, "insert into troth.idempotency (shard, key, gtid, request_hash, began_at) "
                              "select shard, idempotency_key, gtid, request_hash, began_at from troth.txn")
        for table in ("txn", "ended"):
            self.postgres.execute(name, f"delete from troth.{table}")
        reply = trothd.submit("order", {}, key="mine")
        self.assertEqual(reply.status, 503, reply)
        self.assertIn("retry-after", reply.headers)
        self.assertEqual(trothd.get(f"/v1/transactions/{first}").status, 404)
        self.postgres.execute(name, "delete from troth.idempotency")
        again = trothd.submit("order", {}, key="mine").json
        self.assertEqual(again["outcome"], "committed")
        self.assertNotEqual(again["gtid"], first)

    def test_an_older_leader_is_fenced_and_an_older_program_refused(self):
        """The migration raises every epoch; a program of the version before refuses to start, as this one would with a
        schema that is newer than it knows."""
        name = "older"
        self.fill(name)
        trothd = Trothd(name, journal=self.postgres.to(name))
        trothd.migrate()
        self.assertGreater(self.postgres.value(name, "select min(epoch) from troth.shard"), 1)  # of fill()
        self.assertGreater(self.postgres.value(name, "select max(version) from troth.migration"), len(OLD))


if __name__ == "__main__":
    main()
