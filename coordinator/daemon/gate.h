/* gate.h: so many that prepare in order at a time. */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <stdbool.h>

#include <base/clock.h>

struct driver;
struct entry;

bool gate_init(struct driver *driver);
void gate_finish(struct driver *driver);
void gate_arm(struct driver *driver);
void gate_look(struct driver *driver, struct mono now);
bool gate_enter(struct entry *entry);
void gate_leave(struct entry *entry);

#endif
