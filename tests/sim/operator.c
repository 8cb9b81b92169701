/* operator.c: people. They try again what is parked; some of them settle branches by hand, at any
 * moment, and say so: mostly what is true, because they have looked, or done it themselves. */
#include <string.h>

#include <txn/resolve.h>

#include "sim.h"

#define NEVER_AGAIN 9999u /* a tombstone that refuses every attempt */

static uint64_t chance(struct world *world, uint64_t below)
{
    world->hand = world->hand * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->hand >> 33) % below;
}

void operators_plan(struct world *world)
{
    world->settles = world->seed % 4 == 2;
    world->hand = world->seed + 1;
    for (uint32_t i = 1; i < 8; i++)
        world_push(world, (struct sim_event){.kind = EV_OPERATOR},
                   i * UINT64_C(6000000) + (i > 3 ? FAULTS_UNTIL_US : 0));
    for (uint32_t i = 0; world->settles && i < 60; i++)
        world_push(world, (struct sim_event){.kind = EV_SETTLE}, 500000 + i * UINT64_C(700000));
}

/* --- by hand ------------------------------------------------------------------------------------
 */

static void kept_out(struct guard *guard)
{
    guard->running = 0;
    guard->tombstone = NEVER_AGAIN;
}

/* COMMIT PREPARED, ROLLBACK PREPARED; or he only says so, which is found out. */
static void settle_prepared(struct world *world, const struct sim_txn *txn, struct guard *guard,
                            enum txn_word word)
{
    if (guard->prepared != txn->attempt || is_saga(&txn->plan) || chance(world, 2) == 0)
        return;
    bool commits = final_decision(txn) == TXN_COMMIT;
    if (word == TXN_WORD_COMMITTED) {
        guard->committed = guard->prepared;
        guard->hand_committed = !commits;
    } else {
        if (commits)
            guard->by_hand |= UINT32_C(1) << guard->prepared;
        kept_out(guard);
    }
    guard->prepared = 0;
}

/* What a branch that decides has done; it does nothing later. */
static enum txn_word look(struct guard *guard)
{
    if (guard->committed != 0)
        return TXN_WORD_COMMITTED;
    kept_out(guard);
    return TXN_WORD_ABORTED;
}

/* Behind the pivot: he does it himself, or sees to it that it is not done. */
static enum txn_word settle_forward(const struct txn *txn, const struct txn_branch *branch,
                                    struct guard *guard, enum txn_word word)
{
    if (guard->committed == 0 && word == TXN_WORD_COMMITTED)
        guard->committed = txn->attempt + branch->raised;
    guard->running = 0;
    return look(guard);
}

static enum txn_word settle_undo(struct guard *guard, enum txn_word word)
{
    if (guard->committed == 0 || guard->compensated) {
        kept_out(guard);
        return word == TXN_WORD_COMMITTED ? TXN_WORD_ABORTED : word;
    }
    if (word == TXN_WORD_COMMITTED)
        return word;
    guard->compensated = true;
    return TXN_WORD_COMPENSATED;
}

/* The word that is true behind what he did. */
static enum txn_word settle(struct world *world, uint32_t t, const struct txn_branch *branch,
                            const struct txn *txn, enum txn_word word)
{
    struct guard *guard = &world->txns[t].guard[branch->number - 1];
    if (txn->state == TXN_REVOKING || txn->state == TXN_STOPPING)
        return look(guard);
    if (txn->state == TXN_RUNNING)
        return settle_forward(txn, branch, guard, word);
    if (txn->state == TXN_COMPENSATING)
        return settle_undo(guard, word);
    settle_prepared(world, &world->txns[t], guard, word);
    return word;
}

static void say(struct world *world, uint32_t t, const struct txn_branch *branch, bool force)
{
    static const char *const words[] = {"{}", "{\"as\":\"committed\"}", "{\"as\":\"aborted\"}",
                                        "{\"as\":\"compensated\"}"};
    struct guard *guard = &world->txns[t].guard[branch->number - 1];
    const char *said = words[guard->wants];
    world_trace(world, "operator: txn %u/%u is %s%s", t, branch->number,
                txn_word_name(guard->wants), guard->forces ? ", by force" : "");
    struct txn_event event = {.kind = TXN_EVENT_RESOLVED};
    event.of.resolve.number = branch->number;
    event.of.resolve.word = guard->wants;
    event.of.resolve.force = force;
    event.of.resolve.said = (struct troth_span){said, strlen(said)};
    node_step(world, leader_of(world, t), t, &event);
}

/* He was told nothing, and says the same again, as long as it makes sense. true: he did. */
static bool insist(struct world *world, uint32_t t, const struct txn *txn)
{
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        const struct guard *guard = &world->txns[t].guard[branch->number - 1];
        if (guard->wants == TXN_WORD_NONE || guard->said != RECORD_STEP_TRYING ||
            txn_resolve_check(txn, branch->number, guard->wants, guard->forces) != TXN_RESOLVE_MAY)
            continue;
        say(world, t, branch, guard->forces);
        return true;
    }
    return false;
}

/* He asks first, and does nothing where it is refused. */
static void resolve(struct world *world, uint32_t t, const struct txn *txn)
{
    const struct txn_branch *branch = &txn->branches[chance(world, txn->branches_count)];
    enum txn_word word = (enum txn_word)(1 + chance(world, 3));
    struct guard *guard = &world->txns[t].guard[branch->number - 1];
    bool force = chance(world, 2) == 0, asks = force || world->mutation == MUTATE_RESOLVE_FORCE;
    if (txn_resolve_check(txn, branch->number, word, asks) != TXN_RESOLVE_MAY)
        return;
    word = settle(world, t, branch, txn, word);
    if (txn_resolve_check(txn, branch->number, word, asks) != TXN_RESOLVE_MAY)
        return; /* it is as it was told to be, and will say so itself */
    guard->forces = force;
    guard->wants = word;
    say(world, t, branch, asks);
}

/* Of those that cannot ask he has looked that nothing is left there. */
static void forget(struct world *world, uint32_t t, const struct txn *txn)
{
    bool force = chance(world, 2) == 0;
    if (txn_forget_check(txn, force) != TXN_FORGET_MAY)
        return;
    for (uint64_t owed = txn_owed(txn); owed != 0; owed &= owed - 1) {
        const struct txn_branch *branch = &txn->branches[__builtin_ctzll(owed)];
        struct guard *guard = &world->txns[t].guard[branch->number - 1];
        if (!branch->inquires && guard->prepared != 0)
            return;
        if (!branch->inquires)
            kept_out(guard);
    }
    struct txn_event event = {.kind = TXN_EVENT_FORGOTTEN};
    event.of.resolve.force = force;
    event.of.resolve.said = (struct troth_span){"{}", 2};
    node_step(world, leader_of(world, t), t, &event);
}

void operator_on_settle(struct world *world, const struct sim_event *event)
{
    (void)event;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        const struct node *host = world->nodes[leader_of(world, t)];
        const struct live *live = host->alive ? host->live[t] : NULL;
        if (live == NULL || live->txn.branches_count == 0 || chance(world, 3) != 0)
            continue;
        if (insist(world, t, &live->txn))
            continue;
        if (chance(world, 3) == 0)
            forget(world, t, &live->txn);
        else
            resolve(world, t, &live->txn);
    }
}

/* Somebody looks at what is parked, and says: again. */
void operator_on_retry(struct world *world, const struct sim_event *event)
{
    (void)event;
    loss_operators(world);
    for (uint32_t t = 0; t < world->txns_count; t++) {
        const struct node *host = world->nodes[leader_of(world, t)];
        const struct live *live = host->alive ? host->live[t] : NULL;
        if (live != NULL && world->settles && insist(world, t, &live->txn))
            continue;
        if (live == NULL || live->txn.state == TXN_DOUBTFUL ||
            (live->txn.in[TXN_BRANCH_PARKED] | live->txn.owed_parked) == 0)
            continue;
        for (uint32_t i = 0; i < live->txn.branches_count; i++)
            if (live->branches[i].state == TXN_BRANCH_PARKED)
                world->txns[t].guard[live->branches[i].number - 1].resumes++;
        node_step(world, leader_of(world, t), t, &(struct txn_event){.kind = TXN_EVENT_RESUMED});
    }
}
