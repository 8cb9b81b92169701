"""A journal on a primary and its synchronous standby, both known to trothd; with a small disk if wanted.

    class PairedShop(PairedJournal, ShopSystem):
        pass
    system = PairedShop(tiny_disk=True).start()
    system.pair.standby.kill()
"""

import os
import subprocess

from troth_test import Postgres, run_folder, wait_until

DISK_BYTES = 32 << 20
CHUNK_BYTES = 1 << 16
FOLLOWS_SECONDS_MAX = 30


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


class Pair:
    """A primary and its standby: commits wait for both, unless the standby is asynchronous. The conninfo names both, in
    the same order for ever."""

    def __init__(self, name, synchronous=True):
        self.synchronous = synchronous
        # tablespaces in the cluster's folder: for TinyDisk
        self.primary, self.standby = self.clusters = [
            Postgres(f"{name}_{letter}", allow_in_place_tablespaces="on") for letter in "ab"]
        run_folder().start(self.primary)
        self.rejoin()

    def conninfo(self, database):
        ports = ",".join(str(cluster.port) for cluster in self.clusters)
        return f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname={database}"

    def promote(self):
        """The standby is the primary when this returns; nobody follows it."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self):
        """Who is not the primary, and does not run, becomes its standby."""
        self.standby.follow(self.primary)
        if self.synchronous:
            self.primary.commit_with(self.standby)

    def lag(self):
        """The standby has all that there is, and receives nothing from here on."""
        end = self.primary.value("postgres", "select pg_current_wal_flush_lsn()")
        wait_until(lambda: self.standby.value("postgres", "select pg_last_wal_replay_lsn() >= %s", (end,)),
                   FOLLOWS_SECONDS_MAX, "the standby follows")
        self.standby.execute("postgres", "alter system set primary_conninfo = ''")
        self.standby.execute("postgres", "select pg_reload_conf()")
        wait_until(lambda: not self.primary.query("postgres", "select 1 from pg_stat_replication"),
                   FOLLOWS_SECONDS_MAX, "the standby receives nothing")


class PairedJournal:
    """A mixin for a System: the journal stands on a Pair of its own."""

    def __init__(self, *arguments, tiny_disk=False, synchronous=True, **options):
        super().__init__(*arguments, **options)
        self.synchronous = synchronous
        self.tiny_disk = tiny_disk

    @property
    def journal(self):
        return self.pair.primary

    def start_journal(self):
        self.pair = Pair("journal", self.synchronous)
        tablespace = ""
        if self.tiny_disk:
            self.disk = TinyDisk(self.journal)
            tablespace = " tablespace tiny"
        self.journal.execute("postgres", f"create database journal{tablespace}")
        return self.pair.conninfo("journal")


class PairedBanks:
    """A mixin for a System: the participants' databases stand on a Pair, the journal alone on a cluster of its own."""

    @property
    def postgres(self):
        return self.pair.primary

    def start_postgres(self):
        self.pair = Pair("postgres")

    def bank_database(self, name):
        self.postgres.database(name)
        return self.pair.conninfo(name)

    def start_journal(self):
        self.journal = self.folder.start(Postgres("journal"))
        return self.journal.database("journal")
