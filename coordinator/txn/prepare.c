/* prepare.c: slots at all participants or at none, then prepares, in parallel or in order. */
#include "prepare.h"
#include "branch_states.h"
#include "decide.h"
#include "effects.h"
#include "history.h"
#include "one_phase.h"
#include "order.h"
#include "send.h"
#include "shape.h"
#include "timer.h"
#include "transition.h"

/* A conflict gives no more time: the clock of the first attempt runs on. */
static void prepare_clock(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->origin->prepare_timeout_us != 0 && txn->conflicts == 0)
        txn->prepare_deadline = txn_after(step->now, txn->origin->prepare_timeout_us);
}

/* All or none, before the first prepare: a transaction that holds a slot never waits for another
 * one (protocol.md, section 4). A branch that voted when it enlisted needs none. */
void txn_reserve(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->in[TXN_BRANCH_IDLE];
    assert(txn->protocol == TXN_PROTOCOL_2PC && txn->decision == TXN_UNDECIDED);
    if (mask == 0) {
        txn_commit(step);
        return;
    }
    txn->asking = mask;
    prepare_clock(step); /* also bounds the wait for slots */
    txn_set_state(txn, TXN_RESERVING);
    txn_emit(step, TXN_EFFECT_RESERVE)->mask = mask;
}

/* The branches whose input can be made by now, and before which all that go first have voted. */
static uint64_t ready(const struct txn *txn)
{
    uint64_t open = txn_members(txn) & ~txn_voted(txn), mask = 0;
    for (uint64_t idle = txn->in[TXN_BRANCH_IDLE]; idle != 0; idle &= idle - 1) {
        const struct txn_branch *branch = &txn->branches[__builtin_ctzll(idle)];
        if (((branch->needs | branch->prepare_after) & open) == 0)
            mask |= idle & -idle;
    }
    return mask;
}

/* Sends every prepare that can go; in order: the next one. */
void txn_prepare_ready(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = ready(txn);
    assert(txn->state == TXN_PREPARING);
    if (txn_in_order(txn))
        mask = txn_next_in_order(txn, mask);
    while (mask != 0) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_branch_set(txn, branch, TXN_BRANCH_PREPARING);
        txn_send(step, branch, OP_PREPARE);
    }
}

void txn_on_reserved(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->asking != 0);
    for (uint64_t mask = txn->asking; mask != 0;)
        txn_take(txn, &mask)->reserved = true;
    txn->asking = 0;
    if (txn_one_phase_fits(txn)) {
        txn_delegate(step);
        return;
    }
    prepare_clock(step);
    txn_set_state(txn, TXN_PREPARING);
    if (txn_in_order(txn))
        txn_note_moment(step, TXN_MOMENT_IN_ORDER);
    txn_prepare_ready(step);
}

/* Granted while the abort was on its way: given back at once. */
void txn_on_reserved_late(struct step *step)
{
    for (uint64_t mask = step->txn->asking; mask != 0;)
        txn_emit(step, TXN_EFFECT_RELEASE)->branch = txn_take(step->txn, &mask);
    step->txn->asking = 0;
}
