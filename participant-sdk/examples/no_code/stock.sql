-- The stock's own tables: nothing in them is Troth's.
create table if not exists stock (
    item text primary key,
    pieces integer not null constraint stock_pieces check (pieces >= 0)
);
insert into stock values ('apple', 20), ('bread', 3) on conflict do nothing;
