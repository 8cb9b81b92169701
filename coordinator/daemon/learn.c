#include "learn.h"

#include <assert.h>
#include <string.h>

#define BASE_DRIFT   4096u /* the shortest of long ago fades so slowly */
#define TOOK_WEIGHTS 16u   /* of the average: as if of so many */

/* --- whether they go in order ------------------------------------------------------------------
 */

static void window_look(struct learn *learn, struct mono now)
{
    if (learn->window_at.us == 0 || now.us - learn->window_at.us >= LEARN_WINDOW_US) {
        learn->window_at = now;
        learn->begun = 0;
        learn->conflicts = 0;
    }
}

static void become_parallel(struct learn *learn, struct mono now)
{
    learn->mode = LEARN_PARALLEL;
    learn->term_us = 0;
    learn->window_at.us = 0;
    window_look(learn, now);
}

static void become_ordered(struct learn *learn, struct mono now)
{
    learn->mode = LEARN_ORDERED;
    learn->term_us = learn->term_us == 0 ? LEARN_TERM_US : learn->term_us * 2;
    if (learn->term_us > LEARN_TERM_MAX_US) {
        learn->term_us = LEARN_TERM_MAX_US;
    }
    learn->term_at.us = now.us + learn->term_us;
    learn->probes_good = 0;
}

static void measure_anew(struct learn *learn)
{
    memset(learn->took_us, 0, sizeof learn->took_us);
    learn->limit_votes = 0;
    learn->order_votes = 0;
}

/* How much longer than the shortest the slowest step's prepares take. */
static uint64_t wait_thousandths(const struct learn *learn)
{
    uint64_t longest_us = 0;
    for (uint32_t i = 0; i < TROTH_BRANCHES_MAX; i++) {
        longest_us = learn->took_us[i] > longest_us ? learn->took_us[i] : longest_us;
    }
    return learn->base_us == 0 ? 0 : longest_us * 1000 / learn->base_us;
}

/* One probe at a time, and not too soon behind the one before. */
static bool probe_goes(struct learn *learn, struct mono now)
{
    if (learn->mode == LEARN_ORDERED && now.us >= learn->term_at.us) {
        if (wait_thousandths(learn) < LEARN_CALM_THOUSANDTHS) {
            learn->mode = LEARN_PROBING;
        } else {
            become_ordered(learn, now);
        }
    }
    if (learn->mode != LEARN_PROBING || learn->probing || now.us < learn->term_at.us) {
        return false;
    }
    learn->probing = true;
    learn->term_at.us = now.us + LEARN_PROBE_EVERY_US;
    return true;
}

static void count(struct learn *learn, bool ordered)
{
    if (ordered) {
        learn->ordered_total++;
    } else {
        learn->parallel_total++;
    }
}

void learn_said(struct learn *learn, bool ordered)
{
    count(learn, ordered);
    if (ordered && !learn->said) {
        learn->said = true;
        learn->mode = LEARN_ORDERED;
        learn->limit = LEARN_LIMIT_START;
    }
}

struct learn_way learn_begin(struct learn *learn, struct mono now)
{
    struct learn_way way = {.is_probe = probe_goes(learn, now)};
    way.ordered = learn->mode != LEARN_PARALLEL && !way.is_probe;
    count(learn, way.ordered);
    if (learn->mode == LEARN_PARALLEL) {
        window_look(learn, now);
        learn->begun++;
    }
    return way;
}

void learn_conflict(struct learn *learn, struct mono now)
{
    learn->conflicts_total++;
    if (learn->mode != LEARN_PARALLEL) {
        return; /* of one that began before, or a probe: learn_probe_ended() hears of that */
    }
    window_look(learn, now);
    learn->conflicts++;
    if (learn->conflicts >= LEARN_CONFLICTS_MIN &&
        (uint64_t)learn->conflicts * 1000 >= (uint64_t)learn->begun * LEARN_CONFLICTS_THOUSANDTHS) {
        learn->limit = LEARN_LIMIT_START;
        measure_anew(learn);
        become_ordered(learn, now);
    }
}

void learn_probe_ended(struct learn *learn, enum learn_probe probe, struct mono now)
{
    learn->probing = false;
    if (learn->mode != LEARN_PROBING || probe == LEARN_PROBE_NEITHER) {
        return;
    }
    if (probe == LEARN_PROBE_CONFLICT) {
        become_ordered(learn, now);
    } else if (++learn->probes_good == LEARN_PROBES_GOOD) {
        become_parallel(learn, now);
    }
}

/* --- how many, and in which order ---------------------------------------------------------------
 */

static uint32_t eighth(uint32_t limit)
{
    return limit < 8 ? 1 : limit / 8;
}

/* As many votes as there are under way, before what changed shows. */
static void limit_look(struct learn *learn, bool full)
{
    uint64_t wait = wait_thousandths(learn);
    if (++learn->limit_votes < LEARN_LIMIT_VOTES + 2 * learn->limit) {
        return;
    }
    learn->limit_votes = 0;
    if (wait > LEARN_TIGHT_THOUSANDTHS) {
        learn->limit -= eighth(learn->limit);
    } else if (wait < LEARN_CALM_THOUSANDTHS && full) {
        learn->limit += eighth(learn->limit);
    }
    if (learn->limit < LEARN_LIMIT_MIN) {
        learn->limit = LEARN_LIMIT_MIN;
    } else if (learn->limit > LEARN_LIMIT_MAX) {
        learn->limit = LEARN_LIMIT_MAX;
    }
}

static uint64_t wait_at(const struct learn *learn, uint64_t steps)
{
    uint64_t longest_us = 0;
    for (; steps != 0; steps &= steps - 1) {
        uint64_t took_us = learn->took_us[__builtin_ctzll(steps)];
        longest_us = took_us > longest_us ? took_us : longest_us;
    }
    return longest_us > learn->base_us ? longest_us - learn->base_us : 0;
}

/* The steps of the participant whose prepares wait longest. */
static uint64_t hottest(const struct learn *learn, const struct learn_steps *steps)
{
    uint64_t found = steps->beside[0];
    for (uint32_t i = 1; i < steps->count; i++) {
        if (wait_at(learn, steps->beside[i]) > wait_at(learn, found)) {
            found = steps->beside[i];
        }
    }
    return found;
}

static void order_change(struct learn *learn, uint64_t last_steps)
{
    learn->last_steps = last_steps;
    learn->order_version++;
    measure_anew(learn);
}

static void order_look(struct learn *learn, const struct learn_steps *steps, struct mono now)
{
    uint64_t last = learn->last_steps != 0 ? learn->last_steps : steps->last_by_name;
    if (++learn->order_votes < LEARN_TRIAL_VOTES) {
        return;
    }
    learn->order_votes = 0;
    uint64_t hot = hottest(learn, steps);
    bool stands_out =
        hot != last &&
        wait_at(learn, hot) > LEARN_TRIAL_WAITS * (wait_at(learn, last) + learn->base_us);
    if (learn->last_steps == 0 && stands_out && now.us >= learn->order_again_at.us) {
        order_change(learn, hot);
        learn->order_tried = true;
    } else if (learn->last_steps != 0 && (stands_out || (learn->order_tried && hot != last))) {
        order_change(learn, 0); /* both sides are hot: whoever is first keeps those that wait */
        learn->order_again_at.us = now.us + LEARN_TRIAL_AGAIN_US;
        learn->order_tried = false;
    } else {
        learn->order_tried = false;
    }
}

void learn_vote(struct learn *learn, const struct learn_steps *steps, uint32_t step,
                uint64_t took_us, bool full, struct mono now)
{
    assert(step < steps->count);
    uint64_t *average = &learn->took_us[step];
    took_us = took_us == 0 ? 1 : took_us;
    learn->base_us += learn->base_us / BASE_DRIFT;
    if (learn->base_us == 0 || took_us < learn->base_us) {
        learn->base_us = took_us;
    }
    *average = *average == 0 ? took_us : (*average * (TOOK_WEIGHTS - 1) + took_us) / TOOK_WEIGHTS;
    if (learn->mode == LEARN_PARALLEL) {
        return;
    }
    limit_look(learn, full);
    if (!learn->said) {
        order_look(learn, steps, now);
    }
}
