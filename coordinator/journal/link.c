#include "link.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#include <troth/error.h>

static void link_on_io(evutil_socket_t fd, short what, void *arg);
static void link_on_timer(evutil_socket_t fd, short what, void *arg);

int link_init(struct link *link, struct event_base *base, const char *conninfo,
              const char *application_name, const struct link_callbacks *callbacks, void *arg)
{
    *link = (struct link){.base = base,
                          .conninfo = conninfo,
                          .application_name = application_name,
                          .callbacks = *callbacks,
                          .arg = arg,
                          .watched_fd = -1,
                          .backoff_us = LINK_BACKOFF_MIN_US};
    link->timer = event_new(base, -1, 0, link_on_timer, link);
    return link->timer == NULL ? TROTH_ERROR_NO_MEMORY : TROTH_OK;
}

static void link_timer_set(struct link *link, uint64_t us)
{
    struct timeval wait = {.tv_sec = (time_t)(us / 1000000),
                           .tv_usec = (suseconds_t)(us % 1000000)};

    event_add(link->timer, &wait);
}

static void link_unwatch(struct link *link)
{
    if (link->io != NULL)
        event_free(link->io);
    link->io = NULL;
    link->watched = 0;
    link->watched_fd = -1;
}

/* libpq may change its socket while it connects, so the event is made anew when anything differs.
 */
static void link_watch(struct link *link, short what)
{
    int fd = PQsocket(link->conn);

    if (link->io != NULL && link->watched == what && link->watched_fd == fd)
        return;
    link_unwatch(link);
    link->io = event_new(link->base, fd, (short)(what | EV_PERSIST), link_on_io, link);
    if (link->io == NULL || event_add(link->io, NULL) != 0)
        abort(); /* without its event the journal would hang for ever: let the supervisor restart */
    link->watched = what;
    link->watched_fd = fd;
}

static void link_drop(struct link *link)
{
    link_unwatch(link);
    if (link->conn != NULL)
        PQfinish(link->conn);
    link->conn = NULL;
    link->state = LINK_DOWN;
    link->broken = false;
    link->failed = false;
    link->items_head = 0;
    link->items_count = 0;
}

/* Between half of the backoff and all of it, so that nodes do not come back in step. */
static uint64_t link_backoff_next(struct link *link)
{
    uint64_t half = link->backoff_us / 2;
    uint32_t random = 0;

    evutil_secure_rng_get_bytes(&random, sizeof random);
    link->backoff_us =
        link->backoff_us * 2 > LINK_BACKOFF_MAX_US ? LINK_BACKOFF_MAX_US : link->backoff_us * 2;
    return half + random % (half + 1);
}

static void link_lose(struct link *link, const char *why)
{
    char text[256];
    size_t len = 0;

    for (; why[len] != '\0' && why[len] != '\n' && len < sizeof text - 1; len++)
        text[len] = why[len];
    text[len] = '\0';
    if (link->failed)
        link->backoff_us = link->backoff_start_us;
    link_drop(link);
    link_timer_set(link, link_backoff_next(link));
    link->callbacks.down(link->arg, text);
}

static void link_on_notice(void *arg, const PGresult *result)
{
    struct link *link = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (severity == NULL || strcmp(severity, "WARNING") != 0 || link->callbacks.warning == NULL)
        return;
    link->callbacks.warning(link->arg, text == NULL ? "" : text);
}

/* A peer that is gone without a word must not hold a commit for the system's 15 minutes. What the
 * conninfo says comes later and wins. */
static PGconn *link_connect(const struct link *link)
{
    static const char *const keywords[] = {"keepalives_idle",           "keepalives_interval",
                                           "keepalives_count",          "tcp_user_timeout",
                                           "client_encoding",           "dbname",
                                           "fallback_application_name", NULL};
    const char *values[] = {"10", "5", "3", "20000", "UTF8", link->conninfo, link->application_name,
                            NULL};

    return PQconnectStartParams(keywords, values, 1);
}

void link_start(struct link *link)
{
    assert(link->state == LINK_DOWN);
    link->conn = link_connect(link);
    if (link->conn == NULL || PQstatus(link->conn) == CONNECTION_BAD) {
        link_lose(link, link->conn == NULL ? "out of memory" : PQerrorMessage(link->conn));
        return;
    }
    PQsetNoticeReceiver(link->conn, link_on_notice, link);
    link->state = LINK_CONNECTING;
    link_timer_set(link, LINK_CONNECT_TIMEOUT_US);
    link_watch(link, EV_WRITE);
}

static void link_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;

    (void)fd;
    (void)what;
    if (link->state == LINK_DOWN)
        link_start(link);
    else if (link->state == LINK_CONNECTING)
        link_lose(link, "connecting took too long");
}

void link_finish(struct link *link)
{
    if (link->base == NULL)
        return;
    link_drop(link);
    if (link->timer != NULL)
        event_free(link->timer);
    free(link->items);
    *link = (struct link){0};
}

static void link_poll(struct link *link)
{
    switch (PQconnectPoll(link->conn)) {
    case PGRES_POLLING_READING:
        link_watch(link, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        link_watch(link, EV_WRITE);
        return;
    case PGRES_POLLING_OK:
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        link_lose(link, PQerrorMessage(link->conn));
        return;
    }
    if (PQsetnonblocking(link->conn, 1) != 0 || PQenterPipelineMode(link->conn) != 1) {
        link_lose(link, PQerrorMessage(link->conn));
        return;
    }
    event_del(link->timer);
    link->state = LINK_UP;
    link->backoff_start_us = link->backoff_us;
    link_watch(link, EV_READ);
    link->callbacks.up(link->arg);
}

static void link_deliver(struct link *link, PGresult *result)
{
    struct link_item item = link->items[link->items_head];
    ExecStatusType status = PQresultStatus(result);

    /* An error where a sync is due is the commit's: the sync itself still follows. */
    if (!(item.is_sync && status == PGRES_FATAL_ERROR)) {
        if (item.is_sync != (status == PGRES_PIPELINE_SYNC)) {
            link->broken = true;
            return;
        }
        link->items_head = (link->items_head + 1) % link->items_cap;
        link->items_count--;
        if (item.is_sync)
            link->backoff_us = LINK_BACKOFF_MIN_US;
    }
    link->failed = link->failed || status == PGRES_FATAL_ERROR;
    if (item.fn != NULL)
        item.fn(item.arg, result);
}

/* PQgetResult would block while something is unsent, so that is looked at first. It gives NULL
 * between two queries; twice in a row means that nothing more is here. */
static void link_drain(struct link *link)
{
    int nulls = 0;

    while (link->items_count > 0 && nulls < 2 && !link->broken && PQflush(link->conn) == 0 &&
           !PQisBusy(link->conn)) {
        PGresult *result = PQgetResult(link->conn);

        if (result == NULL) {
            nulls++;
            continue;
        }
        nulls = 0;
        link_deliver(link, result);
        PQclear(result);
    }
}

static void link_on_io(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;

    (void)fd;
    (void)what;
    if (link->state == LINK_CONNECTING) {
        link_poll(link);
        return;
    }
    if (link->broken || PQconsumeInput(link->conn) == 0) {
        link_lose(link, PQerrorMessage(link->conn));
        return;
    }
    link_drain(link);
    if (link->broken || PQstatus(link->conn) == CONNECTION_BAD)
        link_lose(link, PQerrorMessage(link->conn));
    else
        link_send(link);
}

static void link_expect(struct link *link, bool sent, link_fn fn, void *arg, bool is_sync)
{
    assert(link->state == LINK_UP);
    if (!sent || link->broken) {
        link_reset(link);
        return;
    }
    if (link->items_count == link->items_cap) {
        size_t cap = link->items_cap == 0 ? 64 : link->items_cap * 2;
        struct link_item *items = calloc(cap, sizeof *items);

        if (items == NULL) {
            link_reset(link);
            return;
        }
        for (size_t i = 0; i < link->items_count; i++)
            items[i] = link->items[(link->items_head + i) % link->items_cap];
        free(link->items);
        link->items = items;
        link->items_head = 0;
        link->items_cap = cap;
    }
    link->items[(link->items_head + link->items_count++) % link->items_cap] =
        (struct link_item){.fn = fn, .arg = arg, .is_sync = is_sync};
}

void link_prepare(struct link *link, const char *name, const char *sql, link_fn fn, void *arg)
{
    link_expect(link, PQsendPrepare(link->conn, name, sql, 0, NULL) == 1, fn, arg, false);
}

void link_query(struct link *link, const char *sql, const struct link_params *params, link_fn fn,
                void *arg)
{
    int sent = params == NULL
                   ? PQsendQueryParams(link->conn, sql, 0, NULL, NULL, NULL, NULL, 1)
                   : PQsendQueryParams(link->conn, sql, params->count, params->types,
                                       params->values, params->lengths, params->formats, 1);

    link_expect(link, sent == 1, fn, arg, false);
}

void link_execute(struct link *link, const char *name, const struct link_params *params, link_fn fn,
                  void *arg)
{
    int sent = PQsendQueryPrepared(link->conn, name, params->count, params->values, params->lengths,
                                   params->formats, 1);

    link_expect(link, sent == 1, fn, arg, false);
}

void link_sync(struct link *link, link_fn fn, void *arg)
{
    link_expect(link, PQpipelineSync(link->conn) == 1, fn, arg, true);
}

void link_send(struct link *link)
{
    if (link->state != LINK_UP || link->broken)
        return;
    switch (PQflush(link->conn)) {
    case 0:
        link_watch(link, EV_READ);
        break;
    case 1:
        link_watch(link, EV_READ | EV_WRITE);
        break;
    default:
        link_reset(link);
        break;
    }
}

void link_reset(struct link *link)
{
    if (link->state != LINK_UP)
        return;
    link->broken = true;
    if (link->io != NULL)
        event_active(link->io, EV_TIMEOUT, 0);
}
