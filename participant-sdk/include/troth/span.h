/* <troth/span.h>: a borrowed run of bytes.
 *
 * Payloads (step inputs, outputs) travel through Troth as spans of their own text and are never
 * decoded and encoded again, so that 9007199254740993, 0.10 and 1e400 arrive as they were sent. */
#ifndef TROTH_SPAN_H
#define TROTH_SPAN_H

#include <stddef.h>

/* Borrowed: whoever made the bytes keeps them alive. No terminating zero is promised.
 * {NULL, 0} means "absent"; an empty value has data != NULL and len 0. */
struct troth_span {
    const char *data;
    size_t len;
};

#endif
