-- migrate_make_leases: and its lease.
prepare troth_migrate_make_leases as
insert into troth.lease (shard) select shard from troth.shard;
