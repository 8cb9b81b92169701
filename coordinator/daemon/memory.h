/* memory.h: what the limits in bytes add up to, held against what this machine has. */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdint.h>

#include "config.h"

/* Of a connection without a request: its structs, and buffers that are kept for the next one. */
#define MEMORY_CONNECTION_BYTES (64u << 10)

/* What trothd may take when every limit is reached. */
uint64_t memory_at_limits(const struct config *config, uint32_t connections);
/* What there is: the machine's, or this control group's where that is less; 0: it is not known. */
uint64_t memory_there_is(void);
/* A line of the log where the limits are more than there is. */
void memory_look(const struct config *config, uint32_t connections);

#endif
