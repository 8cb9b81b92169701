-- registry_version: how many changes of the registry there were.
prepare troth_registry_version as
select version from troth.registry;
