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

/* The parts of an input that has several: each ends with a zero, the last with the input. */
static inline struct troth_span fuzz_part(struct troth_span *rest)
{
    const char *zero = rest->len > 0 ? memchr(rest->data, '\0', rest->len) : NULL;
    size_t len = zero == NULL ? rest->len : (size_t)(zero - rest->data);
    struct troth_span part = {rest->data, len};
    rest->data += len + (zero != NULL);
    rest->len -= len + (zero != NULL);
    return part;
}

/* An input that begins with a number of one byte; 0 when there is none. */
static inline uint8_t fuzz_byte(struct troth_span *rest)
{
    if (rest->len == 0)
        return 0;
    rest->len--;
    return (uint8_t)*rest->data++;
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
