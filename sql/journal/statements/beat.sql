-- beat: a row of no consequence, so that trouble with writing is noticed before the next request's.
--
-- $1  node
prepare troth_beat (text) as
insert into troth.beat (node) values ($1)
on conflict (node) do update set beat_at = clock_timestamp();
