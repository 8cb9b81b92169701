/* base/decimal.h: JSON numbers compared as the decimal texts they are.
 *
 * No conversion to binary: 9007199254740993 and 9007199254740992 differ, 1e400 is a number, 1.0 is
 * an integer. Works on a checked JSON number. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

/* An exponent beyond this counts as this: no text that fits in memory makes up for it. */
#define DECIMAL_EXPONENT_MAX INT64_C(100000000000000000)
#define DECIMAL_DIVISOR_MAX  UINT32_MAX /* keeps the products of a division within 64 bits */

/* 0.D1 D2 … Dn times ten to `exponent`; D1 and Dn are not 0. Zero has no digits. */
struct decimal {
    bool negative;
    const char *first; /* D1, in the text that was read */
    const char *end;   /* behind Dn; a point may stand between */
    int64_t count;     /* n */
    int64_t exponent;
};
struct decimal decimal_read(struct troth_span number);
/* -1, 0, 1. */
int decimal_order(const struct decimal *a, const struct decimal *b);
int decimal_compare(struct troth_span a, struct troth_span b);
/* The same for numbers of the same value (base/hash.h). *no_memory is set where there was none
 * for its digits; then it is any. */
uint64_t decimal_hash(struct troth_span number, bool *no_memory);
bool decimal_is_integer(struct troth_span number);
/* Is it a whole multiple? divisor > 0. */
bool decimal_is_multiple(struct troth_span number, uint32_t divisor);
/* TROTH_ERROR_TYPE: has a fraction. TROTH_ERROR_TOO_LARGE. */
TROTH_MUST_CHECK int decimal_int64(struct troth_span number, int64_t *ret_value);

#endif
