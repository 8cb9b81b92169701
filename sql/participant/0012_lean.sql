-- What a branch pays for its row, and a word.
--
-- The table's domains checked what whoever writes a row has checked: the library by its types, the functions by
-- check_key(). Each row paid for a regular expression. Nothing waits for this, and it holds nobody up: it needs no
-- lock on the table, so prepared branches may be in it, and services may go on.
alter domain troth_guard.journal drop constraint journal_check;
alter domain troth_guard.number drop constraint number_check;
alter domain troth_guard.kind drop constraint kind_check;
alter domain troth_guard.state drop constraint state_check;

-- Fences are epochs. What an answer says of a refusal is that its attempt is revoked: a tombstone stands, this
-- attempt of the branch and every lower one has not acted and never will. 0005's `fenced` says the same, for services
-- that ask for it by that name; a new one does not.
alter type troth_guard.answer add attribute revoked boolean; -- with verdict refused; otherwise NULL

drop function troth_guard.says(text, text, text, text[], boolean);
create function troth_guard.says(verdict text, reason text default null, output text default null,
                                 prepared text[] default '{}', revoked boolean default false)
returns troth_guard.answer language sql immutable as $$
    select row(verdict, output, reason, prepared, case when verdict = 'refused' then revoked end,
               case when verdict = 'refused' then revoked end)::troth_guard.answer
$$;

-- In place of 0005's.
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
        return troth_guard.says('refused', was.reason, was.output, revoked => true);
    end if;
    return troth_guard.says('refused', 'this attempt was aborted, or replaced by a higher one', revoked => true);
end
$$;

-- In place of 0010's.
create or replace function troth_guard.refuse_request(journal text, gtid uuid, branch integer, attempt integer,
                                                      hash bytea, reason text, output text)
returns troth_guard.answer language plpgsql as $$
begin
    perform troth_guard.set_timeouts(null), troth_guard.set_lock_timeout(null, troth_guard.row_timeout());
    case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'refused', hash, output, reason)
    when 'claimed' then
        return troth_guard.says('refused', reason, output, revoked => true);
    when 'taken' then -- a duplicate, or an abort, was faster: its word stands
        return troth_guard.found(journal, gtid, branch, attempt, hash);
    when 'locked' then
        return troth_guard.says('retry', 'the same call runs elsewhere');
    end case;
end
$$;

insert into troth_guard.version (version) values (12);
