/* decide.c: the decision, phase 2 and the end.
 *
 * A decision is written once per attempt. The step that decides emits the record and nothing else
 * that speaks of it; the step that finds it durable sends, replies and publishes [EARLYSEND].
 * Aborts need no row before they are sent (presumed abort), only before anybody else is told. */
#include "core.h"

static void decision_persist(struct step *step, enum txn_decision decision,
                             enum txn_outcome outcome)
{
    struct txn_record *record = txn_persist(step, TXN_RECORD_DECISION, true);
    record->decision = decision;
    record->outcome = outcome;
    record->publishes = outcome != TXN_OUTCOME_NONE;
    txn_record_members(step);
    txn_record_people(step);
}

/* Of a commit: where steps follow the pivot, the last of them makes it final. */
static enum txn_outcome commit_outcome(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_BEHIND] != 0 ? TXN_OUTCOME_NONE : TXN_OUTCOME_COMMITTED;
}

/* Every member voted yes or read_only, and the list is closed [OPENLIST]. Where all voted
 * read_only, protocol.md's table asks for no forced write; the outcome is written like any other
 * all the same and the reply waits for it: what a client or Kafka is told is durable first (section
 * 1, rule 6). */
void txn_commit(struct step *step)
{
    txn_set_state(step->txn, TXN_DECIDING);
    decision_persist(step, TXN_COMMIT, commit_outcome(step->txn));
}

/* --- phase 2 ---------------------------------------------------------------------------------- */

static void tell(struct step *step, struct txn_branch *branch, enum txn_branch_state state,
                 enum message_op op)
{
    if (op == OP_ABORT) /* it stands for lower attempts, too */
        txn_earlier_done(step->txn, branch);
    txn_branch_set(step->txn, branch, state);
    branch->tries = 0;
    txn_send(step, branch, op);
    step->txn->unanswered |= txn_bit(step->txn, branch);
}

void txn_commit_members(struct step *step)
{
    step->txn->strayed = 0; /* what somebody committed by hand is what was decided in the end */
    for (uint64_t mask = step->txn->in[TXN_BRANCH_PREPARED]; mask != 0;)
        tell(step, txn_take(step->txn, &mask), TXN_BRANCH_COMMITTING, OP_COMMIT);
}

/* Must this branch be told to abort? Everybody who may have heard of this attempt: whoever was
 * asked, answered or not; whoever enlisted, for it has work open; and whoever has not acknowledged
 * the end of an earlier attempt. Who refused or read only is through by itself, unless an earlier
 * try is unaccounted for. */
static bool must_hear_abort(const struct txn *txn, const struct txn_branch *branch)
{
    bool earlier = (txn->fencing & txn_bit(txn, branch)) != 0;
    switch (branch->state) {
    case TXN_BRANCH_IDLE:
        return txn->origin->interactive || branch->tries > 0 || earlier;
    case TXN_BRANCH_ENLISTING:
    case TXN_BRANCH_PREPARING:
    case TXN_BRANCH_PREPARED:
        return true;
    case TXN_BRANCH_REFUSED:
        return !txn_delegated(txn) && (branch->tries > 1 || earlier);
    case TXN_BRANCH_READ_ONLY:
    case TXN_BRANCH_EXECUTING:
    case TXN_BRANCH_COMMITTING:
    case TXN_BRANCH_COMMITTED:
    case TXN_BRANCH_ABORTING:
    case TXN_BRANCH_ABORTED:
    case TXN_BRANCH_PARKED:
    case TXN_BRANCH_HEURISTIC:
    case TXN_BRANCH_BEHIND:
    case TXN_BRANCH_SKIPPED:
    case TXN_BRANCH_DONE:
    case TXN_BRANCH_UNCERTAIN:
    case TXN_BRANCH_ASKING:
    case TXN_BRANCH_COMPENSATING:
    case TXN_BRANCH_COMPENSATED:
    case TXN_BRANCH_STATE_COUNT:
        break;
    }
    return false;
}

void txn_abort_members(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        if (branch->state == TXN_BRANCH_ENLISTING)
            txn_reply_refused(step, branch->number, TROTH_ERROR_ENDED);
        if (must_hear_abort(txn, branch))
            tell(step, branch, TXN_BRANCH_ABORTING, OP_ABORT);
        else if (branch->state == TXN_BRANCH_IDLE)
            txn_branch_set(txn, branch, TXN_BRANCH_ABORTED);
        txn_release(step, branch); /* whether it is acknowledged or not [SLOTUNTILACK] */
    }
}

/* Decides abort: aborts to all at once, and the row that lets others be told. */
void txn_abort(struct step *step, enum txn_cause cause, uint32_t branch_number)
{
    struct txn *txn = step->txn;
    txn->cause = cause;
    txn->cause_branch = branch_number;
    if (txn->state == TXN_RESERVING)
        txn_emit(step, TXN_EFFECT_UNRESERVE);
    txn_set_state(txn, TXN_ABORTING);
    txn_abort_members(step);
    decision_persist(step, TXN_ABORT, TXN_OUTCOME_ABORTED);
}

/* Not while a mixed outcome is on its way to the journal: nobody is told less than is known, nor
 * more than is durable. */
static void reply_decided(struct step *step)
{
    if (step->txn->outcome == TXN_OUTCOME_NONE || txn_mixing(step->txn))
        return; /* steps behind the pivot make it final */
    txn_reply(step, TXN_REPLY_DECIDED);
    if (step->txn->unanswered == 0)
        txn_reply(step, TXN_REPLY_COMPLETED);
}

/* The decision is durable as asked. */
static void decided(struct step *step, enum txn_decision decision)
{
    struct txn *txn = step->txn;
    uint64_t otherwise = txn->in[TXN_BRANCH_HEURISTIC];
    txn->decision = decision;
    txn->outcome = decision == TXN_COMMIT ? commit_outcome(txn) : TXN_OUTCOME_ABORTED;
    if (decision == TXN_COMMIT) {
        txn_set_state(txn, TXN_COMMITTING);
        txn_commit_members(step);
    }
    if (otherwise != 0)
        txn_mixed(step, txn_take(txn, &otherwise));
    reply_decided(step);
    if (txn->outcome != TXN_OUTCOME_NONE)
        txn_publish(step, TXN_RECORD_DECISION);
    txn_settle(step);
}

/* --- a row that was there before ours --------------------------------------------------------- */

bool txn_mixing(const struct txn *txn)
{
    return txn->concluding == TXN_OUTCOME_MIXED && txn->outcome != TXN_OUTCOME_MIXED;
}

/* A branch ended otherwise than decided: outcome mixed, written and published, never silent. It is
 * the outcome when that is durable, and not before. */
void txn_mixed(struct step *step, const struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    txn->cause = TXN_CAUSE_HEURISTIC;
    txn->cause_branch = branch->number;
    if (txn->concluding == TXN_OUTCOME_MIXED)
        return;
    txn->concluding = TXN_OUTCOME_MIXED;
    struct txn_record *record = txn_persist(step, TXN_RECORD_OUTCOME, true);
    record->decision = txn->decision;
    record->outcome = TXN_OUTCOME_MIXED;
    record->publishes = true;
    txn_record_people(step);
}

/* Against an abort whose row is not durable yet it is only kept: the row may say commit, and then
 * the branch is what was decided. */
static void heuristic(struct step *step, struct txn_branch *branch)
{
    txn_branch_set(step->txn, branch, TXN_BRANCH_HEURISTIC);
    branch->retry_at.us = 0;
    txn_release(step, branch);
    if (step->txn->decision != TXN_UNDECIDED)
        txn_mixed(step, branch);
}

static void adopt_commit(struct step *step)
{
    struct txn *txn = step->txn;
    txn->decision = TXN_COMMIT;
    txn->outcome = commit_outcome(txn);
    txn->cause = TXN_CAUSE_NONE;
    txn->cause_branch = 0;
    txn_set_state(txn, TXN_COMMITTING);
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        if (branch->state == TXN_BRANCH_ABORTED || branch->state == TXN_BRANCH_REFUSED)
            heuristic(step, branch);
        else if (branch->state != TXN_BRANCH_READ_ONLY && branch->state != TXN_BRANCH_COMMITTED &&
                 branch->state != TXN_BRANCH_SKIPPED && branch->state != TXN_BRANCH_BEHIND)
            tell(step, branch, TXN_BRANCH_COMMITTING, OP_COMMIT);
    }
}

static void adopt_abort(struct step *step)
{
    struct txn *txn = step->txn;
    txn->decision = TXN_ABORT;
    txn->outcome = TXN_OUTCOME_ABORTED;
    txn->cause = txn->cause != TXN_CAUSE_NONE ? txn->cause : TXN_CAUSE_RESTARTED;
    txn_set_state(txn, TXN_ABORTING);
    txn_abort_members(step);
    for (uint64_t mask = txn->in[TXN_BRANCH_COMMITTED]; mask != 0;)
        heuristic(step, txn_take(txn, &mask));
}

/* The journal says that this attempt has a row already: what it decided holds, whatever was asked
 * for (protocol.md, section 1, rule 1). Its event is in the outbox since then. */
void txn_adopt(struct step *step, enum txn_decision standing)
{
    switch (standing) {
    case TXN_COMMIT:
        adopt_commit(step);
        break;
    case TXN_ABORT:
        adopt_abort(step);
        break;
    case TXN_UNDECIDED:
    case TXN_DECISION_COUNT: /* a row that decides nothing can not stand in a decision's way */
        txn_set_state(step->txn, TXN_LOST);
        return;
    }
    reply_decided(step);
    txn_settle(step);
}

/* A row that only begins or delegates met a decision: abort holds; a commit that nobody here
 * decided is a contradiction, and nothing safe is left to do in this memory. True: it was adopted.
 */
bool txn_adopt_early(struct step *step)
{
    if (step->event->of.durable.verdict != TXN_ALREADY ||
        step->event->of.durable.standing == TXN_UNDECIDED)
        return false;
    if (step->event->of.durable.standing == TXN_ABORT)
        txn_adopt(step, TXN_ABORT);
    else
        txn_set_state(step->txn, TXN_LOST);
    return true;
}

static bool durable_decision(const struct step *step)
{
    return step->event->of.durable.record == TXN_RECORD_DECISION &&
           step->event->of.durable.attempt == step->txn->attempt;
}

/* What the row says now: ours, or ours found written after an unknown COMMIT, or another's. */
static void row_said(struct step *step, enum txn_decision asked)
{
    if (step->event->of.durable.verdict == TXN_WRITTEN || step->event->of.durable.standing == asked)
        decided(step, asked);
    else
        txn_adopt(step, step->event->of.durable.standing);
}

/* DECIDING. */
void txn_on_decided(struct step *step)
{
    if (durable_decision(step))
        row_said(step, TXN_COMMIT);
}

/* ABORTING. */
void txn_on_aborted(struct step *step)
{
    if (!durable_decision(step))
        txn_on_outcome(step);
    else if (step->txn->decision == TXN_UNDECIDED)
        row_said(step, TXN_ABORT);
}

/* COMMITTING, ABORTING, PARKED: the record of a mixed outcome. */
void txn_on_outcome(struct step *step)
{
    if (step->event->of.durable.record != TXN_RECORD_OUTCOME || !txn_mixing(step->txn))
        return;
    step->txn->outcome = TXN_OUTCOME_MIXED;
    txn_publish(step, TXN_RECORD_OUTCOME);
    reply_decided(step);
    txn_settle(step);
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void acknowledged(struct step *step, struct txn_branch *branch, enum message_op op)
{
    const struct result *result = step->event->of.result;
    enum message_state otherwise = op == OP_COMMIT ? BRANCH_IS_ABORTED : BRANCH_IS_COMMITTED;
    if (result->state == otherwise) {
        heuristic(step, branch);
        return;
    }
    /* A repeated prepare votes without output: commit brings it. What an abort brings is none. */
    if (op == OP_COMMIT && result->output.data != NULL)
        branch->output = result->output;
    txn_branch_set(step->txn, branch, op == OP_COMMIT ? TXN_BRANCH_COMMITTED : TXN_BRANCH_ABORTED);
    branch->retry_at.us = 0;
}

/* 409 to a commit or an abort makes no sense: an operator looks; the others go on. */
static void branch_park(struct step *step, struct txn_branch *branch)
{
    if (branch->state == TXN_BRANCH_PARKED)
        return;
    txn_branch_set(step->txn, branch, TXN_BRANCH_PARKED);
    branch->retry_at.us = 0;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_PARKED, .branch = branch->number});
}

static void phase2_answer(struct step *step, struct txn_branch *branch, enum message_op op)
{
    const struct result *result = step->event->of.result;
    switch (result->result) {
    case RESULT_DONE:
        acknowledged(step, branch, op);
        return;
    case RESULT_HEURISTIC:
        heuristic(step, branch);
        return;
    case RESULT_REFUSED:
        branch_park(step, branch);
        return;
    case RESULT_RETRY:
    case RESULT_CONFLICT:
    case RESULT_NO_OPERATION:
    case RESULT_UNKNOWN:
    case RESULT_VOTE:
    case RESULT_COUNT:
        break;
    }
    if (branch->state != TXN_BRANCH_PARKED)
        txn_again(step, branch, result->result == RESULT_RETRY ? result->retry_after_us : 0);
}

/* COMMITTING, ABORTING, PARKED. */
void txn_on_acknowledged(struct step *step)
{
    struct txn *txn = step->txn;
    enum message_op op = txn->decision == TXN_COMMIT ? OP_COMMIT : OP_ABORT;
    if (txn_earlier_answered(step)) {
        txn_settle(step);
        return;
    }
    struct txn_branch *branch = txn_answered(step, op);
    if (branch == NULL ||
        (branch->state != TXN_BRANCH_COMMITTING && branch->state != TXN_BRANCH_ABORTING &&
         branch->state != TXN_BRANCH_PARKED))
        return;
    uint64_t before = txn->unanswered;
    txn->unanswered &= ~txn_bit(txn, branch);
    phase2_answer(step, branch, op);
    txn_release(step, branch); /* also where nothing was heard: it was tried [SLOTUNTILACK] */
    if (before != 0 && txn->unanswered == 0 && txn->decision != TXN_UNDECIDED &&
        txn->outcome != TXN_OUTCOME_NONE && !txn_mixing(txn))
        txn_reply(step, TXN_REPLY_COMPLETED);
    txn_settle(step);
}

void txn_on_phase2_timer(struct step *step)
{
    txn_earlier_due(step);
    txn_resend_due(step, TXN_BRANCH_COMMITTING, OP_COMMIT);
    txn_resend_due(step, TXN_BRANCH_ABORTING, OP_ABORT);
}

/* COMMITTING, ABORTING, PARKED: an operator says: again. */
void txn_on_phase2_resumed(struct step *step)
{
    struct txn *txn = step->txn;
    bool commits = txn->decision == TXN_COMMIT;
    uint64_t mask = txn->in[TXN_BRANCH_PARKED];
    txn_on_earlier_resumed(step);
    if (mask == 0) {
        txn_settle(step);
        return;
    }
    if (txn->state == TXN_PARKED)
        txn_set_state(txn, commits ? TXN_COMMITTING : TXN_ABORTING);
    while (mask != 0) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_note(step, (struct txn_note){.moment = TXN_MOMENT_RESUMED, .branch = branch->number});
        txn_branch_set(txn, branch, commits ? TXN_BRANCH_COMMITTING : TXN_BRANCH_ABORTING);
        branch->tries = 0;
        txn_send(step, branch, commits ? OP_COMMIT : OP_ABORT);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void end(struct step *step)
{
    struct txn *txn = step->txn;
    txn_note_moment(step, TXN_MOMENT_ENDED);
    struct txn_record *record = txn_persist(step, TXN_RECORD_END, false);
    record->decision = txn->decision;
    txn_record_people(step);
    txn_record_history(step);
    txn_set_state(txn, TXN_ENDED);
    txn_emit(step, TXN_EFFECT_ENDED);
}

/* All know the decision. Have those before it heard of the end of earlier attempts? Where only
 * parked ones are left, an operator looks. */
static bool earlier_open(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t strayed = txn->strayed; strayed != 0;) {
        struct txn_branch *branch = txn_take(txn, &strayed);
        if (branch->state == TXN_BRANCH_ABORTED || branch->state == TXN_BRANCH_REFUSED)
            txn_branch_set(txn, branch, TXN_BRANCH_HEURISTIC);
        if (txn->concluding != TXN_OUTCOME_MIXED)
            txn_mixed(step, branch);
    }
    bool writing = txn->writing[TXN_RECORD_OUTCOME] > 0;
    if (!writing && txn->fencing == 0)
        return false;
    bool parked = !writing && txn->fencing == txn->parked_aborts;
    if (parked && txn->state != TXN_PARKED)
        txn_set_state(txn, TXN_PARKED);
    else if (!parked && txn->state == TXN_PARKED)
        txn_set_state(txn, txn->decision == TXN_COMMIT ? TXN_COMMITTING : TXN_ABORTING);
    return true;
}

/* Is everybody told and everything written? Then on to the end, or to the operator. */
void txn_settle(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->decision == TXN_UNDECIDED || txn->writing[TXN_RECORD_OUTCOME] > 0 ||
        (txn->in[TXN_BRANCH_COMMITTING] | txn->in[TXN_BRANCH_ABORTING]) != 0)
        return;
    if (txn->in[TXN_BRANCH_PARKED] != 0) {
        if (txn->state != TXN_PARKED)
            txn_set_state(txn, TXN_PARKED);
        return;
    }
    if (txn->decision == TXN_COMMIT && txn->outcome == TXN_OUTCOME_NONE)
        txn_follow(step);
    else if (!earlier_open(step))
        txn_close(step);
}

/* Everybody knows. The rest is to note Kafka's confirmation, for a bounded time. */
void txn_close(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->unpublished == 0 || txn->policy->publish_grace_us == 0) {
        end(step);
        return;
    }
    txn->publish_deadline = txn_after(step->now, txn->policy->publish_grace_us);
    txn_set_state(txn, TXN_PUBLISHING);
}

void txn_on_published(struct step *step)
{
    if (step->txn->unpublished == 0)
        end(step);
}

void txn_on_publish_timer(struct step *step)
{
    if (txn_expired(step->txn->publish_deadline, step->now))
        end(step);
}

/* --- what stops a transaction ------------------------------------------------------------------
 */

void txn_on_cancelled(struct step *step)
{
    txn_note_moment(step, TXN_MOMENT_CANCELLED);
    txn_abort(step, TXN_CAUSE_CANCELLED, 0);
}

/* Too late when it was decided otherwise; harmless when it is aborted anyway. */
void txn_on_cancelled_late(struct step *step)
{
    if (step->txn->decision == TXN_COMMIT)
        txn_reply_refused(step, 0, TROTH_ERROR_ENDED);
    else
        txn_reply_again(step);
}

/* OPEN, BEGINNING, DELEGATING: the whole timeout, and no command of ours has left. (Behind DELEGATE
 * the abort row follows in the same order; were it lost, a new leader would ask the branch.) */
void txn_on_nothing_sent_timer(struct step *step)
{
    if (!txn_expired(step->txn->deadline, step->now))
        return;
    txn_note_moment(step, TXN_MOMENT_TIMEOUT);
    txn_abort(step, TXN_CAUSE_TIMEOUT, 0);
}

/* Wrong epoch: somebody else leads the shard [NOEPOCH]. No effect comes from here ever again. */
void txn_on_fenced(struct step *step)
{
    txn_set_state(step->txn, TXN_LOST);
}
