/* slots.c: the slots of a node, with the code that the daemon has (net/slots.h): who prepares
 * where, who is refused because nothing is heard of a participant; and what must be true of it. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define PROBE_US    200000u
#define ROOM_MAX_US 500000u /* with room everywhere nobody waits for longer, claims and all */

static struct live *live_of(struct slots_waiter *waiter)
{
    return (struct live *)(void *)((char *)waiter - offsetof(struct live, waiter));
}

void sim_slots_start(const struct world *world, struct node *host)
{
    if (slots_create(&host->slots) != 0)
        abort();
    for (uint32_t p = 0; p < PARTICIPANTS; p++) {
        host->pools[p].slots = world->slots;
        host->pools[p].places = 2 * world->slots;
    }
}

void sim_slots_finish(struct node *host)
{
    slots_destroy(host->slots);
}

static struct slots_pool *pool_of(struct world *world, const struct live *live, uint32_t index)
{
    uint32_t number = live->branches[index].number;
    return &world->nodes[live->node]->pools[world->txns[live->index].plan.participant[number - 1]];
}

/* --- granted, refused ------------------------------------------------------------------------- */

static void on_granted(struct slots_waiter *waiter)
{
    struct live *live = live_of(waiter);
    struct world *world = live->world;
    for (uint32_t i = 0; i < waiter->count; i++) {
        live->has_place |= UINT64_C(1) << live->wanted[i];
        live->has_slot |= UINT64_C(1) << live->wanted[i];
    }
    uint64_t late_us = world_chance(world, 30) ? world_random(world, 5000000) : 0;
    world_push(world,
               (struct sim_event){.kind = EV_GRANTED, .node = live->node, .txn = live->index},
               late_us);
}

static void on_refused(struct slots_waiter *waiter, uint32_t at)
{
    struct live *live = live_of(waiter);
    struct sim_event event = {.kind = EV_RESULT, .node = live->node, .txn = live->index};
    event.result = (struct result){.op = OP_PREPARE,
                                   .branch = live->branches[live->wanted[at]].number,
                                   .attempt = live->txn.attempt,
                                   .result = RESULT_UNKNOWN};
    event.unsent = true;
    event.down = true;
    world_push(live->world, event, 0);
}

void sim_slots_reserve(struct world *world, uint32_t node, uint32_t txn, uint64_t mask)
{
    struct node *host = world->nodes[node];
    struct live *live = host->live[txn];
    live->world = world;
    live->node = node;
    live->index = txn;
    live->waiter =
        (struct slots_waiter){.pools = live->pools, .granted = on_granted, .refused = on_refused};
    for (; mask != 0; mask &= mask - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(mask);
        live->wanted[live->waiter.count] = i;
        live->pools[live->waiter.count++] = pool_of(world, live, i);
    }
    live->roomy_since_us = 0;
    if (!mutate_stands_behind(world, node, txn))
        slots_reserve(host->slots, &live->waiter, world->now_us + 1);
    sim_slots_run(world, node);
}

void sim_slots_cancel(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    live->stands_behind = false;
    if (live->waiter.waiting)
        slots_cancel(world->nodes[node]->slots, &live->waiter);
    sim_slots_run(world, node);
}

/* The core says that the branch needs it no more. */
void sim_slots_release(struct world *world, uint32_t node, uint32_t txn, uint32_t index)
{
    struct live *live = world->nodes[node]->live[txn];
    uint64_t bit = UINT64_C(1) << index;
    if ((live->has_place & bit) == 0) {
        world_fail(world, "txn %u gives back a slot that it does not hold", txn);
        return;
    }
    if (mutate_keeps_slot(world, &live->branches[index]))
        return;
    slots_release(pool_of(world, live, index), (live->has_slot & bit) != 0, world->now_us + 1);
    live->has_place &= ~bit;
    live->has_slot &= ~bit;
    sim_slots_run(world, node);
}

/* With its vote a branch leaves its slot to the next. */
void sim_slots_voted(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    uint64_t voted = live->has_slot & live->txn.in[TXN_BRANCH_PREPARED];
    for (uint64_t mask = voted; mask != 0; mask &= mask - 1) {
        slots_end_phase1(pool_of(world, live, (uint32_t)__builtin_ctzll(mask)), world->now_us + 1);
        live->has_slot &= ~(mask & -mask);
    }
    if (voted != 0)
        sim_slots_run(world, node);
}

/* --- what must be true ------------------------------------------------------------------------ */

static uint32_t needs_of(const struct live *live, const struct slots_pool *pool)
{
    uint32_t needs = 0;
    for (uint32_t i = 0; i < live->waiter.count; i++)
        needs += live->pools[i] == pool ? 1 : 0;
    return needs;
}

static bool has_room(const struct live *live, const struct slots_pool *pool)
{
    uint32_t needs = needs_of(live, pool);
    return pool->breaker == BREAKER_CLOSED && pool->used + needs <= pool->slots &&
           pool->held + needs <= pool->places;
}

/* Who needs two of the same participant, and lacks one, keeps the other from those behind. */
static bool is_kept(const struct world *world, const struct live *live,
                    const struct slots_pool *pool)
{
    for (uint32_t t = 0; t < world->txns_count; t++) {
        const struct live *other = world->nodes[live->node]->live[t];
        if (other != NULL && other != live && other->waiter.waiting && needs_of(other, pool) > 1 &&
            !has_room(other, pool))
            return true;
    }
    return false;
}

/* Nobody waits at A behind who waits for B: with room everywhere it is soon granted [BARSOTHERS].
 */
static void check_waiter(struct world *world, struct live *live)
{
    bool roomy = true;
    for (uint32_t i = 0; i < live->waiter.count && roomy; i++)
        roomy = has_room(live, live->pools[i]) && !is_kept(world, live, live->pools[i]);
    if (!roomy)
        live->roomy_since_us = 0;
    else if (live->roomy_since_us == 0)
        live->roomy_since_us = world->now_us + 1;
    else if (world->now_us > live->roomy_since_us + ROOM_MAX_US)
        world_fail(world, "txn %u waits for slots that are there", live->index);
}

/* A place is held for phase 1 and for the first try of phase 2, never for longer [SLOTUNTILACK]. */
void check_places(struct world *world, uint32_t node, uint32_t txn)
{
    const struct live *live = world->nodes[node]->live[txn];
    uint64_t may = live->txn.in[TXN_BRANCH_IDLE] | live->txn.in[TXN_BRANCH_PREPARING] |
                   live->txn.in[TXN_BRANCH_PREPARED] | live->txn.in[TXN_BRANCH_EXECUTING] |
                   live->txn.unanswered | live->txn.asking;
    bool revokes = live->txn.state == TXN_REVOKING && !txn_parked(&live->txn);
    if (live->txn.state != TXN_LOST && !revokes && (live->has_place & ~may) != 0)
        world_fail(world, "txn %u, %s, holds a slot that it does not need", txn,
                   txn_state_name(live->txn.state));
}

void sim_slots_run(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    uint64_t now_us = world->now_us + 1;
    mutate_next_in_line(world, node);
    uint64_t again_us = slots_run(host->slots, now_us);
    for (uint32_t t = 0; t < world->txns_count; t++) {
        struct live *live = host->live[t];
        if (live != NULL && (live->waiter.waiting || live->stands_behind))
            check_waiter(world, live);
    }
    if (again_us != 0 && again_us != host->slots_again_us) {
        host->slots_again_us = again_us;
        world_push(world, (struct sim_event){.kind = EV_SLOTS, .node = node},
                   again_us > now_us ? again_us - now_us : 0);
    }
}

void sim_slots_on_time(struct world *world, const struct sim_event *event)
{
    world->nodes[event->node]->slots_again_us = 0;
    sim_slots_run(world, event->node);
}

/* --- the breaker ------------------------------------------------------------------------------ */

void sim_slots_heard(struct world *world, uint32_t node, uint32_t participant)
{
    struct slots_pool *pool = &world->nodes[node]->pools[participant];
    bool was_closed = pool->breaker == BREAKER_CLOSED;
    breaker_heard(pool);
    if (!was_closed)
        sim_slots_run(world, node);
}

void sim_slots_failed(struct world *world, uint32_t node, uint32_t participant)
{
    struct slots_pool *pool = &world->nodes[node]->pools[participant];
    if (!breaker_failed(pool, world->now_us + 1))
        return;
    world_trace(world, "node %u: nothing is heard of participant %u", node, participant);
    world_push(world, (struct sim_event){.kind = EV_PROBE, .node = node, .id = participant},
               PROBE_US);
    sim_slots_run(world, node);
}

bool sim_slots_down(const struct world *world, uint32_t node, uint32_t participant)
{
    return world->nodes[node]->pools[participant].breaker == BREAKER_OPEN;
}

void sim_slots_on_probe(struct world *world, const struct sim_event *event)
{
    if (!sim_slots_down(world, event->node, event->id))
        return;
    if (world->participant_down[event->id])
        world_push(world, *event, 2 * PROBE_US);
    else
        sim_slots_heard(world, event->node, event->id);
}
