/* fuzz.h: what the targets share. A broken property ends the process, which libFuzzer reports. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <troth/span.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct troth_span fuzz_span(const uint8_t *data, size_t size)
{
    return (struct troth_span){(const char *)data, size};
}

static inline bool fuzz_same(struct troth_span a, struct troth_span b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The same, but that line feeds between tokens travel as spaces. */
static inline bool fuzz_same_payload(struct troth_span sent, struct troth_span received)
{
    if ((sent.data == NULL) != (received.data == NULL) || sent.len != received.len)
        return false;
    for (size_t i = 0; i < sent.len; i++) {
        char c = sent.data[i] == '\n' ? ' ' : sent.data[i];
        if (c != received.data[i])
            return false;
    }
    return true;
}

#endif
