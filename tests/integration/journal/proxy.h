/* proxy.h: stands between a journal and the database, on the same loop, and breaks things: it cuts
 * the lane's connection after so many bytes, or stops forwarding without a word. */
#ifndef TESTS_JOURNAL_PROXY_H
#define TESTS_JOURNAL_PROXY_H

#include "harness.h"

struct proxy_pair;

enum proxy_cut {
    PROXY_CUT_NONE,
    PROXY_CUT_REQUEST, /* after so many more bytes to the server */
    PROXY_CUT_ANSWER   /* the request goes whole; of the answer so many bytes */
};

/* Bytes of a connection vanish, and it stays open. */
enum proxy_swallow {
    PROXY_SWALLOW_NONE,
    PROXY_SWALLOW_REQUESTS, /* of connections that are there: marked by proxy_swallow() */
    PROXY_SWALLOW_ANSWERS,
    PROXY_SWALLOW_LANES /* answers of every lane, new ones too */
};

struct proxy {
    struct world *world;
    struct evconnlistener *listener;
    int upstream_port;
    char conninfo[256]; /* of the world's database, through here */
    struct proxy_pair *pairs;
    enum proxy_cut cut; /* armed for the lane's connection, once */
    size_t budget;
    unsigned cuts;
    bool frozen;
    enum proxy_swallow swallow;
};

void proxy_init(struct proxy *proxy, struct world *world);
void proxy_finish(struct proxy *proxy);
void proxy_arm(struct proxy *proxy, enum proxy_cut cut, size_t budget);
/* NONE: for connections made from now on, and for all lanes. */
void proxy_swallow(struct proxy *proxy, enum proxy_swallow swallow);
/* Frozen: nothing is forwarded and nothing closed. */
void proxy_freeze(struct proxy *proxy, bool frozen);

#endif
