/* The API behind a real server on loopback, with a fake host; and a client. */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <http/server.h>

#define BOUND_S 10

struct fixture fx;

static bool authenticates;
static struct api_limits limited;

void fixture_setup_limited(void)
{
    limited = (struct api_limits){.requests = 1, .watchers = 1, .failures = 1};
    fixture_setup_secure();
}

void fixture_setup_watchers(void)
{
    limited = (struct api_limits){.watchers = 1};
    fixture_setup();
}

void fixture_setup_secure(void)
{
    authenticates = true;
    fixture_setup();
}

void fixture_setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    fake_init(&fx.fake);
    fx.base = event_base_new();
    ck_assert_ptr_nonnull(fx.base);
    ck_assert_int_eq(http_loop_create(fx.base, &fx.loop), 0);
    fx.fake.host.authenticates = authenticates;
    fx.fake.host.limits = limited;
    ck_assert_int_eq(api_create(&fx.fake.host, &fx.api), 0);
    const struct http_server_config config = {
        .address = "127.0.0.1",
        .connections_max = API_WATCHERS_MAX + 10,
        .limits = limits,
        .handler = api_handle,
        .problem = api_server_problem,
        .arg = fx.api,
    };
    ck_assert_int_eq(http_server_create(fx.loop, &config, &fx.server), 0);
}

void fixture_teardown(void)
{
    http_server_destroy(fx.server);
    http_loop_destroy(fx.loop);
    event_base_free(fx.base);
    api_destroy(fx.api);
    fake_finish(&fx.fake);
}

TCase *suite_case(Suite *suite)
{
    TCase *tests = tcase_create("api");
    tcase_add_checked_fixture(tests, fixture_setup, fixture_teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return tests;
}

/* --- the client ------------------------------------------------------------------------------- */

static void turn(void)
{
    (void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
    http_loop_flush(fx.loop);
}

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void run_until(bool (*condition)(void), const char *what)
{
    time_t end = now_s() + BOUND_S;
    while (!condition()) {
        ck_assert_msg(now_s() < end, "not within %d s: %s", BOUND_S, what);
        turn();
        (void)poll(NULL, 0, 1);
    }
}

static int client_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(fx.server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* A server that refuses early may close before all is sent; its answer counts all the same. */
static void send_all(int fd, const struct buffer *text)
{
    time_t end = now_s() + BOUND_S;
    for (size_t at = 0; at < text->len;) {
        ck_assert_msg(now_s() < end, "the request is not taken");
        ssize_t sent = send(fd, text->data + at, text->len - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        at += sent > 0 ? (size_t)sent : 0;
        turn();
    }
}

int client_open(const char *method, const char *target, const char *headers, const char *body)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_format(&text, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s", method,
                         target, headers != NULL ? headers : "");
    if (body != NULL && (headers == NULL || strstr(headers, "Content-Type") == NULL))
        buffer_append_text(&text, "Content-Type: application/json\r\n");
    if (body != NULL)
        buffer_append_format(&text, "Content-Length: %zu\r\n", strlen(body));
    buffer_append_format(&text, "\r\n%s", body != NULL ? body : "");
    ck_assert(!text.failed);
    int fd = client_connect();
    send_all(fd, &text);
    return fd;
}

/* To the end of the connection, or the bound. */
static void read_all(int fd, struct buffer *raw)
{
    char piece[4096];
    time_t end = now_s() + BOUND_S;
    for (;;) {
        turn();
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return;
        if (got > 0) {
            buffer_append(raw, piece, (size_t)got);
            continue;
        }
        ck_assert_int_eq(errno, EAGAIN);
        ck_assert_msg(now_s() < end, "no answer within %d s", BOUND_S);
        struct pollfd one = {.fd = fd, .events = POLLIN};
        (void)poll(&one, 1, 1);
    }
}

/* The chunks of a body, put together in place; it is whole. */
static void unchunk(struct reply *reply)
{
    char *to = (char *)(uintptr_t)reply->body.data;
    const char *from = to;
    for (;;) {
        char *end;
        size_t len = strtoul(from, &end, 16);
        ck_assert_msg(end != from && strncmp(end, "\r\n", 2) == 0, "no chunk: %.20s", from);
        from = end + 2;
        ck_assert_uint_le(len, (size_t)(reply->body.data + reply->body.len - from));
        memmove(to, from, len);
        to += len;
        from += len;
        ck_assert_msg(strncmp(from, "\r\n", 2) == 0, "a chunk of %zu has no end", len);
        from += 2;
        if (len == 0)
            break;
    }
    ck_assert_ptr_eq(from, reply->body.data + reply->body.len);
    *to = '\0';
    reply->body.len = (size_t)(to - reply->body.data);
}

void client_read(int fd, struct reply *ret_reply)
{
    struct reply reply = {0};
    read_all(fd, &reply.raw);
    close(fd);
    char *text = (char *)(uintptr_t)buffer_text(&reply.raw);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(sscanf(text, "HTTP/1.1 %d", &reply.status), 1);
    char *split = strstr(text, "\r\n\r\n");
    ck_assert_ptr_nonnull(split);
    split[2] = '\0'; /* the head ends behind its last line */
    reply.head = text;
    reply.body = (struct troth_span){split + 4, reply.raw.len - (size_t)(split + 4 - text)};
    if (strcasestr(reply.head, "\r\nTransfer-Encoding: chunked\r\n") != NULL)
        unchunk(&reply);
    *ret_reply = reply;
}

/* Every exchange of these tests, for the check of openapi.json against what was really answered
 * (tests/integration/test_api_openapi.py). */
static void write_down(const char *method, const char *target, const struct reply *reply)
{
    const char *path = getenv("TROTH_API_EXCHANGES");
    BUFFER_SCOPED struct buffer line = {0};
    if (path == NULL)
        return;
    FILE *file = fopen(path, "a");
    ck_assert_ptr_nonnull(file);
    buffer_append_text(&line, "{\"method\":");
    json_append_text(&line, method);
    buffer_append_text(&line, ",\"target\":");
    json_append_text(&line, target);
    buffer_append_format(&line, ",\"status\":%d,\"head\":", reply->status);
    json_append_text(&line, reply->head);
    buffer_append_text(&line, ",\"body\":");
    json_append_string(&line, reply->body);
    buffer_append_text(&line, "}\n");
    ck_assert_int_eq((int)fwrite(line.data, line.len, 1, file), 1);
    ck_assert_int_eq(fclose(file), 0);
}

void ask(const char *method, const char *target, const char *headers, const char *body,
         struct reply *ret_reply)
{
    client_read(client_open(method, target, headers, body), ret_reply);
    write_down(method, target, ret_reply);
}

void reply_finish(struct reply *reply)
{
    buffer_finish(&reply->raw);
}

/* --- what is expected ------------------------------------------------------------------------- */

void reply_has(const struct reply *reply, const char *text)
{
    ck_assert_msg(strstr(reply->body.data, text) != NULL, "%s is not in %s", text,
                  reply->body.data);
}

void reply_has_header(const struct reply *reply, const char *line)
{
    char whole[300];
    (void)snprintf(whole, sizeof whole, "\r\n%s\r\n", line);
    ck_assert_msg(strcasestr(reply->head, whole) != NULL, "%s is not in %s", line, reply->head);
}

void reply_lacks_header(const struct reply *reply, const char *name)
{
    char begin[100];
    (void)snprintf(begin, sizeof begin, "\r\n%s:", name);
    ck_assert_msg(strcasestr(reply->head, begin) == NULL, "%s is in %s", name, reply->head);
}

void expect(const char *method, const char *target, const char *body, int status,
            const char *contains)
{
    REPLY_SCOPED struct reply reply = {0};
    ask(method, target, NULL, body, &reply);
    ck_assert_msg(reply.status == status, "%s %s: %d %s", method, target, reply.status,
                  reply.body.data);
    reply_has(&reply, contains);
}

void expect_problem(const char *method, const char *target, const char *headers, const char *body,
                    int status, const char *slug, const char *detail)
{
    REPLY_SCOPED struct reply reply = {0};
    BUFFER_SCOPED struct buffer type = {0};
    BUFFER_SCOPED struct buffer text = {0};
    struct troth_span value, member;
    ask(method, target, headers, body, &reply);
    ck_assert_msg(reply.status == status, "%s %s %s: %d %s", method, target,
                  body != NULL ? body : "", reply.status, reply.body.data);
    reply_has_header(&reply, "Content-Type: application/problem+json");
    buffer_append_format(&type, "https://troth.dev/problems/%s", slug);
    ck_assert_int_eq(json_check(reply.body, JSON_CHECK_UNIQUE_KEYS, &value, NULL), 0);
    ck_assert(json_member(value, "type", &member));
    ck_assert_msg(json_string_equals(member, buffer_span(&type)), "%s is not of type %s",
                  reply.body.data, slug);
    ck_assert(json_member(value, "detail", &member));
    ck_assert_int_eq(json_string(member, &text), 0);
    ck_assert_msg(strstr(buffer_text(&text), detail) != NULL, "\"%s\" is not in: %s", detail,
                  buffer_text(&text));
}
