/* utf8.c: the table of well-formed sequences, and what reads and writes one. */
#include "utf8.h"

#include <assert.h>

/* What may follow a first byte: how many bytes, and the range of the second. */
struct lead {
    unsigned char len, second_min, second_max;
};

static struct lead lead_of(unsigned char first)
{
    if (first < 0x80)
        return (struct lead){1, 0, 0};
    if (first < 0xc2)
        return (struct lead){0, 0, 0};
    if (first < 0xe0)
        return (struct lead){2, 0x80, 0xbf};
    if (first < 0xf0)
        return (struct lead){3, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf};
    if (first < 0xf5)
        return (struct lead){4, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0, 0, 0};
}

/* Bytes from `at` that could be of one sequence; *ret_len is what the sequence needs. */
static size_t good_bytes(const char *at, const char *end, size_t *ret_len)
{
    struct lead lead = lead_of((unsigned char)*at);
    *ret_len = lead.len;
    if (lead.len < 2)
        return lead.len;
    size_t good = 1;
    while (good < lead.len && at + good < end) {
        unsigned char byte = (unsigned char)at[good];
        unsigned char min = good == 1 ? lead.second_min : 0x80;
        unsigned char max = good == 1 ? lead.second_max : 0xbf;
        if (byte < min || byte > max)
            break;
        good++;
    }
    return good;
}

size_t utf8_sequence(const char *at, const char *end)
{
    size_t len;
    size_t good = good_bytes(at, end, &len);
    return good == len ? len : 0;
}

size_t utf8_ill_formed(const char *at, const char *end)
{
    size_t len;
    size_t good = good_bytes(at, end, &len);
    return good == 0 ? 1 : good;
}

size_t utf8_encode(uint32_t code_point, char ret_bytes[4])
{
    assert(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    if (code_point < 0x80) {
        ret_bytes[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        ret_bytes[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    ret_bytes[0] = (char)(marks[len] | code_point);
    return len;
}
