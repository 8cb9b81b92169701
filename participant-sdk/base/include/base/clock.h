/* base/clock.h: the two clocks are two types, in microseconds. Pure: nothing here reads a
 * clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <troth/error.h>

/* Since an arbitrary start; never jumps. For timeouts and order within one process. */
struct mono {
    uint64_t us;
};

/* Since 1970, UTC; may jump. For people, and for what is written down. */
struct wall {
    uint64_t us;
};

#define WALL_TEXT_LEN 27 /* 2026-11-21T05:34:49.112233Z */

/* RFC 3339 with microseconds, zero-terminated. What is behind the year 9999 is written as its last
 * microsecond. */
void wall_format(struct wall time, char ret_text[WALL_TEXT_LEN + 1]);
/* RFC 3339, UTC ("Z") only, 0 to 6 digits of fraction; TROTH_ERROR_SYNTAX. */
TROTH_MUST_CHECK int wall_parse(const char *text, size_t len, struct wall *ret_time);

#endif
