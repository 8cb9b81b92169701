/* id.c: gtids, names and the names of prepared transactions: made, checked, as text and back. */
#include <troth/id.h>

#include <assert.h>
#include <endian.h>
#include <string.h>

#include <base/number.h>

/* Bits of the two halves, as the header draws them. */
#define SHARD_BITS   12
#define VERSION_BITS 4
#define COUNTER_BITS 38
#define UNIX_MS_MAX  ((UINT64_C(1) << 48) - 1u)

static uint64_t half_load(const uint8_t *bytes)
{
    uint64_t half;
    memcpy(&half, bytes, sizeof half);
    return be64toh(half);
}

static void half_store(uint64_t half, uint8_t *bytes)
{
    half = htobe64(half);
    memcpy(bytes, &half, sizeof half);
}

int troth_gtid_make(const struct troth_gtid_parts *parts, troth_gtid *ret_gtid)
{
    if (parts == NULL || ret_gtid == NULL)
        return TROTH_ERROR_INVALID;
    if (parts->unix_ms > UNIX_MS_MAX || parts->shard >= TROTH_SHARDS_MAX)
        return TROTH_ERROR_INVALID;
    if (parts->epoch == 0 || parts->epoch > TROTH_EPOCH_MAX)
        return TROTH_ERROR_INVALID;
    if (parts->counter == 0 || parts->counter > TROTH_COUNTER_MAX)
        return TROTH_ERROR_INVALID;
    half_store(parts->unix_ms << (VERSION_BITS + SHARD_BITS) | UINT64_C(8) << SHARD_BITS |
                   parts->shard,
               ret_gtid->bytes);
    half_store(UINT64_C(2) << 62 | (uint64_t)parts->epoch << COUNTER_BITS | parts->counter,
               ret_gtid->bytes + 8);
    return 0;
}

void troth_gtid_split(const troth_gtid *gtid, struct troth_gtid_parts *ret_parts)
{
    assert(gtid != NULL && ret_parts != NULL);
    uint64_t high = half_load(gtid->bytes);
    uint64_t low = half_load(gtid->bytes + 8);
    ret_parts->unix_ms = high >> (VERSION_BITS + SHARD_BITS);
    ret_parts->shard = (uint16_t)(high & (TROTH_SHARDS_MAX - 1u));
    ret_parts->epoch = (uint32_t)(low >> COUNTER_BITS & TROTH_EPOCH_MAX);
    ret_parts->counter = low & TROTH_COUNTER_MAX;
}

uint64_t troth_gtid_order(const troth_gtid *gtid)
{
    assert(gtid != NULL);
    return half_load(gtid->bytes + 8) & ((UINT64_C(1) << 62) - 1u);
}

bool troth_gtid_equal(const troth_gtid *a, const troth_gtid *b)
{
    assert(a != NULL && b != NULL);
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* 16 more than the value of a lower-case hexadecimal digit; 0 for anything else. */
static const uint8_t hex_digits[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22, ['7'] = 23,
    ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
};

static uint8_t hex_digit(char c)
{
    return hex_digits[(unsigned char)c];
}

/* Where in the text each byte begins, and the hyphens between them (RFC 9562). */
static const uint8_t byte_places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
static const uint8_t hyphen_places[4] = {8, 13, 18, 23};

int troth_gtid_parse(const char *text, size_t len, troth_gtid *ret_gtid)
{
    if (text == NULL || ret_gtid == NULL)
        return TROTH_ERROR_INVALID;
    if (len != TROTH_GTID_TEXT_LEN)
        return TROTH_ERROR_SYNTAX;
    troth_gtid gtid;
    unsigned all = 16;
    for (size_t i = 0; i < sizeof(gtid.bytes); i++) {
        unsigned high = hex_digit(text[byte_places[i]]);
        unsigned low = hex_digit(text[byte_places[i] + 1]);
        all &= high & low;
        gtid.bytes[i] = (uint8_t)(high << 4 | (low & 15));
    }
    for (size_t i = 0; i < sizeof(hyphen_places); i++)
        if (text[hyphen_places[i]] != '-')
            return TROTH_ERROR_SYNTAX;
    if (all == 0 || gtid.bytes[6] >> 4 != 8 || gtid.bytes[8] >> 6 != 2)
        return TROTH_ERROR_SYNTAX;
    struct troth_gtid_parts parts;
    troth_gtid_split(&gtid, &parts);
    if (parts.epoch == 0 || parts.counter == 0)
        return TROTH_ERROR_SYNTAX;
    *ret_gtid = gtid;
    return 0;
}

#define PAIRS(high)                                                                                \
    {high, '0'}, {high, '1'}, {high, '2'}, {high, '3'}, {high, '4'}, {high, '5'}, {high, '6'},     \
        {high, '7'}, {high, '8'}, {high, '9'}, {high, 'a'}, {high, 'b'}, {high, 'c'}, {high, 'd'}, \
        {high, 'e'},                                                                               \
    {                                                                                              \
        high, 'f'                                                                                  \
    }
static const char hex_pairs[256][2] = {
    PAIRS('0'), PAIRS('1'), PAIRS('2'), PAIRS('3'), PAIRS('4'), PAIRS('5'), PAIRS('6'), PAIRS('7'),
    PAIRS('8'), PAIRS('9'), PAIRS('a'), PAIRS('b'), PAIRS('c'), PAIRS('d'), PAIRS('e'), PAIRS('f'),
};

void troth_gtid_format(const troth_gtid *gtid, char ret_text[TROTH_GTID_TEXT_LEN + 1])
{
    assert(gtid != NULL && ret_text != NULL);
    for (size_t i = 0; i < sizeof(gtid->bytes); i++)
        memcpy(ret_text + byte_places[i], hex_pairs[gtid->bytes[i]], 2);
    for (size_t i = 0; i < sizeof(hyphen_places); i++)
        ret_text[hyphen_places[i]] = '-';
    ret_text[TROTH_GTID_TEXT_LEN] = '\0';
}

bool troth_name_valid(const char *text, size_t len)
{
    if (text == NULL || len == 0 || len > TROTH_NAME_LEN_MAX || text[0] < 'a' || text[0] > 'z')
        return false;
    for (size_t i = 1; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

bool troth_journal_id_valid(const char *text, size_t len)
{
    if (text == NULL || len != TROTH_JOURNAL_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (hex_digit(text[i]) == 0)
            return false;
    return true;
}

/* --- names of prepared transactions ----------------------------------------------------------- */

#define PREPARED_PREFIX     "troth_"
#define PREPARED_PREFIX_LEN (sizeof(PREPARED_PREFIX) - 1)

static char *number_write(char *at, uint32_t number)
{
    char digits[NUMBER_TEXT_MAX + 1];
    size_t len = number_format(number, digits);
    memcpy(at, digits, len);
    return at + len;
}

void troth_prepared_name_format(const struct troth_prepared_name *name,
                                char ret_text[TROTH_PREPARED_NAME_LEN_MAX + 1])
{
    assert(troth_journal_id_valid(name->journal, strlen(name->journal)));
    assert(name->branch >= 1 && name->branch <= TROTH_BRANCH_NUMBER_MAX);
    assert(name->attempt >= 1 && name->attempt <= TROTH_ATTEMPT_MAX);
    char *at = ret_text;
    memcpy(at, PREPARED_PREFIX, PREPARED_PREFIX_LEN);
    at += PREPARED_PREFIX_LEN;
    memcpy(at, name->journal, TROTH_JOURNAL_ID_LEN);
    at += TROTH_JOURNAL_ID_LEN;
    *at++ = '_';
    troth_gtid_format(&name->gtid, at);
    at += TROTH_GTID_TEXT_LEN;
    *at++ = '_';
    at = number_write(at, name->branch);
    *at++ = '_';
    at = number_write(at, name->attempt);
    *at = '\0';
}

/* A decimal without leading zero, 1 … max, up to `end` or an underscore. NULL: it is none. */
static const char *number_read(const char *at, const char *end, uint32_t max, uint32_t *ret_number)
{
    if (at == end || *at < '1' || *at > '9')
        return NULL;
    uint32_t number = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (uint32_t)(*at - '0');
        if (number > max)
            return NULL;
    }
    *ret_number = number;
    return at;
}

int troth_prepared_name_parse(const char *text, size_t len, struct troth_prepared_name *ret_name)
{
    const size_t fixed = PREPARED_PREFIX_LEN + TROTH_JOURNAL_ID_LEN + 1 + TROTH_GTID_TEXT_LEN + 1;
    if (text == NULL || ret_name == NULL)
        return TROTH_ERROR_INVALID;
    if (len <= fixed || len > TROTH_PREPARED_NAME_LEN_MAX)
        return TROTH_ERROR_SYNTAX;
    struct troth_prepared_name name = {.branch = 0};
    const char *end = text + len;
    const char *at = text + PREPARED_PREFIX_LEN;
    if (memcmp(text, PREPARED_PREFIX, PREPARED_PREFIX_LEN) != 0 ||
        !troth_journal_id_valid(at, TROTH_JOURNAL_ID_LEN))
        return TROTH_ERROR_SYNTAX;
    memcpy(name.journal, at, TROTH_JOURNAL_ID_LEN);
    at += TROTH_JOURNAL_ID_LEN;
    if (*at++ != '_' || troth_gtid_parse(at, TROTH_GTID_TEXT_LEN, &name.gtid) != 0)
        return TROTH_ERROR_SYNTAX;
    at += TROTH_GTID_TEXT_LEN;
    if (*at++ != '_')
        return TROTH_ERROR_SYNTAX;
    at = number_read(at, end, TROTH_BRANCH_NUMBER_MAX, &name.branch);
    if (at == NULL || at == end || *at++ != '_')
        return TROTH_ERROR_SYNTAX;
    at = number_read(at, end, TROTH_ATTEMPT_MAX, &name.attempt);
    if (at == NULL || at != end)
        return TROTH_ERROR_SYNTAX;
    *ret_name = name;
    return 0;
}
