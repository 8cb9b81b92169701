/* retry_after.c: when a participant wants to be asked again (RFC 9110, 10.2.3): in so many seconds,
 * or at a date. A date is by the participant's own clock, which its Date header tells, so that no
 * two clocks have to agree. */
#include "retry_after.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/number.h>

#define SECONDS_MAX INT64_C(1000000000) /* more is as much; txn has a limit of its own */

static bool read_seconds(struct troth_span text, int64_t *ret_seconds)
{
    uint64_t seconds = 0;
    bool good = number_parse(text, SECONDS_MAX, &seconds) != TROTH_ERROR_SYNTAX;
    *ret_seconds = (int64_t)seconds;
    return good;
}

static int month_of(const char *name)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int i = 0; i < 12; i++)
        if (strcmp(name, months[i]) == 0)
            return i;
    return -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", which is what is sent since 1996; the older forms are not read.
 */
static bool read_date(struct troth_span text, int64_t *ret_seconds)
{
    char copy[32], month[4];
    struct tm tm = {.tm_isdst = 0};
    int end = 0;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &tm.tm_mday, month,
               &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
        end != (int)text.len)
        return false;
    tm.tm_mon = month_of(month);
    tm.tm_year -= 1900;
    *ret_seconds = timegm(&tm);
    return tm.tm_mon >= 0;
}

uint64_t channel_outbound_retry_after_us(const struct http_reply *reply)
{
    struct troth_span value, date;
    int64_t seconds = 0, at = 0, now = 0;
    if (!http_reply_header(reply, "Retry-After", &value))
        return 0;
    if (!read_seconds(value, &seconds) && read_date(value, &at) &&
        http_reply_header(reply, "Date", &date) && read_date(date, &now))
        seconds = at - now;
    if (seconds > SECONDS_MAX)
        seconds = SECONDS_MAX;
    return seconds > 0 ? (uint64_t)seconds * 1000000u : 0;
}
