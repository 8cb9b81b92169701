/* core.h: what the files of the transaction core share. Private to coordinator/txn.
 *
 *   states.c       the table: states, edges, handlers; the setter
 *   branch_states.c, invariants.c   what a branch is in; what is true in each state
 *   step.c         one step: accounts, dispatch, the end of a step
 *   effects.c      effects and records
 *   two_phase.c    reserve, prepare, votes
 *   one_phase.c    the delegated branch
 *   decide.c       the decision, phase 2, the end
 *   interactive.c  open, enlist, close
 *   saga.c         a saga goes forward; steps behind the pivot of a 2PC
 *   pivot.c        a saga turns back; the fence of its pivot
 *   compensate.c   compensations
 *   conclude.c     a saga's outcome; what a new leader makes of a saga
 *   parked.c       what a late answer or an operator means to what is parked
 *   conflict.c     what a conflict means: order, waits, when it comes back
 *   restart.c      one attempt ends, the next begins
 *   fallback.c     from 2PC to a saga
 *   earlier.c      aborts of earlier attempts
 *   tries.c        limits of tries, that hold across restarts
 *   proof.c        what an answer proves of the tries before it; an operator's new attempt
 *   recover.c      what a new leader makes of the journal
 *   image.c        whether what the journal holds makes sense
 *   timer.c        deadlines, retries, backoff
 *   history.c      the timeline
 *   text.c         steps, failure, timeline as JSON
 *   inquire.c      answers to branches in doubt
 *   told.c         what clients may be told, and when
 */
#ifndef TXN_CORE_H
#define TXN_CORE_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <txn/txn.h>

/* One step under way. */
struct step {
    struct txn *txn;
    const struct txn_event *event;
    struct txn_now now;
    struct txn_effects *effects;
};

typedef void (*txn_handler)(struct step *step);

/* states.c */
struct txn_state_row {
    const char *name;
    uint32_t next; /* bit s: state s may follow */
    bool (*invariant)(const struct txn *txn);
    txn_handler on[TXN_EVENT_COUNT];
};
const struct txn_state_row *txn_state_row(enum txn_state state);
void txn_set_state(struct txn *txn, enum txn_state state);
/* branch_states.c */
void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);
/* A branch that is new in its array takes its first state. */
void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state);

/* invariants.c */
bool txn_open_holds(const struct txn *txn);
bool txn_beginning_holds(const struct txn *txn);
bool txn_reserving_holds(const struct txn *txn);
bool txn_preparing_holds(const struct txn *txn);
bool txn_delegating_holds(const struct txn *txn);
bool txn_delegated_holds(const struct txn *txn);
bool txn_fencing_holds(const struct txn *txn);
bool txn_deciding_holds(const struct txn *txn);
bool txn_committing_holds(const struct txn *txn);
bool txn_aborting_holds(const struct txn *txn);
bool txn_restarting_holds(const struct txn *txn);
bool txn_falling_back_holds(const struct txn *txn);
bool txn_running_holds(const struct txn *txn);
bool txn_stopping_holds(const struct txn *txn);
bool txn_turning_holds(const struct txn *txn);
bool txn_compensating_holds(const struct txn *txn);
bool txn_concluding_holds(const struct txn *txn);
bool txn_finished(const struct txn *txn);
bool txn_publishing_holds(const struct txn *txn);
bool txn_parked_holds(const struct txn *txn);

/* effects.c */
struct txn_effect *txn_emit(struct step *step, enum txn_effect_kind kind);
void txn_send(struct step *step, struct txn_branch *branch, enum message_op op);
void txn_release(struct step *step, struct txn_branch *branch);
void txn_reply(struct step *step, enum txn_reply_level level);
void txn_reply_enlisted(struct step *step, struct txn_branch *branch);
void txn_reply_refused(struct step *step, uint32_t number, int error);
/* To a repeated commit or cancel: what is known by now. */
void txn_reply_again(struct step *step);
void txn_publish(struct step *step, enum txn_record_kind kind);
/* One step's record, lazy; forced where a skipped pivot is passed, or a try waits for it. Left out
 * (false) when there is no memory for its output: then a new leader executes it again, and the
 * guard answers. */
bool txn_persist_step(struct step *step, struct txn_branch *branch, enum record_step_state state);
struct txn_record *txn_persist(struct step *step, enum txn_record_kind kind, bool forced);
void txn_record_members(struct step *step);
void txn_record_people(struct step *step); /* steps and failure */
void txn_record_history(struct step *step);
void txn_records_point(struct txn_effects *effects);

/* two_phase.c */
void txn_on_submitted(struct step *step);
void txn_on_begun(struct step *step);
void txn_on_reserved(struct step *step);
void txn_on_reserved_late(struct step *step);
void txn_on_reserve_refused(struct step *step);
void txn_on_vote(struct step *step);
void txn_on_unsendable(struct step *step);
void txn_on_prepare_timer(struct step *step);
void txn_reserve(struct step *step);
/* Falls back where that is allowed, or aborts. */
void txn_give_up(struct step *step, enum txn_cause cause, uint32_t branch_number);
struct txn_branch *txn_answered(struct step *step, enum message_op op);
struct txn_branch *txn_unsendable(struct step *step, enum txn_branch_state state);

/* one_phase.c */
bool txn_one_phase_fits(const struct txn *txn);
void txn_delegate(struct step *step);
void txn_execute(struct step *step);
void txn_on_delegated(struct step *step);
void txn_on_executed(struct step *step);
void txn_on_executed_timer(struct step *step);
void txn_on_fence_answer(struct step *step);
void txn_on_fence_timer(struct step *step);
void txn_on_delegated_cancel(struct step *step);
void txn_on_delegated_unsendable(struct step *step);
void txn_on_delegated_skipped(struct step *step);
void txn_fence_delegated(struct step *step, enum txn_cause cause, uint32_t branch_number);

/* decide.c */
void txn_commit(struct step *step);
void txn_abort(struct step *step, enum txn_cause cause, uint32_t branch_number);
void txn_abort_members(struct step *step);
void txn_commit_members(struct step *step);
void txn_mixed(struct step *step, const struct txn_branch *branch);
/* The row that says mixed is in flight. */
bool txn_mixing(const struct txn *txn);
void txn_adopt(struct step *step, enum txn_decision standing);
bool txn_adopt_early(struct step *step);
void txn_settle(struct step *step);
void txn_close(struct step *step);
void txn_on_skipped(struct step *step);
void txn_on_phase2_resumed(struct step *step);
void txn_on_decided(struct step *step);
void txn_on_aborted(struct step *step);
void txn_on_outcome(struct step *step);
void txn_on_acknowledged(struct step *step);
void txn_on_phase2_timer(struct step *step);
void txn_on_cancelled(struct step *step);
void txn_on_cancelled_late(struct step *step);
void txn_on_published(struct step *step);
void txn_on_publish_timer(struct step *step);
void txn_on_nothing_sent_timer(struct step *step);
void txn_on_fenced(struct step *step);

/* saga.c */
uint64_t txn_passed(const struct txn *txn);
uint64_t txn_of_kind(const struct txn *txn, enum txn_step_kind kind);
struct txn_branch *txn_pivot(struct txn *txn);
bool txn_following(const struct txn *txn);
bool txn_forward_only(const struct txn *txn);
void txn_run(struct step *step);
void txn_run_begin(struct step *step);
void txn_follow(struct step *step);
void txn_step_done(struct step *step, struct txn_branch *branch, struct troth_span output);
/* RUNNING: its tries are over without a result: it may have run. */
void txn_spent(struct step *step, struct txn_branch *branch, enum txn_cause cause);
void txn_on_step_result(struct step *step);
void txn_on_step_skipped(struct step *step);
void txn_on_step_unsendable(struct step *step);
void txn_on_step_durable(struct step *step);
void txn_on_running_timer(struct step *step);
void txn_on_running_cancel(struct step *step);
void txn_on_running_resumed(struct step *step);

/* pivot.c */
void txn_stop(struct step *step, enum txn_cause cause, uint32_t branch_number);
void txn_fence_again(struct step *step);
void txn_on_stopping_result(struct step *step);
void txn_on_stopping_timer(struct step *step);
void txn_on_turning_result(struct step *step);
void txn_on_late_skipped(struct step *step);
void txn_on_late_unsent(struct step *step);
void txn_on_turned(struct step *step);

/* compensate.c */
uint64_t txn_undoable(const struct txn *txn); /* steps that have a compensation */
void txn_compensate_begin(struct step *step);
void txn_on_compensating_result(struct step *step);
void txn_on_compensating_unsendable(struct step *step);
void txn_on_compensating_durable(struct step *step);
void txn_on_compensating_timer(struct step *step);
void txn_on_compensating_resumed(struct step *step);

/* tries.c */
/* Sends `op` of a saga's step; where a limit asks for it, when the try is durable. */
void txn_try(struct step *step, struct txn_branch *branch, enum message_op op);
/* How often that may be tried; 0: without end. */
uint32_t txn_tries_limit(const struct txn *txn, const struct txn_branch *branch,
                         enum message_op op);
bool txn_tries_spent(const struct txn *txn, const struct txn_branch *branch, enum message_op op);
/* Its next try waits for the journal. */
bool txn_announced(const struct txn *txn, const struct txn_branch *branch);
/* What is due in `state`; nothing while a step's record is in flight. */
void txn_resend_steps(struct step *step, enum txn_branch_state state, enum message_op op);

/* proof.c */
/* The attempt that its commands carry: the transaction's, or the step's own higher one. */
uint32_t txn_attempt_of(const struct txn *txn, const struct txn_branch *branch);
/* Of commits and aborts: 0, or unique to what an operator said last. An epoch is one memory. */
uint64_t txn_again_number(const struct txn *txn);
/* Whether what the event's RESULT tells of `branch` leaves a try open. */
void txn_account(struct step *step, const struct txn_branch *branch);
/* No try of execute has left, in this memory or one before it: it has not run, and will not. */
bool txn_never_left(const struct txn *txn, const struct txn_branch *branch);
/* The event's refusal of execute or compensate, just accounted: nothing of it has acted. */
bool txn_refusal_proves(const struct step *step, const struct txn_branch *branch);
/* An operator tries again what is parked: counted from zero, and as a new attempt where the one
 * before was refused for good. */
void txn_try_resumed(struct step *step, struct txn_branch *branch, enum message_op op);

/* conclude.c */
void txn_conclude(struct step *step, enum txn_decision decision);
void txn_on_concluded(struct step *step);
void txn_on_concluding_result(struct step *step);
void txn_on_concluding_resumed(struct step *step);
void txn_on_earlier_timer(struct step *step);
void txn_saga_recovered(struct step *step);
void txn_followed_recovered(struct step *step);

/* fallback.c */
bool txn_falls_back(const struct txn *txn);
void txn_leave_behind(struct txn *txn);
void txn_fall_back(struct step *step, enum txn_cause cause, uint32_t branch_number);
void txn_on_fallen_back(struct step *step);

/* earlier.c */
uint64_t txn_2pc_members(const struct txn *txn);
void txn_earlier_abort(struct step *step, uint64_t members, uint32_t attempt);
void txn_earlier_due(struct step *step);
bool txn_earlier_answered(struct step *step);
void txn_earlier_done(struct txn *txn, struct txn_branch *branch);
void txn_on_earlier_result(struct step *step);
void txn_on_earlier_resumed(struct step *step);

/* conflict.c */
uint64_t txn_next_in_order(const struct txn *txn, uint64_t ready);
uint64_t txn_lock_wait(const struct txn *txn, enum message_op op, uint64_t timeout_us);
bool txn_gtid_known(const troth_gtid *gtid); /* not all zero */
struct mono txn_conflict_at(struct step *step);
void txn_conflict_note(struct step *step, const struct txn_branch *branch);
bool txn_too_late(const struct txn *txn, struct mono at);
void txn_conflict(struct step *step, struct txn_branch *branch);
void txn_late(struct step *step);

/* restart.c */
void txn_attempt_end(struct step *step, uint64_t members);
/* The write that ends the attempt before this one is durable. False also when that has committed,
 * which nobody here wrote: the transaction is lost. */
bool txn_attempt_ended(struct step *step);
void txn_restart(struct step *step, enum txn_cause cause, uint32_t branch_number, struct mono at);
void txn_restart_same(struct step *step, struct txn_branch *branch, struct mono at);
void txn_on_restarted(struct step *step);
void txn_on_restarting_timer(struct step *step);
void txn_on_restarting_cancel(struct step *step);

/* parked.c */
void txn_on_parked_cancel(struct step *step);
void txn_on_parked_result(struct step *step);
void txn_on_parked_resumed(struct step *step);
void txn_on_parked_durable(struct step *step);
void txn_on_parked_timer(struct step *step);

/* interactive.c */
void txn_on_opened(struct step *step);
void txn_on_enlisted(struct step *step);
void txn_on_enlisted_late(struct step *step);
void txn_on_open_durable(struct step *step);
void txn_on_closed(struct step *step);
void txn_on_closed_again(struct step *step);
void txn_acknowledge_enlisted(struct step *step);

/* told.c */
void txn_list_close(struct txn *txn, const uint32_t *numbers, uint32_t count);

/* recover.c */
/* The branch that a commit named and that had not enlisted, as the failure says; 0: none. */
uint32_t txn_image_stranger(const struct txn_image *image);
void txn_on_recovered(struct step *step);

/* image.c */
bool txn_image_fits(const struct txn_image *image);
bool txn_image_step_fits(const struct txn_image *image, enum record_step_state state);
/* In the RECOVERED step: with what the host has filled from the definition. */
bool txn_recovered_fits(const struct txn *txn);

/* timer.c */
bool txn_expired(struct mono deadline, struct txn_now now);
struct mono txn_after(struct txn_now now, uint64_t us);
uint64_t txn_random_below(struct txn *txn, uint64_t below);
void txn_again(struct step *step, struct txn_branch *branch, uint64_t at_least_us);
void txn_resend_due(struct step *step, enum txn_branch_state state, enum message_op op);
void txn_try_later(struct step *step, struct txn_branch *branch, const struct txn_retry *retry,
                   uint64_t at_least_us);
uint64_t txn_retry_longest(const struct txn *txn, const struct txn_retry *retry);
struct mono txn_backoff_at(struct step *step, uint32_t tries, uint64_t at_least_us);
uint64_t txn_call_timeout(const struct txn *txn, const struct txn_branch *branch,
                          enum message_op op, struct txn_now now);

/* text.c */
void txn_steps_append_as(const struct txn *txn, enum txn_decision decision, struct buffer *list);
bool txn_cause_parse(struct troth_span value, enum txn_cause *ret_cause);

/* history.c */
struct txn_note {
    enum txn_moment moment;
    uint32_t branch;
    uint32_t attempt; /* 0: the present one */
    uint8_t detail;
    enum message_op op;
    enum message_vote vote;
    uint16_t said;
};
void txn_note(struct step *step, struct txn_note note);
void txn_note_moment(struct step *step, enum txn_moment moment);
/* Its `when` was false: what was noted as sent was not. */
void txn_note_skipped(struct step *step, const struct txn_branch *branch);
const struct txn_history_entry *txn_history_at(const struct txn *txn, uint32_t i);

/* Masks: bit i for branches[i]. */
static inline uint64_t txn_bit(const struct txn *txn, const struct txn_branch *branch)
{
    return UINT64_C(1) << (branch - txn->branches);
}

static inline uint64_t txn_all(const struct txn *txn)
{
    return txn->branches_count == 64 ? ~UINT64_C(0)
                                     : (UINT64_C(1) << txn->branches_count) - UINT64_C(1);
}

/* Of a two-phase commit: all but the steps behind the pivot. */
static inline uint64_t txn_members(const struct txn *txn)
{
    return txn_all(txn) & ~txn->in[TXN_BRANCH_BEHIND];
}

static inline uint64_t txn_voted(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_PREPARED] | txn->in[TXN_BRANCH_READ_ONLY] |
           txn->in[TXN_BRANCH_SKIPPED];
}

/* Takes the lowest branch out of a mask: for (mask = …; mask != 0;) branch = txn_take(txn, &mask);
 */
static inline struct txn_branch *txn_take(struct txn *txn, uint64_t *mask)
{
    int i = __builtin_ctzll(*mask);
    *mask &= *mask - 1;
    return &txn->branches[i];
}

static inline bool txn_delegated(const struct txn *txn)
{
    return txn->delegated_branch != 0;
}

#endif
