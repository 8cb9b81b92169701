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
enum { NODE_STARTED_AT = NODE_PUBLIC_KEY + 1, NODE_SEEN_AT, NODE_LIVE, NODE_LEAVING, NODE_STEADY };
/* Columns of leases.sql. */
enum { LEASE_SHARD, LEASE_OWNER, LEASE_LEFT, LEASE_MEANT_FOR };
enum { LEASE_MEANT_LEFT = LEASE_MEANT_FOR + 1, LEASE_IS_LEFT_OVER };

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
                                  .steady_since = field_time(result, row, NODE_STEADY),
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

static int node_in(const struct picture *picture, const PGresult *result, int row, int column)
{
    uint8_t owner[16];
    return field_uuid(result, row, column, owner) ? node_of(picture, owner) : -1;
}

static void lease_read(struct journal *journal, const PGresult *result, int row,
                       struct share_shard *shard)
{
    struct picture *picture = &journal->picture;
    int64_t left = field_int8(result, row, LEASE_LEFT);
    bool owned = field_text(result, row, LEASE_OWNER).data != NULL;
    shard->holder = left > 0 ? node_in(picture, result, row, LEASE_OWNER) : -1;
    shard->meant = field_int8(result, row, LEASE_MEANT_LEFT) > 0
                       ? node_in(picture, result, row, LEASE_MEANT_FOR)
                       : -1;
    bool own = shard->holder >= 0 && picture->nodes[shard->holder].self;
    shard->held = owned && left > 0 && !own && !field_bool(result, row, LEASE_IS_LEFT_OVER);
    if (shard->holder >= 0)
        picture->nodes[shard->holder].shards++;
    if (shard->held && picture->asked_us + (uint64_t)left < picture->ends_us)
        picture->ends_us = picture->asked_us + (uint64_t)left;
}

/* What is here is known better than any table. */
static void here_read(const struct journal *journal, uint32_t number, struct share_shard *shard)
{
    enum journal_shard_state state = journal_shard(journal, number);
    shard->mine = state != JOURNAL_SHARD_FOREIGN;
    shard->leaving = state == JOURNAL_SHARD_LEAVING;
}

static void nodes_on_leases(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct picture *picture = &journal->picture;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || journal->step == STEP_STOPPED ||
        journal->held == NULL)
        return;
    if (picture->shards == NULL)
        picture->shards = calloc(journal->shards, sizeof *picture->shards);
    if (picture->shards == NULL)
        return; /* without memory nothing is known of them until there is */
    picture->ends_us = UINT64_MAX;
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        picture->shards[shard] = (struct share_shard){.holder = -1, .meant = -1, .held = true};
    for (int i = 0; i < PQntuples(result); i++) {
        uint32_t shard = (uint32_t)field_int4(result, i, LEASE_SHARD);

        if (shard >= journal->shards)
            continue;
        lease_read(journal, result, i, &picture->shards[shard]);
        here_read(journal, shard, &picture->shards[shard]);
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
    params_bool(&journal->params, journal->leaving);
}

static void say(struct journal *journal, const char *sql, link_fn fn)
{
    struct link_params view;
    if (!journal->keeper.broken && params_view(&journal->params, &view))
        link_query(&journal->keeper, sql, &view, fn, journal);
}

/* Another one of our name: an earlier self that is about to be gone, unless it says again that it
 * lives. */
static void nodes_on_announced(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    int64_t until = field_int8(result, 0, 1);
    char why[JOURNAL_NODE_TEXT_MAX + 120];
    if (PQresultStatus(result) != PGRES_TUPLES_OK || journal->step == STEP_STOPPED)
        return;
    if (field_bool(result, 0, 0)) {
        journal->twin_until = 0;
        return;
    }
    if (journal->twin_until == 0)
        journal->twin_until = until;
    if (until <= journal->twin_until)
        return;
    (void)snprintf(why, sizeof why,
                   "another trothd that is called \"%s\", too, lives: give each node of this "
                   "journal a name of its own (--node)",
                   journal->node);
    state_stop(journal, why);
}

void nodes_announce(struct journal *journal)
{
    journal->picture.announced_us = clock_mono_us();
    CRASH_POINT("journal.node.announce");
    announce_params(journal);
    say(journal, journal_sql_node_announce, nodes_on_announced);
}

void nodes_ask(struct journal *journal)
{
    journal->picture.asked_us = clock_mono_us();
    journal->picture.lacks = false;
    params_clear(&journal->params);
    params_int8(&journal->params, JOURNAL_NODES_MAX);
    say(journal, journal_sql_nodes, nodes_on_nodes);
    params_clear(&journal->params);
    params_string(&journal->params, journal->node);
    params_uuid(&journal->params, journal->owner);
    say(journal, journal_sql_leases, nodes_on_leases);
}

void nodes_finish(struct journal *journal)
{
    free(journal->picture.shards);
}

size_t journal_nodes(const struct journal *journal, const struct journal_node **ret_nodes)
{
    *ret_nodes = journal->picture.nodes;
    return journal->picture.count;
}

const struct journal_node *journal_holder(const struct journal *journal, uint32_t shard)
{
    const struct picture *picture = &journal->picture;
    if (picture->read_us == 0 || shard >= journal->shards || picture->shards == NULL ||
        clock_mono_us() - picture->read_us > journal->lease_us || picture->shards[shard].holder < 0)
        return NULL;
    return &picture->nodes[picture->shards[shard].holder];
}
