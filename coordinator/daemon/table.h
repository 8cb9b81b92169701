/* table.h: the open transactions in memory, in tables. */
#ifndef DAEMON_TABLE_H
#define DAEMON_TABLE_H

#include <stdint.h>

#include <base/clock.h>
#include <troth/id.h>
#include <troth/span.h>

struct buffer;
struct driver;
struct entry;

/* By its origin's gtid and idempotency key. */
void entry_insert(struct driver *driver, struct entry *entry);
void entry_remove(struct driver *driver, struct entry *entry);
/* NULL: it is not here. */
struct entry *entry_find(const struct driver *driver, const troth_gtid *gtid);
struct entry *entry_find_key(const struct driver *driver, struct troth_span key);
uint32_t driver_shard_of_key(const struct driver *driver, struct troth_span key);
/* TROTH_ERROR_…: as troth_gtid_make(). */
int driver_next_gtid(struct driver *driver, uint32_t shard, struct wall now, troth_gtid *ret_gtid);
/* A channel's callback: appends the oldest open gtid of one shard, in turn. arg: the driver. */
void driver_oldest_open(void *arg, uint32_t round, struct buffer *ret_list);

#endif
