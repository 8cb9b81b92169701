-- The journal: what a coordinator knows durably. PostgreSQL 15 or later.
--
-- Rules that hold for every table: shard leads the keys of what belongs to a shard; ids come from
-- the coordinator; no sequences, triggers, foreign keys or functions, so that the same schema runs
-- where tables are spread over machines. Payloads are kept as text, byte for byte: jsonb would
-- change 0.10 and 1e400 and refuse \u0000.

-- One row: which journal this is. The number of shards is fixed when the journal is created.
create table troth.journal (
    only_row   boolean     not null default true primary key check (only_row),
    id         text        not null check (id ~ '^[0-9a-f]{16}$'),
    shards     integer     not null check (shards between 1 and 4096),
    created_at timestamptz not null default clock_timestamp()
);

-- epoch: the fencing number of who leads the shard now; every write locks this row FOR SHARE and
-- compares. forgotten: the highest (epoch, counter) of a gtid that was ever deleted, as one number.
create table troth.shard (
    shard     integer not null primary key,
    epoch     integer not null default 0,
    forgotten bigint  not null default 0
);

-- Who tries to lead, until when by this database's clock. Apart from troth.shard, so that a renewal
-- never waits behind the lock of a write. owner is one process; node is its name.
create table troth.lease (
    shard       integer not null primary key,
    node        text,
    owner       uuid,
    lease_until timestamptz
) with (fillfactor = 50);

-- A transaction that is known. epoch: of the last write to this row. attempt and protocol: what runs
-- now. members: before the decision; the decision's row has its own. state: open or ended.
create table troth.txn (
    shard              integer     not null,
    gtid               uuid        not null,
    epoch              integer     not null,
    attempt            integer     not null,
    protocol           text        not null,
    mode               text        not null,
    interactive        boolean     not null,
    accepted           boolean     not null,
    state              text        not null check (state in ('open', 'ended')),
    delegated_branch   integer     not null default 0,
    definition_version bigint      not null default 0,
    timeout_us         bigint      not null default 0,
    prepare_timeout_us bigint      not null default 0,
    began_at           timestamptz not null,
    ended_at           timestamptz,
    outcome            text,
    definition         text,
    idempotency_key    text,
    request_hash       text,
    traceparent        text,
    input              text,
    labels             text,
    members            text,
    failure            text,
    steps              text,
    history            text,
    primary key (shard, gtid)
);
-- What recovery reads: never a scan of history. Its order differs from the primary key's on purpose:
-- a plan cannot take the wrong one of the two. A gtid begins with its time: the oldest come first.
create index txn_open on troth.txn (gtid, shard) where state = 'open';
-- What people list: the newest first.
create index txn_began on troth.txn (began_at, gtid);

-- Written once, never changed.
create table troth.decision (
    shard            integer     not null,
    gtid             uuid        not null,
    attempt          integer     not null,
    epoch            integer     not null,
    decision         text        not null check (decision in ('commit', 'abort')),
    outcome          text,
    delegated_branch integer     not null default 0,
    decided_at       timestamptz not null,
    members          text,
    failure          text,
    primary key (shard, gtid, attempt)
);

create table troth.idempotency (
    shard        integer     not null,
    key          text        not null,
    gtid         uuid        not null,
    request_hash text,
    began_at     timestamptz not null,
    primary key (shard, key)
);

-- Append-only: each saga step result, turn, retry spent, heuristic, operator action with who and why.
create table troth.record (
    shard   integer     not null,
    gtid    uuid        not null,
    seq     bigint      not null,
    epoch   integer     not null,
    kind    text        not null,
    at      timestamptz not null,
    payload text,
    primary key (shard, gtid, seq)
);

-- Outcome events that Kafka has not confirmed. Debezium's outbox columns, so that Debezium can take
-- the publisher's place; (epoch, seq) is the order of sending. A confirmed row is deleted.
create table troth.outbox (
    shard         integer not null,
    epoch         integer not null,
    seq           bigint  not null,
    id            uuid    not null,
    gtid          uuid    not null,
    aggregatetype text    not null,
    aggregateid   text    not null,
    type          text    not null,
    payload       text    not null,
    headers       text    not null,
    primary key (shard, epoch, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
-- Deletes go by gtid and id, never by number: another epoch may have the same one.
create index outbox_gtid on troth.outbox (shard, gtid);

create table troth.definition (
    name       text        not null,
    version    bigint      not null,
    body       text        not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (name, version)
);

create table troth.participant (
    name       text        not null primary key,
    body       text        not null,
    updated_at timestamptz not null default clock_timestamp()
);

create table troth.node (
    node       text        not null primary key,
    address    text,
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp()
);
