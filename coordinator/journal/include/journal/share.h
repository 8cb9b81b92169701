/* share.h: who should have which shards. Pure: what a node does, from what all of them see.
 *
 * Every live node that does not leave has floor or ceil of shards / nodes. Who has less takes free
 * ones, up to its quota: ceil for the first ones by name, floor for the others; these quotas are
 * all shards together, so that everything free is taken. Who has most, and at least two more than
 * who has least, hands one over to that one. So all come to rest, and a node that is only slow
 * loses nothing but what it did not renew. */
#ifndef JOURNAL_SHARE_H
#define JOURNAL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <troth/id.h>

struct share_node {
    bool live, leaving;
    bool steady; /* it has lived for long enough to be given something */
    bool self;
};

struct share_shard {
    int holder;   /* which node has it; -1: none of them */
    bool held;    /* by somebody, also by none of them: it may not be taken */
    int meant;    /* for which node it is kept, or to which it is about to be handed; -1: none */
    bool leaving; /* here: it is being handed over */
    bool mine;    /* it is led here, or being taken */
};

struct share_advice {
    uint32_t take[TROTH_SHARDS_MAX], take_count;
    bool gives;
    uint32_t give; /* that one … */
    int to;        /* … to that node */
    bool moving;   /* something changes hands, or should: look again soon */
};

/* Nodes in the same order for all, by name. */
void share_out(const struct share_node *nodes, size_t nodes_count, const struct share_shard *shards,
               uint32_t shards_count, struct share_advice *ret_advice);
/* For a node that leaves: to whom this shard goes. -1: there is nobody. */
int share_heir(const struct share_node *nodes, size_t nodes_count, const struct share_shard *shards,
               uint32_t shards_count);

#endif
