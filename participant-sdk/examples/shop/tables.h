/* tables.h: the shop's tables, and something in them to sell. */
#ifndef SHOP_TABLES_H
#define SHOP_TABLES_H

#include <stdbool.h>

/* How many of each; decimal texts, as they were given. */
struct setup {
    const char *skus; /* sku_1 … */
    const char *stock;
    const char *accounts; /* 1 … */
    const char *balance;
    const char *tenants; /* tenant_1 … */
    const char *seats;
    const char *credit;
};

/* Creates the guard, the tables and the rows that are missing; safe to repeat, and by several
 * processes at once. false: it said why on standard error. Blocks. */
bool tables_create(const char *conninfo, const struct setup *setup);

#endif
