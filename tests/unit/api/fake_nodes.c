/* The scripted host's view of other nodes: there is one, or none. */
#include "fake_private.h"

#include <string.h>

#include <base/span.h>

static const uint8_t shared[NODE_KEY_BYTES] = {1, 2, 3};

static void describe(const struct fake_host *fake, struct api_node *ret_node)
{
    *ret_node = (struct api_node){.name = "other", .key = fake->other_key};
}

static enum api_whose fake_whose(void *ctx, const troth_gtid *gtid, struct troth_span key,
                                 struct api_node *ret_node)
{
    const struct fake_host *fake = ctx;
    (void)gtid;
    (void)key;
    describe(fake, ret_node);
    return fake->whose;
}

static bool fake_node_at(void *ctx, uint32_t i, struct api_node *ret_node)
{
    const struct fake_host *fake = ctx;
    describe(fake, ret_node);
    return i == 0 && fake->other != NULL;
}

static int fake_pass(void *ctx, const struct api_node *node, const struct http_request *request,
                     struct http_call **ret_call)
{
    const struct fake_host *fake = ctx;
    (void)node;
    return fake->other != NULL ? http_peer_call(fake->other, request, ret_call)
                               : TROTH_ERROR_UNAVAILABLE;
}

static bool fake_mac(void *ctx, struct troth_span node, struct troth_span text,
                     char ret_mac[NODE_MAC_TEXT_LEN + 1])
{
    const struct fake_host *fake = ctx;
    return span_is(node, fake->other_key) && node_key_mac(shared, text, ret_mac) == 0;
}

static bool fake_knows(void *ctx, struct troth_span node)
{
    const struct fake_host *fake = ctx;
    return !fake->is_stranger && span_is(node, fake->other_key);
}

static bool fake_is_new(void *ctx, struct troth_span node, uint64_t number)
{
    struct fake_host *fake = ctx;
    bool is_new = span_is(node, fake->other_key) && number > fake->highest;
    fake->highest = is_new ? number : fake->highest;
    return is_new;
}

void fake_nodes(struct fake_host *fake)
{
    fake->own_key = "aa";
    fake->other_key = "bb";
    fake->host.whose = fake_whose;
    fake->host.node_at = fake_node_at;
    fake->host.pass = fake_pass;
    fake->host.mac = fake_mac;
    fake->host.knows = fake_knows;
    fake->host.is_new = fake_is_new;
    fake->host.node_key = fake->own_key;
    fake->host.reply_wait_us = 1000000;
}
