"""10,000 transactions in all three modes while 5 % of the calls to participants time out: afterwards stock, money and
parcels agree with what the clients were told, and nothing is left open."""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from shop_system import CHECKOUT, UPGRADE, ShopSystem  # noqa: E402
from system import BALANCE, DEFINITIONS  # noqa: E402
from test_bank_run import Client  # noqa: E402
from troth_test import TrothTest, main  # noqa: E402

TRANSACTIONS = int(os.environ.get("TROTH_MIXED_TRANSACTIONS", "10000"))
CLIENTS = 32
ACCOUNTS = 100
STALL_SHARE = 0.05
STALL_SECONDS = 0.9
TIMEOUT = "600ms"  # of a prepare and of each call: shorter than a stall


def hurried(name):
    """The example definition with timeouts that a stall exceeds."""
    definition = json.loads((DEFINITIONS / f"{name}.json").read_text())
    definition["name"] = f"hurried_{name}"
    if definition["mode"] != "saga":
        definition["prepare_timeout"] = TIMEOUT
    for step in definition["steps"]:
        step["timeout"] = TIMEOUT
    return definition


class MixedClient(Client):
    def body(self):
        pick = self.random.random()
        number = self.random.randint(1, ACCOUNTS)
        if pick < 0.4:
            return {"definition": "hurried_transfer", "input": {
                "from": number, "to": self.random.randint(1, ACCOUNTS), "amount": self.random.randint(1, 30)}}
        if pick < 0.7:
            return {"definition": "hurried_upgrade_subscription", "input": {
                "tenant": f"tenant_{number}", "plan": "team", "seats": self.random.randint(1, 3),
                "price": self.random.randint(1, 60)}}
        return {"definition": "hurried_order_checkout", "input": {
            "order_id": f"o-{number}", "sku": f"sku_{self.random.randint(1, 10)}", "quantity": 1, "account": number,
            "amount": self.random.randint(1, 60), "email": self.random.choice([None, "a@example.org"])}}


class MixedRun(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = ShopSystem(banks=("bank_a", "bank_b"), kafka=True, accounts=ACCOUNTS, call_timeout=TIMEOUT,
                                shop_options={"tenants": ACCOUNTS, "accounts": ACCOUNTS, "stock": 100000},
                                log_level="info").start()
        for name in ("transfer", "upgrade_subscription", "order_checkout"):
            reply = cls.system.trothd.apply(hurried(name))
            assert reply.status == 201, reply

    def test_the_mixed_run(self):
        seed = int(os.environ.get("TROTH_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (TROTH_SEED={seed} sends the same requests)", file=sys.stderr)
        random.seed(seed)
        money = self.money()
        for name, proxy in self.system.proxies.items():
            if name != "journal":
                proxy.stall(STALL_SHARE, STALL_SECONDS)
        clients = [MixedClient(self.system.trothd.port, n, TRANSACTIONS // CLIENTS, seed * CLIENTS + n)
                   for n in range(CLIENTS)]
        began = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual([client.fault for client in clients if client.fault], [])
        took = time.monotonic() - began
        for proxy in self.system.proxies.values():
            proxy.stall(0, 0)
        self.system.drained(120)
        answers = {key: value for client in clients for key, value in client.answers.items()}
        counts = self.check(answers)
        self.assertEqual(self.money(), money)
        print(f"{counts}, {sum(p.stalled for p in self.system.proxies.values())} stalls, {took:.0f} s", file=sys.stderr)

    def money(self):
        """At the banks: what the transfers move between them stays."""
        return self.system.total()

    def effects(self):
        """(gtid, participant) -> (actions, compensations)"""
        found = {}
        for name in CHECKOUT + UPGRADE:
            for gtid, actions, undone in self.system.postgres.query(
                    name, "select gtid::text, count(*), sum(undone) from effect where participant = %s group by gtid",
                    (name,)):
                found[gtid, name] = (actions, undone)
        return found

    def check(self, answers):
        effects, events, counts = self.effects(), self.system.events(), {}
        events.update(self.system.events("orders.outcomes"))
        wanted = {}
        balances = {bank: dict.fromkeys(range(1, ACCOUNTS + 1), BALANCE) for bank in self.system.names}
        for key, (sent, answer) in answers.items():
            gtid, outcome, name = answer["gtid"], answer["outcome"], sent["definition"]
            final = self.system.trothd.show(gtid) if answer["state"] != "ended" else answer
            self.assertEqual(final["outcome"], outcome, key)
            fell_back = "fell back" if answer["attempt"] > 1 else "attempt 1"
            counts[name, outcome, fell_back] = counts.get((name, outcome, fell_back), 0) + 1
            self.assertEqual({json.loads(event["payload"])["outcome"] for event in events[gtid]}, {outcome}, key)
            if outcome == "committed":
                self.committed(sent, gtid, wanted, balances)
        # Nobody else has an effect, nobody has two, and what was compensated is even.
        for (gtid, name), (actions, undone) in effects.items():
            self.assertEqual((actions, undone), (1, 0) if (gtid, name) in wanted else (1, 1), (gtid, name))
        self.assertEqual(set(wanted) - set(effects), set())
        for bank in self.system.names:
            self.assertEqual(dict(self.system.postgres.query(bank, "select id, balance from account")), balances[bank])
        self.check_stock(wanted, effects)
        return {" ".join(map(str, what)): count for what, count in sorted(counts.items())}

    def committed(self, sent, gtid, wanted, balances):
        if sent["definition"] == "hurried_transfer":
            balances["bank_a"][sent["input"]["from"]] -= sent["input"]["amount"]
            balances["bank_b"][sent["input"]["to"]] += sent["input"]["amount"]
            return
        names = UPGRADE if "upgrade" in sent["definition"] else CHECKOUT
        for name in names:
            if name != "mail" or sent["input"]["email"] is not None:
                wanted[gtid, name] = True

    def check_stock(self, wanted, effects):
        sold = sum(1 for _, name in wanted if name == "inventory")
        left = self.system.postgres.value("inventory", "select sum(quantity) from stock")
        self.assertEqual(left, 10 * 100000 - sold)
        self.assertEqual(self.system.postgres.value("shipping", "select count(*) from parcel where undone = 0"), sold)


if __name__ == "__main__":
    main()
