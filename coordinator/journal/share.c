/* share.c: see share.h. */
#include <journal/share.h>

#define NODES_CAP 64u

struct tally {
    uint32_t counts[NODES_CAP]; /* what each has, with what is on its way to it */
    uint32_t nodes;             /* that share */
    int self, rank;             /* this one, and which of those that share; -1: it does not */
};

static bool shares(const struct share_node *node)
{
    return node->live && !node->leaving;
}

static struct tally count(const struct share_node *nodes, size_t nodes_count,
                          const struct share_shard *shards, uint32_t shards_count)
{
    struct tally tally = {.self = -1, .rank = -1};
    for (size_t i = 0; i < nodes_count && i < NODES_CAP; i++) {
        if (nodes[i].self) {
            tally.self = (int)i;
            tally.rank = shares(&nodes[i]) ? (int)tally.nodes : -1;
        }
        tally.nodes += shares(&nodes[i]);
    }
    for (uint32_t i = 0; i < shards_count; i++) {
        int at = shards[i].meant >= 0 ? shards[i].meant : shards[i].holder;
        if (at >= 0)
            tally.counts[at]++;
    }
    return tally;
}

static bool is_free(const struct share_shard *shard)
{
    return !shard->held && !shard->mine;
}

static void take(const struct tally *tally, const struct share_shard *shards, uint32_t shards_count,
                 struct share_advice *advice)
{
    uint32_t rank = (uint32_t)tally->rank, has = tally->counts[tally->self];
    uint32_t quota = shards_count / tally->nodes + (rank < shards_count % tally->nodes);
    for (uint32_t n = 0; n < shards_count; n++) { /* each begins where the others do not */
        uint32_t i = (n + rank * shards_count / tally->nodes) % shards_count;
        bool promised = shards[i].meant == tally->self;
        if (!is_free(&shards[i]) || (shards[i].meant >= 0 && !promised) ||
            (!promised && has >= quota && shards[i].holder != tally->self))
            continue;
        has += !promised && shards[i].holder != tally->self;
        advice->take[advice->take_count++] = i;
    }
}

/* Who has least, of those that may be given something. */
static int poorest(const struct tally *tally, const struct share_node *nodes, size_t nodes_count,
                   bool steady)
{
    int found = -1;
    for (size_t i = 0; i < nodes_count && i < NODES_CAP; i++)
        if (shares(&nodes[i]) && !nodes[i].self && (!steady || nodes[i].steady) &&
            (found < 0 || tally->counts[i] < tally->counts[found]))
            found = (int)i;
    return found;
}

static bool is_richest(const struct tally *tally, const struct share_node *nodes,
                       size_t nodes_count)
{
    uint32_t mine = tally->counts[tally->self];
    for (size_t i = 0; i < nodes_count && i < NODES_CAP; i++)
        if (shares(&nodes[i]) &&
            (tally->counts[i] > mine || (tally->counts[i] == mine && (int)i < tally->self)))
            return false;
    return true;
}

static void give(const struct tally *tally, const struct share_node *nodes, size_t nodes_count,
                 const struct share_shard *shards, uint32_t shards_count,
                 struct share_advice *advice)
{
    int to = poorest(tally, nodes, nodes_count, true);
    if (to < 0 || tally->counts[tally->self] < tally->counts[to] + 2 ||
        !is_richest(tally, nodes, nodes_count))
        return;
    for (uint32_t i = shards_count; i-- > 0 && !advice->gives;) {
        if (!shards[i].mine || shards[i].leaving || shards[i].holder != tally->self)
            continue;
        advice->gives = true;
        advice->give = i;
        advice->to = to;
    }
}

static bool is_uneven(const struct tally *tally, const struct share_node *nodes, size_t nodes_count)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < nodes_count && i < NODES_CAP; i++) {
        if (!shares(&nodes[i]))
            continue;
        least = tally->counts[i] < least ? tally->counts[i] : least;
        most = tally->counts[i] > most ? tally->counts[i] : most;
    }
    return tally->nodes > 0 && most >= least + 2;
}

void share_out(const struct share_node *nodes, size_t nodes_count, const struct share_shard *shards,
               uint32_t shards_count, struct share_advice *ret_advice)
{
    struct tally tally = count(nodes, nodes_count, shards, shards_count);
    bool quiet = true; /* one move at a time */
    *ret_advice = (struct share_advice){.to = -1};
    for (uint32_t i = 0; i < shards_count; i++)
        quiet = quiet && !is_free(&shards[i]) && !shards[i].leaving && shards[i].meant < 0;
    if (tally.rank >= 0)
        take(&tally, shards, shards_count, ret_advice);
    if (tally.rank >= 0 && quiet)
        give(&tally, nodes, nodes_count, shards, shards_count, ret_advice);
    ret_advice->moving = !quiet || ret_advice->gives || is_uneven(&tally, nodes, nodes_count);
}

int share_heir(const struct share_node *nodes, size_t nodes_count, const struct share_shard *shards,
               uint32_t shards_count)
{
    struct tally tally = count(nodes, nodes_count, shards, shards_count);
    int heir = poorest(&tally, nodes, nodes_count, true);
    return heir >= 0 ? heir : poorest(&tally, nodes, nodes_count, false);
}
