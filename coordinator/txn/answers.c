/* answers.c: which branch an answer is about, and what it adds to what is known of it. */
#include "answers.h"
#include "history.h"
#include "proof.h"
#include "shape.h"

/* The branch that a RESULT is about, when it belongs to this attempt and answers that operation;
 * NULL for what came late or twice (faults.md 10, 13; [NOATT]). */
struct txn_branch *txn_answered(struct step *step, enum message_op op)
{
    assert(step->event->kind == TXN_EVENT_RESULT);
    const struct result *result = step->event->of.result;
    if (result->op != op)
        return NULL;
    struct txn_branch *branch = txn_branch_find(step->txn, result->branch);
    if (branch == NULL || result->attempt != txn_attempt_of(step->txn, branch))
        return NULL;
    txn_account(step, branch);
    /* What work that is done says of itself; an older trouble is over. What an abort says does not
     * take the words away for which it came to that. */
    bool done = (op == OP_PREPARE || op == OP_EXECUTE) &&
                (result->result == RESULT_VOTE || result->result == RESULT_DONE);
    branch->reachable = !step->event->unsent;
    if (result->reason.data != NULL || done)
        branch->reason = result->reason;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_ANSWERED,
                                     .branch = branch->number,
                                     .attempt = result->attempt,
                                     .detail = (uint8_t)result->result,
                                     .op = op,
                                     .vote = result->vote,
                                     .said = result->said});
    return branch;
}

/* Of a command that is tried again itself. A prepare that met a conflict is not: its attempt ends,
 * and what is in the way ends with its holder, not after a time. */
uint64_t txn_retry_after(const struct step *step)
{
    const struct result *result = step->event->of.result;
    bool waits = result->result == RESULT_RETRY || result->result == RESULT_CONFLICT;
    return waits ? result->retry_after_us : 0;
}

/* The branch whose input cannot be made, with why; NULL when it is not in that state any more. */
struct txn_branch *txn_unsendable(struct step *step, enum txn_branch_state state)
{
    assert(step->event->kind == TXN_EVENT_UNSENDABLE);
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch == NULL || branch->state != state)
        return NULL;
    if (step->event->reason.data != NULL)
        branch->reason = step->event->reason;
    return branch;
}
