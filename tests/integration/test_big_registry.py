"""Ten thousand participants and a thousand definitions, of which nearly none is used: what is not active costs nothing.

Measured is what trothd itself computes (/proc/PID/schedstat), beside a trothd with nothing but what is used: other work
on the machine changes little of that."""

import json
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import Scripted  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main  # noqa: E402

PARTICIPANTS, DEFINITIONS = 10000, 1000
REQUESTS, ROUNDS = 100, 5
USED = {"name": "used", "version": 1, "mode": "saga",
        "steps": [{"name": "charge", "participant": "used", "operation": "charge", "input": {},
                   "compensate": {"operation": "refund"}}]}
START_SECONDS_MAX = 5.0
SLACK_US = 100  # of one request


def cpu_us(trothd):
    return int(Path(f"/proc/{trothd.pid}/schedstat").read_text().split()[0]) / 1000


class BigRegistry(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scripted = Scripted()
        cls.postgres = cls.run_folder.start(Postgres())
        cls.small, cls.big = cls.daemon("small"), cls.daemon("big")
        unused = {**USED, "name": "@", "steps": [{**USED["steps"][0], "participant": "unused_1"}]}
        before, after = json.dumps(unused).split("@")
        cls.postgres.execute(
            "big", "insert into troth.participant (name, body) select 'unused_' || n, "
            "'{\"binding\":\"http\",\"urls\":[\"http://127.0.0.1:9/\"],\"slots\":0}' from generate_series(1, %s) as n",
            (PARTICIPANTS,))
        cls.postgres.execute(
            "big", "insert into troth.definition (name, version, body) select 'unused_' || n, 1, "
            "%s || 'unused_' || n || %s from generate_series(1, %s) as n", (before, after, DEFINITIONS))
        for trothd in (cls.small, cls.big):
            cls.run_folder.start(trothd)
            assert trothd.register("used", cls.scripted.url, "http").status == 201
            assert trothd.apply(USED).status == 201

    @classmethod
    def daemon(cls, name):
        trothd = Trothd(name, journal=cls.postgres.database(name), lease="1h", log_level="warn")
        trothd.migrate()
        return trothd

    def cost(self, trothd, work, requests=REQUESTS):
        """CPU of trothd for one request, in us: the least of some rounds."""
        costs = []
        for _ in range(ROUNDS):
            before = cpu_us(trothd)
            for _ in range(requests):
                work(trothd)
            costs.append((cpu_us(trothd) - before) / requests)
        return min(costs)

    def assert_alike(self, what, work, requests=REQUESTS):
        small, big = self.cost(self.small, work, requests), self.cost(self.big, work, requests)
        print(f"{what}: {small:.0f} us, and {big:.0f} us in the big one", file=sys.stderr)
        self.assertLess(big, 1.5 * small + SLACK_US, what)

    def test_a_probe_costs_the_same(self):
        self.assert_alike("GET /healthz", lambda trothd: trothd.get("/healthz"))
        self.assert_alike("GET /readyz", lambda trothd: trothd.get("/readyz"))

    def test_a_saga_costs_the_same(self):
        self.assert_alike("a saga of one step", lambda trothd: trothd.submit("used", {}), requests=20)

    def test_one_costs_the_same(self):
        self.assert_alike("GET a participant", lambda trothd: trothd.get("/v1/participants/used"))
        self.assert_alike("GET a misspelt one", lambda trothd: trothd.get("/v1/participants/usde"))
        self.assert_alike("GET a definition", lambda trothd: trothd.get("/v1/definitions/used"))

    def test_a_change_costs_the_same(self):
        def change(trothd):
            trothd.register("changing", self.scripted.url, "http")
            trothd.delete("/v1/participants/changing")
        self.assert_alike("to add and remove a participant", change, requests=50)

    def test_every_page_costs_the_same(self):
        """The first, and one behind nine tenths of them."""
        for kind, version in (("participants", ""), ("definitions", ".1")):
            pages = {}
            for where in ("unused_1", "unused_9"):
                query = urllib.parse.urlencode({"limit": 10, "cursor": where + version})
                reply = self.big.get(f"/v1/{kind}?{query}")
                self.assertEqual(len(reply.json[kind]), 10, reply)
                pages[where] = self.cost(self.big, lambda trothd: trothd.get(f"/v1/{kind}?{query}"))
            print(f"a page of {kind}: {pages}", file=sys.stderr)
            self.assertLess(pages["unused_9"], 1.5 * pages["unused_1"] + SLACK_US, kind)

    def test_the_start(self):
        self.big.restart()
        self.assertLess(cpu_us(self.big) / 1e6, START_SECONDS_MAX)
        print(f"start: {cpu_us(self.big) / 1e6:.2f} s of CPU", file=sys.stderr)


if __name__ == "__main__":
    main()
