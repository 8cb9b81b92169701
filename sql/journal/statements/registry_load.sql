-- registry_load: definitions and participants, all of them.
prepare troth_registry_load as
select true, name, version, body, updated_at, deleted_at is not null
from troth.definition
union all
select false, name, 0, body, updated_at, false
from troth.participant
order by 1, 2, 3;
