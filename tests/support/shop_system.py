"""A shop for a test: trothd, and each example participant as a process of its own over a database of its own, a proxy
before it. What each did is counted from its database: the view `effect` has a row for each action, `undone` counts
compensations."""

from system import DEFINITIONS, DRAIN_SECONDS_MAX, System
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
        return [program("shop"), "--listen", self.listen, *self.flags]


class ShopSystem(System):
    def __init__(self, participants=CHECKOUT + UPGRADE, shop_options=None, banks=(), **options):
        super().__init__(banks=banks, **options)
        self.participants = participants
        self.shop_options = shop_options or {}
        self.shops = {}

    def start(self):
        super().start()
        for name in self.participants:
            database = self.postgres.database(name)
            self.shops[name] = self.folder.start(Shop(name, database, self.trothd.url, **self.shop_options))
            self.proxies[name] = TcpProxy(self.shops[name].port)
            reply = self.trothd.register(name, f"http://127.0.0.1:{self.proxies[name].port}/")
            assert reply.status == 201, reply
        for name in ("order_checkout", "upgrade_subscription"):
            reply = self.trothd.apply(DEFINITIONS / f"{name}.json")
            assert reply.status == 201, reply
        return self

    def heal(self):
        """Whatever a test left down is brought up."""
        for proxy in self.proxies.values():
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
