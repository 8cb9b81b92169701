/* held.h: what is held of the shards, each by itself:
 *
 *   FOREIGN ──(lease had, epoch raised: take.c)──> TAKING ──(loaded)──> LED
 *      ^                                                                 │ it is to be handed over
 *      ├──────(its last rows written, the lease given)───── LEAVING <────┘
 *      └── from anywhere: the lease is another's, or an epoch that is not ours was met
 *
 * Losing one late, or never noticing, does no harm: the epoch decides what is written. */
#ifndef JOURNAL_HELD_H
#define JOURNAL_HELD_H

#include "state.h"

/* The number of shards is known. */
TROTH_MUST_CHECK int held_init(struct journal *journal);
void held_finish(struct journal *journal);
/* Of those in that state, or (JOURNAL_SHARD_FOREIGN) of all that are not FOREIGN. */
uint32_t held_count(const struct journal *journal, enum journal_shard_state state);
/* Led, or leaving: its rows are written. */
bool held_writes(const struct journal *journal, uint32_t shard);
void held_set(struct journal *journal, uint32_t shard, enum journal_shard_state state,
              const char *why);
/* Another node has it: what waits to be written for it is fenced. */
void held_lose(struct journal *journal, uint32_t shard, const char *why);
/* To be handed over, to that process. */
void held_leave(struct journal *journal, uint32_t shard, const uint8_t owner[16], const char *why);
/* Gives away what is LEAVING, and has nothing more to be written. */
void held_settle(struct journal *journal);

#endif
