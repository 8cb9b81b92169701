/* two_phase.c: the first half of a two-phase commit: reserve, prepare, in parallel or in order,
 * collect votes. */
#include "core.h"

/* A row must be durable before the first message where silence could not be read as "aborted":
 * what was promised to a client (accepted), and members that can not ask [NOINQ]. A delegated
 * branch needs no begin of its own: the row that delegates does its work. */
static bool begin_forced(const struct txn *txn)
{
    if (txn->origin->accepted || txn->policy->always_force_begin ||
        txn->protocol == TXN_PROTOCOL_SAGA)
        return true;
    if (txn_one_phase_fits(txn))
        return false;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        if (!txn->branches[i].inquires && txn->branches[i].state != TXN_BRANCH_BEHIND)
            return true;
    }
    return false;
}

void txn_on_submitted(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->branches_count > 0 && !txn->origin->interactive);
    txn_leave_behind(txn);
    bool forced = begin_forced(txn);
    txn_note_moment(step, TXN_MOMENT_BEGAN);
    txn_persist(step, TXN_RECORD_BEGIN, forced);
    txn_record_members(step);
    if (forced)
        txn_set_state(txn, TXN_BEGINNING);
    else
        txn_reserve(step);
}

/* BEGINNING: the forced begin, or the forced begins of members that can not inquire, are durable.
 */
void txn_on_begun(struct step *step)
{
    struct txn *txn = step->txn;
    if (step->event->of.durable.record != TXN_RECORD_BEGIN)
        return;
    if (txn_adopt_early(step))
        return;
    txn_acknowledge_enlisted(step);
    if (txn->begins_durable < txn->begin_writes)
        return;
    if (txn->origin->accepted || txn->protocol == TXN_PROTOCOL_SAGA)
        txn_reply(step, TXN_REPLY_ACCEPTED);
    if (txn->protocol == TXN_PROTOCOL_SAGA)
        txn_run_begin(step);
    else
        txn_reserve(step);
}

/* A conflict gives nobody more time: the clock of the first attempt runs on. */
static void prepare_clock(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->origin->prepare_timeout_us != 0 && txn->conflicts == 0)
        txn->prepare_deadline = txn_after(step->now, txn->origin->prepare_timeout_us);
}

/* All or none, before the first prepare: whoever holds a slot never waits for another one
 * (protocol.md, section 4). Who voted when it enlisted needs none. */
void txn_reserve(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->in[TXN_BRANCH_IDLE];
    if (mask == 0) {
        txn_commit(step);
        return;
    }
    txn->asking = mask;
    prepare_clock(step); /* also bounds the wait for slots */
    txn_set_state(txn, TXN_RESERVING);
    txn_emit(step, TXN_EFFECT_RESERVE)->mask = mask;
}

/* Whose input can be made by now, and who is to go before has voted. */
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
static void prepare_ready(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = ready(txn);
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
    prepare_ready(step);
}

/* Granted while the abort was on its way: given back at once. */
void txn_on_reserved_late(struct step *step)
{
    for (uint64_t mask = step->txn->asking; mask != 0;)
        txn_emit(step, TXN_EFFECT_RELEASE)->branch = txn_take(step->txn, &mask);
    step->txn->asking = 0;
}

/* The branch that a RESULT is about, when it belongs to this attempt and answers that operation;
 * NULL for what came late or twice (faults.md 10, 13; [NOATT]). */
struct txn_branch *txn_answered(struct step *step, enum message_op op)
{
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

/* The branch whose input can not be made, with why; NULL when it is not in that state any more. */
struct txn_branch *txn_unsendable(struct step *step, enum txn_branch_state state)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch == NULL || branch->state != state)
        return NULL;
    if (step->event->reason.data != NULL)
        branch->reason = step->event->reason;
    return branch;
}

static void go_on(struct step *step)
{
    if (txn_voted(step->txn) == txn_members(step->txn))
        txn_commit(step);
    else
        prepare_ready(step);
}

static void voted(struct step *step, struct txn_branch *branch, enum txn_branch_state state)
{
    struct txn *txn = step->txn;
    const struct result *result = step->event->of.result;
    txn_branch_set(txn, branch, state);
    branch->vote = result->vote;
    branch->retry_at.us = 0;
    branch->output = result->output;
    if (state == TXN_BRANCH_READ_ONLY)
        txn_release(step, branch);
    go_on(step);
}

/* PREPARING: its `when` was false, so that it has nothing to commit: as if it had only read. */
void txn_on_skipped(struct step *step)
{
    struct txn_branch *branch = txn_branch_find(step->txn, step->event->of.number);
    if (branch == NULL || branch->state != TXN_BRANCH_PREPARING)
        return;
    txn_branch_set(step->txn, branch, TXN_BRANCH_SKIPPED);
    branch->vote = VOTE_READ_ONLY;
    branch->retry_at.us = 0;
    txn_note_skipped(step, branch);
    txn_release(step, branch);
    go_on(step);
}

/* PREPARING. */
void txn_on_vote(struct step *step)
{
    const struct result *result = step->event->of.result;
    if (txn_earlier_answered(step))
        return;
    struct txn_branch *branch = txn_answered(step, OP_PREPARE);
    if (branch == NULL || branch->state != TXN_BRANCH_PREPARING)
        return;
    switch (result->result) {
    case RESULT_VOTE:
        if (result->vote == VOTE_YES) {
            voted(step, branch, TXN_BRANCH_PREPARED);
            return;
        }
        if (result->vote == VOTE_READ_ONLY) {
            voted(step, branch, TXN_BRANCH_READ_ONLY);
            return;
        }
        break;
    case RESULT_REFUSED:
        branch->vote = VOTE_NO;
        branch->output = result->output;
        txn_branch_set(step->txn, branch, TXN_BRANCH_REFUSED);
        txn_abort(step, TXN_CAUSE_REFUSED, branch->number);
        return;
    case RESULT_CONFLICT:
        txn_conflict(step, branch);
        return;
    case RESULT_RETRY:
    case RESULT_NO_OPERATION:
        txn_again(step, branch, result->retry_after_us);
        return;
    case RESULT_UNKNOWN:
    case RESULT_DONE:
    case RESULT_HEURISTIC: /* not an answer to prepare: not understood, so nothing is known */
    case RESULT_COUNT:
        break;
    }
    if (step->event->down) /* others wait for what this one holds elsewhere */
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
    else
        txn_again(step, branch, 0);
}

/* RESERVING: the host says that a participant is down, and no slot to be had there. Or an answer to
 * an abort of the attempt before. */
void txn_on_reserve_refused(struct step *step)
{
    if (txn_earlier_answered(step) || !step->event->down)
        return;
    struct txn_branch *branch = txn_answered(step, OP_PREPARE);
    if (branch != NULL && (step->txn->asking & txn_bit(step->txn, branch)) != 0)
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
}

/* A prepare that did not come in time is the reason to fall back, or one whose output was lost; the
 * end of the whole time is none. */
void txn_give_up(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    if (txn_falls_back(step->txn) && !txn_expired(step->txn->deadline, step->now))
        txn_fall_back(step, cause, branch_number);
    else
        txn_abort(step, cause, branch_number);
}

/* What an input needs of these is perhaps lost: a participant that is asked again behind a restart
 * can not read what it has prepared before that commits (protocol.md, section 3). */
uint64_t txn_yes_without_output(const struct txn *txn)
{
    uint64_t without = 0;
    for (uint64_t mask = txn->in[TXN_BRANCH_PREPARED]; mask != 0; mask &= mask - 1) {
        if (txn->branches[__builtin_ctzll(mask)].output.data == NULL)
            without |= mask & -mask;
    }
    return without;
}

/* PREPARING: an input can not be made. An output that was lost a saga finds again; one that was
 * never there it would not find either. */
void txn_on_unsendable(struct step *step)
{
    const struct txn_branch *branch = txn_unsendable(step, TXN_BRANCH_PREPARING);
    if (branch == NULL)
        return;
    if ((branch->needs & txn_yes_without_output(step->txn)) != 0)
        txn_give_up(step, TXN_CAUSE_INPUT, branch->number);
    else
        txn_abort(step, TXN_CAUSE_INPUT, branch->number);
}

/* Whom to blame: the first that was asked and has not voted. */
static void timed_out(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->in[TXN_BRANCH_PREPARING];
    txn_note_moment(step, TXN_MOMENT_TIMEOUT);
    if (mask == 0) {
        txn_late(step);
        return;
    }
    const struct txn_branch *branch = txn_take(txn, &mask);
    if (branch->retry_at.us != 0 && !branch->reachable)
        txn_give_up(step, TXN_CAUSE_UNREACHABLE, branch->number);
    else if (txn->conflicts > 0)
        txn_late(step);
    else
        txn_give_up(step, TXN_CAUSE_TIMEOUT, branch->number);
}

/* RESERVING, PREPARING. */
void txn_on_prepare_timer(struct step *step)
{
    struct txn *txn = step->txn;
    txn_earlier_due(step);
    if (txn_expired(txn->deadline, step->now) || txn_expired(txn->prepare_deadline, step->now)) {
        timed_out(step);
        return;
    }
    txn_resend_due(step, TXN_BRANCH_PREPARING, OP_PREPARE);
}
