-- What became of a branch; changes nothing. In place of 0002's: a row of a lower attempt says nothing of
-- this one, which may still act; and what is prepared is asked first, on a snapshot of its own, so that
-- what is committed in between shows as a row.
create or replace function troth_guard.status(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql volatile as $$
#variable_conflict use_variable
declare
    is_prepared boolean;
    was troth_guard.guard;
    undone troth_guard.guard;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    is_prepared := troth_guard.prepared(journal, gtid, branch, attempt, attempt) <> '{}';
    select * into was from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'action';
    select * into undone from troth_guard.guard g where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = 'compensation';
    if undone.state is not null then
        return troth_guard.says('compensated', null, undone.output);
    elsif was.state = 'done' then
        return troth_guard.says('committed', null, was.output);
    elsif is_prepared then
        return troth_guard.says('prepared');
    end if;
    return troth_guard.says(case when was.attempt >= attempt then 'aborted' else 'unknown' end);
end
$$;

insert into troth_guard.version (version) values (3);
