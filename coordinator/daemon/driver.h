/* driver.h: turns what happens into events of the core, and the core's effects into calls of the
 * modules.
 *
 * The driver owns every open transaction in memory. It decides nothing about their order: that
 * lives in txn/. It is the only place where journal, net, outbox, definition and api meet. */
#ifndef DAEMON_DRIVER_H
#define DAEMON_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <api/api.h>
#include <journal/journal.h>
#include <outbox/outbox.h>
#include <troth/error.h>

#include "config.h"

struct event_base;
struct http_loop;
struct driver;

TROTH_MUST_CHECK int driver_create(struct event_base *base, struct http_loop *http,
                                   const struct config *config, struct driver **ret_driver);
void driver_destroy(struct driver *driver); /* takes NULL; answers nobody */

/* Gives it its journal, borrowed. It is made after the driver, since the callbacks below are part
 * of its configuration; the outbox is the driver's own, made when the journal's id is known. */
void driver_attach(struct driver *driver, struct journal *journal);
/* What /metrics says of clients' connections is its. Borrowed; it outlives the driver. */
struct http_server;
void driver_attach_server(struct driver *driver, const struct http_server *server);

/* The callbacks of the journal; arg is the driver. */
struct journal_callbacks driver_journal_callbacks(void);

/* What the API asks for. */
struct api_host driver_api_host(struct driver *driver);

/* One turn, after the events were taken: what was put off during the steps, slots. */
void driver_turn(struct driver *driver);
/* Turns the participants' queues into requests: after the journal's flush, before HTTP's. */
void driver_flush(struct driver *driver);

/* Takes no new transactions from now on. */
void driver_drain(struct driver *driver);
uint32_t driver_open(const struct driver *driver);
/* Nothing is under way: what is open waits for a later try, or for an operator. Looks at all. */
bool driver_drained(const struct driver *driver);
/* Who no longer leads is silent: nothing leaves in a turn that has not looked here: commands
 * (http_loop_hold), events (the outbox), what clients are told (answer.c). `arg`: the driver. */
bool driver_may_speak(void *arg);
/* Leading: all open transactions and the registry are loaded, requests are served. */
bool driver_leading(const struct driver *driver);
/* The journal told that somebody else leads, or that it can never work: the process must end. `why`
 * gets the sentence. */
bool driver_failed(const struct driver *driver, const char **ret_why);

#endif
