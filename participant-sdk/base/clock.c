/* clock.c: a moment as RFC 3339 text, and back. */
#include <base/clock.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/* 9999-12-31T23:59:59.999999Z: what is later is written as this. */
#define WALL_MAX_US UINT64_C(253402300799999999)

/* The last `count` digits, and what comes behind them. */
static char *digits_put(char *at, unsigned number, int count, char behind)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[count] = behind;
    return at + count + 1;
}

void wall_format(struct wall time, char ret_text[WALL_TEXT_LEN + 1])
{
    assert(ret_text != NULL);
    uint64_t us = time.us < WALL_MAX_US ? time.us : WALL_MAX_US;
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char *at = digits_put(ret_text, (unsigned)(tm.tm_year + 1900), 4, '-');
    at = digits_put(at, (unsigned)(tm.tm_mon + 1), 2, '-');
    at = digits_put(at, (unsigned)tm.tm_mday, 2, 'T');
    at = digits_put(at, (unsigned)tm.tm_hour, 2, ':');
    at = digits_put(at, (unsigned)tm.tm_min, 2, ':');
    at = digits_put(at, (unsigned)tm.tm_sec, 2, '.');
    at = digits_put(at, (unsigned)(us % 1000000), 6, 'Z');
    *at = '\0';
}

/* `count` digits as a number; false when there is anything else. */
static bool digits_read(const char *text, size_t count, int *ret_number)
{
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* What is between the seconds and the Z: nothing, or a point and 1 to 6 digits. */
static bool fraction_read(const char *text, size_t len, uint64_t *ret_us)
{
    if (len == 0) {
        *ret_us = 0;
        return true;
    }
    int number;
    if (len < 2 || len > 7 || text[0] != '.' || !digits_read(text + 1, len - 1, &number))
        return false;
    uint64_t us = (uint64_t)number;
    for (size_t digits = len - 1; digits < 6; digits++)
        us *= 10;
    *ret_us = us;
    return true;
}

int wall_parse(const char *text, size_t len, struct wall *ret_time)
{
    assert((text != NULL || len == 0) && ret_time != NULL);
    static const char shape[] = "0000-00-00T00:00:00";
    const size_t shape_len = sizeof(shape) - 1;
    if (len < shape_len + 1 || text[len - 1] != 'Z')
        return TROTH_ERROR_SYNTAX;
    for (size_t i = 0; i < shape_len; i++)
        if (shape[i] != '0' && text[i] != shape[i])
            return TROTH_ERROR_SYNTAX;
    struct tm tm = {.tm_isdst = 0};
    uint64_t us;
    if (!digits_read(text, 4, &tm.tm_year) || !digits_read(text + 5, 2, &tm.tm_mon) ||
        !digits_read(text + 8, 2, &tm.tm_mday) || !digits_read(text + 11, 2, &tm.tm_hour) ||
        !digits_read(text + 14, 2, &tm.tm_min) || !digits_read(text + 17, 2, &tm.tm_sec) ||
        !fraction_read(text + shape_len, len - shape_len - 1, &us))
        return TROTH_ERROR_SYNTAX;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    struct tm normal = tm;
    time_t seconds = timegm(&normal);
    /* timegm turns the 30th of February into the 2nd of March: refuse what it had to change */
    if (seconds < 0 || normal.tm_year != tm.tm_year || normal.tm_mon != tm.tm_mon ||
        normal.tm_mday != tm.tm_mday || normal.tm_hour != tm.tm_hour ||
        normal.tm_min != tm.tm_min || normal.tm_sec != tm.tm_sec)
        return TROTH_ERROR_SYNTAX;
    ret_time->us = (uint64_t)seconds * 1000000 + us;
    return 0;
}
