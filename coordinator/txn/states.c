/* states.c: the table of a transaction: what a state is called, what may follow it, what is true in
 * it, and what each event does there. Every (state, event) pair is written down, also those that
 * are ignored. Sagas and the fallback come in as more rows.
 *
 *                         SUBMITTED                           OPENED
 *                 .---------- NEW ------------------------------.   (NEW -RECOVERED-> any of *)
 *        forced   |            | lazy begin                     v
 *                 v            |                              OPEN  <-- enlistments
 *             BEGINNING        |                                |  commit: the list is closed
 *           begin |            |  .-----------------------------'  (over BEGINNING while the row of
 *         durable v            v  v                                 a member that can not ask is
 * out)
 *                '-------> RESERVING <---------- RESTARTING*  (attempt n ended, n+1 begun: durable)
 *                              | slots, all or none
 *              one branch      |      several
 *            .-----------------+----------------.
 *            v                                  v
 *       DELEGATING                          PREPARING -- no, timeout, cancel --> ABORTING*
 *            | row durable                      | all voted yes or read_only
 *            v        timeout, cancel           |
 *       DELEGATED* -------------> FENCING       |          (from every state above DECIDING a
 *            | done | refused   done | aborted  |           timeout or a cancel goes to ABORTING;
 *            |      '-> ABORTING <---|-'        |           from DELEGATED it goes over FENCING)
 *            '-----------------------+----------'
 *                                    v
 *                                DECIDING   commit is in flight: nothing may abort now
 *                                    | durable                  \ the row said abort
 *                                    v                           v
 *                               COMMITTING*                   ABORTING   the row is written beside
 *                                    | all acknowledged          | all acknowledged, row durable
 *                                    '------------.   .----------'
 *       PARKED <- 409, or an answer that         v   v
 *         |       decides nothing               PUBLISHING   waits a bounded time for Kafka's word
 *         '-- a late answer settles it -->          |
 *                                                 ENDED            any -- wrong epoch --> LOST
 */
#include "core.h"

#define NEXT(s) (UINT32_C(1) << TXN_##s)
#define IN(s)   (txn->in[TXN_BRANCH_##s])

/* --- branches --------------------------------------------------------------------------------- */

#define BNEXT(s) (UINT32_C(1) << TXN_BRANCH_##s)

static const struct {
    const char *name;
    uint32_t next;
} branch_rows[TXN_BRANCH_STATE_COUNT] = {
    [TXN_BRANCH_IDLE] = {"idle",
                         BNEXT(PREPARING) | BNEXT(EXECUTING) | BNEXT(ABORTING) | BNEXT(ABORTED)},
    [TXN_BRANCH_ENLISTING] = {"enlisting",
                              BNEXT(IDLE) | BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(ABORTING)},
    [TXN_BRANCH_PREPARING] = {"preparing", BNEXT(PREPARED) | BNEXT(READ_ONLY) | BNEXT(REFUSED) |
                                               BNEXT(ABORTING) | BNEXT(IDLE)},
    [TXN_BRANCH_PREPARED] = {"prepared", BNEXT(COMMITTING) | BNEXT(ABORTING)},
    [TXN_BRANCH_READ_ONLY] = {"read_only", 0},
    [TXN_BRANCH_REFUSED] = {"refused", BNEXT(ABORTING) | BNEXT(HEURISTIC)},
    [TXN_BRANCH_EXECUTING] = {"executing", BNEXT(COMMITTED) | BNEXT(REFUSED) | BNEXT(ABORTING)},
    [TXN_BRANCH_COMMITTING] = {"committing", BNEXT(COMMITTED) | BNEXT(PARKED) | BNEXT(HEURISTIC)},
    [TXN_BRANCH_COMMITTED] = {"committed", BNEXT(HEURISTIC)},
    [TXN_BRANCH_ABORTING] = {"aborting", BNEXT(ABORTED) | BNEXT(COMMITTED) | BNEXT(REFUSED) |
                                             BNEXT(PARKED) | BNEXT(HEURISTIC) | BNEXT(COMMITTING)},
    [TXN_BRANCH_ABORTED] = {"aborted", BNEXT(HEURISTIC)},
    [TXN_BRANCH_PARKED] = {"parked", BNEXT(COMMITTED) | BNEXT(ABORTED) | BNEXT(REFUSED) |
                                         BNEXT(HEURISTIC) | BNEXT(ABORTING) | BNEXT(COMMITTING)},
    [TXN_BRANCH_HEURISTIC] = {"heuristic", 0},
    [TXN_BRANCH_BEHIND] = {"behind", 0},
    [TXN_BRANCH_SKIPPED] = {"skipped", 0},
    [TXN_BRANCH_DONE] = {"done", 0},
    [TXN_BRANCH_UNCERTAIN] = {"uncertain", 0},
    [TXN_BRANCH_ASKING] = {"asking", 0},
    [TXN_BRANCH_COMPENSATING] = {"compensating", 0},
    [TXN_BRANCH_COMPENSATED] = {"compensated", 0},
};

const char *txn_branch_state_name(enum txn_branch_state state)
{
    assert(state < TXN_BRANCH_STATE_COUNT);
    return branch_rows[state].name;
}

void txn_branch_place(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    branch->state = state;
    txn->in[state] |= txn_bit(txn, branch);
}

void txn_branch_set(struct txn *txn, struct txn_branch *branch, enum txn_branch_state state)
{
    assert((branch_rows[branch->state].next >> state & 1u) != 0);
    txn->in[branch->state] &= ~txn_bit(txn, branch);
    txn_branch_place(txn, branch, state);
}

/* --- invariants ------------------------------------------------------------------------------- */

static bool always(const struct txn *txn)
{
    (void)txn;
    return true;
}

/* Nothing is decided, and no command of ours has left in this memory. */
static bool untouched(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE &&
           (IN(IDLE) | IN(ENLISTING) | txn_voted(txn)) == txn_all(txn);
}

static bool open_holds(const struct txn *txn)
{
    return untouched(txn) && txn->origin->interactive && !txn_delegated(txn);
}

static bool beginning_holds(const struct txn *txn)
{
    return untouched(txn) && txn->writing[TXN_RECORD_BEGIN] > 0 && !txn_delegated(txn);
}

static bool reserving_holds(const struct txn *txn)
{
    return untouched(txn) && txn->asking != 0 && IN(ENLISTING) == 0;
}

/* The list is closed, somebody has yet to vote, nobody has said no. */
static bool preparing_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE && !txn_delegated(txn) &&
           (IN(IDLE) | IN(PREPARING) | txn_voted(txn)) == txn_all(txn) &&
           txn_voted(txn) != txn_all(txn) && txn->asking == 0;
}

static bool delegating_holds(const struct txn *txn)
{
    return untouched(txn) && txn_delegated(txn) && IN(IDLE) == 1 &&
           txn->writing[TXN_RECORD_DELEGATE] > 0;
}

static bool delegated_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE && txn_delegated(txn) &&
           IN(EXECUTING) == txn_all(txn) && txn->writing[TXN_RECORD_DELEGATE] == 0;
}

static bool fencing_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause != TXN_CAUSE_NONE && txn_delegated(txn) &&
           IN(ABORTING) == txn_all(txn);
}

/* Everybody voted yes or read_only, or the delegated branch has committed; the row is in flight. */
static bool deciding_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE &&
           txn->writing[TXN_RECORD_DECISION] > 0 &&
           (txn_delegated(txn) ? IN(COMMITTED) : txn_voted(txn)) == txn_all(txn);
}

static bool committing_holds(const struct txn *txn)
{
    return txn->decision == TXN_COMMIT && txn->outcome != TXN_OUTCOME_NONE &&
           (IN(READ_ONLY) | IN(COMMITTING) | IN(COMMITTED) | IN(PARKED) | IN(HEURISTIC)) ==
               txn_all(txn);
}

/* No branch is told commit, and the abort row is in flight or durable. */
static bool aborting_holds(const struct txn *txn)
{
    return txn->decision != TXN_COMMIT &&
           (txn->decision == TXN_ABORT || txn->writing[TXN_RECORD_DECISION] > 0) &&
           (IN(READ_ONLY) | IN(REFUSED) | IN(ABORTING) | IN(ABORTED) | IN(PARKED) |
            IN(HEURISTIC)) == txn_all(txn);
}

static bool restarting_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->attempt > 1 && txn->origin->accepted &&
           txn->writing[TXN_RECORD_ATTEMPT] > 0 && IN(IDLE) == txn_all(txn);
}

static bool finished(const struct txn *txn)
{
    return txn->decision != TXN_UNDECIDED && txn->outcome != TXN_OUTCOME_NONE &&
           txn->unanswered == 0 && txn->writing[TXN_RECORD_OUTCOME] == 0 &&
           (IN(READ_ONLY) | IN(REFUSED) | IN(COMMITTED) | IN(ABORTED) | IN(HEURISTIC)) ==
               txn_all(txn) &&
           (IN(HEURISTIC) == 0 || txn->outcome == TXN_OUTCOME_MIXED);
}

static bool publishing_holds(const struct txn *txn)
{
    return finished(txn) && txn->unpublished > 0 && txn->publish_deadline.us != 0;
}

static bool parked_holds(const struct txn *txn)
{
    return (IN(PARKED) != 0 || txn->writing[TXN_RECORD_OUTCOME] > 0) &&
           (txn->decision != TXN_UNDECIDED || txn_delegated(txn));
}

/* --- transactions ----------------------------------------------------------------------------- */

static void ignored(struct step *step)
{
    (void)step;
}

/* Nothing but the account that step.c keeps: a record is durable, an event is with Kafka. */
static void noted(struct step *step)
{
    (void)step;
}

#define FENCED_ANYWHERE [TXN_EVENT_FENCED] = txn_on_fenced
#define NEVER_AGAIN                                                                                \
    [TXN_EVENT_SUBMITTED] = ignored, [TXN_EVENT_OPENED] = ignored, [TXN_EVENT_RECOVERED] = ignored
#define LIST_CLOSED                                                                                \
    [TXN_EVENT_ENLISTED] = txn_on_enlisted_late, [TXN_EVENT_CLOSED] = txn_on_closed_again

static const struct txn_state_row
    rows[TXN_STATE_COUNT] =
        {
            [TXN_NEW] =
                {
                    .name = "new",
                    .next = NEXT(OPEN) | NEXT(BEGINNING) | NEXT(RESERVING) | NEXT(DELEGATED) |
                            NEXT(RESTARTING) | NEXT(COMMITTING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = always,
                    .on =
                        {
                            [TXN_EVENT_SUBMITTED] = txn_on_submitted,
                            [TXN_EVENT_OPENED] = txn_on_opened,
                            [TXN_EVENT_ENLISTED] = ignored,
                            [TXN_EVENT_CLOSED] = ignored,
                            [TXN_EVENT_CANCELLED] = ignored,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = ignored,
                            [TXN_EVENT_PUBLISHED] = ignored,
                            [TXN_EVENT_TIMER] = ignored,
                            [TXN_EVENT_RECOVERED] = txn_on_recovered,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_OPEN] =
                {
                    .name = "open",
                    .next = NEXT(BEGINNING) | NEXT(RESERVING) | NEXT(DECIDING) | NEXT(ABORTING) |
                            NEXT(LOST),
                    .invariant = open_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            [TXN_EVENT_ENLISTED] = txn_on_enlisted,
                            [TXN_EVENT_CLOSED] = txn_on_closed,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_open_durable,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_BEGINNING] =
                {
                    .name = "beginning",
                    .next = NEXT(RESERVING) | NEXT(DECIDING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = beginning_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_begun,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_RESERVING] =
                {
                    .name = "reserving",
                    .next = NEXT(PREPARING) | NEXT(DELEGATING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = reserving_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                            [TXN_EVENT_RESERVED] = txn_on_reserved,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_prepare_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_PREPARING] =
                {
                    .name = "preparing",
                    .next = NEXT(DECIDING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = preparing_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = txn_on_vote,
                            [TXN_EVENT_UNSENDABLE] = txn_on_unsendable,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_prepare_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_DELEGATING] =
                {
                    .name = "delegating",
                    .next = NEXT(DELEGATED) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = delegating_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_delegated,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_DELEGATED] =
                {
                    .name = "delegated",
                    .next = NEXT(FENCING) | NEXT(DECIDING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = delegated_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_delegated_cancel,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = txn_on_executed,
                            [TXN_EVENT_UNSENDABLE] = txn_on_delegated_unsendable,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_executed_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_FENCING] =
                {
                    .name = "fencing",
                    .next = NEXT(DECIDING) | NEXT(ABORTING) | NEXT(PARKED) | NEXT(LOST),
                    .invariant = fencing_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = ignored,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = txn_on_fence_answer,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_fence_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_DECIDING] =
                {
                    .name = "deciding",
                    .next = NEXT(COMMITTING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = deciding_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = ignored, /* the outcome answers it */
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_decided,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] =
                                ignored, /* no timer aborts while the write is in flight */
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_COMMITTING] =
                {
                    .name = "committing",
                    .next = NEXT(PUBLISHING) | NEXT(PARKED) | NEXT(ENDED) | NEXT(LOST),
                    .invariant = committing_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                            [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                            [TXN_EVENT_RESULT] = txn_on_acknowledged,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_outcome,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_phase2_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_ABORTING] =
                {
                    .name = "aborting",
                    .next = NEXT(COMMITTING) | NEXT(PUBLISHING) | NEXT(PARKED) | NEXT(ENDED) |
                            NEXT(LOST),
                    .invariant = aborting_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                            [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                            [TXN_EVENT_RESULT] = txn_on_acknowledged,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_aborted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = txn_on_phase2_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_RESTARTING] =
                {
                    .name = "restarting",
                    .next = NEXT(RESERVING) | NEXT(ABORTING) | NEXT(LOST),
                    .invariant = restarting_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_restarting_cancel,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_restarted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = ignored,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_FALLING_BACK] = {.name = "falling_back", .invariant = always},
            [TXN_RUNNING] = {.name = "running", .invariant = always},
            [TXN_STOPPING] = {.name = "stopping", .invariant = always},
            [TXN_TURNING] = {.name = "turning", .invariant = always},
            [TXN_COMPENSATING] = {.name = "compensating", .invariant = always},
            [TXN_CONCLUDING] = {.name = "concluding", .invariant = always},
            [TXN_PUBLISHING] =
                {
                    .name = "publishing",
                    .next = NEXT(ENDED) | NEXT(LOST),
                    .invariant = publishing_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                            [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = txn_on_published,
                            [TXN_EVENT_TIMER] = txn_on_publish_timer,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_PARKED] =
                {
                    .name = "parked",
                    .next = NEXT(DECIDING) | NEXT(ABORTING) | NEXT(FENCING) | NEXT(PUBLISHING) |
                            NEXT(ENDED) | NEXT(LOST),
                    .invariant = parked_holds,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_parked_cancel,
                            [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                            [TXN_EVENT_RESULT] = txn_on_parked_result,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = txn_on_outcome,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = ignored,
                            FENCED_ANYWHERE,
                        },
                },
            [TXN_LOST] =
                {
                    .name = "lost",
                    .next = 0,
                    .invariant = always,
                    .on =
                        {
                            NEVER_AGAIN,
                            [TXN_EVENT_ENLISTED] = ignored,
                            [TXN_EVENT_CLOSED] = ignored,
                            [TXN_EVENT_CANCELLED] = ignored,
                            [TXN_EVENT_RESERVED] = ignored,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = ignored,
                            [TXN_EVENT_PUBLISHED] = ignored,
                            [TXN_EVENT_TIMER] = ignored,
                            [TXN_EVENT_FENCED] = ignored,
                        },
                },
            [TXN_ENDED] =
                {
                    .name = "ended",
                    .next = NEXT(LOST),
                    .invariant = finished,
                    .on =
                        {
                            NEVER_AGAIN,
                            LIST_CLOSED,
                            [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                            [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                            [TXN_EVENT_RESULT] = ignored,
                            [TXN_EVENT_UNSENDABLE] = ignored,
                            [TXN_EVENT_SKIPPED] = ignored,
                            [TXN_EVENT_RESUMED] = ignored,
                            [TXN_EVENT_DURABLE] = noted,
                            [TXN_EVENT_PUBLISHED] = noted,
                            [TXN_EVENT_TIMER] = ignored,
                            FENCED_ANYWHERE,
                        },
                },
};

const struct txn_state_row *txn_state_row(enum txn_state state)
{
    assert(state < TXN_STATE_COUNT);
    return &rows[state];
}

void txn_set_state(struct txn *txn, enum txn_state state)
{
    assert((rows[txn->state].next >> state & 1u) != 0);
    txn->state = state;
}

const char *txn_state_name(enum txn_state state)
{
    return txn_state_row(state)->name;
}

/* --- names of events and effects -------------------------------------------------------------- */

static const char *const event_names[TXN_EVENT_COUNT] = {
    [TXN_EVENT_SUBMITTED] = "submitted", [TXN_EVENT_OPENED] = "opened",
    [TXN_EVENT_ENLISTED] = "enlisted",   [TXN_EVENT_CLOSED] = "closed",
    [TXN_EVENT_CANCELLED] = "cancelled", [TXN_EVENT_RESERVED] = "reserved",
    [TXN_EVENT_RESULT] = "result",       [TXN_EVENT_UNSENDABLE] = "unsendable",
    [TXN_EVENT_DURABLE] = "durable",     [TXN_EVENT_PUBLISHED] = "published",
    [TXN_EVENT_TIMER] = "timer",         [TXN_EVENT_RECOVERED] = "recovered",
    [TXN_EVENT_FENCED] = "fenced",       [TXN_EVENT_SKIPPED] = "skipped",
    [TXN_EVENT_RESUMED] = "resumed",
};

static const char *const effect_names[TXN_EFFECT_COUNT] = {
    [TXN_EFFECT_PERSIST] = "persist",     [TXN_EFFECT_RESERVE] = "reserve",
    [TXN_EFFECT_UNRESERVE] = "unreserve", [TXN_EFFECT_RELEASE] = "release",
    [TXN_EFFECT_SEND] = "send",           [TXN_EFFECT_REPLY] = "reply",
    [TXN_EFFECT_PUBLISH] = "publish",     [TXN_EFFECT_ENDED] = "ended",
};

const char *txn_event_kind_name(enum txn_event_kind kind)
{
    assert(kind < TXN_EVENT_COUNT);
    return event_names[kind];
}

const char *txn_effect_kind_name(enum txn_effect_kind kind)
{
    assert(kind < TXN_EFFECT_COUNT);
    return effect_names[kind];
}
