/* drain.h: when there is nothing left to wait for. */
#ifndef DAEMON_DRAIN_H
#define DAEMON_DRAIN_H

#include <stdbool.h>

struct driver;

/* Nothing is under way: what is open waits for a later try, or for an operator. Looks at all. */
bool driver_drained(const struct driver *driver);

#endif
