/* equal.h: do two JSON values mean the same? */
#ifndef DEFINITION_EQUAL_H
#define DEFINITION_EQUAL_H

#include <stdbool.h>
#include <stddef.h>

#include <troth/span.h>

/* Numbers by their decimal value, strings unescaped, objects without regard to order. Both from
 * checked texts. Out of memory counts as different. */
bool json_equal(struct troth_span a, struct troth_span b);
/* The same, but numbers by their text: 1.0 and 1 are two. */
bool json_same(struct troth_span a, struct troth_span b);
size_t json_members(struct troth_span object);
/* The member of that name; the key is a JSON string, as another object has it. */
bool json_member_like(struct troth_span object, struct troth_span key,
                      struct troth_span *ret_value);

#endif
