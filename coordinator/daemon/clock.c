/* clock.c: what time it is: the monotonic clock, and the wall clock of the journal's database. */
#include "clock.h"

#include <stdio.h>

#include <base/now.h>

#include "log.h"

/* What makes the database's wall clock of the monotonic one; 0: no database was heard yet. Of the
 * process, as the clock is. */
static int64_t database_wall_us;

/* How far this node's own wall clock is ahead of the database's. */
static int64_t clock_ahead;

/* Wall times go into the journal and are compared by other nodes, so they are the database's. */
struct txn_now driver_now(void)
{
    struct txn_now now = {.mono = mono_now()};
    now.wall = database_wall_us != 0 ? (struct wall){now.mono.us + (uint64_t)database_wall_us}
                                     : wall_now();
    return now;
}

void clock_follow(int64_t wall_us, int64_t ahead_us)
{
    char text[32];
    database_wall_us = wall_us;
    if (ahead_us == clock_ahead)
        return;
    clock_ahead = ahead_us;
    (void)snprintf(text, sizeof text, "%.1f", (double)ahead_us / 1e6);
    bool much = ahead_us > 1000000 || ahead_us < -1000000;
    log_line(much ? LOG_WARN : LOG_INFO,
             "this node's clock is not the journal's: times follow the journal's", "ahead_seconds",
             text, NULL);
}

int64_t clock_ahead_us(void)
{
    return clock_ahead;
}
