/* fallback.c: from two-phase commit to a saga, without a double or a missing effect.
 *
 * When a prepare does not come in time, or a new leader finds the attempt undecided, one forced
 * write ends attempt n with abort and begins n + 1 as a saga over the same steps. No message of
 * n + 1 leaves before it is durable [EARLYSEND]. A yes that is still on its way changes nothing:
 * this memory asks for no other decision of attempt n [LATEYES]. Behind the write the aborts of
 * attempt n go to all its members, beside the saga [NOABORT], until each has acknowledged; what the
 * guard refuses by then it refuses for ever. A business no never comes here: it aborts.
 *
 * An abort that is refused (409) makes no sense: it is parked. The saga and its outcome do not wait
 * for it, the end does. No record says so: a new leader sends all these aborts again. */
#include "core.h"

bool txn_falls_back(const struct txn *txn)
{
    return txn->origin->mode == TXN_MODE_2PC_THEN_SAGA && txn->protocol == TXN_PROTOCOL_2PC &&
           txn->attempt < TROTH_ATTEMPT_MAX;
}

/* Steps behind the pivot take no part in two-phase commit. */
void txn_leave_behind(struct txn *txn)
{
    if (txn->origin->mode != TXN_MODE_2PC_THEN_SAGA || txn->protocol != TXN_PROTOCOL_2PC)
        return;
    for (uint64_t mask = txn_of_kind(txn, TXN_STEP_RETRIABLE); mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (branch->state == TXN_BRANCH_IDLE || branch->state == TXN_BRANCH_PREPARING)
            txn_branch_set(txn, branch, TXN_BRANCH_BEHIND);
    }
}

/* RESERVING, PREPARING, and a new leader's first step. */
void txn_fall_back(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    const struct txn_branch *blamed = txn_branch_find(txn, branch_number);
    if (txn->state == TXN_RESERVING)
        txn_emit(step, TXN_EFFECT_UNRESERVE);
    txn->fallback_attempt = txn->attempt;
    txn->fallback_cause = cause;
    txn->fallback_branch = branch_number;
    txn->fallback_reason = blamed != NULL ? blamed->reason : (struct troth_span){NULL, 0};
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_FELL_BACK,
                                     .branch = branch_number,
                                     .detail = (uint8_t)cause});
    for (uint64_t mask = txn_all(txn) & ~txn->in[TXN_BRANCH_IDLE]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_release(step, branch);
        txn_branch_set(txn, branch, TXN_BRANCH_IDLE);
    }
    for (uint64_t mask = txn_all(txn); mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_release(step, branch);
        branch->vote = VOTE_NONE;
        branch->tries = 0;
        branch->retry_at.us = 0;
        branch->output = (struct troth_span){NULL, 0}; /* of an attempt that never was */
    }
    txn->protocol = TXN_PROTOCOL_SAGA;
    txn_persist(step, TXN_RECORD_ATTEMPT, true)->decision = TXN_ABORT;
    txn_record_members(step);
    txn_record_people(step);
    txn->attempt++;
    txn_set_state(txn, TXN_FALLING_BACK);
}

/* FALLING_BACK: attempt n has ended. Who cancelled meanwhile finds nothing to undo. */
void txn_on_fallen_back(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (event->of.durable.record != TXN_RECORD_ATTEMPT ||
        event->of.durable.attempt + 1 != txn->attempt)
        return;
    if (event->of.durable.verdict == TXN_ALREADY && event->of.durable.standing != TXN_ABORT) {
        txn_set_state(txn, TXN_LOST); /* it has committed: a contradiction */
        return;
    }
    txn_earlier_abort(step);
    enum txn_cause wish = txn->cause;
    txn->cause = TXN_CAUSE_NONE;
    txn_set_state(txn, TXN_RUNNING);
    if (wish != TXN_CAUSE_NONE) {
        txn_stop(step, wish, 0);
    } else if (txn_expired(txn->deadline, step->now)) {
        txn_note_moment(step, TXN_MOMENT_TIMEOUT);
        txn_stop(step, TXN_CAUSE_TIMEOUT, 0);
    } else {
        txn_run(step);
    }
}

/* --- the attempt before ------------------------------------------------------------------------
 */

static void note(struct step *step, const struct txn_branch *branch, enum txn_moment moment,
                 uint8_t detail)
{
    txn_note(step,
             (struct txn_note){.moment = moment,
                               .branch = branch->number,
                               .attempt = step->txn->attempt - 1,
                               .detail = detail,
                               .op = OP_ABORT,
                               .said = moment == TXN_MOMENT_ANSWERED ? step->event->of.result->said
                                                                     : TROUBLE_NONE});
}

static void abort_send(struct step *step, struct txn_branch *branch)
{
    branch->abort_tries++;
    branch->abort_at.us = 0;
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_SEND);
    effect->branch = branch;
    effect->op = OP_ABORT;
    effect->attempt = step->txn->attempt - 1;
    effect->timeout_us = step->txn->policy->call_timeout_us;
    note(step, branch, TXN_MOMENT_SENT, (uint8_t)OP_ABORT);
}

/* To every member of it. A lower one is ended by the same message. */
void txn_earlier_abort(struct step *step)
{
    struct txn *txn = step->txn;
    txn->fencing = txn_all(txn) & ~txn_of_kind(txn, TXN_STEP_RETRIABLE);
    for (uint64_t mask = txn->fencing; mask != 0;)
        abort_send(step, txn_take(txn, &mask));
}

void txn_earlier_due(struct step *step)
{
    for (uint64_t mask = step->txn->fencing; mask != 0;) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        if (txn_expired(branch->abort_at, step->now))
            abort_send(step, branch);
    }
}

static void acknowledged(struct step *step, struct txn_branch *branch)
{
    step->txn->fencing &= ~txn_bit(step->txn, branch);
    step->txn->parked_aborts &= ~txn_bit(step->txn, branch);
    branch->abort_at.us = 0;
    branch->abort_reason = (struct troth_span){NULL, 0};
}

/* 409 to an abort makes no sense: an operator looks; the saga and the other aborts go on. */
static void park(struct step *step, struct txn_branch *branch)
{
    if ((step->txn->parked_aborts & txn_bit(step->txn, branch)) != 0)
        return;
    step->txn->parked_aborts |= txn_bit(step->txn, branch);
    branch->abort_at.us = 0;
    note(step, branch, TXN_MOMENT_PARKED, 0);
}

/* Unknown, or not now: the same again, unless it waits for that already or for an operator. */
static void abort_again(struct step *step, struct txn_branch *branch)
{
    const struct result *result = step->event->of.result;
    if (branch->abort_at.us == 0 && (step->txn->parked_aborts & txn_bit(step->txn, branch)) == 0)
        branch->abort_at = txn_backoff_at(
            step, branch->abort_tries, result->result == RESULT_RETRY ? result->retry_after_us : 0);
}

/* STOPPING, TURNING; and beside all else that is parked: an operator says: again. */
void txn_on_earlier_resumed(struct step *step)
{
    uint64_t mask = step->txn->parked_aborts;
    step->txn->parked_aborts = 0;
    while (mask != 0) {
        struct txn_branch *branch = txn_take(step->txn, &mask);
        note(step, branch, TXN_MOMENT_RESUMED, 0);
        branch->abort_tries = 0;
        abort_send(step, branch);
    }
}

/* An answer to such an abort. Whatever state it says: "committed" is what the saga did there. True:
 * it was one. */
bool txn_earlier_answered(struct step *step)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    if (result->op != OP_ABORT || txn->protocol != TXN_PROTOCOL_SAGA ||
        result->attempt + 1 != txn->attempt)
        return false;
    struct txn_branch *branch = txn_branch_find(txn, result->branch);
    if (branch == NULL)
        return true;
    note(step, branch, TXN_MOMENT_ANSWERED, (uint8_t)result->result);
    if ((txn->fencing & txn_bit(txn, branch)) == 0)
        return true;
    if (result->reason.data != NULL)
        branch->abort_reason = result->reason;
    switch (result->result) {
    case RESULT_DONE:
        acknowledged(step, branch);
        return true;
    case RESULT_HEURISTIC: /* somebody else committed it by hand: never silent */
        if (result->reason.data != NULL)
            branch->reason = result->reason;
        acknowledged(step, branch);
        txn->strayed |= txn_bit(txn, branch);
        return true;
    case RESULT_REFUSED:
        park(step, branch);
        return true;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    abort_again(step, branch);
    return true;
}
