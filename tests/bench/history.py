"""The case with a long history: a journal with millions of transactions that have ended."""

import json
import threading

import measure as measuring
import troth_test as support
from loads import loads

FILLERS = 2  # sessions that fill beside each other

# Ended no-op transactions of long ago, one a row of generate_series, in the layout of the journal's tables: the one
# place that knows it. %(first)s and %(last)s: numbers of the transactions; %(steps)s and its like: as trothd writes it.
FILL = """
with made as (
    select
        n %% 16 as shard,
        (lpad(to_hex((1700000000000 + n / 10)::bigint), 12, '0') || '8' || lpad(to_hex(n %% 16), 3, '0')
            || to_hex((2::bigint << 62) | (1::bigint << 38) | n))::uuid as gtid,
        timestamptz '2023-11-14 22:13:20+00' + n * interval '100 us' as at,
        n
    from generate_series(%(first)s::bigint, %(last)s::bigint) n
), t as (
    insert into troth.txn (
        shard, gtid, epoch, attempt, protocol, mode, interactive, accepted, definition_version, timeout_us,
        prepare_timeout_us, began_at, definition, input, members, decision, outcome, decided_at
    )
    select
        shard, gtid, 1, 1, '2pc', '2pc', false, false, 1, 3600000000, 10000000, at, 'noop', '{"number":' || n || '}',
        %(members)s, 'commit', 'committed', at
    from made
)
insert into troth.ended (gtid, shard, epoch, ended_at, outcome, steps, history)
select gtid, shard, 1, at, 'committed', %(steps)s, %(history)s
from made
"""


def fill(cluster, database, rows):
    """What a transaction leaves there is taken from one that has ended."""
    like = cluster.query(database, "select steps, history, members from troth.transaction "
                                   "where state = 'ended' and definition = 'noop' limit 1")[0]
    steps, history, members = (text if isinstance(text, (str, type(None))) else json.dumps(text) for text in like)
    faults = []

    def part(number):
        try:
            cluster.execute(database, FILL, {
                "first": number * rows // FILLERS + 1, "last": (number + 1) * rows // FILLERS,
                "history": history, "members": members, "steps": steps})
        except support.psycopg2.Error as error:
            faults.append(error)

    threads = [threading.Thread(target=part, args=(number,)) for number in range(FILLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    cluster.execute(database, "vacuum (analyze)")
    cluster.execute("postgres", "checkpoint")


def ended(cluster, database):
    return cluster.value(database, "select count(*) from troth.ended")


def measure(stage, side, variant, clients):
    """The no-op over an empty journal and over a full one."""
    del variant
    rows, journal = stage.asked.rows, "journal" if side == "without" else "journal_history"
    troth, cluster = stage.troth(journal), stage.databases.of(journal)
    if side == "ended" and not stage.history_is_made:
        like = measuring.Run(troth, loads()["noop"], 1)
        like.start()
        like.stop(like.drive(count=20))
        fill(cluster, journal, rows)
        stage.history_is_made = True
    figures = measuring.troth(troth, loads()["noop"], clients)
    if figures:
        figures["rows"] = rows if side == "ended" else 0
    return figures
