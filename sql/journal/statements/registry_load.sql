-- registry_load: definitions (1), participants (0) and API keys (2), all of them. Of a key the time is that of its last
-- use.
prepare troth_registry_load as
select 1 as what, name, version, body, updated_at, deleted_at is not null
from troth.definition
union all
select 0, name, 0, body, updated_at, false
from troth.participant
union all
select 2, name, 0, body, last_used_at, false
from troth.api_key
order by 1, 2, 3;
