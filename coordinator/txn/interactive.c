/* interactive.c: the client begins, services enlist by themselves, the client commits. */
#include "interactive.h"
#include "branch_states.h"
#include "decide.h"
#include "effects.h"
#include "history.h"
#include "prepare.h"
#include "shape.h"
#include "told.h"
#include "transition.h"

void txn_on_opened(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->origin->interactive);
    txn_note_moment(step, TXN_MOMENT_BEGAN);
    txn_persist(step, TXN_RECORD_BEGIN, txn->policy->always_force_begin);
    txn_record_members(step);
    txn_set_state(txn, TXN_OPEN);
}

static bool same_text(const char *a, const char *b)
{
    size_t len = strlen(a);
    return len == strlen(b) && memcmp(a, b, len) == 0;
}

static bool same_content(const struct txn_branch *a, const struct txn_branch *b)
{
    return same_text(a->participant, b->participant) && same_text(a->operation, b->operation) &&
           a->inquires == b->inquires;
}

static enum txn_branch_state enlisted_state(enum message_vote vote)
{
    switch (vote) {
    case VOTE_YES: /* enlisting as prepared is a vote: from now on only we decide [UNILATERAL] */
        return TXN_BRANCH_PREPARED;
    case VOTE_READ_ONLY:
        return TXN_BRANCH_READ_ONLY;
    case VOTE_NONE:
    case VOTE_NO:
    case VOTE_COUNT:
        break;
    }
    return TXN_BRANCH_IDLE;
}

static int enlist_check(const struct txn *txn, const struct txn_branch *branch)
{
    if (branch->number < 1 || branch->number > TROTH_BRANCH_NUMBER_MAX || branch->vote == VOTE_NO ||
        branch->vote >= VOTE_COUNT)
        return TROTH_ERROR_INVALID;
    if (txn->branches_count >= txn->branches_cap || txn->branches_count >= TROTH_BRANCHES_MAX)
        return TROTH_ERROR_FULL;
    return 0;
}

static void enlist(struct step *step, const struct txn_branch *wanted)
{
    struct txn *txn = step->txn;
    struct txn_branch *branch = &txn->branches[txn->branches_count++];
    *branch = (struct txn_branch){.number = wanted->number,
                                  .name = wanted->name,
                                  .participant = wanted->participant,
                                  .operation = wanted->operation,
                                  .inquires = wanted->inquires,
                                  .timeout_us = wanted->timeout_us,
                                  .vote = wanted->vote};
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_ENLISTED,
                                     .branch = branch->number,
                                     .vote = branch->vote});
    if (branch->inquires) {
        txn_branch_place(txn, branch, enlisted_state(branch->vote));
        txn_reply_enlisted(step, branch);
        return;
    }
    /* It could never ask what became of it: a row names it before it may rely on us [NOINQ]. */
    txn_branch_place(txn, branch, TXN_BRANCH_ENLISTING);
    txn_persist(step, TXN_RECORD_BEGIN, true);
    txn_record_members(step);
    branch->begin_write = txn->begin_writes;
}

void txn_acknowledge_enlisted(struct step *step)
{
    struct txn *txn = step->txn;
    for (uint64_t mask = txn->in[TXN_BRANCH_ENLISTING]; mask != 0;) {
        struct txn_branch *branch = txn_take(txn, &mask);
        if (branch->begin_write > txn->begins_durable)
            continue;
        txn_branch_set(txn, branch, enlisted_state(branch->vote));
        txn_reply_enlisted(step, branch);
    }
}

/* Enlisted before: the acknowledgement was lost (faults.md 42). It must never be refused while its
 * branch is on the list and commit is possible: a service that hears no rolls back. */
static void enlisted_before(struct step *step, struct txn_branch *branch)
{
    const struct txn_branch *wanted = step->event->of.branch;
    bool voted_alike = enlisted_state(wanted->vote) == branch->state ||
                       branch->state == TXN_BRANCH_ENLISTING || step->txn->state != TXN_OPEN;
    if (!same_content(branch, wanted) || !voted_alike)
        txn_reply_refused(step, wanted->number, TROTH_ERROR_EXISTS);
    else if (branch->state != TXN_BRANCH_ENLISTING) /* else: when its row is durable */
        txn_reply_enlisted(step, branch);
}

/* OPEN. */
void txn_on_enlisted(struct step *step)
{
    const struct txn_branch *wanted = step->event->of.branch;
    struct txn_branch *branch = txn_branch_find(step->txn, wanted->number);
    if (branch != NULL) {
        enlisted_before(step, branch);
        return;
    }
    int error = enlist_check(step->txn, wanted);
    if (error != 0)
        txn_reply_refused(step, wanted->number, error);
    else
        enlist(step, wanted);
}

static bool aborted(const struct txn *txn)
{
    return txn->decision == TXN_ABORT || txn->state == TXN_ABORTING;
}

/* The list is closed before the first prepare [OPENLIST]. */
void txn_on_enlisted_late(struct step *step)
{
    const struct txn_branch *wanted = step->event->of.branch;
    struct txn_branch *branch = txn_branch_find(step->txn, wanted->number);
    if (!step->txn->origin->interactive)
        txn_reply_refused(step, wanted->number, TROTH_ERROR_INVALID);
    else if (branch == NULL || aborted(step->txn))
        txn_reply_refused(step, wanted->number, TROTH_ERROR_ENDED);
    else
        enlisted_before(step, branch);
}

/* OPEN: a begin row is durable. */
void txn_on_open_durable(struct step *step)
{
    if (step->event->of.durable.record != TXN_RECORD_BEGIN)
        return;
    if (!txn_adopt_early(step))
        txn_acknowledge_enlisted(step);
}

/* OPEN: commit. The client names the branches it knows: fewer enlisted means abort [NAMES]. That
 * holds also against a service that answered before its enlistment was acknowledged [OKFIRST]. */
void txn_on_closed(struct step *step)
{
    struct txn *txn = step->txn;
    txn_note_moment(step, TXN_MOMENT_CLOSED);
    txn_list_close(txn, step->event->of.named.numbers, step->event->of.named.count);
    if (txn->stranger != 0) {
        txn_abort(step, TXN_CAUSE_NOT_ENLISTED, txn->stranger);
        return;
    }
    if (txn->in[TXN_BRANCH_ENLISTING] != 0)
        txn_set_state(txn, TXN_BEGINNING);
    else
        txn_reserve(step);
}

/* Said before, or never for this transaction to hear. What is said again gets the first one's
 * answer; what is another commit never does. */
void txn_on_closed_again(struct step *step)
{
    const struct txn_event *event = step->event;
    if (!step->txn->origin->interactive)
        txn_reply_refused(step, 0, TROTH_ERROR_INVALID);
    else if (txn_list_difference(step->txn, event->of.named.numbers, event->of.named.count) != 0)
        txn_reply_refused(step, 0, TROTH_ERROR_EXISTS);
    else
        txn_reply_again(step);
}
