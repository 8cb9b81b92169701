#include "view.h"

#include <ctype.h>
#include <string.h>

#include "text.h"
#include <base/clock.h>
#include <base/json.h>

static bool is(struct troth_span value, const char *word)
{
    return value.data != NULL && json_string_equals(value, (struct troth_span){word, strlen(word)});
}

static bool any_step(struct troth_span transaction, const char *state)
{
    struct json_cursor cursor = json_cursor(member(transaction, "steps"));
    struct troth_span step;
    while (json_next(&cursor, NULL, &step)) {
        if (is(member(step, "state"), state) ||
            is(member(member(step, "earlier_abort"), "state"), state))
            return true;
    }
    return false;
}

int view_exit(struct troth_span transaction)
{
    struct troth_span outcome = member(transaction, "outcome");
    if (is(outcome, "mixed") || is(member(transaction, "state"), "parked") ||
        any_step(transaction, "parked") || any_step(transaction, "heuristic"))
        return CLI_EXIT_ATTENTION;
    if (outcome.data == NULL)
        return CLI_EXIT_UNKNOWN;
    if (is(outcome, "committed"))
        return CLI_EXIT_OK;
    if (is(outcome, "aborted") || is(outcome, "compensated"))
        return CLI_EXIT_NOT_COMMITTED;
    return CLI_EXIT_PROTOCOL;
}

/* --- time --------------------------------------------------------------------------------------
 */

static bool read_time(struct troth_span time, struct wall *ret_time)
{
    return time.len > 2 && json_type(time) == JSON_STRING &&
           wall_parse(time.data + 1, time.len - 2, ret_time) == 0;
}

void view_append_time(struct buffer *text, struct troth_span time)
{
    struct wall wall;
    char formatted[WALL_TEXT_LEN + 1];
    if (!read_time(time, &wall)) {
        text_append_value(text, time);
        return;
    }
    wall_format(wall, formatted);
    buffer_append_format(text, "%.10s %.12sZ", formatted, formatted + 11); /* milliseconds */
}

void view_append_duration(struct buffer *text, uint64_t us)
{
    unsigned long long ms = us / 1000, seconds = us / 1000000;
    if (ms < 1000)
        buffer_append_format(text, "%llu.%03llums", ms, (unsigned long long)(us % 1000));
    else if (seconds < 60)
        buffer_append_format(text, "%llu.%03llus", seconds, ms % 1000);
    else if (seconds < 3600)
        buffer_append_format(text, "%llum%02llus", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        buffer_append_format(text, "%lluh%02llum", seconds / 3600, seconds / 60 % 60);
    else
        buffer_append_format(text, "%llud%02lluh", seconds / 86400, seconds / 3600 % 24);
}

bool view_append_between(struct buffer *text, struct troth_span from, struct troth_span to)
{
    struct wall begin, end;
    if (!read_time(from, &begin) || !read_time(to, &end) || end.us < begin.us)
        return false;
    view_append_duration(text, end.us - begin.us);
    return true;
}

/* --- the parts ---------------------------------------------------------------------------------
 */

static const char *colour_of(int code)
{
    switch (code) {
    case CLI_EXIT_OK:
        return "\033[1;32m";
    case CLI_EXIT_UNKNOWN:
        return "\033[1;33m";
    default:
        return "\033[1;31m";
    }
}

/* "COMMITTED (committing)  transfer version 1, 2pc" */
static void append_verdict(const struct cli *cli, struct troth_span transaction,
                           struct buffer *text)
{
    struct troth_span outcome = member(transaction, "outcome");
    struct troth_span state = member(transaction, "state");
    if (cli->colour)
        buffer_append_text(text, colour_of(view_exit(transaction)));
    size_t first = text->len;
    if (outcome.data != NULL)
        text_append_value(text, outcome);
    else
        buffer_append_text(text, is(state, "parked") ? "no outcome" : "running");
    for (size_t i = first; i < text->len && !text->failed; i++)
        text->data[i] = (char)toupper((unsigned char)text->data[i]);
    if (cli->colour)
        buffer_append_text(text, "\033[0m");
    if (!is(state, "ended")) {
        buffer_append_text(text, " (");
        text_append_value(text, state);
        buffer_append_char(text, ')');
    }
    buffer_append_text(text, "  ");
    struct troth_span definition = member(transaction, "definition");
    if (definition.data != NULL) {
        text_append_value(text, definition);
        buffer_append_text(text, " version ");
        text_append_value(text, member(transaction, "version"));
    } else {
        buffer_append_text(text, "interactive");
    }
    buffer_append_text(text, ", ");
    text_append_value(text, member(transaction, "mode"));
    buffer_append_char(text, '\n');
}

/* When the client was told the outcome: what follows (a second's grace for Kafka's word, a
 * participant that comes back after an hour) it did not wait for. */
static bool told_after(struct troth_span transaction, uint64_t *ret_us)
{
    struct json_cursor cursor = json_cursor(member(transaction, "timeline"));
    struct troth_span entry;
    bool found = false;
    while (json_next(&cursor, NULL, &entry)) {
        struct troth_span reply = member(entry, "reply");
        if (is(member(entry, "moment"), "replied") &&
            (is(reply, "completed") || (is(reply, "decided") && !found)))
            found = timeline_at(entry, ret_us) || found;
    }
    return found;
}

static void append_times(struct troth_span transaction, uint64_t now_us, struct buffer *text)
{
    uint64_t told_us;
    struct troth_span began = member(transaction, "began_at");
    struct troth_span ended = member(transaction, "ended_at");
    struct wall wall;
    buffer_append_text(text, "began    ");
    view_append_time(text, began);
    if (told_after(transaction, &told_us)) {
        buffer_append_text(text, ", outcome told after ");
        view_append_duration(text, told_us);
    } else if (ended.data != NULL) {
        buffer_append_text(text, ", ended after ");
        if (!view_append_between(text, began, ended))
            view_append_time(text, ended);
    } else if (read_time(began, &wall) && now_us > wall.us) {
        buffer_append_text(text, ", ");
        view_append_duration(text, now_us - wall.us);
        buffer_append_text(text, " ago");
    }
    struct troth_span attempt = member(transaction, "attempt");
    if (attempt.data != NULL && !(attempt.len == 1 && attempt.data[0] == '1')) {
        buffer_append_text(text, ", attempt ");
        text_append_value(text, attempt);
    }
    buffer_append_char(text, '\n');
}

static void append_labels(struct troth_span transaction, struct buffer *text)
{
    struct json_cursor cursor = json_cursor(member(transaction, "labels"));
    struct troth_span key, value;
    const char *before = "labels   ";
    while (json_next(&cursor, &key, &value)) {
        if (key.data == NULL) /* no object */
            return;
        buffer_append_text(text, before);
        text_append_value(text, key);
        buffer_append_char(text, '=');
        text_append_value(text, value);
        before = " ";
    }
    if (before[0] == ' ')
        buffer_append_char(text, '\n');
}

/* "1 debit at bank_a"; what is absent is left out. `step`: the member that holds the name. */
static void append_who(struct buffer *text, struct troth_span object, const char *step)
{
    struct troth_span name = member(object, step), participant = member(object, "participant");
    text_append_value(text, member(object, "branch"));
    if (name.data != NULL) {
        buffer_append_char(text, ' ');
        text_append_value(text, name);
    }
    if (participant.data != NULL) {
        buffer_append_text(text, " at ");
        text_append_value(text, participant);
    }
}

static void append_reason(struct buffer *text, struct troth_span object)
{
    struct troth_span reason = member(object, "reason");
    if (reason.data == NULL)
        return;
    buffer_append_text(text, ": ");
    text_append_value(text, reason);
}

void view_append_failure(struct buffer *text, struct troth_span failure)
{
    static const struct {
        const char *cause, *alone, *with_branch;
    } causes[] = {
        {"refused", "refused", "refused by "},
        {"timeout", "not done in time", "no answer in time from "},
        {"unreachable", "a participant was unreachable", "unreachable: "},
        {"cancelled", "cancelled by the client or an operator", "cancelled; branch "},
        {"not_enlisted", "a branch never enlisted", "never enlisted: branch "},
        {"restarted", "the coordinator restarted before the decision",
         "the coordinator restarted in the last try of "},
        {"input", "a step's input could not be made", "the input could not be made for "},
        {"heuristic", "a branch ended otherwise than decided", "ended otherwise than decided: "},
        {"stuck", "it can not go on by itself", "it can not go on by itself: "},
    };
    struct troth_span cause = member(failure, "cause");
    bool branch = member(failure, "branch").data != NULL;
    const char *phrase = NULL;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (is(cause, causes[i].cause))
            phrase = branch ? causes[i].with_branch : causes[i].alone;
    }
    if (phrase != NULL)
        buffer_append_text(text, phrase);
    else
        text_append_value(text, cause);
    if (branch && phrase == NULL)
        buffer_append_text(text, ": ");
    if (branch)
        append_who(text, failure, "step");
    append_reason(text, failure);
}

/* What a branch in that state still owes; NULL: nothing. */
static const char *owed(struct troth_span step)
{
    static const struct {
        const char *state, *owes;
    } states[] = {
        {"preparing", "has not voted"},
        {"executing", "has not answered execute"},
        {"committing", "has not acknowledged commit"},
        {"aborting", "has not acknowledged abort"},
        {"compensating", "has not acknowledged compensate"},
        {"parked", "is parked, an operator must look"},
        {"heuristic", "ended otherwise than decided, an operator must look"},
    };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (is(member(step, "state"), states[i].state))
            return states[i].owes;
    }
    return NULL;
}

/* "payments said 404 …", or what the coordinator saw. */
static void append_last_words(struct buffer *text, struct troth_span object,
                              struct troth_span participant)
{
    struct troth_span reason = member(object, "reason");
    static const char said[] = "\"said ";
    if (reason.data == NULL)
        return;
    buffer_append_text(text, ": ");
    if (reason.len > sizeof(said) && memcmp(reason.data, said, sizeof(said) - 1) == 0) {
        text_append_value(text, participant);
        buffer_append_char(text, ' ');
    }
    text_append_value(text, reason);
}

static void append_next(struct buffer *text, struct troth_span next, uint64_t now_us)
{
    struct wall at;
    if (!read_time(next, &at))
        return;
    uint64_t left_ms = at.us > now_us ? (at.us - now_us + 999) / 1000 : 0;
    if (left_ms == 0)
        buffer_append_text(text, ", next now");
    else if (left_ms < 1000)
        buffer_append_format(text, ", next in %llu ms", (unsigned long long)left_ms);
    else
        buffer_append_format(text, ", next in %llu s", (unsigned long long)(left_ms + 999) / 1000);
}

/* "; try 3 of 5, next in 4 s: payments said 404 …", and the end of the line. */
static void append_tries(struct buffer *text, struct troth_span object,
                         struct troth_span participant, uint64_t now_us)
{
    struct troth_span tries = member(object, "tries"), most = member(object, "tries_max");
    if (tries.data != NULL) {
        buffer_append_text(text, "; try ");
        text_append_value(text, tries);
        if (most.data != NULL) {
            buffer_append_text(text, " of ");
            text_append_value(text, most);
        }
        append_next(text, member(object, "next_try_at"), now_us);
    }
    append_last_words(text, object, participant);
    buffer_append_char(text, '\n');
}

/* A transaction that fell back is not through before the attempt before is aborted everywhere. */
static void append_earlier_abort(struct buffer *text, struct troth_span abort,
                                 struct troth_span participant, uint64_t now_us)
{
    bool parked = is(member(abort, "state"), "parked");
    buffer_append_text(text, parked ? " refused the abort of attempt "
                                    : " has not acknowledged the abort of attempt ");
    text_append_value(text, member(abort, "attempt"));
    if (parked)
        buffer_append_text(text, ", which is parked, an operator must look");
    append_tries(text, abort, participant, now_us);
}

static void append_missing(struct troth_span transaction, uint64_t now_us, struct buffer *text)
{
    struct json_cursor cursor = json_cursor(member(transaction, "steps"));
    struct troth_span step;
    const char *before = "missing  ";
    while (json_next(&cursor, NULL, &step)) {
        struct troth_span abort = member(step, "earlier_abort");
        if (owed(step) != NULL) {
            buffer_append_text(text, before);
            append_who(text, step, "name");
            buffer_append_format(text, " %s", owed(step));
            append_tries(text, step, member(step, "participant"), now_us);
            before = "         ";
        }
        if (abort.data != NULL) {
            buffer_append_text(text, before);
            append_who(text, step, "name");
            append_earlier_abort(text, abort, member(step, "participant"), now_us);
            before = "         ";
        }
    }
}

static void append_steps(struct troth_span transaction, struct buffer *text)
{
    static const char *const members[] = {"branch", "name", "participant", "operation",
                                          "state",  "vote", "tries"};
    static const char *const headings[] = {"BRANCH", "STEP", "PARTICIPANT", "OPERATION",
                                           "STATE",  "VOTE", "TRIES",       NULL};
    struct json_cursor cursor = json_cursor(member(transaction, "steps"));
    struct troth_span step;
    TABLE_SCOPED struct table table;
    table_begin(&table, 1u << 0, headings);
    bool any = false;
    while (json_next(&cursor, NULL, &step)) {
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            table_value(&table, member(step, members[i]));
        any = true;
    }
    if (!any)
        return;
    buffer_append_char(text, '\n');
    table_append(&table, "", text);
}

/* The payload's own text; a long one is cut, never rewritten. */
static void append_output(struct buffer *text, struct troth_span output)
{
    struct troth_span shown = output;
    if (shown.len > VIEW_OUTPUT_BYTES_MAX) {
        shown.len = VIEW_OUTPUT_BYTES_MAX;
        while (shown.len > 0 && ((unsigned char)shown.data[shown.len] & 0xc0) == 0x80)
            shown.len--;
    }
    text_append_json(text, shown);
    if (shown.len < output.len)
        buffer_append_format(text, "... (%zu bytes; -o json shows all)", output.len);
}

static void append_outputs(struct troth_span transaction, struct buffer *text)
{
    struct json_cursor cursor = json_cursor(member(transaction, "steps"));
    struct troth_span step, output;
    const char *before = "\n";
    if (json_type(transaction) == JSON_OBJECT && json_member(transaction, "input", &output)) {
        buffer_append_text(text, "\ninput: ");
        append_output(text, output);
        buffer_append_char(text, '\n');
        before = "";
    }
    while (json_next(&cursor, NULL, &step)) {
        if (json_type(step) != JSON_OBJECT || !json_member(step, "output", &output))
            continue;
        buffer_append_text(text, before);
        buffer_append_text(text, "output of ");
        append_who(text, step, "name");
        buffer_append_text(text, ": ");
        append_output(text, output);
        buffer_append_char(text, '\n');
        before = "";
    }
}

void view_append_head(const struct cli *cli, struct troth_span transaction, uint64_t now_us,
                      struct buffer *ret_text)
{
    struct troth_span failure = member(transaction, "failure");
    struct troth_span fallback = member(transaction, "fallback");
    append_verdict(cli, transaction, ret_text);
    if (failure.data != NULL) {
        buffer_append_text(ret_text, "why      ");
        view_append_failure(ret_text, failure);
        buffer_append_char(ret_text, '\n');
    }
    if (fallback.data != NULL) {
        buffer_append_text(ret_text, "fell back from 2pc to a saga: ");
        view_append_failure(ret_text, fallback);
        buffer_append_char(ret_text, '\n');
    }
    append_missing(transaction, now_us, ret_text);
    buffer_append_text(ret_text, "gtid     ");
    text_append_value(ret_text, member(transaction, "gtid"));
    buffer_append_char(ret_text, '\n');
    append_times(transaction, now_us, ret_text);
    append_labels(transaction, ret_text);
    if (member(transaction, "idempotency_key").data != NULL) {
        buffer_append_text(ret_text, "key      ");
        text_append_value(ret_text, member(transaction, "idempotency_key"));
        buffer_append_char(ret_text, '\n');
    }
}

void view_append(const struct cli *cli, struct troth_span transaction, uint64_t now_us,
                 struct buffer *ret_text)
{
    view_append_head(cli, transaction, now_us, ret_text);
    append_steps(transaction, ret_text);
    append_outputs(transaction, ret_text);
}
