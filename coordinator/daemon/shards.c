/* shards.c: see shards.h. */
#include "shards.h"

#include <stdio.h>
#include <string.h>

#include <api/api.h>
#include <base/buffer.h>
#include <base/clock.h>
#include <base/json.h>
#include <journal/journal.h>

#include "state.h"

bool shards_led(const struct driver *driver, uint32_t shard)
{
    return driver_serving(driver) && shard < driver->shards_count &&
           driver->shards[shard].life == SHARD_OPEN;
}

bool shards_changing(const struct driver *driver, uint32_t shard)
{
    const struct journal_node *leader = shards_leader(driver, shard);
    return !shards_led(driver, shard) && (leader == NULL || leader->self);
}

const struct journal_node *shards_leader(const struct driver *driver, uint32_t shard)
{
    return driver->journal == NULL ? NULL : journal_holder(driver->journal, shard);
}

bool shards_any(struct driver *driver, uint32_t *ret_shard)
{
    for (uint32_t i = 0; i < driver->shards_count; i++) {
        uint32_t shard = driver->next_shard++ % driver->shards_count;
        if (shards_led(driver, shard)) {
            *ret_shard = shard;
            return true;
        }
    }
    return false;
}

size_t shards_nodes(const struct driver *driver, const struct journal_node **ret_nodes)
{
    return driver->journal == NULL ? 0 : journal_nodes(driver->journal, ret_nodes);
}

/* --- what proves a node to others ------------------------------------------------------------- */

bool shards_make_key(struct driver *driver)
{
    uint8_t public[NODE_KEY_BYTES];
    if (node_key_make(driver->node_private, public) != 0)
        return false;
    for (size_t i = 0; i < NODE_KEY_BYTES; i++)
        (void)snprintf(driver->node_public + 2 * i, 3, "%02x", public[i]);
    return true;
}

/* --- GET /v1/nodes ---------------------------------------------------------------------------- */

static void append_member(struct buffer *object, const char *name, const char *text)
{
    buffer_append_format(object, ",\"%s\":", name);
    json_append_text(object, text);
}

static void append_time(struct buffer *object, const char *name, struct wall at)
{
    char text[WALL_TEXT_LEN + 1];
    wall_format(at, text);
    append_member(object, name, text);
}

static void append_led(struct buffer *object, const struct driver *driver,
                       const struct journal_node *node)
{
    const char *between = "";
    buffer_append_text(object, ",\"shards\":[");
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        if (shards_leader(driver, shard) != node)
            continue;
        buffer_append_format(object, "%s%u", between, shard);
        between = ",";
    }
    buffer_append_char(object, ']');
}

static const char *word(bool value)
{
    return value ? "true" : "false";
}

static void append_node(struct buffer *list, const struct driver *driver,
                        const struct journal_node *node)
{
    buffer_append_text(list, "{\"name\":");
    json_append_text(list, node->name);
    append_member(list, "address", node->address);
    append_member(list, "version", node->version);
    buffer_append_format(list, ",\"schema\":%d", (int)node->schema);
    append_time(list, "started_at", node->started_at);
    append_time(list, "seen_at", node->seen_at);
    buffer_append_format(list, ",\"self\":%s,\"live\":%s,\"leaving\":%s", word(node->self),
                         word(node->live), word(node->leaving));
    append_led(list, driver, node);
    buffer_append_char(list, '}');
}

/* What nobody leads, as far as this node knows. */
static void append_free(struct buffer *list, const struct driver *driver)
{
    const char *between = "";
    buffer_append_text(list, "\"free\":[");
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        if (shards_leader(driver, shard) != NULL)
            continue;
        buffer_append_format(list, "%s%u", between, shard);
        between = ",";
    }
    buffer_append_char(list, ']');
}

void shards_host_nodes(void *ctx, struct buffer *ret_list)
{
    const struct driver *driver = ctx;
    const struct journal_node *nodes = NULL;
    size_t count = shards_nodes(driver, &nodes);
    buffer_append_text(ret_list, "{\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(ret_list, ',');
        append_node(ret_list, driver, &nodes[i]);
    }
    buffer_append_format(ret_list, "],\"shards\":%u,", driver->shards_count);
    append_free(ret_list, driver);
    buffer_append_char(ret_list, '}');
}
