-- lost: has the journal gone back within a week, so that acknowledged rows may be missing (docs/protocol.md, section 8)?
-- One row: shards, when it was noticed last.
prepare troth_lost as
select count(*), to_char(max(lost_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
from troth.shard
where lost > 0 and lost_at > clock_timestamp() - interval '7 days';
