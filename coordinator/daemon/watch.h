/* watch.h: clients that follow a transaction. */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <api/api.h>
#include <troth/id.h>

struct driver;
struct entry;

/* For struct api_host. */
void watch_host(void *ctx, const troth_gtid *gtid, api_progress_fn fn, void *arg);
void unwatch_host(void *ctx, void *arg);
/* After each step of an entry with watchers: tells what is new. */
void watch_step(struct entry *entry);
/* The entry leaves the memory: the last word to its watchers. */
void watch_buried(struct entry *entry);
/* The coordinator stops: the last word to all others. */
void watch_finish(struct driver *driver);

#endif
