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

CREATE TABLE troth_guard.guard (
    -- Two coordinators may hand out the same gtid; their work must never meet.
    journal text COLLATE "C" NOT NULL CHECK (journal ~ '^[0-9a-f]{16}$'),
    gtid uuid NOT NULL,
    branch integer NOT NULL CHECK (branch BETWEEN 1 AND 9999),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('action', 'compensation')),
    -- The attempt that acted, or the highest that a tombstone refuses (itself and lower ones).
    attempt integer NOT NULL CHECK (attempt BETWEEN 1 AND 9999),
    -- done: it acted. refused: a business no; reason and output are its answer for ever.
    -- tombstone: aborted, or compensated, before it acted.
    state text COLLATE "C" NOT NULL CHECK (state IN ('done', 'refused', 'tombstone')),
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
