/* effects.c: how a step says what is to be done, and the records it asks for. */
#include "effects.h"
#include "history.h"
#include "shape.h"
#include "text.h"

enum { TEXT_MEMBERS, TEXT_STEPS, TEXT_FAILURE, TEXT_HISTORY, TEXT_STEP, TEXT_FALLBACK, TEXT_COUNT };

struct txn_effect *txn_emit(struct step *step, enum txn_effect_kind kind)
{
    assert(step->effects->count < TXN_EFFECTS_MAX);
    struct txn_effect *effect = &step->effects->list[step->effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    return effect;
}

void txn_release(struct step *step, struct txn_branch *branch)
{
    if (!branch->reserved)
        return;
    branch->reserved = false;
    txn_emit(step, TXN_EFFECT_RELEASE)->branch = branch;
}

void txn_reply(struct step *step, enum txn_reply_level level)
{
    assert(level == TXN_REPLY_ACCEPTED || step->txn->outcome != TXN_OUTCOME_NONE);
    txn_emit(step, TXN_EFFECT_REPLY)->reply = level;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_REPLIED, .detail = (uint8_t)level});
}

void txn_reply_enlisted(struct step *step, struct txn_branch *branch)
{
    assert(branch->number != 0);
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_REPLY);
    effect->reply = TXN_REPLY_ENLISTED;
    effect->branch = branch;
    effect->number = branch->number;
}

void txn_reply_refused(struct step *step, uint32_t number, int error)
{
    assert(error < 0);
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_REPLY);
    effect->reply = TXN_REPLY_REFUSED;
    effect->number = number;
    effect->error = error;
}

void txn_reply_again(struct step *step)
{
    if (step->txn->decision == TXN_UNDECIDED || step->txn->outcome == TXN_OUTCOME_NONE ||
        txn_mixing(step->txn))
        return; /* the reply comes when it is decided */
    txn_emit(step, TXN_EFFECT_REPLY)->reply = TXN_REPLY_DECIDED;
    if (step->txn->unanswered == 0)
        txn_emit(step, TXN_EFFECT_REPLY)->reply = TXN_REPLY_COMPLETED;
}

void txn_publish(struct step *step, enum txn_record_kind kind)
{
    assert(step->txn->outcome != TXN_OUTCOME_NONE);
    assert(kind == TXN_RECORD_DECISION || kind == TXN_RECORD_OUTCOME);
    struct txn_effect *effect = txn_emit(step, TXN_EFFECT_PUBLISH);
    effect->record.kind = kind;
    effect->record.attempt = step->txn->attempt;
    effect->record.outcome = step->txn->outcome;
    step->txn->unpublished++;
}

struct txn_record *txn_persist(struct step *step, enum txn_record_kind kind, bool forced)
{
    struct txn *txn = step->txn;
    struct txn_effects *effects = step->effects;
    assert(effects->persists < TXN_PERSISTS_MAX);
    assert(kind < TXN_RECORD_KIND_COUNT);
    assert(kind != TXN_RECORD_DECISION || txn->writing[kind] == 0); /* one at a time */
    struct txn_record *record = &txn_emit(step, TXN_EFFECT_PERSIST)->record;
    effects->persist[effects->persists++].effect = effects->count - 1;
    record->kind = kind;
    record->forced = forced;
    record->origin = txn->origin;
    record->epoch = txn->epoch;
    record->attempt = txn->attempt;
    record->protocol = txn->protocol;
    record->outcome = txn->outcome;
    record->delegated_branch = txn->delegated_branch;
    record->at = step->now.wall;
    txn->writing[kind]++;
    if (kind == TXN_RECORD_BEGIN)
        txn->begin_writes++;
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_WRITING, .detail = (uint8_t)kind});
    return record;
}

/* The texts of the record emitted last. The buffer may move while it grows: the record's spans get
 * their length now and their address at the end of the step (txn_records_point). */

static struct txn_record *record_last(struct step *step)
{
    assert(step->effects->persists > 0);
    uint32_t i = step->effects->persist[step->effects->persists - 1].effect;
    return &step->effects->list[i].record;
}

static void text_set(struct step *step, int which, size_t at, struct troth_span *span)
{
    assert(step->effects->persists > 0 && at <= step->effects->texts->len);
    step->effects->persist[step->effects->persists - 1].at[which] = at;
    span->len = step->effects->texts->len - at;
}

/* A text that may be left out, from `at` on: false, and taken back, where there is no memory for
 * it, or where it leaves no room for what a decision of the same step rests on. */
static bool text_kept(struct step *step, size_t at)
{
    struct buffer *texts = step->effects->texts;
    if (buffer_reserve(texts, TXN_TEXTS_BYTES_MAX))
        return true;
    texts->failed = false;
    texts->len = at;
    return false;
}

static struct troth_span name_span(const char *name)
{
    return (struct troth_span){name, strlen(name)};
}

void txn_record_members(struct step *step)
{
    const struct txn *txn = step->txn;
    struct buffer *texts = step->effects->texts;
    size_t at = texts->len;
    record_members_begin(texts);
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        record_member_append(texts,
                             &(struct record_member){.branch = branch->number,
                                                     .name = name_span(branch->name),
                                                     .participant = name_span(branch->participant),
                                                     .operation = name_span(branch->operation),
                                                     .inquires = branch->inquires,
                                                     .named = (txn->named >> i & 1u) != 0,
                                                     .skipped = branch->state == TXN_BRANCH_SKIPPED,
                                                     .vote = branch->vote});
    }
    record_members_end(texts);
    assert(!texts->failed); /* TXN_TEXTS_BYTES_MAX was reserved up front */
    text_set(step, TEXT_MEMBERS, at, &record_last(step)->members);
}

/* Which number a step's record gets. What only counts (tries, and when the next one is due) is
 * superseded by the branch's next record of the kind, which takes its place under the same number:
 * an outage of hours leaves one row, and not one a try. Whatever says what a step did stays
 * [OVERWRITES]. An epoch is one memory. */
static uint64_t step_number(struct txn *txn, struct txn_branch *branch,
                            enum record_step_state state)
{
    bool forth = state == RECORD_STEP_TRYING || state == RECORD_STEP_WAITING;
    bool back = state == RECORD_STEP_UNDO_TRYING || state == RECORD_STEP_UNDO_WAITING;
    assert(!(forth && back) && txn->step_seq < UINT32_MAX);
    uint32_t *number = forth ? &branch->counted : back ? &branch->undo_counted : NULL;
    uint32_t kept = number != NULL ? *number : 0;
    if (kept == 0)
        kept = ++txn->step_seq;
    branch->counted = forth ? kept : 0;
    branch->undo_counted = back ? kept : 0;
    return (uint64_t)txn->epoch << 32 | kept;
}

bool txn_persist_step(struct step *step, struct txn_branch *branch, enum record_step_state state)
{
    struct txn *txn = step->txn;
    struct buffer *texts = step->effects->texts;
    bool waits = state == RECORD_STEP_WAITING || state == RECORD_STEP_UNDO_WAITING;
    bool trying = state == RECORD_STEP_TRYING || state == RECORD_STEP_UNDO_TRYING;
    struct record_step what = {.branch = branch->number,
                               .attempt = txn->attempt,
                               .state = state,
                               .raised = branch->raised,
                               .tries = branch->tries + (trying ? 1 : 0)};
    if (waits)
        what.retry_at.us = step->now.wall.us + (branch->retry_at.us - step->now.mono.us);
    if (state == RECORD_STEP_DONE)
        what.output = branch->output;
    size_t at = texts->len;
    record_step_append(texts, &what);
    if (!text_kept(step, at))
        return false;
    bool forced = trying || (state == RECORD_STEP_SKIPPED && branch->kind == TXN_STEP_PIVOT);
    struct txn_record *record = txn_persist(step, TXN_RECORD_STEP, forced);
    record->step_seq = step_number(txn, branch, state);
    text_set(step, TEXT_STEP, at, &record->step);
    return true;
}

bool txn_persist_word(struct step *step, const struct txn_branch *branch,
                      enum record_step_state state, struct troth_span said, uint32_t *seq)
{
    struct txn *txn = step->txn;
    struct buffer *texts = step->effects->texts;
    struct record_step what = {.branch = branch->number,
                               .attempt = txn->attempt,
                               .state = state,
                               .raised = branch->raised,
                               .resolved = said};
    size_t at = texts->len;
    record_step_append(texts, &what);
    if (!text_kept(step, at))
        return false;
    if (*seq == 0)
        *seq = ++txn->step_seq;
    struct txn_record *record = txn_persist(step, TXN_RECORD_STEP, true);
    record->step_seq = (uint64_t)txn->epoch << 32 | *seq;
    text_set(step, TEXT_STEP, at, &record->step);
    return true;
}

void txn_record_people(struct step *step)
{
    struct buffer *texts = step->effects->texts;
    struct txn_record *record = record_last(step);
    if (step->txn->fallback_attempt != 0) {
        size_t at = texts->len;
        txn_fallback_append(step->txn, texts);
        assert(!texts->failed);
        text_set(step, TEXT_FALLBACK, at, &record->fallback);
    }
    if (step->txn->cause != TXN_CAUSE_NONE) {
        size_t at = texts->len;
        txn_failure_append(step->txn, texts);
        assert(!texts->failed);
        text_set(step, TEXT_FAILURE, at, &record->failure);
    }
    size_t at = texts->len;
    bool final = record->kind == TXN_RECORD_DECISION && record->outcome != TXN_OUTCOME_NONE;
    txn_steps_append_as(step->txn, final ? record->decision : TXN_UNDECIDED, texts);
    if (!text_kept(step, at)) /* outputs are large and memory is short: it goes without them */
        return;
    text_set(step, TEXT_STEPS, at, &record->steps);
}

void txn_record_history(struct step *step)
{
    struct buffer *texts = step->effects->texts;
    size_t at = texts->len;
    txn_history_keep(step->txn, texts);
    if (!text_kept(step, at))
        return;
    text_set(step, TEXT_HISTORY, at, &record_last(step)->history);
}

void txn_records_point(struct txn_effects *effects)
{
    for (uint32_t i = 0; i < effects->persists; i++) {
        struct txn_record *record = &effects->list[effects->persist[i].effect].record;
        struct troth_span *spans[TEXT_COUNT] = {
            [TEXT_MEMBERS] = &record->members, [TEXT_STEPS] = &record->steps,
            [TEXT_FAILURE] = &record->failure, [TEXT_HISTORY] = &record->history,
            [TEXT_STEP] = &record->step,       [TEXT_FALLBACK] = &record->fallback,
        };
        for (int t = 0; t < TEXT_COUNT; t++)
            if (spans[t]->len > 0)
                spans[t]->data = effects->texts->data + effects->persist[i].at[t];
    }
}
