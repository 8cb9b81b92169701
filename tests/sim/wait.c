/* wait.c: the clients that wait at a node, as daemon/waiting.c keeps them: told what the core says
 * may be told, when their time is over, when the node stops, when it finds that it was fenced. */
#include "sim.h"

#define GRACE_US 1000000u

void wait_add(struct world *world, uint32_t node, uint32_t txn, const struct sim_event *request)
{
    struct live *live = world->nodes[node]->live[txn];
    if (live->waits_count == WAITS_MAX)
        return; /* its client sends it again */
    struct wait *wait = &live->waits[live->waits_count++];
    *wait = (struct wait){.id = ++world->waits, .what = (enum request)request->what};
    wait->client = request->client;
    wait->branch = request->branch;
    wait->list = request->id;
    world_push(world,
               (struct sim_event){.kind = EV_WAIT_OVER, .node = node, .txn = txn, .id = wait->id},
               100000 + world_random(world, 2000000));
}

static struct wait take(struct live *live, uint32_t i)
{
    struct wait wait = live->waits[i];
    live->waits[i] = live->waits[--live->waits_count];
    return wait;
}

/* The outcome, to who asked for this transaction, or for this commit of it. */
static void tell_outcome(struct world *world, uint32_t node, uint32_t txn, const struct wait *wait)
{
    const struct txn *core = &world->nodes[node]->live[txn]->txn;
    if (wait->what == REQUEST_CLOSE)
        check_list(world, &world->txns[txn], wait->list, core->decision);
    client_tell_outcome(world, node, txn, core->decision, core->outcome);
}

void wait_outcome(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    for (uint32_t i = live->waits_count; i > 0; i--) {
        if (live->waits[i - 1].what == REQUEST_ENLIST)
            continue;
        struct wait wait = take(live, i - 1);
        tell_outcome(world, node, txn, &wait);
    }
}

void wait_enlisted(struct live *live, uint32_t branch)
{
    for (uint32_t i = live->waits_count; i > 0; i--)
        if (live->waits[i - 1].what == REQUEST_ENLIST && live->waits[i - 1].branch == branch)
            (void)take(live, i - 1);
}

static enum txn_told told_of(const struct world *world, const struct live *live, bool stops)
{
    if (stops && world->mutation == MUTATE_STOP_IS_NOTHING)
        return TXN_TOLD_NOTHING;
    enum txn_told told = txn_told(&live->txn);
    if (told == TXN_TOLD_UNKNOWN && !stops && world->mutation == MUTATE_WAIT_ACCEPTS)
        return TXN_TOLD_ACCEPTED;
    return told;
}

/* true: it was told something for good. */
static bool tell(struct world *world, uint32_t node, uint32_t txn, const struct wait *wait,
                 bool stops)
{
    struct live *live = world->nodes[node]->live[txn];
    if (wait->what == REQUEST_ENLIST) {
        if (world->mutation == MUTATE_ENLISTED_IN_TIME && !stops)
            client_tell(world, node, txn, ANSWER_ENLISTED, wait->branch, TXN_UNDECIDED);
        return true; /* not known: it enlists again */
    }
    switch (told_of(world, live, stops)) {
    case TXN_TOLD_OUTCOME:
        tell_outcome(world, node, txn, wait);
        return true;
    case TXN_TOLD_ACCEPTED:
        check_accepted(world, &world->txns[txn]);
        client_tell(world, node, txn, ANSWER_ACCEPTED, 0, TXN_UNDECIDED);
        return true;
    case TXN_TOLD_UNKNOWN:
        if (stops || wait->late)
            client_tell(world, node, txn, ANSWER_UNKNOWN, 0, TXN_UNDECIDED);
        return stops || wait->late;
    case TXN_TOLD_NOTHING:
        check_nothing(world, &world->txns[txn]);
        client_tell(world, node, txn, ANSWER_NOTHING, 0, TXN_UNDECIDED);
        return true;
    }
    return true;
}

void wait_on_over(struct world *world, const struct sim_event *event)
{
    struct live *live = world->nodes[event->node]->live[event->txn];
    for (uint32_t i = 0; i < live->waits_count; i++) {
        struct wait *wait = &live->waits[i];
        if (wait->id != event->id)
            continue;
        struct wait over = *wait;
        if (tell(world, event->node, event->txn, &over, false)) {
            (void)take(live, i);
            return;
        }
        wait->late = true;
        world_push(world, *event, GRACE_US);
        return;
    }
}

/* Its process ends: who waits is answered first. `fenced`: somebody else leads. */
void wait_stop(struct world *world, uint32_t node, bool fenced)
{
    for (uint32_t t = 0; t < world->txns_count; t++) {
        struct live *live = world->nodes[node]->live[t];
        if (live == NULL)
            continue;
        if (fenced)
            stray_fenced(world, node, t);
        while (live->waits_count > 0) {
            struct wait wait = take(live, 0);
            (void)tell(world, node, t, &wait, true);
        }
    }
}
