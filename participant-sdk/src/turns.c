/* turns.c: who tries again what a serialisation failure or a deadlock has ended.
 *
 * Serialisable transactions that want one row all fail when its holder commits, but for one; if all
 * of those came back at once they would do so in vain, and whoever is lucky, not who has waited for
 * longest, would get the row. So they come back in turns, the oldest transaction first. How many at
 * a time nobody can know, since nobody knows which rows they want: each one that succeeds makes
 * room for half a turn more, each that fails again for a fifth of all less, down to one. */
#include "turns.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/now.h>

#include "task.h"

#define WHOLE    1000u /* one turn */
#define WIDENED  (WHOLE / 2)
#define NARROWED 5u /* by so many parts, one of them */
/* Then it comes without a turn: those before it may wait for what it holds elsewhere. */
#define TURN_WAIT_US UINT64_C(1000000)

struct turn {
    struct turn *next;
    troth_gtid gtid;
    pthread_cond_t wake;
    bool given;
};

struct turns {
    pthread_mutex_t lock;
    struct turn *first; /* waiting, oldest first; one a connection */
    uint32_t most;
    uint32_t given;
    uint32_t width; /* in thousandths */
};

int turns_create(uint32_t most, struct turns **ret_turns)
{
    struct turns *turns = calloc(1, sizeof *turns);
    if (turns == NULL)
        return TROTH_ERROR_NO_MEMORY;
    (void)pthread_mutex_init(&turns->lock, NULL); /* never fails with default attributes */
    turns->most = most;
    turns->width = WHOLE;
    *ret_turns = turns;
    return 0;
}

void turns_destroy(struct turns *turns)
{
    if (turns == NULL)
        return;
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

/* Under the lock. */
static void give(struct turns *turns)
{
    while (turns->first != NULL && turns->given * WHOLE < turns->width) {
        struct turn *turn = turns->first;

        turns->first = turn->next;
        turns->given++;
        turn->given = true;
        (void)pthread_cond_signal(&turn->wake);
    }
}

static void queue(struct turns *turns, struct turn *turn)
{
    struct turn **at = &turns->first;
    while (*at != NULL && memcmp((*at)->gtid.bytes, turn->gtid.bytes, sizeof turn->gtid.bytes) <= 0)
        at = &(*at)->next;
    turn->next = *at;
    *at = turn;
}

static void leave(struct turns *turns, const struct turn *turn)
{
    struct turn **at = &turns->first;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
}

static void wait_for(struct turns *turns, struct turn *turn, uint64_t until_us)
{
    const struct timespec until = timespec_of(until_us);
    int error = 0;
    queue(turns, turn);
    give(turns);
    while (!turn->given && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&turn->wake, &turns->lock, &until);
    if (!turn->given)
        leave(turns, turn);
}

bool turns_take(struct turns *turns, const troth_gtid *gtid, uint64_t wait_us)
{
    struct turn turn = {.gtid = *gtid};
    const uint64_t now_us = task_now_us();
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic); /* these never fail with a clock that is there */
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&turn.wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pthread_mutex_lock(&turns->lock);
    wait_for(turns, &turn, now_us + (wait_us < TURN_WAIT_US ? wait_us : TURN_WAIT_US));
    pthread_mutex_unlock(&turns->lock);
    pthread_cond_destroy(&turn.wake);
    return turn.given;
}

void turns_failed(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    assert(turns->given > 0);
    turns->width -= turns->width / NARROWED;
    if (turns->width < WHOLE)
        turns->width = WHOLE;
    pthread_mutex_unlock(&turns->lock);
}

void turns_give_back(struct turns *turns, bool done)
{
    pthread_mutex_lock(&turns->lock);
    assert(turns->given > 0);
    turns->given--;
    if (done && turns->width < turns->most * WHOLE)
        turns->width += WIDENED;
    give(turns);
    pthread_mutex_unlock(&turns->lock);
}
