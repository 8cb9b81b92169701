/* learn.c: how the transactions of a definition prepare, learnt. See learn.h. */
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
    learn->parallel_at = now;
    learn->window_at.us = 0;
    window_look(learn, now);
}

/* Behind a return to parallel that did not last the term is longer, too. */
static void become_ordered(struct learn *learn, struct mono now)
{
    if (learn->mode == LEARN_PARALLEL && now.us > learn->parallel_at.us + LEARN_TERM_US)
        learn->term_us = 0;
    learn->mode = LEARN_ORDERED;
    learn->term_us = learn->term_us == 0 ? LEARN_TERM_US : learn->term_us * 2;
    if (learn->term_us > LEARN_TERM_MAX_US)
        learn->term_us = LEARN_TERM_MAX_US;
    learn->term_at.us = now.us + learn->term_us;
    learn->probes_good = 0;
}

static void epoch_begin(struct learn *learn, uint32_t settling)
{
    learn->settling = settling;
    learn->left = 0;
    learn->epoch_full = true;
}

static void measure_anew(struct learn *learn)
{
    memset(learn->took_us, 0, sizeof learn->took_us);
    learn->order_votes = 0;
    epoch_begin(learn, learn->limit);
}

/* One at a time and side by side, or so many in order: the order changes with it. */
static void way_set(struct learn *learn, bool in_turn)
{
    uint32_t settling = learn->in_turn != in_turn ? learn->limit : 0;
    learn->order_version += learn->in_turn != in_turn ? 1 : 0;
    learn->in_turn = in_turn;
    learn->way_epochs = 0;
    epoch_begin(learn, settling);
}

/* The limit is to be found, and the way: in turn is measured first. */
static void limit_begin(struct learn *learn)
{
    learn->limit = learn->home = LEARN_LIMIT_START;
    learn->home_rate = 0;
    learn->climbing = true;
    learn->epochs = 0;
    learn->turn_home = false;
    learn->turn_rate = 0;
    learn->way_stay = 0;
    measure_anew(learn);
    way_set(learn, !learn->said && !learn->crossed);
}

/* One probe at a time, and not too soon behind the one before. */
static bool probe_goes(struct learn *learn, struct mono now)
{
    if (learn->mode == LEARN_ORDERED && now.us >= learn->term_at.us)
        learn->mode = LEARN_PROBING;
    if (learn->mode != LEARN_PROBING || learn->probing || now.us < learn->term_at.us)
        return false;
    learn->probing = true;
    learn->term_at.us = now.us + LEARN_PROBE_EVERY_US;
    return true;
}

static void count(struct learn *learn, bool ordered)
{
    if (ordered)
        learn->ordered_total++;
    else
        learn->parallel_total++;
}

void learn_said(struct learn *learn, bool ordered)
{
    count(learn, ordered);
    if (ordered && !learn->said) {
        learn->said = true;
        learn->mode = LEARN_ORDERED;
        limit_begin(learn);
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
    if (learn->mode != LEARN_PARALLEL)
        return; /* of one that began before, or a probe: learn_probe_ended() hears of that */
    window_look(learn, now);
    learn->conflicts++;
    if (learn->conflicts >= LEARN_CONFLICTS_MIN &&
        (uint64_t)learn->conflicts * 1000 >= (uint64_t)learn->begun * LEARN_CONFLICTS_THOUSANDTHS) {
        limit_begin(learn);
        become_ordered(learn, now);
    }
}

void learn_probe_ended(struct learn *learn, enum learn_probe probe, struct mono now)
{
    learn->probing = false;
    if (learn->mode != LEARN_PROBING || probe == LEARN_PROBE_NEITHER)
        return;
    if (probe == LEARN_PROBE_CONFLICT)
        become_ordered(learn, now);
    else if (++learn->probes_good == LEARN_PROBES_GOOD)
        become_parallel(learn, now);
}

/* --- how many, and in which order ---------------------------------------------------------------
 */

static uint32_t bounded(uint32_t limit)
{
    if (limit < LEARN_LIMIT_MIN)
        return LEARN_LIMIT_MIN;
    return limit > LEARN_LIMIT_MAX ? LEARN_LIMIT_MAX : limit;
}

static bool is_faster(uint64_t rate, uint64_t than, uint32_t thousandths)
{
    return rate * 1000 > than * thousandths;
}

static void limit_set(struct learn *learn, uint32_t limit)
{
    limit = bounded(limit);
    epoch_begin(learn, limit != learn->limit ? limit + learn->limit : 0);
    learn->limit = limit;
}

/* At home: is it time to try another one? More only where others wait. */
static void limit_try(struct learn *learn, bool full)
{
    uint32_t home = learn->home;
    if (learn->climbing && full) {
        limit_set(learn, home * 2);
        return;
    }
    learn->climbing = false;
    if (++learn->epochs < LEARN_EPOCHS_STAY) {
        limit_set(learn, home);
        return;
    }
    learn->epochs = 0;
    bool fewer = learn->fewer_next || !full;
    learn->fewer_next = !fewer;
    limit_set(learn, fewer ? home - (home < 6 ? 1 : home / 3) : home + (home < 4 ? 1 : home / 2));
}

/* A trial is over. What was better is tried further, soon. */
static void limit_judge(struct learn *learn, uint64_t rate)
{
    bool fewer = learn->limit < learn->home;
    uint32_t wanted = learn->climbing ? LEARN_CLIMB_THOUSANDTHS
                      : fewer         ? LEARN_FEWER_THOUSANDTHS
                                      : LEARN_MORE_THOUSANDTHS;
    if (!is_faster(rate, learn->home_rate, wanted)) {
        learn->climbing = false;
        return;
    }
    learn->home = learn->limit;
    learn->home_rate = rate;
    learn->fewer_next = fewer;
    learn->epochs = LEARN_EPOCHS_STAY - 1;
}

static uint64_t average(uint64_t rate, uint64_t of_late)
{
    return rate == 0 ? of_late : (rate * 3 + of_late) / 4;
}

/* Both rates are known: the faster way stays, and the longer the more often that was so. */
static void way_judge(struct learn *learn)
{
    bool in_turn = is_faster(learn->turn_rate, learn->home_rate, LEARN_TURN_THOUSANDTHS);
    bool in_vain = in_turn == learn->turn_home && learn->way_stay != 0;
    learn->way_stay = in_vain ? learn->way_stay * 2 : LEARN_WAY_STAY;
    if (learn->way_stay > LEARN_WAY_STAY_MAX)
        learn->way_stay = LEARN_WAY_STAY_MAX;
    learn->turn_home = in_turn;
    if (in_turn && learn->home > LEARN_LIMIT_START)
        learn->home = learn->limit = LEARN_LIMIT_START; /* where the next trial begins */
    way_set(learn, in_turn);
}

/* An epoch in turn is over. The first comes before anything else was measured. */
static void turn_end(struct learn *learn, uint64_t rate)
{
    learn->turn_rate = learn->turn_home ? average(learn->turn_rate, rate) : rate;
    if (learn->home_rate == 0)
        way_set(learn, false);
    else if (!learn->turn_home)
        way_judge(learn);
    else if (++learn->way_epochs >= learn->way_stay)
        way_set(learn, false);
    else
        epoch_begin(learn, 0);
}

/* An epoch in order is over. true: the ways are judged, or the other one is tried. */
static bool way_look(struct learn *learn)
{
    if (learn->said || learn->crossed || learn->climbing)
        return false;
    if (learn->turn_rate != 0 && (learn->turn_home || learn->way_stay == 0))
        way_judge(learn);
    else if (++learn->way_epochs >= learn->way_stay)
        way_set(learn, true);
    else
        return false;
    return true;
}

static void epoch_end(struct learn *learn, uint64_t rate)
{
    if (learn->in_turn) {
        turn_end(learn, rate);
        return;
    }
    if (learn->limit != learn->home) {
        limit_judge(learn, rate);
        limit_set(learn, learn->home);
        return;
    }
    learn->home_rate = learn->turn_home ? rate : average(learn->home_rate, rate);
    if (!way_look(learn))
        limit_try(learn, learn->epoch_full);
}

void learn_left(struct learn *learn, bool full, struct mono now)
{
    if (learn->mode == LEARN_PARALLEL)
        return;
    if (learn->settling > 0 || learn->epoch_at.us == 0) {
        learn->settling -= learn->settling > 0 ? 1 : 0;
        learn->epoch_at = now;
        return;
    }
    learn->epoch_full = learn->epoch_full && full;
    if (++learn->left < LEARN_EPOCH_MIN + 2 * learn->limit)
        return;
    uint64_t elapsed_us = now.us > learn->epoch_at.us ? now.us - learn->epoch_at.us : 1;
    learn->epoch_at = now;
    epoch_end(learn, learn->left * UINT64_C(3600000000) / elapsed_us);
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
    for (uint32_t i = 1; i < steps->count; i++)
        if (wait_at(learn, steps->beside[i]) > wait_at(learn, found))
            found = steps->beside[i];
    return found;
}

static void order_change(struct learn *learn, uint64_t last_steps)
{
    learn->last_steps = last_steps;
    learn->order_version++;
    measure_anew(learn);
}

void learn_order(struct learn *learn, const struct learn_steps *steps, bool alone, struct mono now)
{
    learn->crossed = !alone;
    if (learn->crossed && (learn->in_turn || learn->turn_home)) {
        learn->turn_home = false;
        learn->turn_rate = 0;
        way_set(learn, false);
    }
    if (learn->in_turn)
        return;
    uint64_t last = learn->last_steps != 0 ? learn->last_steps : steps->last_by_name;
    uint64_t hot = hottest(learn, steps);
    uint64_t other_us = wait_at(learn, last) + learn->base_us;
    bool stands_out = hot != last && wait_at(learn, hot) > LEARN_TRIAL_WAITS * other_us;
    bool wrong = !alone || stands_out || (learn->order_tried && hot != last);
    if (learn->last_steps != 0 && wrong) { /* or both sides are hot: the first keeps who waits */
        order_change(learn, 0);
        learn->order_again_at.us = now.us + LEARN_TRIAL_AGAIN_US;
        learn->order_tried = false;
    } else if (learn->last_steps == 0 && stands_out && alone &&
               now.us >= learn->order_again_at.us) {
        order_change(learn, hot);
        learn->order_tried = true;
    } else {
        learn->order_tried = false;
    }
}

static void took(struct learn *learn, uint64_t *step_us, uint64_t took_us)
{
    learn->base_us += learn->base_us / BASE_DRIFT;
    if (learn->base_us == 0 || took_us < learn->base_us)
        learn->base_us = took_us;
    *step_us = *step_us == 0 ? took_us : (*step_us * (TOOK_WEIGHTS - 1) + took_us) / TOOK_WEIGHTS;
}

bool learn_vote(struct learn *learn, uint32_t step, uint64_t took_us)
{
    assert(step < TROTH_BRANCHES_MAX);
    if (!learn->in_turn)
        took(learn, &learn->took_us[step], took_us == 0 ? 1 : took_us);
    if (learn->mode == LEARN_PARALLEL || learn->said || ++learn->order_votes < LEARN_TRIAL_VOTES)
        return false;
    learn->order_votes = 0;
    return true;
}
