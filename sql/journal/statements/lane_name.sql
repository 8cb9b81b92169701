-- lane_name: the lane's session bears its owner's name again, after a loss.
--
-- $1  application_name, before the owner
-- $2  owner
prepare troth_lane_name (text, uuid) as
select set_config('application_name', $1 || replace($2::text, '-', ''), false);
