/* slots.c: a slot at every participant of a transaction, all or none, first come first served. */
#include <string.h>

#include "sim.h"

#define SLOTS 6u /* of each participant: a transaction may need them all */

static bool slots_there(const struct world *world, const struct node *host, uint32_t txn)
{
    uint32_t wanted[PARTICIPANTS] = {0};
    const struct plan *plan = &world->txns[txn].plan;
    for (uint32_t i = 0; i < BRANCHES_MAX; i++) {
        if ((host->live[txn]->mask >> i & 1u) == 0)
            continue;
        uint32_t p = plan->participant[host->live[txn]->branches[i].number - 1];
        if (host->slots_used[p] + ++wanted[p] > SLOTS)
            return false;
    }
    return true;
}

/* All or none, first come first served. */
void sim_slots_run(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    while (host->waiters_count > 0 && slots_there(world, host, host->waiters[0])) {
        uint32_t txn = host->waiters[0];
        host->waiters_count--;
        memmove(host->waiters, host->waiters + 1, host->waiters_count * sizeof(uint32_t));
        for (uint32_t i = 0; i < BRANCHES_MAX; i++) {
            if ((host->live[txn]->mask >> i & 1u) != 0)
                host->slots_used[world->txns[txn]
                                     .plan.participant[host->live[txn]->branches[i].number - 1]]++;
        }
        uint64_t late_us = world_chance(world, 30) ? world_random(world, 5000000) : 0;
        world_push(world, (struct sim_event){.kind = EV_GRANTED, .node = node, .txn = txn},
                   late_us);
    }
}

void sim_slots_cancel(struct node *host, uint32_t txn)
{
    for (uint32_t i = 0; i < host->waiters_count; i++) {
        if (host->waiters[i] != txn)
            continue;
        host->waiters_count--;
        memmove(&host->waiters[i], &host->waiters[i + 1],
                (host->waiters_count - i) * sizeof(uint32_t));
        return;
    }
}

void sim_slots_release(struct world *world, uint32_t node, uint32_t txn, uint32_t number)
{
    uint32_t p = world->txns[txn].plan.participant[number - 1];
    if (world->nodes[node]->slots_used[p] == 0) {
        world_fail(world, "txn %u gives back a slot that it does not hold", txn);
        return;
    }
    world->nodes[node]->slots_used[p]--;
    sim_slots_run(world, node);
}
