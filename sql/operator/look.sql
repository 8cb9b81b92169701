-- 1. Is it prepared, since when, and for which attempt?
select gid, prepared, owner, database from pg_prepared_xacts where gid like :'name' || '%';

-- 2. What does the guard say of it? A row that is seen is committed; without one it has not acted.
select attempt, kind, state, output
from troth_guard.guard
where journal = :'journal' and gtid = :'gtid' and branch = :branch;

-- 3. Who waits for it?
select waiting_pid, waiting_database, waiting_since, waiting_query
from troth_guard.blockers
where gtid = :'gtid' and branch = :branch;
