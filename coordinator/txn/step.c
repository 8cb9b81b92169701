/* step.c: one step: clear the effects, keep the accounts, dispatch through the table, check what
 * must hold afterwards. */
#include "step.h"
#include "branch_states.h"
#include "by_hand.h"
#include "effects.h"
#include "history.h"
#include "invariants.h"
#include "leave.h"
#include "timer.h"
#include "transition.h"

void txn_init(struct txn *txn, const struct txn_origin *origin, const struct txn_policy *policy,
              uint32_t epoch, uint64_t seed, struct txn_branch *branches, uint32_t count,
              uint32_t cap)
{
    assert(count <= cap && count <= TROTH_BRANCHES_MAX);
    assert(epoch > 0 && origin->mode < TXN_MODE_COUNT);
    memset(txn, 0, sizeof *txn);
    txn->origin = origin;
    txn->policy = policy;
    txn->epoch = epoch;
    txn->attempt = 1;
    txn->protocol = origin->mode == TXN_MODE_SAGA ? TXN_PROTOCOL_SAGA : TXN_PROTOCOL_2PC;
    txn->random = seed;
    txn->branches = branches;
    txn->branches_cap = cap;
    for (uint32_t i = 0; i < count; i++) {
        struct txn_branch *branch = &branches[txn->branches_count++];
        branch->vote = VOTE_NONE;
        branch->reserved = false;
        branch->reachable = true;
        branch->tries = 0;
        branch->raised = 0;
        branch->begin_write = 0;
        branch->retry_at.us = 0;
        branch->abort_tries = 0;
        branch->abort_at.us = 0;
        branch->output = (struct troth_span){NULL, 0};
        branch->reason = (struct troth_span){NULL, 0};
        branch->abort_reason = (struct troth_span){NULL, 0};
        txn_branch_place(txn, branch, TXN_BRANCH_IDLE);
    }
}

void txn_branches_move(struct txn *txn, struct txn_branch *branches, uint32_t cap)
{
    assert(cap >= txn->branches_count && cap <= TROTH_BRANCHES_MAX);
    memcpy(branches, txn->branches, txn->branches_count * sizeof *branches);
    txn->branches = branches;
    txn->branches_cap = cap;
}

static void clock_start(struct step *step)
{
    struct txn *txn = step->txn;
    enum txn_event_kind kind = step->event->kind;
    if (txn->state != TXN_NEW || (kind != TXN_EVENT_SUBMITTED && kind != TXN_EVENT_OPENED))
        return;
    txn->began = step->now.mono;
    if (txn->origin->timeout_us != 0)
        txn->deadline = txn_after(step->now, txn->origin->timeout_us);
}

/* What is true in every state: which records are still without verdict, which events Kafka has. */
static void account(struct step *step)
{
    struct txn *txn = step->txn;
    const struct txn_event *event = step->event;
    if (event->kind == TXN_EVENT_DURABLE) {
        enum txn_record_kind record = event->of.durable.record;
        assert(record < TXN_RECORD_KIND_COUNT);
        if (txn->writing[record] == 0)
            return; /* twice */
        txn->writing[record]--;
        txn->begun = txn->begun || event->of.durable.verdict != TXN_FENCED;
        if (record == TXN_RECORD_BEGIN)
            txn->begins_durable++;
        txn_note(step, (struct txn_note){.moment = TXN_MOMENT_DURABLE, .detail = (uint8_t)record});
    } else if (event->kind == TXN_EVENT_RESUMED) {
        txn->resumes++;
    } else if (event->kind == TXN_EVENT_PUBLISHED && txn->unpublished > 0) {
        txn->unpublished--;
        if (!event->unsent)
            txn_note_moment(step, TXN_MOMENT_PUBLISHED);
    }
}

static bool fenced_verdict(const struct txn_event *event)
{
    return event->kind == TXN_EVENT_DURABLE && event->of.durable.verdict == TXN_FENCED;
}

void txn_step(struct txn *txn, const struct txn_event *event, struct txn_now now,
              struct txn_effects *effects)
{
    assert(event->kind < TXN_EVENT_COUNT && txn->state < TXN_STATE_COUNT);
    assert(txn->origin != NULL && txn->policy != NULL && effects->texts != NULL);
    struct step step = {.txn = txn, .event = event, .now = now, .effects = effects};
    effects->count = 0;
    effects->persists = 0;
    buffer_clear(effects->texts);
    if (txn->state == TXN_LOST)
        return;
    clock_start(&step);
    account(&step);
    if (fenced_verdict(event)) {
        txn_on_fenced(&step);
    } else {
        txn_words_durable(&step);
        txn_state_row(txn->state)->on[event->kind](&step);
        txn_leave_when_written(&step);
    }
    txn_records_point(effects);
    assert(txn_state_row(txn->state)->invariant(txn));
    assert(txn_words_hold(txn));
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
    [TXN_EVENT_RESUMED] = "resumed",     [TXN_EVENT_RESOLVED] = "resolved",
    [TXN_EVENT_FORGOTTEN] = "forgotten", [TXN_EVENT_LEAVES] = "leaves",
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

/* Wrong epoch: another node leads the shard [NOEPOCH]. No effect comes from here ever again. */
void txn_on_fenced(struct step *step)
{
    txn_set_state(step->txn, TXN_LOST);
}
