-- guard: of which version the guard's schema is here.
prepare troth_guard as
select max(version)::text from troth_guard.version;
