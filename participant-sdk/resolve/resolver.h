/* resolver.h: the resolver from the inside.
 *
 *     question ──1..2──> lookup ──> c-ares
 *
 * A lookup is one call of c-ares, which cannot take a single one back: one whose question is gone
 * stays until c-ares has called. */
#ifndef RESOLVE_RESOLVER_H
#define RESOLVE_RESOLVER_H

#include <resolve/resolve.h>

#include <ares.h>
#include <stddef.h>
#include <sys/queue.h>
#include <time.h>

#define RESOLVER_HOST_MAX 255u

struct lookup {
    struct resolver *resolver;
    struct resolver_question *question; /* NULL: nobody wants it any more */
    TAILQ_ENTRY(lookup) link;
};
TAILQ_HEAD(lookups, lookup);

struct resolver_question {
    struct resolver *resolver;
    resolver_answered answered;
    void *arg;
    char host[RESOLVER_HOST_MAX + 1];
    uint16_t port;
    uint32_t lookups; /* under way */
    bool v4_asked;
    bool done; /* its answer is here, and about to be told */
    uint64_t v4_at_us;
    uint64_t deadline_us;
    int error;
    const char *text; /* static */
    uint64_t ttl_us;
    uint32_t count;
    struct resolver_address addresses[RESOLVER_ADDRESSES_MAX];
    TAILQ_ENTRY(resolver_question) link;
};
TAILQ_HEAD(questions, resolver_question);

struct watch { /* a socket of c-ares */
    struct resolver *resolver;
    int fd;
    short what;
    struct event *event;
    TAILQ_ENTRY(watch) link;
};
TAILQ_HEAD(watches, watch);

struct resolver {
    struct event_base *base;
    char *servers; /* NULL: resolv.conf's */
    ares_channel channel;
    bool closing; /* c-ares is being shut: what it says to its lookups is no answer */
    bool telling; /* an answer's taker is on the stack */
    bool destroyed;
    struct event *tick;
    struct questions questions;
    struct lookups lookups;
    struct watches watches;
    struct timespec conf_mtime; /* of resolv.conf, as it was read */
    off_t conf_size;
    ino_t conf_inode;
};

/* channel.c: c-ares and its sockets. */
TROTH_MUST_CHECK int resolver_channel_open(struct resolver *resolver);
void resolver_channel_close(struct resolver *resolver);
/* resolv.conf is another one than the channel was opened with. */
bool resolver_channel_stale(const struct resolver *resolver);
/* Sets the one timer for what comes first: a time of c-ares's, or of a question. */
void resolver_tick_set(struct resolver *resolver);

#endif
