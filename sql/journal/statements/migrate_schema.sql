-- migrate_schema: asked for only where it is missing: IF NOT EXISTS needs the right to create it all the same.
create schema troth;
