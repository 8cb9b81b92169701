/* equal.h: do two JSON values mean the same? */
#ifndef DEFINITION_EQUAL_H
#define DEFINITION_EQUAL_H

#include <stdbool.h>

#include <troth/span.h>

/* Numbers by their decimal value, strings unescaped, objects without regard to order. Both from
 * checked texts. Out of memory counts as different. */
bool json_equal(struct troth_span a, struct troth_span b);

#endif
