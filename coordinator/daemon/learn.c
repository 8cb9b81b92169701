#include "learn.h"

#include <assert.h>
#include <string.h>

static void window_open(struct learn *learn, struct mono now)
{
    learn->window_at = now;
    learn->begun = 0;
    learn->conflicts = 0;
    memset(learn->at_step, 0, sizeof learn->at_step);
}

static void window_look(struct learn *learn, struct mono now)
{
    if (learn->window_at.us == 0 || now.us - learn->window_at.us >= LEARN_WINDOW_US) {
        window_open(learn, now);
    }
}

static void become_parallel(struct learn *learn, struct mono now)
{
    learn->mode = LEARN_PARALLEL;
    learn->last_steps = 0;
    learn->term_us = 0;
    window_open(learn, now);
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

/* One probe at a time, and not too soon behind the one before. */
static bool probe_goes(struct learn *learn, struct mono now)
{
    if (learn->mode == LEARN_ORDERED && now.us >= learn->term_at.us) {
        learn->mode = LEARN_PROBING;
    }
    if (learn->mode != LEARN_PROBING || learn->probing || now.us < learn->term_at.us) {
        return false;
    }
    learn->probing = true;
    learn->term_at.us = now.us + LEARN_PROBE_EVERY_US;
    return true;
}

void learn_count(struct learn *learn, bool ordered)
{
    if (ordered) {
        learn->ordered_total++;
    } else {
        learn->parallel_total++;
    }
}

struct learn_way learn_begin(struct learn *learn, struct mono now)
{
    struct learn_way way = {.is_probe = probe_goes(learn, now)};
    way.ordered = learn->mode != LEARN_PARALLEL && !way.is_probe;
    learn_count(learn, way.ordered);
    if (learn->mode == LEARN_PARALLEL) {
        window_look(learn, now);
        learn->begun++;
    }
    return way;
}

/* The steps of the participant at which nearly all conflicts were; none where there is no such. */
static uint64_t hot_steps(const struct learn *learn, const uint64_t *same, uint32_t steps)
{
    uint64_t all = steps == TROTH_BRANCHES_MAX ? ~UINT64_C(0) : (UINT64_C(1) << steps) - 1;
    for (uint32_t i = 0; i < steps; i++) {
        uint64_t there = 0;
        for (uint32_t j = 0; j < steps; j++) {
            there += (same[i] >> j & 1u) != 0 ? learn->at_step[j] : 0;
        }
        if (there * 1000 >= (uint64_t)learn->conflicts * LEARN_LAST_THOUSANDTHS && same[i] != all) {
            return same[i];
        }
    }
    return 0;
}

void learn_conflict(struct learn *learn, uint32_t step, const uint64_t *same, uint32_t steps,
                    struct mono now)
{
    assert(step < steps && steps <= TROTH_BRANCHES_MAX);
    learn->conflicts_total++;
    if (learn->mode != LEARN_PARALLEL) {
        return; /* of one that began before, or a probe: learn_probe_ended() hears of that */
    }
    window_look(learn, now);
    learn->conflicts++;
    learn->at_step[step]++;
    if (learn->conflicts >= LEARN_CONFLICTS_MIN &&
        (uint64_t)learn->conflicts * 1000 >= (uint64_t)learn->begun * LEARN_CONFLICTS_THOUSANDTHS) {
        learn->last_steps = hot_steps(learn, same, steps);
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
