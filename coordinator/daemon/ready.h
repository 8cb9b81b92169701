/* ready.h: GET /readyz. */
#ifndef DAEMON_READY_H
#define DAEMON_READY_H

#include <stdbool.h>

struct buffer;

/* Appends the body of /readyz. true: it is. ctx: the driver. */
bool driver_ready(void *ctx, struct buffer *ret_details);

#endif
