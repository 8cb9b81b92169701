"""Several trothd share the shards of one journal: who is there, who leads what, and how that changes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from troth_test import Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

SHARDS = 16


def nodes_of(trothd):
    """By name, as that node sees them."""
    return {node["name"]: node for node in trothd.get("/v1/nodes").json["nodes"]}


class Nodes(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.postgres = cls.run_folder.start(Postgres())

    def journal(self):
        return self.postgres.database(self.id().rsplit(".", 1)[-1][:40])

    def node(self, name, journal, **options):
        trothd = Trothd(name, journal=journal, lease="2s", **options)
        self.addCleanup(trothd.stop)
        return trothd

    def test_a_node_says_who_it_is_and_what_it_leads(self):
        a = self.node("a", self.journal())
        a.migrate()
        self.run_folder.start(a)
        wait_until(lambda: nodes_of(a)["a"]["shards"] == list(range(SHARDS)), 20, "it leads all")
        shown = a.get("/v1/nodes").json
        self.assertEqual((shown["shards"], shown["free"]), (SHARDS, []))
        node = shown["nodes"][0]
        self.assertEqual(node["address"], f"http://127.0.0.1:{a.port}")
        self.assertEqual((node["self"], node["live"], node["leaving"]), (True, True, False))


if __name__ == "__main__":
    main()
