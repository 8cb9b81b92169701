/* given.h: what unit tests make their inputs with, and how they compare spans. */
#ifndef SUPPORT_GIVEN_H
#define SUPPORT_GIVEN_H

#include <check.h>
#include <stdint.h>
#include <string.h>

#include <base/span.h>

/* Both spans hold the same bytes; prints both where they do not. */
#define assert_span_is(span, text)                                                                 \
    do {                                                                                           \
        struct troth_span span_ = (span);                                                          \
        const char *text_ = (text);                                                                \
        ck_assert_msg(span_.len == strlen(text_) && memcmp(span_.data, text_, span_.len) == 0,     \
                      "expected %s, got %.*s", text_, (int)span_.len,                              \
                      span_.data == NULL ? "" : span_.data);                                       \
    } while (0)

/* A seeded generator (splitmix64): the same seed gives the same test. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 … below - 1 */
static inline uint64_t random_below(struct random *random, uint64_t below)
{
    return random_next(random) % below;
}

#endif
