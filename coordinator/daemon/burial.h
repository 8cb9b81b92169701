/* burial.h: a transaction leaves the memory. */
#ifndef DAEMON_BURIAL_H
#define DAEMON_BURIAL_H

struct driver;
struct entry;

void entry_destroy(struct entry *entry);
void entry_bury(struct driver *driver, struct entry *entry); /* freed at the turn's end */
void entry_bury_all(struct driver *driver);

#endif
