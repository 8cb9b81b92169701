/* leave.c: the shard is handed over in good order, and no transaction is aborted because of it.
 *
 * What the journal has anyway (a saga, a decision, a delegation) the next leader goes on with. Of
 * an undecided two-phase commit one record says that it is handed over, with its members and votes.
 * From that record on this memory is silent: it acknowledges no enlistment, aborts nothing and
 * sends nothing, whatever comes [HANDOVER]. So the next leader may keep an interactive transaction
 * open with the list that the record has, and count the votes. It may do so only where the record
 * is of the leader right before it: one between them may have taken more branches, or aborted, and
 * died before a row said so [HANDEDBEFORE]. An orchestrated one is driven again as a new attempt,
 * as what was accepted is, by every later leader. */
#include "leave.h"
#include "branch_states.h"
#include "decide.h"
#include "effects.h"
#include "prepare.h"
#include "shape.h"
#include "transition.h"

static bool is_writing(const struct txn *txn)
{
    for (uint32_t kind = 0; kind < TXN_RECORD_KIND_COUNT; kind++)
        if (txn->writing[kind] > 0)
            return true;
    return false;
}

/* Only this memory knows what a new leader would have to know to drive it on. */
static bool is_handed(const struct txn *txn)
{
    return txn->protocol == TXN_PROTOCOL_2PC && txn->decision == TXN_UNDECIDED &&
           !txn_delegated(txn) && txn->state != TXN_NEW && txn->state != TXN_DOUBTFUL;
}

static void hand(struct step *step)
{
    struct txn *txn = step->txn;
    struct txn_record *record = txn_persist(step, TXN_RECORD_BEGIN, true);
    record->handed = txn->epoch;
    record->closed = txn->origin->interactive && txn->state != TXN_OPEN;
    txn_record_members(step);
}

static void leave(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->state == TXN_RESERVING)
        txn_emit(step, TXN_EFFECT_UNRESERVE);
    for (uint64_t mask = txn_all(txn); mask != 0;)
        txn_release(step, txn_take(txn, &mask));
    if (is_handed(txn))
        hand(step);
    txn_set_state(txn, TXN_LEAVING);
}

void txn_leave_when_written(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->leaves && txn->state != TXN_LEAVING && txn->state != TXN_LOST &&
        txn->state != TXN_ENDED && !is_writing(txn))
        leave(step);
}

void txn_on_leaves(struct step *step)
{
    step->txn->leaves = true;
}

/* The last try of a step is out: a leader that does not hear its answer gives the step up. */
static bool last_try_out(const struct txn *txn)
{
    for (uint64_t mask = txn->in[TXN_BRANCH_EXECUTING]; mask != 0; mask &= mask - 1)
        if (txn_tries_spent(txn, &txn->branches[__builtin_ctzll(mask)], OP_EXECUTE))
            return true;
    for (uint64_t mask = txn->in[TXN_BRANCH_COMPENSATING]; mask != 0; mask &= mask - 1)
        if (txn_tries_spent(txn, &txn->branches[__builtin_ctzll(mask)], OP_COMPENSATE))
            return true;
    return false;
}

bool txn_leaves_well(const struct txn *txn)
{
    return txn->state != TXN_PREPARING && !is_writing(txn) &&
           (txn_delegated(txn) || !last_try_out(txn));
}

/* --- the next leader ---------------------------------------------------------------------------
 */

enum txn_branch_state txn_handed_state(enum message_vote vote)
{
    switch (vote) {
    case VOTE_YES: /* prepared: nobody has told it anything since */
        return TXN_BRANCH_PREPARED;
    case VOTE_READ_ONLY:
        return TXN_BRANCH_READ_ONLY;
    case VOTE_NONE: /* asked or not: the same attempt again is answered alike */
    case VOTE_NO:
    case VOTE_COUNT:
        break;
    }
    return TXN_BRANCH_IDLE;
}

void txn_handed_go_on(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->handed && txn->origin->interactive && txn->decision == TXN_UNDECIDED);
    if (txn->closed)
        txn_reserve(step);
    else
        txn_set_state(txn, TXN_OPEN);
}
