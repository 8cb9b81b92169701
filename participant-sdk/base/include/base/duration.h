/* base/duration.h: durations as people write them. "200ms", "1.5s", "15m", "2h", "7d", "250us".
 * A unit is always there; a bare number is refused, as is one
 * that is not a whole number of microseconds, or has more than 8 digits behind the point. Range 0 …
 * DURATION_MAX_US (100 years). */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>

#define DURATION_MAX_US   (UINT64_C(100) * 366 * 24 * 3600 * 1000000)
#define DURATION_TEXT_MAX 32

/* TROTH_ERROR_SYNTAX, or TROTH_ERROR_TOO_LARGE. */
TROTH_MUST_CHECK int duration_parse(const char *text, size_t len, uint64_t *ret_us);
/* The shortest exact form that does not begin with "0.": 1500000 is "1.5s", 200000 is "200ms", 0 is
 * "0s"; among equally short ones that of the larger unit. Zero-terminated;
 * gives how many characters. */
size_t duration_format(uint64_t us, char ret_text[DURATION_TEXT_MAX]);

#endif
