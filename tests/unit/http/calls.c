#include "calls.h"

#include <unistd.h>

struct world world;
struct http_peer *peer;
int listening;
struct raw served[4];
struct outcome outcomes[4];
uint32_t ready;

static void on_ready(void *arg)
{
    (void)arg;
    ready++;
}

void on_line(void *arg, struct troth_span line)
{
    struct outcome *outcome = arg;
    buffer_append_span(&outcome->lines, line);
    buffer_append_char(&outcome->lines, '|');
    if (outcome->cancel != NULL) {
        http_call_cancel(outcome->cancel);
        outcome->cancel = NULL;
    }
}

void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct outcome *outcome = arg;
    struct troth_span value;
    outcome->done++;
    outcome->error = error;
    outcome->status = reply->status;
    buffer_clear(&outcome->body);
    buffer_append_span(&outcome->body, reply->body);
    if (http_reply_header(reply, "x", &value))
        buffer_append_span(&outcome->header, value);
}

void start_peer(const char *host, const char *base, uint16_t port)
{
    BUFFER_SCOPED struct buffer url = {0};
    buffer_append_format(&url, "http://%s:%u%s", host, port, base);
    struct http_peer_config config = {.url = buffer_text(&url),
                                      .connections_max = 2,
                                      .connect_timeout_us = 200000,
                                      .limits = HTTP_LIMITS_DEFAULT,
                                      .ready = on_ready};
    config.limits.body_bytes_max = 4096;
    config.limits.header_bytes_max = 1024;
    ck_assert_int_eq(http_peer_create(world.loop, &config, &peer), 0);
}

void calls_setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    uint16_t port = 0;
    world_start(&world, &limits, 100);
    listening = raw_listen(&port);
    start_peer("127.0.0.1", "/base/", port);
}

void calls_teardown(void)
{
    http_peer_destroy(peer);
    for (size_t i = 0; i < 4; i++) {
        if (served[i].fd > 0)
            raw_close(&served[i]);
        buffer_finish(&outcomes[i].body);
        buffer_finish(&outcomes[i].lines);
        buffer_finish(&outcomes[i].header);
    }
    ck_assert_int_eq(close(listening), 0);
    world_finish(&world);
}

struct http_call *call_with(struct http_request request, int i)
{
    struct http_call *call = NULL;
    request.on_done = on_done;
    request.arg = &outcomes[i];
    if (request.timeout_us == 0)
        request.timeout_us = 8000000;
    ck_assert_int_eq(http_peer_call(peer, &request, &call), 0);
    ck_assert_uint_eq(outcomes[i].done, 0);
    return call;
}

struct http_call *get(int i, bool is_safe)
{
    return call_with((struct http_request){.method = is_safe ? "GET" : "POST", .target = "/x"}, i);
}

void serve_request(int i)
{
    WAIT_FOR(&world, raw_accept(listening, &served[i]));
    WAIT_FOR(&world, raw_has(&served[i], "\r\n\r\n"));
}

void answer(int i, const char *text)
{
    raw_send(&served[i], text);
    WAIT_FOR(&world, outcomes[i].done == 1);
}

void again(int i)
{
    buffer_clear(&served[i].in);
    outcomes[i].done = 0;
}
