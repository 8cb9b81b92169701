/* words.c: what a participant said that is no result, for people. */
#include "inside.h"

#include <string.h>

#include <base/json.h>

#define SAID_BODY_MAX 200u /* bytes shown of what it said with a status that is no result */

/* Cut between two characters. */
static struct troth_span cut(struct troth_span text, size_t most)
{
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

bool channel_is_not_now(const struct http_reply *reply)
{
    return reply->status == 425 || reply->status == 429 || reply->status == 503;
}

struct troth_span channel_said(struct channel *channel, const struct http_reply *reply)
{
    BUFFER_SCOPED struct buffer text = {.data = NULL};
    struct troth_span words = cut(channel_refusal_reason(channel, reply->body), SAID_BODY_MAX);
    buffer_append_format(&text, "said %d", reply->status);
    if (words.len > 0) {
        buffer_append_text(&text, " \"");
        buffer_append_span(&text, words);
        buffer_append_char(&text, '"');
    }
    buffer_clear(&channel->reason);
    buffer_append_span(&channel->reason, buffer_span(&text));
    return channel->reason.failed ? (struct troth_span){NULL, 0} : buffer_span(&channel->reason);
}

void channel_read_output(struct channel *channel, struct troth_span text, struct result *result)
{
    struct troth_span value;
    struct json_fault fault;
    const char *why = "it is larger than 512 KiB";
    if (text.len <= MESSAGE_PAYLOAD_MAX) {
        if (json_check(text, JSON_CHECK_PAYLOAD, &value, &fault) == 0) {
            result->output = value;
            return;
        }
        why = fault.text;
    }
    buffer_clear(&channel->reason);
    buffer_append_format(&channel->reason, "what it answered is no output: %s", why);
    result->output = (struct troth_span){NULL, 0};
    result->reason = buffer_span(&channel->reason);
    result->said = TROUBLE_NOT_UNDERSTOOD; /* the body: that it is done stands in the status */
}
