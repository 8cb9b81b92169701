-- What the role of a service may, and no more: the schema belongs to whoever applied these files. By its
-- owner, or a superuser, once for each role, and again behind a new version of the schema:
--
--     SELECT troth_guard.grant_to('bank');
--
-- All processes of one participant work as the same role: who settles a prepared transaction must be who
-- prepared it, and whoever ends a session must be its role. A service needs nothing else of PostgreSQL's own
-- but what its business needs; pg_prepared_xacts and its own sessions in pg_stat_activity everybody may see.
create function troth_guard.grant_to(service text) returns void language plpgsql as $$
begin
    execute format('GRANT USAGE ON SCHEMA troth_guard TO %I', service);
    execute format('GRANT SELECT ON ALL TABLES IN SCHEMA troth_guard TO %I', service);
    execute format('GRANT INSERT, UPDATE, DELETE ON troth_guard.guard TO %I', service);
    execute format('GRANT INSERT, UPDATE ON troth_guard.mark TO %I', service);
    execute format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA troth_guard TO %I', service);
end
$$;

insert into troth_guard.version (version) values (9);
