/* The database's clock, and this node's wall clock beside it. Times in the journal are written by
 * one node and read by another: a clock that is a day ahead would end every deadline at once, at a
 * takeover. So all of Troth's wall times are the database's, carried on by the monotonic clock,
 * which nobody sets: a wall clock that jumps changes nothing. A node whose wall clock differs too
 * much does not begin to lead: what else is wrong with it? */
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/now.h>

#include "ticks.h"

/* Not worth a step of the time that is told: less than this, or than the answer took. */
#define NOTE_US  INT64_C(100000)
#define US_PER_S 1e6

/* Takes a new value where it is another one, and not only as wrong as the old one may be. */
static bool note(int64_t *value, int64_t seen, int64_t took)
{
    int64_t step = llabs(seen - *value);
    if (step < NOTE_US || step < took)
        return false;
    *value = seen;
    return true;
}

/* The database's answer was made at some moment between the asking and now: the middle is wrong by
 * half of that at most. */
void clock_note(struct journal *journal, uint64_t asked_us, struct wall database)
{
    int64_t now = (int64_t)clock_mono_us(), took = now - (int64_t)asked_us;
    int64_t wall = (int64_t)database.us + took / 2;
    if (database.us == 0)
        return;
    bool moved = note(&journal->clock_wall_us, wall - now, took);
    bool strayed = note(&journal->clock_ahead_us, (int64_t)wall_now().us - wall, took);

    if ((moved || strayed) && journal->callbacks.clock != NULL)
        journal->callbacks.clock(journal->arg, journal->clock_wall_us, journal->clock_ahead_us);
}

bool clock_is_right(struct journal *journal)
{
    int64_t off = llabs(journal->clock_ahead_us);
    char why[LINK_WHY_MAX];
    if ((uint64_t)off <= journal->clock_difference_us)
        return true;
    (void)snprintf(why, sizeof why,
                   "this node's clock is %.0f s %s the clock of the journal's database, more than "
                   "clock_difference_max (%.0f s): it does not lead until that is mended "
                   "(timedatectl, chronyc)",
                   (double)off / US_PER_S, journal->clock_ahead_us > 0 ? "ahead of" : "behind",
                   (double)journal->clock_difference_us / US_PER_S);
    journal->hello_failed = true; /* said here: the connection's end has nothing to add */
    state_set(journal, JOURNAL_CONNECTING, why);
    return false;
}
