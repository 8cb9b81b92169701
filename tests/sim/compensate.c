/* compensate.c: the guard's cases for sagas (participant-sdk.md): compensate and status. */
#include "sim.h"

static struct guard *guard_of(struct world *world, const struct sim_event *event)
{
    return &world->txns[event->txn].guard[event->branch];
}

/* Nothing to undo: a tombstone refuses the action if it comes later. */
static void null_compensation(struct world *world, const struct sim_event *event)
{
    struct guard *guard = guard_of(world, event);
    if (guard->prepared != 0 && guard->prepared < event->attempt)
        participant_roll_back(world, event->txn, event->branch);
    if (guard->running < event->attempt)
        guard->running = 0;
    if (world->mutation != MUTATE_UNDO_NO_TOMBSTONE)
        participant_tombstone(guard, event->attempt);
}

void participant_compensate(struct world *world, const struct sim_event *event)
{
    struct guard *guard = guard_of(world, event);
    struct result done = {.result = RESULT_DONE, .state = BRANCH_IS_COMPENSATED};
    if (guard->running == event->attempt && world->mutation != MUTATE_UNDO_NO_TOMBSTONE) {
        participant_answer(world, event,
                           (struct result){.result = RESULT_RETRY, .retry_after_us = 5000});
        return;
    }
    if (world_chance(world, 150)) {
        participant_answer(world, event, (struct result){.result = RESULT_RETRY});
        return;
    }
    if (world_faulty(world) && guard->confused &&
        participant_is_plain(world, event->txn, event->branch))
        guard->undo_no = event->attempt; /* and it keeps its answer under its key */
    if (guard->undo_no == event->attempt) {
        participant_answer(world, event, (struct result){.result = RESULT_REFUSED});
        return;
    }
    if (guard->committed == 0) {
        null_compensation(world, event);
    } else if (!guard->compensated) {
        check_compensated(world, &world->txns[event->txn], event->branch, event->attempt);
        world_trace(world, "participant: txn %u/%u compensated #%u", event->txn, event->branch + 1,
                    event->attempt);
        guard->compensated = true;
    }
    participant_answer(world, event, done);
}

void participant_status(struct world *world, const struct sim_event *event)
{
    const struct guard *guard = guard_of(world, event);
    struct result result = {.result = RESULT_DONE, .state = BRANCH_IS_UNKNOWN};
    result.output = (struct troth_span){"{}", 2}; /* which is no output */
    if (guard->compensated) {
        result.state = BRANCH_IS_COMPENSATED;
    } else if (guard->committed != 0) {
        result.state = BRANCH_IS_COMMITTED;
        result.output = (struct troth_span){"{\"n\":1}", 7};
    } else if (guard->prepared >= event->attempt) {
        result.state = BRANCH_IS_PREPARED;
    } else if (guard->tombstone >= event->attempt) {
        result.state = BRANCH_IS_ABORTED;
    }
    participant_answer(world, event, result);
}
