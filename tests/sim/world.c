/* world.c: time, chance, the queue of what will happen, the trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

uint64_t world_random(struct world *world, uint64_t below)
{
    uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

bool world_faulty(const struct world *world)
{
    return world->now_us < FAULTS_UNTIL_US && !world->calm;
}

/* Of a fault: never once the faults are healed. */
bool world_chance(struct world *world, uint32_t per_thousand)
{
    return world_faulty(world) && world_random(world, 1000) < per_thousand && world_happens(world);
}

bool world_happens(struct world *world)
{
    uint32_t i = world->happened++;
    return i >= world->off_count || !world->off[i];
}

/* Planned: it may be left out, and then nothing else is drawn otherwise. */
static void plan(struct world *world, struct sim_event event, uint64_t at_us)
{
    if (world_happens(world))
        world_push(world, event, at_us);
}

uint64_t world_delay(struct world *world)
{
    if (world_chance(world, world->slow))
        return 1000 + world_random(world, 8000000);
    return 100 + world_random(world, 3000);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void world_push(struct world *world, struct sim_event event, uint64_t after_us)
{
    event.at_us = world->now_us + after_us;
    event.order = world->order++;
    if (world->heap_count == world->heap_cap) {
        world->heap_cap = world->heap_cap == 0 ? 256 : world->heap_cap * 2;
        world->heap = realloc(world->heap, world->heap_cap * sizeof(*world->heap));
        if (world->heap == NULL)
            abort();
    }
    uint32_t i = world->heap_count++;
    while (i > 0 && before(&event, &world->heap[(i - 1) / 2])) {
        world->heap[i] = world->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    world->heap[i] = event;
}

static bool world_pop(struct world *world, struct sim_event *ret_event)
{
    if (world->heap_count == 0)
        return false;
    *ret_event = world->heap[0];
    struct sim_event last = world->heap[--world->heap_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= world->heap_count)
            break;
        if (child + 1 < world->heap_count && before(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!before(&world->heap[child], &last))
            break;
        world->heap[i] = world->heap[child];
        i = child;
    }
    world->heap[i] = last;
    return true;
}

void world_carry(struct world *world, struct sim_event event)
{
    if (world_chance(world, world->drop))
        return;
    world_push(world, event, world_delay(world));
    if (!world_chance(world, world->duplicate))
        return;
    uint64_t later_us = world_random(world, 2000000);
    world_push(world, event, world_delay(world) + later_us);
}

struct arena_block {
    struct arena_block *next;
    max_align_t data[];
};

void *world_alloc(struct world *world, size_t size)
{
    struct arena_block *block = calloc(1, sizeof(*block) + size);
    if (block == NULL)
        abort();
    block->next = world->arena;
    world->arena = block;
    return block->data;
}

const char *world_text(struct world *world, struct troth_span span)
{
    if (span.data == NULL)
        return "[]";
    char *text = world_alloc(world, span.len + 1);
    memcpy(text, span.data, span.len);
    return text;
}

static void digest(struct world *world, const char *text)
{
    for (; *text != '\0'; text++)
        world->digest = (world->digest ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
}

void world_trace(struct world *world, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    digest(world, line);
    if (world->trace)
        printf("%10.6f  %s\n", (double)world->now_us / 1e6, line);
}

/* The first failure of a history counts; it ends there. */
void world_fail(struct world *world, const char *format, ...)
{
    if (world->failed)
        return;
    world->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(world->why, sizeof(world->why), format, args);
    va_end(args);
    world_trace(world, "FAILED %s", world->why);
}

typedef void (*handler)(struct world *world, const struct sim_event *event);

static void on_participant_up(struct world *world, const struct sim_event *event)
{
    world_trace(world, "participant %u is up", event->id);
    world->participant_down[event->id] = false;
}

static const handler handlers[EV_COUNT] = {
    [EV_COMMAND] = participant_on_command,
    [EV_RESULT] = node_on_result,
    [EV_CALL_TIMEOUT] = node_on_call_timeout,
    [EV_WORK_DONE] = participant_on_work_done,
    [EV_LOCK_TIMEOUT] = locks_on_timeout,
    [EV_LOCK_LOOK] = locks_on_look,
    [EV_ASK] = participant_on_ask,
    [EV_ASKED] = process_on_asked,
    [EV_ANSWER] = participant_on_answer,
    [EV_GIVE_UP] = participant_on_give_up,
    [EV_NODE_TIMER] = node_on_timer,
    [EV_GRANTED] = node_on_granted,
    [EV_SLOTS] = sim_slots_on_time,
    [EV_PROBE] = sim_slots_on_probe,
    [EV_UNSENDABLE] = node_on_unsendable,
    [EV_SKIPPED] = node_on_skipped,
    [EV_OPERATOR] = operator_on_retry,
    [EV_SETTLE] = operator_on_settle,
    [EV_BY_HAND] = participant_on_by_hand,
    [EV_FLUSH] = lane_on_flush,
    [EV_BATCH_AT_JOURNAL] = lane_on_journal,
    [EV_BATCH_BACK] = lane_on_back,
    [EV_BATCH_LOST] = lane_on_lost,
    [EV_KAFKA] = node_on_kafka,
    [EV_CRASH_NODE] = process_on_crash,
    [EV_DRAIN] = process_on_drain,
    [EV_STOP_NODE] = process_on_stop,
    [EV_WAIT_OVER] = wait_on_over,
    [EV_TAKEOVER] = process_on_takeover,
    [EV_HANDOVER] = process_on_handover,
    [EV_LEAVES] = process_on_leaves,
    [EV_PASSED] = process_on_passed,
    [EV_LAG] = loss_on_lag,
    [EV_LOSS] = loss_on_loss,
    [EV_CRASH_PARTICIPANT] = participant_on_crash,
    [EV_PARTICIPANT_UP] = on_participant_up,
    [EV_CLIENT] = client_on_timer,
    [EV_REQUEST] = process_on_request,
    [EV_REQUEST_ANSWER] = client_on_answer,
    [EV_SERVICE] = client_on_service,
    [EV_SERVICE_RETRY] = client_on_service,
};

/* What happens in a node's process: it waits while that is paused. */
static bool in_node(enum sim_event_kind kind)
{
    switch (kind) {
    case EV_RESULT:
    case EV_CALL_TIMEOUT:
    case EV_LEAVES:
    case EV_NODE_TIMER:
    case EV_GRANTED:
    case EV_SLOTS:
    case EV_PROBE:
    case EV_UNSENDABLE:
    case EV_SKIPPED:
    case EV_FLUSH:
    case EV_BATCH_BACK:
    case EV_BATCH_LOST:
    case EV_KAFKA:
    case EV_WAIT_OVER:
        return true;
    case EV_COMMAND:
    case EV_WORK_DONE:
    case EV_LOCK_TIMEOUT:
    case EV_LOCK_LOOK:
    case EV_ASK:
    case EV_ANSWER:
    case EV_GIVE_UP:
    case EV_BY_HAND:
    case EV_BATCH_AT_JOURNAL:
    case EV_CRASH_NODE:
    case EV_DRAIN:
    case EV_TAKEOVER:
    case EV_HANDOVER:
    case EV_PASSED:
    case EV_LAG:
    case EV_LOSS:
    case EV_ASKED:
    case EV_REQUEST:
    case EV_STOP_NODE:
    case EV_CRASH_PARTICIPANT:
    case EV_PARTICIPANT_UP:
    case EV_CLIENT:
    case EV_REQUEST_ANSWER:
    case EV_SERVICE:
    case EV_SERVICE_RETRY:
    case EV_OPERATOR:
    case EV_SETTLE:
    case EV_COUNT:
        return false;
    }
    return false;
}

static void dispatch(struct world *world, const struct sim_event *event)
{
    if (in_node(event->kind)) {
        const struct node *node = world->nodes[event->node];
        if (!node->alive) {
            if (event->kind != EV_RESULT || event->node == leader_of(world, event->txn))
                return;
            struct sim_event same = *event; /* an answer to an address that another one has now */
            same.node = leader_of(world, event->txn);
            dispatch(world, &same);
            return;
        }
        uint64_t until_us = world->processes[node->process].paused_until_us;
        if (until_us > world->now_us) {
            world_push(world, *event, until_us - world->now_us);
            return;
        }
    }
    handlers[event->kind](world, event);
}

/* One draw a statement, here and everywhere: in which order C evaluates two of them is the
 * compiler's choice, and a seed must be the same history with every compiler.
 *
 * How bad this history is: some are calm, some are very bad. */
static void weather(struct world *world)
{
    uint32_t worse = (uint32_t)world_random(world, 4);
    uint64_t scarce = world_random(world, 3);
    if (scarce == 0)
        world->slots = 1 + (uint32_t)world_random(world, 4);
    world->drop = worse * (uint32_t)world_random(world, 80);
    world->duplicate = worse * (uint32_t)world_random(world, 100);
    world->slow = worse * (uint32_t)world_random(world, 60);
    world->crash = worse * (uint32_t)world_random(world, 12);
    world->lose_commit = worse * (uint32_t)world_random(world, 120);
    for (uint32_t i = (uint32_t)world_random(world, 3); i > 0; i--)
        plan(world, (struct sim_event){.kind = EV_CRASH_NODE},
             world_random(world, FAULTS_UNTIL_US));
    for (uint32_t i = (uint32_t)world_random(world, 3); i > 0; i--) {
        struct sim_event crash = {.kind = EV_CRASH_PARTICIPANT};
        crash.id = (uint32_t)world_random(world, PARTICIPANTS);
        plan(world, crash, world_random(world, FAULTS_UNTIL_US));
    }
    if (world_random(world, 10) == 0 && !world->loses) {
        for (uint32_t i = 0; i < 200; i++)
            plan(world, (struct sim_event){.kind = EV_BY_HAND},
                 world_random(world, FAULTS_UNTIL_US));
    }
    for (uint32_t i = (uint32_t)world_random(world, 3); i > 0; i--)
        plan(world, (struct sim_event){.kind = EV_DRAIN}, world_random(world, FAULTS_UNTIL_US));
    for (uint32_t i = (uint32_t)world_random(world, 3); i > 0; i--) { /* the old one lives on */
        struct sim_event taken = {.kind = EV_TAKEOVER, .process = PROCESSES};
        taken.shard = (uint32_t)world_random(world, world->shards_count);
        plan(world, taken, world_random(world, FAULTS_UNTIL_US));
    }
}

/* Shards move, also where nothing goes wrong. */
static void moves(struct world *world)
{
    uint64_t within_us = world->calm ? 500000 : FAULTS_UNTIL_US;
    for (uint32_t i = (uint32_t)world_random(world, 4); i > 0; i--) {
        struct sim_event leaves = {.kind = EV_HANDOVER};
        leaves.shard = (uint32_t)world_random(world, world->shards_count);
        plan(world, leaves, world_random(world, within_us));
    }
}

/* Half of the histories are about rows that everybody wants. */
static void rows_choose(struct world *world)
{
    if (world_random(world, 2) == 0)
        return;
    world->rows = 1 + (uint32_t)world_random(world, 3);
    world->serializable = world_random(world, 3) == 0;
    world->blind = world_random(world, 3) == 0;
    world->calm = world_random(world, 3) == 0;
}

static void finish(struct world *world)
{
    for (uint32_t n = 0; n < world->nodes_count; n++) {
        sim_slots_finish(world->nodes[n]);
        for (uint32_t t = 0; t < TXNS_MAX; t++)
            if (world->nodes[n]->live[t] != NULL)
                buffer_finish(&world->nodes[n]->live[t]->memory);
    }
    while (world->arena != NULL) {
        struct arena_block *block = world->arena;
        world->arena = block->next;
        free(block);
    }
    free(world->heap);
    free(world->answered);
}

#define STEPS_MAX 400000u

void world_run(struct world *world)
{
    struct sim_event event;
    world->random = world->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    world->policy = (struct txn_policy)TXN_POLICY_DEFAULT;
    world->policy.call_timeout_us = 2000000;
    world->policy.always_force_begin = world_random(world, 20) == 0;
    world->policy.parked_retry_us = world->seed % 4 * 400000; /* 0: only an operator */
    world->slots = BRANCHES_MAX; /* of each participant: a transaction may need them all */
    rows_choose(world);
    world->shards_count = 1 + (uint32_t)world_random(world, SHARDS);
    loss_plan(world);
    if (!world->calm)
        weather(world);
    moves(world);
    clients_plan(world);
    operators_plan(world);
    for (uint32_t s = 0; s < world->shards_count; s++)
        process_on_takeover(world, &(struct sim_event){.shard = s, .process = s});
    while (!world->failed && world_pop(world, &event)) {
        if (event.at_us > DRAINED_UNTIL_US)
            break;
        world->now_us = event.at_us;
        if (++world->steps > STEPS_MAX)
            world_fail(world, "it never comes to rest: %u events", STEPS_MAX);
        dispatch(world, &event);
        locks_run(world);
    }
    if (!world->failed)
        check_drained(world);
    if (!world->failed)
        check_lively(world);
    finish(world);
}
