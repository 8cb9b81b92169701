"""A shop for a test: trothd, and each example participant as a process of its own over a database of its own, a proxy
before it. What each did is counted from its database: the view `effect` has a row for each action, `undone` counts
compensations."""

import contextlib
import json
import re
import signal

from system import DEFINITIONS, DRAIN_SECONDS_MAX, System
from tcp_proxy import CHUNK_BYTES
from troth_test import HttpServer, TcpProxy, program, wait_until

CHECKOUT = ("inventory", "payments", "shipping", "mail")
UPGRADE = ("accounts", "analytics", "billing", "notifications")
PRICE = 100


class Shop(HttpServer):
    """One participant of the example shop."""

    ready = r"^shop ready\b.*\blisten=127\.0\.0\.1:(?P<port>\d+)"

    def __init__(self, name, database, coordinator, **options):
        super().__init__(name)
        self.flags = ["--database", database, "--coordinator", coordinator, "--only", name, "--slots", "4",
                      "--create"]
        for key, value in options.items():
            self.flags += [f"--{key}", str(value)]

    def command(self):
        return [program("shop"), "--listen", self.listen, *(self.tls.flags() if self.tls else []), *self.flags]


class KillingProxy(TcpProxy):
    """Stands before the journal, and kills trothd when the n-th of its writes is in flight.

    A write is one pipeline that ends with Sync and has a Bind of one of the journal's writing statements: its COMMIT
    is the Sync's, there is no such word on the wire. Its answer ends with ReadyForQuery."""

    BIND = re.compile(rb"B....\0(begin|delegate|step|decision|attempt|outcome|end)(?:_one)?\0", re.DOTALL)
    SYNC = b"S\0\0\0\4"
    READY = b"Z\0\0\0\5I"

    def __init__(self, server_port):
        self.writes = []  # since kill_at(): what each one wrote
        self.met = False  # the one to kill at has come by; self.triggered follows
        self._kill = None
        self._answers = set()  # links whose next answer is the one that shall not come
        super().__init__(server_port)

    def kill_at(self, direction, which, process):
        """which: the n-th write, or the first that writes a row of that kind. "request": it is not passed on, so it is
        not done; "reply": it is done, and nobody is told. The process is dead before the connection ends;
        self.triggered is set then."""
        self.triggered.clear()
        with self._lock:
            self.writes, self.met = [], False
            self._kill = (direction, which, process)

    def disarm(self):
        with self._lock:
            self._kill = None
            self._answers.clear()

    def _pump(self, link, direction):
        source, sink = link.ends[direction]
        seen = b""
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                seen += chunk
                if seen.endswith(self.SYNC if direction == "request" else self.READY):
                    if self._is_the_one(link, direction, seen):
                        break
                    seen = b""
                sink.sendall(chunk)
        with self._lock:
            self._links.discard(link)
        link.cut()

    def _is_the_one(self, link, direction, seen):
        """A whole pipeline, or its answer, has come by. Of a request its last part is not passed on: without its Sync
        nothing of it is done."""
        with self._lock:
            if self._kill is None:
                return False
            at, which, process = self._kill
            if direction == "reply":
                if link not in self._answers:
                    return False
            else:
                wrote = [name.decode() for name in self.BIND.findall(seen)]
                if not wrote:
                    return False
                self.writes.append("+".join(wrote))
                if which not in (len(self.writes), *wrote):
                    return False
                self.met = True
                if at == "reply":
                    self._answers.add(link)
                    return False
            self._kill = None
            self._answers.clear()
            process.signal(signal.SIGKILL)
            process.wait_end()
            self.triggered.set()
            return True


class ShopSystem(System):
    """database_proxies: a proxy also between each participant and its database, in self.databases."""

    def __init__(self, participants=CHECKOUT + UPGRADE, shop_options=None, banks=(), database_proxies=False, **options):
        super().__init__(banks=banks, **options)
        self.participants = participants
        self.databases = {} if database_proxies else None
        self.shop_options = shop_options or {}
        self.shops = {}

    def start(self):
        super().start()
        for name in self.participants:
            database = self.postgres.database(name)
            if self.databases is not None:
                self.databases[name] = TcpProxy(self.postgres.port)
                database = self.postgres.to(name, self.databases[name].port)
            self.shops[name] = self.folder.start(Shop(name, database, self.trothd.url, **self.shop_options))
            self.proxies[name] = TcpProxy(self.shops[name].port)
            reply = self.trothd.register(name, f"{self.trothd.scheme}://127.0.0.1:{self.proxies[name].port}/")
            assert reply.status == 201, reply
        for name in ("order_checkout", "upgrade_subscription"):
            reply = self.trothd.apply(DEFINITIONS / f"{name}.json")
            assert reply.status == 201, reply
        return self

    def heal(self):
        """Whatever a test left down is brought up."""
        for proxy in (*self.proxies.values(), *(self.databases or {}).values()):
            proxy.release()
            proxy.accept()
        for process in (self.trothd, *self.shops.values()):
            if not process.running():
                process.start()

    def checkout(self, number, sku="sku_1", quantity=1, amount=PRICE, email="a@example.org", **options):
        return self.trothd.submit("order_checkout", {
            "order_id": f"order-{number}", "sku": sku, "quantity": quantity, "account": number, "amount": amount,
            "email": email}, **options)

    def upgrade(self, number, plan="team", seats=3, price=PRICE, **options):
        return self.trothd.submit("upgrade_subscription", {
            "tenant": f"tenant_{number}", "plan": plan, "seats": seats, "price": price}, **options)

    def kill_at_writes(self):
        """A KillingProxy takes the place of the one before the journal."""
        self.proxies["journal"] = KillingProxy(self.postgres.port)
        self.trothd.options["journal"] = self.postgres.to("journal", self.proxies["journal"].port)
        self.trothd.restart()
        return self.proxies["journal"]

    def send(self, name, op, gtid, operation, input_=None, branch=1, attempt=1, timeout="5s"):
        """One message straight to a participant, as the coordinator sends it: late, early or twice. Its result."""
        command = {"op": op, "gtid": gtid, "branch": branch, "attempt": attempt, "operation": operation,
                   "timeout": timeout}
        if input_ is not None:
            command["input"] = input_
        journal = self.postgres.value("journal", "select id from troth.journal")
        reply = self.shops[name].post("/", json.dumps(command) + "\n", headers={
            "Content-Type": "application/x-ndjson", "Troth-Journal": journal})
        assert reply.status == 200, reply
        return reply.json

    def effects(self, gtid):
        """participant -> (actions, compensations) of this transaction, where there are any."""
        found = {}
        for name in self.participants:
            rows = self.postgres.query(name, "select undone from effect where gtid = %s and participant = %s",
                                       (gtid, name))
            if rows:
                found[name] = (len(rows), sum(row[0] for row in rows))
        return found

    def ended(self, gtid, outcome, seconds=DRAIN_SECONDS_MAX):
        shown = self.trothd.wait_outcome(gtid, seconds)
        assert shown["outcome"] == outcome, shown
        wait_until(lambda: not [name for name in self.postgres.prepared() if gtid in name], seconds,
                   "nothing of it is prepared")
        return shown
