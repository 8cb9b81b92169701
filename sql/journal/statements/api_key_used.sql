-- api_key_used: somebody has shown it a moment ago. It only looks back: the reading does not matter.
--
-- $1  name
prepare troth_api_key_used (text) as
update troth.api_key set last_used_at = clock_timestamp() where name = $1 returning name;
