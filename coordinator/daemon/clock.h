/* clock.h: what time it is. */
#ifndef DAEMON_CLOCK_H
#define DAEMON_CLOCK_H

#include <stdint.h>

#include <txn/txn.h>

struct txn_now driver_now(void);
/* The database's wall clock is the monotonic one and so much more; this node's own is ahead of it.
 */
void clock_follow(int64_t wall_us, int64_t ahead_us);
int64_t clock_ahead_us(void);

#endif
