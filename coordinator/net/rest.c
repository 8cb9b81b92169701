/* rest.c: the http binding: one request per command, the result by class of its status
 * (interfaces.md). Never a decision from words in a body. */
#include "inside.h"

#include <string.h>
#include <strings.h>

#include <base/duration.h>
#include <base/json.h>
#include <base/now.h>
#include <base/number.h>

#include "binding.h"
#include "item.h"
#include "retry_after.h"
#include "words.h"

#define HEADERS_MAX (9u + OUTBOUND_HEADERS_MAX)

/* Values of the headers of one request, and where each began in the text. */
struct head {
    struct http_header list[HEADERS_MAX + 1];
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    char branch[NUMBER_TEXT_MAX + 1];
    char attempt[NUMBER_TEXT_MAX + 1];
    char timeout[DURATION_TEXT_MAX];
    char lock_timeout[DURATION_TEXT_MAX];
    char key[TROTH_GTID_TEXT_LEN + 48]; /* gtid:branch:op:attempt, :epoch-number */
    char traceparent[MESSAGE_TRACEPARENT_LEN + 1];
};

/* gtid:branch:op:attempt, and behind that what makes an operator's retry of a commit or an abort
 * another request to who keeps its answers under their keys. */
static void format_key(struct head *head, enum message_op op, uint64_t again)
{
    const char *const parts[] = {head->gtid,          ":", head->branch, ":",
                                 message_op_name(op), ":", head->attempt};
    char *at = head->key;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        at = stpcpy(at, parts[i]);
    if (again != 0) {
        char number[NUMBER_TEXT_MAX + 1];
        (void)number_format((uint32_t)(again >> 32), number);
        at = stpcpy(stpcpy(at, ":"), number);
        (void)number_format((uint32_t)again, number);
        (void)stpcpy(stpcpy(at, "-"), number);
    }
}

static void format_head(struct outbound *outbound, const struct item *item, struct head *head)
{
    const struct command *command = &item->command;
    uint32_t count = channel_outbound_headers(outbound, head->list, &outbound->channel->headers);
    troth_gtid_format(&command->gtid, head->gtid);
    (void)number_format(command->branch, head->branch);
    (void)number_format(command->attempt, head->attempt);
    format_key(head, command->op, command->again);
    head->list[count++] = (struct http_header){HEADER_GTID, head->gtid};
    head->list[count++] = (struct http_header){HEADER_BRANCH, head->branch};
    head->list[count++] = (struct http_header){HEADER_ATTEMPT, head->attempt};
    head->list[count++] = (struct http_header){"Idempotency-Key", head->key};
    uint64_t now_us = mono_now().us;
    uint64_t lock_wait_us = channel_item_lock_wait_us(item, now_us);
    if (item->has_timeout) {
        (void)duration_format(channel_item_left_us(item, now_us), head->timeout);
        head->list[count++] = (struct http_header){HEADER_TIMEOUT, head->timeout};
    }
    if (lock_wait_us != 0) {
        (void)duration_format(lock_wait_us, head->lock_timeout);
        head->list[count++] = (struct http_header){HEADER_LOCK_TIMEOUT, head->lock_timeout};
    }
    if (command->ordered)
        head->list[count++] = (struct http_header){HEADER_ORDERED, "true"};
    if (command->traceparent.len == MESSAGE_TRACEPARENT_LEN) {
        memcpy(head->traceparent, command->traceparent.data, MESSAGE_TRACEPARENT_LEN);
        head->traceparent[MESSAGE_TRACEPARENT_LEN] = 0;
        head->list[count++] = (struct http_header){"traceparent", head->traceparent};
    }
    head->list[count] = (struct http_header){NULL, NULL};
}

static int call(struct outbound *outbound, struct http_peer *peer, http_done done)
{
    struct channel *channel = outbound->channel;
    const struct item *item = TAILQ_FIRST(&outbound->open);
    struct head head;
    format_head(outbound, item, &head);
    buffer_clear(&channel->body);
    buffer_append_char(&channel->body, '/');
    buffer_append_span(&channel->body, item->command.operation);
    buffer_append_char(&channel->body, '/');
    buffer_append_text(&channel->body, message_op_name(item->command.op));
    const char *target = buffer_text(&channel->body);
    if (target == NULL)
        return TROTH_ERROR_NO_MEMORY;
    return http_peer_call(
        peer,
        &(struct http_request){.method = "POST",
                               .target = target,
                               .headers = head.list,
                               .type = item->command.input.data != NULL ? "application/json" : NULL,
                               .body = item->command.input,
                               .timeout_us = channel_outbound_timeout_us(outbound),
                               .on_done = done,
                               .arg = outbound},
        &outbound->call);
}

static struct troth_span text_span(const char *text)
{
    return (struct troth_span){text, strlen(text)};
}

/* 2xx. What its headers say about the branch has to be understood, or nothing is known. */
static void read_success(struct channel *channel, const struct http_reply *reply,
                         struct result *result)
{
    struct troth_span value;
    if (result->op == OP_PREPARE) {
        result->result = RESULT_VOTE;
        result->vote = VOTE_YES;
        if (http_reply_header(reply, HEADER_VOTE, &value) &&
            (message_vote_parse(value, &result->vote) != 0 ||
             (result->vote != VOTE_YES && result->vote != VOTE_READ_ONLY))) {
            result->result = RESULT_UNKNOWN;
            result->vote = VOTE_NONE;
            result->reason = text_span("the vote is neither yes nor read_only");
            return;
        }
    } else {
        result->result = RESULT_DONE;
        if (http_reply_header(reply, HEADER_STATE, &value) &&
            message_state_parse(value, &result->state) != 0) {
            result->result = RESULT_UNKNOWN;
            result->reason = text_span("the state is not one that is known");
            return;
        }
    }
    if (reply->body.len > 0)
        channel_read_output(channel, reply->body, result);
}

/* Another value than "true" is not understood: the status alone says what it is. */
static bool says_conflict(const struct http_reply *reply)
{
    struct troth_span value;
    return (reply->status == 409 || reply->status == 425 || reply->status == 503) &&
           http_reply_header(reply, HEADER_CONFLICT, &value) && value.len == strlen("true") &&
           strncasecmp(value.data, "true", value.len) == 0;
}

static void read_conflict(struct channel *channel, const struct http_reply *reply,
                          struct result *result)
{
    struct troth_span value;
    troth_gtid blocker;
    result->result = RESULT_CONFLICT;
    result->reason = channel_refusal_reason(channel, reply->body);
    result->retry_after_us = channel_outbound_retry_after_us(reply);
    if (http_reply_header(reply, HEADER_BLOCKER, &value) &&
        troth_gtid_parse(value.data, value.len, &blocker) == 0)
        result->blocker = blocker;
}

/* 409. "aborted" says that a tombstone stands; any other word proves nothing. */
static void read_refusal(struct channel *channel, const struct http_reply *reply,
                         struct result *result)
{
    struct troth_span value;
    enum message_state state = BRANCH_IS_UNSAID;
    result->result = RESULT_REFUSED;
    result->reason = channel_refusal_reason(channel, reply->body);
    if (http_reply_header(reply, HEADER_STATE, &value) && message_state_parse(value, &state) == 0 &&
        state == BRANCH_IS_ABORTED)
        result->state = BRANCH_IS_ABORTED;
}

/* No such path, or not by this method: no refusal, for another replica may have it; and no proof
 * that this try left nothing, for services say the same of other things. */
static bool lacks_operation(const struct http_reply *reply)
{
    return reply->status == 404 || reply->status == 405 || reply->status == 501;
}

static void answered(struct outbound *outbound, const struct http_reply *reply)
{
    struct channel *channel = outbound->channel;
    struct item *item = TAILQ_FIRST(&outbound->open);
    if (item == NULL) /* too late: it was told unknown */
        return;
    struct result result = channel_item_result(item, RESULT_UNKNOWN);
    if (reply->status / 100 == 2) {
        read_success(channel, reply, &result);
        if (result.result == RESULT_UNKNOWN)
            result.said = TROUBLE_NOT_UNDERSTOOD;
    } else if (says_conflict(reply)) {
        read_conflict(channel, reply, &result);
    } else if (reply->status == 409) {
        read_refusal(channel, reply, &result);
    } else {
        if (channel_is_not_now(reply)) {
            result.result = RESULT_RETRY;
            result.retry_after_us = channel_outbound_retry_after_us(reply);
        } else if (lacks_operation(reply)) {
            result.result = RESULT_NO_OPERATION;
        }
        result.reason = channel_said(channel, reply);
        result.said = (uint16_t)reply->status;
    }
    channel_item_answer(channel, item, &result, true);
}

const struct binding channel_binding_http = {
    .commands_max = 1,
    .call = call,
    .answered = answered,
};
