"""troth-postgres: participants that are a file of SQL each, as real processes: two-phase commit and sagas through
trothd, what is refused and in which words, kill -9, and what a database does to them."""

import http.server
import json
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import psycopg2  # noqa: E402

from from_file import FromFile  # noqa: E402
from system import DEFINITIONS, System  # noqa: E402
from troth_test import ROOT, TcpProxy, TrothTest, main, wait_until  # noqa: E402

NO_CODE = ROOT / "participant-sdk" / "examples" / "no_code"
PATIENT = {"name": "patient", "version": 1, "mode": "2pc", "timeout": "2m", "prepare_timeout": "60s",
           "steps": json.loads((DEFINITIONS / "purchase.json").read_text())["steps"]}
# Without a schema of its input: what comes, comes to the participant.
ANYTHING = {"name": "anything", "version": 1, "mode": "2pc", "timeout": "30s",
            "steps": [{"name": "take", "participant": "stock", "operation": "take",
                       "input": {"item": "${input.item}", "pieces": "${input.pieces}"}}]}


class FromFiles(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(banks=()).start()
        cls.trothd, cls.postgres = cls.system.trothd, cls.system.postgres
        cls.stock, cls.money = cls.add("stock"), cls.add("money")
        for name in ("purchase", "preorder"):
            assert cls.trothd.apply(DEFINITIONS / f"{name}.json").status == 201
        assert cls.trothd.apply(PATIENT).status == 201

    @classmethod
    def add(cls, name):
        database = cls.postgres.database(name)
        cls.postgres.execute(name, (NO_CODE / f"{name}.sql").read_text())
        server = FromFile(name, database, (NO_CODE / f"{name}.json").read_text(), coordinator=cls.trothd.url,
                          scan_interval="500ms")
        server.migrate()
        cls.run_folder.start(server)
        proxy = cls.system.proxies[name] = TcpProxy(server.port)
        reply = cls.trothd.register(name, f"{server.scheme}://127.0.0.1:{proxy.port}/")
        assert reply.status in (200, 201), reply
        return server

    def setUp(self):
        self.postgres.execute("stock", "update stock set pieces = 20")
        self.postgres.execute("money", "update account set balance = 100")

    def tearDown(self):
        for name, server in (("stock", self.stock), ("money", self.money)):
            self.system.proxies[name].release()
            if not server.running():
                server.start()
        self.system.drained()

    def submit(self, definition, pieces, amount, item="apple", owner="ann", **options):
        given = {"item": item, "pieces": pieces, "owner": owner, "amount": amount}
        return self.trothd.submit(definition, given, **options)

    def left(self, item="apple"):
        return self.postgres.value("stock", "select pieces from stock where item = %s", (item,))

    def balance(self, owner="ann"):
        return str(self.postgres.value("money", "select balance from account where owner = %s", (owner,)))

    def assert_ended(self, reply, outcome, words=""):
        self.assertEqual(reply.json["outcome"], outcome, reply)
        if words:
            self.assertIn(words, reply.json["failure"]["reason"])

    # --- 2PC and sagas

    def test_a_purchase_happens_at_both_or_at_neither(self):
        reply = self.submit("purchase", 2, 3.98)
        self.assert_ended(reply, "committed")
        outputs = {step["name"]: step["output"] for step in self.trothd.show(reply.json["gtid"])["steps"]}
        self.assertEqual(outputs["take"], {"item": "apple", "left": 18})
        self.assertEqual(outputs["pay"], {"owner": "ann", "balance": 96.02})
        for pieces, amount, item, owner, words in (
                (2, 700, "apple", "ann", "not enough money"), (2, 1, "apple", "nobody", "no account of nobody"),
                (99, 1, "apple", "ann", "only 18 of apple"), (1, 1, "pear", "ann", "refused")):
            with self.subTest(words=words):
                self.assert_ended(self.submit("purchase", pieces, amount, item, owner), "aborted", words)
        self.assertEqual((self.left(), self.balance()), (18, "96.02"))

    def test_a_saga_gives_back_what_it_took(self):
        self.assert_ended(self.submit("preorder", 2, 10), "committed")
        self.assertEqual((self.left(), self.balance()), (18, "90.00"))
        self.assert_ended(self.submit("preorder", 3, 700), "compensated", "not enough money")
        self.assertEqual((self.left(), self.balance()), (18, "90.00"))

    def prepared_at(self, name, gtid):
        return self.postgres.query("postgres", "select gid from pg_prepared_xacts where database = %s and gid like %s",
                                   (name, f"%{gtid}%"))

    def test_a_kill_between_prepare_and_commit_loses_nothing(self):
        self.system.proxies["money"].hold("request")
        gtid = self.submit("patient", 2, 5, prefer="respond-async").json["gtid"]
        wait_until(lambda: self.prepared_at("stock", gtid), 30, "the stock is prepared")
        self.stock.kill9()
        self.system.proxies["money"].release()
        wait_until(lambda: self.system.decision(gtid) == "commit", 30, "it is decided")
        self.assertEqual(self.left(), 20)
        self.stock.start()
        self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
        wait_until(lambda: self.left() == 18, 30, "the stock is committed")
        self.assertEqual(self.balance(), "95.00")

    def test_what_a_stop_leaves_prepared_is_asked_about_at_the_next_start(self):
        """The coordinator's own commit does not get through: the participant asks."""
        self.system.proxies["money"].hold("request")
        gtid = self.submit("patient", 2, 5, prefer="respond-async").json["gtid"]
        wait_until(lambda: self.prepared_at("stock", gtid), 30, "the stock is prepared")
        self.stock.signal(signal.SIGTERM)
        self.assertEqual(self.stock.wait_end(), 0)
        self.system.proxies["stock"].hold("request")
        self.system.proxies["money"].release()
        self.stock.start()
        wait_until(lambda: self.left() == 18, 30, "the stock is committed")

    # --- what comes in

    def test_hostile_inputs_are_values_or_refusals(self):
        """Whatever stands in an input is a value, and what is not of its kind is refused by name."""
        self.assertEqual(self.trothd.apply(ANYTHING).status, 201)
        rows = self.postgres.value("stock", "select count(*) from stock")
        for item, pieces, words in (
                ("x' OR 1=1 --", 1, "refused"), ("'; DROP TABLE stock; --", 1, "refused"), ("$1", 1, "refused"),
                ("${input.pieces}", 1, "refused"), ("\\", 1, "refused"), ("яблоко", 1, "refused"),
                ("apple", "1; DROP TABLE stock", 'input.pieces must be a whole number, and is "1; DROP'),
                ("apple", 1.5, "input.pieces must be a whole number, and is 1.5"),
                ("apple", True, "input.pieces must be a whole number, and is true"),
                ("apple", 10**30, "out of range for type integer"), ("apple", -1, "pieces: 1 or more"),
                ("apple", None, "input.pieces is missing"),
                (["apple"], 1, 'input.item must be a string, and is ["apple"]'),
                ("apple" + "x" * 400000, 1, "refused")):
            with self.subTest(item=str(item)[:40], pieces=pieces):
                reply = self.trothd.submit("anything", {"item": item, "pieces": pieces})
                self.assert_ended(reply, "aborted", words)
        self.assertEqual(self.postgres.value("stock", "select count(*) from stock"), rows)
        self.assertEqual(self.left(), 20)
        self.assert_ended(self.trothd.submit("anything", {"item": "apple", "pieces": "2"}), "committed")
        self.assertEqual(self.left(), 18)

    # --- who may call it

    def test_only_the_journals_that_it_is_told_of_are_served(self):
        """A coordinator of another journal is turned away, and its transaction changes nothing."""
        own = self.trothd.get("/readyz").json["journal"]["id"]
        self.stock.stop()
        self.stock.options["journals"] = "00000000000000ff"
        self.stock.start()
        try:
            self.assert_ended(self.submit("purchase", 1, 1), "aborted", "403")
            self.assertEqual(self.left(), 20)
        finally:
            self.stock.stop()
            self.stock.options["journals"] = f"00000000000000ff,{own}"
            self.stock.start()
        self.assert_ended(self.submit("purchase", 1, 1), "committed")

    def test_its_questions_show_the_api_key_of_its_file(self):
        """Of a branch that is left prepared, to a coordinator that listens to what comes."""
        shown = []

        class Coordinator(http.server.BaseHTTPRequestHandler):
            def answer(self):
                shown.append(self.headers.get("Authorization"))
                self.send_error(503)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Coordinator)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asks = FromFile("asks", self.stock.options["database"], (NO_CODE / "stock.json").read_text(),
                        coordinator=f"http://127.0.0.1:{server.server_port}", scan_interval="200ms")
        key = asks.folder / "key"
        key.write_text("trk_of_the_file\n")
        asks.options["api_key_file"] = key
        gtid, journal = "019aa4b6-4500-8003-8000-004000000001", "00000000000000aa"
        asks.tls = None
        self.run_folder.start(asks)
        try:
            reply = asks.post("/take/prepare", {"item": "apple", "pieces": 1}, headers={
                "Troth-Journal": journal, "Troth-Gtid": gtid, "Troth-Branch": "1", "Troth-Attempt": "1"})
            self.assertEqual(reply.status, 200, reply)
            wait_until(lambda: "Bearer trk_of_the_file" in shown, 30, "the key is shown")
        finally:
            asks.stop()
            server.shutdown()
            server.server_close()
            self.postgres.execute("stock", f"rollback prepared 'troth_{journal}_{gtid}_1_1'")

    # --- what a database does to it

    def test_a_column_that_goes_away_is_no_refusal(self):
        """It is tried again until the prepare's time is over; and it works again when the column is back."""
        self.assert_ended(self.submit("purchase", 1, 1), "committed")
        self.postgres.execute("stock", "alter table stock rename pieces to parts")
        try:
            reply = self.submit("purchase", 1, 1)
            self.assert_ended(reply, "aborted", "pieces")
            self.assertIn("event=work_failed", self.stock.output())
        finally:
            self.postgres.execute("stock", "alter table stock rename parts to pieces")
        self.assert_ended(self.submit("purchase", 1, 1), "committed")
        self.assertEqual(self.balance(), "98.00")

    # --- SIGHUP

    def reload(self, server, text, event):
        before = server.output().count(f"event={event} ")
        server.write(text)
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.output().count(f"event={event} ") > before, 30, event)

    def test_the_file_is_exchanged_while_it_works_and_a_bad_one_is_not_taken(self):
        good = (NO_CODE / "stock.json").read_text()
        try:
            self.reload(self.stock, good.replace("UPDATE stock", "UPDATE stok"), "not_reloaded")
            self.assertIn('relation \\"stok\\" does not exist', self.stock.output())
            self.assert_ended(self.submit("purchase", 1, 1), "committed")
            self.reload(self.stock, good.replace("'only %s of %s'", "'just %s of %s'"), "reloaded")
            self.assertIn("event=reloaded operations=2 changed=1", self.stock.output())
            self.assert_ended(self.submit("purchase", 99, 1), "aborted", "just 19 of apple")
            # A branch that is prepared is committed behind the operation's end.
            self.system.proxies["money"].hold("request")
            gtid = self.submit("patient", 2, 5, prefer="respond-async").json["gtid"]
            wait_until(lambda: self.prepared_at("stock", gtid), 30, "the stock is prepared")
            self.reload(self.stock, good.replace('"take"', '"took"'), "reloaded")
            self.system.proxies["money"].release()
            self.assertEqual(self.trothd.wait_outcome(gtid)["outcome"], "committed")
            self.assertEqual(self.left(), 17)
            self.assert_ended(self.submit("purchase", 1, 1), "aborted", "no handler")
        finally:
            self.reload(self.stock, good, "reloaded")
        self.assert_ended(self.submit("purchase", 1, 1), "committed")
        self.stock.file.unlink()
        before = self.stock.output().count("event=not_reloaded")
        self.stock.signal(signal.SIGHUP)
        wait_until(lambda: self.stock.output().count("event=not_reloaded") > before, 30, "a file that is not there")
        self.assert_ended(self.submit("purchase", 1, 1), "committed")
        self.stock.write(good)


    def test_a_stop_does_not_wait_for_a_reload(self):
        """Which waits for a lock."""
        session = psycopg2.connect(self.stock.options["database"])
        try:
            session.cursor().execute("lock table stock in access exclusive mode")
            self.stock.signal(signal.SIGHUP)
            wait_until(lambda: self.postgres.value(
                "stock", "select count(*) from pg_locks where not granted") > 0, 30, "the reload waits")
            began = time.monotonic()
            self.stock.signal(signal.SIGTERM)
            self.assertEqual(self.stock.wait_end(), 0)
            self.assertLess(time.monotonic() - began, 4)  # below the lock's own time
        finally:
            session.close()


if __name__ == "__main__":
    main()
