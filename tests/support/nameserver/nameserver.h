/* nameserver.h: a name server of a test's own: UDP on loopback, in the test's event loop. It
 * answers what the test has set, at the moment of the question; other names do not exist. */
#ifndef TEST_NAMESERVER_H
#define TEST_NAMESERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#define NAMESERVER_ADDRESSES_MAX 8

enum nameserver_way {
    NAMESERVER_ANSWERS,
    NAMESERVER_SILENT,    /* to everything */
    NAMESERVER_SILENT_V6, /* answers for IPv4 only */
    NAMESERVER_FAILS      /* SERVFAIL */
};

struct nameserver {
    int fd;
    struct event *event;
    char address[32]; /* "127.0.0.1:port" */
    enum nameserver_way way;
    const char *name; /* the one that exists; NULL: none */
    uint32_t ttl_s;
    const char *addresses[NAMESERVER_ADDRESSES_MAX + 1]; /* IPv4 and IPv6, until NULL */
    uint32_t asked;                                      /* questions seen */
};

void nameserver_start(struct nameserver *server, struct event_base *base);
void nameserver_finish(struct nameserver *server);
/* The name has these addresses from now on; the list ends with NULL. */
void nameserver_set(struct nameserver *server, const char *name, uint32_t ttl_s, ...);

#endif
