/* json_scan.h: what json_check.c and json_read.c share: white space, runs inside strings, escapes.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <troth/span.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *scan_space(const char *at, const char *end)
{
    /* nearly everywhere there is none, which the first look tells */
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Marks the bytes of eight that are 0, in their highest bit. A byte above a marked one may be
 * marked wrongly; the lowest mark is always right. */
static inline uint64_t scan_zero(uint64_t eight)
{
    return (eight - SCAN_EACH(0x01)) & ~eight & SCAN_EACH(0x80);
}

static inline bool scan_stops(unsigned char c, bool strict)
{
    return c == '"' || c == '\\' || (strict && (c < 0x20 || c >= 0x80));
}

#ifdef __SSE2__
/* Where among sixteen bytes scan_plain() stops, as bits. Signed, a byte beyond ASCII is below a
 * space, too. */
static inline unsigned scan_sixteen(const char *at, bool strict)
{
    union {
        const char *text;
        const __m128i *bytes;
    } from = {.text = at};
    const __m128i sixteen = _mm_loadu_si128(from.bytes);
    __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8('"')),
                                 _mm_cmpeq_epi8(sixteen, _mm_set1_epi8('\\')));
    if (strict)
        stops = _mm_or_si128(stops, _mm_cmplt_epi8(sixteen, _mm_set1_epi8(0x20)));
    return (unsigned)_mm_movemask_epi8(stops);
}
#endif

/* To the next quote or backslash or, with `strict`, also control character or byte beyond ASCII; to
 * `end` when there is none. Sixteen bytes at a time, or eight. */
static inline const char *scan_plain(const char *at, const char *end, bool strict)
{
#ifdef __SSE2__
    while (end - at >= 16) {
        unsigned stops = scan_sixteen(at, strict);
        if (stops != 0)
            return at + __builtin_ctz(stops);
        at += 16;
    }
#endif
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof(eight));
        uint64_t marks = scan_zero(eight ^ SCAN_EACH('"')) | scan_zero(eight ^ SCAN_EACH('\\'));
        if (strict)
            marks |=
                ((eight - SCAN_EACH(0x20)) & ~eight & SCAN_EACH(0x80)) | (eight & SCAN_EACH(0x80));
        if (marks != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + __builtin_ctzll(marks) / 8;
#else
            break;
#endif
        }
        at += 8;
    }
    while (at < end && !scan_stops((unsigned char)*at, strict))
        at++;
    return at;
}

/* From an opening quote to behind the closing one. */
static inline const char *scan_string(const char *at, const char *end)
{
    at++;
    for (;;) {
        at = scan_plain(at, end, false);
        if (at >= end)
            return end;
        if (*at == '"')
            return at + 1;
        at += end - at > 1 ? 2 : 1; /* the backslash and what it escapes */
    }
}

/* To behind a number or word: it ends where a separator, a bracket or white space is. */
static inline const char *scan_scalar(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']' && (unsigned char)*at > ' ')
        at++;
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

#endif
