"""The monkey: careless clients in all modes, and somebody who kills, stops, pauses, cuts and reconfigures, at random.

Two coordinators compete for one journal, each through a proxy of its own; two banks, a shop and a till over plain http
take part. Clients mostly send no Idempotency-Key, do what an answer tells them to do, repeat commits and change them.
Every answer that anybody got is held against what later turns out: in the journal, in every database, in Kafka, at the
till. The programs are built with AddressSanitizer (tests/run monkey).

    TROTH_MONKEY_SECONDS=600 TROTH_SEED=7 tests/run monkey

One seed gives the same choices, not the same history: processes and threads run as they do."""

import http.client
import json
import os
import random
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clients import ACCOUNTS, TRANSFERS, Client, Told  # noqa: E402
from shop_system import Shop  # noqa: E402
from system import BALANCE, DEFINITIONS  # noqa: E402
from till import ABORTED, COMMITTED, PREPARED, Till  # noqa: E402
from troth_test import Bank, Kafka, Postgres, TcpProxy, Trothd, TrothTest, main, wait_until  # noqa: E402

SECONDS = float(os.environ.get("TROTH_MONKEY_SECONDS", "60"))
CLIENTS = 8
LEASE_SECONDS = 2
SHOPS = ("inventory", "payments", "shipping", "mail")


# --- the world -------------------------------------------------------------------------------------------------------


def hasty(name, rename, **changes):
    definition = json.loads((DEFINITIONS / f"{name}.json").read_text())
    definition.update(name=rename, **changes)
    for step in definition["steps"]:
        step["timeout"] = "1500ms"
    if definition["mode"] != "saga":
        definition["prepare_timeout"] = "1500ms"
    else:
        definition.pop("prepare_timeout", None)
    return definition


class World:
    def __init__(self, folder, seed):
        self.folder, self.random = folder, random.Random(seed)
        self.told, self.over = Told(), threading.Event()
        self.till = Till(random.Random(seed + 1))
        self.down = set()  # processes that the monkey keeps down for a moment
        self.versions = {}

    def start(self):
        self.postgres = self.folder.start(Postgres("postgres"))
        self.kafka = self.folder.start(Kafka())
        self.postgres.database("journal")
        self.journal = {}
        self.nodes = [self.make_node(name) for name in ("north", "south")]
        self.nodes[0].migrate()
        self.nodes[0].start()
        self.nodes[1].launch()  # it waits for the lease
        self.banks = {name: self.make_bank(name) for name in ("bank_a", "bank_b")}
        self.shops = {name: self.make_shop(name) for name in SHOPS}
        self.proxies = {name: TcpProxy(process.port) for name, process in {**self.banks, **self.shops}.items()}
        self.processes = [*self.nodes, *self.banks.values(), *self.shops.values()]
        self.register_all()
        self.apply_all()
        return self

    def make_node(self, name):
        self.journal[name] = TcpProxy(self.postgres.port)
        node = Trothd(name, journal=self.postgres.to("journal", self.journal[name].port), lease=f"{LEASE_SECONDS}s",
                      kafka_brokers=self.kafka.brokers, retry_interval="50ms", retry_interval_max="500ms",
                      call_timeout="2s", reply_wait="3s", drain_timeout="1s", publish_grace="200ms")
        with socket.create_server(("127.0.0.1", 0)) as free:
            node.port = free.getsockname()[1]
        return node

    def make_bank(self, name):
        self.postgres.database(name)
        return self.folder.start(Bank(name, self.postgres.to(name), self.nodes[0].url, accounts=ACCOUNTS,
                                      balance=BALANCE))

    def make_shop(self, name):
        database = self.postgres.database(name)
        return self.folder.start(Shop(name, database, self.nodes[0].url, stock=100000, accounts=ACCOUNTS))

    def leader(self):
        for node in self.nodes:
            try:
                if node.get("/readyz", timeout=2).status == 200:
                    return node
            except (OSError, http.client.HTTPException):
                pass
        return None

    def configure(self, what):
        """Asks the leader, whoever it is by then, until it answers."""
        def asked():
            leader = self.leader()
            reply = leader and what(leader)
            return reply if reply and reply.status < 500 else None
        return wait_until(asked, 60, "the leader takes a change")

    def register_all(self):
        for name, proxy in self.proxies.items():
            self.configure(lambda node, n=name, p=proxy: node.register(n, f"http://127.0.0.1:{p.port}/"))
        self.configure(lambda node: node.register("till", self.till.url, "http"))

    def apply_all(self):
        transfer = hasty("transfer", "hasty_transfer")
        debit, credit = transfer["steps"]
        back = [{**debit, "participant": "bank_b"}, {**credit, "participant": "bank_a"}]
        deposit = [{**credit, "participant": "bank_a"}]
        self.definitions = [transfer, {**transfer, "name": "hasty_back", "steps": back},
                            {**transfer, "name": "hasty_deposit", "steps": deposit},
                            hasty("order_checkout", "hasty_checkout"),
                            hasty("order_checkout", "saga_checkout", mode="saga")]
        for definition in self.definitions:
            reply = self.configure(lambda node, d=definition: node.apply(d))
            assert reply.status in (200, 201), reply
            self.versions[definition["name"]] = 1

    # --- the monkey's tricks: each ends by itself, and heals what it did

    def trick(self):
        tricks = [self.kill, self.kill, self.stop, self.pause, self.pause_past_lease, self.stall_journal,
                  self.stall_journal, self.drop_journal, self.cut_participant, self.slow_participant, self.kill_service,
                  self.trouble_at_the_till, self.register_again, self.delete_participant, self.new_version]
        trick = self.random.choice(tricks)
        self.told.count(f"trick {trick.__name__}")
        trick()

    def wait(self, most):
        self.over.wait(self.random.random() * most)

    def revive(self):
        for process in self.processes:
            if process not in self.down and not process.running():
                process.launch()
                if process not in self.nodes:  # a node may have to wait for the lease
                    process.wait_ready()

    def kill(self):
        node = self.random.choice(self.nodes)
        node.kill9()
        self.wait(1)

    def stop(self):
        node = self.random.choice(self.nodes)
        if node.running():
            node.signal(signal.SIGTERM)
            if self.random.random() < 0.5:
                self.wait(0.3)
                if node.running():
                    node.signal(signal.SIGTERM)
            node.wait_end(60)

    def pause(self):
        node = self.random.choice(self.nodes)
        node.pause()
        self.wait(LEASE_SECONDS)
        node.resume()

    def pause_past_lease(self):
        leader = self.leader()
        if leader is None:
            return
        leader.pause()
        self.over.wait(LEASE_SECONDS * 1.5 + 1)
        leader.resume()

    def stall_journal(self):
        proxy = self.random.choice(list(self.journal.values()))
        proxy.hold(self.random.choice(["request", "reply"]))
        self.wait(3.5)
        if self.random.random() < 0.4:
            self.random.choice(self.nodes).kill9()
        proxy.release()

    def drop_journal(self):
        proxy = self.random.choice(list(self.journal.values()))
        proxy.drop(self.random.choice(["request", "reply"]))
        self.wait(1)
        proxy.cut()

    def cut_participant(self):
        proxy = self.random.choice(list(self.proxies.values()))
        if self.random.random() < 0.5:
            proxy.drop("reply")
            self.wait(1)
        proxy.refuse()
        self.wait(1.5)
        proxy.accept()

    def slow_participant(self):
        proxy = self.random.choice(list(self.proxies.values()))
        proxy.stall(0.3, 1.8)
        self.wait(3)
        proxy.stall(0, 0)

    def kill_service(self):
        self.random.choice([*self.banks.values(), *self.shops.values()]).kill9()
        self.wait(1)

    def trouble_at_the_till(self):
        self.till.trouble = 0.5
        self.wait(2)
        self.till.trouble = 0.02

    def ask_leader(self, what):
        leader = self.leader()
        try:
            return leader and what(leader)
        except (OSError, http.client.HTTPException):
            return None

    def register_again(self):
        name = self.random.choice(list(self.proxies))
        self.ask_leader(lambda node: node.register(name, f"http://127.0.0.1:{self.proxies[name].port}/"))

    def delete_participant(self):
        name = self.random.choice(list(self.proxies))
        self.ask_leader(lambda node: node.delete(f"/v1/participants/{name}"))
        self.wait(0.3)
        self.ask_leader(lambda node: node.register(name, f"http://127.0.0.1:{self.proxies[name].port}/"))

    def new_version(self):
        definition = self.random.choice(self.definitions)
        name, old = definition["name"], self.versions[definition["name"]]
        reply = self.ask_leader(lambda node: node.apply({**definition, "version": old + 1}))
        if reply is not None and reply.status in (200, 201):
            self.versions[name] = old + 1
            self.ask_leader(lambda node: node.delete(f"/v1/definitions/{name}?version={old}"))

    # --- the end

    def heal(self):
        self.till.trouble = 0
        for proxy in (*self.journal.values(), *self.proxies.values()):
            proxy.stall(0, 0)
            proxy.release()
            proxy.accept()
        for node in self.nodes:
            if node.running():
                node.resume()
        self.revive()
        # The banks and shops ask the first node: let it lead.
        self.nodes[1].stop()
        self.down.add(self.nodes[1])
        wait_until(lambda: self.revive() or self.nodes[0].get("/readyz").status == 200, 60, "the first node leads")
        self.register_all()

    def drained(self, seconds=120):
        node = self.nodes[0]
        wait_until(lambda: not self.postgres.prepared(), seconds, "no prepared transaction is left")
        wait_until(lambda: node.get("/readyz").json["open_transactions"] == 0, seconds, "no transaction is open")
        wait_until(lambda: self.postgres.value(
            "journal", "select count(*) from troth.transaction where state <> 'ended'") == 0, seconds,
            "the journal agrees")
        wait_until(lambda: self.postgres.value("journal", "select count(*) from troth.outbox") == 0, seconds,
                   "the outbox is empty")


class Monkey(TrothTest):
    def test_every_answer_is_what_later_turns_out(self):
        seed = int(os.environ.get("TROTH_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (TROTH_SEED={seed} makes the same choices)", file=sys.stderr)
        self.world = World(self.run_folder, seed).start()
        clients = [Client(self.world, n, seed * CLIENTS + n) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.world.trick()
            self.world.revive()
            self.sane()
        self.world.over.set()
        for client in clients:
            client.join(90)
            self.assertFalse(client.is_alive(), "a client still waits for its answer")
        print(json.dumps(self.world.told.counts, indent=1, sort_keys=True), file=sys.stderr)
        self.world.heal()
        self.world.drained()
        self.final = self.read_journal()
        told = self.world.told
        for check in (self.sane, self.check_answers, self.check_events, self.check_banks, self.check_shops,
                      self.check_till):
            with self.subTest(check.__name__):
                check()
        with self.subTest("what was seen on the way"):
            self.assertEqual(told.faults + self.world.till.faults, [])
            self.assertGreater(sum(1 for row in self.final.values() if row[1] == "committed"), 20)

    def sane(self):
        """No sanitizer has spoken, nobody ended by an assertion."""
        for process in self.world.processes:
            log = process.log.read_text(errors="replace")
            trouble = re.search(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed", log)
            self.assertIsNone(trouble, f"{process.name}: {trouble and log[trouble.start():][:3000]}")

    # --- what must hold

    def read_journal(self):
        """gtid -> (label, outcome)"""
        rows = self.world.postgres.query("journal", "select gtid::text, labels, outcome from troth.transaction")
        return {gtid: (json.loads(labels)["monkey"] if labels else None, outcome) for gtid, labels, outcome in rows}

    def check_answers(self):
        told = self.world.told
        for gtid, outcomes in told.outcomes.items():
            self.assertTrue(gtid in self.final, f"{gtid} is in no journal, told: {outcomes}")
            self.assertEqual(set(outcomes), {self.final[gtid][1]}, f"{gtid}: {outcomes}")
        for gtid, where in told.accepted.items():
            self.assertTrue(gtid in self.final, f"{gtid} is in no journal, {where} said 202")
            self.assertIsNotNone(self.final[gtid][1], f"{gtid}: {where} said 202")
        did = {label: (gtid, outcome) for gtid, (label, outcome) in self.final.items() if outcome == "committed"}
        for label, answer in told.nothing.items():
            self.assertFalse(label in did, f"{did.get(label)}: nothing was done, it said: {answer}")
        for gtid, commits in told.commits.items():
            self.assertEqual({outcome for _, outcome in commits}, {self.final[gtid][1]}, f"{gtid}: {commits}")
            if self.final[gtid][1] == "committed":
                lists = {tuple(sorted(branches)) for branches, _ in commits}
                self.assertEqual(len(lists), 1, f"{gtid}: other commits were answered committed, too: {lists}")

    def check_events(self):
        events = {}
        for topic in ("troth.outcomes", "orders.outcomes"):
            for event in self.world.kafka.consume(topic):
                payload = json.loads(event["payload"])
                events.setdefault(payload["gtid"], set()).add((payload["outcome"], event["headers"]["ce_id"]))
        for gtid, told in events.items():
            self.assertEqual({outcome for outcome, _ in told}, {self.final[gtid][1]}, gtid)
            self.assertEqual(len(told), 1, f"{gtid}: two events: {told}")
        silent = [gtid for gtid, (_, outcome) in self.final.items() if outcome == "committed" and gtid not in events]
        self.assertEqual(silent, [], "committed and no event")

    def check_banks(self):
        told = self.world.told
        wanted = {bank: dict.fromkeys(range(1, ACCOUNTS + 1), BALANCE) for bank in self.world.banks}
        for gtid, (label, outcome) in self.final.items():
            definition, input_ = told.requests.get(label, (None, None))
            if outcome == "committed" and definition in TRANSFERS:
                source, target = TRANSFERS[definition]
                if source:
                    wanted[source][input_["from"]] -= input_["amount"]
                wanted[target][input_["to"]] += input_["amount"]
        for bank in self.world.banks:
            rows = dict(self.world.postgres.query(bank, "select id, balance from account"))
            self.assertEqual(rows, wanted[bank], bank)

    def check_shops(self):
        told = self.world.told
        effects = {}
        for name in SHOPS:
            for gtid, actions, undone in self.world.postgres.query(
                    name, "select gtid::text, count(*), sum(undone) from effect where participant = %s group by gtid",
                    (name,)):
                effects[gtid, name] = (actions, undone)
        for (gtid, name), did in effects.items():
            committed = self.final[gtid][1] == "committed"
            self.assertEqual(did, (1, 0) if committed else (1, 1), f"{gtid} at {name}: {self.final[gtid]}")
        for gtid, (label, outcome) in self.final.items():
            definition, input_ = told.requests.get(label, (None, None))
            if outcome == "committed" and definition in ("hasty_checkout", "saga_checkout"):
                for name in SHOPS:
                    if name != "mail" or input_["email"] is not None:
                        self.assertTrue((gtid, name) in effects, f"{gtid} is committed, {name} did nothing")

    def check_till(self):
        """Whoever was acknowledged hears the outcome, and nothing else."""
        told = self.world.told
        def heard():
            return not [key for key in told.enlisted if self.world.till.state(*key) == PREPARED]
        wait_until(heard, 60, "every acknowledged branch is told")
        for (gtid, branch) in told.enlisted:
            wanted = COMMITTED if self.final[gtid][1] == "committed" else ABORTED
            self.assertEqual(self.world.till.state(gtid, branch), wanted, (gtid, branch, self.final[gtid]))


if __name__ == "__main__":
    main()
