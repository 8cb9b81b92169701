/* recovery.h: open transactions of the journal go on. */
#ifndef DAEMON_RECOVERY_H
#define DAEMON_RECOVERY_H

#include <stdbool.h>

#include <troth/id.h>

struct driver;
struct entry;
struct txn_image;

/* The journal's callback: one open transaction of it. arg: the driver. What cannot be loaded is
 * parked and stops nobody else. */
void recovery_loaded(void *arg, const struct txn_image *image);
/* Once this node leads and the registry is loaded: all that was loaded goes on. Else nothing. */
void recovery_run(struct driver *driver);
/* A row that the journal itself cannot read back. */
void recovery_unreadable(struct driver *driver, const troth_gtid *gtid, const char *why);
/* An operator says: again. false: it is as before. */
bool recovery_again(struct driver *driver, struct entry *entry);

#endif
