#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

const struct http_limits small_limits = {
    .header_bytes_max = 1024,
    .headers_max = 8,
    .body_bytes_max = 4096,
    .target_bytes_max = 128,
    .head_timeout_us = 150000,
    .body_timeout_us = 150000,
    .idle_timeout_us = 150000,
    .write_timeout_us = 300000,
};

uint64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void on_gone(void *arg, struct http_exchange *exchange)
{
    struct world *world = arg;
    for (uint32_t i = 0; i < world->held_count; i++)
        if (world->held[i] == exchange)
            world->held[i] = NULL;
    world->gone++;
}

static void hold(struct world *world, struct http_exchange *exchange)
{
    ck_assert_uint_lt(world->held_count, HELD_MAX);
    world->held[world->held_count++] = exchange;
    http_exchange_set(exchange, on_gone, world);
}

static void reply_big(struct http_exchange *exchange)
{
    BUFFER_SCOPED struct buffer bytes = {0};
    BUFFER_SCOPED struct buffer body = {0};
    ck_assert(http_exchange_parameter(exchange, "bytes", &bytes));
    size_t len = strtoul(buffer_text(&bytes), NULL, 10);
    ck_assert(buffer_reserve(&body, len));
    memset(body.data, 'x', len);
    body.len = len;
    http_exchange_reply(exchange, 200, "text/plain", NULL, buffer_span(&body));
}

static bool is_path(const struct http_exchange *exchange, const char *path)
{
    struct troth_span span = http_exchange_path(exchange);
    return span.len == strlen(path) && memcmp(span.data, path, span.len) == 0;
}

static void handle(void *arg, struct http_exchange *exchange)
{
    struct world *world = arg;
    world->handled++;
    if (is_path(exchange, "/hold")) {
        hold(world, exchange);
    } else if (is_path(exchange, "/stream")) {
        hold(world, exchange);
        http_exchange_begin(exchange, 200, "text/plain", NULL);
    } else if (is_path(exchange, "/big")) {
        reply_big(exchange);
    } else if (is_path(exchange, "/echo")) {
        http_exchange_reply(exchange, 200, "text/plain", NULL, http_exchange_body(exchange));
    } else {
        http_exchange_reply(exchange, 200, "text/plain", NULL, (struct troth_span){"ok\n", 3});
    }
}

static const char *problem(int status, const char *what, struct buffer *body)
{
    buffer_append_format(body, "{\"status\":%d,\"detail\":\"%s\"}", status, what);
    return "application/problem+json";
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void world_start(struct world *world, const struct http_limits *limits, uint32_t connections_max)
{
    world_start_with(world, limits, connections_max, &(struct http_budget){.replies_max = 0});
}

static void start_loop(struct world *world)
{
    struct timeval tick = {.tv_usec = 2000};
    *world = (struct world){.base = event_base_new()};
    ck_assert_ptr_nonnull(world->base);
    world->tick = event_new(world->base, -1, EV_PERSIST, on_tick, NULL);
    ck_assert_int_eq(event_add(world->tick, &tick), 0);
    ck_assert_int_eq(http_loop_create(world->base, &world->loop), 0);
}

static struct http_server_config config_of(struct world *world, const struct http_limits *limits,
                                           uint32_t connections_max)
{
    return (struct http_server_config){.address = "127.0.0.1",
                                       .connections_max = connections_max,
                                       .limits = *limits,
                                       .handler = handle,
                                       .problem = problem,
                                       .arg = world};
}

void world_start_with(struct world *world, const struct http_limits *limits,
                      uint32_t connections_max, const struct http_budget *budget)
{
    start_loop(world);
    struct http_server_config config = config_of(world, limits, connections_max);
    config.budget = *budget;
    ck_assert_int_eq(http_server_create(world->loop, &config, &world->server), 0);
}

void world_start_secure(struct world *world, const struct http_limits *limits,
                        uint32_t connections_max, const char *certificate, uint32_t handshakes_max)
{
    BUFFER_SCOPED struct buffer why = {0};
    const struct http_tls_config tls = {.is_server = true, .certificate = certificate};
    start_loop(world);
    ck_assert_int_eq(http_tls_create(world->base, &tls, &why, &world->tls), 0);
    struct http_server_config config = config_of(world, limits, connections_max);
    config.tls = world->tls;
    config.handshakes_max = handshakes_max;
    config.handshake_timeout_us = 5000000;
    ck_assert_int_eq(http_server_create(world->loop, &config, &world->server), 0);
}

void world_finish(struct world *world)
{
    http_server_destroy(world->server);
    http_tls_destroy(world->tls);
    http_loop_destroy(world->loop);
    event_free(world->tick);
    event_base_free(world->base);
}

void world_turn(struct world *world)
{
    ck_assert_int_ge(event_base_loop(world->base, EVLOOP_ONCE), 0);
    http_loop_flush(world->loop);
}

void world_turn_for(struct world *world, uint64_t us)
{
    for (uint64_t until_us = clock_us() + us; clock_us() < until_us;)
        world_turn(world);
}

void raw_connect(struct raw *raw, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *raw = (struct raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_ge(raw->fd, 0);
    ck_assert_int_eq(connect(raw->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void raw_send_bytes(struct raw *raw, const void *data, size_t len)
{
    ck_assert_int_eq(send(raw->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

void raw_send(struct raw *raw, const char *text)
{
    raw_send_bytes(raw, text, strlen(text));
}

bool raw_read(struct raw *raw)
{
    char data[65536];
    while (!raw->ended) {
        ssize_t n = recv(raw->fd, data, sizeof(data), MSG_DONTWAIT);
        if (n > 0) {
            buffer_append(&raw->in, data, (size_t)n);
        } else if (n < 0 && errno == EAGAIN) {
            return true;
        } else {
            raw->error = n < 0 ? errno : 0;
            raw->ended = true;
        }
    }
    return false;
}

const char *raw_text(struct raw *raw)
{
    return buffer_text(&raw->in);
}

bool raw_has(struct raw *raw, const char *text)
{
    (void)raw_read(raw);
    return strstr(raw_text(raw), text) != NULL;
}

bool raw_ended(struct raw *raw)
{
    return !raw_read(raw);
}

void raw_close(struct raw *raw)
{
    if (raw->fd >= 0) {
        ck_assert_int_eq(close(raw->fd), 0);
        raw->fd = -1;
    }
    buffer_finish(&raw->in);
}

int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

bool raw_accept(int listening, struct raw *raw)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    *raw = (struct raw){.fd = fd};
    return true;
}

int count_no_delay(uint16_t port, bool is_others)
{
    int count = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in here = {.sin_port = 0};
        struct sockaddr_in there = {.sin_port = 0};
        socklen_t here_size = sizeof(here);
        socklen_t there_size = sizeof(there);
        int on = 0;
        socklen_t on_size = sizeof(on);
        if (getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
            getpeername(fd, (struct sockaddr *)&there, &there_size) == 0 &&
            ntohs(is_others ? there.sin_port : here.sin_port) == port &&
            getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &on_size) == 0)
            count += on != 0 ? 1 : 0;
    }
    return count;
}
