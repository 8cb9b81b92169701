/* daemon.c: the loop. See daemon.h. */
#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <api/api.h>
#include <http/server.h>
#include <journal/journal.h>
#include <net/reach.h>

#include "answer.h"
#include "descriptors.h"
#include "drain.h"
#include "driver.h"
#include "host.h"
#include "kafka_properties.h"
#include "log.h"
#include "memory.h"
#include "state.h"
#include "tls.h"

#include <base/now.h>

#define ADDRESS_BYTES 64
#define LOOK_US       100000 /* how often it is looked whether there is something to wait for */

struct daemon {
    const struct config *config;
    struct event_base *base;
    struct http_loop *http;
    struct driver *driver;
    struct journal *journal;
    struct api *api;
    struct http_server *server;
    struct http_server *unix_server; /* NULL: none */
    struct tls tls;
    struct reach *reach; /* whom it may call */
    char **kafka_properties;
    struct event *terminate, *interrupt, *hang_up;
    struct event *drained, *look; /* while it stops */
    char address[ADDRESS_BYTES];
    struct buffer why;   /* likewise: why it cannot start, where a file is the cause */
    const char *trouble; /* why it cannot start, where that is known better than by an error */
    bool announced;
    bool stopping;
    bool leaving; /* other nodes take the shards: nothing here has to end before */
    bool stop;
};

static void stop_now(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ((struct daemon *)arg)->stop = true;
}

/* A terminal that closes, or a tool that means "reload", must not end it. */
static void on_hang_up(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *daemon = arg;
    (void)fd;
    (void)what;
    log_line(LOG_INFO,
             "SIGHUP: the files of certificates are read again, nothing else; restart to change "
             "the configuration",
             NULL);
    tls_reload(&daemon->tls);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *daemon = arg;
    if (!daemon->leaving && driver_drained(daemon->driver))
        stop_now(fd, what, daemon);
}

/* First: no new work, and what is under way may end, or goes on at the other nodes. Second: now. */
static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *daemon = arg;
    if (daemon->stopping) {
        stop_now(fd, what, daemon);
        return;
    }
    daemon->stopping = true;
    driver_drain(daemon->driver);
    daemon->leaving = daemon->journal != NULL && journal_leave(daemon->journal);
    char open[16];
    (void)snprintf(open, sizeof open, "%u", driver_open(daemon->driver));
    log_line(LOG_INFO, "stopping", "open_transactions", open, "handed_over",
             daemon->leaving ? "true" : "false", NULL);
    uint64_t wait = daemon->config->drain_timeout_us;
    struct timeval after = timeval_of(wait);
    static const struct timeval often = {.tv_usec = LOOK_US};
    daemon->drained = evtimer_new(daemon->base, stop_now, daemon);
    daemon->look = event_new(daemon->base, -1, EV_PERSIST, on_look, daemon);
    if (daemon->drained == NULL || evtimer_add(daemon->drained, &after) != 0 ||
        daemon->look == NULL || event_add(daemon->look, &often) != 0)
        daemon->stop = true;
}

static bool catch_signals(struct daemon *daemon)
{
    daemon->terminate = evsignal_new(daemon->base, SIGTERM, on_signal, daemon);
    daemon->interrupt = evsignal_new(daemon->base, SIGINT, on_signal, daemon);
    daemon->hang_up = evsignal_new(daemon->base, SIGHUP, on_hang_up, daemon);
    return daemon->terminate != NULL && daemon->interrupt != NULL && daemon->hang_up != NULL &&
           evsignal_add(daemon->terminate, NULL) == 0 &&
           evsignal_add(daemon->interrupt, NULL) == 0 && evsignal_add(daemon->hang_up, NULL) == 0 &&
           signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

/* Two on one host listen at two ports, and so are two; the same one behind a restart is itself. */
static void default_name(const struct daemon *daemon, char *ret_name, size_t size)
{
    char host[256] = "troth";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(ret_name, size, "%s:%u", host, http_server_port(daemon->server));
}

static bool is_every_address(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* How other nodes reach this one, unless it was told. */
static void default_address(const struct daemon *daemon, char *ret_url, size_t size)
{
    char host[256] = "";
    bool six = strchr(daemon->address, ':') != NULL;
    (void)snprintf(host, sizeof host, "%s%s%s", six ? "[" : "", daemon->address, six ? "]" : "");
    if (is_every_address(daemon->address))
        (void)gethostname(host, sizeof host - 1);
    (void)snprintf(ret_url, size, "%s://%s:%u", daemon->tls.server != NULL ? "https" : "http", host,
                   http_server_port(daemon->server));
}

static int start_journal(struct daemon *daemon)
{
    char name[272], address[JOURNAL_NODE_TEXT_MAX];
    default_name(daemon, name, sizeof name);
    default_address(daemon, address, sizeof address);
    const struct config *config = daemon->config;
    bool has_address = config->node_address[0] != '\0';
    struct journal_config journal = {.conninfo = config->journal,
                                     .node = config->node[0] != '\0' ? config->node : name,
                                     .address = has_address ? config->node_address : address,
                                     .public_key = daemon->driver->node_public,
                                     .lease_us = config->lease_us,
                                     .lazy_delay_us = config->lazy_delay_us,
                                     .retention_us = config->retention_us,
                                     .write_timeout_us = config->journal_timeout_us,
                                     .unsafe = config_unsafe(config),
                                     .clock_difference_us = config->clock_difference_max_us,
                                     .callbacks = driver_journal_callbacks(),
                                     .arg = daemon->driver};
    int error = http_loop_resolver(daemon->http, &journal.resolver);
    if (error == 0)
        error = journal_create(daemon->base, &journal, &daemon->journal);
    if (error == 0)
        driver_attach(daemon->driver, daemon->journal);
    return error;
}

static struct http_server_config server_config(struct daemon *daemon, uint32_t connections_max)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    limits.body_bytes_max = (uint32_t)daemon->config->body_bytes_max;
    return (struct http_server_config){
        .address = daemon->address,
        .connections_max = connections_max,
        .limits = limits,
        .budget = {.replies_max = daemon->config->answers_bytes_max,
                   .streams_max = daemon->config->watchers_bytes_max,
                   .stream_max = API_WATCHER_BYTES_MAX,
                   .bodies_max = daemon->config->bodies_bytes_max},
        .body_ends = true,
        .handler = api_handle,
        .problem = api_server_problem,
        .arg = daemon->api,
        .tls = daemon->tls.server,
        .handshakes_max = (uint32_t)daemon->config->tls_handshakes_max,
        .handshake_timeout_us = daemon->config->tls_handshake_timeout_us,
        .unshaken = tls_unshaken};
}

/* On the same host, for whom the socket knows. */
static int start_unix(struct daemon *daemon, uint32_t connections_max)
{
    struct http_server_config server = server_config(daemon, connections_max);
    if (daemon->config->listen_unix[0] == '\0')
        return 0;
    server.address = daemon->config->listen_unix;
    server.tls = NULL;
    errno = 0;
    int error = http_server_create(daemon->http, &server, &daemon->unix_server);
    if (error != 0)
        buffer_append_format(&daemon->why, "listen_unix: %s: %s", server.address,
                             errno != 0 ? strerror(errno) : troth_error_text(error));
    return error;
}

static int start_server(struct daemon *daemon)
{
    struct api_host host = driver_api_host(daemon->driver);
    int error = api_create(&host, &daemon->api);
    if (error != 0)
        return error;
    struct http_server_config server =
        server_config(daemon, descriptors_for_clients(daemon->config->connections_max));
    char address[ADDRESS_BYTES];
    error = config_address(daemon->config->listen, address, sizeof address, &server.port);
    if (error != 0)
        return error;
    memcpy(daemon->address, address, sizeof address);
    errno = 0;
    error = http_server_create(daemon->http, &server, &daemon->server);
    if (error != 0) {
        daemon->trouble = errno == EADDRINUSE
                              ? "another program listens there: stop it, or choose another --listen"
                          : errno != 0 ? strerror(errno)
                                       : NULL;
        return error;
    }
    driver_attach_server(daemon->driver, daemon->server, daemon->api);
    memory_look(daemon->config, server.connections_max);
    return start_unix(daemon, server.connections_max);
}

/* Behind the driver's end nothing is commanded any more. */
static bool may_send(void *arg)
{
    const struct daemon *daemon = arg;
    return daemon->driver != NULL && driver_may_speak(daemon->driver);
}

/* libevent would write to standard error by itself, and wait for who reads it. */
static void on_event_log(int severity, const char *text)
{
    log_line(severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "libevent", "reason", text, NULL);
}

/* What the driver needs for those whom it calls. */
static int attach_outside(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    int error = reach_create(config->participant_hosts, config->participant_networks, &daemon->why,
                             &daemon->reach);
    driver_attach_reach(daemon->driver, daemon->reach);
    driver_attach_tls(daemon->driver, daemon->tls.client, daemon->tls.nodes);
    driver_attach_kafka(daemon->driver, (const char *const *)daemon->kafka_properties);
    return error;
}

static int start(struct daemon *daemon)
{
    event_set_log_callback(on_event_log);
    daemon->base = event_base_new();
    if (daemon->base == NULL || !catch_signals(daemon))
        return TROTH_ERROR_SYSTEM;
    int error = http_loop_create(daemon->base, &daemon->http);
    if (error == 0)
        http_loop_hold(daemon->http, may_send, daemon);
    if (error == 0)
        error = http_loop_name_servers(daemon->http, daemon->config->resolver);
    if (error == 0)
        error = tls_create(daemon->base, daemon->config, &daemon->why, &daemon->tls);
    if (error == 0)
        error = kafka_properties_read(daemon->config->kafka_properties, &daemon->why,
                                      &daemon->kafka_properties);
    if (error == 0)
        error = driver_create(daemon->base, daemon->http, daemon->config, &daemon->driver);
    if (error == 0)
        error = attach_outside(daemon);
    if (error == 0)
        error = start_server(daemon);
    if (error == 0)
        error = start_journal(daemon);
    return error;
}

static void finish(struct daemon *daemon)
{
    if (daemon->journal != NULL)
        journal_hang_up(daemon->journal); /* who asked it is told while there is a driver */
    driver_destroy(daemon->driver);       /* answers who waits, so before the connections go */
    daemon->driver = NULL;
    if (daemon->http != NULL)
        http_loop_flush(daemon->http);
    journal_destroy(daemon->journal);
    http_server_destroy(daemon->server);
    http_server_destroy(daemon->unix_server);
    api_destroy(daemon->api);
    tls_destroy(&daemon->tls);
    reach_destroy(daemon->reach);
    kafka_properties_free(daemon->kafka_properties);
    buffer_finish(&daemon->why);
    http_loop_destroy(daemon->http);
    struct event *const events[] = {daemon->terminate, daemon->interrupt, daemon->hang_up,
                                    daemon->drained, daemon->look};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (daemon->base != NULL)
        event_base_free(daemon->base);
}

/* One line on standard output, for people and for scripts that wait for it. */
static void announce(struct daemon *daemon)
{
    bool six = strchr(daemon->address, ':') != NULL;
    (void)printf("trothd ready listen=%s%s%s:%u journal=%s epoch=%u open=%u pid=%ld\n",
                 six ? "[" : "", daemon->address, six ? "]" : "", http_server_port(daemon->server),
                 journal_id(daemon->journal), journal_epoch(daemon->journal, 0),
                 driver_open(daemon->driver), (long)getpid());
    (void)fflush(stdout);
    daemon->announced = true;
}

/* The turn. Its order is what keeps a reply behind the write it depends on:
 *   1  take what arrived, and step the transactions with it (the callbacks)
 *   2  step what was put off during the steps: granted slots, sends that could not be made
 *   3  flush the journal: one batch, one COMMIT
 *   4  send: commands to participants, then everything HTTP has to say. What stands there was made
 * true by verdicts that came in step 1 of this turn or an earlier one. Commands and events leave
 * only while the lease is ours (driver_may_speak), which is looked at when they are written: a
 * process that was paused finds out before it speaks */
static void turn(struct daemon *daemon)
{
    (void)event_base_loop(daemon->base, EVLOOP_ONCE);
    driver_turn(daemon->driver);
    journal_flush(daemon->journal);
    driver_flush(daemon->driver);
    http_loop_flush(daemon->http);
}

/* What is its share for now goes on, or there is none for it. */
static bool is_at_work(const struct daemon *daemon)
{
    struct journal_stats stats;
    if (!driver_serving(daemon->driver) || !driver_settled(daemon->driver))
        return false;
    journal_stats(daemon->journal, &stats);
    return stats.shards_led > 0 || journal_state(daemon->journal) == JOURNAL_WAITING;
}

static bool has_ended(const struct daemon *daemon)
{
    if (driver_open(daemon->driver) > 0)
        return false;
    for (uint32_t i = 0; daemon->leaving && i < journal_shards(daemon->journal); i++)
        if (journal_shard(daemon->journal, i) != JOURNAL_SHARD_FOREIGN)
            return false;
    return true;
}

static int loop(struct daemon *daemon)
{
    const char *why = NULL;
    while (!daemon->stop) {
        turn(daemon);
        if (!daemon->announced && is_at_work(daemon))
            announce(daemon);
        if (driver_failed(daemon->driver, &why)) {
            log_line(LOG_ERROR, "cannot go on", "reason", why, NULL);
            return DAEMON_FENCED;
        }
        if (daemon->stopping && has_ended(daemon))
            daemon->stop = true;
    }
    char open[16];
    (void)snprintf(open, sizeof open, "%u", driver_open(daemon->driver));
    log_line(LOG_INFO, "stopped", "open_transactions", open, NULL);
    return DAEMON_OK;
}

int daemon_run(const struct config *config)
{
    struct daemon daemon = {.config = config};
    int error = start(&daemon);
    int code = DAEMON_FAILED;
    if (error == 0) {
        code = loop(&daemon);
    } else {
        if (daemon.why.len > 0)
            daemon.trouble = buffer_text(&daemon.why);
        log_line(LOG_ERROR, "cannot start", "listen", config->listen, "reason",
                 daemon.trouble != NULL ? daemon.trouble : troth_error_text(error), NULL);
    }
    finish(&daemon);
    return code;
}
