/* noop.c: a participant that does nothing and says yes at once, over the batch binding.
 *
 *   bench_noop PORT [CERTIFICATE KEY CA]
 *
 * So what a transaction costs behind it is what trothd costs. Port 0 is a free one; the ready line
 * names it. With files of certificates it speaks TLS, and who calls must show one too. Every
 * prepare is voted yes, every other command is done. It keeps nothing. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <http/loop.h>
#include <http/server.h>
#include <http/tls.h>
#include <wire/message.h>

#define SLOTS "64"

static struct buffer answers, scratch;

static struct result answer_of(const struct command *command)
{
    struct result result = {.op = command->op,
                            .gtid = command->gtid,
                            .branch = command->branch,
                            .attempt = command->attempt,
                            .result = RESULT_DONE};
    if (command->op == OP_PREPARE) {
        result.result = RESULT_VOTE;
        result.vote = VOTE_YES;
    } else {
        result.state = command->op == OP_ABORT        ? BRANCH_IS_ABORTED
                       : command->op == OP_COMPENSATE ? BRANCH_IS_COMPENSATED
                                                      : BRANCH_IS_COMMITTED;
    }
    return result;
}

static void handle(void *arg, struct http_exchange *exchange)
{
    static const struct http_header headers[] = {{HEADER_SLOTS, SLOTS}, {NULL, NULL}};
    struct troth_span body = http_exchange_body(exchange);
    const char *end = body.data + body.len;
    (void)arg;
    buffer_clear(&answers);
    for (const char *at = body.data, *next; at < end; at = next) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        struct command command;
        const char *why = "";
        struct troth_span line = {at, (size_t)(line_end - at)};
        if (message_command_parse(line, &scratch, &command, &why) != 0) {
            (void)fprintf(stderr, "bench_noop: %s: %.*s\n", why, (int)line.len, line.data);
            exit(1);
        }
        struct result result = answer_of(&command);
        message_result_append(&answers, &result);
        next = line_end < end ? line_end + 1 : end;
    }
    http_exchange_reply(exchange, 200, "application/x-ndjson", headers, buffer_span(&answers));
}

static void on_terminate(evutil_socket_t fd, short what, void *base)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(base);
}

/* Ends the program where a file cannot be used. */
static struct http_tls *secure(struct event_base *base, char **files)
{
    const struct http_tls_config config = {.is_server = true,
                                           .certificate = files[0],
                                           .key = files[1],
                                           .ca = files[2],
                                           .clients = HTTP_TLS_CLIENTS_REQUIRED};
    BUFFER_SCOPED struct buffer why = {0};
    struct http_tls *tls = NULL;
    if (http_tls_create(base, &config, &why, &tls) == 0)
        return tls;
    (void)fprintf(stderr, "bench_noop: %s\n", why.len > 0 ? buffer_text(&why) : "no TLS");
    exit(1);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long port = argc == 2 || argc == 5 ? strtoul(argv[1], &end, 10) : 0;
    if (end == NULL || *end != '\0' || port > UINT16_MAX) {
        (void)fputs("bench_noop PORT [CERTIFICATE KEY CA]\n", stderr);
        return 2;
    }
    struct http_server_config config = {.address = "127.0.0.1",
                                        .port = (uint16_t)port,
                                        .connections_max = 1024,
                                        .limits = HTTP_LIMITS_DEFAULT,
                                        .handler = handle,
                                        .handshakes_max = 1024,
                                        .handshake_timeout_us = 5000000};
    struct http_loop *loop = NULL;
    struct http_server *server = NULL;
    struct event_base *base = event_base_new();
    struct event *terminate = base == NULL ? NULL : evsignal_new(base, SIGTERM, on_terminate, base);
    if (base != NULL && argc == 5)
        config.tls = secure(base, argv + 2);
    if (terminate == NULL || evsignal_add(terminate, NULL) != 0 ||
        http_loop_create(base, &loop) != 0 || http_server_create(loop, &config, &server) != 0) {
        (void)fprintf(stderr, "bench_noop: cannot listen on port %lu\n", port);
        return 1;
    }
    http_loop_autoflush(loop);
    (void)printf("noop ready listen=127.0.0.1:%u\n", http_server_port(server));
    (void)fflush(stdout);
    int result = event_base_dispatch(base) < 0 ? 1 : 0;
    http_server_destroy(server);
    http_tls_destroy(config.tls);
    http_loop_destroy(loop);
    event_free(terminate);
    event_base_free(base);
    buffer_finish(&answers);
    buffer_finish(&scratch);
    return result;
}
