/* item.h: one command: queued, in a request, failed; and its one result. */
#ifndef NET_ITEM_H
#define NET_ITEM_H

#include "inside.h"

/* Of phase 1 or phase 2. */
enum phase_number channel_phase_of(enum message_op op);
/* What it takes of memory. */
size_t channel_item_bytes(const struct command *command);
/* In no list yet, without a time. Copies. NULL: no memory. */
struct item *channel_item_create(const struct command *command, struct mono deadline);
/* Its time in line begins. */
void channel_item_queue(struct channel *channel, struct item *item);
/* It is in a request that leaves now, and its time to answer begins; where it goes to another
 * replica it goes on. */
void channel_item_leave(struct channel *channel, struct item *item, uint64_t now_us);
/* Its time is over: in line, or to answer. */
void channel_item_late(struct channel *channel, struct item *item);
/* The channel looks at the times of its items then, or sooner. */
void channel_sweep_by(struct channel *channel, uint64_t until_us);
/* Tells the host of those that have failed. */
void channel_deliver_failed(struct channel *channel);
/* Without a result: the channel goes. */
void channel_items_free(struct channel *channel, struct items *items);
/* It has something to send, or may send what waits. */
void channel_is_due(struct channel *channel);
/* Out of whichever list it is in; freed after the host was told. */
void channel_item_answer(struct channel *channel, struct item *item, const struct result *result,
                         bool was_sent);
/* The same with RESULT_UNKNOWN, from the next event on. `reason` is copied; without memory for it
 * the trouble's name stands there. */
void channel_item_fail(struct channel *channel, struct item *item, enum message_trouble trouble,
                       const char *reason, bool was_sent);
struct result channel_item_result(const struct item *item, enum message_result kind);
/* Whoever was asked lacks its operation, and did nothing: back into the queue, for another replica.
 * false: there is none that was not asked. */
bool channel_item_elsewhere(struct item *item);
/* What is left of its time, 1 at least. */
uint64_t channel_item_left_us(const struct item *item, uint64_t now_us);
/* So long it may wait for locks: its answer, too, needs some of what is left. 0: as it likes. */
uint64_t channel_item_lock_wait_us(const struct item *item, uint64_t now_us);

#endif
