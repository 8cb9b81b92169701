/* passing.c: see passing.h. */
#include "passing.h"

#include <stdlib.h>
#include <string.h>

#include <base/span.h>
#include <http/client.h>
#include <journal/journal.h>

#include "shards.h"
#include "state.h"
#include "table.h"

#define CONNECTIONS_MAX    4096u /* to one node; beyond: 503 */
#define CONNECT_TIMEOUT_US UINT64_C(2000000)
#define ANSWER_BYTES_MAX   (96u << 20) /* a transaction with all its inputs and outputs */

/* So many numbers below the highest are known one by one: who is overtaken by more is asked again.
 */
#define NUMBERS 65536u

/* Another process, as long as it is among the nodes. */
struct passing_peer {
    struct passing_peer *next;
    char key[JOURNAL_PUBLIC_KEY_LEN + 1];
    char address[JOURNAL_NODE_TEXT_MAX];
    uint8_t shared[NODE_KEY_BYTES];
    uint64_t highest; /* number that came from there, and which of those below */
    uint64_t came[NUMBERS / 64];
    struct http_peer *http; /* NULL: nothing was sent there yet, or its address cannot be called */
};

/* --- the others ------------------------------------------------------------------------------- */

static const struct journal_node *node_with(const struct driver *driver, struct troth_span key)
{
    const struct journal_node *nodes = NULL;
    size_t count = shards_nodes(driver, &nodes);
    for (size_t i = 0; i < count; i++)
        if (!nodes[i].self && span_is(key, nodes[i].public_key))
            return &nodes[i];
    return NULL;
}

static void peer_destroy(struct passing_peer *peer)
{
    http_peer_destroy(peer->http);
    free(peer);
}

/* Those that have left, once nothing waits for them any more. */
static void forget_left(struct driver *driver)
{
    struct passing_peer **at = &driver->peers;
    while (*at != NULL) {
        struct passing_peer *peer = *at;
        bool waits = peer->http != NULL && http_peer_free(peer->http) < CONNECTIONS_MAX;
        if (waits || node_with(driver, span_of(peer->key)) != NULL) {
            at = &peer->next;
            continue;
        }
        *at = peer->next;
        peer_destroy(peer);
    }
}

void passing_look(struct driver *driver)
{
    for (struct passing_peer *peer = driver->peers; peer != NULL; peer = peer->next) {
        const struct journal_node *node = node_with(driver, span_of(peer->key));
        if (peer->http == NULL || (node != NULL && node->live))
            continue;
        struct http_peer *http = peer->http;
        peer->http = NULL;
        http_peer_destroy(http); /* who waited is answered from inside, and may ask again */
    }
    forget_left(driver);
}

static bool read_hex(struct troth_span text, uint8_t ret_bytes[NODE_KEY_BYTES])
{
    if (text.len != (size_t)2 * NODE_KEY_BYTES)
        return false;
    for (size_t i = 0; i < NODE_KEY_BYTES; i++) {
        const char digits[3] = {text.data[2 * i], text.data[2 * i + 1], '\0'};
        char *end;
        ret_bytes[i] = (uint8_t)strtoul(digits, &end, 16);
        if (*end != '\0')
            return false;
    }
    return true;
}

/* false: what is shown as a key is none, or there is no memory. */
static bool agree(const struct driver *driver, struct troth_span key,
                  uint8_t ret_shared[NODE_KEY_BYTES])
{
    uint8_t public[NODE_KEY_BYTES];
    return read_hex(key, public) && node_key_share(driver->node_private, public, ret_shared) == 0;
}

/* NULL: no memory, or what it shows as its key is none. */
static struct passing_peer *peer_create(struct driver *driver, const struct journal_node *node)
{
    struct passing_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL || !agree(driver, span_of(node->public_key), peer->shared)) {
        free(peer);
        return NULL;
    }
    forget_left(driver);
    memcpy(peer->key, node->public_key, sizeof peer->key);
    memcpy(peer->address, node->address, sizeof peer->address);
    peer->next = driver->peers;
    driver->peers = peer;
    return peer;
}

static struct passing_peer *peer_of(struct driver *driver, struct troth_span key)
{
    struct passing_peer *peer = driver->peers;
    while (peer != NULL && !span_is(key, peer->key))
        peer = peer->next;
    if (peer != NULL)
        return peer;
    const struct journal_node *node = node_with(driver, key);
    return node != NULL ? peer_create(driver, node) : NULL;
}

void passing_finish(struct driver *driver)
{
    while (driver->peers != NULL) {
        struct passing_peer *peer = driver->peers;
        driver->peers = peer->next;
        peer_destroy(peer);
    }
}

/* --- what the API asks for -------------------------------------------------------------------- */

static void describe(const struct journal_node *node, struct api_node *ret_node)
{
    *ret_node = (struct api_node){.name = node->name, .key = node->public_key};
}

/* Whoever leads a shard may begin what has no key; each in its turn, so that one that cannot be
 * reached is not asked again at once. */
static enum api_whose any_other(struct driver *driver, struct api_node *ret_node)
{
    const struct journal_node *nodes = NULL;
    size_t count = shards_nodes(driver, &nodes);
    for (size_t i = 0; i < count; i++) {
        const struct journal_node *node = &nodes[driver->next_peer++ % count];
        if (node->self || !node->live || node->leaving || node->shards == 0)
            continue;
        describe(node, ret_node);
        return API_WHOSE_ANOTHERS;
    }
    return API_WHOSE_NOBODYS;
}

static bool leads_any(const struct driver *driver)
{
    for (uint32_t shard = 0; shard < driver->shards_count; shard++)
        if (shards_led(driver, shard))
            return true;
    return false;
}

enum api_whose passing_whose(void *ctx, const troth_gtid *gtid, struct troth_span key,
                             struct api_node *ret_node)
{
    struct driver *driver = ctx;
    uint32_t shard;
    if (gtid != NULL) {
        struct troth_gtid_parts parts;
        troth_gtid_split(gtid, &parts);
        shard = parts.shard;
    } else if (key.data != NULL) {
        shard = driver_shard_of_key(driver, key);
    } else {
        return leads_any(driver) ? API_WHOSE_OURS : any_other(driver, ret_node);
    }
    if (shard >= driver->shards_count || shards_led(driver, shard))
        return API_WHOSE_OURS;
    const struct journal_node *leader = shards_leader(driver, shard);
    if (leader == NULL || leader->self)
        return API_WHOSE_NOBODYS;
    describe(leader, ret_node);
    return API_WHOSE_ANOTHERS;
}

bool passing_node_at(void *ctx, uint32_t i, struct api_node *ret_node)
{
    const struct journal_node *nodes = NULL;
    size_t count = shards_nodes(ctx, &nodes);
    for (size_t at = 0; at < count; at++) {
        if (nodes[at].self || !nodes[at].live || i-- != 0)
            continue;
        describe(&nodes[at], ret_node);
        return true;
    }
    return false;
}

static int connect_to(struct driver *driver, struct passing_peer *peer)
{
    struct http_peer_config config = {.url = peer->address,
                                      .connections_max = CONNECTIONS_MAX,
                                      .connect_timeout_us = CONNECT_TIMEOUT_US,
                                      .limits = HTTP_LIMITS_DEFAULT,
                                      .tls = driver->tls_nodes};
    config.limits.body_bytes_max = ANSWER_BYTES_MAX;
    int error = http_peer_create(driver->http, &config, &peer->http);
    return error == TROTH_ERROR_CONFIG ? TROTH_ERROR_UNAVAILABLE : error;
}

int passing_send(void *ctx, const struct api_node *node, const struct http_request *request,
                 struct http_call **ret_call)
{
    struct driver *driver = ctx;
    struct passing_peer *peer = peer_of(driver, span_of(node->key));
    if (peer == NULL)
        return TROTH_ERROR_UNAVAILABLE;
    int error = peer->http == NULL ? connect_to(driver, peer) : 0;
    return error != 0 ? error : http_peer_call(peer->http, request, ret_call);
}

bool passing_mac(void *ctx, struct troth_span node, struct troth_span text,
                 char ret_mac[NODE_MAC_TEXT_LEN + 1])
{
    const struct passing_peer *peer = peer_of(ctx, node);
    uint8_t shared[NODE_KEY_BYTES];
    if (peer == NULL)
        return agree(ctx, node, shared) && node_key_mac(shared, text, ret_mac) == 0;
    return node_key_mac(peer->shared, text, ret_mac) == 0;
}

bool passing_knows(void *ctx, struct troth_span node)
{
    struct driver *driver = ctx;
    if (peer_of(driver, node) != NULL)
        return true;
    if (driver->journal != NULL)
        journal_look(driver->journal);
    return false;
}

static uint64_t *number_word(struct passing_peer *peer, uint64_t number)
{
    return &peer->came[number % NUMBERS / 64];
}

static void raise_highest(struct passing_peer *peer, uint64_t number)
{
    if (number - peer->highest >= NUMBERS)
        memset(peer->came, 0, sizeof peer->came);
    else
        for (uint64_t at = peer->highest + 1; at <= number; at++)
            *number_word(peer, at) &= ~(UINT64_C(1) << at % 64);
    peer->highest = number;
}

bool passing_is_new(void *ctx, struct troth_span node, uint64_t number)
{
    struct passing_peer *peer = peer_of(ctx, node);
    const uint64_t bit = UINT64_C(1) << number % 64;
    if (peer == NULL || (number < peer->highest && peer->highest - number >= NUMBERS))
        return false;
    if (number > peer->highest)
        raise_highest(peer, number);
    bool came = (*number_word(peer, number) & bit) != 0;
    *number_word(peer, number) |= bit;
    return !came;
}
