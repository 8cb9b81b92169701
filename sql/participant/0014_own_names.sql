-- Names of the functions' own are PostgreSQL's, and nobody else's. A name that is not qualified is looked up in the
-- caller's search_path, and one whose parameters fit better is taken before PostgreSQL's own: where another role may
-- create functions in a schema that is searched (public, in a database that is older than PostgreSQL 15), its format()
-- ran with the rights of whoever called a function of the guard, the schema's owner among them (CVE-2018-1058).
--
-- CREATE OR REPLACE takes this off again: who replaces a function later sets it again.
do $$
declare
    each regprocedure;
begin
    for each in select p.oid from pg_catalog.pg_proc p
                where p.pronamespace operator(pg_catalog.=) 'troth_guard'::pg_catalog.regnamespace loop
        execute pg_catalog.concat('alter function ', each, ' set search_path = pg_catalog, pg_temp');
    end loop;
end
$$;

insert into troth_guard.version (version) values (14);
