-- session: first of a transaction that must be durable: fails (division by zero) where the session is not ours.
-- Local to the transaction: what another client of the same session set does not count here.
--
-- $1  mark
prepare troth_session (text) as
select
    set_config('synchronous_commit', 'on', true),
    1 / (coalesce(current_setting('troth.session', true), '') = $1)::int;
