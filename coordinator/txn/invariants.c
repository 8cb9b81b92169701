/* invariants.c: what is true in each state of a transaction; asserted after every step, in every
 * build. */
#include "invariants.h"
#include "shape.h"

#define IN(s) (txn->in[TXN_BRANCH_##s])

/* Nothing is decided, and no command of ours has left in this memory. */
static bool untouched(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE &&
           (IN(IDLE) | IN(ENLISTING) | txn_voted(txn)) == txn_members(txn);
}

bool txn_open_holds(const struct txn *txn)
{
    return untouched(txn) && txn->origin->interactive && !txn_delegated(txn);
}

bool txn_beginning_holds(const struct txn *txn)
{
    return untouched(txn) && txn->writing[TXN_RECORD_BEGIN] > 0 && !txn_delegated(txn);
}

bool txn_reserving_holds(const struct txn *txn)
{
    return untouched(txn) && txn->asking != 0 && IN(ENLISTING) == 0;
}

/* The list is closed, some branch has yet to vote, none has said no. */
bool txn_preparing_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE && !txn_delegated(txn) &&
           (IN(IDLE) | IN(PREPARING) | txn_voted(txn)) == txn_members(txn) &&
           txn_voted(txn) != txn_members(txn) && txn->asking == 0;
}

bool txn_delegating_holds(const struct txn *txn)
{
    return untouched(txn) && txn_delegated(txn) && IN(IDLE) == 1 &&
           txn->writing[TXN_RECORD_DELEGATE] > 0;
}

bool txn_delegated_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE && txn_delegated(txn) &&
           IN(EXECUTING) == txn_all(txn) && txn->writing[TXN_RECORD_DELEGATE] == 0;
}

bool txn_revoking_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause != TXN_CAUSE_NONE && txn_delegated(txn) &&
           (IN(ABORTING) | IN(PARKED)) == txn_all(txn);
}

/* All branches voted yes or read_only, or the delegated branch has committed or has nothing to
 * commit; the row is in flight. */
bool txn_deciding_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE &&
           txn->writing[TXN_RECORD_DECISION] > 0 &&
           (txn_delegated(txn) ? IN(COMMITTED) | IN(SKIPPED) : txn_voted(txn)) == txn_members(txn);
}

bool txn_committing_holds(const struct txn *txn)
{
    return txn->decision == TXN_COMMIT && (txn->outcome != TXN_OUTCOME_NONE || IN(BEHIND) != 0) &&
           (IN(READ_ONLY) | IN(SKIPPED) | IN(COMMITTING) | IN(COMMITTED) | IN(PARKED) |
            IN(HEURISTIC)) == txn_members(txn);
}

/* No branch is told commit, and the abort row is in flight or durable. */
bool txn_aborting_holds(const struct txn *txn)
{
    return txn->decision != TXN_COMMIT &&
           (txn->decision == TXN_ABORT || txn->writing[TXN_RECORD_DECISION] > 0) &&
           (IN(READ_ONLY) | IN(SKIPPED) | IN(REFUSED) | IN(ABORTING) | IN(ABORTED) | IN(PARKED) |
            IN(HEURISTIC)) == txn_members(txn);
}

/* Only such aborts of earlier attempts as are not acknowledged are parked; these wait for an
 * operator, not for a time. */
static bool earlier_holds(const struct txn *txn)
{
    for (uint64_t mask = txn->owed_parked; mask != 0; mask &= mask - 1)
        if (txn->branches[__builtin_ctzll(mask)].abort_at.us != 0)
            return false;
    return (txn->owed_parked & ~txn->owed) == 0 && (txn->owed_commits & ~txn->owed) == 0 &&
           (txn->owed == 0 || txn->attempt > 1 || txn->worded != 0);
}

static bool nobody_reserved(const struct txn *txn)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].reserved)
            return false;
    return true;
}

/* Nothing of the attempt that begins has left [EARLYSEND], and no branch holds a slot. */
bool txn_restarting_holds(const struct txn *txn)
{
    bool writing = txn->writing[TXN_RECORD_ATTEMPT] > 0;
    return txn->decision == TXN_UNDECIDED && txn->protocol == TXN_PROTOCOL_2PC &&
           (writing ? txn->attempt > 1 : txn->restart_at.us != 0 && txn->cause == TXN_CAUSE_NONE) &&
           IN(IDLE) == txn_members(txn) && nobody_reserved(txn) && earlier_holds(txn);
}

/* Nothing is decided, nothing written, and each branch is asked, or an operator is. */
bool txn_doubtful_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause == TXN_CAUSE_NONE && !txn_delegated(txn) &&
           (IN(ASKING) | IN(PARKED) | IN(SKIPPED) | IN(BEHIND) | txn->worded) == txn_all(txn) &&
           earlier_holds(txn);
}

/* Nothing but what hands it over is on its way, and nobody waits for it. */
bool txn_leaving_holds(const struct txn *txn)
{
    for (uint32_t kind = 0; kind < TXN_RECORD_KIND_COUNT; kind++)
        if (txn->writing[kind] > (kind == TXN_RECORD_BEGIN ? 1 : 0))
            return false;
    return txn->leaves && nobody_reserved(txn);
}

/* --- sagas */

/* Nothing of the attempt that begins has left [EARLYSEND], and its steps are as new. */
bool txn_falling_back_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->protocol == TXN_PROTOCOL_SAGA &&
           txn->attempt > 1 && txn->writing[TXN_RECORD_ATTEMPT] > 0 && IN(IDLE) == txn_all(txn) &&
           earlier_holds(txn);
}

/* Steps that go, or went; one is asked, waits for a row or is parked, and none is undone;
 * behind the pivot one that was refused may be revoked. Behind a decision all its members have
 * acknowledged it [POSTEARLY]. */
bool txn_running_holds(const struct txn *txn)
{
    return (txn->decision == TXN_UNDECIDED || txn_following(txn)) &&
           txn->outcome == TXN_OUTCOME_NONE && txn->cause == TXN_CAUSE_NONE &&
           (txn->protocol == TXN_PROTOCOL_SAGA || txn->decision == TXN_COMMIT) &&
           (IN(IDLE) | IN(EXECUTING) | IN(ABORTING) | IN(PARKED) | txn_passed(txn)) ==
               txn_all(txn) &&
           (IN(ABORTING) == 0 || txn_forward_only(txn)) && txn_passed(txn) != txn_all(txn) &&
           ((IN(EXECUTING) | IN(ABORTING) | IN(PARKED)) != 0 ||
            txn->writing[TXN_RECORD_STEP] > 0) &&
           earlier_holds(txn);
}

/* The pivot is revoked, before anything is written about a turn [PIVOTLAZY]. */
bool txn_stopping_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause != TXN_CAUSE_NONE &&
           txn->protocol == TXN_PROTOCOL_SAGA && (IN(ABORTING) | IN(PARKED)) != 0 &&
           (IN(ABORTING) | IN(PARKED)) == txn_of_kind(txn, TXN_STEP_PIVOT) &&
           (IN(COMPENSATING) | IN(COMPENSATED) | IN(ASKING)) == 0 && earlier_holds(txn);
}

/* No compensation has left [EARLYCOMP], and the pivot never runs [UNKNOWNPIVOT]: it was never sent,
 * or refused, or has its tombstone. */
bool txn_turning_holds(const struct txn *txn)
{
    return txn->decision == TXN_UNDECIDED && txn->cause != TXN_CAUSE_NONE &&
           txn->writing[TXN_RECORD_DECISION] > 0 &&
           (IN(COMPENSATING) | IN(COMPENSATED) | IN(ASKING)) == 0 &&
           (txn_of_kind(txn, TXN_STEP_PIVOT) & ~(IN(IDLE) | IN(REFUSED) | IN(ABORTED))) == 0 &&
           earlier_holds(txn);
}

bool txn_compensating_holds(const struct txn *txn)
{
    return txn->decision == TXN_ABORT && txn->outcome == TXN_OUTCOME_NONE &&
           txn->protocol == TXN_PROTOCOL_SAGA && (IN(EXECUTING) | IN(ABORTING)) == 0 &&
           (IN(COMPENSATING) | IN(ASKING) | IN(PARKED)) != 0 && earlier_holds(txn);
}

/* Nothing is under way but the row, or aborts of the attempt before. */
bool txn_concluding_holds(const struct txn *txn)
{
    bool writing = txn->writing[TXN_RECORD_DECISION] + txn->writing[TXN_RECORD_OUTCOME] > 0;
    bool aborting = txn->outcome != TXN_OUTCOME_NONE && (txn->owed | txn->resolving) != 0;
    return (writing || aborting) && earlier_holds(txn) &&
           (IN(EXECUTING) | IN(ABORTING) | IN(COMPENSATING) | IN(ASKING) | IN(PARKED)) == 0 &&
           (txn->decision == TXN_ABORT || txn->outcome != TXN_OUTCOME_NONE ||
            txn_passed(txn) == txn_all(txn));
}

static bool saga_finished(const struct txn *txn)
{
    return (IN(PREPARING) | IN(PREPARED) | IN(EXECUTING) | IN(COMMITTING) | IN(ABORTING) |
            IN(COMPENSATING) | IN(ASKING) | IN(PARKED)) == 0;
}

/* A branch of which an operator said what it came to does nothing any more [RESOLVEDACTS]. */
bool txn_words_hold(const struct txn *txn)
{
    uint64_t acts = IN(EXECUTING) | IN(COMPENSATING) | IN(ASKING) | IN(UNCERTAIN);
    if (txn->state == TXN_NEW) /* loaded: what the words mean to its state comes with RECOVERED */
        return true;
    return (txn->resolving & txn->worded) == 0 && (txn->worded & acts) == 0;
}

bool txn_finished(const struct txn *txn)
{
    if (txn->decision == TXN_UNDECIDED || txn->outcome == TXN_OUTCOME_NONE ||
        txn->unanswered != 0 || txn->writing[TXN_RECORD_OUTCOME] != 0 || txn->owed != 0 ||
        (txn->strayed != 0 && txn->outcome != TXN_OUTCOME_MIXED))
        return false;
    if (txn->protocol == TXN_PROTOCOL_SAGA || txn_following(txn))
        return saga_finished(txn);
    return (IN(READ_ONLY) | IN(SKIPPED) | IN(REFUSED) | IN(COMMITTED) | IN(ABORTED) |
            IN(HEURISTIC)) == txn_members(txn) &&
           (IN(BEHIND) == 0 || txn->outcome != TXN_OUTCOME_COMMITTED) &&
           (IN(HEURISTIC) == 0 || txn->outcome == TXN_OUTCOME_MIXED);
}

bool txn_publishing_holds(const struct txn *txn)
{
    return txn_finished(txn) && txn->unpublished > 0 && txn->publish_deadline.us != 0;
}
