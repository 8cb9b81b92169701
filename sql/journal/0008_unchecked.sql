-- A check is made ready anew by every statement that inserts, however often that is said: trothd writes these words and
-- no others.
alter table troth.txn drop constraint if exists txn_state_check;
alter table troth.decision drop constraint if exists decision_decision_check;
