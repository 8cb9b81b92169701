-- Who reads the registry numbers that reading, and every change belongs to one: a change whose answer
-- was lost, or one of a node that led before, can not come in behind what the memory was made from.
create table troth.registry (
    only_row boolean not null default true primary key check (only_row),
    reading  bigint  not null
);
insert into troth.registry (reading) values (0);

-- A deleted definition is hidden; its text stays while a transaction that has not ended runs it.
alter table troth.definition add column deleted_at timestamptz;
