-- The timeline of what has ended is kept in a short form, which trothd reads; rows that are there stay as they are.
-- Who leads with an older trothd, which would show it as it is, is fenced by this.
update troth.shard set epoch = epoch + 1;

comment on column troth.ended.history is
    'the timeline in a short form, which trothctl tx show tells; JSON in rows from before schema version 12';
comment on view troth.transaction is
    'What is known of each transaction, for people; history as troth.ended has it. trothctl tx show GTID tells the same';
