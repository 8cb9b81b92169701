-- A journal can go back: an asynchronous standby is promoted, a backup restored. What such a journal does not say was
-- perhaps said, and acknowledged.
alter table troth.shard
    add column lost integer not null default 0,
    add column lost_at timestamptz,
    add column system text,
    add column timeline text,
    add column synchronous boolean not null default false;

comment on column troth.shard.lost is
    'the highest epoch under which rows that were acknowledged may be missing: no row of it proves nothing';
comment on column troth.shard.lost_at is 'when that was noticed last';
comment on column troth.shard.system is 'system identifier of the server on which its leader writes';
comment on column troth.shard.timeline is 'and the timeline: another one tells that a standby was promoted, or a backup restored';
comment on column troth.shard.synchronous is 'commits waited for a standby there, so that a promotion loses nothing';
