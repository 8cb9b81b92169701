/* driver.h: the step: the one way into the core. */
#ifndef DAEMON_DRIVER_H
#define DAEMON_DRIVER_H

#include <stdbool.h>

struct driver;
struct entry;
struct http_server;
struct result;
struct txn_event;

void driver_step(struct driver *driver, struct entry *entry, const struct txn_event *event);
void driver_on_timer(struct entry *entry);
/* A channel's callback. */
void driver_on_result(void *arg, const struct result *result, bool sent);
void driver_attach_server(struct driver *driver, const struct http_server *server);

#endif
