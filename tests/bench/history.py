"""The case with a long history: a journal with millions of transactions that have ended."""

import threading

import measure as measuring
import troth_test as support
from loads import loads

FILLERS = 2  # sessions that fill beside each other

# Copies of one transaction that has ended, two hours ago and later: in whatever tables it has rows, so that another
# layout of the journal changes nothing here. Each has a gtid and times of its own, and is in the next shard.
COPY = """
insert into {table} ({columns})
select {values}
from (
    select
        n %% 16 as shard,
        (lpad(to_hex((extract(epoch from {base})::bigint * 1000 + n / 10)::bigint), 12, '0')
            || '8' || lpad(to_hex(n %% 16), 3, '0')
            || to_hex((2::bigint << 62) | (1::bigint << 38) | n))::uuid as gtid,
        {base} + n * interval '100 us' as at
    from generate_series(%s::bigint, %s::bigint) n
) made
"""


def tables(cluster, database):
    """Those of the journal with rows of transactions."""
    return [row[0] for row in cluster.query(database, """
        select format('%I.%I', table_schema, table_name)
        from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where table_schema = 'troth' and column_name = 'gtid' and table_type = 'BASE TABLE'""")]


def copies(cluster, database, gtid):
    """A statement for each table that has rows of this transaction, and the values in it."""
    base = f"timestamptz '{cluster.value('postgres', 'select now() - interval $$2 hours$$')}'"
    for table in tables(cluster, database):
        connection = support.psycopg2.connect(cluster.to(database))
        with connection.cursor() as cursor:
            cursor.execute(f"select * from {table} where gtid = %s", (gtid,))
            names, rows = [column.name for column in cursor.description], cursor.fetchall()
        connection.close()
        for row in rows:
            kept = {name: value for name, value in zip(names, row) if value is not None}
            made = {name: name if name in ("gtid", "shard") else "at" if name.endswith("_at") or name == "at" else "%s"
                    for name in kept}
            yield (COPY.format(table=table, columns=", ".join(made), values=", ".join(made.values()), base=base),
                   [value for name, value in kept.items() if made[name] == "%s"])


def fill(cluster, database, gtid, rows):
    """So many transactions that have ended as that one has."""
    statements, faults = list(copies(cluster, database, gtid)), []

    def part(number):
        try:
            for statement, values in statements:
                cluster.execute(database, statement, [*values, number * rows // FILLERS + 1,
                                                      (number + 1) * rows // FILLERS])
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


def measure(stage, side, variant, clients):
    """The no-op over an empty journal and over a full one."""
    del variant
    rows, journal = stage.asked.rows, "journal" if side == "without" else "journal_history"
    troth, cluster = stage.troth(journal), stage.databases.of(journal)
    if side == "ended" and not stage.history_is_made:
        like = measuring.Run(troth, loads()["noop"], 1)
        like.start()
        like.stop(like.drive(count=20))
        fill(cluster, journal, like.told.read_text().split()[0], rows)
        stage.history_is_made = True
    figures = measuring.troth(troth, loads()["noop"], clients)
    if figures:
        figures["rows"] = rows if side == "ended" else 0
    return figures
