-- migrate_lock: one at a time.
lock table troth.migration in access exclusive mode;
