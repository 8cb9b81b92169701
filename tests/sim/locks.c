/* locks.c: the rows of a participant's database, and who waits for them. A row is held from the
 * beginning of the work to its commit or rollback, also while that is prepared. Waiters are served
 * in their order; nobody waits for ever: a wait has its time, and who prepares in order looks up
 * who holds the row, and gives way when that is an older one that is prepared. In a blind world
 * nobody can look that up, as services of plain http cannot. */
#include "sim.h"

#define LOOK_US 200000u /* an ordered wait looks up its holder, again and again */

static struct guard *guard_at(struct world *world, uint32_t txn, uint32_t branch)
{
    return &world->txns[txn].guard[branch];
}

static bool wants_row(const struct plan *plan, uint32_t branch)
{
    return plan->row[branch] != 0 && plan->mood[branch] != MOOD_READ_ONLY;
}

static bool holds(const struct guard *guard)
{
    return guard->prepared != 0 || (guard->running != 0 && guard->has_row);
}

static bool waits(const struct plan *plan, const struct guard *guard, uint32_t branch)
{
    return wants_row(plan, branch) && guard->running != 0 && !guard->has_row;
}

static bool same_row(const struct plan *a, uint32_t i, const struct plan *b, uint32_t j)
{
    return a->participant[i] == b->participant[j] && a->row[i] == b->row[j];
}

/* Who holds the row that a branch wants; false: nobody else. */
static bool holder_of(const struct world *world, uint32_t txn, uint32_t branch, uint32_t *ret_txn,
                      uint32_t *ret_branch)
{
    const struct plan *plan = &world->txns[txn].plan;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        const struct sim_txn *other = &world->txns[t];
        for (uint32_t b = 0; b < other->plan.branches; b++) {
            if ((t == txn && b == branch) || !same_row(plan, branch, &other->plan, b) ||
                !wants_row(&other->plan, b) || !holds(&other->guard[b]))
                continue;
            *ret_txn = t;
            *ret_branch = b;
            return true;
        }
    }
    return false;
}

static void start_work(struct world *world, uint32_t txn, uint32_t branch)
{
    struct guard *guard = guard_at(world, txn, branch);
    uint64_t takes_us = 200 + world_random(world, 5000);
    if (world_chance(world, world->slow))
        takes_us += world_random(world, 5000000);
    guard->has_row = true;
    world_push(world,
               (struct sim_event){.kind = EV_WORK_DONE,
                                  .txn = txn,
                                  .branch = branch,
                                  .attempt = guard->running,
                                  .id = guard->run_id},
               takes_us);
}

/* The work of a branch begins, as soon as it has its row. */
void locks_work(struct world *world, const struct sim_event *command)
{
    struct guard *guard = guard_at(world, command->txn, command->branch);
    struct sim_event wait = {.txn = command->txn,
                             .branch = command->branch,
                             .attempt = guard->running,
                             .id = guard->run_id};
    guard->has_row = false;
    guard->waits_since = world->order;
    guard->in_order = command->ordered;
    if (!wants_row(&world->txns[command->txn].plan, command->branch)) {
        start_work(world, command->txn, command->branch);
        return;
    }
    wait.kind = EV_LOCK_TIMEOUT;
    world_push(world, wait, command->lock_wait_us != 0 ? command->lock_wait_us : 1000000);
    wait.kind = EV_LOCK_LOOK;
    if (command->ordered && !world->blind)
        world_push(world, wait, LOOK_US);
}

/* Whoever waits longest for a row that is free gets it. */
static bool grant_one(struct world *world)
{
    uint32_t t, b, first_txn = TXNS_MAX, first_branch = 0;
    for (uint32_t txn = 0; txn < world->txns_count; txn++) {
        for (uint32_t branch = 0; branch < world->txns[txn].plan.branches; branch++) {
            struct guard *guard = guard_at(world, txn, branch);
            if (!waits(&world->txns[txn].plan, guard, branch) ||
                holder_of(world, txn, branch, &t, &b))
                continue;
            if (first_txn < TXNS_MAX &&
                guard->waits_since > guard_at(world, first_txn, first_branch)->waits_since)
                continue;
            first_txn = txn;
            first_branch = branch;
        }
    }
    if (first_txn == TXNS_MAX)
        return false;
    start_work(world, first_txn, first_branch);
    return true;
}

void locks_run(struct world *world)
{
    while (world->rows != 0 && grant_one(world))
        continue;
}

/* The try has left nothing; the same attempt may come again. */
static void conflict(struct world *world, uint32_t txn, uint32_t branch, uint32_t blocker)
{
    struct guard *guard = guard_at(world, txn, branch);
    struct result result = {.op = guard->running_execute ? OP_EXECUTE : OP_PREPARE,
                            .branch = branch + 1,
                            .attempt = guard->running,
                            .result = RESULT_CONFLICT};
    if (blocker < TXNS_MAX && !world->blind)
        result.blocker = world->txns[blocker].gtid;
    if (blocker == txn && world->mutation == MUTATE_OWN_LOCK)
        result.blocker = (troth_gtid){{0}};
    world_trace(world, "participant: txn %u/%u #%u meets txn %u: conflict", txn, branch + 1,
                guard->running, blocker);
    guard->running = 0;
    participant_reply(world, guard->run_node, guard->run_send, result, txn);
}

static bool still_waits(struct world *world, const struct sim_event *event)
{
    const struct guard *guard = guard_at(world, event->txn, event->branch);
    return guard->running == event->attempt && guard->run_id == event->id &&
           waits(&world->txns[event->txn].plan, guard, event->branch);
}

void locks_on_timeout(struct world *world, const struct sim_event *event)
{
    uint32_t t = TXNS_MAX, b;
    if (!still_waits(world, event))
        return;
    if (holder_of(world, event->txn, event->branch, &t, &b) && t == event->txn &&
        guard_at(world, t, b)->prepared != event->attempt)
        t = TXNS_MAX; /* what an earlier attempt has left goes by itself */
    conflict(world, event->txn, event->branch, t);
}

/* Younger than a prepared holder: it gives way [NOAGE]; also to another step of its own attempt,
 * since that has no end [OWNLOCK]. Gtids of a world are ordered as they began. */
static bool gives_way(struct world *world, const struct sim_event *event, uint32_t holder,
                      uint32_t branch)
{
    uint32_t prepared = guard_at(world, holder, branch)->prepared;
    if (holder == event->txn)
        return prepared == event->attempt;
    return world->mutation != MUTATE_NO_AGE && prepared != 0 && holder < event->txn;
}

void locks_on_look(struct world *world, const struct sim_event *event)
{
    uint32_t t, b;
    if (!still_waits(world, event))
        return;
    if (holder_of(world, event->txn, event->branch, &t, &b) && gives_way(world, event, t, b)) {
        conflict(world, event->txn, event->branch, t);
        return;
    }
    world_push(world, *event, LOOK_US);
}

/* SERIALIZABLE: who waits for a row that its holder changes cannot go on. */
void locks_on_commit(struct world *world, uint32_t txn, uint32_t branch)
{
    const struct plan *plan = &world->txns[txn].plan;
    for (uint32_t t = 0; t < world->txns_count && world->serializable; t++) {
        for (uint32_t b = 0; b < world->txns[t].plan.branches; b++)
            if (same_row(plan, branch, &world->txns[t].plan, b) &&
                waits(&world->txns[t].plan, guard_at(world, t, b), b))
                conflict(world, t, b, txn);
    }
}

/* --- after the drain ---------------------------------------------------------------------------
 */

/* Nothing went wrong, and everybody may say yes: then it commits, soon, and as two-phase commit. */
static bool should_commit(const struct sim_txn *txn)
{
    const struct plan *plan = &txn->plan;
    if (plan->mode == TXN_MODE_SAGA || plan->cancels || plan->vanishes || plan->names_stranger ||
        plan->changes)
        return false;
    for (uint32_t b = 0; b < plan->branches; b++)
        if (plan->mood[b] == MOOD_REFUSE || plan->mood[b] == MOOD_UNSENDABLE)
            return false;
    return true;
}

void check_lively(struct world *world)
{
    for (uint32_t t = 0; t < world->txns_count && world->calm; t++) {
        const struct sim_txn *txn = &world->txns[t];
        if (!should_commit(txn))
            continue;
        uint64_t took_us = txn->decided_at_us - txn->began_at_us;
        if (txn->plan.interactive) /* its client takes its time */
            took_us = 0;
        if (txn->plan.clashes) {
            if (took_us > LIVELY_US)
                world_fail(world, "liveness: txn %u, which locks itself out, took %u ms", t,
                           (uint32_t)(took_us / 1000));
            continue;
        }
        if (final_decision(txn) != TXN_COMMIT)
            world_fail(world, "liveness: txn %u aborts, and nothing went wrong", t);
        else if (txn->protocol != TXN_PROTOCOL_2PC)
            world_fail(world, "liveness: txn %u fell back, and nothing went wrong", t);
        else if (took_us > LIVELY_US)
            world_fail(world, "liveness: txn %u took %u ms", t, (uint32_t)(took_us / 1000));
        if (took_us > world->longest_us)
            world->longest_us = took_us;
    }
}
