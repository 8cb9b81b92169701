/* text.c: steps and failure as JSON for people: the same text in memory, in the END record and in
 * the API. */
#include <base/json.h>

#include "branch_states.h"
#include "pen.h"
#include "shape.h"
#include "text.h"

#include <txn/resolve.h>

static const char *const cause_names[TXN_CAUSE_COUNT] = {
    [TXN_CAUSE_NONE] = "none",           [TXN_CAUSE_REFUSED] = "refused",
    [TXN_CAUSE_TIMEOUT] = "timeout",     [TXN_CAUSE_UNREACHABLE] = "unreachable",
    [TXN_CAUSE_CANCELLED] = "cancelled", [TXN_CAUSE_NOT_ENLISTED] = "not_enlisted",
    [TXN_CAUSE_RESTARTED] = "restarted", [TXN_CAUSE_INPUT] = "input",
    [TXN_CAUSE_HEURISTIC] = "heuristic", [TXN_CAUSE_CONFLICT] = "conflict",
};

static const char *const reply_names[TXN_REPLY_COUNT] = {
    [TXN_REPLY_ENLISTED] = "enlisted",   [TXN_REPLY_REFUSED] = "refused",
    [TXN_REPLY_ACCEPTED] = "accepted",   [TXN_REPLY_DECIDED] = "decided",
    [TXN_REPLY_COMPLETED] = "completed", [TXN_REPLY_RESOLVED] = "resolved",
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

static void append_reason(struct buffer *text, struct troth_span reason)
{
    if (reason.data == NULL)
        return;
    if (reason.len > MESSAGE_REASON_MAX)
        reason.len = MESSAGE_REASON_MAX;
    buffer_append_text(text, ",\"reason\":");
    json_append_string(text, reason);
}

/* --- an operator's word ------------------------------------------------------------------------
 */

static const char *const word_names[TXN_WORD_COUNT] = {
    [TXN_WORD_NONE] = "none",
    [TXN_WORD_COMMITTED] = "committed",
    [TXN_WORD_ABORTED] = "aborted",
    [TXN_WORD_COMPENSATED] = "compensated",
};

const char *txn_word_name(enum txn_word word)
{
    assert(word < TXN_WORD_COUNT);
    return word_names[word];
}

void txn_word_append(struct buffer *object, enum txn_word word, struct troth_span by,
                     struct troth_span reason, bool forced, struct wall at)
{
    char text[WALL_TEXT_LEN + 1];
    buffer_append_char(object, '{');
    if (word != TXN_WORD_NONE) {
        buffer_append_text(object, "\"as\":");
        json_append_text(object, txn_word_name(word));
        buffer_append_char(object, ',');
    }
    buffer_append_text(object, "\"by\":");
    json_append_string(object, by);
    buffer_append_text(object, ",\"reason\":");
    json_append_string(object, reason);
    wall_format(at, text);
    buffer_append_text(object, ",\"at\":");
    json_append_text(object, text);
    buffer_append_text(object, forced ? ",\"forced\":true}" : "}");
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* Of one step without its names, its output and its reason. */
#define STEP_BYTES_MAX 256u

/* Of a step's branch: the abort of an earlier attempt is not acknowledged; or, behind an operator's
 * word, the decision itself. */
static void owed_append(struct buffer *list, const struct txn *txn, const struct txn_branch *branch)
{
    uint64_t bit = txn_bit(txn, branch);
    bool commits = (txn->owed_commits & bit) != 0, parked = (txn->owed_parked & bit) != 0;
    bool earlier = branch->abort_attempt < txn->attempt;
    if ((txn->owed & bit) == 0)
        return;
    buffer_append_text(list, earlier ? ",\"earlier_abort\":{" : ",\"unconfirmed\":{");
    buffer_append_text(list, "\"attempt\":");
    buffer_append_uint(list, branch->abort_attempt);
    buffer_append_text(list, ",\"state\":");
    json_append_text(list, parked ? "parked" : commits ? "committing" : "aborting");
    buffer_append_text(list, ",\"tries\":");
    buffer_append_uint(list, branch->abort_tries);
    append_reason(list, branch->abort_reason);
    buffer_append_char(list, '}');
}

/* What an operator said of it, once that is durable. */
static void words_append(struct buffer *list, const struct txn *txn,
                         const struct txn_branch *branch)
{
    uint64_t bit = txn_bit(txn, branch);
    if ((txn->worded & bit) != 0) {
        buffer_append_text(list, ",\"resolved\":");
        buffer_append_span(list, branch->resolved);
    }
    if ((txn->forgotten & bit) != 0) {
        buffer_append_text(list, ",\"forgotten\":");
        buffer_append_span(list, branch->forgotten);
    }
}

/* Without the output and the words, and without the closing brace. */
static void step_begin(struct buffer *list, const struct txn_branch *branch, uint32_t attempt,
                       enum txn_branch_state state)
{
    struct pen pen;
    size_t most = STEP_BYTES_MAX + strlen(branch->name) + strlen(branch->participant) +
                  strlen(branch->operation);
    if (!pen_take(list, most, &pen))
        return;
    PUT(&pen, "{\"branch\":");
    pen_number(&pen, branch->number);
    if (branch->name[0] != '\0') {
        PUT(&pen, ",\"name\":\"");
        pen_word(&pen, branch->name);
        PUT(&pen, "\"");
    }
    PUT(&pen, ",\"participant\":\"");
    pen_word(&pen, branch->participant);
    PUT(&pen, "\",\"operation\":\"");
    pen_word(&pen, branch->operation);
    PUT(&pen, "\",\"state\":\"");
    pen_word(&pen, txn_branch_state_name(state));
    if (branch->vote != VOTE_NONE) {
        PUT(&pen, "\",\"vote\":\"");
        pen_word(&pen, message_vote_name(branch->vote));
    }
    PUT(&pen, "\"");
    if (branch->raised > 0) {
        PUT(&pen, ",\"attempt\":");
        pen_number(&pen, attempt + branch->raised);
    }
    if (branch->tries > 0 && state != TXN_BRANCH_SKIPPED) { /* what was skipped was never sent */
        PUT(&pen, ",\"tries\":");
        pen_number(&pen, branch->tries);
    }
    pen_give_back(list, &pen);
}

/* Without the closing brace. */
static void step_append(struct buffer *list, const struct txn_branch *branch, uint32_t attempt,
                        enum txn_decision decision)
{
    enum txn_branch_state state = txn_branch_decided(branch->state, decision);
    step_begin(list, branch, attempt, state);
    if (branch->output.data != NULL && state != TXN_BRANCH_ABORTED) { /* it took no effect */
        buffer_append_text(list, ",\"output\":");
        buffer_append_span(list, branch->output); /* byte for byte */
    }
    append_reason(list, branch->reason);
}

/* How often it may be tried, and when next: what waits says so. */
static void tries_append(struct buffer *list, const struct txn *txn,
                         const struct txn_branch *branch)
{
    bool executes = branch->state == TXN_BRANCH_EXECUTING;
    bool compensates = branch->state == TXN_BRANCH_COMPENSATING;
    uint32_t limit = 0;
    if (executes || compensates)
        limit = txn_tries_limit(txn, branch, compensates ? OP_COMPENSATE : OP_EXECUTE);
    if (limit != 0) {
        buffer_append_text(list, ",\"tries_max\":");
        buffer_append_uint(list, limit);
    }
    if (branch->retry_at.us != 0) {
        char text[WALL_TEXT_LEN + 1];
        uint64_t after_us = branch->retry_at.us - txn->began.us; /* modulo 2^64 */
        wall_format((struct wall){txn->origin->began_at.us + after_us}, text);
        buffer_append_format(list, ",\"next_try_at\":\"%s\"", text);
    }
}

void txn_steps_append(const struct txn *txn, bool outputs, struct buffer *list)
{
    buffer_append_char(list, '[');
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        if (i > 0)
            buffer_append_char(list, ',');
        if (outputs) {
            step_append(list, branch, txn->attempt, TXN_UNDECIDED);
        } else {
            step_begin(list, branch, txn->attempt, branch->state);
            append_reason(list, branch->reason);
        }
        tries_append(list, txn, branch);
        words_append(list, txn, branch);
        owed_append(list, txn, branch);
        buffer_append_char(list, '}');
    }
    buffer_append_char(list, ']');
}

/* For a record: as they will be when `decision` was heard by all; TXN_UNDECIDED: as they are. */
void txn_steps_append_as(const struct txn *txn, enum txn_decision decision, struct buffer *list)
{
    buffer_append_char(list, '[');
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        if (i > 0)
            buffer_append_char(list, ',');
        step_append(list, &txn->branches[i], txn->attempt, decision);
        words_append(list, txn, &txn->branches[i]);
        buffer_append_char(list, '}');
    }
    buffer_append_char(list, ']');
}

static const struct txn_branch *branch_const(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return &txn->branches[i];
    return NULL;
}

/* Whose lock it was, where that is known. */
static void append_blocker(struct buffer *object, enum txn_cause cause, const troth_gtid *blocker)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    if (cause != TXN_CAUSE_CONFLICT || !txn_gtid_known(blocker))
        return;
    troth_gtid_format(blocker, text);
    buffer_append_text(object, ",\"blocker\":");
    json_append_text(object, text);
}

/* Cause, and which step at which participant, and what it said: without braces. No `reason` given:
 * the branch's last words. */
static void append_blame(struct buffer *object, const struct txn *txn, enum txn_cause cause,
                         uint32_t number, const struct troth_span *reason,
                         const troth_gtid *blocker)
{
    buffer_append_text(object, "\"cause\":\"");
    buffer_append_text(object, txn_cause_name(cause));
    buffer_append_char(object, '"');
    append_blocker(object, cause, blocker);
    if (number != 0) {
        buffer_append_text(object, ",\"branch\":");
        buffer_append_uint(object, number);
    }
    const struct txn_branch *branch = branch_const(txn, number);
    if (branch == NULL)
        return;
    if (branch->name[0] != '\0') {
        buffer_append_text(object, ",\"step\":");
        json_append_text(object, branch->name);
    }
    buffer_append_text(object, ",\"participant\":");
    json_append_text(object, branch->participant);
    append_reason(object, reason != NULL ? *reason : branch->reason);
}

void txn_failure_append(const struct txn *txn, struct buffer *object)
{
    if (txn->cause == TXN_CAUSE_NONE) {
        buffer_append_text(object, "null");
        return;
    }
    buffer_append_char(object, '{');
    append_blame(object, txn, txn->cause, txn->cause_branch, NULL, &txn->blocker);
    buffer_append_char(object, '}');
}

void txn_failure_tell(const struct txn *txn, struct buffer *object)
{
    if (txn_mixing(txn))
        buffer_append_text(object, "null");
    else
        txn_failure_append(txn, object);
}

void txn_fallback_append(const struct txn *txn, struct buffer *object)
{
    if (txn->fallback_attempt == 0) {
        buffer_append_text(object, "null");
        return;
    }
    buffer_append_text(object, "{\"attempt\":");
    buffer_append_uint(object, txn->fallback_attempt);
    buffer_append_char(object, ',');
    append_blame(object, txn, txn->fallback_cause, txn->fallback_branch, &txn->fallback_reason,
                 &txn->fallback_blocker);
    buffer_append_char(object, '}');
}
