"""What is registered, while it is in use: participants, definitions, their life and what each is told."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import System  # noqa: E402
from troth_test import TrothTest, main, wait_until  # noqa: E402

BANKS = ("bank_a", "bank_b")


class Marks(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = System(bank_options={"sweep_interval": 1}).start()

    def test_guard_rows_of_every_shard_leave_at_every_bank(self):
        """Each participant goes round all shards by itself: however the requests of two banks alternate, none of them
        keeps the guard rows of half the shards for ever."""
        gtids = [self.system.transfer(1, 1, 1).json["gtid"] for _ in range(48)]
        self.assertEqual(len({gtid[15:18] for gtid in gtids}), 16, "three of each shard")

        def gone():
            self.assertEqual(self.system.transfer(2, 2, 1).status, 201)  # marks come with requests
            left = [self.system.postgres.value(
                bank, "select count(*) from troth_guard.guard where gtid = any(%s::uuid[])", (gtids,))
                for bank in BANKS]
            return left == [0, 0]
        wait_until(gone, 60, "the guard rows of 48 transfers are gone at both banks")


if __name__ == "__main__":
    main()
