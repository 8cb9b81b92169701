-- Conflicts: another transaction holds what this one needs. How long a call waits for locks is the
-- coordinator's choice (header Troth-Lock-Timeout), and who holds them can be asked.
--
-- A statement of the work that fails with 55P03 (a lock not had in time), 40P01 (a deadlock) or 40001 (a
-- serialisation failure), also PREPARE TRANSACTION and COMMIT, is a conflict: ROLLBACK, then answer 409, 425
-- or 503 with the header Troth-Conflict: true. After 40P01 and 40001 nothing is held any more: the same again
-- from BEGIN, for as long as the call might have waited for a lock, may spare the conflict.
--
-- A transaction that prepares in order (header Troth-Ordered: true) waits long, and inside of one database
-- two of them may wait in a circle that PostgreSQL does not see, since what is prepared waits nowhere. Who
-- has waited half a second asks, from another session, holders(ARRAY[pid of the session that waits]), and goes
-- by age: gtids compare as text, smaller is older. Younger than the holder: pg_cancel_backend(pid), and a
-- conflict, with the header Troth-Blocker: <gtid of the holder>. Otherwise it waits on.

-- Whom each of these sessions waits for in the end, behind other sessions that wait themselves: the oldest
-- transaction of Troth that is prepared, or, where there is none, somebody's session. No row for a session
-- that waits for no lock.
create function troth_guard.holders(sessions integer[])
returns table (
    waiter integer,
    gtid uuid,        -- of the holder; NULL: no transaction of Troth
    branch integer,
    attempt integer,
    prepared boolean, -- else its session still works
    holder text       -- for people
) language sql volatile as $$
    with recursive l as materialized (
        select k.*, row(k.locktype, k.database, k.relation, k.page, k.tuple, k.virtualxid, k.transactionid,
                        k.classid, k.objid, k.objsubid)::text as what
        from pg_locks k
    ), waits as materialized (
        select w.pid as waiter, h.pid, h.virtualtransaction as vxid
        from l w join l h on h.what = w.what and h.granted and h.pid is distinct from w.pid
        where not w.granted
    ), chain as (
        select w.waiter as root, w.pid, w.vxid, 1 as depth from waits w where w.waiter = any (sessions)
        union
        select c.root, w.pid, w.vxid, c.depth + 1 from chain c join waits w on w.waiter = c.pid
        where c.depth < 16
    ), last as (
        select distinct c.root, c.pid, c.vxid from chain c
        where c.pid is null or not exists (select from waits w where w.waiter = c.pid)
    ), named as (
        select e.root, e.pid, p.gid, a.application_name,
               regexp_match(coalesce(p.gid, 'troth_' || a.application_name),
                            '^troth_[0-9a-f]{16}_([0-9a-f-]{36})_([0-9]{1,4})_([0-9]{1,4})$') as ours
        from last e
        left join l x on e.pid is null and x.pid is null and x.granted and x.locktype = 'transactionid'
            and x.virtualtransaction = e.vxid
        left join pg_prepared_xacts p on p.transaction = x.transactionid
        left join pg_stat_activity a on a.pid = e.pid
        where e.pid is not null or p.gid is not null
    )
    select distinct on (n.root) n.root, n.ours[1]::uuid, n.ours[2]::integer, n.ours[3]::integer, n.pid is null,
           case when n.gid is not null then format('prepared transaction %s', n.gid)
                else format('pid %s, application_name %s', n.pid, coalesce(quote_literal(n.application_name), 'NULL'))
           end
    from named n order by n.root, n.pid is null and n.ours is not null desc, n.ours is not null desc, n.ours[1], n.pid
$$;

-- Work waits for a lock as long as the coordinator says, and an eighth of its call's time less than that
-- lasts; where it does not say, one second, and no longer than half of the call's time.
create function troth_guard.set_lock_timeout(timeout interval, lock_timeout interval)
returns void language sql as $$
    select set_config('lock_timeout', (1 + case when lock_timeout is null then least(1000, left_ms / 2)
                                            else least(lock_ms, left_ms - left_ms / 8) end)::text, true)
    from (select case when timeout is not null -- least() passes NULL over
                 then least(extract(epoch from timeout) * 1000, 2147483646)::integer end as left_ms,
                 least(extract(epoch from lock_timeout) * 1000, 2147483646)::integer as lock_ms) as given
$$;

-- 0004's, with the time to wait for the locks of the work: `lock_timeout` is what Troth-Lock-Timeout says;
-- NULL: nothing. The guard's own row is waited for briefly, and never a conflict.
drop function troth_guard.action(text, uuid, integer, integer, text, text, interval);
create function troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval default null,
                                   lock_timeout interval default null)
returns troth_guard.answer language plpgsql as $$
declare
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout), troth_guard.set_lock_timeout(timeout, '200ms');
    perform troth_guard.say_running(journal, gtid, branch, attempt);
    if attempt > 1 then
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
    end if;
    for round in 1..8 loop
        if names <> '{}' then
            return troth_guard.says('roll_back', 'a lower attempt is prepared', null, names);
        end if;
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'done', hash, null, null)
        when 'claimed' then
            perform troth_guard.note_claimed(journal, gtid, branch, 'action');
            perform troth_guard.set_lock_timeout(timeout, lock_timeout);
            return troth_guard.says('work');
        when 'taken' then
            return troth_guard.found(journal, gtid, branch, attempt, hash);
        when 'locked' then
            names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
            if names <> '{}' then
                continue;
            elsif troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' then
                return troth_guard.says('prepared', 'this attempt is prepared');
            elsif troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' then
                return troth_guard.says('refused', 'a higher attempt is prepared');
            elsif not troth_guard.end_running(journal, gtid, branch, attempt - 1) then
                return troth_guard.says('retry', 'the same call still runs');
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch does not end');
end
$$;

insert into troth_guard.version (version) values (6);
