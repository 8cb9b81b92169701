/* handover.h: the life of each shard in this node: it comes, is led, is handed over in good order,
 * or is lost. */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include <stdint.h>

#include <journal/journal.h>

struct driver;
struct entry;

/* The journal's callback; arg: the driver. */
void handover_shard(void *arg, uint32_t shard, enum journal_shard_state state, const char *why);
/* In each turn: what is being handed over goes on towards it. */
void handover_turn(struct driver *driver);
/* One open transaction leaves the memory; who waits for it is told what is durable, or that it is
 * not known here. `fenced`: somebody else leads it. */
void handover_drop(struct driver *driver, struct entry *entry, bool fenced);

#endif
