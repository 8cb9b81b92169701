-- lane_name: the lane's session bears its owner's name, from when it is known.
--
-- $1  application_name
prepare troth_lane_name (text) as
select set_config('application_name', $1, false);
