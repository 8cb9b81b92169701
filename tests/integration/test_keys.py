"""Who may ask: the unix-domain socket and its peer's user, API keys and their scopes, against a real daemon. Every
route is called as every identity, and the answers are held against the table that openapi.json shows."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import BALANCE, System  # noqa: E402
from troth_test import Trothd, TrothTest, main, program, wait_until  # noqa: E402

SCOPES = ("start", "read", "operate", "definitions", "participants", "inquire", "metrics", "admin")
NOBODY = 65534


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Keyed(Trothd):
    """A daemon that wants keys; the tests' own calls go through its socket unless they show a key."""

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.socket = self.folder / "trothd.sock"
        self.options.update(listen_unix=self.socket, authentication="required", login_failures_max=100000)

    def connect(self, timeout=60):
        return UnixConnection(self.socket)

    def show_key(self, key, method, path, body=None, **headers):
        """Over TCP: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()


class KeyedSystem(System):
    """As System, with a daemon that wants keys, and a bank that shows one."""

    def start(self):
        self.start_postgres()
        self.trothd = Keyed(journal=self.start_journal(), log_level="debug", retry_interval="50ms", call_timeout="1s",
                            retry_interval_max="500ms")
        self.trothd.tls = None
        self.trothd.migrate()
        self.folder.start(self.trothd)
        self.key_file = self.folder.path / "bank.key"
        self.bank_options = {"api_key_file": self.key_file}
        self.key_file.write_text(self.make_key("banks", "inquire") + "\n")
        from system import DEFINITIONS
        assert self.trothd.apply(DEFINITIONS / "transfer.json").status == 201
        for name in self.names:
            self.add_bank(name)
        return self

    def make_key(self, name, *scopes, **more):
        reply = self.trothd.post("/v1/keys", {"name": name, "scopes": list(scopes), **more})
        assert reply.status == 201, reply
        return reply.json["key"]


class Keys(TrothTest):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = KeyedSystem().start()
        cls.trothd = cls.system.trothd

    def key(self, *scopes, **more):
        Keys.number += 1
        return f"key_{Keys.number}", self.system.make_key(f"key_{Keys.number}", *scopes, **more)

    def trothctl(self, *words, key=None, **environment):
        environment = {"PATH": os.environ["PATH"], "TROTH_SOCKET": str(self.trothd.socket), **environment}
        if key:
            environment.update(TROTH_API_KEY=key, TROTH_URL=self.trothd.url)
            del environment["TROTH_SOCKET"]
        return subprocess.run([program("trothctl"), *words], capture_output=True, text=True, timeout=60,
                              env=environment)

    # --- the table

    def test_every_route_as_every_identity(self):
        paths = self.trothd.get("/openapi.json").json["paths"]
        keys = {scope: self.key(scope)[1] for scope in SCOPES}
        routes = [(method, path, operation["x-scope"]) for path, item in paths.items()
                  for method, operation in item.items() if method != "parameters"]
        self.assertGreater(len(routes), 25)
        for method, path, scope in routes:
            path = re.sub(r"\{gtid\}", "0198f3a2-1c45-8abc-848d-15800000002a", path)
            path = re.sub(r"\{\w+\}", "nothing_of_it", path)
            is_open = scope == "none"
            for stranger in (None, "trk_" + "0" * 64, ""):
                status, headers, body = self.trothd.show_key(stranger, method.upper(), path)
                self.assertEqual(status != 401, is_open, (method, path, stranger, body))
                if not is_open:
                    self.assertEqual(headers["WWW-Authenticate"], 'Bearer realm="troth"')
                    self.assertNotIn("nothing_of_it", body)
            for name, key in keys.items():
                status, _, body = self.trothd.show_key(key, method.upper(), path)
                if is_open or scope in ("any", name):
                    self.assertNotIn(status, (401, 403), (method, path, name, body))
                else:
                    self.assertEqual(status, 403, (method, path, name, body))
                    self.assertIn(f'the scope \\"{scope}\\"', body)
                    self.assertNotIn("nothing_of_it", body)

    # --- the socket

    def test_the_sockets_peer_decides(self):
        """Its own user and root may do everything; another user, whom the group lets in, needs a key as anybody."""
        self.assertEqual(self.trothd.socket.stat().st_mode & 0o777, 0o660)
        self.assertEqual(self.trothctl("key", "list").returncode, 0)
        ask = ("import socket,os\n"
               f"s=socket.socket(socket.AF_UNIX); os.setgid(0); os.setgroups([0]); os.setuid({NOBODY})\n"
               f"s.connect({str(self.trothd.socket)!r})\n"
               "s.sendall(b'GET /v1/keys HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n')\n"
               "print(s.recv(100).split()[1].decode())")
        if os.geteuid() == 0:
            for part in [self.trothd.socket.parent, *self.trothd.socket.parent.parents][:-1]:
                self.assertTrue(part.stat().st_mode & 0o001, f"others pass through {part}")
            said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
            self.assertEqual(said.stdout.strip(), "401", said.stderr)

    def test_a_socket_that_was_left_behind_is_taken_over(self):
        self.trothd.kill9()
        self.assertTrue(self.trothd.socket.exists())
        self.trothd.start()
        self.assertEqual(self.trothctl("status").returncode, 0)

    # --- keys

    def test_a_key_is_made_shown_once_rotated_and_revoked_by_trothctl(self):
        made = self.trothctl("key", "create", "billing", "--scope", "start:transfer", "-s", "read")
        self.assertEqual(made.returncode, 0, made)
        key = made.stdout.strip()
        self.assertRegex(key, r"^trk_[0-9a-f]{64}$")
        listed = self.trothctl("key", "list")
        self.assertIn("start:transfer read", listed.stdout)
        self.assertNotIn(key, listed.stdout)
        self.assertEqual(self.trothctl("tx", "list", key=key).returncode, 0)
        done = self.trothctl("tx", "start", "transfer", "--input", '{"from": 1, "to": 2, "amount": 3}', key=key)
        self.assertEqual(done.returncode, 0, done)
        refused = self.trothctl("key", "list", key=key)
        self.assertEqual(refused.returncode, 4, refused)
        self.assertIn('"admin"', refused.stderr)
        rotated = self.trothctl("key", "rotate", "billing").stdout.strip()
        self.assertEqual(self.trothd.show_key(key, "GET", "/v1/transactions")[0], 401)
        self.assertEqual(self.trothd.show_key(rotated, "GET", "/v1/transactions")[0], 200)
        self.assertEqual(self.trothctl("key", "revoke", "billing").returncode, 0)
        self.assertEqual(self.trothd.show_key(rotated, "GET", "/v1/transactions")[0], 401)

    def test_a_revoked_key_ends_its_streams_within_a_second(self):
        name, key = self.key("read", "start", "operate")
        _, _, body = self.trothd.show_key(key, "POST", "/v1/transactions", {"mode": "2pc", "timeout": "60s"})
        gtid = json.loads(body)["gtid"]
        ended = threading.Event()

        def follow():
            self.trothd.show_key(key, "GET", f"/v1/transactions/{gtid}/events")
            ended.set()

        threading.Thread(target=follow, daemon=True).start()
        wait_until(lambda: "troth_client_watchers_bytes" in self.trothd.get("/metrics").body.decode(), 5, "it follows")
        self.assertFalse(ended.wait(0.5))
        began = time.monotonic()
        self.assertEqual(self.trothd.delete(f"/v1/keys/{name}").status, 204)
        self.assertTrue(ended.wait(10))
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.trothd.show_key(key, "GET", "/v1/transactions")[0], 401)
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {})

    def test_an_expired_key_opens_nothing(self):
        _, key = self.key("read", expires_in="1s")
        wait_until(lambda: self.trothd.show_key(key, "GET", "/v1/transactions")[0] == 401, 10, "it has ended")

    def test_what_a_start_is_for_is_held(self):
        _, key = self.key("start:order_*")
        status, _, body = self.trothd.show_key(key, "POST", "/v1/transactions",
                                               {"definition": "transfer", "input": {"from": 1, "to": 2, "amount": 1}})
        self.assertEqual(status, 403)
        self.assertIn('start:transfer', body)
        status, _, body = self.trothd.show_key(key, "POST", "/v1/transactions", {"mode": "2pc"})
        self.assertEqual(status, 403)

    def test_a_key_for_definitions_touches_no_interactive_transaction(self):
        """Neither one that another key began: an early commit is not its to say, nor one more branch."""
        _, key = self.key("start:order_*")
        gtid = self.trothd.post("/v1/transactions", {"mode": "2pc"}).json["gtid"]
        for call, body in (("branches", {"branch": 1, "participant": "bank_a", "operation": "debit"}),
                           ("commit", {"branches": []})):
            status, _, said = self.trothd.show_key(key, "POST", f"/v1/transactions/{gtid}/{call}", body)
            self.assertEqual(status, 403, said)
            self.assertIn('the scope \\"start\\"', said)
        self.assertEqual(self.trothd.get(f"/v1/transactions/{gtid}").json["state"], "open")
        self.trothd.post(f"/v1/transactions/{gtid}/abort", {})

    def test_keys_and_their_last_use_outlive_a_restart(self):
        name, key = self.key("read")
        self.assertEqual(self.trothd.show_key(key, "GET", "/v1/transactions")[0], 200)
        wait_until(lambda: self.system.journal.value(
            "journal", "select last_used_at is not null from troth.api_key where name = %s", (name,)), 10,
            "it is written")
        rows = self.system.journal.query("journal", "select body from troth.api_key where name = %s", (name,))
        self.assertNotIn(key, rows[0][0])
        self.trothd.kill9()
        self.trothd.start()
        self.assertEqual(self.trothd.show_key(key, "GET", "/v1/transactions")[0], 200)
        listed = {entry["name"]: entry for entry in self.trothd.get("/v1/keys").json["keys"]}
        self.assertIsNotNone(listed[name]["last_used_at"])
        self.assertNotIn(key, self.trothd.output())

    def test_a_bank_asks_with_its_key_and_with_the_one_that_it_was_rotated_to(self):
        proxy, bank = self.system.proxies["bank_b"], self.system.banks["bank_b"]
        rotated = self.trothd.post("/v1/keys/banks/rotate", {}).json["key"]
        proxy.drop("reply")
        gtid = self.system.begin(1, 2, 1)
        wait_until(lambda: self.system.postgres.prepared(), 20, "it is prepared")
        bank.kill9()
        proxy.refuse()
        bank.start()  # its file has the old key still
        self.system.key_file.write_text(rotated + "\n")
        wait_until(lambda: not self.system.postgres.prepared(), 60, "it has asked, and done as it was told")
        proxy.accept()
        self.trothd.wait_outcome(gtid, 60)
        self.system.drained()
        self.assertEqual(self.system.total(), 2 * 100 * BALANCE)


if __name__ == "__main__":
    main()
