/* orders.c: the client's functions: what each says to the coordinator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/duration.h>
#include <base/json.h>

#include "orders.h"
#include "sized.h"

#define KEY_BYTES_MAX 255u
#define TRANSACTIONS  "/v1/transactions"

void order_target(char *ret_target, const troth_gtid *gtid, const char *rest)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(gtid, text);
    (void)snprintf(ret_target, ORDER_TARGET_BYTES, TRANSACTIONS "/%s%s", text,
                   rest); /* always fits */
}

struct kept {
    struct order order; /* first: it is what is given out */
    struct http_header headers[ORDER_HEADERS_MAX + 1];
    char text[]; /* target, the headers' values, body */
};

static const char *put(char **at, const char *text, size_t len)
{
    char *put_at = *at;
    memcpy(put_at, text, len);
    put_at[len] = '\0';
    *at += len + 1;
    return put_at;
}

struct order *order_keep(const struct order *order)
{
    size_t bytes = strlen(order->target) + 1 + order->body.len + 1, i;
    struct kept *kept;
    char *at;
    for (i = 0; order->headers != NULL && order->headers[i].name != NULL; i++)
        bytes += strlen(order->headers[i].value) + 1;
    kept = calloc(1, sizeof *kept + bytes);
    if (kept == NULL)
        return NULL;
    at = kept->text;
    kept->order = *order;
    kept->order.target = put(&at, order->target, strlen(order->target));
    kept->order.headers = kept->headers;
    for (i = 0; order->headers != NULL && order->headers[i].name != NULL; i++) {
        const char *value = order->headers[i].value;

        kept->headers[i].name = order->headers[i].name; /* static */
        kept->headers[i].value = put(&at, value, strlen(value));
    }
    if (order->body.data != NULL)
        kept->order.body.data = put(&at, order->body.data, order->body.len);
    return &kept->order;
}

static void append_name(struct buffer *body, const char *name, const char *value)
{
    json_append_text(body, name);
    buffer_append_char(body, ':');
    json_append_text(body, value);
}

static const char *reply_name(enum troth_reply_at reply)
{
    switch (reply) {
    case TROTH_REPLY_COMPLETED:
        return "completed";
    case TROTH_REPLY_DECIDED:
    case TROTH_REPLY_ACCEPTED: /* said by Prefer: respond-async (RFC 7240) */
        return "decided";
    }
    return "completed";
}

static bool key_valid(const char *key)
{
    size_t i;
    if (key == NULL)
        return true;
    for (i = 0; key[i] != '\0'; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return i > 0 && i <= KEY_BYTES_MAX;
}

static void start_body(const struct troth_start *start, struct buffer *body)
{
    buffer_append_char(body, '{');
    append_name(body, "definition", start->definition);
    if (start->version != 0) {
        buffer_append_text(body, ",\"version\":");
        buffer_append_uint(body, start->version);
    }
    if (start->input.data != NULL) {
        buffer_append_text(body, ",\"input\":");
        buffer_append_span(body, start->input);
    }
    buffer_append_char(body, ',');
    append_name(body, "reply", reply_name(start->reply));
    buffer_append_char(body, '}');
}

static int send_start(struct troth_client *client, const struct troth_start *start,
                      troth_answered answered, void *arg)
{
    struct http_header headers[3] = {{NULL, NULL}};
    struct buffer body BUFFER_SCOPED = {0};
    struct order order = {.method = "POST", .target = TRANSACTIONS, .headers = headers};
    char prefer[32];
    int n = 0;
    if (start->idempotency_key != NULL)
        headers[n++] = (struct http_header){"Idempotency-Key", start->idempotency_key};
    if (start->reply == TROTH_REPLY_ACCEPTED) {
        headers[n++] = (struct http_header){"Prefer", "respond-async"};
    } else if (start->wait_s != 0) {
        (void)snprintf(prefer, sizeof prefer, "wait=%u", start->wait_s);
        headers[n++] = (struct http_header){"Prefer", prefer};
    }
    headers[n] = (struct http_header){NULL, NULL};
    order.more_us = start->wait_s * US_PER_S;
    order.may_come_twice = start->idempotency_key != NULL;
    start_body(start, &body);
    if (body.failed)
        return TROTH_ERROR_NO_MEMORY;
    order.body = buffer_span(&body);
    return client_send(client, &order, answered, arg);
}

int troth_client_start(struct troth_client *client, const struct troth_start *start,
                       troth_answered answered, void *arg)
{
    struct troth_start taken;
    if (SIZED_TAKE(&taken, start, struct troth_start, definition) != 0 ||
        taken.definition == NULL || !key_valid(taken.idempotency_key))
        return TROTH_ERROR_INVALID;
    return send_start(client, &taken, answered, arg);
}

int troth_client_begin(struct troth_client *client, uint64_t timeout_us, troth_answered answered,
                       void *arg)
{
    struct order order = {.method = "POST", .target = TRANSACTIONS};
    char timeout[DURATION_TEXT_MAX];
    char body[64 + DURATION_TEXT_MAX];
    if (timeout_us == 0) {
        (void)snprintf(body, sizeof body, "{\"mode\":\"2pc\"}");
    } else {
        (void)duration_format(timeout_us, timeout);
        (void)snprintf(body, sizeof body, "{\"mode\":\"2pc\",\"timeout\":\"%s\"}", timeout);
    }
    order.body = (struct troth_span){body, strlen(body)};
    return client_send(client, &order, answered, arg);
}

int troth_client_enlist(struct troth_client *client, const struct troth_enlist *enlist,
                        troth_answered answered, void *arg)
{
    struct buffer body BUFFER_SCOPED = {0};
    char target[ORDER_TARGET_BYTES];
    struct order order = {.method = "POST", .target = target, .may_come_twice = true};
    struct troth_enlist taken;
    if (SIZED_TAKE(&taken, enlist, struct troth_enlist, prepared) != 0 ||
        taken.participant == NULL || taken.operation == NULL)
        return TROTH_ERROR_INVALID;
    order_target(target, &taken.gtid, "/branches");
    buffer_append_format(&body, "{\"branch\":%u,", taken.branch);
    append_name(&body, "participant", taken.participant);
    buffer_append_char(&body, ',');
    append_name(&body, "operation", taken.operation);
    buffer_append_format(&body, ",\"prepared\":%s}", taken.prepared ? "true" : "false");
    if (body.failed)
        return TROTH_ERROR_NO_MEMORY;
    order.body = buffer_span(&body);
    return client_send(client, &order, answered, arg);
}

int troth_client_commit(struct troth_client *client, const troth_gtid *gtid,
                        const uint32_t *branches, uint32_t count, enum troth_reply_at reply,
                        troth_answered answered, void *arg)
{
    struct buffer body BUFFER_SCOPED = {0};
    char target[ORDER_TARGET_BYTES];
    const struct http_header async[] = {{"Prefer", "respond-async"}, {NULL, NULL}};
    struct order order = {.method = "POST",
                          .target = target,
                          .headers = reply == TROTH_REPLY_ACCEPTED ? async : NULL,
                          .may_come_twice = true};
    uint32_t i;
    if (gtid == NULL || (branches == NULL && count > 0) || count > TROTH_BRANCHES_MAX)
        return TROTH_ERROR_INVALID;
    order_target(target, gtid, "/commit");
    buffer_append_text(&body, "{\"branches\":[");
    for (i = 0; i < count; i++)
        buffer_append_format(&body, "%s%u", i == 0 ? "" : ",", branches[i]);
    buffer_append_text(&body, "],");
    append_name(&body, "reply", reply_name(reply));
    buffer_append_char(&body, '}');
    if (body.failed)
        return TROTH_ERROR_NO_MEMORY;
    order.body = buffer_span(&body);
    return client_send(client, &order, answered, arg);
}

int troth_client_abort(struct troth_client *client, const troth_gtid *gtid, troth_answered answered,
                       void *arg)
{
    char target[ORDER_TARGET_BYTES];
    struct order order = {
        .method = "POST", .target = target, .body = {"{}", 2}, .may_come_twice = true};
    if (gtid == NULL)
        return TROTH_ERROR_INVALID;
    order_target(target, gtid, "/abort");
    return client_send(client, &order, answered, arg);
}

int troth_client_get(struct troth_client *client, const troth_gtid *gtid, troth_answered answered,
                     void *arg)
{
    char target[ORDER_TARGET_BYTES];
    const struct order order = {.method = "GET", .target = target, .may_come_twice = true};
    if (gtid == NULL)
        return TROTH_ERROR_INVALID;
    order_target(target, gtid, "");
    return client_send(client, &order, answered, arg);
}

int troth_client_inquire(struct troth_client *client, const char *journal, const troth_gtid *gtid,
                         uint32_t branch, uint32_t attempt, troth_answered answered, void *arg)
{
    char target[ORDER_TARGET_BYTES];
    char query[96];
    const struct order order = {.method = "GET", .target = target, .may_come_twice = true};
    if (gtid == NULL || journal == NULL || !troth_journal_id_valid(journal, strlen(journal)))
        return TROTH_ERROR_INVALID;
    (void)snprintf(query, sizeof query, "/decision?branch=%u&attempt=%u&journal=%s", branch,
                   attempt, journal);
    order_target(target, gtid, query);
    return client_send(client, &order, answered, arg);
}
