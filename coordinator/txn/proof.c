/* proof.c: what an answer proves of the tries before it, and what an operator's retry is.
 *
 * Nothing counts as "it did not run" but proof (protocol.md, section 6; faults.md 46). A refusal
 * speaks of its own try. Of an earlier one whose answer was lost, or that an earlier leader may
 * have sent, it says nothing, unless it left a tombstone: that is written only where the action is
 * not, and keeps it out for ever [REFUSALPROVES]. Where it proves nothing the step counts as
 * may-have-run where it can be undone; where it cannot (one phase, a pivot, a step behind one) its
 * branch is asked by revoking it (revoke.c), and a compensation's by status.
 *
 * A try that never left this process is proof of itself: no participant has heard of it, or ever
 * will. A step of which no try has left (every connection was refused) has not run, and is not
 * compensated; a pivot is not revoked for it [NEVERLEFT]. A conflict is not that: its try left
 * nothing, but a copy of it may still be on its way. A new leader knows nothing of its
 * predecessor's tries: for it no step is one of these.
 *
 * A refusal that is proof is stored, and the same attempt is answered by it for ever. So an
 * operator, who has mended the cause, tries a step again as a new attempt of that step, which the
 * guard takes: a tombstone refuses its attempt and lower ones, not higher ones [STOREDNO]. The
 * attempt is durable before anything of it leaves, so that a new leader does not take it for one
 * that was never tried [RAISELAZY]. Where the participant could not say what became of the earlier
 * try it stays the same attempt, under the same key: only the participant can tell them apart. A
 * commit or an abort has the attempt of what was prepared, and changes nothing when it comes twice:
 * there only the key is new. */
#include "proof.h"
#include "shape.h"

/* Did that try itself leave anything open? It has its own answer, or never left this process. A
 * conflict behind the first one may be the first's answer once more, and the try behind that has
 * none then. */
static bool left_open(const struct txn_event *event, const struct txn_branch *branch)
{
    switch (event->of.result->result) {
    case RESULT_DONE:
    case RESULT_REFUSED:
        return false;
    case RESULT_CONFLICT:
        return branch->tries > 1;
    case RESULT_VOTE:
    case RESULT_RETRY:
    case RESULT_UNKNOWN:
    case RESULT_HEURISTIC:
    case RESULT_NO_OPERATION: /* by a status that others use for other things */
    case RESULT_COUNT:
        break;
    }
    return !event->unsent;
}

static bool has_tombstone(const struct result *result)
{
    return result->result == RESULT_REFUSED && result->state == BRANCH_IS_ABORTED;
}

void txn_account(struct step *step, const struct txn_branch *branch)
{
    assert(step->event->of.result->branch == branch->number);
    struct txn *txn = step->txn;
    uint64_t bit = txn_bit(txn, branch);
    const struct result *result = step->event->of.result;
    if (result->op == OP_COMPENSATE && left_open(step->event, branch))
        txn->undo_unaccounted |= bit;
    if (result->op != OP_EXECUTE)
        return;
    if (!step->event->unsent)
        txn->left |= bit;
    if (has_tombstone(result))
        txn->unaccounted &= ~bit;
    else if (left_open(step->event, branch))
        txn->unaccounted |= bit;
}

bool txn_refusal_proves(const struct step *step, const struct txn_branch *branch)
{
    bool undoes = step->event->of.result->op == OP_COMPENSATE;
    uint64_t open = undoes ? step->txn->undo_unaccounted : step->txn->unaccounted;
    return (open & txn_bit(step->txn, branch)) == 0;
}
