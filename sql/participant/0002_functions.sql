-- The guard as functions, for services in any language: the tables of 0001_guard.sql, with the same
-- rules and locks as the C library's, so that both may serve the same branches (protocol.md, section 3).
--
-- Applied by troth_postgres_migrate(), or by `psql -f apply.psql`, which may be done again and again. For
-- PostgreSQL's default, READ COMMITTED; another isolation level is safe and fails more often.
--
-- A service executes, where :key is journal, gtid, branch, attempt (headers Troth-Journal, -Gtid, ...):
--
--     BEGIN;
--     SELECT verdict, output, reason, prepared
--         FROM troth_guard.action(:key, 'debit', :body, timeout => :troth_timeout);
--     -- work: the service's own statements; then, with what it answers:
--     SELECT troth_guard.reply(:key, '{"balance": 880}');
--     COMMIT;
--     -- or a business no, in place of reply and COMMIT:
--     ROLLBACK;
--     SELECT verdict, output, reason FROM troth_guard.refuse(:key, 'debit', :body, 'no money');
--
-- To prepare, PREPARE TRANSACTION takes the place of COMMIT, under the name troth_guard.prepared_name(
-- :key); require its exact tag, since a failed transaction says ROLLBACK without an error. It cannot run
-- inside a function, nor can ROLLBACK PREPARED: that is why the service has to do both. The verdicts:
--
--     work        do it, in this transaction; everything else: COMMIT, then answer
--     done        it was done before: 2xx with output (to prepare: vote yes)
--     refused     409 with reason and output
--     prepared    this very attempt is prepared: to prepare vote yes, to execute 503
--     retry       503
--     unknown     older than what is remembered: 500
--     roll_back   ROLLBACK; ROLLBACK PREPARED each name in `prepared`, where 42704 (there is no such)
--                 and 55000 (busy) are no errors; then the same again from BEGIN
--
-- The other calls of a branch:
--
--     compensate  BEGIN; compensation(:key, ...): work means undo it, with the action's output at hand,
--                 then reply(:key, ..., kind => 'compensation') and COMMIT. done: it was undone before,
--                 or there is nothing to undo, and the action is refused if it comes later
--     abort       abort(:key): aborted, committed (with its output), retry, unknown, or roll_back
--     commit      COMMIT PREPARED; after its success and after 42704 committed(:key) says done, unknown
--                 or heuristic (an operator has to look: 409). 55000: 503. Another error, a WARNING: 500
--     status      status(:key): prepared, committed, compensated, aborted or unknown
--     any         now and then forget(): guard rows of old transactions leave
--
-- participant-sdk/examples/ledger_python does all of it.

create type troth_guard.answer as (
    verdict text,
    output text,     -- one JSON value, byte for byte; NULL: none
    reason text,     -- for people
    prepared text[]  -- what is to be rolled back first
);

-- --- keys --------------------------------------------------------------------------------------------

-- The name of a branch's prepared transaction.
create function troth_guard.prepared_name(journal text, gtid uuid, branch integer, attempt integer)
returns text language sql immutable strict as $$
    select format('troth_%s_%s_%s_%s', journal, gtid, branch, attempt)
$$;

-- A gtid is a UUID of version 8: 48 bits of time, version, 12 bits of shard, variant (2), epoch (24),
-- counter (38).
create function troth_guard.shard_of(gtid uuid) returns integer language sql immutable strict as $$
    select ('x' || lpad(substr(gtid::text, 16, 3), 8, '0'))::bit(32)::integer
$$;

-- (epoch, counter) as one number.
create function troth_guard.ordering_of(gtid uuid) returns bigint language sql immutable strict as $$
    select ('x' || right(replace(gtid::text, '-', ''), 16))::bit(64)::bigint
           & (x'3fffffffffffffff')::bigint
$$;

-- Under (this, attempt) a session holds a shared advisory lock while it works on a branch. It holds
-- nothing up: it tells others which session to end.
create function troth_guard.running_key(gtid uuid, branch integer)
returns integer language sql immutable strict as $$
    select ('x' || right(gtid::text, 8))::bit(32)::integer # (branch << 20)
$$;

create function troth_guard.request_hash(operation text, input text)
returns bytea language sql stable as $$
    select sha256(convert_to(operation, 'UTF8') || '\x00'::bytea
                  || coalesce(convert_to(input, 'UTF8'), ''::bytea))
$$;

create function troth_guard.check_key(journal text, gtid uuid, branch integer, attempt integer)
returns void language plpgsql immutable as $$
begin
    if (journal ~ '^[0-9a-f]{16}$' and substr(gtid::text, 15, 1) = '8'
        and branch between 1 and 9999 and attempt between 1 and 9999) is not true then
        raise invalid_parameter_value using message = format(
            'not a branch of Troth: journal %s, gtid %s, branch %s, attempt %s',
            coalesce(journal, 'NULL'), coalesce(gtid::text, 'NULL'), coalesce(branch::text, 'NULL'),
            coalesce(attempt::text, 'NULL'));
    end if;
end
$$;

-- --- inside ------------------------------------------------------------------------------------------

create function troth_guard.forgotten(journal text, gtid uuid) returns boolean language sql stable as $$
    select exists (select from troth_guard.mark m where m.journal = forgotten.journal
                   and m.shard = troth_guard.shard_of(gtid)
                   and m.ordering > troth_guard.ordering_of(gtid))
$$;

-- Attempts `first` to `through` of a branch that are prepared in this database by this user.
create function troth_guard.prepared(journal text, gtid uuid, branch integer, first integer,
                                     through integer)
returns text[] language sql stable as $$
    select coalesce(array_agg(x.gid order by x.attempt), '{}')
    from (select p.gid, substring(p.gid from '_([1-9][0-9]{0,3})$')::integer as attempt
          from pg_prepared_xacts p
          where p.database = current_database() and p.owner = current_user
          and starts_with(p.gid, format('troth_%s_%s_%s_', journal, gtid, branch))) as x
    where x.attempt between first and through
$$;

-- Inserts the row; a tombstone or refusal of a lower attempt gives way, what is done stays.
-- claimed: it is ours. taken: there is one, or the gtid is forgotten. locked: somebody holds it.
create function troth_guard.claim(journal text, gtid uuid, branch integer, attempt integer, kind text,
                                  state text, request bytea, output text, reason text)
returns text language plpgsql as $$
#variable_conflict use_variable
begin
    insert into troth_guard.guard as g (journal, gtid, branch, kind, attempt, state, request, output,
                                        reason, shard, ordering)
    select journal, gtid, branch, kind, attempt, state, request, output, reason,
           troth_guard.shard_of(gtid), troth_guard.ordering_of(gtid)
    where not troth_guard.forgotten(journal, gtid)
    on conflict on constraint guard_pkey do update
    set attempt = excluded.attempt, state = excluded.state, request = excluded.request,
        output = excluded.output, reason = excluded.reason
    where g.state <> 'done' and g.attempt < excluded.attempt;
    return case when found then 'claimed' else 'taken' end;
exception when lock_not_available then
    return 'locked';
end
$$;

-- Ends the sessions that work on one of these attempts. true: there was one.
create function troth_guard.end_running(gtid uuid, branch integer, through integer)
returns boolean language sql as $$
    select count(pg_terminate_backend(l.pid)) > 0 from pg_locks l
    where l.locktype = 'advisory' and l.objsubid = 2 and l.pid <> pg_backend_pid()
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.classid = troth_guard.running_key(gtid, branch)::oid and l.objid::bigint <= through
$$;

-- What this transaction has claimed; it ends with the transaction.
create function troth_guard.claimed(journal text, gtid uuid, branch integer, kind text)
returns boolean language sql stable as $$
    select coalesce(current_setting('troth_guard.claimed', true), '')
           = format('%s %s %s %s', journal, gtid, branch, kind)
$$;

create function troth_guard.note_claimed(journal text, gtid uuid, branch integer, kind text)
returns void language sql as $$
    select set_config('troth_guard.claimed', format('%s %s %s %s', journal, gtid, branch, kind), true)
$$;

-- Work waits no longer than its call; for a lock one second, and no longer than half of that. What is
-- acknowledged is durable.
create function troth_guard.set_timeouts(timeout interval) returns void language sql as $$
    select set_config('lock_timeout', (1 + least(1000, left_ms / 2))::text, true),
           case when left_ms is not null
           then set_config('statement_timeout', (1 + left_ms)::text, true) end,
           case when current_setting('synchronous_commit') = 'off'
           then set_config('synchronous_commit', 'on', true) end
    from (select least(extract(epoch from timeout) * 1000, 2147483646)::integer as left_ms
          where timeout is not null) as given right join (select 1) as one on true
$$;

create function troth_guard.says(verdict text, reason text default null, output text default null,
                                 prepared text[] default '{}')
returns troth_guard.answer language sql immutable as $$
    select row(verdict, output, reason, prepared)::troth_guard.answer
$$;

-- The answer from an action's row that was there.
create function troth_guard.found(journal text, gtid uuid, branch integer, attempt integer, request bytea)
returns troth_guard.answer language plpgsql stable as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
begin
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'action';
    if troth_guard.forgotten(journal, gtid) then
        return troth_guard.says('unknown', 'older than what the participant remembers');
    elsif was.state is null then -- it left between two statements
        return troth_guard.says('retry', 'another call of the same branch has just ended');
    elsif was.attempt = attempt and was.request <> request then
        return troth_guard.says('refused', 'the same call came before with another input');
    elsif was.state = 'done' then
        return troth_guard.says('done', null, was.output);
    elsif was.state = 'refused' and was.attempt = attempt then
        return troth_guard.says('refused', was.reason, was.output);
    end if;
    return troth_guard.says('refused', 'this attempt was aborted, or replaced by a higher one');
end
$$;

-- --- prepare and execute -----------------------------------------------------------------------------

-- First in the transaction of the work. `input` is the request's body, byte for byte; `timeout` what is
-- left of its Troth-Timeout, whose form PostgreSQL reads as it stands; NULL: none.
create function troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval default null)
returns troth_guard.answer language plpgsql as $$
declare
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout);
    perform pg_advisory_xact_lock_shared(troth_guard.running_key(gtid, branch), attempt);
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
            elsif not troth_guard.end_running(gtid, branch, attempt - 1) then
                return troth_guard.says('retry', 'the same call still runs');
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch does not end');
end
$$;

-- Last in the transaction of the work: keeps the answer, which the same call gets for ever, and lets
-- COMMIT or PREPARE TRANSACTION take the time they need.
create function troth_guard.reply(journal text, gtid uuid, branch integer, attempt integer,
                                  output text default null, kind text default 'action')
returns void language plpgsql as $$
#variable_conflict use_variable
begin
    if not troth_guard.claimed(journal, gtid, branch, kind) then
        raise object_not_in_prerequisite_state
            using message = format('troth_guard.%s() has not said work in this transaction', kind);
    end if;
    perform output::json; -- or an error
    update troth_guard.guard g set output = output where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = kind and g.attempt = attempt and output is not null;
    perform set_config('statement_timeout', '0', true);
end
$$;

-- A business no, by itself, after the work's own transaction was rolled back. Answer what it says: a
-- duplicate, or an abort, may have been faster.
create function troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, reason text, output text default null)
returns troth_guard.answer language plpgsql as $$
declare
    hash bytea := troth_guard.request_hash(operation, input);
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    if troth_guard.claimed(journal, gtid, branch, 'action') then
        raise object_not_in_prerequisite_state
            using message = 'ROLLBACK the transaction of the work before troth_guard.refuse()';
    end if;
    perform output::json, troth_guard.set_timeouts(null);
    case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'refused', hash, output, reason)
    when 'claimed' then
        return troth_guard.says('refused', reason, output);
    when 'taken' then
        return troth_guard.found(journal, gtid, branch, attempt, hash);
    when 'locked' then
        return troth_guard.says('retry', 'the same call runs elsewhere');
    end case;
end
$$;

-- --- commit, abort, compensate, status ---------------------------------------------------------------

-- After COMMIT PREPARED: the row that was written inside the prepared transaction says what became of
-- it. That there is no such transaction any more is neither success nor failure.
create function troth_guard.committed(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql stable as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'action';
    if was.state = 'done' and was.attempt <= attempt then
        return troth_guard.says('done', null, was.output);
    elsif was.state is not null then
        return troth_guard.says('heuristic', 'the branch was aborted, or a higher attempt has acted');
    elsif troth_guard.forgotten(journal, gtid) then
        return troth_guard.says('unknown', 'older than what the participant remembers');
    end if;
    return troth_guard.says('heuristic', 'the prepared transaction is gone and left no guard row: it'
                                         ' was rolled back or lost outside Troth');
end
$$;

create function troth_guard.found_by_abort(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql stable as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
begin
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'action';
    if was.state = 'done' and was.attempt <= attempt then
        return troth_guard.says('committed', null, was.output);
    elsif was.state is not null then -- also: a higher attempt has acted
        return troth_guard.says('aborted');
    elsif troth_guard.forgotten(journal, gtid) then
        return troth_guard.says('unknown', 'older than what the participant remembers');
    end if;
    return troth_guard.says('retry', 'another call of the same branch has just ended');
end
$$;

-- By itself. aborted: this attempt and lower ones never act any more.
create function troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql as $$
declare
    names text[];
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(null), set_config('lock_timeout', '200', true);
    for round in 1..8 loop
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        if names <> '{}' then
            return troth_guard.says('roll_back', 'it is prepared', null, names);
        end if;
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', null, null, null)
        when 'claimed' then
            return troth_guard.says('aborted');
        when 'taken' then
            return troth_guard.found_by_abort(journal, gtid, branch, attempt);
        when 'locked' then
            if troth_guard.prepared(journal, gtid, branch, 1, attempt) = '{}'
               and not troth_guard.end_running(gtid, branch, attempt) then
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch runs');
end
$$;

-- The action is done: the compensation's own row.
create function troth_guard.claim_compensation(journal text, gtid uuid, branch integer, attempt integer,
                                               hash bytea, action_output text)
returns troth_guard.answer language plpgsql as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
begin
    case troth_guard.claim(journal, gtid, branch, attempt, 'compensation', 'done', hash, null, null)
    when 'claimed' then
        perform troth_guard.note_claimed(journal, gtid, branch, 'compensation');
        return troth_guard.says('work', null, action_output);
    when 'locked' then
        return troth_guard.says('retry', 'the same compensation still runs');
    when 'taken' then
        select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
            and g.branch = branch and g.kind = 'compensation';
    end case;
    if was.state is null then
        return troth_guard.says('unknown', 'older than what the participant remembers');
    elsif was.attempt = attempt and was.request <> hash then
        return troth_guard.says('refused', 'the same compensation came before with another input');
    end if;
    return troth_guard.says('done', null, was.output);
end
$$;

-- First in the transaction that undoes. Where the action is not done its tombstone comes before all: it
-- says that there is nothing to undo, and that nothing comes later.
create function troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
                                         operation text, input text, timeout interval default null)
returns troth_guard.answer language plpgsql as $$
#variable_conflict use_variable
declare
    hash bytea := troth_guard.request_hash(operation, input);
    was troth_guard.guard;
    names text[];
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout);
    for round in 1..8 loop
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        if names <> '{}' then
            return troth_guard.says('roll_back', 'the action is prepared', null, names);
        end if;
        select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
            and g.branch = branch and g.kind = 'action';
        if was.state = 'done' then -- and stays so: its row need not be held while it is undone
            perform troth_guard.set_timeouts(timeout);
            return troth_guard.claim_compensation(journal, gtid, branch, attempt, hash, was.output);
        elsif was.attempt >= attempt then -- refused or aborted: nothing to undo
            return troth_guard.says('done');
        elsif was.state is null and troth_guard.forgotten(journal, gtid) then
            return troth_guard.says('unknown', 'older than what the participant remembers');
        end if;
        perform set_config('lock_timeout', '200', true);
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', null, null, null)
        when 'claimed' then
            return troth_guard.says('done');
        when 'taken' then -- something has just ended: look again
            continue;
        when 'locked' then
            if troth_guard.prepared(journal, gtid, branch, 1, attempt) = '{}'
               and not troth_guard.end_running(gtid, branch, attempt - 1) then
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'the action still runs');
end
$$;

-- What became of a branch; changes nothing.
create function troth_guard.status(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql stable as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
    undone troth_guard.guard;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'action';
    select * into undone from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'compensation';
    if undone.state is not null then
        return troth_guard.says('compensated', null, undone.output);
    elsif was.state = 'done' then
        return troth_guard.says('committed', null, was.output);
    elsif troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' then
        return troth_guard.says('prepared');
    end if;
    return troth_guard.says(case when was.state is null then 'unknown' else 'aborted' end);
end
$$;

-- --- retention ---------------------------------------------------------------------------------------

-- By itself, as often as you like, with the gtids of a request's Troth-Oldest-Open header: once in
-- `every`, which must be longer than any call takes, guard rows of older transactions leave and calls of
-- them are unknown from then on. The mark moves first and what is below it leaves a time later, so that
-- an insert that still saw the old mark is not missed. Returns how many rows have left.
create function troth_guard.forget(journal text, oldest_open uuid[], every interval default '1 minute')
returns bigint language plpgsql as $$
#variable_conflict use_variable
declare
    rows_max constant bigint := 10000;
    gone bigint := 0;
begin
    if not exists (select from unnest(oldest_open) as o left join troth_guard.mark m
                   on m.journal = journal and m.shard = troth_guard.shard_of(o)
                   where m.ordering is null or (m.ordering < troth_guard.ordering_of(o)
                                                and m.moved_at <= now() - every)) then
        return 0;
    end if;
    delete from troth_guard.guard where ctid = any (array(
        select g.ctid from troth_guard.guard g
        join troth_guard.mark m on m.journal = g.journal and m.shard = g.shard
        where g.journal = journal and g.ordering < m.ordering and m.moved_at <= now() - every
        limit rows_max for update of g skip locked));
    get diagnostics gone = row_count;
    if gone < rows_max then -- otherwise the next call deletes more
        insert into troth_guard.mark as m (journal, shard, ordering)
            select journal, troth_guard.shard_of(o), max(troth_guard.ordering_of(o))
            from unnest(oldest_open) as o group by 2
            on conflict on constraint mark_pkey do update
            set ordering = excluded.ordering, moved_at = now()
            where m.ordering < excluded.ordering and m.moved_at <= now() - every;
    end if;
    return gone;
end
$$;

insert into troth_guard.version (version) values (2);
