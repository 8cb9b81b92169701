#include "fixture.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void on_gone(void *arg, struct http_exchange *exchange)
{
    struct participant *participant = arg;
    for (uint32_t i = 0; i < participant->count; i++)
        if (participant->held[i] == exchange)
            participant->held[i] = NULL;
    participant->gone++;
}

static void handle(void *arg, struct http_exchange *exchange)
{
    struct participant *participant = arg;
    ck_assert_uint_lt(participant->count, HELD_MAX);
    participant->held[participant->count++] = exchange;
    http_exchange_set(exchange, on_gone, participant);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void world_start(struct world *world)
{
    struct timeval tick = {.tv_usec = 2000};
    memset(world, 0, sizeof(*world));
    world->base = event_base_new();
    ck_assert_ptr_nonnull(world->base);
    world->tick = event_new(world->base, -1, EV_PERSIST, on_tick, NULL);
    ck_assert_int_eq(event_add(world->tick, &tick), 0);
    ck_assert_int_eq(http_loop_create(world->base, &world->loop), 0);
}

void world_finish(struct world *world)
{
    channel_destroy(world->channel);
    for (int i = 0; i < PARTICIPANTS_MAX; i++)
        http_server_destroy(world->participants[i].server);
    http_loop_destroy(world->loop);
    event_free(world->tick);
    event_base_free(world->base);
}

void world_turn(struct world *world)
{
    ck_assert_int_ge(event_base_loop(world->base, EVLOOP_ONCE), 0);
    world->in_call = true;
    if (world->channel != NULL)
        channel_flush(world->channel);
    http_loop_flush(world->loop);
    world->in_call = false;
}

void world_turn_for(struct world *world, uint64_t us)
{
    for (uint64_t until_us = clock_us() + us; clock_us() < until_us;)
        world_turn(world);
}

uint16_t participant_start(struct world *world, int i, uint16_t port)
{
    struct http_server_config config = {.address = "127.0.0.1",
                                        .port = port,
                                        .connections_max = 100,
                                        .limits = HTTP_LIMITS_DEFAULT,
                                        .handler = handle,
                                        .arg = &world->participants[i]};
    config.limits.body_bytes_max = 64u << 20;
    ck_assert_int_eq(http_server_create(world->loop, &config, &world->participants[i].server), 0);
    return http_server_port(world->participants[i].server);
}

void participant_stop(struct world *world, int i)
{
    http_server_destroy(world->participants[i].server);
    world->participants[i].server = NULL;
}

uint16_t closed_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(close(fd), 0);
    return ntohs(address.sin_port);
}

static void copy_span(struct troth_span span, char *text, size_t cap)
{
    ck_assert_uint_lt(span.len, cap);
    memset(text, 0, cap);
    if (span.len > 0)
        memcpy(text, span.data, span.len);
}

static void on_result(void *arg, const struct result *result, bool was_sent)
{
    struct world *world = arg;
    ck_assert(!world->in_call);
    ck_assert_uint_lt(world->got_count, RESULTS_MAX);
    struct got *got = &world->got[world->got_count++];
    got->result = *result;
    got->was_sent = was_sent;
    copy_span(result->output, got->output, sizeof(got->output));
    copy_span(result->reason, got->reason, sizeof(got->reason));
    got->result.output = (struct troth_span){NULL, 0};
    got->result.reason = (struct troth_span){NULL, 0};
}

static void oldest_open(void *arg, uint32_t round, struct buffer *ret_list)
{
    (void)arg;
    (void)round;
    buffer_append_text(ret_list, "00000000-0001-8000-8000-004000000001");
}

struct channel *channel_to_url(struct world *world, enum channel_binding binding, uint32_t slots,
                               const char *const *urls, int count)
{
    struct channel_config config = {.name = "bank_a",
                                    .binding = binding,
                                    .slots = slots,
                                    .phase2_connections = 2,
                                    .connect_timeout_us = 500000,
                                    .token_file = world->token_file,
                                    .journal = "0123456789abcdef",
                                    .oldest_open = oldest_open,
                                    .result = on_result,
                                    .arg = world};
    struct channel *channel = NULL;
    for (int i = 0; i < count; i++)
        config.urls[i] = urls[i];
    ck_assert_int_eq(channel_create(world->loop, &config, &channel), 0);
    return channel;
}

struct channel *channel_to(struct world *world, enum channel_binding binding, uint32_t slots,
                           const uint16_t *ports, int count)
{
    char texts[PARTICIPANTS_MAX][64];
    const char *urls[PARTICIPANTS_MAX];
    for (int i = 0; i < count; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "http://127.0.0.1:%u/troth", ports[i]);
        urls[i] = texts[i];
    }
    return channel_to_url(world, binding, slots, urls, count);
}

static troth_gtid gtid_of(uint32_t number)
{
    const struct troth_gtid_parts parts = {
        .unix_ms = 1, .shard = 3, .epoch = 1, .counter = number + 1};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    return gtid;
}

struct command command_of(enum message_op op, uint32_t number)
{
    struct command command = {.op = op,
                              .gtid = gtid_of(number),
                              .branch = 2,
                              .attempt = 1,
                              .operation = {"debit", 5},
                              .timeout_us = 8000000};
    if (op == OP_PREPARE || op == OP_EXECUTE || op == OP_COMPENSATE)
        command.input = (struct troth_span){"{\"amount\":0.10}", 15};
    return command;
}

void send_until(struct world *world, const struct command *command, uint64_t deadline_us)
{
    world->in_call = true;
    ck_assert_int_eq(channel_send(world->channel, command, (struct mono){deadline_us}), 0);
    world->in_call = false;
}

void send_command(struct world *world, const struct command *command)
{
    send_until(world, command, 0);
}

void send_op(struct world *world, enum message_op op, uint32_t number)
{
    struct command command = command_of(op, number);
    send_command(world, &command);
}

struct http_exchange *request_at(struct world *world, int participant, uint32_t n)
{
    struct participant *at = &world->participants[participant];
    WAIT_FOR(world, at->count > n);
    ck_assert_ptr_nonnull(at->held[n]);
    return at->held[n];
}

uint32_t lines_in(const struct http_exchange *exchange)
{
    struct troth_span body = http_exchange_body(exchange);
    uint32_t count = 0;
    for (size_t i = 0; i < body.len; i++)
        count += body.data[i] == '\n' ? 1 : 0;
    return count;
}

struct result result_of(enum message_op op, uint32_t number, enum message_result kind)
{
    return (struct result){.op = op,
                           .gtid = gtid_of(number),
                           .branch = 2,
                           .attempt = 1,
                           .result = kind,
                           .vote = kind == RESULT_VOTE ? VOTE_YES : VOTE_NONE};
}

void stream_begin(struct http_exchange *exchange)
{
    http_exchange_begin(exchange, 200, "application/x-ndjson", NULL);
}

void stream_result(struct http_exchange *exchange, const struct result *result)
{
    BUFFER_SCOPED struct buffer line = {.data = NULL};
    message_result_append(&line, result);
    http_exchange_write(exchange, buffer_span(&line));
}

void stream_text(struct http_exchange *exchange, const char *text)
{
    http_exchange_write(exchange, (struct troth_span){text, strlen(text)});
}

void stream_end(struct world *world, int participant, uint32_t n)
{
    struct participant *at = &world->participants[participant];
    http_exchange_end(at->held[n]);
    at->held[n] = NULL;
}

void answer_all(struct world *world, int participant, uint32_t n, enum message_result kind)
{
    struct http_exchange *exchange = request_at(world, participant, n);
    BUFFER_SCOPED struct buffer body = {.data = NULL};
    BUFFER_SCOPED struct buffer scratch = {.data = NULL};
    buffer_append_span(&body, http_exchange_body(exchange));
    stream_begin(exchange);
    for (const char *at = body.data; at < body.data + body.len;) {
        const char *end = memchr(at, '\n', (size_t)(body.data + body.len - at));
        struct command command;
        ck_assert_ptr_nonnull(end);
        ck_assert_int_eq(message_command_parse((struct troth_span){at, (size_t)(end - at)},
                                               &scratch, &command, NULL),
                         0);
        stream_result(exchange,
                      &(struct result){.op = command.op,
                                       .gtid = command.gtid,
                                       .branch = command.branch,
                                       .attempt = command.attempt,
                                       .result = kind,
                                       .vote = kind == RESULT_VOTE ? VOTE_YES : VOTE_NONE});
        at = end + 1;
    }
    stream_end(world, participant, n);
}

void answer_status(struct world *world, int participant, uint32_t n, int status,
                   const struct http_header *headers, const char *body)
{
    struct http_exchange *exchange = request_at(world, participant, n);
    http_exchange_reply(exchange, status, body != NULL ? "application/json" : NULL, headers,
                        (struct troth_span){body, body != NULL ? strlen(body) : 0});
    world->participants[participant].held[n] = NULL;
}

const struct got *got_for(const struct world *world, enum message_op op, uint32_t number)
{
    const struct got *found = NULL;
    troth_gtid gtid = gtid_of(number);
    for (uint32_t i = 0; i < world->got_count; i++) {
        const struct result *result = &world->got[i].result;
        if (result->op == op && troth_gtid_equal(&result->gtid, &gtid)) {
            ck_assert_ptr_null(found);
            found = &world->got[i];
        }
    }
    return found;
}
