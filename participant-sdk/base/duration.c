/* duration.c: a duration as text, and back. */
#include <base/duration.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <base/number.h>

/* Digits of a fraction; more than this never come out exact in any sensible case, and the products
 * below stay within 64 bits. */
#define FRACTION_DIGITS_MAX 8

#define MINUTE_US UINT64_C(60000000)

static const struct unit {
    char name[4];
    uint8_t name_len;
    uint64_t us;
} units[] = {
    {"us", 2, 1},
    {"ms", 2, 1000},
    {"s", 1, 1000000},
    {"m", 1, MINUTE_US},
    {"h", 1, UINT64_C(3600) * 1000000},
    {"d", 1, UINT64_C(86400) * 1000000},
};
#define SECOND      2 /* of units */
#define UNITS_COUNT (sizeof(units) / sizeof(units[0]))

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static const struct unit *unit_find(const char *name, size_t len)
{
    for (size_t i = 0; i < UNITS_COUNT; i++)
        if (units[i].name_len == len && memcmp(units[i].name, name, len) == 0)
            return &units[i];
    return NULL;
}

/* The part behind the point as microseconds of `unit`; false when it is not a whole number. */
static bool fraction_us(const char *digits, size_t len, uint64_t unit_us, uint64_t *ret_us)
{
    while (len > 0 && digits[len - 1] == '0')
        len--;
    if (len > FRACTION_DIGITS_MAX)
        return false;
    uint64_t numerator = 0, denominator = 1;
    for (size_t i = 0; i < len; i++) {
        numerator = numerator * 10 + (uint64_t)(digits[i] - '0');
        denominator *= 10;
    }
    if (numerator * unit_us % denominator != 0)
        return false;
    *ret_us = numerator * unit_us / denominator;
    return true;
}

int duration_parse(const char *text, size_t len, uint64_t *ret_us)
{
    assert((text != NULL || len == 0) && ret_us != NULL);
    const char *at = text;
    const char *end = text + len;
    uint64_t whole = 0;
    bool too_large = false;
    while (at < end && digit(*at)) {
        if (whole > DURATION_MAX_US / 10)
            too_large = true;
        else
            whole = whole * 10 + (uint64_t)(*at - '0');
        at++;
    }
    if (at == text)
        return TROTH_ERROR_SYNTAX;
    const char *fraction = at;
    size_t fraction_len = 0;
    if (at < end && *at == '.') {
        fraction = ++at;
        while (at < end && digit(*at))
            at++;
        fraction_len = (size_t)(at - fraction);
        if (fraction_len == 0)
            return TROTH_ERROR_SYNTAX;
    }
    const struct unit *unit = unit_find(at, (size_t)(end - at));
    uint64_t part_us = 0;
    if (unit == NULL || !fraction_us(fraction, fraction_len, unit->us, &part_us))
        return TROTH_ERROR_SYNTAX;
    if (too_large || whole > DURATION_MAX_US / unit->us ||
        part_us > DURATION_MAX_US - whole * unit->us)
        return TROTH_ERROR_TOO_LARGE;
    *ret_us = whole * unit->us + part_us;
    return 0;
}

/* us in one unit, or 0 when that needs too many digits behind the point. */
static size_t format_in(uint64_t us, const struct unit *unit, char text[DURATION_TEXT_MAX])
{
    size_t len = number_format(us / unit->us, text);
    uint64_t rest = us % unit->us;
    if (rest != 0)
        text[len++] = '.';
    for (int i = 0; rest != 0; i++) {
        if (i == FRACTION_DIGITS_MAX)
            return 0;
        rest *= 10;
        text[len++] = (char)('0' + rest / unit->us);
        rest %= unit->us;
    }
    memcpy(text + len, unit->name, sizeof unit->name); /* and what is behind it, as one word */
    return len + unit->name_len;
}

/* Below a minute the units are powers of ten of each other, so that the lengths follow from the
 * digits and from the zeros that they end with: one form is written, and not each to compare. */
static const struct unit *shortest_below_minute(uint64_t us)
{
    size_t digits = 1, zeros = 0;
    if (us % 10 != 0) /* all digits are written, in seconds with a letter less and a point more */
        return &units[us < units[SECOND].us ? 0 : SECOND];
    for (uint64_t least = 10; us >= least; least *= 10)
        digits++;
    for (uint64_t rest = us; rest % 10 == 0; rest /= 10)
        zeros++;
    const struct unit *best = &units[0];
    size_t shortest = digits + units[0].name_len;
    for (size_t i = 1; units[i].us <= us; i++) {
        const size_t behind = 3 * i; /* so many of the digits stand behind the point */
        size_t len = zeros >= behind ? digits - behind : digits - zeros + 1;
        len += units[i].name_len;
        if (len <= shortest) { /* equally short: the larger unit */
            shortest = len;
            best = &units[i];
        }
    }
    return best;
}

size_t duration_format(uint64_t us, char ret_text[DURATION_TEXT_MAX])
{
    assert(ret_text != NULL);
    if (us == 0) {
        memcpy(ret_text, "0s", 3);
        return 2;
    }
    if (us < MINUTE_US)
        return format_in(us, shortest_below_minute(us), ret_text);
    size_t shortest = 0;
    for (size_t i = 0; i < UNITS_COUNT && units[i].us <= us; i++) {
        char text[DURATION_TEXT_MAX];
        size_t len = format_in(us, &units[i], text);
        if (len != 0 && (shortest == 0 || len <= shortest)) {
            shortest = len;
            memcpy(ret_text, text, len + 1);
        }
    }
    return shortest;
}
