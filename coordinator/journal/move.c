/* move.c: see move.h. Who should have what is share.c's matter. */
#include "move.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "held.h"
#include "take.h"

/* A node that has just come, or was away for longer than a lease, may be gone again soon. */
static bool is_steady(const struct journal *journal, const struct journal_node *node)
{
    return node->seen_at.us >= node->steady_since.us + journal->lease_us / 2;
}

static size_t look(const struct journal *journal, struct share_node ret_nodes[JOURNAL_NODES_MAX])
{
    const struct picture *picture = &journal->picture;
    for (size_t i = 0; i < picture->count; i++) {
        const struct journal_node *node = &picture->nodes[i];

        ret_nodes[i] = (struct share_node){.live = node->live,
                                           .leaving = node->leaving,
                                           .steady = is_steady(journal, node),
                                           .self = node->self};
        if (node->self)
            ret_nodes[i].leaving = journal->leaving;
    }
    return picture->count;
}

static void hand_over(struct journal *journal, uint32_t shard, int to)
{
    const struct journal_node *heir = &journal->picture.nodes[to];
    char why[JOURNAL_NODE_TEXT_MAX + 40];
    (void)snprintf(why, sizeof why, "it is handed over to node %s", heir->name);
    journal->picture.shards[shard].meant = to;
    journal->picture.shards[shard].leaving = true;
    journal->picture.moving = true;
    held_leave(journal, shard, heir->owner, why);
}

/* false: there is nobody. */
static bool hand_all_over(struct journal *journal)
{
    struct share_node nodes[JOURNAL_NODES_MAX];
    size_t count = look(journal, nodes);
    for (uint32_t shard = 0; shard < journal->shards; shard++) {
        int heir;

        if (journal_shard(journal, shard) != JOURNAL_SHARD_LED)
            continue;
        heir = share_heir(nodes, count, journal->picture.shards, journal->shards);
        if (heir < 0)
            return false;
        hand_over(journal, shard, heir);
    }
    return true;
}

/* A leader whose clock jumps leads on; one whose clock is wrong does not begin to. */
static bool may_take(struct journal *journal)
{
    return state_can_write(journal) &&
           (held_count(journal, JOURNAL_SHARD_FOREIGN) > 0 || clock_is_right(journal));
}

/* A lease that has not run out yet may be an ended process's: that leads nothing. */
static bool another_leads(const struct picture *picture, const struct share_node *nodes,
                          uint32_t shards)
{
    for (uint32_t shard = 0; shard < shards; shard++) {
        int holder = picture->shards[shard].holder;
        if (holder >= 0 && nodes[holder].live && !nodes[holder].self)
            return true;
    }
    return false;
}

static void share(struct journal *journal)
{
    struct share_node nodes[JOURNAL_NODES_MAX];
    struct share_advice advice;
    size_t count = look(journal, nodes);
    share_out(nodes, count, journal->picture.shards, journal->shards, &advice);
    journal->picture.moving = advice.moving;
    journal->picture.spare = advice.take_count == 0 && journal->twin_until == 0 &&
                             held_count(journal, JOURNAL_SHARD_FOREIGN) == 0 &&
                             another_leads(&journal->picture, nodes, journal->shards);
    if (advice.take_count > 0 && may_take(journal))
        take_begin(journal, advice.take, advice.take_count);
    if (advice.gives && journal_shard(journal, advice.give) == JOURNAL_SHARD_LED)
        hand_over(journal, advice.give, advice.to);
}

void move_apply(struct journal *journal)
{
    if (journal->step != STEP_READY || journal->picture.shards == NULL)
        return;
    if (journal->leaving)
        (void)hand_all_over(journal);
    else
        share(journal);
    state_recover(journal, "the journal is shared");
}

bool journal_leave(struct journal *journal)
{
    if (journal->step != STEP_READY || journal->picture.shards == NULL ||
        held_count(journal, JOURNAL_SHARD_FOREIGN) == 0)
        return false;
    journal->leaving = true;
    if (!hand_all_over(journal))
        journal->leaving = false;
    state_hurry_keeper(journal); /* the others are to know at once */
    return journal->leaving;
}
