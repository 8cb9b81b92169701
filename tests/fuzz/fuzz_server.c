/* The bytes of a connection to the HTTP server, whole and in pieces: the same requests reach the
 * handler, and the same answers come back, to a refusal (which of two things that are wrong it
 * names may depend on which is seen first). Small limits, so that they are met. */
#include <base/json.h>
#include <pair.h>

#include "fuzz.h"

/* Answers with all that it was told. */
static void handle(void *arg, struct http_exchange *exchange)
{
    struct buffer body = {0};
    struct troth_span value;
    const struct troth_span parts[] = {
        http_exchange_method(exchange), http_exchange_path(exchange), http_exchange_query(exchange),
        http_exchange_body(exchange),
        http_exchange_header(exchange, "X-Tried", &value) ? value : (struct troth_span){"", 0}};
    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        json_append_string(&body, parts[i]);
    (void)!http_exchange_parameter(exchange, "q", &body);
    http_exchange_reply(exchange, 200, "text/plain", NULL, buffer_span(&body));
    buffer_finish(&body);
}

static struct http_server *serve(void)
{
    static struct http_server *server;
    static const struct http_server_config config = {
        .address = "127.0.0.1",
        .connections_max = 4,
        .limits = {.header_bytes_max = 400,
                   .headers_max = 8,
                   .body_bytes_max = 200,
                   .target_bytes_max = 100,
                   .head_timeout_us = 60000000,
                   .body_timeout_us = 60000000,
                   .idle_timeout_us = 60000000,
                   .write_timeout_us = 60000000},
        .handler = handle,
    };
    int error = server != NULL ? 0 : http_server_create(pair_loop(), &config, &server);
    assert(error == 0);
    return server;
}

/* A body that came with its head needs none. */
static void drop_continues(struct buffer *answer)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    size_t len = sizeof text - 1;
    char *found;
    while (answer->len > 0 && (found = memmem(answer->data, answer->len, text, len)) != NULL) {
        memmove(found, found + len, answer->len - len - (size_t)(found - answer->data));
        answer->len -= len;
    }
}

/* The handler refuses nothing: what is not 200 is the server's own, and the last. */
static void cut_refusal(struct buffer *answer)
{
    static const char begin[] = "HTTP/1.1 ";
    size_t len = sizeof begin - 1;
    char *found = answer->data;
    const char *end = answer->len > 0 ? found + answer->len : found;
    while (found != NULL && (found = memmem(found, (size_t)(end - found), begin, len)) != NULL) {
        found += len;
        if (end - found >= 3 && (*found != '2')) {
            answer->len = (size_t)(found - answer->data);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};
    pair_ask(serve(), fuzz_span(data, size), size + 1, &whole);
    pair_ask(serve(), fuzz_span(data, size), 1 + size % 7, &pieces);
    drop_continues(&whole);
    drop_continues(&pieces);
    cut_refusal(&whole);
    cut_refusal(&pieces);
    assert(fuzz_same(buffer_span(&whole), buffer_span(&pieces)));
    buffer_finish(&whole);
    buffer_finish(&pieces);
    return 0;
}
