/* batch.c: the batch binding: a command a line, a result a line, in any order, streamed. */
#include "inside.h"

#include <string.h>

#include <base/now.h>

#include "binding.h"
#include "item.h"
#include "retry_after.h"
#include "words.h"

static void on_line(void *arg, struct troth_span line);

static int call(struct outbound *outbound, struct http_peer *peer, http_done done)
{
    struct channel *channel = outbound->channel;
    struct http_header headers[OUTBOUND_HEADERS_MAX + 1] = {{NULL, NULL}};
    uint64_t now_us = mono_now().us;
    const struct item *item;
    (void)channel_outbound_headers(outbound, headers, &channel->headers);
    buffer_clear(&channel->body);
    TAILQ_FOREACH(item, &outbound->open, link)
    {
        struct command command = item->command;
        command.timeout_us = item->has_timeout ? channel_item_left_us(item, now_us) : 0;
        command.lock_wait_us = channel_item_lock_wait_us(item, now_us);
        message_command_append(&channel->body, &command);
    }
    if (channel->body.failed)
        return TROTH_ERROR_NO_MEMORY;
    return http_peer_call(
        peer,
        &(struct http_request){.method = "POST",
                               .target = "",
                               .headers = headers,
                               .type = "application/x-ndjson",
                               .body = buffer_span(&channel->body),
                               .timeout_us = channel_outbound_timeout_us(outbound),
                               .on_line = on_line,
                               .on_done = done,
                               .arg = outbound},
        &outbound->call);
}

static bool is_answer_to(const struct item *item, const struct result *result)
{
    return item->command.op == result->op && item->command.branch == result->branch &&
           item->command.attempt == result->attempt &&
           troth_gtid_equal(&item->command.gtid, &result->gtid);
}

/* What does not fit the question proves nothing. */
static bool is_sensible(const struct result *result)
{
    switch (result->result) {
    case RESULT_VOTE:
        return result->op == OP_PREPARE;
    case RESULT_DONE:
        return result->op != OP_PREPARE;
    case RESULT_REFUSED:
    case RESULT_RETRY:
    case RESULT_UNKNOWN:
    case RESULT_HEURISTIC:
    case RESULT_NO_OPERATION:
    case RESULT_CONFLICT:
        return true;
    case RESULT_COUNT:
        break;
    }
    return false;
}

/* Results come mostly in the order of the commands: the search mostly ends at the first. A line
 * that is torn, answers nothing that is open (twice answered, another gtid, never asked) or makes
 * no sense is ignored; its command stays open and becomes unknown with the end of the request. */
static void on_line(void *arg, struct troth_span line)
{
    struct outbound *outbound = arg;
    struct channel *channel = outbound->channel;
    struct result result;
    struct item *item;
    channel_outbound_read_slots(outbound, &(struct http_reply){.call = outbound->call});
    if (message_result_parse(line, &channel->scratch, &result, NULL) != 0 || !is_sensible(&result))
        return;
    if (result.output.data != NULL) /* a line is deeper and longer than an output may be */
        channel_read_output(channel, result.output, &result);
    TAILQ_FOREACH(item, &outbound->open, link)
    {
        if (is_answer_to(item, &result)) {
            if (result.result == RESULT_NO_OPERATION && channel_item_elsewhere(item))
                return;
            channel_item_answer(channel, item, &result, true);
            return;
        }
    }
}

static void answered(struct outbound *outbound, const struct http_reply *reply)
{
    if (reply->status / 100 == 2)
        return;
    bool is_not_now = channel_is_not_now(reply);
    struct troth_span words = channel_said(outbound->channel, reply);
    struct item *item;
    while ((item = TAILQ_FIRST(&outbound->open)) != NULL) {
        struct result result =
            channel_item_result(item, is_not_now ? RESULT_RETRY : RESULT_UNKNOWN);
        result.retry_after_us = is_not_now ? channel_outbound_retry_after_us(reply) : 0;
        result.reason = words;
        result.said = (uint16_t)reply->status;
        channel_item_answer(outbound->channel, item, &result, true);
    }
}

const struct binding channel_binding_batch = {
    .commands_max = CHANNEL_BATCH_COMMANDS_MAX,
    .call = call,
    .answered = answered,
};
