/* What the journal holds of a transaction, read back. "HOW\0MEMBERS\0STEPS\0FAILURE\0FALLBACK\0"
 * and what happens then. HOW is a digit each for mode, attempt, protocol, decision, outcome,
 * delegated branch, accepted, interactive, pivot (0: none) and order of the steps.
 *
 * Members and steps that are taken are written back as they were read. A new leader refuses the
 * image, the same twice, or goes on from it: whatever participants and journal answer then, the
 * core's invariants hold (it asserts them after every step). */
#include <base/json.h>
#include <txn/txn.h>

#include "fuzz.h"

struct host {
    struct txn txn;
    struct txn_branch branches[TROTH_BRANCHES_MAX];
    struct buffer memory;
};

static struct txn_effects effects;
static struct buffer texts;
static const struct txn_policy policy = TXN_POLICY_DEFAULT;
static struct txn_now now;

/* --- the lists by themselves ------------------------------------------------------------------ */

static bool list_of(struct troth_span text, struct json_cursor *ret_cursor)
{
    struct troth_span list;
    if (json_check(text, JSON_CHECK_KEPT, &list, NULL) != 0 || json_type(list) != JSON_ARRAY)
        return false;
    *ret_cursor = json_cursor(list);
    return true;
}

/* One written alone, as a list. */
static struct json_cursor alone(struct buffer *list)
{
    struct json_cursor cursor = json_cursor((struct troth_span){NULL, 0});
    bool is_list;
    buffer_append_char(list, ']');
    is_list = list_of(buffer_span(list), &cursor);
    assert(is_list);
    return cursor;
}

static void see_members(struct troth_span text)
{
    struct json_cursor cursor;
    struct record_member member, again;
    if (!list_of(text, &cursor))
        return;
    while (record_member_next(&cursor, &member) == 0) {
        struct buffer list = {0};
        record_members_begin(&list);
        record_member_append(&list, &member);
        struct json_cursor one = alone(&list);
        int error = record_member_next(&one, &again);
        assert(error == 0 && member.branch == again.branch && member.vote == again.vote);
        assert(member.inquires == again.inquires && member.name.len == again.name.len);
        assert(fuzz_same(member.participant, again.participant));
        assert(fuzz_same(member.operation, again.operation));
        buffer_finish(&list);
    }
}

static void see_steps(struct troth_span text)
{
    struct json_cursor cursor;
    struct record_step step, again;
    if (!list_of(text, &cursor))
        return;
    while (record_step_next(&cursor, &step) == 0) {
        struct buffer list = {0};
        buffer_append_char(&list, '[');
        record_step_append(&list, &step);
        struct json_cursor one = alone(&list);
        int error = record_step_next(&one, &again);
        assert(error == 0 && step.branch == again.branch && step.attempt == again.attempt);
        assert(step.state == again.state && step.tries == again.tries);
        assert(step.retry_at.us == again.retry_at.us && fuzz_same(step.output, again.output));
        buffer_finish(&list);
    }
}

/* --- the image -------------------------------------------------------------------------------- */

static uint32_t digit(struct troth_span *how, uint32_t below)
{
    return (uint8_t)(fuzz_byte(how) - '0') % below;
}

static struct troth_span present(struct troth_span part)
{
    return part.len > 0 ? part : (struct troth_span){NULL, 0};
}

static void image_read(struct troth_span *how, struct troth_span *rest, struct txn_image *ret_image)
{
    struct txn_image image = {.attempt = 1};
    image.origin.mode = (enum txn_mode)digit(how, TXN_MODE_COUNT);
    image.attempt = digit(how, 10);
    image.protocol = (enum txn_protocol)digit(how, TXN_PROTOCOL_COUNT);
    image.decision = (enum txn_decision)digit(how, TXN_DECISION_COUNT);
    image.outcome = (enum txn_outcome)digit(how, TXN_OUTCOME_COUNT);
    image.delegated_branch = digit(how, 10);
    image.origin.accepted = digit(how, 2) != 0;
    image.origin.interactive = digit(how, 2) != 0;
    image.origin.timeout_us = 10000000;
    image.origin.prepare_timeout_us = 2000000;
    image.origin.began_at.us = now.wall.us - 1000000;
    image.members = fuzz_part(rest);
    image.steps = present(fuzz_part(rest));
    image.failure = present(fuzz_part(rest));
    image.fallback = present(fuzz_part(rest));
    *ret_image = image;
}

/* What a host fills from the definition: steps that can be undone, the pivot, steps behind it. */
static void define(struct txn *txn, uint32_t pivot, uint32_t order)
{
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        struct txn_branch *branch = &txn->branches[i];
        branch->kind = pivot == 0 || i + 1 < pivot ? TXN_STEP_COMPENSATABLE
                       : i + 1 == pivot            ? TXN_STEP_PIVOT
                                                   : TXN_STEP_RETRIABLE;
        branch->has_compensation = branch->kind == TXN_STEP_COMPENSATABLE && (order & 1) == 0;
        branch->after = i > 0 && (order & 2) == 0 ? UINT64_C(1) << (i - 1) : 0;
        branch->compensate_needs = i > 0 && (order & 4) != 0 ? 1 : 0;
        branch->retry.max_attempts = branch->compensate_retry.max_attempts = order;
    }
}

/* --- what happens then ------------------------------------------------------------------------ */

static const char *const outputs[] = {NULL, "{\"id\":7}", "\"\"", "[]"};

static void answer(struct txn *txn, uint8_t what, uint8_t how)
{
    const char *output = outputs[how >> 6];
    const struct result result = {
        .op = (enum message_op)(what % OP_COUNT),
        .gtid = txn->origin->gtid,
        .branch = txn->branches_count == 0 ? 1u : txn->branches[how % txn->branches_count].number,
        .attempt = txn->attempt - (what >> 7 & (txn->attempt > 1)),
        .result = (enum message_result)(how % RESULT_COUNT),
        .vote = (enum message_vote)(what % VOTE_COUNT),
        .state = (enum message_state)((what >> 3) % BRANCH_IS_COUNT),
        .output = {output, output == NULL ? 0 : strlen(output)},
    };
    struct txn_event event = {.kind = TXN_EVENT_RESULT, .unsent = (how & 32) != 0};
    event.of.result = &result;
    txn_step(txn, &event, now, &effects);
}

static void durable(struct txn *txn, uint8_t how)
{
    struct txn_event event = {.kind = TXN_EVENT_DURABLE};
    event.of.durable.record = (enum txn_record_kind)(how % TXN_RECORD_KIND_COUNT);
    event.of.durable.attempt =
        txn->attempt - (event.of.durable.record == TXN_RECORD_ATTEMPT && txn->attempt > 1);
    event.of.durable.verdict = TXN_WRITTEN;
    txn_step(txn, &event, now, &effects);
}

/* One thing that may happen to a transaction at any time, of two bytes. */
static void happen(struct txn *txn, uint8_t what, uint8_t how)
{
    static const enum txn_event_kind plain[] = {TXN_EVENT_CANCELLED, TXN_EVENT_RESERVED,
                                                TXN_EVENT_RESUMED, TXN_EVENT_PUBLISHED,
                                                TXN_EVENT_TIMER};
    struct txn_event event = {.kind = plain[what % 5]};
    switch (what % 4) {
    case 0:
        durable(txn, how);
        return;
    case 1:
        now.mono.us += (uint64_t)how << 14;
        now.wall.us += (uint64_t)how << 14;
        if ((how & 1) != 0)
            event.kind = TXN_EVENT_TIMER;
        txn_step(txn, &event, now, &effects);
        return;
    default:
        answer(txn, what, how);
    }
}

static int recover(const struct txn_image *image, struct host *host)
{
    host->memory = (struct buffer){0};
    int error = txn_recover(&host->txn, image, &policy, 2, 43, host->branches, TROTH_BRANCHES_MAX,
                            &host->memory, now);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct host host;
    struct troth_span rest = fuzz_span(data, size), how = fuzz_part(&rest);
    struct txn_image image;
    bool enough = buffer_reserve(&texts, TXN_TEXTS_BYTES_MAX);
    assert(enough);
    effects.texts = &texts;
    now = (struct txn_now){{5000000}, {UINT64_C(1700000000000000)}};
    image_read(&how, &rest, &image);
    see_members(image.members);
    see_steps(image.steps);
    int error = recover(&image, &host);
    buffer_finish(&host.memory);
    assert(error == recover(&image, &host));
    if (error == 0) {
        uint32_t pivot = digit(&how, 10);
        if (!image.origin.interactive)
            define(&host.txn, pivot, digit(&how, 10));
        txn_step(&host.txn, &(struct txn_event){.kind = TXN_EVENT_RECOVERED}, now, &effects);
        while (rest.len >= 2) {
            uint8_t what = fuzz_byte(&rest);
            happen(&host.txn, what, fuzz_byte(&rest));
        }
    }
    buffer_finish(&host.memory);
    return 0;
}
