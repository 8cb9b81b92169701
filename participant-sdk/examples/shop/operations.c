/* operations.c: the shop's business.
 *
 * Each action makes one row that names its gtid and branch, each compensation counts that row's
 * `undone` up: whoever checks can count effects afterwards (tables.c). Nothing here keeps an action
 * from being done twice: that is the guard's work, and a second one has to show.
 *
 * No two participants touch a common row, so that one transaction can prepare at all of them at
 * once, also where they share a database. */
#include "operations.h"

#define RELEASE                                                                                    \
    "WITH gone AS (UPDATE reservation SET undone = undone + 1 WHERE id = $1"                       \
    " RETURNING sku, quantity)"                                                                    \
    " UPDATE stock SET quantity = stock.quantity + gone.quantity FROM gone"                        \
    " WHERE stock.sku = gone.sku RETURNING true"

#define REVOKE_SEATS                                                                               \
    "WITH gone AS (UPDATE seat_grant SET undone = undone + 1 WHERE id = $1"                        \
    " RETURNING tenant, seats)"                                                                    \
    " UPDATE seat_pool SET free = free + gone.seats FROM gone"                                     \
    " WHERE seat_pool.tenant = gone.tenant RETURNING true"

/* Takes away what was added, so that another upgrade in between stands. */
#define RESTORE_QUOTA                                                                              \
    "WITH gone AS (UPDATE quota_raise SET undone = undone + 1 WHERE id = $1"                       \
    " RETURNING tenant, added)"                                                                    \
    " UPDATE quota SET searches = searches - gone.added FROM gone"                                 \
    " WHERE quota.tenant = gone.tenant RETURNING true"

const struct operation operations[] = {
    {
        .participant = "inventory",
        .name = "reserve",
        .fields = {{"sku", FIELD_TEXT}, {"quantity", FIELD_COUNT}},
        .work = "WITH taken AS (UPDATE stock SET quantity = quantity - $4 WHERE sku = $3"
                " AND quantity >= $4 RETURNING true),"
                " made AS (INSERT INTO reservation (gtid, branch, sku, quantity)"
                " SELECT $1, $2, $3, $4 FROM taken RETURNING id)"
                " SELECT (SELECT format('{\"id\":%s}', id) FROM made),"
                " CASE WHEN EXISTS (SELECT FROM stock WHERE sku = $3)"
                " THEN 'out of stock' ELSE 'unknown sku' END",
        .made = "id",
        .undo = RELEASE,
    },
    {.participant = "inventory", .name = "release", .made = "id", .undo = RELEASE},
    {
        .participant = "payments",
        .name = "charge",
        .fields = {{"account", FIELD_NUMBER}, {"amount", FIELD_COUNT}},
        .work = "WITH paid AS (UPDATE account SET balance = balance - $4 WHERE id = $3"
                " AND balance >= $4 RETURNING balance),"
                " made AS (INSERT INTO payment (gtid, branch, account, amount)"
                " SELECT $1, $2, $3, $4 FROM paid RETURNING id)"
                " SELECT (SELECT format('{\"payment\":%s,\"balance\":%s}', id, balance)"
                " FROM made, paid),"
                " CASE WHEN EXISTS (SELECT FROM account WHERE id = $3)"
                " THEN 'insufficient funds' ELSE 'unknown account' END",
        .made = "payment",
        .undo = "WITH gone AS (UPDATE payment SET undone = undone + 1 WHERE id = $1"
                " RETURNING account, amount)"
                " UPDATE account SET balance = balance + gone.amount FROM gone"
                " WHERE account.id = gone.account RETURNING true",
    },
    {
        .participant = "shipping",
        .name = "book",
        .fields = {{"order_id", FIELD_TEXT}, {"reservation", FIELD_NUMBER}},
        .work = "WITH made AS (INSERT INTO parcel (gtid, branch, order_id, reservation)"
                " VALUES ($1, $2, $3, $4) RETURNING id)"
                " SELECT format('{\"parcel\":%s}', id) FROM made",
        .made = "parcel",
        .undo = "UPDATE parcel SET undone = undone + 1 WHERE id = $1 RETURNING true",
    },
    {
        .participant = "mail",
        .name = "send",
        .fields = {{"to", FIELD_TEXT}, {"order_id", FIELD_TEXT}},
        .work = "WITH made AS (INSERT INTO mail (gtid, branch, recipient, order_id)"
                " VALUES ($1, $2, $3, $4) RETURNING id)"
                " SELECT format('{\"mail\":%s}', id) FROM made",
        .made = "mail",
        .undo = "UPDATE mail SET undone = undone + 1 WHERE id = $1 RETURNING true",
    },
    {
        .participant = "accounts",
        .name = "grant_seats",
        .fields = {{"tenant", FIELD_TEXT}, {"seats", FIELD_COUNT}},
        .work = "WITH taken AS (UPDATE seat_pool SET free = free - $4 WHERE tenant = $3"
                " AND free >= $4 RETURNING true),"
                " made AS (INSERT INTO seat_grant (gtid, branch, tenant, seats)"
                " SELECT $1, $2, $3, $4 FROM taken RETURNING id)"
                " SELECT (SELECT format('{\"grant\":%s}', id) FROM made),"
                " CASE WHEN EXISTS (SELECT FROM seat_pool WHERE tenant = $3)"
                " THEN 'not enough seats' ELSE 'unknown tenant' END",
        .made = "grant",
        .undo = REVOKE_SEATS,
    },
    {.participant = "accounts", .name = "revoke_seats", .made = "grant", .undo = REVOKE_SEATS},
    {
        .participant = "analytics",
        .name = "raise_quota",
        .fields = {{"tenant", FIELD_TEXT}, {"plan", FIELD_TEXT}},
        .work = "WITH raised AS (UPDATE quota SET searches = quota.searches + plan.searches"
                " FROM plan WHERE tenant = $3 AND plan.name = $4"
                " RETURNING quota.searches - plan.searches AS previous, plan.searches AS added),"
                " made AS (INSERT INTO quota_raise (gtid, branch, tenant, plan, previous, added)"
                " SELECT $1, $2, $3, $4, previous, added FROM raised RETURNING id, previous)"
                " SELECT (SELECT format('{\"previous\":%s,\"raise\":%s}', previous, id) FROM made),"
                " CASE WHEN EXISTS (SELECT FROM quota WHERE tenant = $3)"
                " THEN 'unknown plan' ELSE 'unknown tenant' END",
        .made = "raise",
        .undo = RESTORE_QUOTA,
    },
    {.participant = "analytics", .name = "restore_quota", .made = "raise", .undo = RESTORE_QUOTA},
    {
        .participant = "billing",
        .name = "charge",
        .fields = {{"tenant", FIELD_TEXT}, {"price", FIELD_PRICE}},
        .work = "WITH paid AS (UPDATE credit SET balance = balance - $4 WHERE tenant = $3"
                " AND balance >= $4 RETURNING balance),"
                " made AS (INSERT INTO invoice (gtid, branch, tenant, price)"
                " SELECT $1, $2, $3, $4 FROM paid RETURNING id)"
                " SELECT (SELECT format('{\"invoice\":%s,\"balance\":%s}', id, balance)"
                " FROM made, paid),"
                " CASE WHEN EXISTS (SELECT FROM credit WHERE tenant = $3)"
                " THEN 'insufficient funds' ELSE 'unknown tenant' END",
        .made = "invoice",
        .undo = "WITH gone AS (UPDATE invoice SET undone = undone + 1 WHERE id = $1"
                " RETURNING tenant, price)"
                " UPDATE credit SET balance = balance + gone.price FROM gone"
                " WHERE credit.tenant = gone.tenant RETURNING true",
    },
    {
        .participant = "notifications",
        .name = "send",
        .fields = {{"tenant", FIELD_TEXT}, {"template", FIELD_TEXT}},
        .work = "WITH made AS (INSERT INTO notification (gtid, branch, tenant, template)"
                " VALUES ($1, $2, $3, $4) RETURNING id)"
                " SELECT format('{\"notification\":%s}', id) FROM made",
        .made = "notification",
        .undo = "UPDATE notification SET undone = undone + 1 WHERE id = $1 RETURNING true",
    },
};

const size_t operations_count = sizeof operations / sizeof operations[0];
