-- One guard: the library in C calls these functions, too, wherever it does not claim a row or keep an output
-- (statements/), so that each rule is written once. What was part of one function alone is one of its own now:
-- who holds a row (held), whether there is something to undo (to_undo). And where library and functions
-- differed, both do what is right:
--
--     refuse() and compensation() wait for a guard row as briefly as the others
--     compensation() of a branch that is forgotten, and whose row says that it never acted, is done
--     abort() below a higher attempt that is prepared says retry at once
--     abort() of a forgotten branch that was prepared, and was rolled back for it, is aborted: say so with
--         abort(:key, rolled_back => true) behind a roll_back
--     compensation() takes the time to wait for the locks of the work, as action() does

-- How long the guard's own row is waited for. A session may choose: SET troth_guard.row_timeout = '50ms'.
create function troth_guard.row_timeout() returns interval language plpgsql stable as $$
begin
    return coalesce(nullif(current_setting('troth_guard.row_timeout', true), ''), '200ms')::interval;
end
$$;

-- --- 0002's and 0006's, with plans that a session keeps --------------------------------------------------

create or replace function troth_guard.forgotten(journal text, gtid uuid)
returns boolean language plpgsql stable as $$
#variable_conflict use_variable
begin
    return exists (select from troth_guard.mark m where m.journal = journal
                   and m.shard = troth_guard.shard_of(gtid) and m.ordering > troth_guard.ordering_of(gtid));
end
$$;

create or replace function troth_guard.prepared(journal text, gtid uuid, branch integer, first integer,
                                                through integer)
returns text[] language plpgsql stable as $$
declare
    names text[];
begin
    select coalesce(array_agg(x.gid order by x.attempt), '{}') into names
    from (select p.gid, substring(p.gid from '_([1-9][0-9]{0,3})$')::integer as attempt
          from pg_prepared_xacts p
          where p.database = current_database() and p.owner = current_user
          and starts_with(p.gid, format('troth_%s_%s_%s_', journal, gtid, branch))) as x
    where x.attempt between first and through;
    return names;
end
$$;

create or replace function troth_guard.set_timeouts(timeout interval) returns void language plpgsql as $$
declare
    left_ms integer;
begin
    if timeout is not null then -- least() passes NULL over
        left_ms := least(extract(epoch from timeout) * 1000, 2147483646)::integer;
        perform set_config('statement_timeout', (1 + left_ms)::text, true);
    end if;
    perform set_config('lock_timeout', (1 + least(1000, left_ms / 2))::text, true);
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
end
$$;

create or replace function troth_guard.set_lock_timeout(timeout interval, lock_timeout interval)
returns void language plpgsql as $$
declare
    left_ms integer;
    lock_ms integer;
begin
    if timeout is not null then
        left_ms := least(extract(epoch from timeout) * 1000, 2147483646)::integer;
    end if;
    lock_ms := case when lock_timeout is null then least(1000, left_ms / 2)
               else least(extract(epoch from lock_timeout) * 1000, 2147483646, left_ms - left_ms / 8) end;
    perform set_config('lock_timeout', (1 + lock_ms)::text, true);
end
$$;

-- --- who holds a branch's row ---------------------------------------------------------------------------

-- Somebody's transaction does, and the lock timeout has passed: what is to be done about it. Nobody waits for a
-- row without limit: a lock timeout, a look at who holds it, again [NOLOOP]. A lower attempt that is prepared is
-- rolled back, one that runs is ended [NOKILL].
--
--     roll_back   attempts up to `roll_back_through` are prepared
--     prepared    this attempt is
--     higher      a higher one is
--     again       sessions that worked on attempts up to `end_through` were ended
--     running     none of these: another session works on the branch
create function troth_guard.held(journal text, gtid uuid, branch integer, attempt integer,
                                 roll_back_through integer, end_through integer)
returns troth_guard.answer language plpgsql as $$
declare
    names text[] := troth_guard.prepared(journal, gtid, branch, 1, roll_back_through);
begin
    if names <> '{}' then
        return troth_guard.says('roll_back', 'what has to end is prepared', null, names);
    elsif roll_back_through < attempt and troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}' then
        return troth_guard.says('prepared', 'this attempt is prepared');
    elsif troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' then
        return troth_guard.says('higher', 'a higher attempt is prepared');
    elsif troth_guard.end_running(journal, gtid, branch, end_through) then
        return troth_guard.says('again');
    end if;
    return troth_guard.says('running');
end
$$;

-- What prepare and execute answer, or `again`.
create function troth_guard.action_held(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql as $$
declare
    said troth_guard.answer := troth_guard.held(journal, gtid, branch, attempt, attempt - 1, attempt - 1);
begin
    case said.verdict
    when 'higher' then
        return troth_guard.says('refused', 'a higher attempt is prepared');
    when 'running' then
        return troth_guard.says('retry', 'the same call still runs');
    else
        return said;
    end case;
end
$$;

-- In place of 0006's.
create or replace function troth_guard.action(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, timeout interval default null,
                                              lock_timeout interval default null)
returns troth_guard.answer language plpgsql as $$
declare
    hash bytea := troth_guard.request_hash(operation, input);
    names text[];
    said troth_guard.answer;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout), troth_guard.set_lock_timeout(timeout, troth_guard.row_timeout());
    perform troth_guard.say_running(journal, gtid, branch, attempt);
    if attempt > 1 then
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt - 1);
        if names <> '{}' then
            return troth_guard.says('roll_back', 'a lower attempt is prepared', null, names);
        end if;
    end if;
    for round in 1..8 loop
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'done', hash, null, null)
        when 'claimed' then
            perform troth_guard.note_claimed(journal, gtid, branch, 'action');
            perform troth_guard.set_lock_timeout(timeout, lock_timeout);
            return troth_guard.says('work');
        when 'taken' then
            return troth_guard.found(journal, gtid, branch, attempt, hash);
        when 'locked' then
            said := troth_guard.action_held(journal, gtid, branch, attempt);
            if said.verdict <> 'again' then
                return said;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch does not end');
end
$$;

-- --- a refusal ------------------------------------------------------------------------------------------

-- By itself, by the hash of its request.
create function troth_guard.refuse_request(journal text, gtid uuid, branch integer, attempt integer,
                                           hash bytea, reason text, output text)
returns troth_guard.answer language plpgsql as $$
begin
    perform troth_guard.set_timeouts(null), troth_guard.set_lock_timeout(null, troth_guard.row_timeout());
    case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'refused', hash, output, reason)
    when 'claimed' then
        return troth_guard.says('refused', reason, output, fenced => true);
    when 'taken' then -- a duplicate, or an abort, was faster: its word stands
        return troth_guard.found(journal, gtid, branch, attempt, hash);
    when 'locked' then
        return troth_guard.says('retry', 'the same call runs elsewhere');
    end case;
end
$$;

-- In place of 0007's.
create or replace function troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, reason text,
                                              output text default null)
returns troth_guard.answer language plpgsql as $$
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    if troth_guard.claimed(journal, gtid, branch, 'action') then
        raise object_not_in_prerequisite_state
            using message = 'ROLLBACK the transaction of the work before troth_guard.refuse()';
    end if;
    perform troth_guard.check_output(output);
    return troth_guard.refuse_request(journal, gtid, branch, attempt,
                                      troth_guard.request_hash(operation, input), reason, output);
end
$$;

-- --- abort ----------------------------------------------------------------------------------------------

-- In place of 0004's. By itself. ROLLBACK PREPARED of this attempt and what is below comes first, by itself
-- [TOMBFIRST]; then the tombstone, also where there was nothing [NOTOMB]; then the answer [ACKEARLY].
drop function troth_guard.abort(text, uuid, integer, integer);
create function troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer,
                                  rolled_back boolean default false)
returns troth_guard.answer language plpgsql as $$
declare
    names text[];
    said troth_guard.answer;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(null), troth_guard.set_lock_timeout(null, troth_guard.row_timeout());
    for round in 1..8 loop
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        if names <> '{}' then
            return troth_guard.says('roll_back', 'it is prepared', null, names);
        elsif troth_guard.prepared(journal, gtid, branch, attempt + 1, 9999) <> '{}' then
            -- It has the row for as long as it takes, and whoever has aborts to do must not wait.
            return troth_guard.says('retry', 'a higher attempt is at work');
        end if;
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', null, null, null)
        when 'claimed' then
            return troth_guard.says('aborted');
        when 'taken' then
            said := troth_guard.found_by_abort(journal, gtid, branch, attempt);
            -- What held the row was this attempt, or a lower one, and has not acted; nothing comes later.
            return case when said.verdict = 'unknown' and rolled_back then troth_guard.says('aborted') else said end;
        when 'locked' then
            said := troth_guard.held(journal, gtid, branch, attempt, attempt, attempt);
            if said.verdict = 'roll_back' then
                return said;
            elsif said.verdict <> 'again' then -- a higher one replaced this attempt, or is about to
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'another call of the same branch runs');
end
$$;

-- --- compensate -----------------------------------------------------------------------------------------

-- Whether there is something to undo. work: the action is done, with this output, and stays so: its row need
-- not be held while it is undone. done: it is not, and never will be: where it was not there its tombstone
-- is now [NOTOMB].
create function troth_guard.to_undo(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
    names text[];
    said troth_guard.answer;
    is_forgotten boolean;
begin
    perform troth_guard.set_lock_timeout(null, troth_guard.row_timeout());
    for round in 1..8 loop
        names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
        if names <> '{}' then
            return troth_guard.says('roll_back', 'the action is prepared', null, names);
        end if;
        is_forgotten := troth_guard.forgotten(journal, gtid); -- before the row, which may leave
        select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
            and g.branch = branch and g.kind = 'action';
        if was.state = 'done' then
            return troth_guard.says('work', null, was.output);
        elsif was.attempt >= attempt or (was.state is not null and is_forgotten) then -- refused or aborted
            return troth_guard.says('done');
        elsif is_forgotten then
            return troth_guard.says('unknown', 'older than what the participant remembers');
        end if;
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', null, null, null)
        when 'claimed' then
            return troth_guard.says('done');
        when 'taken' then -- something has just ended: look again
            continue;
        when 'locked' then
            said := troth_guard.held(journal, gtid, branch, attempt, attempt, attempt - 1);
            if said.verdict = 'roll_back' then
                return said;
            elsif said.verdict <> 'again' then -- the action itself runs: it may end well
                exit;
            end if;
        end case;
    end loop;
    return troth_guard.says('retry', 'the action still runs');
end
$$;

-- The compensation's own row was there already. Whatever its input was: the coordinator may have learnt the
-- action's output meanwhile.
create function troth_guard.found_by_compensation(journal text, gtid uuid, branch integer)
returns troth_guard.answer language plpgsql stable as $$
#variable_conflict use_variable
declare
    was troth_guard.guard;
begin
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'compensation';
    if was.state is null then
        return troth_guard.says('unknown', 'older than what the participant remembers');
    end if;
    return troth_guard.says('done', null, was.output);
end
$$;

-- In place of 0005's.
create or replace function troth_guard.claim_compensation(journal text, gtid uuid, branch integer,
                                                          attempt integer, hash bytea,
                                                          action_output text)
returns troth_guard.answer language plpgsql as $$
begin
    case troth_guard.claim(journal, gtid, branch, attempt, 'compensation', 'done', hash, null, null)
    when 'claimed' then
        perform troth_guard.note_claimed(journal, gtid, branch, 'compensation');
        return troth_guard.says('work', null, action_output);
    when 'taken' then
        return troth_guard.found_by_compensation(journal, gtid, branch);
    when 'locked' then
        return troth_guard.says('retry', 'the same compensation still runs');
    end case;
end
$$;

-- In place of 0004's. First in the transaction that undoes.
drop function troth_guard.compensation(text, uuid, integer, integer, text, text, interval);
create function troth_guard.compensation(journal text, gtid uuid, branch integer, attempt integer,
                                         operation text, input text, timeout interval default null,
                                         lock_timeout interval default null)
returns troth_guard.answer language plpgsql as $$
declare
    said troth_guard.answer;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(timeout);
    said := troth_guard.to_undo(journal, gtid, branch, attempt);
    if said.verdict = 'work' then
        perform troth_guard.set_lock_timeout(timeout, troth_guard.row_timeout());
        said := troth_guard.claim_compensation(journal, gtid, branch, attempt,
                                               troth_guard.request_hash(operation, input), said.output);
        perform troth_guard.set_lock_timeout(timeout, lock_timeout);
    end if;
    return said;
end
$$;

insert into troth_guard.version (version) values (10);
