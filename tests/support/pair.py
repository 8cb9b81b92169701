"""A journal on a primary and its synchronous standby, both known to trothd; with a small disk if wanted.

    class PairedShop(PairedJournal, ShopSystem):
        pass
    system = PairedShop(tiny_disk=True).start()
    system.standby.kill()
"""

import os
import subprocess

from troth_test import Postgres

DISK_BYTES = 32 << 20
CHUNK_BYTES = 1 << 16


class TinyDisk:
    """The disk of one tablespace of a cluster, until the run folder is cleaned up. The tablespace lies inside of the
    cluster's folder, so that a standby on the same machine has one of its own."""

    def __init__(self, postgres):
        postgres.execute("postgres", "create tablespace tiny location ''")
        oid = postgres.value("postgres", "select oid from pg_tablespace where spcname = 'tiny'")
        self.folder = postgres.folder / "data" / "pg_tblspc" / str(oid)
        version, = self.folder.iterdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700,uid=postgres,gid=postgres",
                               "tmpfs", self.folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise PermissionError(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        (self.folder / version.name).mkdir(mode=0o700)
        subprocess.run(["chown", "postgres:postgres", self.folder / version.name], check=os.getuid() == 0)
        self.filler = self.folder / "filler"

    def fill(self):
        with self.filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(CHUNK_BYTES)):
                    pass
            except OSError:
                pass

    def free(self):
        self.filler.unlink()


class PairedJournal:
    """A mixin for a System: in the place of its journal."""

    def __init__(self, *arguments, tiny_disk=False, **options):
        super().__init__(*arguments, **options)
        self.tiny_disk = tiny_disk
        self.disk = None

    def start_journal(self):
        self.journal = self.folder.start(Postgres("journal_a", allow_in_place_tablespaces="on"))
        self.standby = Postgres("journal_b", allow_in_place_tablespaces="on")
        self.standby.follow(self.journal)
        if self.tiny_disk:
            self.disk = TinyDisk(self.journal)
        self.journal.execute("postgres", "create database journal" + (" tablespace tiny" if self.disk else ""))
        self.journal.commit_with(self.standby)
        return (f"host=127.0.0.1,127.0.0.1 port={self.journal.port},{self.standby.port} user=postgres "
                "dbname=journal")
