/* effects.h: each effect of the core as a call. */
#ifndef DAEMON_EFFECTS_H
#define DAEMON_EFFECTS_H

struct driver;
struct entry;

void effects_handle(struct driver *driver, struct entry *entry);

#endif
