/* decimal.h: JSON numbers compared as the decimal texts they are.
 *
 * No conversion to binary: 9007199254740993 and 9007199254740992 differ, 1e400 is a number, 1.0 is
 * an integer. Works on a checked JSON number; allocates nothing. */
#ifndef DEFINITION_DECIMAL_H
#define DEFINITION_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

/* An exponent beyond this counts as this: no text that fits in memory makes up for it. */
#define DECIMAL_EXPONENT_MAX INT64_C(100000000000000000)
#define DECIMAL_DIVISOR_MAX  UINT32_MAX /* keeps the products of a division within 64 bits */

/* -1, 0, 1. */
int decimal_compare(struct troth_span a, struct troth_span b);
bool decimal_is_integer(struct troth_span number);
/* Is it a whole multiple? divisor > 0. */
bool decimal_is_multiple(struct troth_span number, uint32_t divisor);
/* TROTH_ERROR_TYPE: has a fraction. TROTH_ERROR_TOO_LARGE. */
TROTH_MUST_CHECK int decimal_int64(struct troth_span number, int64_t *ret_value);

#endif
