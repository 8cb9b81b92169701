-- hindrance: what hinders the writes, in words. The oldest statement of a lane of this journal is the one that the
-- others wait for. A role sees its own sessions' waits, and of everybody's the names, without further rights.
--
-- $1  application_name of the lane, its beginning
prepare troth_hindrance (text) as
select
    case
        when a.wait_event = 'SyncRep' then format(
            'a commit waits for a synchronous standby: synchronous_standby_names is ''%s'', '
            'standbys connected: %s',
            current_setting('synchronous_standby_names'),
            (select count(*) from pg_stat_replication)
        )
        when b.pid is not null then format(
            'a write waits for a lock that session %s (user %s, %s) holds',
            b.pid, b.usename, coalesce(nullif(b.application_name, ''), 'without a name')
        )
        else format('the database waits for %s %s', a.wait_event_type, a.wait_event)
    end
from pg_stat_activity a
left join lateral (
    select h.pid, h.usename, h.application_name
    from unnest(pg_blocking_pids(a.pid)) as u (pid)
    join pg_stat_activity h using (pid)
    limit 1
) b on true
where starts_with(a.application_name, $1) and a.state = 'active' and a.wait_event is not null
order by a.query_start
limit 1;
