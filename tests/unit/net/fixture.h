/* fixture.h: a channel and scripted participants: real HTTP servers on loopback whose requests are
 * kept for the test to answer. */
#ifndef TEST_NET_FIXTURE_H
#define TEST_NET_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <check.h>
#include <event2/event.h>

#include <base/buffer.h>
#include <http/loop.h>
#include <http/server.h>
#include <net/channel.h>

#define PARTICIPANTS_MAX 3
#define HELD_MAX         64
#define RESULTS_MAX      1024

struct participant {
    struct http_server *server;
    struct http_exchange *held[HELD_MAX]; /* NULL: answered or gone */
    uint32_t count;                       /* requests ever */
    uint32_t gone;
};

struct got {
    struct result result; /* output and reason are NULL: */
    char output[192];
    char reason[MESSAGE_REASON_MAX + 1];
    bool was_sent;
};

struct world {
    struct event_base *base;
    struct event *tick;
    struct http_loop *loop;
    struct participant participants[PARTICIPANTS_MAX];
    struct channel *channel;
    const char *token_file; /* of channels made from now on */
    struct got got[RESULTS_MAX];
    uint32_t got_count;
    bool in_call; /* of the channel: a result now would come from inside */
};

void world_start(struct world *world);
void world_finish(struct world *world);
void world_turn(struct world *world);
void world_turn_for(struct world *world, uint64_t us);
uint64_t clock_us(void);

#define WAIT_FOR(world, condition)                                                                 \
    do {                                                                                           \
        uint64_t wait_until_us = clock_us() + 10000000u;                                           \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_us() < wait_until_us, "never came: " #condition);                  \
            world_turn(world);                                                                     \
        }                                                                                          \
    } while (0)

uint16_t participant_start(struct world *world, int i, uint16_t port);
void participant_stop(struct world *world, int i);
/* A port on which nobody listens. */
uint16_t closed_port(void);

struct channel *channel_to(struct world *world, enum channel_binding binding, uint32_t slots,
                           const uint16_t *ports, int count);

/* The same to one URL as it stands. */
struct channel *channel_to_url(struct world *world, enum channel_binding binding, uint32_t slots,
                               const char *const *urls, int count);

/* Commands differ by `number`, which becomes the gtid's counter. */
struct command command_of(enum message_op op, uint32_t number);
void send_command(struct world *world, const struct command *command);
/* And its transaction's own end. */
void send_until(struct world *world, const struct command *command, uint64_t deadline_us);
void send_op(struct world *world, enum message_op op, uint32_t number);

/* The n-th request's exchange, once it is there. */
struct http_exchange *request_at(struct world *world, int participant, uint32_t n);
uint32_t lines_in(const struct http_exchange *exchange);
struct result result_of(enum message_op op, uint32_t number, enum message_result kind);
void stream_begin(struct http_exchange *exchange);
void stream_result(struct http_exchange *exchange, const struct result *result);
void stream_text(struct http_exchange *exchange, const char *text);
void stream_end(struct world *world, int participant, uint32_t n);
/* One line for each command of the request, of this kind. */
void answer_all(struct world *world, int participant, uint32_t n, enum message_result kind);
void answer_status(struct world *world, int participant, uint32_t n, int status,
                   const struct http_header *headers, const char *body);

/* The result that came for a command, NULL: none yet. Fails when there are two. */
const struct got *got_for(const struct world *world, enum message_op op, uint32_t number);

#endif
