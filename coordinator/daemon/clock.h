/* clock.h: what time it is. */
#ifndef DAEMON_CLOCK_H
#define DAEMON_CLOCK_H

#include <stdint.h>

#include <txn/txn.h>

/* Wall times are the database's, once it was heard. */
struct txn_now driver_now(void);
/* The database's wall clock is the monotonic one and `wall_us` more; this node's own is `ahead_us`
 * ahead of it. A difference that is new is logged. */
void clock_follow(int64_t wall_us, int64_t ahead_us);
/* As last followed; 0 before. */
int64_t clock_ahead_us(void);

#endif
