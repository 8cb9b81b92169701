-- lease_hurry: a renewal that is lost with a crash only lets another node try earlier: it need not wait for the disk,
-- nor for a standby that is away. Local to the transaction, since the session may be another client's next.
prepare troth_lease_hurry as
select set_config('synchronous_commit', 'off', true);
