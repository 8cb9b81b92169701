"""Whose commands a participant takes: over mutual TLS by a name, over plain HTTP by a token; in C (the bank), from a
file of SQL (troth-postgres) and in Python (the ledger). Whoever else reaches them is refused, whatever he says of a
journal or of the oldest open transaction, and the real coordinator is served on."""

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from certificates import Authority  # noqa: E402
from from_file import FromFile  # noqa: E402
from system import BALANCE, System  # noqa: E402
from troth_test import ROOT, Bank, HttpServer, TrothTest, main, program, run_folder, wait_until  # noqa: E402

EXAMPLES = ROOT / "participant-sdk" / "examples"
NO_CODE = EXAMPLES / "no_code"
RICH = 10**9
OURS = "DNS:trothd.test"
HIGHEST = "00000000-0001-8{shard:03x}-bfff-ffffffffffff"  # of its shard: no coordinator gives it
OPERATIONS = {"bank_a": "debit", "bank_b": "credit", "stock": "take", "ledger": "post"}
INPUTS = {"bank_a": {"account": 1, "amount": 1}, "bank_b": {"account": 1, "amount": 1},
          "stock": {"item": "apple", "pieces": 1}, "ledger": {"account": 1, "amount": 1}}
ALL = {"name": "all_four", "version": 1, "mode": "2pc", "timeout": "60s", "prepare_timeout": "3s",
       "steps": [{"name": name, "participant": name, "operation": OPERATIONS[name], "input": INPUTS[name]}
                 for name in OPERATIONS]}


class Ledger(HttpServer):
    ready = r"listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, database, *words):
        super().__init__("ledger")
        self.words = ["--database", database, "--create-accounts", "10", "--balance", str(BALANCE), *words]

    def command(self):
        return ["/usr/bin/python3", EXAMPLES / "ledger_python" / "ledger.py", "--listen", self.listen,
                *self.words]


class Mail(HttpServer):
    ready = r"^mail ready listen=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, program_, words):
        super().__init__("mail")
        self.words = [program_, *words]

    def command(self):
        return [self.words[0], "-listen", self.listen, *self.words[1:]]


class Callers(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = run_folder().path
        cls.authority, cls.others = Authority(folder / "tls"), Authority(folder / "others", "others")
        cls.trothd_identity = cls.authority.issue("trothd", names=[OURS])
        cls.tokens = folder / "tokens"
        cls.tokens.mkdir()
        cls.system = System(banks=(), call_timeout="1s", participant_tokens=cls.tokens,
                            participant_tls_ca=cls.authority.certificate,
                            participant_tls_certificate=cls.trothd_identity.certificate,
                            participant_tls_key=cls.trothd_identity.key).start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres
        cls.journal = cls.trothd.get("/readyz").json["journal"]["id"]
        cls.secret, cls.participants = {}, {}
        for name in ("bank_b", "stock", "ledger"):
            cls.new_token(name)
        cls.start_participants()
        assert cls.trothd.apply(ALL).status == 201

    @classmethod
    def new_token(cls, name):
        cls.secret[name] = secrets.token_urlsafe(32)
        cls.write(cls.tokens / f"{name}.token", cls.secret[name])  # trothd's
        cls.write(cls.tokens / f"{name}.own", cls.secret[name])  # the participant's

    @staticmethod
    def write(path, *lines):
        beside = path.with_suffix(".new")
        beside.write_text("".join(f"{line}\n" for line in lines))
        os.replace(beside, path)

    @classmethod
    def start_participants(cls):
        """bank_a: a name over mutual TLS. bank_b: a token over plain HTTP. stock, ledger: both."""
        own = cls.authority.issue("participant")
        tls = {"tls_certificate": own.certificate, "tls_key": own.key, "tls_ca": cls.authority.certificate}
        cls.add("bank_a", "https", Bank("bank_a", cls.postgres.database("bank_a"), cls.trothd.url, balance=RICH,
                                        sweep_interval=1,
                                        coordinator_name=OURS, **tls))
        cls.add("bank_b", "http", Bank("bank_b", cls.postgres.database("bank_b"), cls.trothd.url, sweep_interval=1,
                                       token_file=cls.tokens / "bank_b.own"))
        database = cls.postgres.database("stock")
        cls.postgres.execute("stock", (NO_CODE / "stock.sql").read_text())
        cls.postgres.execute("stock", "update stock set pieces = 1000000")
        stock = FromFile("stock", database, (NO_CODE / "stock.json").read_text(), coordinator=cls.trothd.url,
                         coordinators=OURS, token_file=cls.tokens / "stock.own", sweep_interval="1s", **tls)
        stock.migrate()
        cls.add("stock", "https", stock)
        words = [f"--{key.replace('_', '-')}={value}" for key, value in tls.items()]
        cls.add("ledger", "https", Ledger(cls.postgres.database("ledger"), *words, f"--coordinator-name={OURS}",
                                          f"--token-file={cls.tokens / 'ledger.own'}"), "http")

    @classmethod
    def add(cls, name, scheme, server, binding="batch"):
        cls.participants[name] = (scheme, cls.run_folder.start(server))
        reply = cls.register(name, binding)
        assert reply.status == 201, reply

    @classmethod
    def register(cls, name, binding=None, **members):
        scheme, server = cls.participants[name]
        if name in cls.secret:
            members = {"token_file": f"{name}.token", **members}
        return cls.trothd.put(f"/v1/participants/{name}", {
            "binding": binding or ("http" if name == "ledger" else "batch"),
            "urls": [f"{scheme}://127.0.0.1:{server.port}"], **members})

    # --- what both sides do

    def commit_all(self, outcome="committed", **options):
        reply = self.trothd.submit("all_four", {}, **options)
        self.assertEqual(reply.json["outcome"], outcome, reply)
        return reply.json

    def call(self, name, op="prepare", gtid=None, identity=None, token=None, journal=None, oldest=None):
        """As anybody who reaches it, over plain http's binding: status and words."""
        scheme, server = self.participants[name]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        if scheme == "https":
            context = ssl.create_default_context(cafile=self.authority.certificate)
            context.check_hostname = False
            if identity:
                identity.load_into(context)
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=context)
        headers = {"Troth-Journal": journal or self.journal, "Troth-Gtid": gtid or self.forged(), "Troth-Branch": "1",
                   "Troth-Attempt": "1", "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if oldest is not None:
            headers["Troth-Oldest-Open"] = oldest
        with contextlib.closing(connection):
            connection.request("POST", f"/{OPERATIONS[name]}/{op}", json.dumps(INPUTS[name]), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    @staticmethod
    def forged():
        """Of a shard that the journal does not have: a participant believes the epoch in a gtid of who is known, and
        tells trothd, who would take it for a journal that went back."""
        return f"00000000-0001-8{16 + secrets.randbelow(4080):03x}-8000-04{secrets.token_hex(5)}"

    def marks(self, name):
        return dict(self.postgres.query(name, "select shard, max(ordering) from troth_guard.mark group by shard"))

    def strangers(self, name):
        """(what he shows, the refusal) of those that get as far as HTTP."""
        scheme, _ = self.participants[name]
        by_name = self.authority.issue("other", names=["DNS:other.test"]) if scheme == "https" else None
        ours = self.trothd_identity if scheme == "https" else None
        if by_name:
            yield {"identity": by_name, "token": self.secret.get(name)}, 403, "none of the names"
        if name in self.secret:
            wrong = self.secret[name][:-1] + ("a" if self.secret[name][-1] != "a" else "b")
            for token in (None, "", "x" * 43, wrong, self.secret[name] + "x"):
                yield {"identity": ours, "token": token}, 401, "a token that it knows"

    # --- strangers

    def test_with_what_is_asked_for_it_commits_everywhere(self):
        self.commit_all()
        for name in OPERATIONS:
            shown = self.trothd.get(f"/v1/participants/{name}").json
            self.assertTrue(shown["status"]["reachable"], shown)
            self.assertEqual(shown.get("token_file"), f"{name}.token" if name in self.secret else None)

    def test_a_stranger_is_refused_and_nothing_is_done(self):
        self.commit_all()
        for name in OPERATIONS:
            forged = []
            for shown, status, words in self.strangers(name):
                for op in ("prepare", "commit", "abort", "execute", "compensate", "status"):
                    forged.append(self.forged())
                    got, body = self.call(name, op, gtid=forged[-1], **shown)
                    self.assertEqual(got, status, (name, op, shown, body))
                    self.assertIn(words, body)
            self.assertEqual(self.postgres.query(
                name, "select 1 from troth_guard.guard where gtid = any(%s::uuid[])", (forged,)), [], name)
        self.assertEqual([name for name in self.postgres.prepared() if name], [])

    def test_without_a_certificate_there_is_no_connection(self):
        for name in ("bank_a", "stock", "ledger"):
            for identity in (None, self.others.issue("stranger"), self.authority.issue("late", days=-1)):
                with self.assertRaises((ssl.SSLError, OSError)):
                    self.call(name, identity=identity, token=self.secret.get(name))

    def test_a_forged_mark_and_foreign_journals_shut_nobody_out(self):
        self.commit_all()
        for name in OPERATIONS:
            marks = self.marks(name)
            for shown, _, _ in self.strangers(name):
                for shard in range(16):
                    self.call(name, "status", oldest=HIGHEST.format(shard=shard), **shown)
                    self.call(name, "status", journal=f"{shard:016x}", **shown)
            self.assertTrue(all(value < 1 << 61 for value in marks.values()))
        for name in OPERATIONS:  # a request tells of one shard
            wait_until(lambda name=name: self.commit_all() and self.marks(name), 60,
                       f"the real marks of {name} are believed")
            self.assertTrue(all(value < 1 << 61 for value in self.marks(name).values()), self.marks(name))

    def test_a_mark_beyond_reason_of_who_is_known_is_not_taken_either(self):
        gtid = self.commit_all()["gtid"]
        shard, order = int(gtid[15:18], 16), int(gtid[19:].replace("-", ""), 16) & ((1 << 62) - 1)
        for name in OPERATIONS:
            identity = None if self.participants[name][0] == "http" else self.trothd_identity
            for _ in range(3):
                status, body = self.call(name, "status", gtid=gtid, identity=identity, token=self.secret.get(name),
                                         oldest=HIGHEST.format(shard=shard))
                self.assertIn(status, (200, 204), (name, body))
        for _ in range(5):
            self.commit_all()
        for name in OPERATIONS:
            wait_until(lambda name=name: shard in self.marks(name), 30, f"{name} has taken what is within reason")
            self.assertLess(self.marks(name)[shard], 1 << 61)
            self.assertLess(self.marks(name).get(shard, 0) >> 38, (order >> 38) + 2)

    def test_a_wrong_mark_is_put_right_as_the_manual_says(self):
        """It came to lie there somehow: an older participant believed a stranger, or a coordinator was taken over."""
        self.commit_all()
        shards = {row[0] for row in self.system.journal.query("journal", "select shard from troth.shard")}
        for shard in shards:
            self.postgres.execute("bank_a", "insert into troth_guard.mark (journal, shard, ordering)"
                                  " values (%s, %s, (1::bigint << 62) - 1) on conflict (journal, shard)"
                                  " do update set ordering = excluded.ordering", (self.journal, shard))
        shown = self.trothd.submit("all_four", {}).json
        self.assertEqual(shown["outcome"], "aborted", shown)
        self.assertIn("older than what the participant remembers", str(shown))
        manual = (ROOT / "docs" / "operations.md").read_text()
        found = re.search(r"    (select distinct on .*?;)", manual, re.DOTALL)
        oldest = self.system.journal.query("journal", found[1])
        put = self.postgres.query("bank_a", "select * from troth_guard.put_right(%s, %s::uuid[])",
                                  (self.journal, [gtid for _, gtid in oldest]))
        self.assertEqual({row[0] for row in put}, {row[0] for row in oldest})
        wait_until(lambda: self.trothd.submit("all_four", {}).json["outcome"] == "committed", 60, "it goes on")
        self.postgres.execute("bank_a", "delete from troth_guard.mark where ordering > (1::bigint << 61)")
        self.system.drained()

    def test_a_participant_in_go_asks_too(self):
        """The example: over mutual TLS by a name, and a token; what was sent stands in its file, once. Go compiles its
        own library first, which takes a minute."""
        go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
        if go is None or not os.environ.get("TROTH_TEST_GO"):
            self.skipTest("TROTH_TEST_GO is not set, or there is no Go")
        folder, own = run_folder().path / "go", self.authority.issue("go")
        mails = folder / "mails.log"
        subprocess.run([go, "build", "-o", folder / "mail", "."], cwd=EXAMPLES / "mail_go", check=True, timeout=240,
                       env={**os.environ, "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod", "GOPROXY": "off"})
        self.new_token("mail")
        words = ["-mails", mails, "-token-file", self.tokens / "mail.own", "-tls-certificate", own.certificate,
                 "-tls-key", own.key, "-tls-ca", self.authority.certificate, "-coordinators", OURS]
        OPERATIONS["mail"], INPUTS["mail"] = "send", {"to": "ann", "text": "hello"}
        self.addCleanup(lambda: (OPERATIONS.pop("mail"), INPUTS.pop("mail"), self.secret.pop("mail")))
        self.participants["mail"] = ("https", self.run_folder.start(Mail(folder / "mail", words)))
        self.assertEqual(self.register("mail", "http").status, 201)
        steps = [{"name": "send", "participant": "mail", "operation": "send", "input": INPUTS["mail"]}]
        self.assertEqual(self.trothd.apply({"name": "send", "version": 1, "mode": "saga", "steps": steps}).status, 201)
        for shown, status, words in self.strangers("mail"):
            got, body = self.call("mail", "execute", **shown)
            self.assertEqual(got, status, (shown, body))
            self.assertIn(words, body)
        self.assertFalse(mails.read_text())
        gtid = self.trothd.submit("send", {}).json
        self.assertEqual(gtid["outcome"], "committed", gtid)
        for _ in range(2):  # again, by itself: once
            status, _ = self.call("mail", "execute", gtid=gtid["gtid"], identity=self.trothd_identity,
                                  token=self.secret["mail"])
            self.assertEqual(status, 204)
        sent = [json.loads(line) for line in mails.read_text().split()]
        self.assertEqual([(line["op"], line["mail"]) for line in sent], [("execute", INPUTS["mail"])])

    # --- the secret

    def test_the_token_stands_nowhere(self):
        self.commit_all()
        self.call("bank_b", token="x" * 43)
        dump = subprocess.run(["pg_dump", "--data-only", self.postgres.to("journal")], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        seen = {"the journal": dump, "the API": self.trothd.get("/v1/participants").body.decode()}
        self.assertIn("bank_b.token", dump)
        for log in run_folder().path.rglob("log"):
            seen[str(log)] = log.read_text(errors="replace")
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen[str(process)] = process.read_text(errors="replace")
        for secret in self.secret.values():
            for where, text in seen.items():
                self.assertNotIn(secret, text, where)

    def test_a_token_is_exchanged_while_transactions_run(self):
        stop, troubles, done = threading.Event(), [], []

        def go_on():
            while not stop.is_set():
                reply = self.trothd.submit("all_four", {})
                (done if reply.json.get("outcome") == "committed" else troubles).append(reply)

        worker = threading.Thread(target=go_on)
        worker.start()
        try:
            for name in ("bank_b", "stock", "ledger"):
                old, new = self.secret[name], secrets.token_urlsafe(32)
                identity = None if self.participants[name][0] == "http" else self.trothd_identity

                def status(token, name=name, identity=identity):
                    return self.call(name, "status", identity=identity, token=token)[0] // 100

                self.write(self.tokens / f"{name}.own", old, new)
                wait_until(lambda: status(new) == 2, 20, f"{name} knows the new one")
                self.write(self.tokens / f"{name}.token", new)
                self.assertEqual(self.register(name).status, 200)  # at once; without it within two seconds
                shown = len(done)
                wait_until(lambda: len(done) > shown + 2, 60, "transactions go on")
                self.write(self.tokens / f"{name}.own", new)
                wait_until(lambda: status(old) == 4, 20, f"{name} does not know the old one any more")
                self.secret[name] = new
        finally:
            stop.set()
            worker.join(120)
        self.assertEqual(troubles, [])
        self.assertGreater(len(done), 5)

    def test_a_coordinator_with_a_wrong_token_says_so_and_mends_it(self):
        self.write(self.tokens / "wrong.token", "y" * 43)
        self.assertEqual(self.register("bank_b", token_file="wrong.token").status, 200)
        try:
            shown = self.commit_all("aborted")
            self.assertIn("said 401", str(shown["failure"]))
            words = self.trothd.get("/v1/participants/bank_b").json["status"]["last_answer"]
            self.assertEqual(words["status"], 401, words)
            self.assertIn("a token that it knows", words["text"])
        finally:
            self.assertEqual(self.register("bank_b").status, 200)
        self.commit_all()
        self.system.drained()

    def test_without_a_token_to_show_nothing_is_sent(self):
        self.write(self.tokens / "gone.token", self.secret["bank_b"])
        self.assertEqual(self.register("bank_b", token_file="gone.token").status, 200)
        (self.tokens / "gone.token").unlink()
        self.trothd.kill9()
        self.trothd.start()
        try:
            shown = self.commit_all("aborted")
            self.assertRegex(str(shown["failure"]), "file of tokens .*gone.token.*No such file")
        finally:
            self.assertEqual(self.register("bank_b").status, 200)
        self.commit_all()

    def test_a_registration_names_a_file_of_the_folder_and_nothing_else(self):
        for wrong in ("../tls/trothd.key", "/etc/passwd", ".", "..", "", "a/b", ".hidden", "a\u0000b", 7, "x" * 65):
            reply = self.register("bank_b", token_file=wrong)
            self.assertEqual(reply.status, 400, (wrong, reply))
        reply = self.register("bank_b", token_file="no_such.token")
        self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[1]), (422, "wrong-token-file"))
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, "participant", "add", "by_hand",
                               "http://127.0.0.1:9/", "-b", "http", "--token-file", "bank_b.token"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(self.trothd.get("/v1/participants/by_hand").json["token_file"], "bank_b.token")


if __name__ == "__main__":
    main()
