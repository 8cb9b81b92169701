/* stop.h: the end of the resource's threads. */
#ifndef SDK_STOP_H
#define SDK_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct troth_postgres;

/* Closes both; false: threads have not ended until then, and stay. */
bool postgres_end_pools(struct troth_postgres *postgres, uint64_t end_us);

#endif
