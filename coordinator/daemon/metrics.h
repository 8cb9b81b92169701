/* metrics.h: GET /metrics. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <stdint.h>

struct buffer;
struct driver;

uint64_t metrics_parked(const struct driver *driver);
void metrics_host(void *ctx, struct buffer *ret_text);

#endif
