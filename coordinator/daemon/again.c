/* again.c: what is said again to a participant waits for its turn.
 *
 * A participant that is away, or answers "not now", leaves its transactions in doubt, each of which
 * says its decision again and again, by a schedule of its own. A hundred thousand of them would be
 * ten thousand commands a second, which nobody answers, and half of what everybody else wants done.
 * So of the commits and aborts that are said again only retry_rate a second leave for each
 * participant, the others wait in line, first come first served. Each one that is acknowledged lets
 * two more go: a participant that is back is told as fast as it answers.
 *
 * A first try never waits: whoever asked for the transaction waits for it. Compensations and
 * executes do not, either: their tries are limited and counted by their definitions. */
#include "again.h"

#include <assert.h>
#include <stdlib.h>

#define US_PER_S        UINT64_C(1000000)
#define GRANTS          2u              /* for one that is acknowledged */
#define GRANTED_MAX     100000u         /* that have not left yet */
#define CREDIT_PARTS    8u              /* of a second's, that may leave at once … */
#define CREDIT_LEAST_US (16 * US_PER_S) /* … but no fewer */

void again_init(struct again_pace *pace)
{
    *pace = (struct again_pace){0};
    TAILQ_INIT(&pace->line);
}

/* --- the pace -------------------------------------------------------------------------------- */

static void earn(struct again_pace *pace, uint64_t rate, struct mono now)
{
    uint64_t most_us = rate * US_PER_S / CREDIT_PARTS;
    most_us = most_us > CREDIT_LEAST_US ? most_us : CREDIT_LEAST_US;
    uint64_t passed_us = now.us - pace->credit_at.us; /* the first time it is all that there is */
    passed_us = passed_us < most_us ? passed_us : most_us;
    pace->credit_us += passed_us * rate;
    pace->credit_us = pace->credit_us < most_us ? pace->credit_us : most_us;
    pace->credit_at = now;
}

static bool may_leave(struct again_pace *pace, uint64_t rate, struct mono now)
{
    earn(pace, rate, now);
    if (pace->granted > 0) {
        pace->granted--;
        return true;
    }
    if (pace->credit_us < US_PER_S)
        return false;
    pace->credit_us -= US_PER_S;
    return true;
}

bool again_leaves(struct again_pace *pace, uint64_t rate, struct mono now)
{
    return pace->waiting == 0 && may_leave(pace, rate, now);
}

void again_acknowledged(struct again_pace *pace)
{
    if (pace->waiting == 0)
        pace->granted = 0;
    else if (pace->granted < GRANTED_MAX)
        pace->granted += GRANTS;
}

/* --- the line -------------------------------------------------------------------------------- */

static void take_out(struct again_paces *paces, struct again *again)
{
    struct again_pace *pace = again->pace;
    assert(pace->waiting > 0);
    LIST_REMOVE(again, of_entry);
    TAILQ_REMOVE(&pace->line, again, in_line);
    if (--pace->waiting == 0)
        TAILQ_REMOVE(paces, pace, link);
}

bool again_wait(struct again_paces *paces, const struct again *what, struct again_own *own)
{
    struct again *again = malloc(sizeof *again);
    if (again == NULL)
        return false;
    *again = *what;
    LIST_INSERT_HEAD(own, again, of_entry);
    TAILQ_INSERT_TAIL(&again->pace->line, again, in_line);
    if (again->pace->waiting++ == 0)
        TAILQ_INSERT_TAIL(paces, again->pace, link);
    return true;
}

bool again_next(struct again_paces *paces, uint64_t rate, struct mono now, struct again *ret_again)
{
    struct again_pace *pace;
    TAILQ_FOREACH(pace, paces, link)
    {
        if (may_leave(pace, rate, now)) {
            struct again *again = TAILQ_FIRST(&pace->line);
            take_out(paces, again);
            *ret_again = *again;
            free(again);
            return true;
        }
    }
    return false;
}

void again_forget(struct again_paces *paces, struct again_own *own)
{
    struct again *again;
    while ((again = LIST_FIRST(own)) != NULL) {
        take_out(paces, again);
        free(again);
    }
}
