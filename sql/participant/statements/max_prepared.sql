-- How many transactions may be prepared at a time.
PREPARE troth_max_prepared AS
SELECT current_setting('max_prepared_transactions')::integer;
