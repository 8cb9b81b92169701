-- How many transactions may be prepared at a time.
prepare troth_max_prepared as
select current_setting('max_prepared_transactions')::integer;
