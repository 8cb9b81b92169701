-- Several trothd share the shards of a journal. Each announces itself with each renewal of its leases, and is believed
-- to live for a lease's length. public_key: of the
-- process; with its own and another one's two of them know each other.
delete from troth.node;
alter table troth.node add column owner uuid;
alter table troth.node add column version text;
alter table troth.node add column schema_version integer;
alter table troth.node add column public_key text;
alter table troth.node add column live_until timestamptz;
alter table troth.node add column steady_since timestamptz;
alter table troth.node add column leaving boolean not null default false;
comment on table troth.node is 'Coordinators that were ever here: who they are, how others reach them, when they were seen last';
comment on column troth.node.owner is 'the process that has this name; troth.lease names it';
comment on column troth.node.live_until is 'until then it is believed to live, unless it says so again';
comment on column troth.node.steady_since is 'since when it has said so in time: who has only just come is given no shards';
comment on column troth.node.leaving is 'it stops: it hands its shards over and takes none';

-- A row of no consequence each, written while nothing else is: apart from troth.node, so that an announcement never
-- waits for a commit that waits.
create table troth.beat (
    node    text        not null primary key,
    beat_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
comment on table troth.beat is 'A node writes here while nothing else is written, and so notices when it cannot write';

-- A shard that is handed over is kept for whom it is meant for, for a while.
alter table troth.lease add column wanted_by uuid;
alter table troth.lease add column wanted_until timestamptz;
comment on column troth.lease.wanted_by is 'the process that this shard is handed over to';
comment on column troth.lease.wanted_until is 'from then on any node may take it';

-- A transaction that its shard's leader handed over as it was, with all its members: the next leader goes on with it.
-- Nothing that began before was.
alter table troth.txn add column handed integer not null default 0;
alter table troth.txn add column closed boolean not null default false;
comment on column troth.txn.handed is 'the epoch whose leader handed it over as the row has it; 0: none did';
comment on column troth.txn.closed is 'interactive, handed over: the client had said commit';
