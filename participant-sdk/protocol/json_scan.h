/* json_scan.h: what json_check.c and json_read.c share: white space, runs inside strings, escapes.
 */
#ifndef PROTOCOL_JSON_SCAN_H
#define PROTOCOL_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <troth/span.h>

static inline const char *scan_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0 when one of eight bytes is 0. A byte above a zero one may be marked too: so the answer is
 * "somewhere here", never "nowhere" wrongly. */
static inline uint64_t scan_zero(uint64_t eight)
{
    return (eight - SCAN_EACH(0x01)) & ~eight & SCAN_EACH(0x80);
}

/* Skips eight bytes at a time as long as there is no quote and no backslash among them and, with
 * `strict`, no control character and nothing beyond ASCII. */
static inline const char *scan_plain(const char *at, const char *end, bool strict)
{
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof(eight));
        uint64_t marks = scan_zero(eight ^ SCAN_EACH('"')) | scan_zero(eight ^ SCAN_EACH('\\'));
        if (strict)
            marks |=
                ((eight - SCAN_EACH(0x20)) & ~eight & SCAN_EACH(0x80)) | (eight & SCAN_EACH(0x80));
        if (marks != 0)
            break;
        at += 8;
    }
    return at;
}

/* Walks the unescaped bytes of a checked JSON string. */
struct json_reader {
    const char *at;
    const char *end;
    unsigned char pending[4]; /* of an escape that is being given out */
    unsigned pending_next, pending_len;
};

/* `string` includes its quotes. */
struct json_reader json_reader(struct troth_span string);
/* The next byte, or -1 at the end. */
int json_reader_next(struct json_reader *reader);

/* Four hexadecimal digits; -1 when they are none. */
int32_t json_hex4(const char *at, const char *end);

/* A checked string without any escape: its inside is the text itself. */
bool json_string_plain(struct troth_span string, struct troth_span *ret_inside);

/* Orders two checked strings by their unescaped bytes, as memcmp does. */
int json_string_compare(struct troth_span a, struct troth_span b);

#endif
