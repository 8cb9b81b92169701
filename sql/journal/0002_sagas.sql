-- Sagas and the fallback. A saga's steps are rows of troth.record, kind 'step': one JSON object each,
-- the latest of a branch holds. Its turn to compensation is the abort row of its attempt in
-- troth.decision; its outcome is in troth.txn, as every outcome later than a decision is.

-- Why two-phase commit was given up for a saga: JSON, absent when it was not.
alter table troth.txn add column fallback text;
