-- hello: whose journal is it, and of which version?
prepare troth_hello as
select j.id, j.shards, (select max(version) from troth.migration), clock_timestamp()
from troth.journal j;
