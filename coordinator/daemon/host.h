/* host.h: the driver as its hosts see it. It turns what happens into events of the core, and the
 * core's effects into calls of the modules. It owns every open transaction in memory and decides
 * nothing about their order: that lives in txn/. Here journal, net, outbox, definition and api
 * meet. */
#ifndef DAEMON_HOST_H
#define DAEMON_HOST_H

#include <stdint.h>

#include <api/api.h>
#include <journal/journal.h>
#include <troth/error.h>

struct config;
struct driver;
struct event_base;
struct http_loop;
struct http_server;
struct reach;

/* TROTH_ERROR_NO_MEMORY. `base`, `http` and `config` are borrowed and outlive it. */
TROTH_MUST_CHECK int driver_create(struct event_base *base, struct http_loop *http,
                                   const struct config *config, struct driver **ret_driver);
/* Tells everybody who waits what is durable, or that it is not known. Takes NULL. */
void driver_destroy(struct driver *driver);
/* Gives it its journal, borrowed. It is made after the driver, since the callbacks below are part
 * of its configuration; the outbox is the driver's own, made when the journal's id is known. */
void driver_attach(struct driver *driver, struct journal *journal);
/* Whose budget of bytes is told of, and whose streams end with a key; borrowed. */
void driver_attach_server(struct driver *driver, const struct http_server *server, struct api *api);
/* librdkafka's, names and values in turn; they outlive the driver. NULL: none. */
void driver_attach_kafka(struct driver *driver, const char *const *properties);
/* For calls to participants with https URLs, and to other nodes; they outlive the driver. */
void driver_attach_tls(struct driver *driver, struct http_tls *participants,
                       struct http_tls *nodes);
/* Whom it may call; it outlives the driver. Without it: anybody. */
void driver_attach_reach(struct driver *driver, const struct reach *reach);
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
/* How many transactions have not ended. */
uint32_t driver_open(const struct driver *driver);

#endif
