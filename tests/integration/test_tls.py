"""TLS on every socket: who is let in and with what words others are refused; certificates that change under load; and
peers that are slow, silent or many in the handshake."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import troth_test  # noqa: E402
from certificates import Authority  # noqa: E402
from system import BALANCE, System  # noqa: E402
from tcp_proxy import TcpProxy  # noqa: E402
from troth_test import (EarlyEnd, Postgres, Tls, Trothd, TrothTest, main, program, run_folder,  # noqa: E402
                        wait_until)

HALF_OPEN = 2000


def metric(trothd, name):
    for line in trothd.get("/metrics").body.decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise AssertionError(f"no metric {name}")


class Silent:
    """Takes connections and says nothing, or says `words` to each."""

    def __init__(self, words=b""):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken, self.words = [], words
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self.listener.accept()
                self.taken.append(taken)
                if self.words:
                    taken.recv(65536)
                    taken.sendall(self.words)
                    taken.close()

    def close(self):
        self.listener.close()
        for taken in self.taken:
            taken.close()


class TlsTest(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if troth_test._tls is None:
            troth_test._tls = Tls(run_folder().path / "tls")  # for all that is started here
        cls.tls = troth_test._tls
        cls.others = Authority(run_folder().path / "others", "others")


class Mutual(TlsTest):
    """Mutual TLS under trothd, two banks and trothctl."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(call_timeout="1s", connect_timeout="1s", tls_handshakes_max="64",
                            tls_handshake_timeout="2s").start()
        cls.trothd = cls.system.trothd

    def tearDown(self):
        for proxy in self.system.proxies.values():
            proxy.accept()

    def transfers(self, expected="committed"):
        reply = self.system.transfer(1, 2, 5)
        self.assertEqual(reply.json["outcome"], expected, reply)
        return reply.json

    def refused(self, context, words, port=None):
        """The handshake fails, or the first read behind it, as TLS 1.3 has it; the words are the client's own."""
        with self.assertRaisesRegex((ssl.SSLError, ConnectionResetError), words):
            with socket.create_connection(("127.0.0.1", port or self.trothd.port), timeout=20) as plain:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                    connection.recv(1000)

    def trothctl(self, *words, url=None, **environment):
        return subprocess.run([program("trothctl"), "--url", url or self.trothd.url, *words], capture_output=True,
                              text=True, timeout=60, env={"PATH": os.environ["PATH"], **environment})

    # --- who is let in

    def test_a_transfer_with_mutual_tls_everywhere(self):
        self.transfers()
        self.assertEqual(self.system.total(), 2 * 100 * BALANCE)
        wait_until(lambda: self.lists_alone() == (0, ""), 60, "the nodes of other tests are believed to be gone")
        flags = ["--cacert", self.tls.authority.certificate, "--cert", self.tls.identity.certificate, "--cert-key",
                 self.tls.identity.key]
        self.assertEqual(self.trothctl(*map(str, flags), "status").returncode, 0)

    def lists_alone(self):
        done = self.trothctl("tx", "list", **self.tls.environment())
        return done.returncode, done.stderr

    def test_what_fills_many_records_goes_through_in_both_directions(self):
        filler = "".join(chr(97 + n % 26) for n in range(60000))
        big = {"name": "big", "version": 1, "mode": "2pc", "steps": [
            {"name": f"step_{n}", "participant": "bank_a", "operation": "debit",
             "input": {"account": 1, "amount": 1, "filler": filler}} for n in range(4)]}
        reply = self.trothd.apply(big)
        self.assertIn(reply.status, (200, 201), reply)
        self.assertEqual(self.trothd.get("/v1/definitions/big").json["steps"][3]["input"]["filler"], filler)

    def test_a_client_without_a_certificate_is_refused(self):
        self.refused(ssl.create_default_context(cafile=self.tls.authority.certificate), "certificate required")

    def test_a_certificate_of_another_authority_is_refused(self):
        self.refused(self.others.issue("stranger").client_context(self.tls.authority), "unknown ca")

    def test_an_expired_certificate_is_refused(self):
        self.refused(self.tls.authority.issue("late", days=-1).client_context(self.tls.authority),
                     "certificate expired")

    def test_a_server_that_another_authority_has_signed_is_refused_by_trothctl(self):
        environment = {**self.tls.environment(), "TROTH_CACERT": str(self.others.certificate)}
        done = self.trothctl("status", **environment)
        self.assertEqual(done.returncode, 5, done)
        self.assertIn("certificate", done.stderr)

    def test_a_server_of_another_name_is_refused_by_trothctl(self):
        wrong = self.tls.authority.issue("elsewhere", names=["DNS:elsewhere.example"])
        with self.own_trothd("elsewhere", tls_certificate=wrong.certificate, tls_key=wrong.key) as other:
            done = self.trothctl("status", url=f"https://127.0.0.1:{other.port}", **self.tls.environment())
            self.assertEqual(done.returncode, 5, done)
            self.assertRegex(done.stderr, "no alternative certificate subject name matches|certificate")

    def test_tls_1_2_is_taken_only_when_asked_for_and_1_1_never(self):
        context = self.tls.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.refused(context, "protocol version")
        with self.own_trothd("older", tls_min="1.2") as older, \
                socket.create_connection(("127.0.0.1", older.port), timeout=20) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            self.assertEqual(connection.version(), "TLSv1.2")
            self.assertIn(connection.cipher()[0], ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                                                   "ECDHE-ECDSA-CHACHA20-POLY1305"))
            oldest = self.tls.context()
            oldest.set_ciphers("DEFAULT:@SECLEVEL=0")
            oldest.minimum_version = oldest.maximum_version = ssl.TLSVersion.TLSv1_1
            self.refused(oldest, "protocol version|no protocols|alert", older.port)

    @contextlib.contextmanager
    def own_trothd(self, name, **options):
        """One more node of the journal, for a moment: killed, it is believed to live for a while."""
        node = Trothd(name, journal=self.system.postgres.to("journal"), **options)
        with socket.create_server(("127.0.0.1", 0)) as free:
            node.port = free.getsockname()[1]
        node.launch()
        try:
            wait_until(lambda: socket.create_connection(("127.0.0.1", node.port), timeout=5).close() is None, 30,
                       f"{name} listens")
            yield node
        finally:
            node.kill9()

    # --- who speaks something else

    def test_a_plain_client_is_told_that_the_port_speaks_tls(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.trothd.port, timeout=20)
        connection.request("DELETE", "/v1/transactions")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 400)
        self.assertIn(b"this port speaks TLS: use https", answer.read())

    def test_a_tls_client_is_told_that_the_port_speaks_plain_http(self):
        with self.own_trothd("plain", **{key: "" for key in self.tls.trothd() if key != "tls_clients"},
                             tls_clients="any") as plain:
            self.refused(self.tls.context(), "wrong version number", plain.port)
            with socket.create_connection(("127.0.0.1", plain.port), timeout=20) as raw:
                raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500)
                said = b"".join(iter(lambda: raw.recv(65536), b""))
            self.assertIn(b"400 Bad Request", said)
            self.assertIn(b"plain http, not TLS", said)

    def test_a_record_that_is_too_long_ends_the_connection(self):
        with socket.create_connection(("127.0.0.1", self.trothd.port), timeout=20) as raw:
            raw.sendall(b"\x16\x03\x01\xff\xff" + b"x" * 65535)
            with contextlib.suppress(ConnectionResetError):
                while raw.recv(65536):
                    pass
        with socket.create_connection(("127.0.0.1", self.trothd.port), timeout=20) as plain, \
                self.tls.context().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            os.write(connection.fileno(), b"\x17\x03\x03\xff\xff" + b"x" * 65535)
            with contextlib.suppress(OSError):
                self.assertEqual(connection.recv(1000), b"")
        self.transfers()

    # --- calls to participants: what goes wrong in the handshake was not sent

    def trouble(self, url, words):
        """A transfer to a bank behind that URL aborts, since nothing was sent, and the participant's words say why."""
        self.assertIn(self.trothd.register("bank_b", url).status, (200, 201))
        try:
            reply = self.system.transfer(1, 2, 5, prefer="wait=20")
            shown = self.trothd.get("/v1/participants/bank_b").json
            self.assertRegex(str(shown["status"].get("last_failure")) + str(reply.json.get("failure")), words)
            return reply
        finally:
            port = self.system.proxies["bank_b"].port
            self.assertEqual(self.trothd.register("bank_b", f"https://127.0.0.1:{port}/").status, 200)

    def test_a_participant_whose_certificate_is_of_another_authority(self):
        stranger = self.others.issue("stranger_bank")
        with self.server(stranger.server_context()) as port:
            self.trouble(f"https://127.0.0.1:{port}/", "certificate is refused: .*(self-signed|unable to get)")

    def test_a_participant_whose_certificate_is_for_another_name(self):
        wrong = self.tls.authority.issue("wrong_bank", names=["DNS:elsewhere.example"])
        with self.server(wrong.server_context()) as port:
            self.trouble(f"https://127.0.0.1:{port}/", "certificate is refused: .*mismatch")

    def test_a_participant_whose_certificate_has_ended(self):
        late = self.tls.authority.issue("late_bank", days=-1)
        with self.server(late.server_context()) as port:
            self.trouble(f"https://127.0.0.1:{port}/", "certificate is refused: certificate has expired")

    def test_a_participant_that_refuses_our_certificate(self):
        """That comes when we are done with the handshake: what was sent may have been taken, for all that we know."""
        with self.server(self.tls.authority.issue("strict").server_context(self.others)) as port:
            self.trouble(f"https://127.0.0.1:{port}/", "TLS: .*(unknown ca|bad certificate)")

    def test_a_participant_that_speaks_plain_http(self):
        plain = Silent(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.trouble(f"https://127.0.0.1:{plain.port}/", "it speaks plain http; TLS was asked for")
        plain.close()

    def test_a_participant_that_swallows_the_handshake_has_an_end(self):
        silent = Silent()
        began = time.monotonic()
        self.trouble(f"https://127.0.0.1:{silent.port}/", "no TLS handshake in time")
        self.assertLess(time.monotonic() - began, 20)
        silent.close()

    def test_a_participant_that_speaks_tls_is_called_in_plain(self):
        self.trouble(f"http://127.0.0.1:{self.system.banks['bank_b'].port}/", "this port speaks TLS: use https")

    @contextlib.contextmanager
    def server(self, context):
        """Shakes hands and no more."""
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listener.accept()
                    with contextlib.suppress(OSError):
                        context.wrap_socket(taken, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.close()

    # --- slow, silent, many

    def open_half(self, count, words=b"", source="127.0.0.1"):
        half = []
        for _ in range(count):
            connection = socket.socket()
            connection.bind((source, 0))
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self.trothd.port))
            if words:
                with contextlib.suppress(OSError):
                    connection.sendall(words)
            half.append(connection)
        return half

    def test_two_thousand_half_open_handshakes_keep_nobody_out(self):
        stop, slowest, troubles = threading.Event(), [0.0], []

        def go_on():
            while not stop.is_set():
                began = time.monotonic()
                try:
                    self.assertEqual(self.trothd.get("/healthz", timeout=30).status, 200)
                except Exception as error:  # told below
                    troubles.append(error)
                slowest[0] = max(slowest[0], time.monotonic() - began)

        client = threading.Thread(target=go_on)
        client.start()
        before = metric(self.trothd, "troth_client_handshakes_cut_total")
        half = []
        try:
            # From a network of its own: others keep their place, whatever it opens.
            half += self.open_half(HALF_OPEN, source="127.0.0.2")
            half += self.open_half(100, b"\x16\x03\x01\x02\x00\x01\x00", source="127.0.0.2")
            self.transfers()
            self.assertLessEqual(metric(self.trothd, "troth_client_handshakes"), 64)
            self.assertGreater(metric(self.trothd, "troth_client_handshakes_cut_total"), before + HALF_OPEN / 2)
        finally:
            stop.set()
            client.join(60)
            for connection in half:
                connection.close()
        self.assertEqual(troubles, [])
        self.assertLess(slowest[0], 10)

    def test_a_slow_handshake_is_ended_in_its_time(self):
        hello = bytearray()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.tls.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        hello += outgoing.read()
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.trothd.port), timeout=20) as slow:
            with contextlib.suppress(OSError):  # a byte at a time, longer than its 2 s
                for byte in hello:
                    slow.sendall(bytes([byte]))
                    slow.settimeout(0.05)
                    try:
                        if slow.recv(100) == b"":
                            break
                    except TimeoutError:
                        continue
            self.assertLess(time.monotonic() - began, 10)
        wait_until(lambda: "no handshake in time" in self.trothd.output(), 20, "it is told")

    # --- certificates that change

    def test_certificates_rotate_under_load_without_a_lost_request(self):
        stop, done, troubles = threading.Event(), [0], []

        def go_on(fresh):
            connection = self.trothd.connect()
            while not stop.is_set():
                try:
                    if fresh:
                        connection = self.trothd.connect()
                    connection.request("GET", "/readyz")
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == 200, answer.status
                    done[0] += 1
                except Exception as error:  # told below
                    troubles.append(repr(error))
                    stop.set()

        clients = [threading.Thread(target=go_on, args=(n % 2 == 0,)) for n in range(4)]
        for client in clients:
            client.start()
        try:
            for turn in range(3):
                read = self.trothd.output().count("certificates were read again")
                self.tls.authority.issue("everybody")
                if turn == 1:
                    self.trothd.signal(signal.SIGHUP)
                wait_until(lambda n=read: self.trothd.output().count("certificates were read again") >= n + 2, 30,
                           "both were read again")
                for _ in range(5):
                    self.transfers()
        finally:
            stop.set()
            for client in clients:
                client.join(60)
        self.assertEqual(troubles, [])
        self.assertGreater(done[0], 50)
        serial = self.serial()
        self.assertEqual(serial, self.serial_of(self.tls.identity.certificate))

    def serial(self):
        with socket.create_connection(("127.0.0.1", self.trothd.port), timeout=20) as plain, \
                self.tls.context().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert()["serialNumber"]

    def serial_of(self, certificate):
        said = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-serial"], capture_output=True,
                              text=True)
        return said.stdout.strip().removeprefix("serial=")

    def test_a_broken_file_changes_nothing_and_is_told(self):
        before = self.serial()
        whole = Path(self.tls.identity.certificate).read_bytes()
        told = self.trothd.output().count("were not read again")
        try:
            Path(self.tls.identity.certificate).write_bytes(whole[:200])
            wait_until(lambda: self.trothd.output().count("were not read again") >= told + 2, 30, "it is told")
            self.assertIn("the old ones stay", self.trothd.output())
            self.assertEqual(self.serial_by_old(), before)
        finally:
            Path(self.tls.identity.certificate).write_bytes(whole)
        wait_until(lambda: self.serial() == before, 30, "it goes on")
        self.transfers()

    def serial_by_old(self):
        """With a certificate of its own, since the shared one is broken."""
        own = self.tls.authority.issue("own")
        with socket.create_connection(("127.0.0.1", self.trothd.port), timeout=20) as plain, \
                own.client_context(self.tls.authority).wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert()["serialNumber"]

    # --- what holds without TLS holds here

    def test_killed_by_kill_9_it_goes_on(self):
        gtids = [self.system.begin(n, n + 1, 1) for n in range(3, 23)]
        self.trothd.kill9()
        self.trothd.start()
        for gtid in gtids:
            self.assertIn(self.trothd.wait_outcome(gtid)["outcome"], ("committed", "aborted"))
        self.system.drained()
        self.assertEqual(self.system.total(), 2 * 100 * BALANCE)

    def test_a_bank_that_is_killed_asks_over_tls(self):
        """What it finds prepared it asks about by itself, over https, since trothd cannot reach it."""
        proxy, bank = self.system.proxies["bank_b"], self.system.banks["bank_b"]
        proxy.drop("reply")
        gtid = self.system.begin(1, 2, 1)
        wait_until(lambda: self.system.postgres.prepared(), 20, "it is prepared")
        bank.kill9()
        proxy.refuse()
        bank.start()
        wait_until(lambda: not self.system.postgres.prepared(), 60, "it has asked, and done as it was told")
        proxy.accept()
        self.trothd.wait_outcome(gtid, 60)
        self.system.drained()
        self.assertEqual(self.system.total(), 2 * 100 * BALANCE)


class Refused(TlsTest):
    """What does not start, and says why."""

    def said(self, **options):
        node = Trothd("refused", journal="host=127.0.0.1 port=1 dbname=none connect_timeout=1", **options)
        node.tls = None
        node.launch()
        with self.assertRaises((AssertionError, EarlyEnd)):
            wait_until(lambda: node.wait_end(0) is None, 5, "it ends")
        return node.wait_end(20), node.output()

    def ends(self, status, words, **options):
        code, said = self.said(**options)
        self.assertEqual(code, status, said)
        self.assertRegex(said, words)

    def test_plain_http_that_others_can_reach_is_refused(self):
        self.ends(2, "listen: others can reach 0.0.0.0:0.*insecure = yes", listen="0.0.0.0:0")
        self.ends(2, r"listen: others can reach \[::\]:0", listen="[::]:0")
        mine = self.tls.authority.issue("mine")
        self.ends(2, "others can reach 0.0.0.0:0, and may do everything: set authentication = required",
                  listen="0.0.0.0:0", tls_certificate=mine.certificate, tls_key=mine.key)

    def test_insecure_is_loud(self):
        node = Trothd("insecure", journal="host=127.0.0.1 port=1 dbname=none connect_timeout=1", listen="0.0.0.0:0",
                      insecure="yes")
        node.tls = None
        node.launch()
        wait_until(lambda: "INSECURE: the client API is served where others can reach it" in node.output(), 20,
                   "it is told")
        node.kill9()

    def test_files_that_cannot_be_used_are_named(self):
        mine = self.tls.authority.issue("mine")
        other = self.tls.authority.issue("other")
        late = self.tls.authority.issue("late_own", days=-1)
        locked = run_folder().path / "tls" / "locked.key"
        subprocess.run(["openssl", "ec", "-in", mine.key, "-aes256", "-passout", "pass:secret", "-out", locked],
                       check=True, capture_output=True)
        self.ends(1, "certificate .*nowhere.pem.*No such file", tls_certificate="/nowhere.pem")
        self.ends(1, "it is not the certificate's|key values mismatch", tls_certificate=mine.certificate,
                  tls_key=other.key)
        self.ends(1, "it has ended", tls_certificate=late.certificate, tls_key=late.key)
        self.ends(1, "it has a passphrase", tls_certificate=mine.certificate, tls_key=locked)
        self.ends(1, "certificates of authorities .*mine.key", tls_certificate=mine.certificate, tls_key=mine.key,
                  tls_client_ca=mine.key, tls_clients="required")
        self.ends(2, "tls_clients needs tls_client_ca", tls_certificate=mine.certificate, tls_key=mine.key,
                  tls_clients="required")


class Database(TlsTest):
    """libpq's own TLS, by its own words in the conninfo."""

    def test_the_journal_over_tls_with_its_certificate_verified(self):
        server = self.tls.authority.issue("postgres")
        folder = run_folder().path / "secure_postgres"
        postgres = run_folder().start(Postgres("secure_postgres"))
        for name, path in (("server.crt", server.certificate), ("server.key", server.key)):
            (folder / "data" / name).write_bytes(Path(path).read_bytes())
            owner = (folder / "data" / "PG_VERSION").stat()
            os.chown(folder / "data" / name, owner.st_uid, owner.st_gid)
            (folder / "data" / name).chmod(0o600)
        postgres.execute("postgres", "alter system set ssl = on")
        postgres.execute("postgres", "select pg_reload_conf()")
        wait_until(lambda: postgres.value("postgres", "show ssl") == "on", 20, "it speaks TLS")
        conninfo = postgres.database("journal") + " sslmode=verify-full sslrootcert="
        node = Trothd("over_tls", journal=conninfo + str(self.tls.authority.certificate))
        node.migrate()
        run_folder().start(node)
        self.assertEqual(postgres.query("journal", "select distinct ssl from pg_stat_ssl join pg_stat_activity using "
                                        "(pid) where application_name like 'troth%'"), [(True,)])
        node.stop()
        wrong = Trothd("wrong_authority", journal=conninfo + str(self.others.certificate))
        wrong.launch()
        wait_until(lambda: "certificate verify failed" in wrong.output(), 30, "it is told")
        wrong.kill9()

    def test_kafka_over_tls_by_its_properties(self):
        """librdkafka shakes hands as the file says: with our certificate, and with who has signed the broker's."""
        broker = self.tls.authority.issue("broker")
        context = broker.server_context(self.tls.authority)
        shown = []
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listener.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(taken, server_side=True) as connection:
                        shown.append(connection.getpeercert()["subject"])

        threading.Thread(target=serve, daemon=True).start()
        properties = run_folder().path / "tls" / "kafka.properties"
        properties.write_text(f"# mutual\nsecurity.protocol = ssl\nssl.ca.location={self.tls.authority.certificate}\n"
                              f"ssl.certificate.location={self.tls.identity.certificate}\n"
                              f"ssl.key.location={self.tls.identity.key}\n")
        postgres = run_folder().start(Postgres("kafkas_postgres"))
        node = Trothd("to_kafka", journal=postgres.database("journal"), kafka_properties=properties,
                      kafka_brokers=f"127.0.0.1:{listener.getsockname()[1]}")
        node.migrate()
        run_folder().start(node)
        wait_until(lambda: shown, 30, "it shook hands")
        self.assertEqual(shown[0], ((("commonName", "everybody"),),))
        node.stop()
        properties.write_text("acks=0\n")
        node.launch()
        self.assertEqual(node.wait_end(), 1)
        self.assertIn("kafka.properties:1: this property is trothd's own", node.output())
        listener.close()


if __name__ == "__main__":
    main()
