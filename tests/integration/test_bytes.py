"""Bytes have a budget wherever somebody else decides how many come: measured as the memory of real processes."""

import http.server
import json
import re
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, NOT_NOW, Scripted  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

MIB = 1 << 20
PAYLOAD_MAX = 512 * 1024  # of one input or output


def saga(name, **step):
    return {"name": name, "version": 1, "mode": "saga", "timeout": "1h",
            "retries": {"quick": {"interval": "1ms", "max_interval": "1ms", "max_attempts": 0, "jitter": "none"},
                        "patient": {"interval": "1h", "max_interval": "1h", "max_attempts": 0, "jitter": "none"}},
            "steps": [{"name": "charge", "participant": "shop", "operation": "charge", "input": "${input}",
                       "compensate": {"operation": "refund", "input": {}}, **step}]}


class Retrying:
    """A participant of the batch binding: each command gets "retry" with a large output, `tries` times; then "done"."""

    def __init__(self, tries, size):
        self.count = 0
        retrying = self
        output = json.dumps("x" * (size - 2))

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802  (the name is the library's)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                lines = []
                for line in sent.splitlines():
                    retrying.count += 1
                    command = json.loads(line)
                    head = {name: command[name] for name in ("op", "gtid", "branch", "attempt")}
                    head["result"] = "retry" if retrying.count <= tries else "done"
                    lines.append(json.dumps(head)[:-1] + f', "output": {output}}}\n')
                body = "".join(lines).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def memory(trothd, line="VmHWM"):
    """Bytes: the most it ever had in memory, or (VmRSS) what it has now."""
    status = Path(f"/proc/{trothd.pid}/status").read_text()
    return int(re.search(rf"^{line}:\s+(\d+) kB", status, re.M).group(1)) * 1024


def metric(trothd, name):
    found = re.search(rf"^{name} (\S+)$", trothd.get("/metrics").body.decode(), re.M)
    return float(found.group(1))


class Bytes(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def started(self, name, **options):
        trothd = Trothd(name, log_level="info", **options)
        self.postgres.database(name)
        trothd.options["journal"] = self.postgres.to(name)
        trothd.migrate()
        self.run_folder.start(trothd)
        self.addCleanup(trothd.kill9)
        return trothd

    # --- open transactions --------------------------------------------------------------------------------------------

    def test_an_output_that_comes_with_retry_is_not_kept(self):
        """200 tries with 512 KiB each leave nothing behind; the output of the one that succeeds is there."""
        trothd = self.started("retrying")
        shop = Retrying(200, PAYLOAD_MAX)
        self.assertEqual(trothd.register("shop", shop.url).status, 201)
        self.assertEqual(trothd.apply(saga("order", retry="quick")).status, 201)
        before = memory(trothd)
        gtid = trothd.submit("order", {}, prefer="respond-async").json["gtid"]
        shown = trothd.wait_outcome(gtid, 120)
        self.assertEqual(shown["outcome"], "committed")
        self.assertEqual(len(shown["steps"][0]["output"]), PAYLOAD_MAX - 2)
        self.assertGreater(shop.count, 200)
        self.assertLess(memory(trothd) - before, 40 * MIB)  # 100 MiB came

    def test_open_inputs_have_a_limit_in_bytes(self):
        """Beyond it new ones are refused with words and a time, those under way go on, and then there is room again."""
        trothd = self.started("open", open_bytes_max=32 * MIB)
        shop = Scripted()
        shop.answers["charge", "execute"] = [NOT_NOW]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        self.assertEqual(trothd.apply(saga("order", retry="quick")).status, 201)
        input_ = {"text": "x" * (PAYLOAD_MAX - 100)}
        before = memory(trothd)
        opened = []
        for _ in range(200):
            reply = trothd.submit("order", input_, prefer="respond-async")
            if reply.status != 202:
                break
            opened.append(reply.json["gtid"])
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["retry-after"], "1")
        self.assertIn("open_bytes_max is 33554432; nothing was done", reply.json["detail"])
        self.assertGreater(len(opened), 10)
        self.assertLess(len(opened), 64)
        self.assertGreater(metric(trothd, "troth_open_transactions_bytes"), 10 * MIB)
        self.assertLess(memory(trothd) - before, 100 * MIB)
        shop.answers["charge", "execute"] = [DONE]
        for gtid in opened:
            self.assertEqual(trothd.wait_outcome(gtid, 60)["outcome"], "committed")
        wait_until(lambda: metric(trothd, "troth_open_transactions_bytes") == 0, 30, "all memory is given back")
        self.assertEqual(trothd.submit("order", input_).status, 201)

    def test_a_takeover_reads_large_inputs_in_pages(self):
        """What is open is loaded in pages bounded in bytes: the memory is what they take, not twice as much."""
        trothd = self.started("takeover", open_bytes_max=512 * MIB, retry_interval="1h", retry_interval_max="1h")
        shop = Scripted()
        shop.answers["charge", "execute"] = [NOT_NOW]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        self.assertEqual(trothd.apply(saga("order", retry="patient")).status, 201)
        opened = []
        for n in range(300):
            reply = trothd.submit("order", {"n": n, "text": "x" * (PAYLOAD_MAX - 100)}, prefer="respond-async")
            self.assertEqual(reply.status, 202, reply)
            opened.append(reply.json["gtid"])
        trothd.kill9()
        trothd.start()
        taken = metric(trothd, "troth_open_transactions_bytes")
        self.assertGreater(taken, 150 * MIB)
        self.assertLess(memory(trothd), taken + 90 * MIB)
        self.assertEqual(metric(trothd, "troth_open_transactions"), 300)
        self.assertEqual([trothd.get(f"/v1/transactions/{gtid}").json["input"]["n"] for gtid in opened[::50]],
                         list(range(0, 300, 50)))

    # --- lists --------------------------------------------------------------------------------------------------------

    def big_rows(self, trothd, rows):
        """So many ended transactions in the journal, each with two outputs of 512 KiB."""
        shop = Scripted()
        output = json.dumps("x" * (PAYLOAD_MAX - 2)).encode()
        shop.answers["charge", "execute"] = [(200, output, {})]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        definition = saga("order")
        definition["steps"].append({**definition["steps"][0], "name": "again"})
        self.assertEqual(trothd.apply(definition).status, 201)
        gtid = trothd.submit("order", {"n": 1}).json["gtid"]
        wait_until(lambda: self.postgres.value(
            trothd.name, "select state from troth.transaction where gtid = %s", (gtid,)) == "ended", 30,
            "the journal has all of it")
        for table in ("txn", "ended"):
            columns = [name for (name,) in self.postgres.query(
                trothd.name, "select column_name from information_schema.columns where table_schema = 'troth' and "
                "table_name = %s and column_name <> 'gtid' order by 1", (table,))]
            names = ", ".join(columns)
            self.postgres.execute(
                trothd.name, f"insert into troth.{table} (gtid, {names}) select (left(gtid::text, 32) || "
                f"lpad(to_hex(n), 4, '0'))::uuid, {names} from troth.{table}, "
                "generate_series(1, %s) n where gtid = %s and right(gtid::text, 4) <> lpad(to_hex(n), 4, '0')",
                (rows, gtid))
        return self.postgres.value(trothd.name, "select count(*) from troth.txn")

    def pages(self, trothd, query):
        """Each page's bytes; the gtids of all, checked to be each there once."""
        sizes, gtids, cursor = [], [], ""
        while True:
            reply = trothd.get(f"/v1/transactions?limit=500{query}{cursor}")
            self.assertEqual(reply.status, 200, reply)
            sizes.append(len(reply.body))
            gtids += [one["gtid"] for one in reply.json["transactions"]]
            if reply.json["cursor"] is None:
                self.assertEqual(len(gtids), len(set(gtids)))
                return sizes, gtids
            cursor = "&cursor=" + reply.json["cursor"]

    def test_a_list_of_big_rows(self):
        """Without payloads they are not read; with them pages end by bytes, and none is left out."""
        trothd = self.started("rows")
        count = self.big_rows(trothd, 300)
        before = memory(trothd)
        for query in ("", "&definition=order", "&state=ended&outcome=committed", "&participant=shop"):
            sizes, gtids = self.pages(trothd, query)
            self.assertEqual(len(gtids), count, query)
            self.assertEqual(len(sizes), 1)
        self.assertLess(memory(trothd) - before, 16 * MIB)
        sizes, gtids = self.pages(trothd, "&payloads=true")
        self.assertEqual(len(gtids), count)
        self.assertGreater(sum(sizes), 300 * MIB)
        self.assertLess(max(sizes), 12 * MIB)
        self.assertLess(memory(trothd) - before, 120 * MIB)

    # --- clients ------------------------------------------------------------------------------------------------------

    def send(self, trothd, request):
        """A client that says this and reads nothing."""
        client = socket.create_connection(("127.0.0.1", trothd.port), timeout=60)
        self.addCleanup(client.close)
        client.sendall(request.encode())
        return client

    def follow(self, trothd, gtid):
        return self.send(trothd, f"GET /v1/transactions/{gtid}/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    @staticmethod
    def rest(client):
        """All that is there until the other side ends it, or breaks it off."""
        pieces = []
        try:
            while piece := client.recv(1 << 20):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)

    def test_silent_watchers_of_large_outputs(self):
        """Events carry no outputs but short ones, in the end: 32 clients that do not read take next to nothing."""
        trothd = self.started("silent")
        shop, go_on = Scripted(), threading.Event()
        self.addCleanup(go_on.set)
        shop.before["charge", "execute"] = lambda: go_on.wait(60)
        shop.answers["charge", "execute"] = [(200, json.dumps("x" * (PAYLOAD_MAX - 2)).encode(), {})]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        definition = saga("order")
        definition["steps"] = [{**definition["steps"][0], "name": f"step_{i}"} for i in range(8)]
        self.assertEqual(trothd.apply(definition).status, 201)
        gtid = trothd.submit("order", {}, prefer="respond-async").json["gtid"]
        watchers = [self.follow(trothd, gtid) for _ in range(32)]
        wait_until(lambda: trothd.call("HEAD", f"/v1/transactions/{gtid}/events").status == 200 and
                   metric(trothd, "troth_client_connections") >= 32, 30, "they follow")
        before = memory(trothd)
        go_on.set()
        self.assertEqual(trothd.wait_outcome(gtid, 60)["outcome"], "committed")
        self.assertLess(memory(trothd) - before, 60 * MIB)  # 4 MiB of outputs, a few times
        for watcher in watchers:
            text = self.rest(watcher).decode()
            self.assertIn('"left_out":["outputs"]', text)
            self.assertNotIn("xxxx", text)
        shown = trothd.show(gtid)
        self.assertEqual(len(shown["steps"][7]["output"]), PAYLOAD_MAX - 2)

    def test_watchers_that_do_not_read_are_dropped(self):
        """They have one budget. Who reads hears all to the end; who does not hears why, last, and it is counted."""
        trothd = self.started("watched", watchers_bytes_max=MIB, conflict_interval="1ms")
        shop = Scripted()
        shop.answers["charge", "prepare"] = [(409, b'{"detail":"locked"}', {"Troth-Conflict": "true"})]
        self.assertEqual(trothd.register("shop", shop.url, "http").status, 201)
        applied = trothd.apply({
            "name": "order", "version": 1, "mode": "2pc", "timeout": "2h", "prepare_timeout": "1h",
            "steps": [{"name": f"a_step_with_a_long_name_{i}", "participant": "shop", "operation": "charge",
                       "input": {}} for i in range(64)]})
        self.assertEqual(applied.status, 201, applied)
        gtid = trothd.submit("order", {}, prefer="respond-async").json["gtid"]
        silent = [self.follow(trothd, gtid) for _ in range(4)]
        heard = []
        reader = threading.Thread(target=lambda: heard.append(self.rest(self.follow(trothd, gtid))), daemon=True)
        reader.start()
        wait_until(lambda: metric(trothd, "troth_client_watchers_dropped_total") >= 4, 300, "all four are dropped")
        self.assertLess(metric(trothd, "troth_client_watchers_bytes"), 2 * MIB)
        trothd.post(f"/v1/transactions/{gtid}/abort")
        trothd.wait_outcome(gtid)
        for client in silent:
            text = self.rest(client).decode()
            self.assertRegex(text, r"\nevent: dropped\ndata: \{.*events are not read.*watchers_bytes_max.*\}\n\n")
            self.assertTrue(text.endswith("\r\n0\r\n\r\n"), text[-100:])
            self.assertNotIn("event: ended", text)
        self.assertEqual(metric(trothd, "troth_client_watchers_dropped_total"), 4)
        trothd.stop()
        reader.join(30)
        self.assertIn(b"event: ended", heard[0])
        self.assertNotIn(b"event: dropped", heard[0])

    def test_answers_that_nobody_reads(self):
        """Large lists may have half of the budget, beyond it the worst reader goes; other work and questions go on."""
        trothd = self.started("unread", answers_bytes_max=16 * MIB)
        self.big_rows(trothd, 40)
        gtid = trothd.get("/v1/transactions?limit=1").json["transactions"][0]["gtid"]
        before = memory(trothd)
        page = "GET /v1/transactions?payloads=true HTTP/1.1\r\nHost: a\r\n\r\n"
        lists = [self.send(trothd, page) for _ in range(24)]
        refused = wait_until(lambda: trothd.get("/v1/transactions?payloads=true&limit=1").status == 503 and
                             trothd.get("/v1/transactions?payloads=true&limit=1"), 60, "half is spent")
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertIn("half of answers_bytes_max", refused.json["detail"])
        ones = [self.send(trothd, f"GET /v1/transactions/{gtid} HTTP/1.1\r\nHost: a\r\n\r\n" * 8) for _ in range(40)]

        def cut():
            self.assertEqual(trothd.get("/v1/participants").status, 200)
            return metric(trothd, "troth_client_answers_cut_total") > 0

        wait_until(cut, 60, "somebody is cut off")
        self.assertLess(metric(trothd, "troth_client_answers_bytes"), 20 * MIB)
        self.assertLess(memory(trothd) - before, 80 * MIB)
        self.assertEqual(trothd.submit("order", {"n": 2}).status, 201)
        for client in lists + ones:
            client.close()
        wait_until(lambda: trothd.get("/v1/transactions?payloads=true").status == 200, 60, "there is room again")

    def test_bodies_that_never_come_whole(self):
        """What is being received has a budget: beyond it a request is refused in words, and small ones pass."""
        trothd = self.started("bodies", bodies_bytes_max=8 * MIB)
        before = memory(trothd)
        head = "POST /v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        for _ in range(64):
            client = self.send(trothd, f"{head}Content-Length: 1000000\r\n\r\n")
            client.sendall(b" " * 600000)
        wait_until(lambda: metric(trothd, "troth_client_bodies_refused_total") > 40, 60, "most are refused")
        self.assertLess(metric(trothd, "troth_client_bodies_bytes"), 10 * MIB)
        self.assertLess(memory(trothd) - before, 60 * MIB)
        self.assertEqual(trothd.post("/v1/transactions", {"mode": "2pc"}).status, 201)
        self.assertRegex(self.rest(client).decode(), "^HTTP/1.1 503 (.|\n)*Retry-After: 1(.|\n)*bodies_bytes_max")

    def test_limits_beyond_the_machine_are_told(self):
        """What the limits allow in all is held against the memory there is, in a word at the start."""
        trothd = self.started("beyond", open_bytes_max=1 << 44)
        self.assertRegex(trothd.output(), r"limits in bytes allow more memory than there is.*bytes_at_limits=\d{14} ")


if __name__ == "__main__":
    main()
