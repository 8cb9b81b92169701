/* link.h: one connection to PostgreSQL on the loop: non-blocking, in pipeline mode, made again with
 * backoff when it is lost, without end.
 *
 *   DOWN ──(backoff)──> CONNECTING ──> UP ──(anything wrong)──> DOWN
 *     └──(all hosts failed)──┘ └─ the next host
 *
 * Where the conninfo names several hosts, each has its own share of time, and the one that worked
 * last comes first; so it is with the addresses of one name, which is looked up without blocking.
 * Its addresses are good for their TTL, or until all of them failed; while no name server answers,
 * the ones known last are used. What was asked and stays without any answer for `silence_us` loses
 * the connection, too: one that lives at TCP's level and says nothing is as good as none.
 *
 * Everything is a query with parameters; nothing is answered before link_sync() and link_send().
 * When the link is lost, what was asked is forgotten without a callback: `down` says so once. */
#ifndef JOURNAL_LINK_H
#define JOURNAL_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hosts/hosts.h>
#include <resolve/resolve.h>

struct event;
struct event_base;

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

#define LINK_BACKOFF_MIN_US UINT64_C(20000)
#define LINK_BACKOFF_MAX_US UINT64_C(2000000)
/* With several hosts one of them takes writes at any moment: none is looked at more rarely than so.
 */
#define LINK_ROUND_MAX_US UINT64_C(600000)
/* For one host, unless the conninfo has a connect_timeout. Where there are others to try it is
 * LINK_HOST_TIMEOUT_US, doubled with each round in which all failed, up to this. */
#define LINK_CONNECT_TIMEOUT_US UINT64_C(10000000)
#define LINK_HOST_TIMEOUT_US    UINT64_C(2000000)
/* For a host that was silent the last time, while another one answers: one of many tries has
 * longer, so that a host which is slow is had at last. */
#define LINK_SILENT_HOST_TIMEOUT_US UINT64_C(200000)
#define LINK_SLOW_HOST_TIMEOUT_US   UINT64_C(1000000)
#define LINK_SLOW_HOST_TRIES        20u
#define LINK_STALE_WAIT_US          UINT64_C(500000) /* then the addresses known last are used */
#define LINK_SILENCES_MAX           3u /* the wait for an answer grows to eight times */
#define LINK_WHY_MAX                500u
#define LINK_MARK_LEN               32u

#define LINK_ADDRESSES_MAX 8u /* of one host; more are not tried */

/* Where a host is, by its name. */
struct link_place {
    struct resolver_address addresses[LINK_ADDRESSES_MAX];
    unsigned count;
    unsigned at; /* being tried, or connected to */
    uint64_t good_until_us;
    unsigned late; /* connections in a row that were not made in time */
    bool answered; /* the last one was made, or refused */
};

/* For each result of a query: its rows, an error (PGRES_FATAL_ERROR) or PGRES_PIPELINE_ABORTED. For
 * a sync: PGRES_PIPELINE_SYNC, perhaps after a PGRES_FATAL_ERROR: the failure of the commit. The
 * result is borrowed. May ask again; may not destroy the link. */
typedef void (*link_fn)(void *arg, PGresult *result);

struct link_callbacks {
    void (*up)(void *arg);
    void (*down)(void *arg, const char *why);
    void (*warning)(void *arg, const char *text); /* may be NULL */
};

struct link_item {
    link_fn fn;
    void *arg;
    bool is_sync;
};

struct link {
    struct event_base *base;
    struct hosts hosts;
    struct resolver *resolver; /* borrowed, set by the owner; NULL: libpq looks names up */
    struct resolver_question *question;
    struct link_place places[HOSTS_MAX];
    const char *application_name;
    char mark[LINK_MARK_LEN + 1]; /* what this session is known by (session.h) */
    struct link_callbacks callbacks;
    void *arg;
    enum link_state state;
    PGconn *conn;
    struct event *io;
    struct event *timer; /* backoff while DOWN, deadline while CONNECTING, silence while UP */
    short watched;
    size_t host;            /* being tried, or connected to */
    size_t tried;           /* hosts of this round that failed */
    unsigned tried_there;   /* addresses of this host that failed */
    unsigned rounds;        /* in a row in which all failed */
    char why[LINK_WHY_MAX]; /* what the hosts of this round said, or the answer that ends the
                               session */
    uint64_t silence_us;    /* longest wait for the next word of an answer; 0: any */
    unsigned silences; /* that lost the connection: each doubles the wait; set back by the owner */
    uint64_t heard_us; /* when the last word came, or the first question went */
    uint64_t backoff_us;       /* back to its minimum with the first sync of a session … */
    uint64_t backoff_start_us; /* … unless the session ends after an error: then as it began */
    bool failed;               /* an error in this session that the next may meet, too */
    bool broken; /* a send failed: torn down in the next turn, never inside a caller */
    struct link_item *items;
    size_t items_head, items_count, items_cap;
};

struct link_params {
    int count;
    const char *const *values;
    const int *lengths;
    const int *formats;
    const Oid *types; /* link_query only; NULL: inferred */
};

/* `conninfo` and `application_name` are borrowed. TROTH_ERROR_NO_MEMORY. */
int link_init(struct link *link, struct event_base *base, const char *conninfo,
              const char *application_name, const struct link_callbacks *callbacks, void *arg);
void link_start(struct link *link);
void link_finish(struct link *link);

/* Only while LINK_UP. Failures show as `down` in a later turn. Results are binary. */
void link_prepare(struct link *link, const char *name, const char *sql, link_fn fn, void *arg);
void link_query(struct link *link, const char *sql, const struct link_params *params, link_fn fn,
                void *arg);
void link_execute(struct link *link, const char *name, const struct link_params *params, link_fn fn,
                  void *arg);
void link_sync(struct link *link, link_fn fn, void *arg);
void link_send(struct link *link);
/* Gives the connection up and makes a new one; `down` comes in the next turn. */
void link_reset(struct link *link);
/* The same, beginning with the next host, after a longer pause each time: this one is not what it
 * should be. */
void link_refuse(struct link *link);

#endif
