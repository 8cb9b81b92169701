/* Who else is there. Each node announces itself with each renewal, and reads all others and the
 * table of leases in the same transaction. It says who is asked first, and who tries to lead what;
 * who may is the epochs' matter. */
#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>
#include <troth/version.h>

#include "ticks.h"

/* Columns of nodes.sql. */
enum { NODE_NAME, NODE_OWNER, NODE_ADDRESS, NODE_VERSION, NODE_SCHEMA, NODE_PUBLIC_KEY };
enum { NODE_STARTED_AT = NODE_PUBLIC_KEY + 1, NODE_SEEN_AT, NODE_LIVE, NODE_LEAVING };
/* Columns of leases.sql. */
enum { LEASE_SHARD, LEASE_OWNER, LEASE_NODE, LEASE_LEFT };

static void text_keep(const PGresult *result, int row, int column, char *ret_text, size_t size)
{
    struct troth_span text = field_text(result, row, column);
    (void)snprintf(ret_text, size, "%.*s", (int)text.len, text.data == NULL ? "" : text.data);
}

static void node_read(const struct journal *journal, const PGresult *result, int row,
                      struct journal_node *ret_node)
{
    struct journal_node *node = ret_node;
    *node = (struct journal_node){.schema = field_int4(result, row, NODE_SCHEMA),
                                  .started_at = field_time(result, row, NODE_STARTED_AT),
                                  .seen_at = field_time(result, row, NODE_SEEN_AT),
                                  .live = field_bool(result, row, NODE_LIVE),
                                  .leaving = field_bool(result, row, NODE_LEAVING)};
    text_keep(result, row, NODE_NAME, node->name, sizeof node->name);
    text_keep(result, row, NODE_ADDRESS, node->address, sizeof node->address);
    text_keep(result, row, NODE_VERSION, node->version, sizeof node->version);
    text_keep(result, row, NODE_PUBLIC_KEY, node->public_key, sizeof node->public_key);
    (void)field_uuid(result, row, NODE_OWNER, node->owner);
    node->self = memcmp(node->owner, journal->owner, sizeof node->owner) == 0;
}

static void nodes_on_nodes(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct picture *picture = &journal->picture;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || journal->step == STEP_STOPPED)
        return; /* asked again at the next tick */
    picture->count = 0;
    for (int i = 0; i < PQntuples(result) && picture->count < JOURNAL_NODES_MAX; i++)
        node_read(journal, result, i, &picture->nodes[picture->count++]);
}

static int node_of(const struct picture *picture, const uint8_t owner[16])
{
    for (size_t i = 0; i < picture->count; i++)
        if (memcmp(picture->nodes[i].owner, owner, sizeof picture->nodes[i].owner) == 0)
            return (int)i;
    return -1;
}

static void nodes_on_leases(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct picture *picture = &journal->picture;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || journal->step == STEP_STOPPED)
        return;
    if (picture->holders == NULL)
        picture->holders = calloc(journal->shards, sizeof *picture->holders);
    if (picture->holders == NULL)
        return; /* without memory nothing is known of them until there is */
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        picture->holders[shard] = -1;
    for (int i = 0; i < PQntuples(result); i++) {
        uint32_t shard = (uint32_t)field_int4(result, i, LEASE_SHARD);
        uint8_t owner[16];

        if (shard >= journal->shards || field_int8(result, i, LEASE_LEFT) <= 0 ||
            !field_uuid(result, i, LEASE_OWNER, owner))
            continue;
        picture->holders[shard] = node_of(picture, owner);
        if (picture->holders[shard] >= 0)
            picture->nodes[picture->holders[shard]].shards++;
    }
    picture->read_us = picture->asked_us;
}

static void announce_params(struct journal *journal)
{
    params_clear(&journal->params);
    params_string(&journal->params, journal->node);
    params_uuid(&journal->params, journal->owner);
    params_int8(&journal->params, (int64_t)journal->lease_us);
    params_string(&journal->params, journal->address);
    params_string(&journal->params, TROTH_VERSION);
    params_int4(&journal->params, JOURNAL_SCHEMA_VERSION);
    params_string(&journal->params, journal->public_key);
    params_bool(&journal->params, false);
}

static void say(struct journal *journal, const char *sql, link_fn fn)
{
    struct link_params view;
    if (!journal->keeper.broken && params_view(&journal->params, &view))
        link_query(&journal->keeper, sql, &view, fn, journal);
}

void nodes_ask(struct journal *journal)
{
    journal->picture.asked_us = clock_mono_us();
    CRASH_POINT("journal.node.announce");
    announce_params(journal);
    say(journal, journal_sql_node_announce, NULL);
    params_clear(&journal->params);
    params_int8(&journal->params, JOURNAL_NODES_MAX);
    say(journal, journal_sql_nodes, nodes_on_nodes);
    params_clear(&journal->params);
    say(journal, journal_sql_leases, nodes_on_leases);
}

void nodes_finish(struct journal *journal)
{
    free(journal->picture.holders);
}

size_t journal_nodes(const struct journal *journal, const struct journal_node **ret_nodes)
{
    *ret_nodes = journal->picture.nodes;
    return journal->picture.count;
}

const struct journal_node *journal_holder(const struct journal *journal, uint32_t shard)
{
    const struct picture *picture = &journal->picture;
    if (picture->read_us == 0 || shard >= journal->shards || picture->holders == NULL ||
        clock_mono_us() - picture->read_us > journal->lease_us || picture->holders[shard] < 0)
        return NULL;
    return &picture->nodes[picture->holders[shard]];
}
