-- The guard: one row for each branch's action (prepare and execute share it) and one for its
-- compensation, written in the same transaction as the work itself, before any other row
-- (protocol.md, section 3). "There is no row" is established by inserting, never by SELECT.
--
-- Applied by troth_postgres_migrate() in one transaction; forward only. Other languages use the same
-- tables: see participant-sdk/examples/ledger_python.

CREATE SCHEMA troth_guard;

CREATE TABLE troth_guard.version (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Domains, not CHECKs of the table: a CHECK is read and planned anew by every statement that writes a
-- row, whichever column it changes; a domain is looked at when a value of its own is written.
CREATE DOMAIN troth_guard.journal AS text COLLATE "C" CHECK (VALUE ~ '^[0-9a-f]{16}$');
CREATE DOMAIN troth_guard.number AS integer CHECK (VALUE BETWEEN 1 AND 9999);
CREATE DOMAIN troth_guard.kind AS text COLLATE "C" CHECK (VALUE IN ('action', 'compensation'));
CREATE DOMAIN troth_guard.state AS text COLLATE "C"
    CHECK (VALUE IN ('done', 'refused', 'tombstone'));

CREATE TABLE troth_guard.guard (
    -- Two coordinators may hand out the same gtid; their work must never meet.
    journal troth_guard.journal NOT NULL,
    gtid uuid NOT NULL,
    branch troth_guard.number NOT NULL,
    kind troth_guard.kind NOT NULL,
    -- The attempt that acted, or the highest that a tombstone refuses (itself and lower ones).
    attempt troth_guard.number NOT NULL,
    -- done: it acted. refused: a business no; reason and output are its answer for ever.
    -- tombstone: aborted, or compensated, before it acted.
    state troth_guard.state NOT NULL,
    -- SHA-256 of operation, a zero byte, input; compared within one attempt. NULL: none was known.
    request bytea,
    -- The answer: one JSON value, byte for byte; NULL: without output.
    output text,
    reason text,
    -- From the gtid: rows leave when their shard's oldest open gtid has passed them.
    shard integer NOT NULL,
    ordering bigint NOT NULL,
    PRIMARY KEY (journal, gtid, branch, kind)
);
-- A row that is inserted done gets its output before its transaction ends: leave room for it on the
-- same page (a HOT update).
ALTER TABLE troth_guard.guard SET (fillfactor = 80);

-- What has left: calls of a gtid below `ordering` are answered unknown. The mark moves first; the rows
-- below it leave in a later transaction, so that an insert that still saw the old mark is not missed.
CREATE TABLE troth_guard.mark (
    journal text COLLATE "C" NOT NULL,
    shard integer NOT NULL,
    ordering bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (journal, shard)
);

INSERT INTO troth_guard.version (version) VALUES (1);
