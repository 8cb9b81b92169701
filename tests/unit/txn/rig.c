#include <stdlib.h>

#include <base/json.h>

#include "rig.h"

static const char *const names[] = {"bank_0", "bank_1", "bank_2", "bank_3", "bank_4"};

static struct rig *rig_make(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    ck_assert_ptr_nonnull(rig);
    ck_assert(buffer_reserve(&rig->texts, TXN_TEXTS_BYTES_MAX));
    rig->effects.texts = &rig->texts;
    rig->policy = (struct txn_policy)TXN_POLICY_DEFAULT;
    rig->now.mono.us = 5000000;
    rig->now.wall.us = UINT64_C(1700000000000000);
    rig->origin.timeout_us = 10000000;
    rig->origin.prepare_timeout_us = 2000000;
    rig->origin.began_at = rig->now.wall;
    return rig;
}

struct rig *rig_new(uint32_t branches)
{
    struct rig *rig = rig_make();
    for (uint32_t i = 0; i < branches; i++)
        rig->branches[i] = (struct txn_branch){.number = i + 1,
                                               .name = "debit",
                                               .participant = names[(i + 1) % 5],
                                               .operation = "debit",
                                               .inquires = true};
    txn_init(&rig->txn, &rig->origin, &rig->policy, 1, 42, rig->branches, branches,
             TROTH_BRANCHES_MAX);
    txn_history_move(&rig->txn, rig->history, TXN_HISTORY_MAX);
    return rig;
}

struct rig *rig_new_interactive(void)
{
    struct rig *rig = rig_make();
    rig->origin.interactive = true;
    txn_init(&rig->txn, &rig->origin, &rig->policy, 1, 42, rig->branches, 0, TROTH_BRANCHES_MAX);
    txn_history_move(&rig->txn, rig->history, TXN_HISTORY_MAX);
    return rig;
}

static const struct txn_retry retry = {
    .interval_us = 100000, .max_interval_us = 1000000, .max_attempts = 2, .fixed = true};

void rig_define(struct rig *rig, const char *kinds)
{
    for (uint32_t i = 0; kinds[i] != '\0'; i++) {
        struct txn_branch *branch = &rig->branches[i];
        branch->kind = kinds[i] == 'p'   ? TXN_STEP_PIVOT
                       : kinds[i] == 'r' ? TXN_STEP_RETRIABLE
                                         : TXN_STEP_COMPENSATABLE;
        branch->has_compensation = kinds[i] == 'c';
        branch->after = i == 0 ? 0 : UINT64_C(1) << (i - 1);
        branch->retry = retry;
        branch->compensate_retry = retry;
    }
}

struct rig *rig_new_saga(enum txn_mode mode, const char *kinds)
{
    struct rig *rig = rig_new((uint32_t)strlen(kinds));
    rig->origin.mode = mode;
    rig_define(rig, kinds);
    txn_init(&rig->txn, &rig->origin, &rig->policy, 1, 42, rig->branches, (uint32_t)strlen(kinds),
             TROTH_BRANCHES_MAX);
    txn_history_move(&rig->txn, rig->history, TXN_HISTORY_MAX);
    return rig;
}

const char *rig_begin(struct rig *rig)
{
    rig_event(rig, TXN_EVENT_SUBMITTED);
    if (rig->txn.state == TXN_BEGINNING)
        return rig_durable(rig, TXN_RECORD_BEGIN);
    return rig_event(rig, TXN_EVENT_RESERVED);
}

void rig_free(struct rig *rig)
{
    buffer_finish(&rig->texts);
    buffer_finish(&rig->memory);
    buffer_finish(&rig->trace);
    buffer_finish(&rig->members);
    free(rig);
}

/* "step 1 done": a STEP record holds one step. */
static void trace_step(struct buffer *trace, struct troth_span object)
{
    BUFFER_SCOPED struct buffer list = {0};
    struct record_step step;
    buffer_append_char(&list, '[');
    buffer_append_span(&list, object);
    buffer_append_char(&list, ']');
    struct json_cursor cursor = json_cursor(buffer_span(&list));
    ck_assert_int_eq(record_step_next(&cursor, &step), 0);
    buffer_append_format(trace, " %u %s", step.branch, record_step_state_name(step.state));
}

static void trace_persist(struct buffer *trace, const struct txn_record *record)
{
    buffer_append_format(trace, " %s", txn_record_kind_name(record->kind));
    if (record->decision != TXN_UNDECIDED)
        buffer_append_format(trace, " %s", txn_decision_name(record->decision));
    if (record->publishes || record->kind == TXN_RECORD_END)
        buffer_append_format(trace, " %s", txn_outcome_name(record->outcome));
    if (record->kind == TXN_RECORD_STEP)
        trace_step(trace, record->step);
    if (record->attempt > 1)
        buffer_append_format(trace, " #%u", record->attempt);
    if (record->forced)
        buffer_append_text(trace, "!");
}

static void trace_effect(struct rig *rig, const struct txn_effect *effect)
{
    struct buffer *trace = &rig->trace;
    if (trace->len > 0)
        buffer_append_text(trace, "; ");
    buffer_append_text(trace, txn_effect_kind_name(effect->kind));
    switch (effect->kind) {
    case TXN_EFFECT_PERSIST:
        trace_persist(trace, &effect->record);
        break;
    case TXN_EFFECT_RESERVE:
        buffer_append_format(trace, " %llx", (unsigned long long)effect->mask);
        break;
    case TXN_EFFECT_RELEASE:
        buffer_append_format(trace, " %u", effect->branch->number);
        break;
    case TXN_EFFECT_SEND:
        buffer_append_format(trace, " %u %s", effect->branch->number, message_op_name(effect->op));
        if (effect->attempt != rig->txn.attempt)
            buffer_append_format(trace, " #%u", effect->attempt);
        break;
    case TXN_EFFECT_REPLY:
        buffer_append_format(trace, " %s", txn_reply_level_name(effect->reply));
        if (effect->number != 0)
            buffer_append_format(trace, " %u", effect->number);
        if (effect->error != 0)
            buffer_append_format(trace, " %s", troth_error_name(effect->error));
        break;
    case TXN_EFFECT_PUBLISH:
        buffer_append_format(trace, " %s", txn_record_kind_name(effect->record.kind));
        break;
    case TXN_EFFECT_UNRESERVE:
    case TXN_EFFECT_ENDED:
    case TXN_EFFECT_COUNT:
        break;
    }
}

const char *rig_step(struct rig *rig, const struct txn_event *event)
{
    txn_step(&rig->txn, event, rig->now, &rig->effects);
    buffer_clear(&rig->trace);
    for (uint32_t i = 0; i < rig->effects.count; i++)
        trace_effect(rig, &rig->effects.list[i]);
    return buffer_text(&rig->trace);
}

const char *rig_event(struct rig *rig, enum txn_event_kind kind)
{
    return rig_step(rig, &(struct txn_event){.kind = kind});
}

const char *rig_verdict(struct rig *rig, enum txn_record_kind kind, enum txn_verdict verdict,
                        enum txn_decision standing)
{
    struct txn_event event = {.kind = TXN_EVENT_DURABLE};
    event.of.durable.record = kind;
    event.of.durable.attempt = rig->txn.attempt - (kind == TXN_RECORD_ATTEMPT ? 1 : 0);
    event.of.durable.verdict = verdict;
    event.of.durable.standing = standing;
    return rig_step(rig, &event);
}

const char *rig_durable(struct rig *rig, enum txn_record_kind kind)
{
    return rig_verdict(rig, kind, TXN_WRITTEN, TXN_UNDECIDED);
}

const char *rig_full_result(struct rig *rig, const struct result *result, bool unsent)
{
    struct txn_event event = {.kind = TXN_EVENT_RESULT, .unsent = unsent};
    event.of.result = result;
    return rig_step(rig, &event);
}

const char *rig_vote(struct rig *rig, uint32_t branch, enum message_vote vote)
{
    return rig_full_result(rig,
                           &(struct result){.op = OP_PREPARE,
                                            .branch = branch,
                                            .attempt = rig->txn.attempt,
                                            .result = RESULT_VOTE,
                                            .vote = vote},
                           false);
}

const char *rig_result(struct rig *rig, uint32_t branch, enum message_op op,
                       enum message_result result)
{
    return rig_full_result(rig,
                           &(struct result){.op = op,
                                            .branch = branch,
                                            .attempt = rig->txn.attempt,
                                            .result = result,
                                            .reason = SPAN("said so")},
                           false);
}

const char *rig_done(struct rig *rig, uint32_t branch, enum message_op op, enum message_state state)
{
    return rig_full_result(rig,
                           &(struct result){.op = op,
                                            .branch = branch,
                                            .attempt = rig->txn.attempt,
                                            .result = RESULT_DONE,
                                            .state = state,
                                            .output = SPAN("{\"balance\":0.10}")},
                           false);
}

const char *rig_number(struct rig *rig, enum txn_event_kind kind, uint32_t number)
{
    struct txn_event event = {.kind = kind};
    event.of.number = number;
    return rig_step(rig, &event);
}

const char *rig_executed(struct rig *rig, uint32_t branch, const char *output)
{
    return rig_full_result(
        rig,
        &(struct result){.op = OP_EXECUTE,
                         .branch = branch,
                         .attempt = rig->txn.attempt,
                         .result = RESULT_DONE,
                         .state = BRANCH_IS_COMMITTED,
                         .output = {output, output == NULL ? 0 : strlen(output)}},
        false);
}

const char *rig_earlier(struct rig *rig, uint32_t branch, enum message_result result)
{
    return rig_full_result(rig,
                           &(struct result){.op = OP_ABORT,
                                            .branch = branch,
                                            .attempt = rig->txn.attempt - 1,
                                            .result = result,
                                            .state = BRANCH_IS_ABORTED},
                           false);
}

const char *rig_enlist(struct rig *rig, uint32_t branch, bool inquires, enum message_vote vote)
{
    struct txn_branch wanted = {.number = branch,
                                .name = "",
                                .participant = names[branch % 5],
                                .operation = "debit",
                                .inquires = inquires,
                                .vote = vote};
    struct txn_event event = {.kind = TXN_EVENT_ENLISTED};
    event.of.branch = &wanted;
    return rig_step(rig, &event);
}

const char *rig_close(struct rig *rig, const uint32_t *numbers, uint32_t count)
{
    struct txn_event event = {.kind = TXN_EVENT_CLOSED};
    event.of.named.numbers = numbers;
    event.of.named.count = count;
    return rig_step(rig, &event);
}

const char *rig_after(struct rig *rig, uint64_t us)
{
    rig->now.mono.us += us;
    rig->now.wall.us += us;
    return rig_event(rig, TXN_EVENT_TIMER);
}

const char *rig_wake(struct rig *rig)
{
    struct mono at = txn_wake_at(&rig->txn);
    ck_assert_uint_ne(at.us, 0);
    return rig_after(rig, at.us > rig->now.mono.us ? at.us - rig->now.mono.us : 0);
}

const struct txn_effect *rig_sent(const struct rig *rig, uint32_t branch)
{
    for (uint32_t i = 0; i < rig->effects.count; i++) {
        const struct txn_effect *effect = &rig->effects.list[i];
        if (effect->kind == TXN_EFFECT_SEND && effect->branch->number == branch)
            return effect;
    }
    ck_abort_msg("nothing was sent to branch %u", branch);
}

const struct txn_record *rig_record(struct rig *rig, enum txn_record_kind kind)
{
    for (uint32_t i = 0; i < rig->effects.count; i++)
        if (rig->effects.list[i].kind == TXN_EFFECT_PERSIST &&
            rig->effects.list[i].record.kind == kind)
            return &rig->effects.list[i].record;
    ck_abort_msg("no record %s", txn_record_kind_name(kind));
    return NULL;
}

struct rig *rig_recover(const struct txn_image *image, const char **ret_trace)
{
    struct rig *rig = rig_make();
    ck_assert_int_eq(txn_recover(&rig->txn, image, &rig->policy, 2, 43, rig->branches,
                                 TROTH_BRANCHES_MAX, &rig->memory, rig->now),
                     0);
    txn_history_move(&rig->txn, rig->history, TXN_HISTORY_MAX);
    *ret_trace = rig_event(rig, TXN_EVENT_RECOVERED);
    return rig;
}

struct rig *rig_recover_saga(const struct txn_image *image, const char *kinds,
                             const char **ret_trace)
{
    struct rig *rig = rig_make();
    ck_assert_int_eq(txn_recover(&rig->txn, image, &rig->policy, 2, 43, rig->branches,
                                 TROTH_BRANCHES_MAX, &rig->memory, rig->now),
                     0);
    txn_history_move(&rig->txn, rig->history, TXN_HISTORY_MAX);
    rig_define(rig, kinds);
    *ret_trace = rig_event(rig, TXN_EVENT_RECOVERED);
    return rig;
}

const char *rig_members(uint32_t count, uint32_t voted)
{
    static struct buffer list;
    buffer_clear(&list);
    record_members_begin(&list);
    for (uint32_t i = 0; i < count; i++)
        record_member_append(&list,
                             &(struct record_member){.branch = i + 1,
                                                     .name = SPAN("step"),
                                                     .participant = SPAN("bank"),
                                                     .operation = SPAN("debit"),
                                                     .inquires = true,
                                                     .vote = i < voted ? VOTE_YES : VOTE_NONE});
    record_members_end(&list);
    return buffer_text(&list);
}

struct rig *rig_doubtful(void)
{
    static const char members[] =
        "[{\"branch\":1,\"name\":\"s\",\"participant\":\"bank_1\",\"operation\":\"debit\","
        "\"inquires\":true},{\"branch\":2,\"name\":\"s\",\"participant\":\"bank_2\","
        "\"operation\":\"debit\",\"inquires\":true}]";
    static const struct txn_image image = {
        .attempt = 1, .doubtful = true, .members = {members, sizeof members - 1}};
    const char *trace;
    struct rig *rig = rig_recover(&image, &trace);
    ck_assert_str_eq(trace, "send 1 status; send 2 status");
    return rig;
}
