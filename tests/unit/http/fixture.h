/* fixture.h: a loop, a server with a few paths, and raw sockets to say anything to it.
 *
 * Paths: /echo answers body and type; /constant "ok\n"; /hold keeps the exchange for the test;
 * /stream begins a streamed reply and keeps it; /big?bytes=N answers that many. */
#ifndef TEST_HTTP_FIXTURE_H
#define TEST_HTTP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>
#include <event2/event.h>

#include <base/buffer.h>
#include <http/client.h>
#include <http/loop.h>
#include <http/server.h>
#include <http/tls.h>

#define HELD_MAX 8

struct world {
    struct event_base *base;
    struct event *tick; /* so that a turn never waits for longer than 2 ms */
    struct http_loop *loop;
    struct http_server *server;
    struct http_tls *tls; /* NULL: plain */
    uint32_t handled;
    struct http_exchange *held[HELD_MAX];
    uint32_t held_count;
    uint32_t gone;
};

void world_start(struct world *world, const struct http_limits *limits, uint32_t connections_max);
void world_start_with(struct world *world, const struct http_limits *limits,
                      uint32_t connections_max, const struct http_budget *budget);
/* Over TLS, with a file of certificate and key. */
void world_start_secure(struct world *world, const struct http_limits *limits,
                        uint32_t connections_max, const char *certificate, uint32_t handshakes_max);
void world_finish(struct world *world);
/* One turn: events, then the flush. */
void world_turn(struct world *world);

/* Turns until the condition holds; fails the test after 10 s. */
#define WAIT_FOR(world, condition)                                                                 \
    do {                                                                                           \
        uint64_t wait_until_us = clock_us() + 10000000u;                                           \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_us() < wait_until_us, "never came: " #condition);                  \
            world_turn(world);                                                                     \
        }                                                                                          \
    } while (0)
/* Turns for so long, to see that something does not happen. */
void world_turn_for(struct world *world, uint64_t us);
uint64_t clock_us(void);

/* A raw client. */
struct raw {
    int fd;
    bool ended;
    int error; /* of recv, when it ended so */
    struct buffer in;
};
void raw_connect(struct raw *raw, uint16_t port);
void raw_send(struct raw *raw, const char *text);
void raw_send_bytes(struct raw *raw, const void *data, size_t len);
bool raw_read(struct raw *raw); /* what is there; false at the end */
const char *raw_text(struct raw *raw);
bool raw_has(struct raw *raw, const char *text); /* reads first */
bool raw_ended(struct raw *raw);
void raw_close(struct raw *raw);

/* A raw server: listens; the test accepts and says what it likes. */
int raw_listen(uint16_t *ret_port);
bool raw_accept(int listening, struct raw *raw); /* false: nobody yet */

/* How many of this process's connections with that port at this end (or at the other) have
 * TCP_NODELAY set. */
int count_no_delay(uint16_t port, bool is_others);

extern const struct http_limits small_limits;

#endif
