"""A participant over plain HTTP that a test process hosts, with a memory of its own that never lies: what was done,
told and answered for each (gtid, branch). It is idempotent, as the http binding asks, and it can be made to lose
answers, to say "not now" and to break connections.

    till = Till(random.Random(7))
    till.trouble = 0.1                    # so often something of that kind happens
    till.prepare_by_itself(gtid, 1)       # a service did its work for an interactive client
"""

import http.server
import json
import threading

PREPARED, COMMITTED, ABORTED = "prepared", "committed", "aborted"


class Till:
    def __init__(self, random):
        self.random = random
        self.trouble = 0.0
        self.branches = {}  # (gtid, branch) -> state
        self.faults = []  # what must never be: told by the test
        self.lock = threading.Lock()
        till = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802  (the name is the library's)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                _, op = self.path.strip("/").rsplit("/", 1)
                key = (self.headers["Troth-Gtid"], int(self.headers["Troth-Branch"]))
                kind = till.kind()
                if kind == "not now":
                    return self.say(503, {"detail": "the till is closed for a moment"}, {"Retry-After": "1"})
                status, body = till.act(op, key)
                if kind == "answer lost":
                    self.close_connection = True
                    return None
                return self.say(status, body, {"Troth-State": till.branches.get(key, "unknown")})

            def say(self, status, body, headers):
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)),
                                    **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A connection that the coordinator's end has cut is no news here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kind(self):
        with self.lock:
            if self.random.random() >= self.trouble:
                return None
            return self.random.choice(["not now", "answer lost"])

    def act(self, op, key):
        """One message of the coordinator: (status, body)."""
        with self.lock:
            state = self.branches.get(key)
            if op == "prepare":
                if state in (None, PREPARED):
                    self.branches[key] = PREPARED
                    return 200, {}
                return (200, {}) if state == COMMITTED else (409, {"detail": f"it is {state}"})
            if op == "commit":
                if state in (None, ABORTED):
                    self.faults.append(f"commit of {key}, which is {state}")
                self.branches[key] = COMMITTED
                return 200, {}
            if op == "abort":
                if state == COMMITTED:
                    self.faults.append(f"abort of {key}, which is committed")
                    return 409, {"detail": "it is committed"}
                self.branches[key] = ABORTED
                return 200, {}
            if op == "status":
                return 200, {}
            self.faults.append(f"{op} of {key}")
            return 409, {"detail": f"the till knows no {op}"}

    def prepare_by_itself(self, gtid, branch):
        with self.lock:
            self.branches[gtid, branch] = PREPARED

    def roll_back(self, gtid, branch):
        """The enlistment was refused: nobody will ever ask for it."""
        with self.lock:
            if self.branches.get((gtid, branch)) == COMMITTED:
                self.faults.append(f"enlistment of {gtid} {branch} was refused, and then it was committed")
            self.branches[gtid, branch] = ABORTED

    def state(self, gtid, branch):
        with self.lock:
            return self.branches.get((gtid, branch))
