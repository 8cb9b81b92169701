/* binding.c: what both bindings write into a request, and read of its answer. */
#include "binding.h"

#include <string.h>

#include <base/now.h>
#include <base/number.h>

#include "item.h"
#include "route.h"

uint64_t channel_outbound_timeout_us(const struct outbound *outbound)
{
    uint64_t now_us = mono_now().us;
    uint64_t longest_us = 1;
    const struct item *item;
    TAILQ_FOREACH(item, &outbound->open, link)
    {
        uint64_t left_us = channel_item_left_us(item, now_us);
        longest_us = left_us > longest_us ? left_us : longest_us;
    }
    return longest_us;
}

uint32_t channel_outbound_headers(struct outbound *outbound,
                                  struct http_header headers[OUTBOUND_HEADERS_MAX],
                                  struct buffer *text)
{
    struct channel *channel = outbound->channel;
    uint32_t count = 0;
    const char *token = NULL, *why;
    headers[count++] = (struct http_header){HEADER_JOURNAL, channel->journal};
    buffer_clear(text);
    if (channel->config.oldest_open != NULL)
        channel->config.oldest_open(channel->config.arg, channel->marks_round++, text);
    const char *oldest = text->len > 0 ? buffer_text(text) : NULL;
    if (oldest != NULL)
        headers[count++] = (struct http_header){HEADER_OLDEST_OPEN, oldest};
    if (channel_route_token(outbound->route, &token, &why) && token != NULL)
        headers[count++] = (struct http_header){"Authorization", token};
    return count;
}

static uint32_t announced(const struct http_reply *reply, const char *name, uint32_t otherwise)
{
    struct troth_span value;
    uint64_t number = 0;
    if (!http_reply_header(reply, name, &value) ||
        number_parse(value, CHANNEL_SLOTS_MAX, &number) == TROTH_ERROR_SYNTAX || number == 0)
        return otherwise;
    return (uint32_t)number;
}

static void read_epoch(const struct channel *channel, const struct http_reply *reply)
{
    struct troth_span value;
    uint64_t shard, epoch;
    const char *slash;
    if (channel->config.epoch == NULL || !http_reply_header(reply, HEADER_EPOCH, &value) ||
        (slash = memchr(value.data, '/', value.len)) == NULL)
        return;
    size_t at = (size_t)(slash - value.data);
    if (number_parse((struct troth_span){value.data, at}, TROTH_SHARDS_MAX - 1, &shard) ==
            TROTH_OK &&
        number_parse((struct troth_span){slash + 1, value.len - at - 1}, TROTH_EPOCH_MAX, &epoch) ==
            TROTH_OK)
        channel->config.epoch(channel->config.arg, (uint32_t)shard, (uint32_t)epoch);
}

/* Who says nothing of its places has as many as slots. */
void channel_outbound_read_slots(struct outbound *outbound, const struct http_reply *reply)
{
    struct channel *channel = outbound->channel;
    if (outbound->slots_read)
        return;
    outbound->slots_read = true;
    breaker_heard(&channel->pool);
    uint32_t slots = announced(reply, HEADER_SLOTS, 0);
    if (slots > 0) {
        channel->slots = slots;
        channel->announced = true;
    }
    channel->places = announced(reply, HEADER_PLACES, channel->slots);
    if (channel->places < channel->slots)
        channel->places = channel->slots;
    channel_take_part(channel);
    read_epoch(channel, reply);
    channel_is_due(channel);
}
