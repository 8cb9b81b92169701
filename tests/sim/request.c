/* request.c: what clients and services ask of a node, and what a host knows from definitions. */
#include <stdlib.h>

#include "sim.h"

static void origin_set(struct world *world, uint32_t node, struct sim_txn *txn)
{
    uint64_t timeout_us = 6000000 + world_random(world, 14000000);
    uint64_t prepare_timeout_us = 1000000 + world_random(world, 3000000);
    if (world->calm) { /* whoever is late is so for another reason */
        timeout_us = 60000000;
        prepare_timeout_us = 10000000;
    }
    if (world_random(world, 8) == 0 && !txn->plan.interactive)
        timeout_us = 0;
    txn->origin = (struct txn_origin){
        .gtid = txn->gtid,
        .mode = txn->plan.mode,
        .interactive = txn->plan.interactive,
        .accepted = txn->plan.accepted,
        .ordered = txn->plan.ordered,
        .timeout_us = timeout_us,
        .prepare_timeout_us = prepare_timeout_us,
        .began_at = node_now(world, node).wall,
    };
}

static void branch_fill(struct txn_branch *branch, const struct plan *plan, uint32_t i)
{
    static const char *const names[PARTICIPANTS] = {"bank_a", "bank_b", "bank_c", "plain"};
    *branch = (struct txn_branch){.number = i + 1,
                                  .name = plan->interactive ? "" : "step",
                                  .participant = names[plan->participant[i]],
                                  .operation = "debit",
                                  .inquires = plan->participant[i] != PARTICIPANTS - 1,
                                  .needs = plan->needs[i]};
}

/* What a host knows of a step from its definition, and recovery does not. */
void node_branch_define(struct txn_branch *branch, const struct plan *plan, uint32_t i)
{
    branch->needs = plan->needs[i];
    branch->prepare_after = plan->prepare_after[i];
    branch->kind = plan->kind[i];
    branch->after = plan->after[i];
    branch->has_compensation = plan->has_compensation[i];
    branch->conditional = plan->mood[i] == MOOD_SKIP;
    branch->compensate_needs = plan->needs_output[i] ? UINT64_C(1) << i : 0;
    branch->retry = plan->retry[i];
    branch->compensate_retry = plan->retry[i];
}

static uint32_t txn_begin(struct world *world, uint32_t node, uint32_t client)
{
    struct node *host = world->nodes[node];
    if (world->txns_count == TXNS_MAX)
        return TXNS_MAX;
    uint32_t index = world->txns_count++;
    struct sim_txn *txn = &world->txns[index];
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = host->epoch, .counter = index + 1};
    if (troth_gtid_make(&parts, &txn->gtid) != 0)
        abort();
    txn->epoch = host->epoch;
    txn->shard = host->shard;
    txn->client = client;
    txn->began_at_us = world->now_us;
    txn->plan = world->clients[client].plan;
    for (uint32_t i = 0; i < BRANCHES_MAX; i++)
        txn->guard[i].confused =
            txn->plan.branches > 1 && world_random(world, 100) == 0 && !world->calm;
    for (uint32_t i = 0; i < BRANCHES_MAX; i++) {
        bool forgets = world_random(world, 3) == 0;
        txn->guard[i].forgets = forgets && txn->plan.participant[i] == PARTICIPANTS - 1;
    }
    origin_set(world, node, txn);
    struct live *live = world_alloc(world, sizeof(*live));
    host->live[index] = live;
    uint32_t count = txn->plan.interactive ? 0 : txn->plan.branches;
    for (uint32_t i = 0; i < count; i++) {
        branch_fill(&live->branches[i], &txn->plan, i);
        node_branch_define(&live->branches[i], &txn->plan, i);
        if (world->mutation == MUTATE_ANY_ORDER)
            live->branches[i].prepares_last = world_random(world, 2) == 0;
    }
    txn_init(&live->txn, &txn->origin, &world->policy, host->epoch, world_random(world, UINT64_MAX),
             live->branches, count, BRANCHES_MAX);
    txn_history_move(&live->txn, live->history, TXN_HISTORY_MAX);
    stray_all(world, node, index);
    node_step(world, node, index,
              &(struct txn_event){.kind = txn->plan.interactive ? TXN_EVENT_OPENED
                                                                : TXN_EVENT_SUBMITTED});
    return index;
}

/* What is not in this memory: the rows say, or their absence under an older epoch does. */
static void tell_from_journal(struct world *world, uint32_t node, uint32_t txn)
{
    const struct sim_txn *rows = &world->txns[txn];
    enum txn_decision final = final_decision(rows);
    if (!rows->row && loss_of(world, rows) && world->mutation != MUTATE_ABSENCE)
        return; /* not known */
    if (final == TXN_UNDECIDED && !rows->row && rows->epoch < world->shards[rows->shard].epoch)
        final = TXN_ABORT;
    if (is_saga(&rows->plan) && rows->row && rows->outcome == TXN_OUTCOME_NONE)
        return; /* it has turned, or steps are open: not final yet */
    if (final != TXN_UNDECIDED)
        client_tell_outcome(world, node, txn, final, rows->outcome);
}

/* A new one. The answer comes when there is something to say (wait.c). */
static void submit(struct world *world, const struct sim_event *event)
{
    if (world->processes[world->nodes[event->node]->process].draining) {
        world_push(world,
                   (struct sim_event){
                       .kind = EV_REQUEST_ANSWER, .client = event->client, .what = ANSWER_NOTHING},
                   world_delay(world));
        return;
    }
    uint32_t txn = txn_begin(world, event->node, event->client);
    if (txn < TXNS_MAX && world->nodes[event->node]->alive)
        wait_add(world, event->node, txn, event);
}

/* The request under its idempotency key: the transaction that has it, or a new one. */
static void on_submit(struct world *world, const struct sim_event *event)
{
    uint32_t node = event->node, client = event->client;
    const struct node *host = world->nodes[node];
    bool keyed = !world->clients[client].plan.careless;
    for (uint32_t t = 0; keyed && t < world->txns_count; t++) {
        if (world->txns[t].client != client || world->mutation == MUTATE_NO_IDEMPOTENCY_KEY)
            continue;
        const struct live *live = host->live[t];
        if (live != NULL && live->txn.outcome != TXN_OUTCOME_NONE)
            client_tell_outcome(world, node, t, live->txn.decision, live->txn.outcome);
        else if (live == NULL && world->txns[t].row)
            tell_from_journal(world, node, t);
        else if (live != NULL)
            wait_add(world, node, t, event);
        if (live != NULL || world->txns[t].row)
            return;
    }
    submit(world, event);
}

/* By its gtid: from memory, or the rows. */
static void on_get(struct world *world, const struct sim_event *event)
{
    const struct live *live = world->nodes[event->node]->live[event->txn];
    const struct sim_txn *txn = &world->txns[event->txn];
    if (live != NULL && live->txn.outcome != TXN_OUTCOME_NONE) {
        client_tell_outcome(world, event->node, event->txn, live->txn.decision, live->txn.outcome);
    } else if (live == NULL && txn->row) {
        tell_from_journal(world, event->node, event->txn);
    } else if (live == NULL && txn->epoch < world->nodes[event->node]->epoch &&
               !loss_of(world, txn)) {
        if (txn->told_accepted)
            world_fail(world, "invariant 4: txn %u was accepted, and now it never was", event->txn);
        client_tell(world, event->node, event->txn, ANSWER_GONE, 0, TXN_UNDECIDED);
    }
}

static void on_enlist(struct world *world, const struct sim_event *event)
{
    const struct sim_txn *txn = &world->txns[event->txn];
    if (world->nodes[event->node]->live[event->txn] == NULL) { /* as an inquiry would be answered */
        bool certain;
        enum txn_answer said = journal_answer(world, txn, event->branch + 1, 1, &certain);
        if (said == TXN_ANSWER_ABORTED || said == TXN_ANSWER_COMMITTED)
            client_tell(world, event->node, event->txn,
                        said == TXN_ANSWER_ABORTED ? ANSWER_REFUSED : ANSWER_ENLISTED,
                        event->branch, TXN_UNDECIDED);
        return;
    }
    struct txn_branch wanted;
    branch_fill(&wanted, &txn->plan, event->branch);
    wanted.vote = txn->plan.early[event->branch] ? VOTE_YES : VOTE_NONE;
    struct txn_event step = {.kind = TXN_EVENT_ENLISTED};
    step.of.branch = &wanted;
    wait_add(world, event->node, event->txn, event);
    node_step(world, event->node, event->txn, &step);
}

/* Behind the end: the same gets the first one's answer, another list does not. */
static void close_again(struct world *world, const struct sim_event *event, const uint32_t *numbers,
                        uint32_t count)
{
    const struct sim_txn *txn = &world->txns[event->txn];
    struct txn_image image;
    uint32_t number = 0;
    journal_image(txn, &image);
    if (txn->row && txn_image_list_difference(&image, numbers, count, &number) != 0)
        world_fail(world, "txn %u: the list of its members cannot be read", event->txn);
    if (number != 0)
        return; /* refused */
    check_list(world, txn, event->id, final_decision(txn));
    tell_from_journal(world, event->node, event->txn);
}

static void on_close(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    const struct live *live = world->nodes[event->node]->live[event->txn];
    uint32_t list = event->id;
    bool first = live != NULL && live->txn.state == TXN_OPEN;
    if (world->mutation == MUTATE_ANY_COMMIT && !first && txn->closed)
        list = txn->closed_list;
    uint32_t numbers[BRANCHES_MAX + 1];
    struct txn_event step = {.kind = TXN_EVENT_CLOSED};
    for (uint32_t i = 0; i < BRANCHES_MAX; i++)
        if ((list >> i & 1u) != 0)
            numbers[step.of.named.count++] = i + 1;
    if (world->txns[event->txn].plan.names_stranger)
        numbers[step.of.named.count++] = 77;
    step.of.named.numbers = numbers;
    if (live == NULL) {
        close_again(world, event, numbers, step.of.named.count);
        return;
    }
    if (first) {
        txn->closed = true;
        txn->closed_list = list;
    }
    if (first || txn_list_difference(&live->txn, numbers, step.of.named.count) == 0)
        wait_add(world, event->node, event->txn, event);
    node_step(world, event->node, event->txn, &step);
}

/* Too late: refused. Else the outcome answers it. */
static void on_cancel(struct world *world, const struct sim_event *event)
{
    const struct txn *txn = &world->nodes[event->node]->live[event->txn]->txn;
    if (txn->decision != TXN_COMMIT)
        wait_add(world, event->node, event->txn, event);
    node_step(world, event->node, event->txn, &(struct txn_event){.kind = TXN_EVENT_CANCELLED});
}

void node_on_request(struct world *world, const struct sim_event *event)
{
    world_trace(world, "node %u: request %u of client %u, txn %u", event->node, event->what,
                event->client, event->txn);
    switch ((enum request)event->what) {
    case REQUEST_SUBMIT:
        on_submit(world, event);
        break;
    case REQUEST_OPEN: {
        uint32_t txn = txn_begin(world, event->node, event->client);
        if (txn < TXNS_MAX && world->nodes[event->node]->alive)
            client_tell(world, event->node, txn, ANSWER_OPENED, 0, TXN_UNDECIDED);
        break;
    }
    case REQUEST_CLOSE:
        on_close(world, event);
        break;
    case REQUEST_CANCEL:
        if (world->nodes[event->node]->live[event->txn] == NULL)
            tell_from_journal(world, event->node, event->txn);
        else
            on_cancel(world, event);
        break;
    case REQUEST_ENLIST:
        on_enlist(world, event);
        break;
    case REQUEST_GET:
        on_get(world, event);
        break;
    }
}
