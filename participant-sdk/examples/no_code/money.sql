-- The accounts' own tables: nothing in them is Troth's.
create table if not exists account (
    owner text primary key,
    balance numeric(12, 2) not null constraint account_balance check (balance >= 0)
);
insert into account values ('ann', 100), ('bob', 5) on conflict do nothing;
