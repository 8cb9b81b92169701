/* tables.c: what the shop keeps.
 *
 * The first table of each participant is what it has, the second one row for each effect. Those
 * rows have no unique key on (gtid, branch), and `undone` counts: an effect that happened twice has
 * to show when somebody counts (view `effect`). */
#include "tables.h"

#include <stdio.h>

#include <troth/postgres.h>

#define EFFECT                                                                                     \
    "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gtid uuid NOT NULL,"                     \
    " branch integer NOT NULL, undone integer NOT NULL DEFAULT 0, "

static const char *const tables[] = {
    /* Nobody else's number: "shop" in ASCII. Two processes shall not create the same table. */
    "BEGIN",
    "SELECT pg_advisory_xact_lock(1936223088)",
    "SET LOCAL client_min_messages = warning",

    "CREATE TABLE IF NOT EXISTS stock"
    " (sku text PRIMARY KEY, quantity bigint NOT NULL CHECK (quantity >= 0))",
    "CREATE TABLE IF NOT EXISTS reservation " EFFECT "sku text NOT NULL, quantity bigint NOT NULL)",

    "CREATE TABLE IF NOT EXISTS account"
    " (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0))",
    "CREATE TABLE IF NOT EXISTS payment " EFFECT "account bigint NOT NULL, amount bigint NOT NULL)",

    "CREATE TABLE IF NOT EXISTS parcel " EFFECT
    "order_id text NOT NULL, reservation bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS mail " EFFECT "recipient text NOT NULL, order_id text NOT NULL)",

    "CREATE TABLE IF NOT EXISTS seat_pool"
    " (tenant text PRIMARY KEY, free bigint NOT NULL CHECK (free >= 0))",
    "CREATE TABLE IF NOT EXISTS seat_grant " EFFECT "tenant text NOT NULL, seats bigint NOT NULL)",

    "CREATE TABLE IF NOT EXISTS plan (name text PRIMARY KEY, searches bigint NOT NULL)",
    "INSERT INTO plan SELECT * FROM (VALUES ('team', 100), ('business', 1000),"
    " ('enterprise', 10000)) AS new WHERE NOT EXISTS (SELECT FROM plan)",
    "CREATE TABLE IF NOT EXISTS quota"
    " (tenant text PRIMARY KEY, searches bigint NOT NULL CHECK (searches >= 0))",
    "CREATE TABLE IF NOT EXISTS quota_raise " EFFECT "tenant text NOT NULL, plan text NOT NULL,"
    " previous bigint NOT NULL, added bigint NOT NULL)",

    "CREATE TABLE IF NOT EXISTS credit"
    " (tenant text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0))",
    "CREATE TABLE IF NOT EXISTS invoice " EFFECT "tenant text NOT NULL, price bigint NOT NULL)",

    "CREATE TABLE IF NOT EXISTS notification " EFFECT
    "tenant text NOT NULL, template text NOT NULL)",

    "CREATE OR REPLACE VIEW effect AS"
    " SELECT 'inventory' AS participant, gtid, branch, undone FROM reservation"
    " UNION ALL SELECT 'payments', gtid, branch, undone FROM payment"
    " UNION ALL SELECT 'shipping', gtid, branch, undone FROM parcel"
    " UNION ALL SELECT 'mail', gtid, branch, undone FROM mail"
    " UNION ALL SELECT 'accounts', gtid, branch, undone FROM seat_grant"
    " UNION ALL SELECT 'analytics', gtid, branch, undone FROM quota_raise"
    " UNION ALL SELECT 'billing', gtid, branch, undone FROM invoice"
    " UNION ALL SELECT 'notifications', gtid, branch, undone FROM notification",
};

/* $1 how many, $2 what each has. Not ON CONFLICT: that would wait for a row which a prepared
 * transaction has changed. */
#define FILL(table, key, key_type, prefix)                                                         \
    "INSERT INTO " table " SELECT new.key, $2::bigint FROM (SELECT (" prefix "n)::" key_type       \
    " AS key FROM generate_series(1, $1::bigint) AS n) AS new"                                     \
    " WHERE NOT EXISTS (SELECT FROM " table " AS t WHERE t." key " = new.key)"

static bool run(PGconn *db, const char *sql, int count, const char *const *values)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, values, NULL, NULL, 0);
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool fill(PGconn *db, const char *sql, const char *count, const char *each)
{
    const char *const values[] = {count, each};
    return run(db, sql, 2, values);
}

static bool create(PGconn *db, const struct setup *setup)
{
    size_t i;
    for (i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (!run(db, tables[i], 0, NULL))
            return false;
    return fill(db, FILL("stock", "sku", "text", "'sku_' || "), setup->skus, setup->stock) &&
           fill(db, FILL("account", "id", "bigint", ""), setup->accounts, setup->balance) &&
           fill(db, FILL("seat_pool", "tenant", "text", "'tenant_' || "), setup->tenants,
                setup->seats) &&
           fill(db, FILL("quota", "tenant", "text", "'tenant_' || "), setup->tenants, "0") &&
           fill(db, FILL("credit", "tenant", "text", "'tenant_' || "), setup->tenants,
                setup->credit) &&
           run(db, "COMMIT", 0, NULL);
}

bool tables_create(const char *conninfo, const struct setup *setup)
{
    char why[512];
    PGconn *db;
    bool created;
    if (troth_postgres_migrate(conninfo, why, sizeof why) != 0) {
        (void)fprintf(stderr, "shop: cannot create the guard: %s\n", why);
        return false;
    }
    db = PQconnectdb(conninfo);
    created = create(db, setup);
    if (!created)
        (void)fprintf(stderr, "shop: cannot create the tables: %s", PQerrorMessage(db));
    PQfinish(db);
    return created;
}
