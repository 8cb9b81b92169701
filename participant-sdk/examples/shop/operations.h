/* operations.h: one row of the shop's table of operations. */
#ifndef SHOP_OPERATIONS_H
#define SHOP_OPERATIONS_H

#include <stddef.h>

#define FIELDS_MAX 2

enum field_type {
    FIELD_NONE,
    FIELD_TEXT,
    FIELD_NUMBER, /* whole */
    FIELD_COUNT,  /* whole, above 0 */
    FIELD_PRICE   /* whole, 0 or above */
};

struct field {
    const char *name;
    enum field_type type;
};

struct operation {
    const char *participant;
    const char *name;
    /* What the work needs of the input; more in it is ignored. */
    struct field fields[FIELDS_MAX];
    /* One statement with $1 gtid, $2 branch, then the fields. It answers one row: the output, which
     * is null when it refuses, and why it refused. NULL: it only compensates. */
    const char *work;
    /* The member of the action's output that names the row that the action made. */
    const char *made;
    /* One statement with that row's number as $1; it answers at least one row. */
    const char *undo;
};

extern const struct operation operations[];
extern const size_t operations_count;

#endif
