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

void entry_insert(struct driver *driver, struct entry *entry); /* into the tables, by its origin */
void entry_remove(struct driver *driver, struct entry *entry);
struct entry *entry_find(const struct driver *driver, const troth_gtid *gtid);
struct entry *entry_find_key(const struct driver *driver, struct troth_span key);
uint32_t driver_shard_of_key(const struct driver *driver, struct troth_span key);
int driver_next_gtid(struct driver *driver, uint32_t shard, struct wall now, troth_gtid *ret_gtid);
void driver_oldest_open(void *arg, uint32_t round, struct buffer *ret_list);

#endif
