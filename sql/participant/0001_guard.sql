-- The guard: one row for each branch's action (prepare and execute share it) and one for its
-- compensation, written in the same transaction as the work itself, before any other row
-- (protocol.md, section 3). "There is no row" is established by inserting, never by SELECT.
--
-- Applied by troth_postgres_migrate() in one transaction; forward only. Other languages use the same
-- tables: see participant-sdk/examples/ledger_python.

create schema troth_guard;

create table troth_guard.version (
    version integer primary key,
    applied_at timestamptz not null default now()
);

-- Domains, not CHECKs of the table: a CHECK is read and planned anew by every statement that writes a
-- row, whichever column it changes; a domain is looked at when a value of its own is written.
create domain troth_guard.journal as text collate "C" check (value ~ '^[0-9a-f]{16}$');
create domain troth_guard.number as integer check (value between 1 and 9999);
create domain troth_guard.kind as text collate "C" check (value in ('action', 'compensation'));
create domain troth_guard.state as text collate "C"
    check (value in ('done', 'refused', 'tombstone'));

create table troth_guard.guard (
    -- Two coordinators may hand out the same gtid; their work must never meet.
    journal troth_guard.journal not null,
    gtid uuid not null,
    branch troth_guard.number not null,
    kind troth_guard.kind not null,
    -- The attempt that acted, or the highest that a tombstone refuses (itself and lower ones).
    attempt troth_guard.number not null,
    -- done: it acted. refused: a business no; reason and output are its answer for ever.
    -- tombstone: aborted, or compensated, before it acted.
    state troth_guard.state not null,
    -- SHA-256 of operation, a zero byte, input; compared within one attempt. NULL: none was known.
    request bytea,
    -- The answer: one JSON value, byte for byte; NULL: without output.
    output text,
    reason text,
    -- From the gtid: rows leave when their shard's oldest open gtid has passed them.
    shard integer not null,
    ordering bigint not null,
    primary key (journal, gtid, branch, kind)
);
-- A row that is inserted done gets its output before its transaction ends: leave room for it on the
-- same page (a HOT update).
alter table troth_guard.guard set (fillfactor = 80);

-- What has left: calls of a gtid below `ordering` are answered unknown. The mark moves first; the rows
-- below it leave in a later transaction, so that an insert that still saw the old mark is not missed.
create table troth_guard.mark (
    journal text collate "C" not null,
    shard integer not null,
    ordering bigint not null,
    moved_at timestamptz not null default now(),
    primary key (journal, shard)
);

insert into troth_guard.version (version) values (1);
