/* outbox/fault.h: faults that tests ask for. Not called by the daemon. */
#ifndef OUTBOX_FAULT_H
#define OUTBOX_FAULT_H

struct outbox;

/* librdkafka meets a fatal error (an idempotent producer that cannot keep its promise): the outbox
 * must make a new producer and send again what was not confirmed. */
void outbox_fault_fatal(struct outbox *outbox);

#endif
