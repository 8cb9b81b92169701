"""A name server of a test's own: UDP on loopback, on a free port. It answers what the test has set, at the moment of
the question, and knows no other name.

    names = NameServer()
    names.set("bank.test", "127.0.0.1", "::1", ttl=1)
    names.silent = True                  # answers nothing
    Trothd(resolver=names.address, …)
"""

import ipaddress
import socket
import struct
import threading

A, AAAA = 1, 28
NO_SUCH_NAME, SERVER_FAILS = 3, 2


class NameServer:
    def __init__(self):
        self.names, self.asked = {}, []
        self.silent = self.failing = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, name, *addresses, ttl=1):
        """From now on. Without addresses the name exists and has none."""
        self.names[name.lower()] = ([ipaddress.ip_address(text) for text in addresses], ttl)

    def forget(self, name):
        self.names.pop(name.lower(), None)

    def _serve(self):
        while True:
            data, sender = self._socket.recvfrom(1500)
            reply = self._answer(data)
            if reply is not None:
                self._socket.sendto(reply, sender)

    def _answer(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        kind, = struct.unpack(">H", data[at + 1:at + 3])
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        if self.silent:
            return None
        addresses, ttl = self.names.get(name, (None, 0))
        code = SERVER_FAILS if self.failing else NO_SUCH_NAME if addresses is None else 0
        wanted = [] if code else [address.packed for address in addresses
                                  if kind == (A if address.version == 4 else AAAA)]
        records = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, ttl, len(packed)) + packed for packed in wanted)
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(wanted), 0, 0)
        return head + data[12:at + 5] + records
