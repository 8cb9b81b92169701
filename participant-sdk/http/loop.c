/* loop.c: what the connections of one event loop share: flush, deadlines, deferred work. */
#include <http/loop.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include <resolve/resolve.h>

#include "conn.h"

#include <base/now.h>

static void free_dead(struct http_loop *loop)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&loop->dead)) != NULL) {
        TAILQ_REMOVE(&loop->dead, conn, all);
        free(conn);
    }
    while (loop->buried != NULL) {
        struct http_buried *buried = loop->buried;
        loop->buried = buried->next;
        free(buried);
    }
}

static void free_loop(struct http_loop *loop)
{
    free_dead(loop);
    free(loop->read_data);
    free(loop);
}

void http_loop_enter(struct http_loop *loop)
{
    loop->depth++;
}

void http_loop_leave(struct http_loop *loop)
{
    assert(loop->depth > 0);
    if (--loop->depth == 0 && loop->destroyed)
        free_loop(loop);
}

void http_loop_bury(struct http_loop *loop, struct http_buried *memory)
{
    memory->next = loop->buried;
    loop->buried = memory;
    http_loop_wake(loop);
}

/* Serves what was scheduled until now. What schedules itself again is served at the next call, so
 * that sockets get their turn. */
static void run_scheduled(struct http_loop *loop)
{
    struct http_conn *conn;
    size_t count = 0;
    TAILQ_FOREACH(conn, &loop->scheduled, run_link)
    {
        count++;
    }
    for (; count > 0 && (conn = TAILQ_FIRST(&loop->scheduled)) != NULL; count--) {
        unsigned reasons = conn->reasons;
        TAILQ_REMOVE(&loop->scheduled, conn, run_link);
        conn->reasons = 0;
        conn->ops->run(conn, reasons);
    }
    if (!TAILQ_EMPTY(&loop->scheduled))
        http_loop_wake(loop);
}

static void on_run(evutil_socket_t fd, short what, void *arg)
{
    struct http_loop *loop = arg;
    (void)fd;
    (void)what;
    if (loop->depth == 0) /* else the host dispatches its base from inside a callback */
        free_dead(loop);
    http_loop_enter(loop);
    run_scheduled(loop); /* with the last connection closed it has nothing more to do */
    if (loop->autoflush && !loop->destroyed)
        http_loop_flush(loop);
    http_loop_leave(loop);
}

void http_loop_wake(struct http_loop *loop)
{
    if (!loop->destroyed)
        event_active(loop->run_event, EV_TIMEOUT, 1);
}

static void arm_sweep(struct http_loop *loop, uint64_t at_us, uint64_t now_us)
{
    uint64_t wait_us = at_us > now_us ? at_us - now_us : 0;
    struct timeval wait = timeval_of(wait_us);
    /* without memory for it: the next deadline that is set tries again */
    loop->sweep_at_us = event_add(loop->sweep_event, &wait) == 0 ? at_us : 0;
}

void http_loop_sweep_by(struct http_loop *loop, uint64_t deadline_us)
{
    if (loop->sweep_at_us == 0 || deadline_us < loop->sweep_at_us)
        arm_sweep(loop, deadline_us, mono_now().us);
}

static bool is_late(uint64_t *deadline_us, uint64_t now_us, uint64_t *next_us)
{
    if (*deadline_us == 0)
        return false;
    if (*deadline_us <= now_us) {
        *deadline_us = 0;
        return true;
    }
    if (*next_us == 0 || *deadline_us < *next_us)
        *next_us = *deadline_us;
    return false;
}

/* Under load deadlines move all the time and almost none is ever reached: setting one costs a
 * comparison, and all are looked at when the earliest that was ever set has come. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http_loop *loop = arg;
    uint64_t now_us = mono_now().us;
    uint64_t next_us = 0;
    struct http_conn *conn;
    (void)fd;
    (void)what;
    TAILQ_FOREACH(conn, &loop->all, all)
    {
        if (is_late(&conn->read_deadline_us, now_us, &next_us))
            http_conn_schedule(conn, HTTP_RUN_READ_LATE);
        if (is_late(&conn->write_deadline_us, now_us, &next_us))
            http_conn_schedule(conn, HTTP_RUN_WRITE_LATE);
    }
    loop->sweep_at_us = 0;
    if (next_us != 0) {
        uint64_t soonest_us = now_us + HTTP_SWEEP_MIN_US;
        arm_sweep(loop, next_us > soonest_us ? next_us : soonest_us, now_us);
    }
}

int http_loop_create(struct event_base *base, struct http_loop **ret_loop)
{
    assert(base != NULL && ret_loop != NULL);
    struct http_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return TROTH_ERROR_NO_MEMORY;
    loop->base = base;
    TAILQ_INIT(&loop->all);
    TAILQ_INIT(&loop->dirty);
    TAILQ_INIT(&loop->scheduled);
    TAILQ_INIT(&loop->dead);
    loop->read_data = malloc(HTTP_READ_BYTES);
    loop->run_event = event_new(base, -1, EV_TIMEOUT, on_run, loop);
    loop->sweep_event = event_new(base, -1, EV_TIMEOUT, on_sweep, loop);
    if (loop->read_data == NULL || loop->run_event == NULL || loop->sweep_event == NULL) {
        http_loop_destroy(loop);
        return TROTH_ERROR_NO_MEMORY;
    }
    *ret_loop = loop;
    return 0;
}

void http_loop_destroy(struct http_loop *loop)
{
    if (loop == NULL)
        return;
    assert(loop->users == 0);
    assert(TAILQ_EMPTY(&loop->all));
    resolver_destroy(loop->resolver);
    if (loop->run_event != NULL)
        event_free(loop->run_event);
    if (loop->sweep_event != NULL)
        event_free(loop->sweep_event);
    loop->destroyed = true;
    if (loop->depth == 0)
        free_loop(loop);
}

struct event_base *http_loop_base(const struct http_loop *loop)
{
    return loop->base;
}

int http_loop_name_servers(struct http_loop *loop, const char *servers)
{
    struct resolver *made = NULL;
    int error = resolver_create(loop->base, servers, &made);
    if (error == 0) {
        resolver_destroy(loop->resolver);
        loop->resolver = made;
    }
    return error;
}

int http_loop_resolver(struct http_loop *loop, struct resolver **ret_resolver)
{
    if (loop->resolver == NULL) {
        int error = resolver_create(loop->base, NULL, &loop->resolver);
        if (error != 0)
            return error;
    }
    *ret_resolver = loop->resolver;
    return 0;
}

void http_loop_hold(struct http_loop *loop, bool (*may_send)(void *arg), void *arg)
{
    assert(loop != NULL && may_send != NULL);
    loop->may_send = may_send;
    loop->may_send_arg = arg;
}

void http_loop_recall(struct http_loop *loop)
{
    struct http_conn *conn;
    TAILQ_FOREACH(conn, &loop->all, all)
    {
        if (conn->calls && conn->out.len > 0 && conn->out_sent == 0) {
            conn->recalled = true;
            http_conn_schedule(conn, HTTP_RUN_RECALLED);
        }
    }
}

void http_loop_flush(struct http_loop *loop)
{
    struct http_conns held = TAILQ_HEAD_INITIALIZER(held);
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&loop->dirty)) != NULL) {
        if (http_conn_is_held(conn)) {
            TAILQ_REMOVE(&loop->dirty, conn, dirty_link);
            TAILQ_INSERT_TAIL(&held, conn, dirty_link);
        } else {
            http_conn_flush(conn);
        }
    }
    TAILQ_CONCAT(&loop->dirty, &held, dirty_link);
    loop->turn++;
}

void http_loop_autoflush(struct http_loop *loop)
{
    loop->autoflush = true;
    if (!TAILQ_EMPTY(&loop->dirty))
        http_loop_wake(loop);
}

const char *http_loop_date(struct http_loop *loop)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now_s = time(NULL);
    if ((int64_t)now_s != loop->date_s) {
        struct tm tm;
        (void)gmtime_r(&now_s, &tm);
        int len =
            snprintf(loop->date, sizeof(loop->date),
                     "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday,
                     months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert(len == (int)HTTP_DATE_HEADER_LEN);
        loop->date_s = now_s;
    }
    return loop->date;
}
