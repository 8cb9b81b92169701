-- nodes: who was seen in the last hour, those that are believed to live first: node, owner, address, version,
-- schema_version, public_key, started_at, seen_at, whether it is believed to live, whether it leaves, steady_since.
--
-- $1  how many at most
prepare troth_nodes (int8) as
select
    n.node, n.owner, n.address, n.version, n.schema_version, n.public_key, n.started_at,
    n.seen_at, n.live_until > clock_timestamp() as live, n.leaving,
    n.steady_since
from troth.node n
where n.owner is not null and n.live_until > clock_timestamp() - interval '1 hour'
order by live desc, n.node
limit $1;
