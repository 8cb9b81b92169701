/* utf8.h: well-formed UTF-8 (Unicode 15, table 3-7: no overlongs, no surrogates, up to U+10FFFF).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence at `at`, 1 to 4; 0 when there is none. at < end. */
size_t utf8_sequence(const char *at, const char *end);

/* Bytes to replace by one U+FFFD where utf8_sequence() gave 0: the longest beginning of a
 * sequence, at least 1 (Unicode 15, section 3.9, "substitution of maximal subparts"). */
size_t utf8_ill_formed(const char *at, const char *end);

/* Writes a code point that is no surrogate; gives the bytes, 1 to 4. */
size_t utf8_encode(uint32_t code_point, char ret_bytes[4]);

#endif
