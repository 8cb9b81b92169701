/* states.c: the table of a transaction: what a state is called, what may follow it, what is true in
 * it, and what each event does there. Every (state, event) pair is written down, also those that
 * are ignored.
 *
 *                         SUBMITTED                           OPENED
 *                 .---------- NEW ------------------------------.   (NEW -RECOVERED-> any of *)
 *        forced   |            | lazy begin                     v
 *                 v            |                              OPEN  <-- enlistments
 *             BEGINNING        |                                |  commit: the list is closed
 *           begin |            |  .-----------------------------'  (over BEGINNING while the row
 *         durable v            v  v                                 of a member that cannot ask
 *                 '------> RESERVING <---- RESTARTING* <--.         is in flight)
 *                              |      row durable, time   | PREPARING: a conflict
 *                   one branch | slots, all or none       | (attempt n ends, n + 1 begins)
 *            .-----------------+----------------.
 *            v                                  v
 *       DELEGATING                          PREPARING -- no, timeout, cancel --> ABORTING*
 *            | row durable                      | all voted yes or read_only
 *            v        timeout, cancel           |
 *       DELEGATED* -------------> REVOKING      |          (from every state above DECIDING a
 *            | done | refused   done | aborted  |           timeout or a cancel goes to ABORTING;
 *            |      '-> ABORTING <---|-'        |           from DELEGATED it goes over REVOKING)
 *            '-----------------------+----------'
 *                                    v
 *                                DECIDING   commit is in flight: nothing may abort now
 *                                    | durable                  \ the row said abort
 *                                    v                           v
 *                               COMMITTING*                   ABORTING   the row is written beside
 *                                    | all acknowledged          | all acknowledged, row durable
 *                                    '------------.   .----------'
 *                                                v   v
 *                                               PUBLISHING   waits a bounded time for Kafka's word
 *                                                   |
 *                                                 ENDED            any -- wrong epoch --> LOST
 *
 * A saga, and what becomes of a two-phase commit that may fall back (mode 2pc_then_saga):
 *
 *   BEGINNING -- begin durable --> RUNNING* <-- attempt durable -- FALLING_BACK* <-- RESERVING,
 *                                  |  ^  |                           PREPARING: not in time
 *     refused, spent, cancel,      |  |  | every step is done
 *     timeout; the pivot may       |  |  '---------------------> CONCLUDING* --> PUBLISHING, ENDED
 *     have run --> STOPPING -------|--'  "committed"                 ^
 *                     | aborted    |                                 | all is undone
 *                     '-------> TURNING -- durable --> COMPENSATING*-'
 *   COMMITTING -- all acknowledged, steps behind the pivot --> RUNNING
 *
 * From every state LEAVES goes to LEAVING, once nothing of it is on its way to the journal: the
 * shard is handed over (leave.c).
 *
 * Where the journal has lost rows, NEW -RECOVERED-> DOUBTFUL, and from there to what the branches
 * prove (doubt.c).
 *
 * Parked is no state: `parked` of a row says when nothing goes on in it but what waits for an
 * operator. The transaction goes on in that state with a late answer, or when the operator says so.
 */
#include "begin.h"
#include "by_hand.h"
#include "compensate.h"
#include "conclude.h"
#include "decide.h"
#include "doubt.h"
#include "earlier.h"
#include "end.h"
#include "fallback.h"
#include "interactive.h"
#include "invariants.h"
#include "leave.h"
#include "one_phase.h"
#include "parked.h"
#include "phase2.h"
#include "pivot.h"
#include "prepare.h"
#include "recovered.h"
#include "restart.h"
#include "saga.h"
#include "step.h"
#include "transition.h"
#include "votes.h"

#define NEXT(s) (UINT32_C(1) << TXN_##s)
#define GONE    (NEXT(LEAVING) | NEXT(LOST))

static bool always(const struct txn *txn)
{
    (void)txn;
    return true;
}

static void ignored(struct step *step)
{
    (void)step;
}

/* Nothing but the account that step.c keeps: a record is durable, an event is with Kafka. */
static void noted(struct step *step)
{
    (void)step;
}

#define GOES_ANYWHERE [TXN_EVENT_LEAVES] = txn_on_leaves, [TXN_EVENT_FENCED] = txn_on_fenced
#define NEVER_AGAIN                                                                                \
    [TXN_EVENT_SUBMITTED] = ignored, [TXN_EVENT_OPENED] = ignored, [TXN_EVENT_RECOVERED] = ignored
#define LIST_CLOSED                                                                                \
    [TXN_EVENT_ENLISTED] = txn_on_enlisted_late, [TXN_EVENT_CLOSED] = txn_on_closed_again

#define NEVER_UNSENT [TXN_EVENT_UNSENDABLE] = ignored, [TXN_EVENT_SKIPPED] = ignored

#define SILENT                                                                                     \
    [TXN_EVENT_ENLISTED] = ignored, [TXN_EVENT_CLOSED] = ignored, [TXN_EVENT_CANCELLED] = ignored, \
    [TXN_EVENT_RESULT] = ignored, [TXN_EVENT_RESUMED] = ignored, [TXN_EVENT_TIMER] = ignored,      \
    NEVER_UNSENT, BY_NOBODY
#define ALL_NOTED [TXN_EVENT_DURABLE] = noted, [TXN_EVENT_PUBLISHED] = noted
#define BY_NOBODY [TXN_EVENT_RESOLVED] = ignored, [TXN_EVENT_FORGOTTEN] = ignored
/* Where nothing may be said the check says so, and nothing comes of it. */
#define BY_HAND [TXN_EVENT_RESOLVED] = txn_on_resolved, [TXN_EVENT_FORGOTTEN] = txn_on_forgotten

const struct txn_state_row txn_state_rows[TXN_STATE_COUNT] = {
    [TXN_NEW] =
        {
            .name = "new",
            .next = NEXT(OPEN) | NEXT(BEGINNING) | NEXT(RESERVING) | NEXT(DELEGATED) |
                    NEXT(DECIDING) | NEXT(RESTARTING) | NEXT(FALLING_BACK) | NEXT(RUNNING) |
                    NEXT(COMPENSATING) | NEXT(CONCLUDING) | NEXT(COMMITTING) | NEXT(ABORTING) |
                    NEXT(DOUBTFUL) | NEXT(REVOKING) | GONE,
            .invariant = always,
            .on =
                {
                    [TXN_EVENT_SUBMITTED] = txn_on_submitted,
                    [TXN_EVENT_OPENED] = txn_on_opened,
                    [TXN_EVENT_RESERVED] = ignored,
                    SILENT,
                    [TXN_EVENT_DURABLE] = ignored,
                    [TXN_EVENT_PUBLISHED] = ignored,
                    [TXN_EVENT_RECOVERED] = txn_on_recovered,
                    GOES_ANYWHERE,
                },
        },
    [TXN_OPEN] =
        {
            .name = "open",
            .next = NEXT(BEGINNING) | NEXT(RESERVING) | NEXT(DECIDING) | NEXT(ABORTING) | GONE,
            .invariant = txn_open_holds,
            .on =
                {
                    NEVER_AGAIN,
                    [TXN_EVENT_ENLISTED] = txn_on_enlisted,
                    [TXN_EVENT_CLOSED] = txn_on_closed,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = ignored,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_open_durable,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_BEGINNING] =
        {
            .name = "beginning",
            .next = NEXT(RUNNING) | NEXT(RESERVING) | NEXT(DECIDING) | NEXT(ABORTING) | GONE,
            .invariant = txn_beginning_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = ignored,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_begun,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_RESERVING] =
        {
            .name = "reserving",
            .next = NEXT(FALLING_BACK) | NEXT(PREPARING) | NEXT(DELEGATING) | NEXT(ABORTING) | GONE,
            .invariant = txn_reserving_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                    [TXN_EVENT_RESERVED] = txn_on_reserved,
                    [TXN_EVENT_RESULT] = txn_on_reserve_refused,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_prepare_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_PREPARING] =
        {
            .name = "preparing",
            .next = NEXT(RESTARTING) | NEXT(FALLING_BACK) | NEXT(DECIDING) | NEXT(ABORTING) | GONE,
            .invariant = txn_preparing_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_vote,
                    [TXN_EVENT_UNSENDABLE] = txn_on_unsendable,
                    [TXN_EVENT_SKIPPED] = txn_on_skipped,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_prepare_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_DELEGATING] =
        {
            .name = "delegating",
            .next = NEXT(DELEGATED) | NEXT(ABORTING) | GONE,
            .invariant = txn_delegating_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = ignored,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_delegated,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_nothing_sent_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_DELEGATED] =
        {
            .name = "delegated",
            .next = NEXT(REVOKING) | NEXT(DECIDING) | NEXT(ABORTING) | GONE,
            .invariant = txn_delegated_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_delegated_cancel,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_executed,
                    [TXN_EVENT_UNSENDABLE] = txn_on_delegated_unsendable,
                    [TXN_EVENT_SKIPPED] = txn_on_delegated_skipped,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_executed_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_REVOKING] =
        {
            .name = "revoking",
            .next = NEXT(DECIDING) | NEXT(ABORTING) | GONE,
            .invariant = txn_revoking_holds,
            .parked = txn_revocation_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_revoking_cancel,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_revoking_result,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_revoking_resumed,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_revoking_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_DECIDING] =
        {
            .name = "deciding",
            .next = NEXT(COMMITTING) | NEXT(ABORTING) | GONE,
            .invariant = txn_deciding_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = ignored, /* the outcome answers it */
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_earlier_result,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_decided,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] =
                        txn_on_earlier_timer, /* none aborts while the write flies */
                    GOES_ANYWHERE,
                },
        },
    [TXN_COMMITTING] =
        {
            .name = "committing",
            .next = NEXT(RUNNING) | NEXT(PUBLISHING) | NEXT(ENDED) | GONE,
            .invariant = txn_committing_holds,
            .parked = txn_phase2_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_acknowledged,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_phase2_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_outcome,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_phase2_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_ABORTING] =
        {
            .name = "aborting",
            .next = NEXT(COMMITTING) | NEXT(PUBLISHING) | NEXT(ENDED) | GONE,
            .invariant = txn_aborting_holds,
            .parked = txn_phase2_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_acknowledged,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_phase2_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_aborted,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_phase2_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_RESTARTING] =
        {
            .name = "restarting",
            .next = NEXT(RESERVING) | NEXT(FALLING_BACK) | NEXT(ABORTING) | GONE,
            .invariant = txn_restarting_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_restarting_cancel,
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_earlier_result,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_restarted,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_restarting_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_FALLING_BACK] =
        {
            .name = "falling_back",
            .next = NEXT(RUNNING) | GONE,
            .invariant = txn_falling_back_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_restarting_cancel,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_earlier_result, /* no late yes [LATEYES] */
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_fallen_back,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_earlier_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_RUNNING] =
        {
            .name = "running",
            .next = NEXT(STOPPING) | NEXT(TURNING) | NEXT(CONCLUDING) | GONE,
            .invariant = txn_running_holds,
            .parked = txn_forward_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_running_cancel,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_step_result,
                    [TXN_EVENT_UNSENDABLE] = txn_on_step_unsendable,
                    [TXN_EVENT_SKIPPED] = txn_on_step_skipped,
                    [TXN_EVENT_RESUMED] = txn_on_running_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_step_durable,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_running_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_STOPPING] =
        {
            .name = "stopping",
            .next = NEXT(RUNNING) | NEXT(TURNING) | NEXT(CONCLUDING) | GONE,
            .invariant = txn_stopping_holds,
            .parked = txn_revocation_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_stopping_cancel,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_stopping_result,
                    [TXN_EVENT_UNSENDABLE] = txn_on_late_unsent,
                    [TXN_EVENT_SKIPPED] = txn_on_late_skipped,
                    [TXN_EVENT_RESUMED] = txn_on_stopping_resumed,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_stopping_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_TURNING] =
        {
            .name = "turning",
            .next = NEXT(COMPENSATING) | GONE,
            .invariant = txn_turning_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = ignored,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_turning_result,
                    [TXN_EVENT_UNSENDABLE] = txn_on_late_unsent,
                    [TXN_EVENT_SKIPPED] = txn_on_late_skipped,
                    [TXN_EVENT_RESUMED] = txn_on_earlier_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_turned,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_earlier_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_COMPENSATING] =
        {
            .name = "compensating",
            .next = NEXT(CONCLUDING) | GONE,
            .invariant = txn_compensating_holds,
            .parked = txn_compensation_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = ignored,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_compensating_result,
                    [TXN_EVENT_UNSENDABLE] = txn_on_compensating_unsendable,
                    [TXN_EVENT_SKIPPED] = ignored,
                    [TXN_EVENT_RESUMED] = txn_on_compensating_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_compensating_durable,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_compensating_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_CONCLUDING] =
        {
            .name = "concluding",
            .next = NEXT(PUBLISHING) | NEXT(ENDED) | GONE,
            .invariant = txn_concluding_holds,
            .parked = txn_conclusion_parked,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = txn_on_concluding_result,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_concluding_resumed,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = txn_on_concluded,
                    [TXN_EVENT_PUBLISHED] = noted,
                    [TXN_EVENT_TIMER] = txn_on_earlier_timer, /* no deadline: it stands */
                    GOES_ANYWHERE,
                },
        },
    [TXN_PUBLISHING] =
        {
            .name = "publishing",
            .next = NEXT(ENDED) | GONE,
            .invariant = txn_publishing_holds,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = ignored,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    [TXN_EVENT_DURABLE] = noted,
                    [TXN_EVENT_PUBLISHED] = txn_on_published,
                    [TXN_EVENT_TIMER] = txn_on_publish_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_DOUBTFUL] =
        {
            .name = "doubtful",
            .next = NEXT(DECIDING) | NEXT(ABORTING) | NEXT(RUNNING) | NEXT(STOPPING) |
                    NEXT(TURNING) | GONE,
            .invariant = txn_doubtful_holds,
            .parked = txn_doubt_parked,
            .on =
                {
                    NEVER_AGAIN,
                    [TXN_EVENT_ENLISTED] = ignored, /* it may be on the list that was lost */
                    [TXN_EVENT_CLOSED] = ignored,
                    [TXN_EVENT_CANCELLED] = ignored, /* a client does not know better */
                    [TXN_EVENT_RESERVED] = ignored,
                    [TXN_EVENT_RESULT] = txn_on_doubt_result,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = txn_on_doubt_resumed,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = txn_on_doubt_timer,
                    GOES_ANYWHERE,
                },
        },
    [TXN_LEAVING] =
        {
            .name = "leaving",
            .next = NEXT(LOST),
            .invariant = txn_leaving_holds,
            .on =
                {
                    NEVER_AGAIN,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    SILENT,
                    [TXN_EVENT_LEAVES] = ignored,
                    ALL_NOTED,
                    [TXN_EVENT_FENCED] = txn_on_fenced,
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
                    [TXN_EVENT_RESERVED] = ignored,
                    SILENT,
                    [TXN_EVENT_LEAVES] = ignored,
                    [TXN_EVENT_DURABLE] = ignored,
                    [TXN_EVENT_PUBLISHED] = ignored,
                    [TXN_EVENT_FENCED] = ignored,
                },
        },
    [TXN_ENDED] =
        {
            .name = "ended",
            .next = NEXT(LOST),
            .invariant = txn_finished,
            .on =
                {
                    NEVER_AGAIN,
                    LIST_CLOSED,
                    [TXN_EVENT_CANCELLED] = txn_on_cancelled_late,
                    [TXN_EVENT_RESERVED] = txn_on_reserved_late,
                    [TXN_EVENT_RESULT] = ignored,
                    NEVER_UNSENT,
                    [TXN_EVENT_RESUMED] = ignored,
                    BY_HAND,
                    ALL_NOTED,
                    [TXN_EVENT_TIMER] = ignored,
                    GOES_ANYWHERE,
                },
        },
};
