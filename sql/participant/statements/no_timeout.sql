-- In the place of keep.sql where there is no output.
prepare troth_no_timeout as
select set_config('statement_timeout', '0', true);
