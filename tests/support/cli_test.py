"""A scripted HTTP server in the coordinator's place, for tests of trothctl: what it asks, what it prints, how it exits.

The server answers each request with the next scripted answer, and closes the connection when there is none; it keeps
what it was asked. Payloads are compared
as text, since a JSON parser would hide what happened to their numbers."""

import json
import os
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TROTH_BUILD") or ROOT / "build" / "ci")
TROTHCTL = BUILD / "coordinator" / "cli" / "trothctl"
COMPLETION = ROOT / "deploy" / "completion" / "trothctl.bash"
SECONDS_MAX = 30

OK, NOT_COMMITTED, USAGE, NOT_FOUND, REFUSED, UNAVAILABLE, UNKNOWN, ATTENTION, PROTOCOL, LOCAL = range(10)
GTID = "0198f3a2-1c45-8abc-848d-15800000002a"
INPUT = '{"a":9007199254740993,"b":[0.10,1e400],"c":"\\u00e4"}'


def problem(slug, detail, errors=None):
    body = {"type": f"https://troth.dev/problems/{slug}", "title": slug, "status": 0, "detail": detail}
    if errors:
        body["errors"] = errors
    return json.dumps(body)


def transaction(outcome="committed", state="ended", timeline=False, failure="null", steps=None):
    """As text: outputs must arrive as they are."""
    outcome = json.dumps(outcome)
    ended = '"2026-11-21T05:34:49.126433Z"' if state == "ended" else "null"
    steps = steps or ('[{"branch":1,"name":"debit","participant":"bank_a","operation":"debit","state":"committed",'
                      '"vote":"yes","tries":1,"output":{"balance":9007199254740993,"rate":0.10,"big":1e400}}]')
    more = (',"timeline":[{"at":"+0s","moment":"began"},{"at":"+1.203ms","branch":1,"attempt":1,"moment":"sent",'
            '"op":"prepare"},{"at":"+2ms","branch":1,"attempt":1,"moment":"answered","op":"prepare","result":"vote",'
            '"vote":"yes"},{"at":"+4ms","moment":"durable","record":"decision"}]') if timeline else ""
    return (f'{{"gtid":"{GTID}","definition":"transfer","version":1,"mode":"2pc","attempt":1,"state":"{state}",'
            f'"outcome":{outcome},"began_at":"2026-11-21T05:34:49.112233Z","ended_at":{ended},"steps":{steps},'
            f'"failure":{failure}{more}}}')


class Scripted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        server = self.server
        server.asked.append((self.command, self.path, dict(self.headers), body))
        status, text, kind = server.answers.pop(0) if server.answers else (None, "", "closed")
        if status is None:  # no answer: the connection ends, or stays open without a word
            if kind == "silent":
                server.held.wait(SECONDS_MAX)
            self.close_connection = True
            return
        data = text.encode()
        self.send_response(status)
        if data:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *_):
        pass


class CliTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        self.server.daemon_threads = True
        self.server.answers, self.server.asked, self.server.held = [], [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.folder = tempfile.TemporaryDirectory(prefix="troth-cli.")

    def tearDown(self):
        self.server.held.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.folder.cleanup()

    def answer(self, status, text="", kind="application/json"):
        self.server.answers.append((status, text, kind))

    def refuse(self, status, slug, detail, errors=None):
        self.answer(status, problem(slug, detail, errors), "application/problem+json")

    def file(self, text, name="file.json"):
        path = Path(self.folder.name) / name
        path.write_text(text)
        return str(path)

    def run_it(self, *words, stdin="", environment=None):
        """(exit status, stdout, stderr)"""
        done = subprocess.run([TROTHCTL, *words], input=stdin, capture_output=True, text=True, timeout=SECONDS_MAX,
                              env={"PATH": os.environ["PATH"], "TROTH_URL": self.url, "COLUMNS": "100",
                                   "http_proxy": "http://127.0.0.1:1", **(environment or {})})
        return done.returncode, done.stdout, done.stderr

    def exits(self, code, *words, **more):
        status, out, err = self.run_it(*words, **more)
        self.assertEqual(status, code, f"{words}\nstdout: {out}\nstderr: {err}")
        return out, err

    def last(self):
        """method, target, headers, body of the last request"""
        return self.server.asked[-1]
