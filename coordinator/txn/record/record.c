/* txn/record.c: names of what a record says, and member lists as JSON text. */
#include <assert.h>
#include <string.h>

#include <base/json.h>
#include <txn/record.h>

static const char *const mode_names[TXN_MODE_COUNT] = {
    [TXN_MODE_2PC] = "2pc",
    [TXN_MODE_SAGA] = "saga",
    [TXN_MODE_2PC_THEN_SAGA] = "2pc_then_saga",
};
static const char *const protocol_names[TXN_PROTOCOL_COUNT] = {
    [TXN_PROTOCOL_2PC] = "2pc",
    [TXN_PROTOCOL_SAGA] = "saga",
};
static const char *const decision_names[TXN_DECISION_COUNT] = {
    [TXN_UNDECIDED] = "undecided",
    [TXN_COMMIT] = "commit",
    [TXN_ABORT] = "abort",
};
static const char *const outcome_names[TXN_OUTCOME_COUNT] = {
    [TXN_OUTCOME_NONE] = "none",       [TXN_OUTCOME_COMMITTED] = "committed",
    [TXN_OUTCOME_ABORTED] = "aborted", [TXN_OUTCOME_COMPENSATED] = "compensated",
    [TXN_OUTCOME_MIXED] = "mixed",
};
static const char *const record_kind_names[TXN_RECORD_KIND_COUNT] = {
    [TXN_RECORD_BEGIN] = "begin",     [TXN_RECORD_DELEGATE] = "delegate",
    [TXN_RECORD_STEP] = "step",       [TXN_RECORD_DECISION] = "decision",
    [TXN_RECORD_ATTEMPT] = "attempt", [TXN_RECORD_OUTCOME] = "outcome",
    [TXN_RECORD_END] = "end",
};
static const char *const step_state_names[RECORD_STEP_STATE_COUNT] = {
    [RECORD_STEP_TRYING] = "trying",
    [RECORD_STEP_WAITING] = "waiting",
    [RECORD_STEP_DONE] = "done",
    [RECORD_STEP_SKIPPED] = "skipped",
    [RECORD_STEP_PARKED] = "parked",
    [RECORD_STEP_REFUSED] = "refused",
    [RECORD_STEP_UNDO_TRYING] = "undo_trying",
    [RECORD_STEP_UNDO_WAITING] = "undo_waiting",
    [RECORD_STEP_UNDO_PARKED] = "undo_parked",
    [RECORD_STEP_UNDO_REFUSED] = "undo_refused",
    [RECORD_STEP_COMPENSATED] = "compensated",
    [RECORD_STEP_COMMITTED] = "committed",
    [RECORD_STEP_ABORTED] = "aborted",
    [RECORD_STEP_OVERRULED] = "overruled",
    [RECORD_STEP_FORGOTTEN] = "forgotten",
};

const char *txn_mode_name(enum txn_mode mode)
{
    assert(mode < TXN_MODE_COUNT);
    return mode_names[mode];
}

const char *txn_protocol_name(enum txn_protocol protocol)
{
    assert(protocol < TXN_PROTOCOL_COUNT);
    return protocol_names[protocol];
}

const char *txn_decision_name(enum txn_decision decision)
{
    assert(decision < TXN_DECISION_COUNT);
    return decision_names[decision];
}

const char *txn_outcome_name(enum txn_outcome outcome)
{
    assert(outcome < TXN_OUTCOME_COUNT);
    return outcome_names[outcome];
}

const char *txn_record_kind_name(enum txn_record_kind kind)
{
    assert(kind < TXN_RECORD_KIND_COUNT);
    return record_kind_names[kind];
}

const char *record_step_state_name(enum record_step_state state)
{
    assert(state < RECORD_STEP_STATE_COUNT);
    return step_state_names[state];
}

static int name_find(struct troth_span name, const char *const *names, size_t count,
                     size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == name.len && memcmp(names[i], name.data, name.len) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    return TROTH_ERROR_SYNTAX;
}

int txn_mode_parse(struct troth_span name, enum txn_mode *ret_mode)
{
    size_t i;
    int error = name_find(name, mode_names, TXN_MODE_COUNT, &i);
    if (error == 0)
        *ret_mode = (enum txn_mode)i;
    return error;
}

int txn_protocol_parse(struct troth_span name, enum txn_protocol *ret_protocol)
{
    size_t i;
    int error = name_find(name, protocol_names, TXN_PROTOCOL_COUNT, &i);
    if (error == 0)
        *ret_protocol = (enum txn_protocol)i;
    return error;
}

int txn_decision_parse(struct troth_span name, enum txn_decision *ret_decision)
{
    size_t i;
    int error = name_find(name, decision_names, TXN_DECISION_COUNT, &i);
    if (error == 0)
        *ret_decision = (enum txn_decision)i;
    return error;
}

int txn_outcome_parse(struct troth_span name, enum txn_outcome *ret_outcome)
{
    size_t i;
    int error = name_find(name, outcome_names, TXN_OUTCOME_COUNT, &i);
    if (error == 0)
        *ret_outcome = (enum txn_outcome)i;
    return error;
}

/* --- members ---------------------------------------------------------------------------------- */

void record_members_begin(struct buffer *list)
{
    buffer_append_char(list, '[');
}

void record_member_append(struct buffer *list, const struct record_member *member)
{
    if (list->len > 0 && list->data[list->len - 1] != '[')
        buffer_append_char(list, ',');
    buffer_append_text(list, "{\"branch\":");
    buffer_append_uint(list, member->branch);
    if (member->name.data != NULL && member->name.len > 0)
        json_append_name(list, ",\"name\":\"", member->name);
    json_append_name(list, ",\"participant\":\"", member->participant);
    json_append_name(list, ",\"operation\":\"", member->operation);
    buffer_append_text(list, member->inquires ? ",\"inquires\":true" : ",\"inquires\":false");
    if (member->named)
        buffer_append_text(list, ",\"named\":true");
    if (member->skipped)
        buffer_append_text(list, ",\"skipped\":true");
    if (member->vote != VOTE_NONE)
        json_append_word(list, ",\"vote\":\"", message_vote_name(member->vote));
    buffer_append_char(list, '}');
}

void record_members_end(struct buffer *list)
{
    buffer_append_char(list, ']');
}

/* What stands between the quotes. Names need no escapes, so one that has any is damage. */
static int member_name(struct troth_span object, const char *key, bool required,
                       struct troth_span *ret_name)
{
    struct troth_span value;
    if (!json_member(object, key, &value)) {
        *ret_name = (struct troth_span){NULL, 0};
        return required ? TROTH_ERROR_SYNTAX : 0;
    }
    if (json_type(value) != JSON_STRING || value.len < 2 || value.len - 2 > TROTH_NAME_LEN_MAX)
        return TROTH_ERROR_SYNTAX;
    struct troth_span name = {value.data + 1, value.len - 2};
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '\\')
            return TROTH_ERROR_SYNTAX;
    if (required && name.len == 0)
        return TROTH_ERROR_SYNTAX;
    *ret_name = name;
    return 0;
}

static int member_vote(struct troth_span object, enum message_vote *ret_vote)
{
    struct troth_span value;
    if (!json_member(object, "vote", &value)) {
        *ret_vote = VOTE_NONE;
        return 0;
    }
    if (json_type(value) != JSON_STRING)
        return TROTH_ERROR_SYNTAX;
    for (enum message_vote vote = VOTE_NONE; vote < VOTE_COUNT; vote++) {
        const char *name = message_vote_name(vote);
        if (json_string_equals(value, (struct troth_span){name, strlen(name)})) {
            *ret_vote = vote;
            return 0;
        }
    }
    return TROTH_ERROR_SYNTAX;
}

/* A number from 0 to `most`; one that is not there is 0. */
static bool member_number(struct troth_span object, const char *key, uint64_t most,
                          uint64_t *ret_number)
{
    struct troth_span value;
    int64_t number = 0;
    if (json_member(object, key, &value) &&
        (json_int64(value, &number) != 0 || number < 0 || (uint64_t)number > most))
        return false;
    *ret_number = (uint64_t)number;
    return true;
}

int record_member_next(struct json_cursor *cursor, struct record_member *ret_member)
{
    struct troth_span key, object, value;
    if (!json_next(cursor, &key, &object))
        return TROTH_ERROR_NOT_FOUND;
    if (json_type(object) != JSON_OBJECT)
        return TROTH_ERROR_SYNTAX;
    struct record_member member = {.inquires = true};
    uint64_t number;
    if (!member_number(object, "branch", TROTH_BRANCH_NUMBER_MAX, &number) || number < 1)
        return TROTH_ERROR_SYNTAX;
    member.branch = (uint32_t)number;
    if (member_name(object, "name", false, &member.name) != 0 ||
        member_name(object, "participant", true, &member.participant) != 0 ||
        member_name(object, "operation", true, &member.operation) != 0 ||
        member_vote(object, &member.vote) != 0)
        return TROTH_ERROR_SYNTAX;
    if (!json_member(object, "inquires", &value) || json_bool(value, &member.inquires) != 0)
        return TROTH_ERROR_SYNTAX;
    if (json_member(object, "named", &value) && json_bool(value, &member.named) != 0)
        return TROTH_ERROR_SYNTAX;
    if (json_member(object, "skipped", &value) && json_bool(value, &member.skipped) != 0)
        return TROTH_ERROR_SYNTAX;
    *ret_member = member;
    return 0;
}

/* --- steps ------------------------------------------------------------------------------------ */

void record_step_append(struct buffer *object, const struct record_step *step)
{
    buffer_append_text(object, "{\"branch\":");
    buffer_append_uint(object, step->branch);
    buffer_append_text(object, ",\"attempt\":");
    buffer_append_uint(object, step->attempt);
    buffer_append_text(object, ",\"step\":");
    json_append_text(object, record_step_state_name(step->state));
    if (step->tries != 0) {
        buffer_append_text(object, ",\"tries\":");
        buffer_append_uint(object, step->tries);
    }
    if (step->raised != 0) {
        buffer_append_text(object, ",\"raised\":");
        buffer_append_uint(object, step->raised);
    }
    if (step->retry_at.us != 0) {
        buffer_append_text(object, ",\"retry_at\":");
        buffer_append_uint(object, step->retry_at.us);
    }
    if (step->output.data != NULL) {
        buffer_append_text(object, ",\"output\":");
        buffer_append_span(object, step->output); /* byte for byte */
    }
    if (step->resolved.data != NULL) {
        buffer_append_text(object, ",\"resolved\":");
        buffer_append_span(object, step->resolved);
    }
    buffer_append_char(object, '}');
}

static int step_state_parse(struct troth_span object, enum record_step_state *ret_state)
{
    struct troth_span value;
    if (!json_member(object, "step", &value) || json_type(value) != JSON_STRING)
        return TROTH_ERROR_SYNTAX;
    for (enum record_step_state i = RECORD_STEP_TRYING; i < RECORD_STEP_STATE_COUNT; i++) {
        const char *name = record_step_state_name(i);
        if (json_string_equals(value, (struct troth_span){name, strlen(name)})) {
            *ret_state = i;
            return 0;
        }
    }
    return TROTH_ERROR_SYNTAX;
}

int record_step_next(struct json_cursor *cursor, struct record_step *ret_step)
{
    struct troth_span key, object;
    struct record_step step = {.output = {NULL, 0}};
    uint64_t branch, attempt, tries, raised;
    if (!json_next(cursor, &key, &object))
        return TROTH_ERROR_NOT_FOUND;
    if (json_type(object) != JSON_OBJECT ||
        !member_number(object, "branch", TROTH_BRANCH_NUMBER_MAX, &branch) || branch < 1 ||
        !member_number(object, "attempt", TROTH_ATTEMPT_MAX, &attempt) || attempt < 1 ||
        !member_number(object, "tries", UINT32_MAX, &tries) ||
        !member_number(object, "raised", TROTH_ATTEMPT_MAX, &raised) ||
        !member_number(object, "retry_at", INT64_MAX, &step.retry_at.us) ||
        step_state_parse(object, &step.state) != 0)
        return TROTH_ERROR_SYNTAX;
    step.branch = (uint32_t)branch;
    step.attempt = (uint32_t)attempt;
    step.tries = (uint32_t)tries;
    step.raised = (uint32_t)raised;
    json_member(object, "output", &step.output);
    if (json_member(object, "resolved", &step.resolved) && json_type(step.resolved) != JSON_OBJECT)
        return TROTH_ERROR_SYNTAX;
    *ret_step = step;
    return 0;
}
