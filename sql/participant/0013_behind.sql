-- A branch whose call is one statement writes its guard row behind its work (statements/row_behind.sql). So whoever
-- comes to end it may find no row, and nothing to wait for, while it still works; the tombstone alone keeps it from
-- acting, and its session is ended only so that it is in nobody's way [NOKILL].

-- In place of 0010's, without the view's joins: mostly there is nothing, which takes one look.
create or replace function troth_guard.prepared(journal text, gtid uuid, branch integer, first integer,
                                                through integer)
returns text[] language plpgsql stable as $$
declare
    beginning text := format('troth_%s_%s_%s_', journal, gtid, branch);
    names text[];
begin
    if not exists (select from pg_prepared_xact() p where starts_with(p.gid, beginning)) then
        return '{}';
    end if;
    select coalesce(array_agg(x.gid order by x.attempt), '{}') into names
    from (select p.gid, substring(p.gid from '_([1-9][0-9]{0,3})$')::integer as attempt
          from pg_prepared_xact() p
          where starts_with(p.gid, beginning)
          and p.dbid = (select d.oid from pg_database d where d.datname = current_database())
          and p.ownerid = (select r.oid from pg_roles r where r.rolname = current_user)) as x
    where x.attempt between first and through;
    return names;
end
$$;

-- In place of 0004's: mostly there is nobody, which takes one look. Ends the sessions that work on one of these
-- attempts. true: there was one.
create or replace function troth_guard.end_running(journal text, gtid uuid, branch integer, through integer)
returns boolean language plpgsql as $$
declare
    beginning text := format('%s_%s_%s_', journal, gtid, branch);
    ended boolean := false;
    session integer;
begin
    perform pg_stat_clear_snapshot(); -- a transaction sees other sessions as they were at its first look
    foreach session in array array(select a.pid from pg_stat_get_activity(null) a
                                   where a.pid <> pg_backend_pid() and starts_with(a.application_name, beginning)) loop
        ended := troth_guard.end_session(session, journal, gtid, branch, through) or ended;
    end loop;
    return ended;
end
$$;

-- In place of 0010's. By itself. ROLLBACK PREPARED of this attempt and what is below comes first, by itself
-- [TOMBFIRST]; then the tombstone, also where there was nothing [NOTOMB]; then whoever still works on it is ended; then
-- the answer [ACKEARLY].
create or replace function troth_guard.abort(journal text, gtid uuid, branch integer, attempt integer,
                                             rolled_back boolean default false)
returns troth_guard.answer language plpgsql as $$
declare
    names text[];
    said troth_guard.answer;
begin
    perform troth_guard.check_key(journal, gtid, branch, attempt);
    perform troth_guard.set_timeouts(null), troth_guard.set_lock_timeout(null, troth_guard.row_timeout());
    for round in 1..8 loop
        if troth_guard.prepared(journal, gtid, branch, 1, 9999) <> '{}' then
            names := troth_guard.prepared(journal, gtid, branch, 1, attempt);
            if names <> '{}' then
                return troth_guard.says('roll_back', 'it is prepared', null, names);
            end if;
            -- A higher one has the row for as long as it takes, and whoever has aborts to do must not wait.
            return troth_guard.says('retry', 'a higher attempt is at work');
        end if;
        case troth_guard.claim(journal, gtid, branch, attempt, 'action', 'tombstone', null, null, null)
        when 'claimed' then
            if not rolled_back then -- what was prepared works no more
                perform troth_guard.end_running(journal, gtid, branch, attempt);
            end if;
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

insert into troth_guard.version (version) values (13);
