/* outgoing.c: see outgoing.h. */
#include "outgoing.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include <base/span.h>

#include "passed.h"

#define HEADERS_MAX 12u

/* Names and values; the values stand in `texts` while that grows. */
struct headers {
    struct buffer texts;
    uint32_t count;
    const char *names[HEADERS_MAX];
    size_t at[HEADERS_MAX];
    struct http_header list[HEADERS_MAX + 1];
};

static void add(struct headers *headers, const char *name, struct troth_span value)
{
    if (value.len == 0)
        return;
    headers->names[headers->count] = name;
    headers->at[headers->count++] = headers->texts.len;
    buffer_append_span(&headers->texts, value);
    buffer_append_char(&headers->texts, '\0');
}

/* false: no memory. */
static bool finish(struct headers *headers)
{
    for (uint32_t i = 0; i < headers->count && !headers->texts.failed; i++)
        headers->list[i] =
            (struct http_header){headers->names[i], headers->texts.data + headers->at[i]};
    return !headers->texts.failed;
}

static struct troth_span header_of(const struct request *request, const char *name)
{
    struct troth_span value;
    return http_exchange_header(request->exchange, name, &value) ? value
                                                                 : (struct troth_span){"", 0};
}

/* A HEAD is answered from the whole answer, so that its length is right. */
static const char *method_of(const struct request *request, bool streams)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    struct troth_span method = http_exchange_method(request->exchange);
    if (span_is(method, "HEAD"))
        return streams ? "HEAD" : "GET";
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (span_is(method, methods[i]))
            return methods[i];
    return "GET";
}

static void append_target(const struct passed_claims *claims, struct buffer *target)
{
    buffer_append_span(target, claims->path);
    if (claims->query.len > 0) {
        buffer_append_char(target, '?');
        buffer_append_span(target, claims->query);
    }
}

static void add_claims(struct headers *headers, const struct passed_claims *claims,
                       const char *proof)
{
    add(headers, PASSED_BY, claims->by);
    add(headers, PASSED_TO, claims->to);
    add(headers, PASSED_NUMBER, claims->number);
    add(headers, PASSED_WHO, claims->who);
    add(headers, PASSED_SCOPES, claims->scopes);
    add(headers, PASSED_STARTS, claims->starts);
    add(headers, PASSED_CALLER, claims->caller);
    add(headers, PASSED_PROOF, span_of(proof));
    add(headers, "Idempotency-Key", claims->key);
    add(headers, "Prefer", claims->prefer);
}

static int refuse(const struct outgoing *outgoing, int error, struct api_problem *ret_problem)
{
    if (error == TROTH_ERROR_FULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL,
                               "too many requests wait for node %s, which leads what this is about",
                               outgoing->node);
    if (error == TROTH_ERROR_NO_MEMORY)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "out of memory");
    return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                           "node %s leads what this is about, and cannot be reached; nothing was "
                           "done, try again",
                           outgoing->node);
}

static int send_it(const struct request *request, const struct api_node *node,
                   const struct passed_claims *claims, struct http_request *how,
                   const struct outgoing *outgoing, struct http_call **ret_call)
{
    const struct api_host *host = &request->api->host;
    struct headers headers = {.count = 0};
    BUFFER_SCOPED struct buffer target = {0};
    BUFFER_SCOPED struct buffer type = {0};
    append_target(claims, &target);
    add_claims(&headers, claims, outgoing->proof);
    add(&headers, "traceparent", header_of(request, "traceparent"));
    buffer_append_span(&type, header_of(request, "Content-Type"));
    how->target = buffer_text(&target);
    how->headers = headers.list;
    how->body = claims->body;
    if (type.len > 0 || claims->body.len > 0)
        how->type = buffer_text(&type);
    int error = finish(&headers) && how->target != NULL && !type.failed
                    ? host->pass(host->ctx, node, how, ret_call)
                    : TROTH_ERROR_NO_MEMORY;
    buffer_finish(&headers.texts);
    return error;
}

int outgoing_send(const struct request *request, const struct api_node *node,
                  struct http_request *how, struct outgoing *ret_outgoing,
                  struct http_call **ret_call, struct api_problem *ret_problem)
{
    const struct http_exchange *exchange = request->exchange;
    const struct api_identity *identity = &request->identity;
    char caller[HTTP_CLIENT_TEXT_MAX], scopes[16], number[24];
    struct outgoing *out = ret_outgoing;
    *out = (struct outgoing){.api = request->api};
    (void)snprintf(out->node, sizeof out->node, "%s", node->name);
    (void)snprintf(out->key, sizeof out->key, "%s", node->key);
    (void)snprintf(scopes, sizeof scopes, "%u", identity->scopes);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)++request->api->numbered);
    passed_caller(request, caller);
    how->method = method_of(request, how->on_line != NULL);
    const struct passed_claims claims = {
        .by = span_of(request->api->host.node_key),
        .to = span_of(out->key),
        .number = span_of(number),
        .method = span_of(how->method),
        .path = http_exchange_path(exchange),
        .query = http_exchange_query(exchange),
        .who = span_of(identity->who),
        .scopes = span_of(scopes),
        .starts = span_of(identity->starts != NULL ? identity->starts : ""),
        .caller = span_of(caller),
        .key = header_of(request, "Idempotency-Key"),
        .prefer = header_of(request, "Prefer"),
        .body = http_exchange_body(exchange)};
    int error = TROTH_ERROR_UNAVAILABLE;
    if (passed_prove(request->api, claims.to, &claims, out->proof))
        error = send_it(request, node, &claims, how, out, ret_call);
    return error == 0 ? 0 : refuse(out, error, ret_problem);
}

bool outgoing_is_answered(const struct outgoing *outgoing, const struct http_reply *reply)
{
    char answer[NODE_MAC_TEXT_LEN + 1];
    struct troth_span shown;
    return http_reply_header(reply, PASSED_ANSWER, &shown) && shown.len == NODE_MAC_TEXT_LEN &&
           passed_answer(outgoing->api, span_of(outgoing->key), outgoing->proof, answer) &&
           CRYPTO_memcmp(shown.data, answer, NODE_MAC_TEXT_LEN) == 0;
}
