/* words.c: what a participant said that is no result, for people. */
#include "words.h"

#include <string.h>

#include <base/json.h>

#define SAID_BODY_MAX 200u /* bytes shown of what it said with a status that is no result */

/* Cut between two characters. */
static struct troth_span cut(struct troth_span text, size_t most)
{
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    return text;
}

bool channel_is_not_now(const struct http_reply *reply)
{
    return reply->status == 425 || reply->status == 429 || reply->status == 503;
}

/* Valid UTF-8 of at most MESSAGE_REASON_MAX bytes without control characters, whatever it was. */
static struct troth_span clean_reason(struct channel *channel, struct troth_span text)
{
    if (text.len > MESSAGE_REASON_MAX)
        text.len = MESSAGE_REASON_MAX;
    buffer_clear(&channel->scratch);
    buffer_clear(&channel->reason);
    json_append_string(&channel->scratch, text);
    if (channel->scratch.failed ||
        json_string(buffer_span(&channel->scratch), &channel->reason) != 0)
        return (struct troth_span){NULL, 0};
    struct buffer *reason = &channel->reason;
    for (size_t i = 0; i < reason->len; i++) {
        unsigned char c = (unsigned char)reason->data[i];
        if (c < ' ' || c == 0x7f)
            reason->data[i] = ' ';
    }
    size_t len = reason->len < MESSAGE_REASON_MAX ? reason->len : MESSAGE_REASON_MAX;
    while (len > 0 && len < reason->len && ((unsigned char)reason->data[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    while (len > 0 && reason->data[len - 1] == ' ')
        len--;
    return len > 0 ? (struct troth_span){reason->data, len} : (struct troth_span){NULL, 0};
}

struct troth_span channel_refusal_reason(struct channel *channel, struct troth_span body)
{
    struct troth_span value;
    struct troth_span detail;
    BUFFER_SCOPED struct buffer text = {.data = NULL};
    if (json_check(body, JSON_CHECK_DEFAULT, &value, NULL) == 0 &&
        json_type(value) == JSON_OBJECT && json_member(value, "detail", &detail) &&
        json_string(detail, &text) == 0)
        return clean_reason(channel, buffer_span(&text));
    return clean_reason(channel, body);
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
