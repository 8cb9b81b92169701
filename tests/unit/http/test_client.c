/* The client, against scripted servers that behave and that do not. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

struct outcome {
    uint32_t done;
    int error;
    int status;
    struct buffer body;
    struct buffer lines;      /* each followed by '|' */
    struct buffer header;     /* the value of X */
    struct http_call *cancel; /* at the first line */
};

static struct world world;
static struct http_peer *peer;
static int listening;
static struct raw served[4];
static struct outcome outcomes[4];
static uint32_t ready;

static void on_ready(void *arg)
{
    (void)arg;
    ready++;
}

static void on_line(void *arg, struct troth_span line)
{
    struct outcome *outcome = arg;
    buffer_append_span(&outcome->lines, line);
    buffer_append_char(&outcome->lines, '|');
    if (outcome->cancel != NULL) {
        http_call_cancel(outcome->cancel);
        outcome->cancel = NULL;
    }
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct outcome *outcome = arg;
    struct troth_span value;
    outcome->done++;
    outcome->error = error;
    outcome->status = reply->status;
    buffer_clear(&outcome->body);
    buffer_append_span(&outcome->body, reply->body);
    if (http_reply_header(reply, "x", &value)) {
        buffer_append_span(&outcome->header, value);
    }
}

static void start_peer(const char *host, const char *base, uint16_t port)
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

static void setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    uint16_t port = 0;
    world_start(&world, &limits, 100);
    listening = raw_listen(&port);
    start_peer("127.0.0.1", "/base/", port);
}

static void teardown(void)
{
    http_peer_destroy(peer);
    for (size_t i = 0; i < 4; i++) {
        if (served[i].fd > 0) {
            raw_close(&served[i]);
        }
        buffer_finish(&outcomes[i].body);
        buffer_finish(&outcomes[i].lines);
        buffer_finish(&outcomes[i].header);
    }
    ck_assert_int_eq(close(listening), 0);
    world_finish(&world);
}

static struct http_call *call_with(struct http_request request, int i)
{
    struct http_call *call = NULL;
    request.on_done = on_done;
    request.arg = &outcomes[i];
    if (request.timeout_us == 0) {
        request.timeout_us = 8000000;
    }
    ck_assert_int_eq(http_peer_call(peer, &request, &call), 0);
    ck_assert_uint_eq(outcomes[i].done, 0);
    return call;
}

static struct http_call *get(int i, bool repeatable)
{
    return call_with(
        (struct http_request){.method = "GET", .target = "/x", .repeatable = repeatable}, i);
}

/* Accepts a connection and reads the head of a request from it. */
static void serve_request(int i)
{
    WAIT_FOR(&world, raw_accept(listening, &served[i]));
    WAIT_FOR(&world, raw_has(&served[i], "\r\n\r\n"));
}

static void answer(int i, const char *text)
{
    raw_send(&served[i], text);
    WAIT_FOR(&world, outcomes[i].done == 1);
}

static void again(int i)
{
    buffer_clear(&served[i].in);
    outcomes[i].done = 0;
}

START_TEST(posts)
{
    /* A request has host, headers, type, length and body; the answer its status, headers, body. */
    const struct http_header headers[] = {{"Troth-Attempt", "1"}, {NULL, NULL}};
    (void)call_with((struct http_request){.method = "POST",
                                          .target = "/debit/prepare",
                                          .headers = headers,
                                          .type = "application/json",
                                          .body = {"{\"a\":0.10}", 10}},
                    0);
    serve_request(0);
    WAIT_FOR(&world, raw_has(&served[0], "{\"a\":0.10}"));
    const char *text = raw_text(&served[0]);
    ck_assert_int_eq(strncmp(text, "POST /base/debit/prepare HTTP/1.1\r\nHost: 127.0.0.1:", 51), 0);
    ck_assert_ptr_nonnull(strstr(text, "\r\nTroth-Attempt: 1\r\nContent-Type: application/json\r\n"
                                       "Content-Length: 10\r\n\r\n{\"a\":0.10}"));
    answer(0, "HTTP/1.1 409 No\r\nX: y\r\nContent-Length: 2\r\n\r\nno");
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_int_eq(outcomes[0].status, 409);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "no");
    ck_assert_str_eq(buffer_text(&outcomes[0].header), "y");
    ck_assert_uint_eq(ready, 1);
}
END_TEST

START_TEST(keeps_alive)
{
    /* The next request goes over the same connection. */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, false);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 204 No Content\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 204);
    ck_assert(!raw_accept(listening, &served[1]));
}
END_TEST

START_TEST(bodies)
{
    /* Chunked, until the end of the connection, none at all, and behind an interim answer. */
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 103 Hints\r\nX: no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.0 200 OK\r\nServer: BaseHTTP\r\n\r\nabcde",
    };
    (void)get(0, false);
    serve_request(0);
    raw_send(&served[0], answers[_i]);
    if (_i == 2) {
        ck_assert_int_eq(shutdown(served[0].fd, SHUT_WR), 0);
    }
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_int_eq(outcomes[0].status, 200);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "abcde");
    ck_assert_uint_eq(outcomes[0].header.len, 0);
}
END_TEST

START_TEST(head_request)
{
    /* The answer to HEAD has a length and no body; the connection goes on. */
    (void)call_with((struct http_request){.method = "HEAD", .target = "/"}, 0);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    ck_assert_int_eq(outcomes[0].error, 0);
    again(0);
    (void)get(0, false);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "a");
}
END_TEST

START_TEST(lines)
{
    /* A streamed answer is handed out line by line as it comes, however it is cut, and a torn line
     * at its end is not. */
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "6\r\none\ntw\r\n");
    WAIT_FOR(&world, outcomes[0].lines.len == 4);
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "one|");
    raw_send(&served[0], "3\r\no\n\n\r\n");
    WAIT_FOR(&world, outcomes[0].lines.len == 9);
    answer(0, "9\r\nlast\ntorn\r\n0\r\n\r\n");
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "one|two||last|");
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_uint_eq(outcomes[0].body.len, 0);
}
END_TEST

START_TEST(lines_of_refusal)
{
    /* The body of a refusal is gathered, also when lines were asked for. */
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    answer(0, "HTTP/1.1 503 Later\r\nContent-Length: 4\r\n\r\na\nb\n");
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "a\nb\n");
    ck_assert_uint_eq(outcomes[0].lines.len, 0);
}
END_TEST

START_TEST(line_too_long)
{
    /* A line longer than body_bytes_max ends the call; many lines may be longer than that. */
    static char line[1000];
    memset(line, 'x', sizeof(line));
    line[999] = '\n';
    (void)call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        raw_send_bytes(&served[0], line, sizeof(line));
    }
    WAIT_FOR(&world, outcomes[0].lines.len == 20000);
    for (int i = 0; i < 5; i++) {
        raw_send_bytes(&served[0], line, 999);
    }
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TOO_LARGE);
}
END_TEST

START_TEST(cancelled_in_line)
{
    /* A call may be cancelled from its line: nothing is called any more and the peer goes on. */
    outcomes[0].cancel =
        call_with((struct http_request){.method = "GET", .target = "/", .on_line = on_line}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\nb\n");
    WAIT_FOR(&world, raw_ended(&served[0]));
    ck_assert_str_eq(buffer_text(&outcomes[0].lines), "a|");
    ck_assert_uint_eq(outcomes[0].done, 0);
    ck_assert_uint_eq(http_peer_free(peer), 2);
}
END_TEST

START_TEST(full)
{
    /* Beyond connections_max a call is refused at once; when one is done there is room again. */
    struct http_request request = {
        .method = "GET", .target = "/", .timeout_us = 1000000, .on_done = on_done};
    (void)get(0, false);
    (void)get(1, false);
    ck_assert_uint_eq(http_peer_free(peer), 0);
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), TROTH_ERROR_FULL);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_uint_eq(http_peer_free(peer), 1);
    again(0);
    (void)get(0, false);
}
END_TEST

START_TEST(stale_connection)
{
    /* A kept-alive connection that closes at the next request, before a byte of answer: what may be
     * repeated is sent once more, on a new connection; what may not ends as lost. */
    bool repeatable = _i == 1;
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, repeatable);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    raw_close(&served[0]);
    if (!repeatable) {
        WAIT_FOR(&world, outcomes[0].done == 1);
        ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
        return;
    }
    serve_request(1);
    ck_assert_int_eq(strncmp(raw_text(&served[1]), "GET /base/x HTTP/1.1\r\n", 22), 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "b");
}
END_TEST

START_TEST(stale_only_once)
{
    /* The repetition is not repeated: a second loss is a loss, and never "nothing was sent". */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    again(0);
    (void)get(0, true);
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    if (_i == 1) { /* the repetition can not even connect */
        ck_assert_int_eq(close(listening), 0);
        raw_close(&served[0]);
        uint16_t port;
        WAIT_FOR(&world, outcomes[0].done == 1);
        listening = raw_listen(&port);
    } else {
        raw_close(&served[0]);
        serve_request(1);
        raw_close(&served[1]);
        WAIT_FOR(&world, outcomes[0].done == 1);
        world_turn_for(&world, 20000);
        ck_assert(!raw_accept(listening, &served[2]));
    }
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
    ck_assert_uint_eq(outcomes[0].done, 1);
}
END_TEST

START_TEST(not_repeated_after_a_byte)
{
    /* Neither is what was answered by as much as a byte, nor what went over a fresh connection. */
    bool is_fresh = _i == 1;
    if (!is_fresh) {
        (void)get(0, false);
        serve_request(0);
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        again(0);
    }
    (void)get(0, true);
    if (is_fresh) {
        serve_request(0);
    } else {
        WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
        raw_send(&served[0], "H");
        world_turn_for(&world, 5000);
    }
    raw_close(&served[0]);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
    ck_assert(!raw_accept(listening, &served[1]));
}
END_TEST

START_TEST(unasked_answer)
{
    /* An answer nobody asked for closes the connection: with the one before it, later while idle,
     * and at the very moment of the next request. It is never taken as the next answer. */
    const char *unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    (void)get(0, false);
    serve_request(0);
    if (_i == 0) {
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    } else {
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        raw_send(&served[0], unasked);
    }
    if (_i == 1) {
        world_turn_for(&world, 5000);
    }
    again(0);
    (void)get(0, false);
    serve_request(1);
    ck_assert(raw_ended(&served[0]));
    ck_assert_uint_eq(outcomes[0].done, 0);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_str_eq(buffer_text(&outcomes[0].body), "good");
}
END_TEST

START_TEST(bad_answers)
{
    /* What is no HTTP, or too large, ends the call with its own error. */
    static const struct {
        int error;
        const char *answer;
    } cases[] = {
        {TROTH_ERROR_PROTOCOL, "SSH-2.0-OpenSSH\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL,
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {TROTH_ERROR_PROTOCOL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n"},
        {TROTH_ERROR_PROTOCOL,
         "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
        {TROTH_ERROR_TOO_LARGE, "HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n"},
    };
    if ((size_t)_i < sizeof(cases) / sizeof(cases[0])) {
        (void)get(0, true);
        serve_request(0);
        answer(0, cases[_i].answer);
        ck_assert_int_eq(outcomes[0].error, cases[_i].error);
        WAIT_FOR(&world, raw_ended(&served[0]));
    }
}
END_TEST

START_TEST(answer_headers_too_large)
{
    /* So do headers without an end. */
    (void)get(0, false);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 110; i++) {
        raw_send(&served[0], "0123456789");
    }
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TOO_LARGE);
}
END_TEST

START_TEST(lost_in_the_middle)
{
    /* An answer that breaks off is lost: too short a body is never taken as whole. */
    (void)get(0, true);
    serve_request(0);
    raw_send(&served[0], _i == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"
                                 : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc");
    world_turn_for(&world, 5000);
    raw_close(&served[0]);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_LOST);
}
END_TEST

START_TEST(times_out)
{
    /* The timeout is for the whole call: an answer that trickles in does not prolong it. */
    uint64_t begin_us = clock_us();
    (void)call_with((struct http_request){.method = "GET", .target = "/", .timeout_us = 150000}, 0);
    serve_request(0);
    raw_send(&served[0], "HTTP/1.1 200 OK\r\nX: ");
    for (uint64_t next_us = 0; outcomes[0].done == 0; world_turn(&world)) {
        ck_assert_uint_lt(clock_us() - begin_us, 5000000u);
        if (clock_us() >= next_us) {
            raw_send(&served[0], "y");
            next_us = clock_us() + 30000;
        }
    }
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_TIMEOUT);
    ck_assert_uint_ge(clock_us() - begin_us, 150000u);
    WAIT_FOR(&world, raw_ended(&served[0]));
}
END_TEST

START_TEST(connection_refused)
{
    /* Nobody listens: unavailable, nothing was sent, and not before the call returned. */
    uint16_t port;
    http_peer_destroy(peer);
    int fd = raw_listen(&port);
    ck_assert_int_eq(close(fd), 0);
    start_peer("127.0.0.1", "", port);
    (void)get(0, true);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_int_eq(outcomes[0].status, 0);
    ck_assert_uint_eq(http_peer_free(peer), 2);
}
END_TEST

START_TEST(connect_times_out)
{
    /* A connection that does not come about in time: unavailable. (A full backlog drops SYNs.) */
    uint16_t port;
    struct raw fill[3];
    http_peer_destroy(peer);
    int fd = raw_listen(&port);
    ck_assert_int_eq(listen(fd, 1), 0);
    for (int i = 0; i < 2; i++) {
        raw_connect(&fill[i], port);
    }
    start_peer("127.0.0.1", "", port);
    uint64_t begin_us = clock_us();
    (void)get(0, true);
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_uint_ge(clock_us() - begin_us, 200000u);
    for (int i = 0; i < 2; i++) {
        raw_close(&fill[i]);
    }
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(name_is_resolved_once)
{
    /* A name works as well as a number, also when only its second address answers; one that is not
     * found makes every call unavailable. */
    uint16_t port;
    http_peer_destroy(peer);
    int fd = raw_listen(&port);
    start_peer("localhost", "", port);
    (void)get(0, false);
    WAIT_FOR(&world, raw_accept(fd, &served[0]));
    WAIT_FOR(&world, raw_has(&served[0], "\r\n\r\n"));
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(close(fd), 0);
    http_peer_destroy(peer);
    start_peer("no-such-name.invalid", "", 80);
    struct http_request request = {
        .method = "GET", .target = "/", .timeout_us = 1000000, .on_done = on_done};
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), TROTH_ERROR_UNAVAILABLE);
}
END_TEST

START_TEST(large_request)
{
    /* A request larger than the socket takes at once arrives whole. */
    static char body[3000000];
    memset(body, 'x', sizeof(body));
    (void)call_with(
        (struct http_request){
            .method = "PUT", .target = "/", .type = "text/plain", .body = {body, sizeof(body)}},
        0);
    serve_request(0);
    size_t head = (size_t)(strstr(raw_text(&served[0]), "\r\n\r\n") + 4 - raw_text(&served[0]));
    WAIT_FOR(&world, raw_read(&served[0]) && served[0].in.len == head + sizeof(body));
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].error, 0);
}
END_TEST

START_TEST(early_answer)
{
    /* An answer that comes before the request was taken whole counts; its connection does not go
     * on. */
    static char body[9000000];
    (void)call_with(
        (struct http_request){
            .method = "PUT", .target = "/", .type = "text/plain", .body = {body, sizeof(body)}},
        0);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    answer(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    ck_assert_int_eq(outcomes[0].status, 413);
    WAIT_FOR(&world, raw_ended(&served[0]));
}
END_TEST

START_TEST(peer_that_closed_while_idle)
{
    /* An idle connection that the server has closed is not used: even what may not be repeated goes
     * out on a new one. */
    (void)get(0, false);
    serve_request(0);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    raw_close(&served[0]);
    outcomes[0].done = 0;
    (void)get(0, false);
    serve_request(1);
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[0].error, 0);
}
END_TEST

START_TEST(destroy_ends_calls)
{
    /* Destroying a peer ends its calls, connecting, waiting and idle. */
    (void)get(0, false);
    serve_request(0);
    (void)get(1, false);
    http_peer_destroy(peer);
    peer = NULL;
    ck_assert_int_eq(outcomes[0].error, TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
    ck_assert_uint_eq(ready, 0);
}
END_TEST

static void destroy_at_done(void *arg, int error, const struct http_reply *reply)
{
    on_done(arg, error, reply);
    http_peer_destroy(peer);
    peer = NULL;
}

START_TEST(destroy_from_done)
{
    /* A peer may be destroyed from the end of one of its calls. */
    struct http_request request = {.method = "GET",
                                   .target = "/",
                                   .timeout_us = 8000000,
                                   .on_done = destroy_at_done,
                                   .arg = &outcomes[0]};
    (void)get(1, false);
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), 0);
    WAIT_FOR(&world, raw_accept(listening, &served[0]));
    WAIT_FOR(&world, raw_accept(listening, &served[1]));
    raw_send(&served[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT_FOR(&world, outcomes[0].done == 1);
    ck_assert_int_eq(outcomes[1].error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

START_TEST(urls)
{
    /* URLs that we can not call are refused when the peer is made. */
    static const char *const wrong[] = {
        "https://a",         "a:80",          "http://",        "http://a:0",  "http://a:65536",
        "http://a:",         "http://u@a",    "http://a?x",     "http://[::1", "http://a b",
        "http://a/\r\nX: y", "http://a:80x/", "http://a/b?c=d",
    };
    static const char *const right[] = {"http://127.0.0.1", "HTTP://127.0.0.1:8080/a/b_c/",
                                        "http://[::1]:8080/", "http://[::1]"};
    struct http_peer_config config = {
        .connections_max = 1, .connect_timeout_us = 1, .limits = HTTP_LIMITS_DEFAULT};
    struct http_peer *other = NULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        config.url = wrong[i];
        ck_assert_msg(http_peer_create(world.loop, &config, &other) == TROTH_ERROR_CONFIG, "%s",
                      wrong[i]);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        config.url = right[i];
        ck_assert_int_eq(http_peer_create(world.loop, &config, &other), 0);
        http_peer_destroy(other);
    }
}
END_TEST

Suite *client_suite(void)
{
    Suite *suite = suite_create("client");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, posts);
    tcase_add_test(all, keeps_alive);
    tcase_add_loop_test(all, bodies, 0, 3);
    tcase_add_test(all, head_request);
    tcase_add_test(all, lines);
    tcase_add_test(all, lines_of_refusal);
    tcase_add_test(all, line_too_long);
    tcase_add_test(all, cancelled_in_line);
    tcase_add_test(all, full);
    tcase_add_loop_test(all, stale_connection, 0, 2);
    tcase_add_loop_test(all, stale_only_once, 0, 2);
    tcase_add_loop_test(all, not_repeated_after_a_byte, 0, 2);
    tcase_add_loop_test(all, unasked_answer, 0, 3);
    tcase_add_loop_test(all, bad_answers, 0, 8);
    tcase_add_test(all, answer_headers_too_large);
    tcase_add_loop_test(all, lost_in_the_middle, 0, 2);
    tcase_add_test(all, times_out);
    tcase_add_test(all, connection_refused);
    tcase_add_test(all, connect_times_out);
    tcase_add_test(all, name_is_resolved_once);
    tcase_add_test(all, large_request);
    tcase_add_test(all, early_answer);
    tcase_add_test(all, peer_that_closed_while_idle);
    tcase_add_test(all, destroy_ends_calls);
    tcase_add_test(all, destroy_from_done);
    tcase_add_test(all, urls);
    suite_add_tcase(suite, all);
    return suite;
}
