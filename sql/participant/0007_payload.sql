-- What the coordinator keeps of an output is one JSON value of at most 512 KiB and 64 levels of brackets.
-- It says so too late, when the work is committed: so it is checked here, where the service sees why.

create function troth_guard.check_output(output text)
returns void language plpgsql immutable strict as $$
declare
    brackets text;
begin
    perform output::json; -- or an error
    if octet_length(convert_to(output, 'UTF8')) > 524288 then
        raise invalid_parameter_value using message = 'the output is larger than 512 KiB';
    end if;
    -- No deeper than there are opening brackets: mostly that is all there is to look at.
    if length(output) - length(translate(output, '{[', '')) <= 64 then
        return;
    end if;
    brackets := translate(regexp_replace(regexp_replace(output, '"(\\.|[^"\\])*"', '', 'g'), '[^][{}]', '', 'g'),
                          '{}', '[]');
    for level in 1..64 loop -- each takes the innermost away
        brackets := replace(brackets, '[]', '');
    end loop;
    if brackets <> '' then
        raise invalid_parameter_value using message = 'the output is nested too deep (at most 64)';
    end if;
end
$$;

-- In place of 0002's.
create or replace function troth_guard.reply(journal text, gtid uuid, branch integer, attempt integer,
                                             output text default null, kind text default 'action')
returns void language plpgsql as $$
#variable_conflict use_variable
begin
    if not troth_guard.claimed(journal, gtid, branch, kind) then
        raise object_not_in_prerequisite_state
            using message = format('troth_guard.%s() has not said work in this transaction', kind);
    end if;
    perform troth_guard.check_output(output);
    update troth_guard.guard g set output = output where g.journal = journal and g.gtid = gtid
        and g.branch = branch and g.kind = kind and g.attempt = attempt and output is not null;
    perform set_config('statement_timeout', '0', true);
end
$$;

-- In place of 0005's.
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
    perform troth_guard.check_output(output), troth_guard.set_timeouts(null);
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

insert into troth_guard.version (version) values (7);
