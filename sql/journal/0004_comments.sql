-- What a DBA sees with \d+ and in tools: what each table and the columns that need it are.

comment on schema troth is 'The journal of Troth, a coordinator of distributed transactions: what it knows durably';
comment on table troth.journal is 'One row: which journal this is. Its id stands in the names of prepared transactions';
comment on table troth.shard is 'Slices of the journal. epoch: the fencing number of who leads one now';
comment on column troth.shard.forgotten is 'the highest (epoch, counter) of a gtid whose rows were ever deleted';
comment on table troth.lease is 'Who leads which shard, and until when by this database''s clock';
comment on table troth.txn is
    'Transactions: open ones, and those that have ended. trothctl tx show GTID tells the same for people';
comment on column troth.txn.epoch is 'of the last write to this row';
comment on column troth.txn.attempt is 'that runs now, or ran last: 1, and one more for each fallback or re-drive';
comment on column troth.txn.protocol is 'of that attempt: 2pc or saga';
comment on column troth.txn.mode is 'as the definition says it: 2pc, saga, 2pc_then_saga';
comment on column troth.txn.state is 'open or ended; what an open one does, its coordinator knows: trothctl tx list';
comment on column troth.txn.outcome is
    'committed, aborted, compensated or mixed; absent where the decision''s row tells it';
comment on column troth.txn.accepted is 'told to its client before its outcome: it is driven to one whatever happens';
comment on column troth.txn.delegated_branch is 'the one branch that decides (one phase); 0: none';
comment on column troth.txn.input is 'as the client gave it, byte for byte';
comment on column troth.txn.members is 'JSON: branches, participants, votes; of a decided one see troth.decision';
comment on column troth.txn.steps is 'JSON for people, written at the end';
comment on column troth.txn.history is 'JSON for people, written at the end: the timeline';
comment on column troth.txn.fallback is 'JSON: why two-phase commit was given up for a saga; null when it was not';
comment on table troth.decision is
    'Decisions, one for each attempt that was decided: written once, never changed, told to branches in doubt';
comment on table troth.idempotency is 'Which transaction began under which Idempotency-Key';
comment on table troth.record is 'Append-only: results of sagas'' steps, their tries, what was parked';
comment on column troth.record.kind is 'step: a JSON object for each result; the latest of a branch holds';
comment on table troth.outbox is 'Outcome events that Kafka has not confirmed; a confirmed row is deleted';
comment on table troth.definition is 'Definitions, as they were published; a version never changes';
comment on table troth.participant is 'Registered participants: where to call them';
comment on table troth.registry is 'Which reading of definitions and participants is the latest: changes belong to one';
comment on table troth.node is 'Coordinators that were ever here, and when they were seen last';
