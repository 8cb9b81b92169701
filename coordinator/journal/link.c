/* One connection to PostgreSQL on the loop: host after host, address after address, again and
 * again; and what was asked on it, answered in order. */
#include "link.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/error.h>

#include <base/now.h>

#include "ticks.h"

static void link_on_io(evutil_socket_t fd, short what, void *arg);
static void link_on_timer(evutil_socket_t fd, short what, void *arg);
static bool link_try(struct link *link);

static void link_mark(struct link *link)
{
    uint8_t random[LINK_MARK_LEN / 2];
    evutil_secure_rng_get_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(link->mark + 2 * i, 3, "%02x", random[i]);
}

int link_init(struct link *link, struct event_base *base, const char *conninfo,
              const char *application_name, const struct link_callbacks *callbacks, void *arg)
{
    *link = (struct link){.base = base,
                          .application_name = application_name,
                          .callbacks = *callbacks,
                          .arg = arg,
                          .backoff_us = LINK_BACKOFF_MIN_US};
    link->timer = event_new(base, -1, 0, link_on_timer, link);
    if (link->timer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    link_mark(link);
    return hosts_init(&link->hosts, conninfo);
}

static void link_timer_set(struct link *link, uint64_t us)
{
    struct timeval wait = timeval_of(us);
    event_add(link->timer, &wait);
}

static void link_unwatch(struct link *link)
{
    if (link->io != NULL)
        event_free(link->io);
    link->io = NULL;
    link->watched = 0;
}

static void link_watch_anew(struct link *link, short what)
{
    link_unwatch(link);
    link->io =
        event_new(link->base, PQsocket(link->conn), (short)(what | EV_PERSIST), link_on_io, link);
    if (link->io == NULL || event_add(link->io, NULL) != 0)
        abort(); /* without its event the journal would hang for ever: let the supervisor restart */
    link->watched = what;
}

/* While it is UP, libpq keeps its socket. While it connects it may close one and open the next,
 * with the same number: the kernel has forgotten the first, and libevent would not see that. So
 * then the event is made anew at every step. */
static void link_watch(struct link *link, short what)
{
    if (link->io == NULL || link->watched != what)
        link_watch_anew(link, what);
}

static void link_drop(struct link *link)
{
    resolver_cancel(link->question);
    link->question = NULL;
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
    uint64_t most =
        link->hosts.count > 1 ? LINK_ROUND_MAX_US / link->hosts.count : LINK_BACKOFF_MAX_US;
    link->backoff_us = link->backoff_us * 2 > most ? most : link->backoff_us * 2;
    return half + random % (half + 1);
}

/* Appends the first line of `why`. */
static void link_note(struct link *link, const char *why)
{
    size_t at = strlen(link->why);
    const char *between = at > 0 ? "; " : "";
    (void)snprintf(link->why + at, sizeof link->why - at, "%s%.*s", between,
                   (int)strcspn(why, "\n"), why);
}

/* Says once what the hosts said. */
static void link_rest(struct link *link)
{
    char why[LINK_WHY_MAX];
    memcpy(why, link->why, sizeof why);
    link->why[0] = '\0';
    link->tried = 0;
    link->tried_there = 0;
    link_timer_set(link, link_backoff_next(link));
    link->callbacks.down(link->arg, why);
}

static void link_lose(struct link *link, const char *why)
{
    if (link->failed)
        link->backoff_us = link->backoff_start_us;
    if (link->why[0] == '\0') /* else the answer said more than the connection can */
        link_note(link, why);
    link_drop(link);
    link_rest(link);
}

/* It was silent, and another host answers: so the silence is its own. */
static bool link_is_silent(const struct link *link)
{
    if (link->places[link->host].late == 0)
        return false;
    for (size_t i = 0; i < link->hosts.count; i++)
        if (i != link->host && link->places[i].answered)
            return true;
    return false;
}

static uint64_t link_share(const struct link *link)
{
    uint64_t share = LINK_HOST_TIMEOUT_US << (link->rounds < 3 ? link->rounds : 3);
    if (link_is_silent(link))
        return link->places[link->host].late % LINK_SLOW_HOST_TRIES == 0
                   ? LINK_SLOW_HOST_TIMEOUT_US
                   : LINK_SILENT_HOST_TIMEOUT_US;
    if (link->hosts.connect_timeout_us != 0)
        return link->hosts.connect_timeout_us;
    if ((link->hosts.count == 1 && link->places[link->host].count < 2) ||
        share > LINK_CONNECT_TIMEOUT_US)
        return LINK_CONNECT_TIMEOUT_US;
    return share;
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

/* The host that is tried was heard, whatever it said; or it was silent for its share. */
static void link_heard(struct link *link, bool answered)
{
    struct link_place *place = &link->places[link->host];
    place->answered = answered;
    place->late = answered ? 0 : place->late + 1;
}

/* `place` is NULL where no name is looked up. false: failed at once. */
static bool link_connect(struct link *link, const struct link_place *place)
{
    char address[NI_MAXHOST] = "";
    if (place != NULL &&
        getnameinfo(&place->addresses[place->at].any, place->addresses[place->at].size, address,
                    sizeof address, NULL, 0, NI_NUMERICHOST) != 0) /* only writes it down */
        place = NULL;
    link->conn = hosts_start(&link->hosts, link->host, place == NULL ? NULL : address,
                             link->application_name);
    if (link->conn == NULL || PQstatus(link->conn) == CONNECTION_BAD) {
        link_note(link, link->conn == NULL ? "out of memory" : PQerrorMessage(link->conn));
        return false;
    }
    PQsetNoticeReceiver(link->conn, link_on_notice, link);
    link->state = LINK_CONNECTING;
    link_timer_set(link, link_share(link));
    link_watch_anew(link, EV_WRITE);
    return true;
}

/* The next address of this host, or the next host; false: all of them failed. */
static bool link_next(struct link *link)
{
    struct link_place *place = &link->places[link->host];
    if (place->count > 0)
        place->at = (place->at + 1) % place->count;
    if (++link->tried_there < place->count)
        return true;
    link->tried_there = 0;
    place->good_until_us = 0; /* asked for again */
    link->host = (link->host + 1) % link->hosts.count;
    return ++link->tried < link->hosts.count;
}

static void link_go_on(struct link *link)
{
    do {
        link_drop(link);
        if (!link_next(link)) {
            link->rounds++;
            link_rest(link);
            return;
        }
    } while (!link_try(link));
}

static void link_note_name(struct link *link, const char *what)
{
    char why[LINK_WHY_MAX];
    (void)snprintf(why, sizeof why, "looking up %s: %s", hosts_name(&link->hosts, link->host),
                   what);
    link_note(link, why);
}

/* The host's name was asked for, and no name server said anything of use in time. */
static void link_connect_stale(struct link *link, const char *what)
{
    const struct link_place *place = &link->places[link->host];
    if (place->count == 0)
        link_note_name(link, what);
    if (place->count == 0 || !link_connect(link, place))
        link_go_on(link);
}

static void link_place_set(struct link_place *place, const struct resolver_answer *answer)
{
    const struct resolver_address last = place->addresses[place->at];
    bool had = place->count > 0;
    place->count = answer->count < LINK_ADDRESSES_MAX ? answer->count : LINK_ADDRESSES_MAX;
    place->at = 0;
    place->good_until_us = clock_mono_us() + answer->ttl_us;
    memcpy(place->addresses, answer->addresses, place->count * sizeof place->addresses[0]);
    for (unsigned i = 0; had && i < place->count; i++)
        if (resolver_address_same(&place->addresses[i], &last))
            place->at = i;
}

static void link_on_address(void *arg, const struct resolver_answer *answer)
{
    struct link *link = arg;
    struct link_place *place = &link->places[link->host];
    link->question = NULL;
    if (answer->error == TROTH_ERROR_NOT_FOUND)
        place->count = place->at = 0;
    if (answer->error != TROTH_OK) {
        link_connect_stale(link, answer->text);
        return;
    }
    link_place_set(place, answer);
    if (!link_connect(link, place))
        link_go_on(link);
}

/* Once for each host and round: its addresses are gone through as they are. */
static bool link_try(struct link *link)
{
    struct link_place *place = &link->places[link->host];
    const char *name = link->resolver == NULL ? NULL : hosts_name(&link->hosts, link->host);
    struct resolver_address numeric;
    int error;
    if (name == NULL || resolver_numeric(name, 0, &numeric))
        return link_connect(link, NULL);
    if (place->count > 0 && (link->tried_there > 0 || clock_mono_us() < place->good_until_us))
        return link_connect(link, place);
    error = resolver_ask(link->resolver, name, 0, link_on_address, link, &link->question);
    if (error != TROTH_OK) {
        link_note_name(link, troth_error_text(error));
        return false;
    }
    link->state = LINK_CONNECTING;
    link_timer_set(link, place->count > 0 ? LINK_STALE_WAIT_US : link_share(link));
    return true;
}

void link_start(struct link *link)
{
    assert(link->state == LINK_DOWN);
    if (!link_try(link))
        link_go_on(link);
}

/* A database that is only slow must be able to answer at last. */
static uint64_t link_patience(const struct link *link)
{
    return link->silence_us << (link->silences < LINK_SILENCES_MAX ? link->silences
                                                                   : LINK_SILENCES_MAX);
}

/* Nothing was heard for too long, or the timer is early. */
static void link_check_silence(struct link *link)
{
    uint64_t since = clock_mono_us() - link->heard_us, patience = link_patience(link);
    char why[100];
    if (link->items_count == 0 || link->silence_us == 0)
        return;
    if (since < patience) {
        link_timer_set(link, patience - since);
        return;
    }
    link->silences++;
    (void)snprintf(why, sizeof why, "the database has not answered for %.1f s: connecting anew",
                   (double)since / 1e6);
    link_lose(link, why);
}

static void link_say_slow(struct link *link)
{
    char why[200];
    const char *host = PQhost(link->conn), *port = PQport(link->conn);
    (void)snprintf(why, sizeof why, "connecting to %s port %s took longer than %.1f s",
                   host == NULL ? "" : host, port == NULL ? "" : port,
                   (double)link_share(link) / 1e6);
    link_note(link, why);
}

static void link_on_late(struct link *link)
{
    if (link->question != NULL) {
        resolver_cancel(link->question);
        link->question = NULL;
        link_connect_stale(link, "no name server has answered");
        return;
    }
    link_say_slow(link);
    link_heard(link, false);
    link_go_on(link);
}

static void link_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    (void)fd;
    (void)what;
    switch (link->state) {
    case LINK_DOWN:
        link_start(link);
        break;
    case LINK_CONNECTING:
        link_on_late(link);
        break;
    case LINK_UP:
        link_check_silence(link);
        break;
    }
}

void link_finish(struct link *link)
{
    if (link->base == NULL)
        return;
    link_drop(link);
    if (link->timer != NULL)
        event_free(link->timer);
    hosts_finish(&link->hosts);
    free(link->items);
    *link = (struct link){0};
}

static void link_poll(struct link *link)
{
    switch (PQconnectPoll(link->conn)) {
    case PGRES_POLLING_READING:
        link_watch_anew(link, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        link_watch_anew(link, EV_WRITE);
        return;
    case PGRES_POLLING_OK:
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        link_heard(link, true);
        link_note(link, PQerrorMessage(link->conn));
        link_go_on(link);
        return;
    }
    if (PQsetnonblocking(link->conn, 1) != 0 || PQenterPipelineMode(link->conn) != 1) {
        link_note(link, PQerrorMessage(link->conn));
        link_go_on(link);
        return;
    }
    event_del(link->timer);
    link_heard(link, true);
    link->state = LINK_UP;
    link->tried = 0;
    link->tried_there = 0;
    link->rounds = 0;
    link->why[0] = '\0';
    link->backoff_start_us = link->backoff_us;
    link_watch_anew(link, EV_READ);
    link->callbacks.up(link->arg);
}

/* The wrong server, the wrong role, or one that shuts down: nothing more is to be had from this
 * session, also where the server keeps it. */
static bool ends_session(const PGresult *result)
{
    static const char *const states[] = {"25006", "57P01", "57P02", "57P03", "57P04", "57P05"};
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return state != NULL && memcmp(state, "08", 2) == 0;
}

/* What the next session would most likely hear, too, so that it comes after a longer pause. Not: a
 * connection that was lost (no SQLSTATE, or class 08), a session that somebody ended (57P). */
static bool will_recur(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && memcmp(state, "08", 2) != 0 && memcmp(state, "57P", 3) != 0;
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
    link->failed = link->failed || (status == PGRES_FATAL_ERROR && will_recur(result));
    if (item.fn != NULL)
        item.fn(item.arg, result);
    if (status == PGRES_FATAL_ERROR && ends_session(result)) {
        link_note(link, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        link_reset(link);
    }
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
    if (link->state == LINK_CONNECTING) {
        link_poll(link);
        return;
    }
    if ((what & (EV_READ | EV_WRITE)) != 0)
        link->heard_us = clock_mono_us();
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

/* The timer may be set for earlier, from an answer before: then it finds out and is set again. */
static void link_begin_waiting(struct link *link)
{
    link->heard_us = clock_mono_us();
    if (link->silence_us != 0 && event_pending(link->timer, EV_TIMEOUT, NULL) == 0)
        link_timer_set(link, link_patience(link));
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
    if (link->items_count == 0)
        link_begin_waiting(link);
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

void link_refuse(struct link *link)
{
    struct link_place *place = &link->places[link->host];
    if (link->state == LINK_UP && !link->broken) {
        if (place->count > 0)
            place->at = (place->at + 1) % place->count;
        if (place->at == 0)
            link->host = (link->host + 1) % link->hosts.count;
    }
    link->failed = true;
    link_reset(link);
}
