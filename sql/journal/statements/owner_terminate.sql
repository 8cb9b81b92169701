-- owner_terminate: what is left of processes whose leases have all run out: what they have half sent would hold its
-- locks as long as its connection stands. A process that lives all the same connects again, and finds out.
--
-- $1  application_name, its beginning: of this journal
-- $2  the processes
prepare troth_owner_terminate (text, uuid[]) as
select pg_terminate_backend(a.pid)
from unnest($2::uuid[]) as o(owner)
join pg_stat_activity a on right(a.application_name, 32) = replace(o.owner::text, '-', '')
where starts_with(a.application_name, $1) and a.pid <> pg_backend_pid()
    and not exists (
        select from troth.lease l
        where l.owner = o.owner and l.lease_until > clock_timestamp()
    );
