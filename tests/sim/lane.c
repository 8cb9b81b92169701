/* lane.c: one node's way to the journal: one batch in flight, first in first out. A COMMIT whose
 * answer is lost is unknown: the same batch is written again and waits for the one in flight; it is
 * never concluded that a row is not there (protocol.md, section 1, rule 3). */
#include <string.h>

#include "sim.h"

#define LAZY_DELAY_US 20000u

static void plan_flush(struct world *world, uint32_t node, uint64_t after_us)
{
    struct node *host = world->nodes[node];
    uint64_t at_us = world->now_us + after_us;
    if (host->flush_at_us != 0 && host->flush_at_us <= at_us)
        return;
    host->flush_at_us = at_us;
    world_push(world, (struct sim_event){.kind = EV_FLUSH, .node = node}, after_us);
}

/* A list of one, so that it reads like the whole. */
static const char *step_text(struct world *world, const struct txn_record *record)
{
    return record->kind == TXN_RECORD_STEP ? world_text(world, record->step) : "";
}

void lane_write(struct world *world, uint32_t node, uint32_t txn, const struct txn_record *record)
{
    struct node *host = world->nodes[node];
    if (host->gathered_count >= LANE_MAX) {
        world_fail(world, "the lane of node %u is full", node);
        return;
    }
    host->gathered[host->gathered_count++] = (struct write){
        .txn = txn,
        .kind = record->kind,
        .protocol = record->protocol,
        .step = step_text(world, record),
        .step_seq = record->step_seq,
        .attempt = record->attempt,
        .decision = record->decision,
        .outcome = record->outcome,
        .delegated = record->delegated_branch,
        .handed = record->handed,
        .handed_closed = record->closed,
        .publishes = record->publishes,
        .forced = record->forced,
        .members = world_text(world, record->members),
        .failure = record->failure.data != NULL ? world_text(world, record->failure) : NULL};
    plan_flush(world, node, record->forced ? 0 : LAZY_DELAY_US);
}

static void send_batch(struct world *world, struct batch *batch)
{
    struct sim_event event = {.node = batch->node, .batch = batch};
    uint64_t there_us = world_delay(world);
    uint64_t wait_us =
        batch->not_before_us > world->now_us ? batch->not_before_us - world->now_us : 0;
    there_us += wait_us;
    if (!world_chance(world, world->lose_commit)) {
        event.kind = EV_BATCH_AT_JOURNAL;
        event.what = 1; /* its answer comes */
        world_push(world, event, there_us);
        return;
    }
    /* The connection breaks: before it arrived, or while it is still on its way to the disk. */
    if (world_random(world, 2) == 0) {
        there_us += world_random(world, 500000);
        event.kind = EV_BATCH_AT_JOURNAL;
        event.what = 0;
        batch->not_before_us = world->now_us + there_us + 1;
        world_push(world, event, there_us);
    }
    event.kind = EV_BATCH_LOST;
    world_push(world, event, 1000 + world_random(world, 100000));
}

void lane_on_flush(struct world *world, const struct sim_event *event)
{
    struct node *host = world->nodes[event->node];
    host->flush_at_us = 0;
    if (host->in_flight || host->gathered_count == 0)
        return;
    struct batch *batch = world_alloc(world, sizeof(*batch));
    batch->node = event->node;
    batch->epoch = host->epoch;
    batch->count = host->gathered_count;
    memcpy(batch->writes, host->gathered, host->gathered_count * sizeof(struct write));
    host->gathered_count = 0;
    host->in_flight = true;
    send_batch(world, batch);
}

void lane_on_journal(struct world *world, const struct sim_event *event)
{
    journal_apply(world, event->batch);
    if (event->what == 0)
        return;
    world_push(
        world,
        (struct sim_event){.kind = EV_BATCH_BACK, .node = event->node, .batch = event->batch},
        world_delay(world));
}

static void verdict(struct world *world, uint32_t node, const struct write *write)
{
    struct txn_event event = {.kind = TXN_EVENT_DURABLE};
    event.of.durable.record = write->kind;
    event.of.durable.attempt = write->attempt;
    event.of.durable.verdict = write->verdict;
    event.of.durable.standing = write->standing;
    node_step(world, node, write->txn, &event);
}

void lane_on_back(struct world *world, const struct sim_event *event)
{
    struct node *host = world->nodes[event->node];
    bool fenced = false;
    if (event->what == 1) { /* pretended by a mutation: nothing was in flight */
        verdict(world, event->node, &event->batch->writes[0]);
        return;
    }
    host->in_flight = false;
    for (uint32_t i = 0; i < event->batch->count && host->alive; i++) {
        const struct write *write = &event->batch->writes[i];
        if (!write->pretended)
            verdict(world, event->node, write);
        fenced = fenced || write->verdict == TXN_FENCED;
    }
    if (fenced && host->alive) /* somebody else leads this shard; the process leads others on */
        process_lose(world, event->node);
    if (host->alive && host->gathered_count > 0)
        plan_flush(world, event->node, 0);
}

/* Mutation: the row is read after the connection was lost; what is not seen counts as not written.
 */
static void read_proves(struct world *world, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct write *write = &batch->writes[i];
        const struct sim_txn *txn = &world->txns[write->txn];
        if (write->kind != TXN_RECORD_DECISION || write->decision != TXN_COMMIT ||
            txn->decision[write->attempt].decision != TXN_UNDECIDED || write->pretended)
            continue;
        write->pretended = true;
        struct write absent = *write;
        absent.verdict = TXN_ALREADY;
        absent.standing = TXN_ABORT;
        verdict(world, batch->node, &absent);
    }
}

void lane_on_lost(struct world *world, const struct sim_event *event)
{
    world_trace(world, "node %u: commit unknown, the same again", event->node);
    if (world->mutation == MUTATE_READ_PROVES)
        read_proves(world, event->batch);
    struct batch *again = world_alloc(world, sizeof(*again));
    *again = *event->batch;
    if (world->nodes[event->node]->alive)
        send_batch(world, again);
}
