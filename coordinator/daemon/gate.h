/* gate.h: so many that prepare in order at a time. */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <base/clock.h>

struct definition_slot;
struct driver;
struct entry;

/* false: no memory. */
bool gate_init(struct driver *driver);
void gate_finish(struct driver *driver);
/* It is looked again soon, while anybody waits. */
void gate_arm(struct driver *driver);
/* Lets in whoever may go; who is inside for too long stands aside. */
void gate_look(struct driver *driver, struct mono now);
/* How long one more would wait before it, at the pace of late; 0: nobody waits. */
uint64_t gate_wait_us(const struct definition_slot *slot, struct mono now);
/* true: it may ask for its slots now. false: it waits, and asks when it is let in. */
bool gate_enter(struct entry *entry);
/* All its votes are there: where they go in turn, the next one is let in. */
void gate_voted(struct entry *entry);
/* It has no slot any more and wants none; also when it was never inside. */
void gate_leave(struct entry *entry);

#endif
