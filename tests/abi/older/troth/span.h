/* <troth/span.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_SPAN_H
#define TROTH_SPAN_H
#include <stddef.h>
struct troth_span {
    const char *data;
    size_t len;
};
#endif
