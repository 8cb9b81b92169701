-- Several nodes keep the registry in memory. Every change of it counts, and who sees a count that it has not read reads it
-- again. A change belongs to the last reading of its own process: another one's reading is none of its business.
alter table troth.registry add column version bigint not null default 0;
comment on column troth.registry.version is 'counts the changes of definitions, participants and API keys: all nodes look at it';
comment on column troth.registry.reading is 'as troth.registry_reader, before schema version 11';

create table troth.registry_reader (
    owner   uuid        not null primary key,
    reading bigint      not null,
    read_at timestamptz not null default clock_timestamp()
);
comment on table troth.registry_reader is
    'Which reading of the registry is each process''s latest: a change whose answer was lost can not come in behind it';
