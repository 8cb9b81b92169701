/* effects.h: each effect of the core as a call. */
#ifndef DAEMON_EFFECTS_H
#define DAEMON_EFFECTS_H

#include <stdint.h>

struct driver;
struct entry;
struct result;

/* All that the last step made, in its order. A record that cannot be appended fails the driver. */
void effects_handle(struct driver *driver, struct entry *entry);
/* A participant's answer, before its step: one to what was said again lets more of that go. */
void effects_answered(struct entry *entry, uint32_t index, const struct result *result);
/* What waited to be said again, and has its turn. */
void effects_again(struct driver *driver);

#endif
