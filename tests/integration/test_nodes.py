"""Several trothd share the shards of one journal: who is there, who leads what, and how that changes. TROTH_TEST_FULL=1
runs all of it; without, what is killed, paused and stopped is so under load only."""

import http.client
import os
import re
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import Scripted  # noqa: E402
from troth_test import Postgres, TcpProxy, Trothd, TrothTest, main, wait_until  # noqa: E402

SHARDS = 16
LEASE_SECONDS = 2
FULL = os.environ.get("TROTH_TEST_FULL") == "1"  # tests/run has time for a part


def nodes_of(trothd):
    """By name, as that node sees them."""
    return {node["name"]: node for node in trothd.get("/v1/nodes").json["nodes"]}


def takeovers(trothd):
    return int(re.search(r"^troth_takeovers_total (\d+)$", trothd.get("/metrics").body.decode(), re.MULTILINE)[1])


class Nodes(TrothTest):
    three = None  # nodes of one journal, for the tests that leave it as they found it

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    @classmethod
    def tearDownClass(cls):
        for node in cls.three or []:
            node.stop()

    def journal(self):
        return self.postgres.database(self.id().rsplit(".", 1)[-1][:40])

    def node(self, name, journal, **options):
        trothd = Trothd(name, **{"journal": journal, "lease": f"{LEASE_SECONDS}s", **options})
        self.addCleanup(trothd.stop)
        return trothd

    def test_a_node_says_who_it_is_and_what_it_leads(self):
        a = self.node("a", self.journal())
        a.migrate()
        self.run_folder.start(a)
        wait_until(lambda: nodes_of(a)["a"]["shards"] == list(range(SHARDS)), 20, "it leads all")
        shown = a.get("/v1/nodes").json
        self.assertEqual((shown["shards"], shown["free"]), (SHARDS, []))
        node = shown["nodes"][0]
        self.assertEqual(node["address"], f"http://127.0.0.1:{a.port}")
        self.assertEqual((node["self"], node["live"], node["leaving"]), (True, True, False))

    def test_a_node_whose_earlier_process_seems_to_live_is_not_ready_before_it_leads(self):
        """What is left of that one, here a session that the server has not ended yet, is no other node."""
        a = self.node("a", self.journal())
        a.migrate()
        self.run_folder.start(a)
        database = a.options["journal"]
        left = self.postgres.value(psycopg2.extensions.parse_dsn(database)["dbname"], """
            select min(application_name) from pg_stat_activity
            where application_name like 'troth:%:keep:%' and datname = current_database()""")  # others' nodes live, too
        session = psycopg2.connect(database, application_name=left)
        self.addCleanup(session.close)
        a.kill9()
        a.start()  # until it says that it is ready
        ready = a.get("/readyz")
        self.assertEqual(ready.status, 200, ready)
        self.assertGreater(ready.json["shards_led"], 0, ready)
        wait_until(lambda: a.get("/readyz").json["shards_led"] == SHARDS, 20, "it leads all")
        said = a.output()
        self.assertIn("an earlier trothd of this node seems to live", said)
        self.assertNotIn("other nodes lead all shards", said)

    def led(self, trothd):
        """How many shards each leads, as that node sees it; None while some are nobody's."""
        shown = trothd.get("/v1/nodes").json
        counts = {node["name"]: len(node["shards"]) for node in shown["nodes"] if node["live"]}
        return None if shown["free"] else counts

    def start(self, journal, *names):
        nodes = [self.node(name, journal) for name in names]
        nodes[0].migrate()
        for node in nodes:
            self.run_folder.start(node)
        return nodes

    def start_three(self):
        """All run, and each leads its share."""
        if self.three is None:
            journal = self.postgres.database("three")
            type(self).three = [Trothd(name, journal=journal, lease=f"{LEASE_SECONDS}s") for name in ("a", "b", "c")]
            self.three[0].migrate()
            for node in self.three:
                self.run_folder.start(node)
        for node in self.three:
            if not node.running():  # a test before this one failed
                node.start()
        self.wait_even(self.three[0])
        return self.three

    def wait_even(self, seen_by):
        wait_until(lambda: sorted((self.led(seen_by) or {}).values()) == [5, 5, 6], 40, "an even share")

    def test_nodes_come_to_an_even_share_and_stay_there(self):
        nodes = self.start_three()
        share = self.led(nodes[0])
        self.assertEqual(set(share), {"a", "b", "c"})
        wait_until(lambda: self.led(nodes[1]) == share and self.led(nodes[2]) == share, 10, "all see the same")

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_the_shards_of_a_dead_node_are_taken_over(self):
        a, b = self.start(self.journal(), "a", "b")
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each")
        began = time.monotonic()
        b.kill9()
        wait_until(lambda: self.led(a) == {"a": 16}, 10, "taken over")
        took = time.monotonic() - began
        print(f"taken over after {took:.2f} s of a lease of 2 s")
        self.assertLess(took, 2 * LEASE_SECONDS)
        self.run_folder.start(b)
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each again")

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_a_node_that_stops_hands_all_over(self):
        a, b = self.start(self.journal(), "a", "b")
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each")
        began = time.monotonic()
        b.stop()
        wait_until(lambda: self.led(a) == {"a": 16}, 10, "handed over")
        print(f"handed over after {time.monotonic() - began:.2f} s")
        self.assertEqual(takeovers(a), 0)

    def test_an_open_transaction_goes_on_at_the_next_leader_when_its_node_stops(self):
        """Interactive, with a branch: it is neither aborted nor forgotten, and its commit is taken there."""
        scripted = Scripted()
        self.addCleanup(scripted.end.set)
        a, b, _ = self.start_three()
        self.assertIn(b.register("scripted", scripted.url, "http").status, (200, 201))
        gtids = [b.post("/v1/transactions", {"mode": "2pc", "timeout": "60s"}).json["gtid"] for _ in range(8)]
        for gtid in gtids:
            reply = b.post(f"/v1/transactions/{gtid}/branches",
                           {"branch": 1, "participant": "scripted", "operation": "work"})
            self.assertEqual(reply.status, 200, reply)
        self.assertEqual(b.stop(), 0)
        self.addCleanup(b.start)
        wait_until(lambda: "b" not in (self.led(a) or {"b": 1}), 10, "handed over")
        for gtid in gtids:
            self.assertEqual(a.show(gtid)["state"], "open")
            reply = a.post(f"/v1/transactions/{gtid}/commit", {"branches": [1]})
            self.assertEqual((reply.status, reply.json["outcome"]), (200, "committed"), reply)

    def test_what_was_seen_between_two_nodes_is_not_done_again(self):
        """Somebody on the way keeps what a passes on to b, and sends it himself."""
        journal = self.journal()
        tap = TcpProxy(1)
        self.addCleanup(tap.close)
        a, b = self.node("a", journal), self.node("b", journal, node_address=f"http://127.0.0.1:{tap.port}")
        a.migrate()
        self.run_folder.start(a)
        self.run_folder.start(b)
        tap.lead_to(b.port)
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each")

        gtid = b.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        tap.keep("request")
        self.assertEqual(a.get(f"/v1/transactions/{gtid}").status, 200)
        self.assertIn(b"Troth-Proof: ", tap.kept)
        with socket.create_connection(("127.0.0.1", b.port), timeout=30) as thief:
            thief.sendall(tap.kept)
            answer = thief.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertNotIn(gtid.encode(), answer)
        for _ in range(100):
            self.assertEqual(a.get(f"/v1/transactions/{gtid}").status, 200)

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_a_node_that_was_paused_past_its_leases_goes_on_by_itself(self):
        a, b = self.start(self.journal(), "a", "b")
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each")
        b.pause()
        wait_until(lambda: self.led(a) == {"a": 16}, 10, "taken over")
        b.resume()
        wait_until(lambda: self.led(a) == {"a": 8, "b": 8}, 30, "half each again")
        self.assertTrue(b.running())

    def test_a_rolling_restart_under_load_loses_aborts_and_doubles_nothing(self):
        """Each node in turn is stopped in good order and started again, while clients ask any of them, and ask again
        under their keys where they were not told an outcome. Nobody has to take over anything."""
        nodes = self.start_three()
        self.under_load("rolled", nodes, lambda node: (node.stop(), node.start()), aborts=False)
        self.assertEqual([takeovers(node) for node in nodes], [0, 0, 0])

    def test_nodes_killed_and_paused_under_load_lose_and_double_nothing(self):
        """What they led is taken over within two lease lengths; one that was paused past its leases goes on."""
        nodes = self.start_three()

        def hurt(node):
            witness = next(other for other in nodes if other is not node)
            began = time.monotonic()
            node.pause() if node.name == "b" else node.kill9()
            wait_until(lambda: node.name not in (self.led(witness) or {node.name: 1}), 20, "taken over")
            took = time.monotonic() - began
            print(f"taken over after {took:.2f} s of a lease of {LEASE_SECONDS} s")
            self.assertLess(took, 2 * LEASE_SECONDS)
            node.resume() if node.name == "b" else node.start()
        self.under_load("hurt", nodes, hurt, aborts=True, victims=nodes if FULL else nodes[:2])
        self.assertTrue(all(node.running() for node in nodes))

    def registered(self, nodes, **scripted):
        """At one node, and known at all of them within a second."""
        for name, one in scripted.items():
            self.assertIn(nodes[0].register(name, one.url, "http").status, (200, 201))
        self.assertIn(nodes[0].apply({"name": "buy", "version": 1, "mode": "2pc", "steps": [
            {"name": "one", "participant": "shop", "operation": "take"},
            {"name": "two", "participant": "till", "operation": "pay"}]}).status, (200, 201))

        def known(node):
            return node.get("/v1/definitions/buy").status == 200 and all(
                node.get(f"/v1/participants/{name}").json["urls"][0].rstrip("/") == one.url.rstrip("/")
                for name, one in scripted.items())
        wait_until(lambda: all(known(node) for node in nodes), 5, "all nodes know it")

    def under_load(self, keys, nodes, hurt, aborts, victims=None):
        shop, till = Scripted(), Scripted()
        self.addCleanup(shop.end.set)
        self.addCleanup(till.end.set)
        self.registered(nodes, shop=shop, till=till)
        end, outcomes = threading.Event(), {}
        clients = [threading.Thread(target=self.client, args=(nodes, f"{keys}-{i}", end, outcomes))
                   for i in range(4)]
        for client in clients:
            client.start()
        try:
            for node in victims or nodes:
                hurt(node)
                self.wait_even(node)
        finally:
            end.set()
            for client in clients:
                client.join()
        told = [outcome for _, outcome in outcomes.values()]
        print(f"{len(told)} transactions, {told.count('aborted')} aborted")
        self.assertEqual(len({gtid for gtid, _ in outcomes.values()}), len(outcomes), "one transaction a key")
        self.assertGreater(told.count("committed"), 50)
        self.assertEqual(set(told) - {"committed"}, set() if not aborts or "aborted" not in told else {"aborted"})
        for gtid, outcome in outcomes.values():
            done = "commit" if outcome == "committed" else "abort"
            other = "abort" if outcome == "committed" else "commit"
            wait_until(lambda: nodes[0].show(gtid)["outcome"] == outcome, 20, "told alike by all")
            for scripted, operation in ((shop, "take"), (till, "pay")):
                if outcome == "committed":
                    self.assertGreaterEqual(scripted.count(gtid, operation, done), 1, (gtid, outcome))
                self.assertEqual(scripted.count(gtid, operation, other) if other == "commit" else 0, 0, (gtid, outcome))

    @staticmethod
    def client(nodes, name, end, outcomes):
        number = 0
        while not end.is_set():
            number += 1
            key, began = f"{name}-{number}", time.monotonic()
            while time.monotonic() - began < 60:
                node = nodes[int(time.monotonic() * 1000) % len(nodes)]
                try:
                    reply = node.submit("buy", {}, key=key, prefer="wait=5")
                except (OSError, http.client.HTTPException):
                    time.sleep(0.05)  # it is away: the next one is asked
                    continue
                if reply.status in (200, 201) and reply.json.get("outcome") in ("committed", "aborted"):
                    outcomes[key] = (reply.json["gtid"], reply.json["outcome"])
                    break
                if reply.status not in (200, 201, 202, 502, 503, 504):
                    outcomes[key] = (key, f"{reply.status} {reply.body[:200]}")
                    break
                time.sleep(0.05)
            else:
                outcomes[key] = (key, "no outcome in a minute")

    def test_what_a_node_passes_on_when_it_has_just_started_is_never_unknown(self):
        """The others learn a third of a lease later who it is; until then they say that nothing was done."""
        journal = self.journal()
        a, b = [self.node(name, journal, lease="30s") for name in "ab"]
        a.migrate()
        for node in (a, b):
            self.run_folder.start(node)
        wait_until(lambda: self.led(b) == {"a": 8, "b": 8}, 60, "half each")
        for _ in range(3):
            a.restart()
            statuses = []

            def begun():
                statuses.append(a.post("/v1/transactions", {"mode": "2pc", "timeout": "1s"}).status)
                return statuses[-1] == 201
            wait_until(begun, 5, "a begins a transaction")
            self.assertLessEqual(set(statuses), {201, 503})

    def test_a_shard_handed_to_a_process_that_has_ended_is_taken_at_once(self):
        """As when somebody gives a node a shard while it stops: it is kept for a process that never comes."""
        journal = self.journal()
        a = self.node("a", journal)
        a.migrate()
        database = journal.rsplit("dbname=", 1)[1]
        self.postgres.execute(database, "update troth.lease set owner = null, node = null, lease_until = now(), "
                                        "wanted_by = gen_random_uuid(), wanted_until = now() + interval '1 hour' "
                                        "where shard = 3")
        kept = "select count(*) from troth.lease where wanted_by is not null"
        self.assertEqual(self.postgres.value(database, kept), 1)
        self.run_folder.start(a)
        wait_until(lambda: self.led(a) == {"a": SHARDS}, 20, "it leads all")


if __name__ == "__main__":
    main()
