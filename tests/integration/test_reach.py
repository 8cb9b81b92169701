"""Whom trothd calls: hosts and networks that its configuration allows, looked at where a name leads at each connect.
The test is the attacker: he may register participants and has name servers of his own, and wants something of what
only trothd reaches. 127.0.0.1 is allowed here, and 127.0.0.2 is what nobody may reach."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from nameserver import NameServer  # noqa: E402
from scripted import DONE, Scripted  # noqa: E402
from system import System  # noqa: E402
from troth_test import Trothd, TrothTest, main, wait_until  # noqa: E402

STEP = {"name": "one", "operation": "do", "input": {}, "retry": "again"}
RETRIES = {"again": {"interval": "20ms", "max_interval": "50ms", "max_attempts": 3}}


class Secret:
    """What only trothd's host reaches, at an address that is not allowed; it counts who comes."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.2", port))
        self.port, self.came = self.listener.getsockname()[1], 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            taken, _ = self.listener.accept()
            self.came += 1
            taken.close()


class Reach(TrothTest):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = NameServer()
        cls.system = System(banks=(), resolver=cls.names.address, connect_timeout="1s",
                            participant_networks="127.0.0.1, ::1",
                            participant_hosts="*.test, *.*.*.*, [*, :*:*").start()
        cls.trothd = cls.system.trothd
        cls.secret = Secret()

    def setUp(self):
        """However it went: nobody came to what is not to be reached, and somebody who comes is seen."""
        self.addCleanup(self.assert_secret)

    def assert_secret(self):
        self.assertEqual(self.secret.came, 0)

    def register(self, url):
        """Its name, once it was asked whether it is there; or the refusal."""
        Reach.number += 1
        name = f"p{Reach.number}"
        reply = self.trothd.register(name, url, "http")
        if reply.status != 201:
            return None, reply
        wait_until(lambda: self.status(name)["reachable"] is not None, 20, f"{url} was asked")
        return name, reply

    def status(self, name):
        return self.trothd.get(f"/v1/participants/{name}").json["status"]

    def begin(self, name):
        definition = {"name": f"saga_{name}", "version": 1, "mode": "saga", "timeout": "10m", "retries": RETRIES,
                      "steps": [{**STEP, "participant": name}]}
        self.assertIn(self.trothd.apply(definition).status, (200, 201))
        return self.trothd.submit(definition["name"], {}, prefer="wait=20").json

    def test_the_secret_is_there(self):
        """Or nothing here would show anything: who is let there is seen."""
        other = Secret()
        with socket.create_connection(("127.0.0.2", other.port), timeout=20):
            wait_until(lambda: other.came == 1, 20, "it is counted")

    def test_however_an_address_is_written(self):
        port = self.secret.port
        for host in ("127.0.0.2", "2130706434", "0x7f000002", "0x7f.2", "0177.0.0.2", "127.2", "127.0.2",
                     "017700000002", "127.000.000.002", "127.0.0.2.", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]",
                     "[::127.0.0.2]", "[64:ff9b::7f00:2]", "[2002:7f00:2::]", "[0:0:0:0:0:ffff:7f00:0002]", "[::]",
                     "0.0.0.0", "[fe80::1]"):
            name, reply = self.register(f"http://{host}:{port}/")
            if name is None:
                self.assertEqual(reply.status, 422, (host, reply))
                self.assertIn("wrong-url", reply.json["type"])
            else:
                self.assertFalse(self.status(name)["reachable"], host)

    def test_a_name_that_leads_there(self):
        for number, address in enumerate(("127.0.0.2", "::ffff:127.0.0.2", "169.254.169.254", "0.0.0.0", "10.0.0.1")):
            host = f"leads{number}.test"
            self.names.set(host, address)
            name, _ = self.register(f"http://{host}:{self.secret.port}/")
            status = self.status(name)
            self.assertFalse(status["reachable"], status)
            self.assertRegex(status["last_failure"]["text"], "participant_networks")
            self.assertIn(host, status["last_failure"]["text"])
        self.assertEqual(self.begin(name)["outcome"], "compensated")

    def test_a_name_with_an_address_of_each_kind(self):
        """What is allowed is called, whichever stands first."""
        server = Scripted(port=self.secret.port)
        for number, addresses in enumerate((("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"))):
            host = f"both{number}.test"
            self.names.set(host, *addresses)
            name, _ = self.register(f"http://{host}:{server.port}/")
            for _ in range(3):
                shown = self.begin(name)
                self.assertEqual(shown["outcome"], "committed", shown)
                self.assertEqual(server.count(shown["gtid"], "do", "execute"), 1)

    def test_a_name_that_leads_elsewhere_after_it_was_looked_at(self):
        """DNS rebinding: harmless when it is registered and while it is looked at, and then not."""
        server = Scripted(port=0)
        secret = Secret(server.port)
        self.names.set("rebound.test", "127.0.0.1", ttl=1)
        name, _ = self.register(f"http://rebound.test:{server.port}/")
        self.assertEqual(self.begin(name)["outcome"], "committed")
        self.names.set("rebound.test", "127.0.0.2", ttl=1)
        wait_until(lambda: self.begin(name)["outcome"] != "committed", 30, "it leads elsewhere")
        wait_until(lambda: "participant_networks" in self.status(name).get("last_failure", {}).get("text", ""), 20,
                   "and why it is not called is shown")
        for _ in range(3):
            self.begin(name)
        self.assertEqual(secret.came, 0)
        self.names.set("rebound.test", "127.0.0.1", ttl=1)
        wait_until(lambda: self.begin(name)["outcome"] == "committed", 30, "it leads back")

    def test_no_redirect_is_followed(self):
        server = Scripted()
        for status in (301, 302, 303, 307, 308):
            server.answers["do", "execute"] = [(status, b"{}", {
                "Location": f"http://127.0.0.2:{self.secret.port}/do/execute"}), DONE]
            name, _ = self.register(f"http://127.0.0.1:{server.port}/")
            shown = self.begin(name)
            self.assertEqual(shown["outcome"], "committed", shown)  # it was unknown, and asked again
            self.assertEqual(server.count(shown["gtid"], "do", "execute"), 2)

    def test_a_host_that_is_not_listed(self):
        name, reply = self.register(f"http://localhost:{self.secret.port}/")
        self.assertIsNone(name)
        self.assertEqual(reply.status, 422)
        self.assertIn("this host is none of participant_hosts", reply.json["detail"])

    def test_a_list_that_is_none_is_said_at_the_start(self):
        node = Trothd("wrong", journal=self.system.postgres.to("journal"), participant_networks="10.0.0.1/8")
        done = subprocess.run(node.command(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn('participant_networks: \\"10.0.0.1/8\\": it is neither an address', done.stderr)

    def test_a_token_does_not_go_over_the_network_in_plain(self):
        tokens = self.run_folder.path / "tokens"
        tokens.mkdir()
        (tokens / "one.token").write_text("a-token-that-is-secret\n")
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(("192.0.2.1", 9))  # nothing is sent: which address would be ours
                outside = probe.getsockname()[0]
            listener = socket.create_server((outside, 0))
        except OSError as error:
            self.skipTest(f"this host has no address but loopback: {error}")
        self.addCleanup(listener.close)
        node = Trothd("tokens", journal=self.system.postgres.database("tokens"), participant_tokens=tokens,
                      participant_networks=f"loopback, {outside}")
        node.migrate()
        self.run_folder.start(node)
        self.names.set("outside.test", outside)
        url = f"http://{outside}:{listener.getsockname()[1]}/"
        reply = node.put("/v1/participants/plain", {"binding": "http", "urls": [url], "token_file": "one.token"})
        self.assertEqual(reply.status, 422, reply)
        self.assertIn("its token could be read on the way", reply.json["detail"])
        reply = node.put("/v1/participants/plain", {"binding": "http", "urls": [url]})
        self.assertEqual(reply.status, 201, reply)


if __name__ == "__main__":
    main()
