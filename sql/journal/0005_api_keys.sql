-- Who may ask for what, where authentication is required. The key itself is told once and stands nowhere.
create table troth.api_key (
    name         text        not null primary key,
    body         text        not null,
    updated_at   timestamptz not null default clock_timestamp(),
    last_used_at timestamptz
);

comment on table troth.api_key is 'API keys: trothctl key list. Of a key only its SHA-256 stands here';
comment on column troth.api_key.body is 'JSON: hash, scopes, when it was made, by whom, when it ends';
comment on column troth.api_key.last_used_at is 'nearly: written once a minute at most';
