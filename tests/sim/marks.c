/* marks.c: what guard rows leave by. Every request carries the oldest gtid that its sender knows to
 * be open; the rows below it leave, and a call about one of them is answered `unknown`, never from
 * nothing (protocol.md, section 3). A transaction is open until its end is durable: what has ended
 * in memory only, a new leader drives again [MARKATEND]. */
#include "sim.h"

static bool is_over(const struct world *world, const struct live *live)
{
    if (live->txn.state == TXN_LOST)
        return false;
    return live->txn.state == TXN_ENDED &&
           (live->txn.writing[TXN_RECORD_END] == 0 || world->mutation == MUTATE_MARK_AT_END);
}

/* The sender's mark, as an index: gtids are handed out in that order. What was begun before its
 * time and is not in its memory has ended, or never was. */
uint32_t mark_of(const struct world *world, uint32_t node)
{
    const struct node *host = world->nodes[node];
    uint32_t mark = 0;
    if (world->loses) /* what has ended may be open once more */
        return 0;
    for (; mark < world->txns_count; mark++) {
        const struct live *live = host->live[mark];
        if (world->txns[mark].shard != host->shard)
            continue; /* each shard has its own */
        if (live == NULL ? mark >= host->found : !is_over(world, live))
            break;
    }
    return mark;
}

/* Only committed rows can be deleted: what is prepared or at work stays. */
static bool can_leave(const struct guard *guard)
{
    return guard->prepared == 0 && guard->running == 0 && !guard->work;
}

void mark_arrives(struct world *world, const struct sim_event *event)
{
    uint32_t participant = world->txns[event->txn].plan.participant[event->branch];
    for (uint32_t t = 0; t < event->mark; t++) {
        struct sim_txn *txn = &world->txns[t];
        if (txn->shard != world->txns[event->txn].shard)
            continue;
        for (uint32_t b = 0; b < txn->plan.branches; b++) {
            struct guard *guard = &txn->guard[b];
            if (txn->plan.participant[b] != participant || participant_is_plain(world, t, b) ||
                guard->gone || !can_leave(guard))
                continue;
            guard->gone = true;
            if (txn->row && !txn->ended)
                world_fail(world, "the guard's row of txn %u/%u leaves while it is open", t, b + 1);
        }
    }
}
