/* effects.h: each effect of the core as a call. */
#ifndef DAEMON_EFFECTS_H
#define DAEMON_EFFECTS_H

struct driver;
struct entry;

/* All that the last step made, in its order. A record that cannot be appended fails the driver. */
void effects_handle(struct driver *driver, struct entry *entry);

#endif
