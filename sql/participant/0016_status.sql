-- status() says "prepared" also of a higher attempt. A coordinator that asks about a lower one has lost the row that began
-- the higher one (docs/protocol.md, section 8): then a tombstone of the lower one says nothing of how the branch ended.
create or replace function troth_guard.status(journal text, gtid uuid, branch integer, attempt integer)
returns troth_guard.answer language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
    is_prepared boolean;
    was troth_guard.guard;
    undone troth_guard.guard;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    is_prepared := troth_guard.prepared(journal, gtid, branch, attempt, 9999) <> '{}';
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

insert into troth_guard.version (version) values (16);
