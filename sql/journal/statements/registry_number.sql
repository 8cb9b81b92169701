-- registry_number: one more reading of the registry. Nobody but the leader: no row says that this node is not.
--
-- $1  epoch: of shard 0, as this node raised it
prepare troth_registry_number (int8) as
with led as materialized (
    select from troth.shard where shard = 0 and epoch = $1::int8 for share
)
update troth.registry set reading = reading + 1
from led
returning reading;
