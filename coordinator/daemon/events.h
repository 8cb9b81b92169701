/* events.h: outcome events in the journal's table. */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include <stdint.h>

#include <api/api.h>

struct driver;

/* Reads the outbox's table while the outbox wants it. */
void events_turn(struct driver *driver);
/* For struct api_host. */
uint32_t events_list(void *ctx, uint32_t limit, api_event_fn fn, void *arg);
void events_get(void *ctx, const uint8_t *id, api_event_fn fn, void *arg);
void events_resend(void *ctx, const uint8_t *id, api_done_fn fn, void *arg);
void events_discard(void *ctx, const uint8_t *id, api_done_fn fn, void *arg);

#endif
