/* text.c: steps, failure and timeline as JSON for people: the same text in memory, in the END
 * record and in the API. */
#include <protocol/duration.h>
#include <protocol/json.h>

#include "core.h"

static const char *const cause_names[TXN_CAUSE_COUNT] = {
    [TXN_CAUSE_NONE] = "none",           [TXN_CAUSE_REFUSED] = "refused",
    [TXN_CAUSE_TIMEOUT] = "timeout",     [TXN_CAUSE_UNREACHABLE] = "unreachable",
    [TXN_CAUSE_CANCELLED] = "cancelled", [TXN_CAUSE_NOT_ENLISTED] = "not_enlisted",
    [TXN_CAUSE_RESTARTED] = "restarted", [TXN_CAUSE_INPUT] = "input",
    [TXN_CAUSE_HEURISTIC] = "heuristic",
};

static const char *const reply_names[TXN_REPLY_COUNT] = {
    [TXN_REPLY_ENLISTED] = "enlisted",   [TXN_REPLY_REFUSED] = "refused",
    [TXN_REPLY_ACCEPTED] = "accepted",   [TXN_REPLY_DECIDED] = "decided",
    [TXN_REPLY_COMPLETED] = "completed",
};

const char *txn_cause_name(enum txn_cause cause)
{
    assert(cause < TXN_CAUSE_COUNT);
    return cause_names[cause];
}

/* `value`: a JSON string. */
bool txn_cause_parse(struct troth_span value, enum txn_cause *ret_cause)
{
    for (enum txn_cause cause = TXN_CAUSE_NONE; cause < TXN_CAUSE_COUNT; cause++) {
        const char *name = cause_names[cause];
        if (json_string_equals(value, (struct troth_span){name, strlen(name)})) {
            *ret_cause = cause;
            return true;
        }
    }
    return false;
}

const char *txn_reply_level_name(enum txn_reply_level level)
{
    assert(level < TXN_REPLY_COUNT);
    return reply_names[level];
}

/* ,"key":"word" for words of ours, which need no escaping. */
static void append_word(struct buffer *text, const char *key, const char *word)
{
    buffer_append_text(text, ",\"");
    buffer_append_text(text, key);
    buffer_append_text(text, "\":\"");
    buffer_append_text(text, word);
    buffer_append_char(text, '"');
}

static void append_number(struct buffer *text, const char *key, uint64_t number)
{
    buffer_append_text(text, ",\"");
    buffer_append_text(text, key);
    buffer_append_text(text, "\":");
    buffer_append_uint(text, number);
}

static void append_reason(struct buffer *text, struct troth_span reason)
{
    if (reason.data == NULL)
        return;
    if (reason.len > MESSAGE_REASON_MAX)
        reason.len = MESSAGE_REASON_MAX;
    buffer_append_text(text, ",\"reason\":");
    json_append_string(text, reason);
}

static void step_append(struct buffer *list, const struct txn_branch *branch)
{
    buffer_append_text(list, "{\"branch\":");
    buffer_append_uint(list, branch->number);
    if (branch->name[0] != '\0')
        append_word(list, "name", branch->name);
    append_word(list, "participant", branch->participant);
    append_word(list, "operation", branch->operation);
    append_word(list, "state", txn_branch_state_name(branch->state));
    if (branch->vote != VOTE_NONE)
        append_word(list, "vote", message_vote_name(branch->vote));
    if (branch->tries > 0)
        append_number(list, "tries", branch->tries);
    if (branch->output.data != NULL) {
        buffer_append_text(list, ",\"output\":");
        buffer_append_span(list, branch->output); /* byte for byte */
    }
    append_reason(list, branch->reason);
    buffer_append_char(list, '}');
}

void txn_steps_append(const struct txn *txn, struct buffer *list)
{
    buffer_append_char(list, '[');
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        if (i > 0)
            buffer_append_char(list, ',');
        step_append(list, &txn->branches[i]);
    }
    buffer_append_char(list, ']');
}

static const struct txn_branch *branch_const(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        if (txn->branches[i].number == number)
            return &txn->branches[i];
    }
    return NULL;
}

void txn_failure_append(const struct txn *txn, struct buffer *object)
{
    if (txn->cause == TXN_CAUSE_NONE) {
        buffer_append_text(object, "null");
        return;
    }
    buffer_append_text(object, "{\"cause\":\"");
    buffer_append_text(object, txn_cause_name(txn->cause));
    buffer_append_char(object, '"');
    if (txn->cause_branch != 0)
        append_number(object, "branch", txn->cause_branch);
    const struct txn_branch *branch = branch_const(txn, txn->cause_branch);
    if (branch != NULL) {
        if (branch->name[0] != '\0')
            append_word(object, "step", branch->name);
        append_word(object, "participant", branch->participant);
        append_reason(object, branch->reason);
    }
    buffer_append_char(object, '}');
}

static void entry_detail(struct buffer *list, const struct txn_history_entry *entry)
{
    switch ((enum txn_moment)entry->moment) {
    case TXN_MOMENT_SENT:
        append_word(list, "op", message_op_name((enum message_op)entry->op));
        break;
    case TXN_MOMENT_ANSWERED:
        append_word(list, "op", message_op_name((enum message_op)entry->op));
        append_word(list, "result", message_result_name((enum message_result)entry->detail));
        break;
    case TXN_MOMENT_WRITING:
    case TXN_MOMENT_DURABLE:
        append_word(list, "record", txn_record_kind_name((enum txn_record_kind)entry->detail));
        break;
    case TXN_MOMENT_REPLIED:
        append_word(list, "reply", txn_reply_level_name((enum txn_reply_level)entry->detail));
        break;
    case TXN_MOMENT_BEGAN:
    case TXN_MOMENT_ENLISTED:
    case TXN_MOMENT_CLOSED:
    case TXN_MOMENT_PUBLISHED:
    case TXN_MOMENT_TIMEOUT:
    case TXN_MOMENT_CANCELLED:
    case TXN_MOMENT_RECOVERED:
    case TXN_MOMENT_PARKED:
    case TXN_MOMENT_ENDED:
    case TXN_MOMENT_COUNT:
        break;
    }
    if (entry->vote != VOTE_NONE)
        append_word(list, "vote", message_vote_name((enum message_vote)entry->vote));
}

static void entry_append(struct buffer *list, const struct txn_history_entry *entry)
{
    char at[DURATION_TEXT_MAX];
    duration_format(entry->at_us, at);
    buffer_append_text(list, "{\"at\":\"+");
    buffer_append_text(list, at);
    buffer_append_char(list, '"');
    if (entry->branch != 0)
        append_number(list, "branch", entry->branch);
    if (entry->branch != 0 || entry->attempt > 1)
        append_number(list, "attempt", entry->attempt);
    append_word(list, "moment", txn_moment_name((enum txn_moment)entry->moment));
    entry_detail(list, entry);
    buffer_append_char(list, '}');
}

void txn_history_append(const struct txn *txn, struct buffer *list)
{
    buffer_append_char(list, '[');
    for (uint32_t i = 0; i < txn->history_count; i++) {
        if (i > 0)
            buffer_append_char(list, ',');
        if (i == TXN_HISTORY_MAX / 2 && txn->history_dropped > 0) {
            buffer_append_text(list, "{\"moment\":\"left_out\",\"count\":");
            buffer_append_uint(list, txn->history_dropped);
            buffer_append_text(list, "},");
        }
        entry_append(list, txn_history_at(txn, i));
    }
    buffer_append_char(list, ']');
}
