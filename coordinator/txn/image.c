/* image.c: does what the journal holds of a transaction make sense? This code writes no row that
 * does not, but a row may be damaged, or changed by hand. One that contradicts itself is left as it
 * is, and stops no other transaction (faults.md 15): txn_recover() refuses it. What only the
 * definition can tell shows in the RECOVERED step: then the transaction is lost to this memory. */
#include "image.h"
#include "shape.h"

static bool two_phase_fits(const struct txn_image *image)
{
    switch (image->decision) {
    case TXN_UNDECIDED:
        return image->outcome == TXN_OUTCOME_NONE;
    case TXN_COMMIT: /* none: steps behind the pivot make it final, or the decision implies it */
        return image->outcome == TXN_OUTCOME_NONE || image->outcome == TXN_OUTCOME_COMMITTED ||
               image->outcome == TXN_OUTCOME_MIXED;
    case TXN_ABORT:
        return image->outcome == TXN_OUTCOME_NONE || image->outcome == TXN_OUTCOME_ABORTED ||
               image->outcome == TXN_OUTCOME_MIXED;
    case TXN_DECISION_COUNT:
        break;
    }
    return false;
}

static bool saga_fits(const struct txn_image *image)
{
    switch (image->decision) {
    case TXN_UNDECIDED:
        return image->outcome == TXN_OUTCOME_NONE;
    case TXN_COMMIT:
        return image->outcome == TXN_OUTCOME_COMMITTED || image->outcome == TXN_OUTCOME_MIXED;
    case TXN_ABORT: /* cancelled before anything ran; or it turned, and maybe has undone all */
        return image->outcome != TXN_OUTCOME_COMMITTED;
    case TXN_DECISION_COUNT:
        break;
    }
    return false;
}

bool txn_image_fits(const struct txn_image *image)
{
    enum txn_mode mode = image->origin.mode;
    if (image->origin.interactive && mode != TXN_MODE_2PC)
        return false;
    switch (image->protocol) {
    case TXN_PROTOCOL_2PC:
        return mode != TXN_MODE_SAGA && (image->delegated_branch == 0 || mode == TXN_MODE_2PC) &&
               two_phase_fits(image);
    case TXN_PROTOCOL_SAGA:
        return mode != TXN_MODE_2PC && image->delegated_branch == 0 && saga_fits(image) &&
               (mode == TXN_MODE_SAGA || image->attempt > 1); /* it fell back */
    case TXN_PROTOCOL_COUNT:
        break;
    }
    return false;
}

/* Is this what a saga that has turned, or has not, can say of a step? */
bool txn_image_step_fits(const struct txn_image *image, enum record_step_state state)
{
    switch (state) {
    case RECORD_STEP_TRYING:
    case RECORD_STEP_WAITING:
    case RECORD_STEP_DONE:
    case RECORD_STEP_SKIPPED:
    case RECORD_STEP_ABORTED:
    case RECORD_STEP_OVERRULED:
    case RECORD_STEP_FORGOTTEN:
        return true;
    case RECORD_STEP_COMMITTED:
        return image->protocol == TXN_PROTOCOL_2PC || image->decision == TXN_ABORT;
    case RECORD_STEP_PARKED:
    case RECORD_STEP_REFUSED:
        return image->decision != TXN_ABORT;
    case RECORD_STEP_UNDO_TRYING:
    case RECORD_STEP_UNDO_WAITING:
    case RECORD_STEP_UNDO_PARKED:
    case RECORD_STEP_UNDO_REFUSED:
    case RECORD_STEP_COMPENSATED:
        return image->decision == TXN_ABORT;
    case RECORD_STEP_STATE_COUNT:
        break;
    }
    return false;
}

/* The steps behind the pivot have no vote, and all others have one. */
static bool pivot_fits(const struct txn *txn)
{
    uint64_t behind = 0;
    for (uint32_t i = 0; i < txn->branches_count; i++)
        behind |= txn->branches[i].vote == VOTE_NONE ? txn_bit(txn, &txn->branches[i]) : 0;
    if (txn->origin->mode != TXN_MODE_2PC_THEN_SAGA || txn->decision != TXN_COMMIT)
        return true;
    return behind == txn_of_kind(txn, TXN_STEP_RETRIABLE) &&
           (behind != 0 || txn->outcome != TXN_OUTCOME_NONE);
}

/* Only what can be undone is, and nothing behind a pivot that is passed; only what cannot turn any
 * more was parked on its way forward. */
static bool turn_fits(const struct txn *txn)
{
    uint64_t undone = txn->in[TXN_BRANCH_COMPENSATING] | txn->in[TXN_BRANCH_COMPENSATED];
    if (txn->decision == TXN_ABORT)
        return ((undone | txn->in[TXN_BRANCH_PARKED]) & ~txn_undoable(txn)) == 0 &&
               !txn_forward_only(txn);
    return txn->in[TXN_BRANCH_PARKED] == 0 || txn_forward_only(txn);
}

bool txn_recovered_fits(const struct txn *txn)
{
    return txn->protocol == TXN_PROTOCOL_SAGA ? turn_fits(txn) : pivot_fits(txn);
}
