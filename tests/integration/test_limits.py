"""What one caller may ask for: a client that asks without end is told 429 and moves nobody else; wrong keys are slowed
down; streams and open transactions of one caller have an end. Against a real daemon, each client in a process of its
own."""

import http.client
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from test_keys import Keyed, KeyedSystem  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

RATE, NOISY, ROUNDS, CALLS = 20, 4, 3, 16

# Asks as fast as it can, over one connection after the other; says how often it was let in, and how often not.
CLIENT = """
import collections, http.client, signal, sys
port, key, count, ended = int(sys.argv[1]), sys.argv[2], collections.Counter(), []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))  # what it raised, a finalizer would swallow
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
print("begun", flush=True)
while not ended:
    connection.request("GET", "/v1/transactions?limit=1", headers={"Authorization": "Bearer " + key})
    answer = connection.getresponse()
    answer.read()
    count[answer.status] += 1
print(count[200], count[429], sum(count.values()))
"""


class LimitedSystem(KeyedSystem):
    def start(self):
        super().start()
        self.trothd.stop()
        self.trothd.options.update(caller_requests_max=RATE, caller_open_transactions_max=3, caller_watchers_max=2,
                                   login_failures_max=30)
        self.trothd.start()
        wait_until(lambda: self.trothd.get("/readyz").json["ready"], 60, "it leads")
        return self


class Limits(TrothTest):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = LimitedSystem().start()
        cls.trothd = cls.system.trothd

    def key(self, *scopes):
        Limits.number += 1
        return f"limited_{Limits.number}", self.system.make_key(f"limited_{Limits.number}", *scopes)

    def metric(self, line):
        for found in self.trothd.get("/metrics").body.decode().splitlines():
            if found.startswith(f"{line} "):
                return float(found.split()[-1])
        raise AssertionError(f"no metric {line}")

    def transfer(self, key, **headers):
        status, _, body = self.trothd.show_key(key, "POST", "/v1/transactions", {
            "definition": "transfer", "input": {"from": 1, "to": 2, "amount": 1}}, **headers)
        return status, json.loads(body)

    # --- requests

    def latencies(self, key):
        """Of transfers, one behind the other, slower than the limit; each commits."""
        taken = []
        for _ in range(CALLS):
            began = time.monotonic()
            status, body = self.transfer(key)
            taken.append(time.monotonic() - began)
            self.assertEqual((status, body.get("outcome")), (201, "committed"), body)
            time.sleep(2 / RATE)  # its own pace
        return sorted(taken)[int(len(taken) * 0.99) - 1]

    def beside_noise(self, quiet, port, noisy):
        """The slowest of the quiet one's transfers while the noisy ones ask there; and how often those were let in,
        refused, and for how long they asked."""
        began = time.monotonic()
        clients = [subprocess.Popen([sys.executable, "-c", CLIENT, str(port), noisy], stdout=subprocess.PIPE, text=True)
                   for _ in range(NOISY)]
        for client in clients:
            self.assertEqual(client.stdout.readline(), "begun\n")
        slowest = self.latencies(quiet)
        for client in clients:
            client.terminate()
        counts = [list(map(int, client.communicate(timeout=60)[0].split())) for client in clients]
        let_in, refused, asked = map(sum, zip(*counts))
        self.assertEqual(let_in + refused, asked)
        return slowest, let_in, refused, time.monotonic() - began

    def test_a_noisy_client_moves_nobody_else(self):
        """Its neighbour's slowest transfers beside it, and beside one that is as noisy at another daemon, in turns: so
        what differs is this daemon, and not what the clients themselves take of the machine. And how much of it was
        let in."""
        other = Keyed("elsewhere", journal=self.system.postgres.database("elsewhere"), caller_requests_max=RATE)
        other.tls = None
        other.migrate()
        self.run_folder.start(other)
        self.addCleanup(other.stop)
        elsewhere_key = other.post("/v1/keys", {"name": "noisy", "scopes": ["read"]}).json["key"]
        _, quiet = self.key("start")
        _, noisy = self.key("read")
        elsewhere, beside = [], []
        for _ in range(ROUNDS):
            elsewhere.append(self.beside_noise(quiet, other.port, elsewhere_key)[0])
            slowest, let_in, refused, lasted = self.beside_noise(quiet, self.trothd.port, noisy)
            beside.append(slowest)
            self.assertLessEqual(let_in, RATE * (lasted + 1) + NOISY)
            self.assertGreater(refused, let_in, "it asks for more than it may")
        self.assertLess(statistics.median(beside), 3 * statistics.median(elsewhere) + 0.2, (elsewhere, beside))
        self.assertGreater(self.metric('troth_limited_total{of="requests"}'), 0)

    def test_who_is_refused_is_told_when_to_come_again(self):
        name, key = self.key("read")

        def refused():
            status, headers, body = self.trothd.show_key(key, "GET", "/v1/definitions")
            return (headers, json.loads(body)) if status == 429 else None
        headers, body = wait_until(refused, 60, "it has asked too often")
        self.assertEqual(headers["Retry-After"], "1")
        self.assertIn(f"key:{name} asks more often than {RATE} times a second (caller_requests_max)", body["detail"])

    def test_an_operator_at_the_socket_is_let_in_however_often(self):
        for _ in range(3 * RATE):
            self.assertEqual(self.trothd.get("/v1/definitions").status, 200)

    # --- keys that are none

    def test_wrong_keys_are_slowed_down_and_counted(self):
        _, good = self.key("read")
        before = self.metric("troth_login_failures_total")
        statuses = [self.trothd.show_key(f"trk_{n:064x}", "GET", "/v1/definitions")[0] for n in range(40)]
        self.assertEqual(statuses[:25], [401] * 25)
        self.assertIn(429, statuses[25:])
        self.assertEqual(self.metric("troth_login_failures_total"), before + 40)
        self.assertGreater(self.metric('troth_limited_total{of="login_failures"}'), 0)
        status, headers, _ = self.trothd.show_key("trk_" + "f" * 64, "GET", "/v1/definitions")
        self.assertEqual(status, 429)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertEqual(self.trothd.show_key(good, "GET", "/v1/definitions")[0], 200)
        self.assertEqual(self.trothd.show_key(None, "GET", "/v1/definitions")[0], 401)

    # --- streams and transactions

    def test_streams_of_one_caller_have_an_end(self):
        name, key = self.key("start", "read")
        _, other = self.key("read")
        status, begun = self.interactive(key)
        self.assertEqual(status, 201, begun)
        streams, path = [], f"/v1/transactions/{begun['gtid']}/events"
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", self.trothd.port, timeout=60)
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            streams.append((connection, connection.getresponse()))
            self.assertEqual(streams[-1][1].status, 200)
        status, headers, body = self.trothd.show_key(key, "GET", path)
        self.assertEqual((status, headers["Retry-After"]), (429, "1"))
        self.assertIn(f"key:{name} follows 2 transactions, and no more", body)
        connection = http.client.HTTPConnection("127.0.0.1", self.trothd.port, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"Bearer {other}"})
        streams.append((connection, connection.getresponse()))
        self.assertEqual(streams[-1][1].status, 200)
        for connection, _ in streams:
            connection.close()
        self.assertEqual(self.trothd.post(f"/v1/transactions/{begun['gtid']}/abort").status, 200)

    def interactive(self, key):
        status, _, body = self.trothd.show_key(key, "POST", "/v1/transactions", {"mode": "2pc", "timeout": "1m"})
        return status, json.loads(body)

    def test_open_transactions_of_one_caller_have_an_end(self):
        name, key = self.key("start")
        _, other = self.key("start")
        begun = [self.interactive(key) for _ in range(3)]
        self.assertEqual([status for status, _ in begun], [201] * 3)
        status, body = self.interactive(key)
        self.assertEqual((status, body["type"].rsplit("/", 1)[1]), (429, "too-many-requests"))
        self.assertIn(f"caller key:{name} has 3 transactions open, and may have no more", body["detail"])
        self.assertEqual(self.transfer(key)[0], 429)
        self.assertEqual(self.transfer(other)[0], 201)
        for _, transaction in begun:
            self.assertEqual(self.trothd.post(f"/v1/transactions/{transaction['gtid']}/abort").status, 200)
        wait_until(lambda: self.transfer(key)[0] == 201, 30, "there is room again")


if __name__ == "__main__":
    main()
