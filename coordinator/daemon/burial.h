/* burial.h: a transaction leaves the memory. */
#ifndef DAEMON_BURIAL_H
#define DAEMON_BURIAL_H

struct driver;
struct entry;

/* One that is in no table: gives back its seat, slots, participants and definition. Nobody waits
 * for it any more. */
void entry_destroy(struct entry *entry);
/* Out of the tables, its watchers told; freed at the turn's end. Twice is once. */
void entry_bury(struct driver *driver, struct entry *entry);
void entry_bury_all(struct driver *driver);

#endif
