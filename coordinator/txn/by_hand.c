/* by_hand.c: what an operator says of a branch whose participant does not say it: it is gone, or
 * answers what makes no sense, or somebody has done by hand what was to be done there.
 *
 * His word is a record, forced, and nothing follows from it before that is durable: no state, no
 * reply, no event, no next step [RESOLVEFIRST]. Then the transaction goes on as if the branch had
 * said so. A word is said once. The branch's own answer is better than any word: where it comes
 * before the record is durable it stands, and the word counts for nothing.
 *
 * Nothing that acts (execute, compensate) is sent to such a branch again, by no leader: what was
 * done by hand would be done twice [RESOLVEDACTS]. A decision of a two-phase commit changes nothing
 * when it comes twice, so that it is told on, beside all else, until the branch answers
 * [RESOLVEDASKED] (earlier.c). An answer that says otherwise makes the outcome mixed. When nothing
 * else is left he may give that up, too: forget.
 *
 * A word against the decision makes the outcome mixed by itself; one about a branch that may still
 * be doing what it was told may come too early. Both need force. */
#include "by_hand.h"
#include "branch_states.h"
#include "compensate.h"
#include "conclude.h"
#include "doubt.h"
#include "earlier.h"
#include "effects.h"
#include "history.h"
#include "one_phase.h"
#include "phase2.h"
#include "pivot.h"
#include "saga.h"
#include "shape.h"

#define IN(s) (txn->in[TXN_BRANCH_##s])

/* --- what may be said --------------------------------------------------------------------------
 */

/* Parked, or told and not heard of. */
uint64_t txn_resolvable(const struct txn *txn)
{
    switch (txn->state) {
    case TXN_COMMITTING:
        return IN(COMMITTING) | IN(PARKED);
    case TXN_ABORTING:
        return txn->decision == TXN_ABORT ? IN(ABORTING) | IN(PARKED) : 0;
    case TXN_DOUBTFUL:
        return txn->protocol == TXN_PROTOCOL_2PC ? IN(ASKING) | IN(PARKED) : 0;
    case TXN_REVOKING:
    case TXN_STOPPING:
        return IN(ABORTING) | IN(PARKED);
    case TXN_RUNNING:
        return txn_forward_only(txn) ? IN(EXECUTING) | IN(ABORTING) | IN(PARKED) : 0;
    case TXN_COMPENSATING:
        return IN(COMPENSATING) | IN(PARKED);
    case TXN_NEW:
    case TXN_OPEN:
    case TXN_BEGINNING:
    case TXN_RESERVING:
    case TXN_PREPARING:
    case TXN_DELEGATING:
    case TXN_DELEGATED:
    case TXN_DECIDING:
    case TXN_RESTARTING:
    case TXN_FALLING_BACK:
    case TXN_TURNING:
    case TXN_CONCLUDING:
    case TXN_PUBLISHING:
    case TXN_LEAVING:
    case TXN_LOST:
    case TXN_ENDED:
    case TXN_STATE_COUNT:
        break;
    }
    return 0;
}

/* What a word means to what the transaction does now. */
enum meaning { MEANS_NOTHING, AS_DECIDED, OTHERWISE };

static enum meaning meaning_of(const struct txn *txn, enum txn_word word)
{
    bool committed = word == TXN_WORD_COMMITTED, undone = word == TXN_WORD_COMPENSATED;
    if (txn->state == TXN_COMPENSATING)
        return committed ? OTHERWISE : AS_DECIDED;
    if (undone || (committed && txn->state == TXN_DOUBTFUL && txn->origin->interactive))
        return MEANS_NOTHING; /* whom else would that be for? */
    if (txn->state == TXN_REVOKING || txn->state == TXN_STOPPING ||
        txn->state == TXN_DOUBTFUL) /* it decides */
        return AS_DECIDED;
    return committed == (txn->state != TXN_ABORTING) ? AS_DECIDED : OTHERWISE;
}

static const struct txn_branch *find(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return &txn->branches[i];
    return NULL;
}

/* No word may be said of it: why? */
static enum txn_resolve why_not(const struct txn *txn, const struct txn_branch *branch)
{
    static const uint32_t ended = 1u << TXN_BRANCH_COMMITTED | 1u << TXN_BRANCH_ABORTED |
                                  1u << TXN_BRANCH_REFUSED | 1u << TXN_BRANCH_READ_ONLY |
                                  1u << TXN_BRANCH_SKIPPED | 1u << TXN_BRANCH_HEURISTIC |
                                  1u << TXN_BRANCH_COMPENSATED;
    bool writes = txn->state == TXN_DECIDING || txn->state == TXN_TURNING ||
                  (txn->state == TXN_ABORTING && txn->decision == TXN_UNDECIDED) ||
                  (txn->state == TXN_CONCLUDING && txn->outcome == TXN_OUTCOME_NONE);
    if ((txn->owed & txn_bit(txn, branch)) != 0)
        return TXN_RESOLVE_ONLY_EARLIER;
    if (writes)
        return TXN_RESOLVE_WRITING;
    bool done = branch->state == TXN_BRANCH_DONE && txn->state != TXN_COMPENSATING;
    return done || (ended >> branch->state & 1u) != 0 ? TXN_RESOLVE_ANSWERED : TXN_RESOLVE_NOT_YET;
}

/* What it was told may still be under way there, and cannot be taken back. */
static bool may_act(const struct txn *txn, const struct txn_branch *branch)
{
    return branch->state != TXN_BRANCH_PARKED && txn->state != TXN_COMMITTING &&
           txn->state != TXN_ABORTING;
}

enum txn_resolve txn_resolve_check(const struct txn *txn, uint32_t number, enum txn_word word,
                                   bool force)
{
    const struct txn_branch *branch = find(txn, number);
    if (branch == NULL)
        return TXN_RESOLVE_NO_BRANCH;
    uint64_t bit = txn_bit(txn, branch);
    if (((txn->resolving | txn->worded) & bit) != 0)
        return branch->word == word ? TXN_RESOLVE_SAID : TXN_RESOLVE_OTHER_SAID;
    if ((txn_resolvable(txn) & bit) == 0)
        return why_not(txn, branch);
    enum meaning meaning = meaning_of(txn, word);
    if (meaning == MEANS_NOTHING || word == TXN_WORD_NONE || word >= TXN_WORD_COUNT)
        return TXN_RESOLVE_WRONG_WORD;
    if (meaning == OTHERWISE && !force)
        return TXN_RESOLVE_CONTRARY;
    if (may_act(txn, branch) && !force)
        return TXN_RESOLVE_MAY_ACT;
    return TXN_RESOLVE_MAY;
}

/* --- from the word to what follows -------------------------------------------------------------
 */

static void reply(struct step *step, uint32_t number, int error)
{
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_REPLY);
    effect->reply = TXN_REPLY_RESOLVED;
    effect->number = number;
    effect->error = error;
}

/* What its record says is what a new leader makes of it. */
static enum record_step_state record_of(const struct txn *txn, enum txn_word word)
{
    bool goes_on = txn->state == TXN_RUNNING || txn->state == TXN_STOPPING;
    if (txn->state == TXN_COMPENSATING && word != TXN_WORD_COMMITTED)
        return RECORD_STEP_COMPENSATED;
    if (word == TXN_WORD_COMMITTED)
        return goes_on ? RECORD_STEP_DONE : RECORD_STEP_COMMITTED;
    return RECORD_STEP_ABORTED;
}

/* Any state: an operator says what it came to. Only the record leaves now [RESOLVEFIRST]. */
void txn_on_resolved(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    uint32_t number = event->of.resolve.number;
    enum txn_word word = event->of.resolve.word;
    if (txn_resolve_check(txn, number, word, event->of.resolve.force) != TXN_RESOLVE_MAY)
        return;
    struct txn_branch *branch = txn_branch_find(txn, number);
    branch->word_seq = 0;
    if (!txn_persist_word(step, branch, record_of(txn, word), event->of.resolve.said,
                          &branch->word_seq)) {
        reply(step, number, TROTH_ERROR_NO_MEMORY);
        return;
    }
    branch->word = word;
    branch->resolved = event->of.resolve.said;
    txn->resolving |= txn_bit(txn, branch);
}

static void note_word(struct step *step, const struct txn_branch *branch, enum txn_moment moment)
{
    txn_note(step, (struct txn_note){.moment = moment,
                                     .branch = branch->number,
                                     .detail = (uint8_t)branch->word});
}

/* As if the branch had said so itself. */
static void go_on(struct step *step, struct txn_branch *branch)
{
    enum txn_state state = step->txn->state;
    bool committed = branch->word == TXN_WORD_COMMITTED;
    assert((txn_resolvable(step->txn) & txn_bit(step->txn, branch)) != 0);
    if (state == TXN_COMMITTING || state == TXN_ABORTING) {
        txn_phase2_said(step, branch, committed);
    } else if (state == TXN_DOUBTFUL) {
        txn_doubt_said(step, branch, committed);
    } else if (state == TXN_REVOKING) {
        txn_delegated_said(step, committed);
    } else if (state == TXN_STOPPING) {
        txn_pivot_said(step, branch, committed);
    } else if (state == TXN_COMPENSATING) {
        txn_undone_said(step, branch, !committed);
    } else {
        txn_forward_said(step, branch, committed);
        txn_run(step);
    }
}

/* It answered before the record was durable: as he says, or otherwise. */
static bool says_the_same(const struct txn_branch *branch)
{
    if (branch->state == TXN_BRANCH_COMMITTED || branch->state == TXN_BRANCH_DONE)
        return branch->word == TXN_WORD_COMMITTED;
    if (branch->state == TXN_BRANCH_COMPENSATED)
        return branch->word != TXN_WORD_COMMITTED;
    bool never = branch->state == TXN_BRANCH_ABORTED || branch->state == TXN_BRANCH_REFUSED;
    return never && branch->word == TXN_WORD_ABORTED;
}

/* Its record is taken back, in its place: a new leader must not go by it. */
static void overrule(struct step *step, struct txn_branch *branch)
{
    note_word(step, branch, TXN_MOMENT_OVERRULED);
    (void)txn_persist_word(step, branch, RECORD_STEP_OVERRULED, branch->resolved,
                           &branch->word_seq);
    branch->word = TXN_WORD_NONE;
    branch->resolved = (struct troth_span){NULL, 0};
    reply(step, branch->number, TROTH_ERROR_EXISTS);
}

static void word_durable(struct step *step, struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    uint64_t bit = txn_bit(txn, branch);
    bool open = (txn_resolvable(txn) & bit) != 0;
    txn->resolving &= ~bit;
    if (!open && !says_the_same(branch)) {
        overrule(step, branch);
        return;
    }
    txn->worded |= bit;
    txn->resumes++; /* what is told again has another key */
    note_word(step, branch, TXN_MOMENT_RESOLVED);
    reply(step, branch->number, 0);
    if (open)
        go_on(step, branch);
}

/* --- what only waits for an answer is given up --------------------------------------------------
 */

uint64_t txn_owed(const struct txn *txn)
{
    return txn->owed;
}

static bool only_owed(const struct txn *txn)
{
    bool told =
        txn->state == TXN_COMMITTING || txn->state == TXN_ABORTING || txn->state == TXN_CONCLUDING;
    return told && (IN(COMMITTING) | IN(ABORTING) | IN(PARKED)) == 0;
}

enum txn_forget txn_forget_check(const struct txn *txn, bool force)
{
    if (txn->forgetting != 0)
        return TXN_FORGET_SAID;
    if (txn->state == TXN_PUBLISHING || txn->state == TXN_ENDED)
        return TXN_FORGET_NOTHING;
    if (txn->state == TXN_DOUBTFUL)
        return force ? TXN_FORGET_MAY : TXN_FORGET_DOUBTFUL;
    if (!only_owed(txn))
        return TXN_FORGET_OPEN;
    if (txn->outcome == TXN_OUTCOME_NONE || txn_mixing(txn) || txn->owed == 0 ||
        txn->writing[TXN_RECORD_OUTCOME] > 0 || txn->resolving != 0)
        return TXN_FORGET_WRITING;
    for (uint64_t mask = txn->owed; mask != 0 && !force; mask &= mask - 1)
        if (!txn->branches[__builtin_ctzll(mask)].inquires)
            return TXN_FORGET_CANNOT_ASK;
    return TXN_FORGET_MAY;
}

/* Any state. */
void txn_on_forgotten(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (txn_forget_check(txn, event->of.resolve.force) != TXN_FORGET_MAY)
        return;
    if (txn->state == TXN_DOUBTFUL) {
        txn->giving_up = true;
        txn_doubt_given_up(step);
        return;
    }
    for (uint64_t mask = txn->owed; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        uint32_t seq = 0;
        if (!txn_persist_word(step, branch, RECORD_STEP_FORGOTTEN, event->of.resolve.said, &seq))
            continue;
        branch->forgotten = event->of.resolve.said;
        txn->forgetting |= txn_bit(txn, branch);
    }
    if (txn->forgetting == 0)
        reply(step, 0, TROTH_ERROR_NO_MEMORY);
}

static void forgotten_durable(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->forgetting & txn->owed; /* the others have answered meanwhile */
    txn->forgetting = 0;
    txn->forgotten |= mask;
    while (mask != 0) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_earlier_done(txn, branch);
        txn_note(step, (struct txn_note){.moment = TXN_MOMENT_FORGOTTEN, .branch = branch->number});
    }
    reply(step, 0, 0);
}

static void settle(struct step *step)
{
    if (step->txn->state == TXN_CONCLUDING)
        txn_concluded_settle(step);
    else if (step->txn->state == TXN_COMMITTING || step->txn->state == TXN_ABORTING)
        txn_settle(step);
}

/* A word's record is durable when no step's record is in flight any more. */
void txn_words_durable(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (txn->giving_up && event->kind == TXN_EVENT_DURABLE &&
        event->of.durable.record == TXN_RECORD_DECISION) {
        txn->giving_up = false;
        reply(step, 0, 0);
    }
    if ((txn->resolving | txn->forgetting) == 0 || event->kind != TXN_EVENT_DURABLE ||
        event->of.durable.record != TXN_RECORD_STEP || txn->writing[TXN_RECORD_STEP] > 0)
        return;
    for (uint64_t mask = txn->resolving; mask != 0;)
        word_durable(step, txn_take(txn, &mask));
    if (txn->forgetting != 0)
        forgotten_durable(step);
    settle(step);
}

/* --- a new leader -------------------------------------------------------------------------------
 */

/* Behind the pivot it was given up: a branch that may have run is told so, and the outcome is
 * mixed. */
static void given_up(struct step *step)
{
    struct txn *txn = step->txn;
    uint64_t mask = txn->worded & IN(ABORTED) & ~txn_of_kind(txn, TXN_STEP_PIVOT);
    while (mask != 0) {
        struct txn_branch *branch = txn_take(txn, &mask);
        txn_branch_set(txn, branch, TXN_BRANCH_HEURISTIC);
        txn->strayed |= txn_bit(txn, branch);
        txn_owe(step, branch, OP_ABORT);
    }
}

void txn_words_recovered(struct step *step)
{
    struct txn *txn = step->txn;
    if (txn->protocol == TXN_PROTOCOL_SAGA)
        given_up(step);
    else
        for (uint64_t mask = txn->worded & txn_resolvable(txn); mask != 0;)
            go_on(step, txn_take(txn, &mask));
    for (uint64_t mask = txn->forgotten; mask != 0;)
        txn_earlier_done(txn, txn_take(txn, &mask));
}
