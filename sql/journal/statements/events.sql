-- events: a page of the outbox: 200 rows, fewer where they are large (4 MiB), one at least.
-- Whether there is more is the window's word, not the page's: that may end early for its bytes.
--
-- $1  shard
-- $2  epoch
-- $3  seq: of the row behind which to go on
-- $4  shards: no others
prepare troth_events (int4, int4, int8, int4[]) as
select
    gtid, epoch, seq, id, aggregatetype, aggregateid, type, payload, headers,
    total >= 200 or total > n
from (
    select
        *, row_number() over w as n, count(*) over () as total,
        sum(octet_length(payload) + octet_length(headers)) over w as bytes
    from (
        select * from troth.outbox
        where (shard, epoch, seq) > ($1, $2, $3) and shard = any($4)
        order by shard, epoch, seq
        limit 200
    ) o
    window w as (order by shard, epoch, seq)
) p
where n = 1 or bytes <= 4194304
order by n;
