-- migrate_table: which migrations are there; its lock makes one at a time.
create table troth.migration (
    version    integer     not null primary key,
    name       text        not null,
    applied_at timestamptz not null default clock_timestamp()
);
