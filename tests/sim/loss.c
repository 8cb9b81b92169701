/* loss.c: the journal's standby lags behind, and is promoted: rows and epochs that were
 * acknowledged are gone (protocol.md, section 2). What the participants have done stays, and so
 * does what clients were told: nothing may contradict either. What nobody knows people settle, who
 * look at everything. */
#include <string.h>

#include <base/span.h>
#include <txn/resolve.h>

#include "sim.h"

struct lagging {
    uint32_t txns_count;
    uint32_t epoch[SHARDS];
    struct {
        struct rows rows;
        uint32_t raised[BRANCHES_MAX];
        bool recorded[BRANCHES_MAX];
    } txns[TXNS_MAX];
};

static uint32_t index_of(const struct world *world, const struct sim_txn *txn)
{
    return (uint32_t)(txn - world->txns);
}

void loss_plan(struct world *world)
{
    world->loses = !world->calm && world->seed % 4 != 2 && world_random(world, 4) == 0;
    if (!world->loses)
        return;
    uint64_t at_us = world_random(world, FAULTS_UNTIL_US - 2000000);
    uint64_t lag_us = world_random(world, 2) == 0 ? 3000000 : 200000;
    world_push(world, (struct sim_event){.kind = EV_LAG}, at_us);
    world_push(world, (struct sim_event){.kind = EV_LOSS}, at_us + world_random(world, lag_us));
}

void loss_on_lag(struct world *world, const struct sim_event *event)
{
    (void)event;
    struct lagging *behind = world_alloc(world, sizeof(*behind));
    world->behind = behind;
    behind->txns_count = world->txns_count;
    for (uint32_t s = 0; s < world->shards_count; s++)
        behind->epoch[s] = world->shards[s].epoch;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        behind->txns[t].rows = world->txns[t].rows;
        for (uint32_t b = 0; b < BRANCHES_MAX; b++) {
            behind->txns[t].raised[b] = world->txns[t].guard[b].raised;
            behind->txns[t].recorded[b] = world->txns[t].guard[b].recorded;
        }
    }
}

static void remember(struct sim_txn *txn, const struct rows *left)
{
    txn->loss.lost = true;
    txn->loss.final = final_decision(txn);
    for (uint32_t a = 1; a < 64; a++) {
        if (txn->decision[a].decision != TXN_COMMIT)
            continue;
        txn->loss.commits |= UINT64_C(1) << a;
        txn->loss.members = txn->decision[a].members;
    }
    txn->loss.astray = txn->attempt > 1 && txn->attempt != left->attempt;
}

static void go_back(struct world *world, uint32_t t)
{
    static const struct rows none;
    struct sim_txn *txn = &world->txns[t];
    bool is_there = t < world->behind->txns_count;
    const struct rows *left = is_there ? &world->behind->txns[t].rows : &none;
    if (memcmp(left, &txn->rows, sizeof(*left)) == 0)
        return;
    remember(txn, left);
    txn->rows = *left;
    for (uint32_t b = 0; b < BRANCHES_MAX; b++) {
        txn->guard[b].raised = is_there ? world->behind->txns[t].raised[b] : 0;
        txn->guard[b].recorded = is_there && world->behind->txns[t].recorded[b];
    }
    world_trace(world, "journal: txn %u goes back, %s", t,
                txn->row ? "undecided or not ended" : "there is no row");
}

/* Who led goes on until its next batch is turned down, or it is restarted. */
void loss_on_loss(struct world *world, const struct sim_event *event)
{
    if (!process_may_end(world))
        return;
    world_trace(world, "the journal goes back");
    world->losses++;
    world->timeline++;
    for (uint32_t t = 0; t < world->txns_count; t++)
        go_back(world, t);
    for (uint32_t s = 0; s < world->shards_count; s++) {
        struct shard *shard = &world->shards[s];
        shard->epoch = world->behind->epoch[s];
        shard->lost = shard->seen;
        struct sim_event taken = {
            .kind = EV_TAKEOVER, .shard = s, .process = PROCESSES, .what = event->what};
        world_push(world, taken, 1000 + world_random(world, 1000000));
    }
}

bool loss_of(const struct world *world, const struct sim_txn *txn)
{
    return txn->epoch <= world->shards[txn->shard].lost;
}

bool loss_had_committed(const struct sim_txn *txn, uint32_t branch, uint32_t attempt)
{
    enum message_vote vote;
    return attempt < 64 && (txn->loss.commits >> attempt & 1u) != 0 &&
           (is_saga(&txn->plan) ||
            (member_vote(txn->loss.members, branch + 1, &vote) && vote == VOTE_YES));
}

/* --- people --------------------------------------------------------------------------------------
 */

/* What it was before, as a client was told, or Kafka, or as the rows said that are gone. */
static bool was_committed(const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        bool undoable = is_saga(&txn->plan) && txn->plan.kind[b] == TXN_STEP_COMPENSATABLE;
        if (txn->guard[b].committed != 0 && !undoable) /* a delegated one, a pivot, one behind it */
            return true;
    }
    return txn->told == TXN_COMMIT || txn->loss.commits != 0 ||
           txn->kafka[TXN_OUTCOME_COMMITTED] > 0;
}

/* The participant's own operator: no row says anything of it, or nobody can commit it here. */
static void settle_by_hand(struct world *world, uint32_t t)
{
    struct sim_txn *txn = &world->txns[t];
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        struct guard *guard = &txn->guard[b];
        guard->running = 0;
        guard->work = false;
        if (guard->prepared == 0)
            continue;
        if (loss_had_committed(txn, b, guard->prepared))
            guard->committed = guard->prepared;
        world_trace(world, "by hand, behind the loss: txn %u/%u #%u", t, b + 1, guard->prepared);
        guard->prepared = 0;
    }
}

static void give_up(struct world *world, uint32_t t)
{
    struct txn_event event = {.kind = TXN_EVENT_FORGOTTEN};
    event.of.resolve.force = true;
    event.of.resolve.said = (struct troth_span){"{}", 2};
    node_step(world, leader_of(world, t), t, &event);
}

static void resolve(struct world *world, uint32_t t, const struct txn *txn)
{
    struct txn_event event = {.kind = TXN_EVENT_RESOLVED};
    event.of.resolve.word = TXN_WORD_COMMITTED;
    event.of.resolve.said = span_of("{\"as\":\"committed\"}");
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (world->txns[t].guard[txn->branches[i].number - 1].prepared != 0)
            event.of.resolve.number = txn->branches[i].number;
    if (event.of.resolve.number != 0)
        node_step(world, leader_of(world, t), t, &event);
}

static void settle(struct world *world, uint32_t t, const struct txn *txn)
{
    const struct sim_txn *rows = &world->txns[t];
    if (rows->plan.interactive)
        settle_by_hand(world, t);
    if (!was_committed(rows))
        give_up(world, t);
    else if (txn->protocol == TXN_PROTOCOL_SAGA)
        node_step(world, leader_of(world, t), t, &(struct txn_event){.kind = TXN_EVENT_RESUMED});
    else if (!rows->plan.interactive)
        resolve(world, t, txn);
}

void loss_operators(struct world *world)
{
    for (uint32_t t = 0; t < world->txns_count && !world_faulty(world); t++) {
        const struct sim_txn *txn = &world->txns[t];
        const struct node *host = world->nodes[leader_of(world, t)];
        const struct live *live = host->alive ? host->live[t] : NULL;
        if (!loss_of(world, txn))
            continue;
        if (live == NULL && (!txn->row || txn->loss.astray))
            settle_by_hand(world, t);
        else if (live != NULL && live->txn.state == TXN_DOUBTFUL &&
                 (txn_parked(&live->txn) || txn->plan.interactive))
            settle(world, t, &live->txn);
    }
}

/* --- after the drain -----------------------------------------------------------------------------
 */

/* One outcome, whatever was told, and whatever is in the journal. */
static void drained_lost(struct world *world, const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches && !is_saga(&txn->plan); b++) {
        const struct guard *guard = &txn->guard[b];
        enum message_vote vote;
        bool commits = txn->loss.commits != 0 && member_vote(txn->loss.members, b + 1, &vote) &&
                       vote == VOTE_YES;
        if (commits && guard->committed == 0)
            world_fail(world, "invariant 3: txn %u had committed, and branch %u has not",
                       index_of(world, txn), b + 1);
        if (txn->told == TXN_ABORT && guard->committed != 0)
            world_fail(world, "invariant 4: txn %u was told abort, and branch %u has committed",
                       index_of(world, txn), b + 1);
    }
}

bool loss_drained(struct world *world, const struct sim_txn *txn)
{
    if (!txn->loss.lost && !(loss_of(world, txn) && !txn->row))
        return false;
    if (!txn->loss.astray)
        drained_lost(world, txn);
    return true;
}
