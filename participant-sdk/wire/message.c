/* Lines of the batch binding: written with the payload as it is, read in one pass. */
#include <wire/message.h>

#include <assert.h>
#include <string.h>

#include <base/duration.h>
#include <base/json.h>

#include "own_line.h"

static const troth_gtid no_gtid;

/* --- writing -----------------------------------------------------------------------------------
 */

static void append_head(struct buffer *buffer, enum message_op op, const troth_gtid *gtid,
                        uint32_t branch, uint32_t attempt)
{
    assert(branch >= 1 && branch <= TROTH_BRANCH_NUMBER_MAX);
    assert(attempt >= 1 && attempt <= TROTH_ATTEMPT_MAX);
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(gtid, text);
    json_append_word(buffer, "{\"op\":\"", message_op_name(op));
    buffer_append_text(buffer, ",\"gtid\":\"");
    buffer_append(buffer, text, TROTH_GTID_TEXT_LEN);
    buffer_append_text(buffer, "\",\"branch\":");
    buffer_append_uint(buffer, branch);
    buffer_append_text(buffer, ",\"attempt\":");
    buffer_append_uint(buffer, attempt);
}

static void append_duration(struct buffer *buffer, const char *member, uint64_t us)
{
    char text[DURATION_TEXT_MAX];
    (void)duration_format(us, text);
    json_append_word(buffer, member, text);
}

/* Byte for byte, but a line feed would end the line: within checked JSON it can only be white space
 * between two tokens, so a space means the same. */
static void append_payload(struct buffer *buffer, const char *member, struct troth_span payload)
{
    buffer_append_text(buffer, member);
    size_t first = buffer->len;
    buffer_append_span(buffer, payload);
    if (buffer->failed)
        return;
    for (char *at = buffer->data + first, *end = buffer->data + buffer->len; at < end; at++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL)
            break;
        *at = ' ';
    }
}

/* At most MESSAGE_REASON_MAX bytes, and no code point cut in two. */
static struct troth_span reason_cut(struct troth_span reason)
{
    if (reason.len <= MESSAGE_REASON_MAX)
        return reason;
    size_t len = MESSAGE_REASON_MAX;
    while (len > MESSAGE_REASON_MAX - 4 && ((unsigned char)reason.data[len] & 0xc0) == 0x80)
        len--;
    return (struct troth_span){reason.data, len};
}

void message_command_append(struct buffer *buffer, const struct command *command)
{
    assert(command->operation.len > 0);
    assert(command->traceparent.data == NULL ||
           command->traceparent.len == MESSAGE_TRACEPARENT_LEN);
    append_head(buffer, command->op, &command->gtid, command->branch, command->attempt);
    json_append_name(buffer, ",\"operation\":\"", command->operation); /* a name */
    if (command->timeout_us != 0)
        append_duration(buffer, ",\"timeout\":\"", command->timeout_us);
    if (command->lock_wait_us != 0)
        append_duration(buffer, ",\"lock_wait\":\"", command->lock_wait_us);
    if (command->ordered)
        buffer_append_text(buffer, ",\"ordered\":true");
    if (command->traceparent.data != NULL) {
        buffer_append_text(buffer, ",\"traceparent\":");
        json_append_string(buffer, command->traceparent);
    }
    if (command->input.data != NULL)
        append_payload(buffer, ",\"input\":", command->input);
    buffer_append_text(buffer, "}\n");
}

void message_result_append(struct buffer *buffer, const struct result *result)
{
    append_head(buffer, result->op, &result->gtid, result->branch, result->attempt);
    json_append_word(buffer, ",\"result\":\"", message_result_name(result->result));
    if (result->result == RESULT_VOTE) {
        assert(result->vote == VOTE_YES || result->vote == VOTE_READ_ONLY);
        json_append_word(buffer, ",\"vote\":\"", message_vote_name(result->vote));
    }
    if (result->state != BRANCH_IS_UNSAID)
        json_append_word(buffer, ",\"state\":\"", message_state_name(result->state));
    if (result->result == RESULT_RETRY && result->retry_after_us != 0)
        append_duration(buffer, ",\"retry_after\":\"", result->retry_after_us);
    if (result->result == RESULT_CONFLICT && !troth_gtid_equal(&result->blocker, &no_gtid)) {
        char text[TROTH_GTID_TEXT_LEN + 1];
        troth_gtid_format(&result->blocker, text);
        json_append_word(buffer, ",\"blocker\":\"", text);
    }
    if (result->reason.data != NULL) {
        buffer_append_text(buffer, ",\"reason\":");
        json_append_string(buffer, reason_cut(result->reason));
    }
    if (result->output.data != NULL)
        append_payload(buffer, ",\"output\":", result->output);
    buffer_append_text(buffer, "}\n");
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* The members of a line, as found in one pass. */
enum member {
    MEMBER_OP,
    MEMBER_GTID,
    MEMBER_BRANCH,
    MEMBER_ATTEMPT,
    MEMBER_OPERATION,
    MEMBER_TIMEOUT,
    MEMBER_LOCK_WAIT,
    MEMBER_ORDERED,
    MEMBER_TRACEPARENT,
    MEMBER_INPUT,
    MEMBER_RESULT,
    MEMBER_VOTE,
    MEMBER_STATE,
    MEMBER_RETRY_AFTER,
    MEMBER_BLOCKER,
    MEMBER_OUTPUT,
    MEMBER_REASON,
    MEMBER_COUNT
};

#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct troth_span member_names[MEMBER_COUNT] = {
    [MEMBER_OP] = NAME("op"),
    [MEMBER_GTID] = NAME("gtid"),
    [MEMBER_BRANCH] = NAME("branch"),
    [MEMBER_ATTEMPT] = NAME("attempt"),
    [MEMBER_OPERATION] = NAME("operation"),
    [MEMBER_TIMEOUT] = NAME("timeout"),
    [MEMBER_LOCK_WAIT] = NAME("lock_wait"),
    [MEMBER_ORDERED] = NAME("ordered"),
    [MEMBER_TRACEPARENT] = NAME("traceparent"),
    [MEMBER_INPUT] = NAME("input"),
    [MEMBER_RESULT] = NAME("result"),
    [MEMBER_VOTE] = NAME("vote"),
    [MEMBER_STATE] = NAME("state"),
    [MEMBER_RETRY_AFTER] = NAME("retry_after"),
    [MEMBER_BLOCKER] = NAME("blocker"),
    [MEMBER_OUTPUT] = NAME("output"),
    [MEMBER_REASON] = NAME("reason"),
};
#undef NAME

struct line {
    struct troth_span members[MEMBER_COUNT]; /* absent, or the value */
    unsigned last;                           /* member that was found */
    bool is_twice;                           /* one of them is */
    const char *why;
};

static int wrong(struct line *line, int error, const char *why)
{
    line->why = why;
    return error;
}

static bool is_member(struct troth_span inside, unsigned member)
{
    return member_names[member].len == inside.len &&
           memcmp(member_names[member].data, inside.data, inside.len) == 0;
}

/* Once for each member of each line. They mostly come in the order in which they are written, so
 * the search begins behind the last one; escapes, which nobody writes in a name, are looked for
 * only when no name fits as it stands. */
static unsigned member_of(struct troth_span key, unsigned last)
{
    struct troth_span inside = {key.data + 1, key.len - 2};
    for (unsigned i = last + 1; i < MEMBER_COUNT; i++)
        if (is_member(inside, i))
            return i;
    for (unsigned i = 0; i <= last; i++)
        if (is_member(inside, i))
            return i;
    unsigned i = MEMBER_COUNT;
    if (memchr(inside.data, '\\', inside.len) != NULL)
        for (i = 0; i < MEMBER_COUNT && !json_string_equals(key, member_names[i]);)
            i++;
    return i;
}

static void on_member(void *arg, struct troth_span key, struct troth_span value)
{
    struct line *line = arg;
    unsigned member = member_of(key, line->last);
    if (member == MEMBER_COUNT)
        return;
    line->is_twice = line->is_twice || line->members[member].data != NULL;
    line->members[member] = value;
    line->last = member;
}

static int line_read(struct troth_span text, struct line *line)
{
    if (text.len > MESSAGE_LINE_MAX)
        return wrong(line, TROTH_ERROR_TOO_LARGE, "the line is longer than 1 MiB");
    struct troth_span object;
    struct json_fault fault;
    line->last = MEMBER_COUNT - 1; /* so that the first search begins with the first */
    int error = json_check_object(text, JSON_CHECK_KEPT, on_member, line, &object, &fault);
    if (error == TROTH_ERROR_TYPE)
        return wrong(line, error, "the line is not an object");
    if (error != 0)
        return wrong(line, TROTH_ERROR_SYNTAX, fault.text);
    return line->is_twice ? wrong(line, TROTH_ERROR_SYNTAX, "a member is there twice") : 0;
}

/* A short word, in the line, or unescaped into `text`; empty when it is absent, no string or too
 * long for any word of ours. */
#define WORD_CAP 64
static struct troth_span word_read(struct troth_span value, char text[WORD_CAP])
{
    static const struct troth_span none = {"", 0};
    if (value.data == NULL || json_type(value) != JSON_STRING)
        return none;
    struct troth_span inside = {value.data + 1, value.len - 2};
    if (memchr(inside.data, '\\', inside.len) == NULL)
        return inside.len < WORD_CAP ? inside : none;
    return json_string_copy(value, text, WORD_CAP) == 0 ? (struct troth_span){text, strlen(text)}
                                                        : none;
}

static int number_read(struct troth_span value, uint32_t max, uint32_t *ret_number)
{
    int64_t number;
    if (value.data == NULL || json_int64(value, &number) != 0 || number < 1 || number > max)
        return TROTH_ERROR_TYPE;
    *ret_number = (uint32_t)number;
    return 0;
}

static int duration_read(struct troth_span value, uint64_t *ret_us)
{
    char text[WORD_CAP];
    struct troth_span word = word_read(value, text);
    return duration_parse(word.data, word.len, ret_us) == 0 ? 0 : TROTH_ERROR_TYPE;
}

/* What commands and results have in common. */
static int head_read(struct line *line, enum message_op *ret_op, troth_gtid *ret_gtid,
                     uint32_t *ret_branch, uint32_t *ret_attempt)
{
    char text[WORD_CAP];
    if (message_op_parse(word_read(line->members[MEMBER_OP], text), ret_op) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "op: missing, or not one that is known");
    struct troth_span gtid = word_read(line->members[MEMBER_GTID], text);
    if (troth_gtid_parse(gtid.data, gtid.len, ret_gtid) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "gtid: missing, or not a gtid");
    if (number_read(line->members[MEMBER_BRANCH], TROTH_BRANCH_NUMBER_MAX, ret_branch) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "branch: missing, or not an integer from 1 to 9999");
    if (number_read(line->members[MEMBER_ATTEMPT], TROTH_ATTEMPT_MAX, ret_attempt) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "attempt: missing, or not an integer from 1 to 9999");
    return 0;
}

/* The text of a string: in the line where it can be, else unescaped into scratch. */
static int text_read(struct troth_span value, struct buffer *scratch, struct troth_span *ret_text)
{
    if (json_type(value) != JSON_STRING)
        return TROTH_ERROR_TYPE;
    struct troth_span inside = {value.data + 1, value.len - 2};
    if (memchr(inside.data, '\\', inside.len) != NULL) {
        int error = json_string(value, scratch);
        if (error != 0)
            return error;
        inside = buffer_span(scratch);
    }
    *ret_text = inside;
    return 0;
}

static bool hex_lower(struct troth_span text, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/* 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context, section 3.2). Anything else is dropped: tracing
 * never stops a transaction. */
static struct troth_span traceparent_read(struct troth_span value)
{
    const struct troth_span absent = {NULL, 0};
    if (value.len != MESSAGE_TRACEPARENT_LEN + 2 || json_type(value) != JSON_STRING)
        return absent;
    struct troth_span text = {value.data + 1, value.len - 2};
    bool good = memcmp(text.data, "00-", 3) == 0 && hex_lower(text, 3, 32) &&
                text.data[35] == '-' && hex_lower(text, 36, 16) && text.data[52] == '-' &&
                hex_lower(text, 53, 2);
    return good ? text : absent;
}

/* How long a command may take, and wait for locks. "0s": nothing is left of it, which is not "there
 * is none". */
static int waits_read(struct line *line, struct command *command)
{
    struct troth_span timeout = line->members[MEMBER_TIMEOUT];
    struct troth_span lock_wait = line->members[MEMBER_LOCK_WAIT];
    struct troth_span ordered = line->members[MEMBER_ORDERED];
    if (timeout.data != NULL && duration_read(timeout, &command->timeout_us) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "timeout: not a duration");
    if (timeout.data != NULL && command->timeout_us == 0)
        command->timeout_us = 1;
    if (lock_wait.data != NULL && duration_read(lock_wait, &command->lock_wait_us) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "lock_wait: not a duration");
    if (lock_wait.data != NULL && command->lock_wait_us == 0)
        command->lock_wait_us = 1;
    if (ordered.data != NULL && json_bool(ordered, &command->ordered) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "ordered: neither true nor false");
    return 0;
}

static int command_read(struct line *line, struct buffer *scratch, struct command *command)
{
    int error = head_read(line, &command->op, &command->gtid, &command->branch, &command->attempt);
    if (error != 0)
        return error;
    struct troth_span operation = line->members[MEMBER_OPERATION];
    error = operation.data == NULL ? TROTH_ERROR_TYPE
                                   : text_read(operation, scratch, &command->operation);
    if (error == TROTH_ERROR_NO_MEMORY)
        return wrong(line, error, "operation: out of memory");
    if (error != 0 || !troth_name_valid(command->operation.data, command->operation.len))
        return wrong(line, TROTH_ERROR_TYPE, "operation: missing, or not a name");
    error = waits_read(line, command);
    if (error != 0)
        return error;
    if (line->members[MEMBER_TRACEPARENT].data != NULL)
        command->traceparent = traceparent_read(line->members[MEMBER_TRACEPARENT]);
    command->input = line->members[MEMBER_INPUT];
    return 0;
}

static int result_words_read(struct line *line, struct result *result)
{
    char text[WORD_CAP];
    struct troth_span word = word_read(line->members[MEMBER_RESULT], text);
    if (message_result_name_parse(word, &result->result) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "result: missing, or not one that is known");
    if (result->result == RESULT_VOTE) {
        word = word_read(line->members[MEMBER_VOTE], text);
        if (message_vote_parse(word, &result->vote) != 0 ||
            (result->vote != VOTE_YES && result->vote != VOTE_READ_ONLY))
            return wrong(line, TROTH_ERROR_TYPE, "vote: missing, or neither yes nor read_only");
    }
    if (line->members[MEMBER_STATE].data != NULL) {
        word = word_read(line->members[MEMBER_STATE], text);
        if (message_state_parse(word, &result->state) != 0)
            return wrong(line, TROTH_ERROR_TYPE, "state: not one that is known");
    }
    return 0;
}

/* For people and for the choice of a wait: one that is none is as good as absent. */
static void blocker_read(struct troth_span value, troth_gtid *ret_gtid)
{
    char text[WORD_CAP];
    struct troth_span word = word_read(value, text);
    if (troth_gtid_parse(word.data, word.len, ret_gtid) != 0)
        *ret_gtid = no_gtid;
}

static int result_read(struct line *line, struct buffer *scratch, struct result *result)
{
    int error = head_read(line, &result->op, &result->gtid, &result->branch, &result->attempt);
    if (error == 0)
        error = result_words_read(line, result);
    if (error != 0)
        return error;
    if (result->result == RESULT_RETRY && line->members[MEMBER_RETRY_AFTER].data != NULL &&
        duration_read(line->members[MEMBER_RETRY_AFTER], &result->retry_after_us) != 0)
        return wrong(line, TROTH_ERROR_TYPE, "retry_after: not a duration");
    if (result->result == RESULT_CONFLICT)
        blocker_read(line->members[MEMBER_BLOCKER], &result->blocker);
    if (line->members[MEMBER_REASON].data != NULL) {
        error = text_read(line->members[MEMBER_REASON], scratch, &result->reason);
        if (error == TROTH_ERROR_NO_MEMORY)
            return wrong(line, error, "reason: out of memory");
        if (error != 0)
            return wrong(line, error, "reason: not a string");
        result->reason = reason_cut(result->reason);
    }
    result->output = line->members[MEMBER_OUTPUT];
    return 0;
}

int message_command_parse(struct troth_span line, struct buffer *scratch,
                          struct command *ret_command, const char **ret_why)
{
    assert(scratch != NULL && ret_command != NULL);
    struct line read = {.why = NULL};
    struct command command = {.timeout_us = 0};
    buffer_clear(scratch);
    int error = line_read(line, &read);
    if (error == 0)
        error = command_read(&read, scratch, &command);
    if (error == 0)
        *ret_command = command;
    else if (ret_why != NULL)
        *ret_why = read.why;
    return error;
}

int message_result_parse(struct troth_span line, struct buffer *scratch, struct result *ret_result,
                         const char **ret_why)
{
    assert(scratch != NULL && ret_result != NULL);
    if (own_line_read(line, ret_result))
        return 0;
    struct line read = {.why = NULL};
    struct result result = {.vote = VOTE_NONE};
    buffer_clear(scratch);
    int error = line_read(line, &read);
    if (error == 0)
        error = result_read(&read, scratch, &result);
    if (error == 0)
        *ret_result = result;
    else if (ret_why != NULL)
        *ret_why = read.why;
    return error;
}
