/* base/span.h: what is asked of spans everywhere. An absent span is no text at all: it is not even
 * "". Pure. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>

#include <troth/span.h>

/* The text without its terminating zero; borrowed. NULL: absent. */
struct troth_span span_of(const char *text);
bool span_is(struct troth_span span, const char *text);
/* The same bytes; two absent spans are the same. */
bool span_same(struct troth_span a, struct troth_span b);

#endif
