/* view.c: draws a transaction and its steps from what GET answers. */
#include "view.h"

#include <ctype.h>
#include <string.h>

#include "text.h"
#include "tree.h"
#include <base/clock.h>
#include <base/json.h>
#include <base/span.h>

static bool any_step(const cJSON *transaction, const char *state)
{
    const cJSON *step;
    cJSON_ArrayForEach (step, member(transaction, "steps"))
        if (item_is(member(step, "state"), state) ||
            item_is(member(member(step, "unconfirmed"), "state"), state) ||
            item_is(member(member(step, "earlier_abort"), "state"), state))
            return true;
    return false;
}

int view_exit(const cJSON *transaction)
{
    const cJSON *outcome = member(transaction, "outcome");
    if (item_is(outcome, "mixed") || item_is(member(transaction, "state"), "parked") ||
        any_step(transaction, "parked") || any_step(transaction, "heuristic"))
        return CLI_EXIT_ATTENTION;
    if (outcome == NULL)
        return CLI_EXIT_UNKNOWN;
    if (item_is(outcome, "committed"))
        return CLI_EXIT_OK;
    if (item_is(outcome, "aborted") || item_is(outcome, "compensated"))
        return CLI_EXIT_NOT_COMMITTED;
    return CLI_EXIT_PROTOCOL;
}

/* --- time --------------------------------------------------------------------------------------
 */

static bool read_time(const cJSON *time, struct wall *ret_time)
{
    return cJSON_IsString(time) &&
           wall_parse(time->valuestring, strlen(time->valuestring), ret_time) == 0;
}

void view_append_time(struct buffer *text, const cJSON *time)
{
    struct wall wall;
    char formatted[WALL_TEXT_LEN + 1];
    if (!read_time(time, &wall)) {
        text_append_item(text, time);
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

bool view_append_between(struct buffer *text, const cJSON *from, const cJSON *to)
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
static void append_verdict(const struct cli *cli, const cJSON *transaction, struct buffer *text)
{
    const cJSON *outcome = member(transaction, "outcome");
    const cJSON *state = member(transaction, "state");
    if (cli->colour)
        buffer_append_text(text, colour_of(view_exit(transaction)));
    size_t first = text->len;
    if (outcome != NULL)
        text_append_item(text, outcome);
    else
        buffer_append_text(text, item_is(state, "parked") ? "no outcome" : "running");
    for (size_t i = first; i < text->len && !text->failed; i++)
        text->data[i] = (char)toupper((unsigned char)text->data[i]);
    if (cli->colour)
        buffer_append_text(text, "\033[0m");
    if (!item_is(state, "ended")) {
        buffer_append_text(text, " (");
        text_append_item(text, state);
        buffer_append_char(text, ')');
    }
    buffer_append_text(text, "  ");
    const cJSON *definition = member(transaction, "definition");
    if (definition != NULL) {
        text_append_item(text, definition);
        buffer_append_text(text, " version ");
        text_append_item(text, member(transaction, "version"));
    } else {
        buffer_append_text(text, "interactive");
    }
    buffer_append_text(text, ", ");
    text_append_item(text, member(transaction, "mode"));
    buffer_append_char(text, '\n');
}

/* When the client was told the outcome: what follows (a second's grace for Kafka's word, a
 * participant that comes back after an hour) it did not wait for. */
static bool told_after(const cJSON *transaction, uint64_t *ret_us)
{
    const cJSON *entry;
    bool found = false;
    cJSON_ArrayForEach (entry, member(transaction, "timeline")) {
        const cJSON *reply = member(entry, "reply");
        if (item_is(member(entry, "moment"), "replied") &&
            (item_is(reply, "completed") || (item_is(reply, "decided") && !found)))
            found = timeline_at(entry, ret_us) || found;
    }
    return found;
}

static void append_times(const cJSON *transaction, uint64_t now_us, struct buffer *text)
{
    uint64_t told_us;
    const cJSON *began = member(transaction, "began_at");
    const cJSON *ended = member(transaction, "ended_at");
    struct wall wall;
    buffer_append_text(text, "began    ");
    view_append_time(text, began);
    if (told_after(transaction, &told_us)) {
        buffer_append_text(text, ", outcome told after ");
        view_append_duration(text, told_us);
    } else if (ended != NULL) {
        buffer_append_text(text, ", ended after ");
        if (!view_append_between(text, began, ended))
            view_append_time(text, ended);
    } else if (read_time(began, &wall) && now_us > wall.us) {
        buffer_append_text(text, ", ");
        view_append_duration(text, now_us - wall.us);
        buffer_append_text(text, " ago");
    }
    const cJSON *attempt = member(transaction, "attempt");
    int64_t number = 0;
    if (attempt != NULL && !(item_number(attempt, &number) && number == 1)) {
        buffer_append_text(text, ", attempt ");
        text_append_item(text, attempt);
    }
    buffer_append_char(text, '\n');
}

static void append_labels(const cJSON *transaction, struct buffer *text)
{
    const cJSON *label, *labels = member(transaction, "labels");
    const char *before = "labels   ";
    if (!cJSON_IsObject(labels))
        return;
    cJSON_ArrayForEach (label, labels) {
        buffer_append_text(text, before);
        text_append_plain(text, span_of(label->string));
        buffer_append_char(text, '=');
        text_append_item(text, label);
        before = " ";
    }
    if (before[0] == ' ')
        buffer_append_char(text, '\n');
}

/* "1 debit at bank_a"; what is absent is left out. `step`: the member that holds the name. */
static void append_who(struct buffer *text, const cJSON *object, const char *step)
{
    const cJSON *name = member(object, step), *participant = member(object, "participant");
    text_append_item(text, member(object, "branch"));
    if (name != NULL) {
        buffer_append_char(text, ' ');
        text_append_item(text, name);
    }
    if (participant != NULL) {
        buffer_append_text(text, " at ");
        text_append_item(text, participant);
    }
}

static void append_reason(struct buffer *text, const cJSON *object)
{
    const cJSON *reason = member(object, "reason");
    if (reason == NULL)
        return;
    buffer_append_text(text, ": ");
    text_append_item(text, reason);
}

void view_append_failure(struct buffer *text, const cJSON *failure)
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
        {"stuck", "it cannot go on by itself", "it cannot go on by itself: "},
    };
    const cJSON *cause = member(failure, "cause");
    bool branch = member(failure, "branch") != NULL;
    const char *phrase = NULL;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (item_is(cause, causes[i].cause))
            phrase = branch ? causes[i].with_branch : causes[i].alone;
    if (phrase != NULL)
        buffer_append_text(text, phrase);
    else
        text_append_item(text, cause);
    if (branch && phrase == NULL)
        buffer_append_text(text, ": ");
    if (branch)
        append_who(text, failure, "step");
    append_reason(text, failure);
}

/* What a branch in that state still owes; NULL: nothing. */
static const char *owed(const cJSON *step)
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
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (item_is(member(step, "state"), states[i].state))
            return states[i].owes;
    return NULL;
}

/* "payments said 404 …", or what the coordinator saw. */
static void append_last_words(struct buffer *text, const cJSON *object, const cJSON *participant)
{
    const cJSON *reason = member(object, "reason");
    static const char said[] = "said ";
    if (reason == NULL)
        return;
    buffer_append_text(text, ": ");
    if (cJSON_IsString(reason) && strncmp(reason->valuestring, said, sizeof(said) - 1) == 0) {
        text_append_item(text, participant);
        buffer_append_char(text, ' ');
    }
    text_append_item(text, reason);
}

static void append_next(struct buffer *text, const cJSON *next, uint64_t now_us)
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
static void append_tries(struct buffer *text, const cJSON *object, const cJSON *participant,
                         uint64_t now_us)
{
    const cJSON *tries = member(object, "tries"), *most = member(object, "tries_max");
    if (tries != NULL) {
        buffer_append_text(text, "; try ");
        text_append_item(text, tries);
        if (most != NULL) {
            buffer_append_text(text, " of ");
            text_append_item(text, most);
        }
        append_next(text, member(object, "next_try_at"), now_us);
    }
    append_last_words(text, object, participant);
    buffer_append_char(text, '\n');
}

/* A transaction that fell back is not through before the attempt before is aborted everywhere. */
static void append_earlier_abort(struct buffer *text, const cJSON *abort, const cJSON *participant,
                                 uint64_t now_us)
{
    bool parked = item_is(member(abort, "state"), "parked");
    buffer_append_text(text, parked ? " refused the abort of attempt "
                                    : " has not acknowledged the abort of attempt ");
    text_append_item(text, member(abort, "attempt"));
    if (parked)
        buffer_append_text(text, ", which is parked, an operator must look");
    append_tries(text, abort, participant, now_us);
}

/* An operator has said how it ended, and it has not. */
static void append_unconfirmed(struct buffer *text, const cJSON *owed, const cJSON *participant,
                               uint64_t now_us)
{
    const cJSON *state = member(owed, "state");
    if (item_is(state, "parked"))
        buffer_append_text(text, " has refused what was decided: tx retry, or tx forget");
    else
        buffer_append_format(text, " has not confirmed it, and is told to %s",
                             item_is(state, "committing") ? "commit" : "abort");
    append_tries(text, owed, participant, now_us);
}

/* "2 credit at bank_b: committed, says alice@ops-1, 2026-11-21 06:10:00.000Z: ticket 4711" */
static void append_word(struct buffer *text, const char *before, const cJSON *step,
                        const cJSON *word)
{
    buffer_append_text(text, before);
    append_who(text, step, "name");
    buffer_append_text(text, ": ");
    if (member(word, "as") != NULL)
        text_append_item(text, member(word, "as"));
    else
        buffer_append_text(text, "forgotten");
    buffer_append_text(text, member(word, "forced") != NULL ? ", forced, says " : ", says ");
    text_append_item(text, member(word, "by"));
    buffer_append_text(text, ", ");
    view_append_time(text, member(word, "at"));
    append_reason(text, word);
    buffer_append_char(text, '\n');
}

static void append_by_hand(const cJSON *transaction, struct buffer *text)
{
    const cJSON *step;
    const char *before = "by hand  ";
    cJSON_ArrayForEach (step, member(transaction, "steps")) {
        const cJSON *words[] = {member(step, "resolved"), member(step, "forgotten")};
        for (size_t i = 0; i < 2; i++) {
            if (words[i] == NULL)
                continue;
            append_word(text, before, step, words[i]);
            before = "         ";
        }
    }
}

static void append_missing(const cJSON *transaction, uint64_t now_us, struct buffer *text)
{
    const cJSON *step;
    const char *before = "missing  ";
    cJSON_ArrayForEach (step, member(transaction, "steps")) {
        const cJSON *abort = member(step, "earlier_abort");
        const cJSON *unconfirmed = member(step, "unconfirmed");
        if (unconfirmed != NULL) {
            buffer_append_text(text, before);
            append_who(text, step, "name");
            append_unconfirmed(text, unconfirmed, member(step, "participant"), now_us);
            before = "         ";
        }
        if (owed(step) != NULL) {
            buffer_append_text(text, before);
            append_who(text, step, "name");
            buffer_append_format(text, " %s", owed(step));
            append_tries(text, step, member(step, "participant"), now_us);
            before = "         ";
        }
        if (abort != NULL) {
            buffer_append_text(text, before);
            append_who(text, step, "name");
            append_earlier_abort(text, abort, member(step, "participant"), now_us);
            before = "         ";
        }
    }
}

static void append_steps(const cJSON *transaction, struct buffer *text)
{
    static const char *const members[] = {"branch", "name", "participant", "operation",
                                          "state",  "vote", "tries"};
    static const char *const headings[] = {"BRANCH", "STEP", "PARTICIPANT", "OPERATION",
                                           "STATE",  "VOTE", "TRIES",       NULL};
    const cJSON *step;
    TABLE_SCOPED struct table table;
    table_begin(&table, 1u << 0, headings);
    bool any = false;
    cJSON_ArrayForEach (step, member(transaction, "steps")) {
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            table_item(&table, member(step, members[i]));
        any = true;
    }
    if (!any)
        return;
    buffer_append_char(text, '\n');
    table_append(&table, "", text);
}

/* The payload's own text; a long one is cut, never rewritten. */
static void append_payload(struct buffer *text, struct troth_span payload)
{
    struct troth_span shown = payload;
    if (shown.len > VIEW_OUTPUT_BYTES_MAX) {
        shown.len = VIEW_OUTPUT_BYTES_MAX;
        while (shown.len > 0 && ((unsigned char)shown.data[shown.len] & 0xc0) == 0x80)
            shown.len--;
    }
    text_append_json(text, shown);
    if (shown.len < payload.len)
        buffer_append_format(text, "... (%zu bytes; -o json shows all)", payload.len);
    buffer_append_char(text, '\n');
}

/* `json`: the same transaction as text, which has the payloads. */
static void append_payloads(const cJSON *transaction, struct troth_span json, struct buffer *text)
{
    const cJSON *step = member(transaction, "steps");
    struct json_cursor cursor = json_cursor(field(json, "steps"));
    struct troth_span there, payload;
    const char *before = "\n";
    if (json_type(json) == JSON_OBJECT && json_member(json, "input", &payload)) {
        buffer_append_text(text, "\ninput: ");
        append_payload(text, payload);
        before = "";
    }
    for (step = step != NULL ? step->child : NULL; step != NULL && json_next(&cursor, NULL, &there);
         step = step->next) {
        if (json_type(there) != JSON_OBJECT || !json_member(there, "output", &payload))
            continue;
        buffer_append_text(text, before);
        buffer_append_text(text, "output of ");
        append_who(text, step, "name");
        buffer_append_text(text, ": ");
        append_payload(text, payload);
        before = "";
    }
}

void view_append_head(const struct cli *cli, const cJSON *transaction, uint64_t now_us,
                      struct buffer *ret_text)
{
    const cJSON *failure = member(transaction, "failure");
    const cJSON *fallback = member(transaction, "fallback");
    append_verdict(cli, transaction, ret_text);
    if (failure != NULL) {
        buffer_append_text(ret_text, "why      ");
        view_append_failure(ret_text, failure);
        buffer_append_char(ret_text, '\n');
    }
    if (fallback != NULL) {
        buffer_append_text(ret_text, "fell back from 2pc to a saga: ");
        view_append_failure(ret_text, fallback);
        buffer_append_char(ret_text, '\n');
    }
    append_missing(transaction, now_us, ret_text);
    append_by_hand(transaction, ret_text);
    buffer_append_text(ret_text, "gtid     ");
    text_append_item(ret_text, member(transaction, "gtid"));
    buffer_append_char(ret_text, '\n');
    append_times(transaction, now_us, ret_text);
    append_labels(transaction, ret_text);
    if (member(transaction, "idempotency_key") != NULL) {
        buffer_append_text(ret_text, "key      ");
        text_append_item(ret_text, member(transaction, "idempotency_key"));
        buffer_append_char(ret_text, '\n');
    }
}

void view_append(const struct cli *cli, const cJSON *transaction, struct troth_span json,
                 uint64_t now_us, struct buffer *ret_text)
{
    view_append_head(cli, transaction, now_us, ret_text);
    append_steps(transaction, ret_text);
    append_payloads(transaction, json, ret_text);
}
