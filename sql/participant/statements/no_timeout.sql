-- In the place of keep.sql where there is no output.
PREPARE troth_no_timeout AS
SELECT set_config('statement_timeout', '0', true);
