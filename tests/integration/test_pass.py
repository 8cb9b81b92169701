"""Any node answers any request: three trothd share a journal, and each is asked for what the others lead, while they
live, die, are paused, and have a wrong address. The participants are scripted. TROTH_TEST_FULL=1 runs all of it."""

import functools
import http.server
import json
import os
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import SILENCE, Scripted  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, run_folder, wait_until  # noqa: E402

FULL = os.environ.get("TROTH_TEST_FULL") == "1"  # tests/run has time for a part
PAIR = {"name": "pair", "version": 1, "mode": "2pc", "prepare_timeout": "20s", "timeout": "1m",
        "steps": [{"name": "one", "participant": "left", "operation": "take", "input": {"n": "${input.n}"}},
                  {"name": "two", "participant": "right", "operation": "give", "input": {"n": "${input.n}"}}]}


@functools.cache
def postgres():
    """One for all tests; each has a journal of its own."""
    return run_folder().start(Postgres())


class Nodes(TrothTest):
    """A journal, two participants, and nodes that a test starts."""

    def setUp(self):
        self.journal = postgres().database(self.id().rsplit(".", 1)[-1][:40])
        self.left, self.right = Scripted(), Scripted()
        for scripted in (self.left, self.right):
            self.addCleanup(scripted.server.server_close)
            self.addCleanup(scripted.server.shutdown)
            self.addCleanup(scripted.end.set)
        self.nodes = []

    def speak(self):
        """No participant is silent from here on."""
        self.left.answers.clear()
        self.left.end.set()

    def start(self, *names, **options):
        made = [Trothd(name, journal=self.journal, lease="2s", log_level="debug", **options) for name in names]
        for node in made:
            if not self.nodes:
                node.migrate()
            self.nodes.append(node)
            self.addCleanup(node.stop)
            self.run_folder.start(node)
        return made

    def register(self, node):
        self.assertIn(node.register("left", self.left.url, "http").status, (200, 201))
        self.assertIn(node.register("right", self.right.url, "http").status, (200, 201))
        self.assertIn(node.apply(PAIR).status, (200, 201))

    def spread(self, nodes):
        """Until each leads its share, and all see the same."""
        def even():
            seen = [shares(node) for node in nodes]
            return seen[0] is not None and all(one == seen[0] for one in seen) and len(seen[0]) == len(nodes) and \
                max(map(len, seen[0].values())) - min(map(len, seen[0].values())) <= 1
        wait_until(even, 40, "an even share that all see")


def shares(node):
    """{name: its shards} of the live ones, as that node sees them; None while some shards are nobody's."""
    shown = node.get("/v1/nodes").json
    return None if shown["free"] else {one["name"]: one["shards"] for one in shown["nodes"] if one["live"]}


def leader_of(nodes, gtid):
    """Whose the transaction is: the node that has it open in its memory."""
    owner = shard_of(gtid)
    name = next(name for name, led in shares(nodes[0]).items() if owner in led)
    return next(node for node in nodes if node.name == name)


def shard_of(gtid):
    """docs/protocol.md: a gtid carries its shard, in the 12 bits behind the version."""
    return int(gtid[15:18], 16)


def strip(reply):
    """What may differ between two answers of the same: nothing but the time."""
    return reply.status, {name: value for name, value in reply.headers.items() if name != "date"}, reply.body


class AnyNode(Nodes):
    def test_each_route_at_each_node(self):
        """What one node leads is begun, shown, asked for, followed, listed and ended at every other one; the answers
        are the same byte for byte."""
        nodes = self.start("a", "b", "c")
        self.register(nodes[0])
        self.spread(nodes)
        wait_until(lambda: all(node.get("/v1/definitions/pair").status == 200 for node in nodes), 5, "all know it")
        owners, gtids = set(), []
        for i in range(12):
            key = f"key-{i}"
            first = nodes[i % 3].submit("pair", {"n": i}, key=key)
            self.assertEqual((first.status, first.json["outcome"]), (201, "committed"), first)
            gtid = first.json["gtid"]
            gtids.append(gtid)
            owners.add((nodes[i % 3].name, leader_of(nodes, gtid).name))
            again = [node.submit("pair", {"n": i}, key=key) for node in nodes]
            self.assertEqual([(reply.status, reply.json["gtid"]) for reply in again], [(200, gtid)] * 3)
            other = [node.submit("pair", {"n": i + 1000}, key=key).status for node in nodes]
            self.assertEqual(other, [422] * 3)
            for path in (f"/v1/transactions/{gtid}", f"/v1/transactions/{gtid}/decision?branch=1&attempt=1",
                         f"/v1/transactions/{gtid}/nonsense", f"/v1/transactions?key={key}",
                         f"/v1/transactions/{gtid}/events"):
                def same():  # its end may be on its way to the journal
                    said = [strip(node.get(path)) for node in nodes]
                    return said[0] == said[1] == said[2]
                wait_until(same, 10, f"one answer of all nodes to {path}")
        self.assertGreater(len([1 for asked, led in owners if asked != led]), 2, owners)
        for node in nodes:
            listed = [one["gtid"] for one in node.get("/v1/transactions?limit=500").json["transactions"]]
            self.assertEqual(sorted(gtids, reverse=True), listed)

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_an_interactive_one_goes_from_node_to_node(self):
        """Begun at one, enlisted at the second, committed at the third; and without a key each begins its own."""
        a, b, c = nodes = self.start("a", "b", "c")
        self.register(a)
        self.spread(nodes)
        wait_until(lambda: all(node.get("/v1/participants/right").status == 200 for node in nodes), 5, "all know them")
        for begin, enlist, commit in ((a, b, c), (b, c, a), (c, a, b)):
            gtid = begin.post("/v1/transactions", {"mode": "2pc", "timeout": "30s"}).json["gtid"]
            for branch, participant, operation in ((1, "left", "take"), (2, "right", "give")):
                reply = enlist.post(f"/v1/transactions/{gtid}/branches",
                                    {"branch": branch, "participant": participant, "operation": operation})
                self.assertIn(reply.status, (200, 201), reply)
            done = commit.post(f"/v1/transactions/{gtid}/commit", {"branches": [1, 2]})
            self.assertEqual((done.status, done.json["outcome"]), (200, "committed"), done)
            said = enlist.post(f"/v1/transactions/{gtid}/commit", {"branches": [1]})
            self.assertEqual(said.status, 422, said)

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_what_is_registered_at_one_is_used_by_all(self):
        """Within a second: a definition, a participant, and both again when they change and go."""
        nodes = self.start("a", "b", "c")
        self.register(nodes[1])
        took = []
        for what in (lambda node: node.get("/v1/definitions/pair").status == 200,
                     lambda node: node.get("/v1/participants/left").status == 200):
            took.append(wait_seconds(lambda: all(what(node) for node in nodes)))
        began = time.monotonic()
        moved = nodes[0].put("/v1/participants/left", {"binding": "http", "urls": [self.left.url + "/elsewhere/"]})
        self.assertEqual(moved.status, 200, moved)
        wait_until(lambda: all("elsewhere" in node.get("/v1/participants/left").json["urls"][0] for node in nodes), 5,
                   "all know")
        took.append(time.monotonic() - began)
        began = time.monotonic()
        self.assertEqual(nodes[2].delete("/v1/definitions/pair?version=1").status, 204)
        wait_until(lambda: all(node.get("/v1/definitions/pair").status == 404 for node in nodes), 5, "gone everywhere")
        took.append(time.monotonic() - began)
        print("known everywhere after", ", ".join(f"{seconds:.2f} s" for seconds in took))
        self.assertLess(max(took), 3)  # a second where nothing else runs

    def test_a_list_of_what_runs_is_that_of_all(self):
        """What is in one node's memory alone is listed at every other one, page by page too."""
        self.left.answers[("take", "prepare")] = [SILENCE]
        nodes = self.start("a", "b", "c")
        self.addCleanup(self.speak)  # before the nodes are stopped: they would wait for it
        self.register(nodes[0])
        self.spread(nodes)
        wait_until(lambda: all(node.get("/v1/definitions/pair").status == 200 for node in nodes), 5, "all know it")
        began = {nodes[i % 3].submit("pair", {"n": i}, key=f"k{i}", prefer="respond-async").json["gtid"]
                 for i in range(9)}
        self.assertGreater(len({leader_of(nodes, gtid).name for gtid in began}), 1)
        for node in nodes:
            def running():
                page = node.get("/v1/transactions?state=preparing").json
                return {one["gtid"] for one in page["transactions"]} == began and "missing" not in page
            wait_until(running, 10, "all nine")
            paged, cursor = [], ""
            while cursor is not None:
                page = node.get(f"/v1/transactions?state=preparing&limit=2{cursor}").json
                paged += [one["gtid"] for one in page["transactions"]]
                cursor = f"&cursor={page['cursor']}" if page["cursor"] else None
            self.assertEqual(paged, sorted(began, reverse=True))

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_large_bodies(self):
        """An input of nearly 512 KiB goes through another node and comes back as it was; a longer one is refused."""
        nodes = self.start("a", "b")
        self.register(nodes[0])
        self.spread(nodes)
        wait_until(lambda: nodes[1].get("/v1/definitions/pair").status == 200, 5, "both know it")
        whole = {"n": 1, "text": "x" * (500 << 10)}
        for i in range(4):
            done = nodes[i % 2].submit("pair", whole, key=f"large-{i}")
            self.assertEqual((done.status, done.json["outcome"]), (201, "committed"), done.status)
            shown = [json.loads(node.get(f"/v1/transactions/{done.json['gtid']}").body) for node in nodes]
            self.assertEqual(shown[0], shown[1])
            self.assertEqual(nodes[i % 2].submit("pair", {"n": 1, "text": "x" * (600 << 10)}, key=f"l-{i}").status, 413)


def wait_seconds(condition):
    began = time.monotonic()
    wait_until(condition, 5, "known")
    return time.monotonic() - began


class Trouble(Nodes):
    def held(self, nodes, asked):
        """A start under a key that waits at a participant, asked at `asked` and led by another: the thread that asks,
        what it was told, its key and gtid."""
        self.left.answers[("take", "prepare")] = [SILENCE]
        for i in range(40):
            told, key = [], f"held-{i}"
            thread = threading.Thread(target=lambda: told.append(asked.submit("pair", {"n": 1}, key=key)))
            thread.start()
            found = wait_until(lambda: asked.get(f"/v1/transactions?key={key}").json["transactions"], 10, "it is begun")
            gtid = found[0]["gtid"]
            if leader_of(nodes, gtid) is not asked:
                return thread, told, key, gtid
            asked.post(f"/v1/transactions/{gtid}/abort", {})
            thread.join(30)
        raise AssertionError("every key is led by the one that is asked")

    def until_known(self, node, key):
        """What a client does that keeps its key: again, while it is not known."""
        def known():
            reply = node.submit("pair", {"n": 1}, key=key, prefer="wait=5")
            self.assertIn(reply.status, (200, 201, 202, 503, 504), reply)
            return reply if reply.status in (200, 201) and reply.json["outcome"] else None
        return wait_until(known, 60, "the key's outcome")

    def test_the_leader_is_killed_with_the_request(self):
        """The one that was asked says "not known", never "nothing was done"; under the key the next leader answers,
        with the same transaction."""
        a, b, c = nodes = self.start("a", "b", "c")
        self.addCleanup(self.speak)
        self.register(a)
        self.spread(nodes)
        wait_until(lambda: all(node.get("/v1/definitions/pair").status == 200 for node in nodes), 5, "all know it")
        thread, told, key, gtid = self.held(nodes, a)
        leader = leader_of(nodes, gtid)
        leader.kill9()
        thread.join(30)
        self.assertEqual(told[0].status, 504, told[0])
        self.assertEqual(told[0].json["type"].rsplit("/", 1)[-1], "outcome-unknown")
        reply = a.get(f"/v1/transactions/{gtid}")
        self.assertIn(reply.status, (200, 503), reply)  # its leader is gone, or another has taken it already
        self.left.answers.clear()
        done = self.until_known(a, key)
        self.assertIn(done.json["outcome"], ("committed", "aborted"), done)
        self.assertEqual(done.json["gtid"], gtid)

    @unittest.skipUnless(FULL, "TROTH_TEST_FULL=1")
    def test_the_leader_is_paused(self):
        """What only asks is refused within its time or answered by the next leader; when the paused one wakes, all say
        the same."""
        a, b, c = nodes = self.start("a", "b", "c")
        self.register(a)
        self.spread(nodes)
        wait_until(lambda: all(node.get("/v1/definitions/pair").status == 200 for node in nodes), 5, "all know it")
        done = [a.submit("pair", {"n": i}, key=f"p{i}") for i in range(8)]
        gtids = [reply.json["gtid"] for reply in done]
        victim = next(leader_of(nodes, gtid) for gtid in gtids if leader_of(nodes, gtid) is not a)
        victim.pause()
        try:
            began = time.monotonic()
            for gtid in gtids:
                def answered():
                    reply = a.get(f"/v1/transactions/{gtid}", timeout=40)
                    self.assertIn(reply.status, (200, 503), reply)
                    return reply.status == 200 and reply.json["outcome"] == "committed"
                wait_until(answered, 60, "answered")
            print(f"all answered {time.monotonic() - began:.1f} s after the pause")
        finally:
            victim.resume()
        for gtid in gtids:
            wait_until(lambda: victim.get(f"/v1/transactions/{gtid}").status == 200, 20, "it answers again")
            self.assertEqual(victim.get(f"/v1/transactions/{gtid}").json["outcome"], "committed")

    def test_a_wrong_address(self):
        """Somebody else answers where a node says that it is: no answer of that one's is passed off as the node's, and
        what would open anything never gets there."""
        heard = []

        class Liar(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                heard.append(dict(self.headers))
                body = b'{"gtid":"0198f3a2-1c40-8003-8000-040000000001","outcome":"committed","state":"ended"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_any

            def log_message(self, *_):
                pass

        liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        a, = self.start("a")
        self.register(a)
        wrong, = self.start("wrong", node_address=f"http://127.0.0.1:{liar.server_port}")
        self.spread([a, wrong])
        wait_until(lambda: wrong.get("/v1/definitions/pair").status == 200, 5, "both know it")
        said = set()
        for i in range(12):
            reply = a.post("/v1/transactions", {"definition": "pair", "input": {"n": i}},
                           headers={"Idempotency-Key": f"w{i}", "Authorization": "Bearer trk_secret"})
            said.add(reply.status)
            if reply.status == 504:
                self.assertIn("node_address", reply.json["detail"])
                there = wrong.submit("pair", {"n": i}, key=f"w{i}")  # it knows its own, and passes on to a
                self.assertEqual((there.status, there.json["outcome"]), (201, "committed"), there)
            else:
                self.assertEqual((reply.status, reply.json["outcome"]), (201, "committed"), reply)
        self.assertEqual(said, {201, 504})
        self.assertTrue(heard)
        self.assertFalse([one for one in heard if "Authorization" in one], heard[0])
        page = a.get("/v1/transactions?state=preparing").json
        self.assertEqual(page["missing"], ["wrong"])


class Identity(Nodes):
    def key(self, socket, name, *scopes):
        made = unix_post(socket, "/v1/keys", {"name": name, "scopes": scopes})
        return {"Authorization": f"Bearer {made['key']}"}

    def test_who_asks_goes_along(self):
        """A key that one node has made opens all of them within a second, and what it may holds at the leader; without
        one nobody learns anything, and headers that only nodes may send open nothing."""
        socket = str(self.run_folder.path / "a.sock")
        a, = self.start("a", authentication="required", listen_unix=socket)
        b, = self.start("b", authentication="required")
        bearer = self.key(socket, "starter", "start:pa*", "definitions", "participants")
        looker = self.key(socket, "looker", "read")
        for name, scripted in (("left", self.left), ("right", self.right)):
            self.assertEqual(a.put(f"/v1/participants/{name}", {"binding": "http", "urls": [scripted.url]},
                                   headers=bearer).status, 201)
        self.assertEqual(a.put("/v1/definitions/pair", json.dumps(PAIR).encode(), headers=bearer).status, 201)
        wait_until(lambda: b.get("/v1/nodes", headers=looker).status == 200, 5, "b knows the key")
        wait_until(lambda: all(len(one["shards"]) == 8 for one in b.get("/v1/nodes", headers=looker).json["nodes"]), 40,
                   "half each")
        wait_until(lambda: b.get("/v1/definitions/pair", headers=looker).status == 200, 5, "b knows it")
        for i in range(8):
            for node in (a, b):
                reply = node.post("/v1/transactions", {"definition": "pair", "input": {"n": i}},
                                  headers={**bearer, "Idempotency-Key": f"{node.name}{i}"})
                self.assertEqual(reply.status, 201, reply)
                path = f"/v1/transactions/{reply.json['gtid']}"
                self.assertEqual({one.get(path, headers=looker).status for one in (a, b)}, {200})
                self.assertEqual({one.get(path, headers=bearer).status for one in (a, b)}, {403})
                self.assertEqual({one.get(path).status for one in (a, b)}, {401})
                forged = {"Troth-Passed-By": "0" * 64, "Troth-Passed-To": "0" * 64, "Troth-Who": "uid:0",
                          "Troth-Scopes": "4294967295", "Troth-Proof": "0" * 64}
                self.assertEqual({one.get(path, headers=forged).status for one in (a, b)}, {503})


def unix_post(path, target, body):
    import http.client
    import socket

    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(path)

    connection = Unix("localhost")
    connection.request("POST", target, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    assert answer.status == 201, told
    return told


if __name__ == "__main__":
    main()
