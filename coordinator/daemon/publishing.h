/* publishing.h: the outbox and what it says. */
#ifndef DAEMON_PUBLISHING_H
#define DAEMON_PUBLISHING_H

#include <stdbool.h>

struct driver;

/* The outbox needs the journal's id, so it is made when that is known. false: driver_fail was
 * called. */
bool driver_make_outbox(struct driver *driver);

#endif
