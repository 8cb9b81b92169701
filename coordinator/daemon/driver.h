/* driver.h: the step: the one way into the core. */
#ifndef DAEMON_DRIVER_H
#define DAEMON_DRIVER_H

#include <stdbool.h>

struct driver;
struct entry;
struct result;
struct txn_event;

/* Steps it, and does what comes of that: effects, lines of the log, watchers, waiters, its end. The
 * entry is dead behind it where it has ended; it is freed at the turn's end. Not inside a step
 * (driver_defer()), nor for one that is dead or unloaded. */
void driver_step(struct driver *driver, struct entry *entry, const struct txn_event *event);
/* The time that entry_arm() asked for. */
void driver_on_timer(struct entry *entry);
/* A channel's callback: arg is the driver. What the core may keep of the answer is copied. */
void driver_on_result(void *arg, const struct result *result, bool sent);

#endif
