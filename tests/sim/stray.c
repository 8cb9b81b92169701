/* stray.c: events that have no business coming now: late, doubled, of a branch that is not there,
 * or never meant for such a transaction. Whatever state it is in, nothing comes of them. */
#include <txn/resolve.h>

#include "sim.h"

static const struct result no_result = {
    .op = OP_PREPARE, .branch = 1, .attempt = 9999, .result = RESULT_UNKNOWN};
static const struct txn_branch no_branch = {
    .number = 99, .name = "", .participant = "nobody", .operation = "nothing"};

/* false: of this kind it may be what is waited for. */
static bool is_stray(const struct txn *txn, enum txn_event_kind kind, uint64_t now_us,
                     struct txn_event *ret_event)
{
    uint64_t wake_us = txn_wake_at(txn).us;
    bool is_new = txn->state == TXN_NEW || txn->state == TXN_LOST;
    *ret_event = (struct txn_event){.kind = kind};
    switch (kind) {
    case TXN_EVENT_SUBMITTED:
    case TXN_EVENT_OPENED:
    case TXN_EVENT_RECOVERED:
        return txn->state != TXN_NEW;
    case TXN_EVENT_TIMER:
        return is_new || wake_us == 0 || wake_us > now_us;
    case TXN_EVENT_ENLISTED:
        ret_event->of.branch = &no_branch;
        return is_new || !txn->origin->interactive;
    case TXN_EVENT_CLOSED:
        return is_new || !txn->origin->interactive;
    case TXN_EVENT_LEAVES:
        return txn->state == TXN_LEAVING || txn->state == TXN_LOST;
    case TXN_EVENT_CANCELLED:
    case TXN_EVENT_FENCED:
        return is_new && (kind != TXN_EVENT_FENCED || txn->state == TXN_LOST);
    case TXN_EVENT_RESERVED:
        return is_new || (txn->asking == 0 && txn->state != TXN_RESERVING);
    case TXN_EVENT_RESULT:
        ret_event->of.result = &no_result;
        return true;
    case TXN_EVENT_UNSENDABLE:
    case TXN_EVENT_SKIPPED:
        ret_event->of.number = 99;
        return true;
    case TXN_EVENT_RESUMED:
        return is_new || (txn->in[TXN_BRANCH_PARKED] | txn->owed_parked) == 0;
    case TXN_EVENT_RESOLVED: /* of a branch that is not there */
        ret_event->of.resolve.number = 99;
        ret_event->of.resolve.word = TXN_WORD_COMMITTED;
        ret_event->of.resolve.force = true;
        return true;
    case TXN_EVENT_FORGOTTEN:
        return is_new || txn_forget_check(txn, false) != TXN_FORGET_MAY;
    case TXN_EVENT_DURABLE: /* the verdict of a record that was never made */
        ret_event->of.durable.record = TXN_RECORD_END;
        ret_event->of.durable.attempt = 9999;
        return txn->writing[TXN_RECORD_END] == 0;
    case TXN_EVENT_PUBLISHED:
        return txn->unpublished == 0 && txn->state != TXN_PUBLISHING;
    case TXN_EVENT_COUNT:
        break;
    }
    return false;
}

static bool only_refused(const struct txn_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++)
        if (effects->list[i].kind != TXN_EFFECT_REPLY ||
            effects->list[i].reply != TXN_REPLY_REFUSED)
            return false;
    return true;
}

static void stray(struct world *world, uint32_t node, uint32_t txn, enum txn_event_kind kind)
{
    struct live *live = world->nodes[node]->live[txn];
    struct txn_event event;
    if (!is_stray(&live->txn, kind, world->now_us + 1, &event))
        return;
    enum txn_state state = live->txn.state;
    sim_pair(world, &live->txn, kind);
    txn_step(&live->txn, &event, node_now(world, node), world->effects);
    if (!only_refused(world->effects) || live->txn.state != state)
        world_fail(world, "txn %u: a stray %s in %s does something", txn, txn_event_kind_name(kind),
                   txn_state_name(state));
}

void stray_one(struct world *world, uint32_t node, uint32_t txn)
{
    stray(world, node, txn, (enum txn_event_kind)world_random(world, TXN_EVENT_COUNT));
}

void stray_all(struct world *world, uint32_t node, uint32_t txn)
{
    for (enum txn_event_kind kind = TXN_EVENT_SUBMITTED; kind < TXN_EVENT_COUNT; kind++)
        stray(world, node, txn, kind);
}

/* The shard was lost: no effect ever comes from here again. */
void stray_fenced(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    struct txn_event event = {.kind = TXN_EVENT_FENCED};
    sim_pair(world, &live->txn, TXN_EVENT_FENCED);
    txn_step(&live->txn, &event, node_now(world, node), world->effects);
    stray_all(world, node, txn);
}
