"""A TCP proxy on loopback, for network faults between two programs.

    proxy = TcpProxy(postgres.port)      # connect to proxy.port
    proxy.cut()                          # every connection ends now, with a reset; new ones work
    proxy.refuse()                       # … and new ones are closed at once, until accept()
    proxy.lead_to(other.port)            # … and new ones go to another server
    proxy.hold("reply")                  # bytes of that direction wait (the connection looks slow), until release()
    proxy.drop("reply")                  # bytes of that direction vanish until cut(): sent, but the answer never comes
    proxy.cut_at("reply", b"COMMIT")     # the next time the bytes come by, they are not passed on and the connection is
                                         # cut: done, and nobody was told. With "request": never done. One shot
                                         # then_refuse=True: and nobody gets through until accept()
    proxy.stall(0.05, 1.5)               # of the chunks of the "request" direction, this share waits so long
    proxy.delay(0.05)                    # each chunk waits so long, in both directions

Directions: "request" is client to server, "reply" the other. One thread per direction; closed by close() or at exit.
"""

import contextlib
import random
import socket
import struct
import threading
import time

CHUNK_BYTES = 65536


class _Link:
    """One client's connection and its server's."""

    def __init__(self, client, server):
        self.ends = {"request": (client, server), "reply": (server, client)}

    def cut(self):
        for end in self.ends["request"]:
            with contextlib.suppress(OSError):
                # A reset, not an orderly end: what a lost connection looks like.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                end.close()


class TcpProxy:
    def __init__(self, server_port, server_host="127.0.0.1"):
        self._server = (server_host, server_port)
        self._lock = threading.Lock()
        self._links = set()
        self._refusing = False
        self._delay_seconds = 0.0
        self._stall = (0.0, 0.0)
        self.stalled = 0
        self._dropped = set()
        self._open = {"request": threading.Event(), "reply": threading.Event()}
        for gate in self._open.values():
            gate.set()
        self._trigger = None
        self._keeps = None
        self.kept = b""
        self.triggered = threading.Event()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # --- faults

    def cut(self):
        """Ends every connection; drop() ends with it."""
        with self._lock:
            links, self._links = self._links, set()
            self._dropped.clear()
        for link in links:
            link.cut()

    def refuse(self):
        self._refusing = True
        self.cut()

    def accept(self):
        self._refusing = False

    def lead_to(self, server_port):
        """Another server stands behind it: connections end now, new ones go there."""
        self._server = (self._server[0], server_port)
        self.cut()

    def keep(self, direction):
        """What comes that way from now on stands in kept, too."""
        self._keeps, self.kept = direction, b""

    def hold(self, direction):
        self._open[direction].clear()

    def release(self):
        for gate in self._open.values():
            gate.set()

    def drop(self, direction):
        with self._lock:
            self._dropped.add(direction)

    def delay(self, seconds):
        self._delay_seconds = seconds

    def stall(self, share, seconds):
        self._stall = (share, seconds)

    def cut_at(self, direction, pattern, then_refuse=False):
        """self.triggered is set when it happened."""
        self.triggered.clear()
        with self._lock:
            self._trigger = (direction, pattern, then_refuse)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()
        self.cut()

    # --- the work

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(self._server, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server)
            with self._lock:
                self._links.add(link)
                self.connections += 1
            for direction in ("request", "reply"):
                threading.Thread(target=self._pump, args=(link, direction), daemon=True).start()

    def _pump(self, link, direction):
        source, sink = link.ends[direction]
        tail = b""
        try:
            while chunk := source.recv(CHUNK_BYTES):
                if self._delay_seconds:
                    time.sleep(self._delay_seconds)
                if direction == "request" and random.random() < self._stall[0]:
                    self.stalled += 1
                    time.sleep(self._stall[1])
                if direction == self._keeps:
                    self.kept += chunk
                self._open[direction].wait()
                tail = self._cut_at_pattern(direction, tail, chunk)
                if direction not in self._dropped:
                    sink.sendall(chunk)
        except OSError:
            pass
        with self._lock:
            self._links.discard(link)
        link.cut()

    def _cut_at_pattern(self, direction, tail, chunk):
        """The pattern may lie across two chunks: returns what to keep of this one. OSError ends the link."""
        with self._lock:
            if self._trigger is None or self._trigger[0] != direction:
                return b""
            seen = tail + chunk
            if self._trigger[1] not in seen:
                return seen[-len(self._trigger[1]):]
            self._refusing = self._trigger[2]
            self._trigger = None
        if self._refusing:
            self.cut()
        self.triggered.set()
        raise OSError("cut at a pattern")
