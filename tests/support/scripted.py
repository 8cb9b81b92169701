"""A participant over plain HTTP that answers as a test says, and counts its calls."""

import http.server
import socket
import struct
import threading
import time

from troth_test import tls_of_all

UNKNOWN, NOT_NOW, REFUSED, DONE, SILENCE = 500, 503, 409, 200, None
RESET = "reset"


class Scripted:
    """A participant over plain HTTP. answers[(operation, op)] lists what to answer, the last one for ever; SILENCE
    does not answer while the test runs, RESET resets the connection. An answer is a status, or (status, body, headers).
    calls: what came, in order; received: the same with Idempotency-Key and body, (operation, op, gtid, key, body)."""

    def __init__(self, host="127.0.0.1", port=0):
        self.calls, self.received, self.answers, self.before = [], [], {}, {}
        self.end = threading.Event()
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802  (the name is the library's)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                operation, op = self.path.strip("/").split("/")
                scripted.received.append((operation, op, self.headers["Troth-Gtid"], self.headers["Idempotency-Key"],
                                          sent))
                status = scripted.answer(operation, op, self.headers["Troth-Gtid"])
                body, headers = b'{"n":1}' if status == DONE else b'{"detail":"scripted"}', {}
                if isinstance(status, tuple):
                    status, body, headers = status
                if status == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()  # with what stands unread: RST
                    self.close_connection = True
                    return
                if status is SILENCE:
                    scripted.end.wait(60)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A connection that the coordinator's end has cut is no news here."""

            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        self.server = Server((host, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        tls = tls_of_all()
        if tls:  # the handshake is made by the thread of its connection, with the first read
            context = tls.identity.server_context(tls.authority)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, operation, op, gtid):
        self.calls.append((time.monotonic(), operation, op, gtid))
        self.before.get((operation, op), lambda: None)()
        answers = self.answers.get((operation, op), [DONE])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def times(self, gtid, operation, op):
        return [at for at, *call in self.calls if call == [operation, op, gtid]]

    def count(self, gtid, operation, op):
        return len(self.times(gtid, operation, op))
