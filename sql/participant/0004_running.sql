-- Which session works on a branch, by the branch's whole name. In place of 0002's advisory lock, whose key
-- was the low 32 bits of the gtid: branches of other shards have the same ones, and whoever ended one
-- session ended its neighbours.
--
-- While a session works on a branch, and no longer than its transaction, its application_name is the name
-- of the branch: journal, gtid, branch and attempt, as in pg_prepared_xacts without `troth_`. It is seen in
-- pg_stat_activity, and by log_line_prefix in the server's log.
--
-- Between the look at a name and the signal a session may have gone on to another branch. So every backend
-- has a gate, the advisory lock (1953656692, its pid): whoever begins to work on a branch passes his own
-- behind the new name, and whoever ends a session looks and signals inside of that session's. A session is
-- ended in its branch's transaction, or before the first statement of its next one, which loses nothing.

-- At most 63 characters, which is what an application_name may have.
create function troth_guard.running_name(journal text, gtid uuid, branch integer, attempt integer)
returns text language sql immutable strict as $$
    select format('%s_%s_%s_%s', journal, gtid, branch, attempt)
$$;

-- This session works on a branch from here to the end of its transaction.
create function troth_guard.say_running(journal text, gtid uuid, branch integer, attempt integer)
returns void language plpgsql as $$
begin
    perform set_config('application_name', troth_guard.running_name(journal, gtid, branch, attempt), true);
    perform pg_advisory_lock(1953656692, pg_backend_pid());
    perform pg_advisory_unlock(1953656692, pg_backend_pid());
end
$$;

-- The sessions that work on one of these attempts, as far as they are this role's to end.
create function troth_guard.running(journal text, gtid uuid, branch integer, through integer)
returns table (pid integer) language sql volatile as $$
    select a.pid from pg_stat_activity a
    where starts_with(a.application_name, format('%s_%s_%s_', journal, gtid, branch))
    and substring(a.application_name from '_([1-9][0-9]{0,3})$')::integer <= through
    and a.datname = current_database() and a.pid <> pg_backend_pid() and pg_has_role(a.usesysid, 'USAGE')
$$;

-- Ends the session if it still works on one of these attempts. A subtransaction that is always rolled back:
-- so the gate is open again whatever happens, and nobody begins to work meanwhile.
create function troth_guard.end_session(session integer, journal text, gtid uuid, branch integer,
                                        through integer)
returns boolean language plpgsql as $$
declare
    ended boolean := false;
begin
    if pg_try_advisory_xact_lock(1953656692, session) then
        perform pg_stat_clear_snapshot(); -- a transaction sees other sessions as they were at its first look
        select coalesce(bool_or(pg_terminate_backend(r.pid)), false) into ended
            from troth_guard.running(journal, gtid, branch, through) r where r.pid = session;
    end if;
    raise exception using errcode = 'TR001', message = 'open the gate';
exception when sqlstate 'TR001' then
    return ended;
end
$$;

-- Ends the sessions that work on one of these attempts. true: there was one.
create function troth_guard.end_running(journal text, gtid uuid, branch integer, through integer)
returns boolean language plpgsql as $$
declare
    ended boolean := false;
    session integer;
begin
    perform pg_stat_clear_snapshot();
    foreach session in array array(select r.pid from troth_guard.running(journal, gtid, branch, through) r) loop
        ended := troth_guard.end_session(session, journal, gtid, branch, through) or ended;
    end loop;
    return ended;
end
$$;

-- --- 0002's, with these ------------------------------------------------------------------------------

create or replace function troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                   operation text, input text, timeout interval default null)
returns troth_guard.answer language plpgsql as $$
declare
    hash bytea := troth_guard.request_hash(operation, input);
    names text[] := '{}';
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout);
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

create or replace function troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer)
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
               and not troth_guard.end_running(journal, gtid, branch, attempt) then
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch runs');
end
$$;

create or replace function troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
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
               and not troth_guard.end_running(journal, gtid, branch, attempt - 1) then
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'the action still runs');
end
$$;

drop function troth_guard.end_running(uuid, integer, integer);
drop function troth_guard.running_key(uuid, integer);

insert into troth_guard.version (version) values (4);
