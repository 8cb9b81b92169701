-- What an answer proves. A refusal says whether a tombstone stands: then this attempt of the branch, and
-- every lower one, has not acted and never will. Answer 409 with the header Troth-State: aborted where
-- `fenced` is true, so that the coordinator need not ask what became of an earlier try.
--
-- And a compensation that is done is done, whatever its input: the coordinator may not know the action's
-- output at first, and name it when it asks again.

alter type troth_guard.answer add attribute fenced boolean; -- with verdict refused; otherwise NULL

drop function troth_guard.says(text, text, text, text[]);
create function troth_guard.says(verdict text, reason text default null, output text default null,
                                 prepared text[] default '{}', fenced boolean default null)
returns troth_guard.answer language sql immutable as $$
    select row(verdict, output, reason, prepared, case when verdict = 'refused'
                                                  then coalesce(fenced, false) end)::troth_guard.answer
$$;

-- In place of 0002's.
create or replace function troth_guard.found(journal text, gtid uuid, branch integer, attempt integer,
                                             request bytea)
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
        return troth_guard.says('refused', was.reason, was.output, fenced => true);
    end if;
    return troth_guard.says('refused', 'this attempt was aborted, or replaced by a higher one', fenced => true);
end
$$;

-- In place of 0002's.
create or replace function troth_guard.refuse(journal text, gtid uuid, branch integer, attempt integer,
                                              operation text, input text, reason text,
                                              output text default null)
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
        return troth_guard.says('refused', reason, output, fenced => true);
    when 'taken' then
        return troth_guard.found(journal, gtid, branch, attempt, hash);
    when 'locked' then
        return troth_guard.says('retry', 'the same call runs elsewhere');
    end case;
end
$$;

-- In place of 0002's.
create or replace function troth_guard.claim_compensation(journal text, gtid uuid, branch integer,
                                                          attempt integer, hash bytea,
                                                          action_output text)
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
    end if;
    return troth_guard.says('done', null, was.output);
end
$$;

insert into troth_guard.version (version) values (5);
