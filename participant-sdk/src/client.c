/* client.c: the coordinator's API over the event loop. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <http/client.h>
#include <protocol/duration.h>
#include <protocol/json.h>
#include <troth/client.h>

#define CONNECTIONS_DEFAULT 16u
#define TIMEOUT_DEFAULT_US  UINT64_C(30000000)
#define CONNECT_TIMEOUT_US  UINT64_C(5000000)
#define ANSWER_BYTES_MAX    (8u << 20)
#define KEY_BYTES_MAX       255u
#define TARGET_BYTES        192u
#define WAIT_FIRST_US       50000u
#define WAIT_MOST_US        1000000u
#define US_PER_S            UINT64_C(1000000)
#define TRANSACTIONS        "/v1/transactions"

struct client_call {
    struct client_call *next, *prev;
    struct troth_client *client;
    troth_answered answered;
    void *arg;
    /* troth_client_wait() only */
    bool waiting;
    troth_gtid gtid;
    uint64_t left_us;
    uint64_t pause_us;
    struct event *timer;
};

struct troth_client {
    struct event_base *base;
    bool owns_base;
    struct http_loop *loop;
    struct http_peer *peer;
    uint64_t timeout_us;
    struct client_call *calls;
};

struct order {
    const char *method;
    const char *target;
    const struct http_header *headers;
    struct troth_span body;
    uint64_t more_us; /* beyond the client's own timeout */
    bool repeatable;
};

/* --- making ----------------------------------------------------------------------------------- */

static int connect_peer(struct troth_client *made, const struct troth_client_config *config)
{
    struct http_peer_config peer = {
        .url = config->url,
        .connections_max =
            config->connections_max == 0 ? CONNECTIONS_DEFAULT : config->connections_max,
        .connect_timeout_us = CONNECT_TIMEOUT_US,
        .limits = HTTP_LIMITS_DEFAULT,
    };
    int error = http_loop_create(made->base, &made->loop);

    if (error != 0) {
        return error;
    }
    http_loop_autoflush(made->loop);
    peer.limits.body_bytes_max = ANSWER_BYTES_MAX;
    error = http_loop_name_servers(made->loop, config->resolver);
    return error != 0 ? error : http_peer_create(made->loop, &peer, &made->peer);
}

int troth_client_create(struct event_base *base, const struct troth_client_config *config,
                        struct troth_client **ret_client)
{
    struct troth_client *made;
    int error = 0;

    if (config == NULL || config->url == NULL || ret_client == NULL) {
        return TROTH_ERROR_INVALID;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    made->timeout_us = config->timeout_us == 0 ? TIMEOUT_DEFAULT_US : config->timeout_us;
    made->base = base;
    if (base == NULL) {
        made->base = event_base_new();
        made->owns_base = true;
        error = made->base == NULL ? TROTH_ERROR_SYSTEM : 0;
    }
    if (error == 0) {
        error = connect_peer(made, config);
    }
    if (error != 0) {
        troth_client_destroy(made);
        return error;
    }
    *ret_client = made;
    return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void call_destroy(struct client_call *call)
{
    if (call->prev == NULL) {
        call->client->calls = call->next;
    } else {
        call->prev->next = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    if (call->timer != NULL) {
        event_free(call->timer);
    }
    free(call);
}

static void tell(struct client_call *call, const struct troth_answer *answer)
{
    const troth_answered answered = call->answered;
    void *const arg = call->arg;

    call_destroy(call);
    answered(arg, answer);
}

void troth_client_destroy(struct troth_client *client)
{
    const struct troth_answer ended = {.error = TROTH_ERROR_SHUTTING_DOWN};

    if (client == NULL) {
        return;
    }
    http_peer_destroy(client->peer); /* ends what is under way */
    while (client->calls != NULL) {  /* what waits for its timer */
        tell(client->calls, &ended);
    }
    http_loop_destroy(client->loop);
    if (client->owns_base && client->base != NULL) {
        event_base_free(client->base);
    }
    free(client);
}

static int error_of(int status)
{
    if (status >= 200 && status < 300) {
        return 0;
    }
    switch (status) {
    case 400:
        return TROTH_ERROR_INVALID;
    case 404:
        return TROTH_ERROR_NOT_FOUND;
    case 409:
        return TROTH_ERROR_ENDED;
    case 422:
        return TROTH_ERROR_EXISTS;
    case 429:
    case 503:
        return TROTH_ERROR_FULL;
    default:
        return status >= 400 && status < 500 ? TROTH_ERROR_REFUSED : TROTH_ERROR_UNKNOWN;
    }
}

static enum troth_outcome outcome_of(struct troth_span text)
{
    static const char *const names[] = {"", "committed", "aborted", "compensated", "mixed"};
    int i;

    for (i = TROTH_OUTCOME_COMMITTED; i <= TROTH_OUTCOME_MIXED; i++) {
        if (json_string_equals(text, (struct troth_span){names[i], strlen(names[i])})) {
            return (enum troth_outcome)i;
        }
    }
    return TROTH_OUTCOME_OPEN;
}

/* false: a word that is not one of them. */
static bool decision_of(struct troth_span text, enum troth_decision *ret_decision)
{
    static const char *const names[] = {"undecided", "committed", "aborted", "unknown"};
    int i;

    for (i = TROTH_DECISION_UNDECIDED; i <= TROTH_DECISION_UNKNOWN; i++) {
        if (json_string_equals(text, (struct troth_span){names[i], strlen(names[i])})) {
            *ret_decision = (enum troth_decision)i;
            return true;
        }
    }
    return false;
}

static void read_body(struct troth_answer *answer)
{
    struct troth_span object, value;
    char gtid[TROTH_GTID_TEXT_LEN + 1];

    if (json_check(answer->body, JSON_CHECK_DEFAULT, &object, NULL) != 0 ||
        json_type(object) != JSON_OBJECT) {
        answer->error = answer->error == 0 ? TROTH_ERROR_PROTOCOL : answer->error;
        return;
    }
    if (json_member(object, "gtid", &value) && json_string_copy(value, gtid, sizeof gtid) == 0 &&
        troth_gtid_parse(gtid, strlen(gtid), &answer->gtid) == 0) {
        answer->has_gtid = true;
    }
    if (json_member(object, "outcome", &value) && json_type(value) == JSON_STRING) {
        answer->outcome = outcome_of(value);
    }
    if (json_member(object, "decision", &value) &&
        (json_type(value) != JSON_STRING || !decision_of(value, &answer->decision))) {
        answer->error = answer->error == 0 ? TROTH_ERROR_PROTOCOL : answer->error;
    }
}

static void wait_again(struct client_call *call);

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct client_call *call = arg;
    struct troth_answer answer = {.error = error};

    if (error == 0) {
        answer.status = reply->status;
        answer.body = reply->body;
        answer.error = error_of(reply->status);
        if (reply->body.len > 0) {
            read_body(&answer);
        }
    }
    if (call->waiting && error != TROTH_ERROR_SHUTTING_DOWN && call->left_us > 0 &&
        answer.outcome == TROTH_OUTCOME_OPEN &&
        (answer.error == 0 || troth_error_class(answer.error) != TROTH_CLASS_REFUSED)) {
        wait_again(call);
        return;
    }
    if (call->waiting && answer.error == 0 && answer.outcome == TROTH_OUTCOME_OPEN) {
        answer.error = TROTH_ERROR_TIMEOUT;
    }
    tell(call, &answer);
}

/* --- calls ------------------------------------------------------------------------------------ */

static int place(struct client_call *call, const struct order *order)
{
    const struct http_request request = {
        .method = order->method,
        .target = order->target,
        .headers = order->headers,
        .type = order->body.data == NULL ? NULL : "application/json",
        .body = order->body,
        .timeout_us = call->client->timeout_us + order->more_us,
        .repeatable = order->repeatable,
        .on_done = on_done,
        .arg = call,
    };
    struct http_call *http;
    int error = http_peer_call(call->client->peer, &request, &http);

    if (error == 0) {
        http_loop_flush(call->client->loop);
    }
    return error;
}

static int call_create(struct troth_client *client, troth_answered answered, void *arg,
                       struct client_call **ret_call)
{
    struct client_call *call;

    if (client == NULL || answered == NULL) {
        return TROTH_ERROR_INVALID;
    }
    call = calloc(1, sizeof *call);
    if (call == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    call->client = client;
    call->answered = answered;
    call->arg = arg;
    call->next = client->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    client->calls = call;
    *ret_call = call;
    return 0;
}

static int send_order(struct troth_client *client, const struct order *order,
                      troth_answered answered, void *arg)
{
    struct client_call *call;
    int error = call_create(client, answered, arg, &call);

    if (error != 0) {
        return error;
    }
    error = place(call, order);
    if (error != 0) {
        call_destroy(call);
    }
    return error;
}

/* /v1/transactions/{gtid}{rest} */
static void target_of(char *ret_target, const troth_gtid *gtid, const char *rest)
{
    char text[TROTH_GTID_TEXT_LEN + 1];

    troth_gtid_format(gtid, text);
    (void)snprintf(ret_target, TARGET_BYTES, TRANSACTIONS "/%s%s", text, rest); /* always fits */
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

    if (key == NULL) {
        return true;
    }
    for (i = 0; key[i] != '\0'; i++) {
        if (key[i] <= ' ' || key[i] > '~') {
            return false;
        }
    }
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

int troth_client_start(struct troth_client *client, const struct troth_start *start,
                       troth_answered answered, void *arg)
{
    struct http_header headers[3] = {{NULL, NULL}};
    struct buffer body BUFFER_SCOPED = {0};
    struct order order = {.method = "POST", .target = TRANSACTIONS, .headers = headers};
    char prefer[32];
    int n = 0;

    if (start == NULL || start->definition == NULL || !key_valid(start->idempotency_key)) {
        return TROTH_ERROR_INVALID;
    }
    if (start->idempotency_key != NULL) {
        headers[n++] = (struct http_header){"Idempotency-Key", start->idempotency_key};
        order.repeatable = true;
    }
    if (start->reply == TROTH_REPLY_ACCEPTED) {
        headers[n++] = (struct http_header){"Prefer", "respond-async"};
    } else if (start->wait_s != 0) {
        (void)snprintf(prefer, sizeof prefer, "wait=%u", start->wait_s);
        headers[n++] = (struct http_header){"Prefer", prefer};
    }
    headers[n] = (struct http_header){NULL, NULL};
    order.more_us = start->wait_s * US_PER_S;
    start_body(start, &body);
    if (body.failed) {
        return TROTH_ERROR_NO_MEMORY;
    }
    order.body = buffer_span(&body);
    return send_order(client, &order, answered, arg);
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
        duration_format(timeout_us, timeout);
        (void)snprintf(body, sizeof body, "{\"mode\":\"2pc\",\"timeout\":\"%s\"}", timeout);
    }
    order.body = (struct troth_span){body, strlen(body)};
    return send_order(client, &order, answered, arg);
}

int troth_client_enlist(struct troth_client *client, const struct troth_enlist *enlist,
                        troth_answered answered, void *arg)
{
    struct buffer body BUFFER_SCOPED = {0};
    char target[TARGET_BYTES];
    struct order order = {.method = "POST", .target = target, .repeatable = true};

    if (enlist == NULL || enlist->participant == NULL || enlist->operation == NULL) {
        return TROTH_ERROR_INVALID;
    }
    target_of(target, &enlist->gtid, "/branches");
    buffer_append_format(&body, "{\"branch\":%u,", enlist->branch);
    append_name(&body, "participant", enlist->participant);
    buffer_append_char(&body, ',');
    append_name(&body, "operation", enlist->operation);
    buffer_append_format(&body, ",\"prepared\":%s}", enlist->prepared ? "true" : "false");
    if (body.failed) {
        return TROTH_ERROR_NO_MEMORY;
    }
    order.body = buffer_span(&body);
    return send_order(client, &order, answered, arg);
}

int troth_client_commit(struct troth_client *client, const troth_gtid *gtid,
                        const uint32_t *branches, uint32_t count, enum troth_reply_at reply,
                        troth_answered answered, void *arg)
{
    struct buffer body BUFFER_SCOPED = {0};
    char target[TARGET_BYTES];
    const struct http_header async[] = {{"Prefer", "respond-async"}, {NULL, NULL}};
    struct order order = {.method = "POST",
                          .target = target,
                          .headers = reply == TROTH_REPLY_ACCEPTED ? async : NULL,
                          .repeatable = true};
    uint32_t i;

    if (gtid == NULL || (branches == NULL && count > 0) || count > TROTH_BRANCHES_MAX) {
        return TROTH_ERROR_INVALID;
    }
    target_of(target, gtid, "/commit");
    buffer_append_text(&body, "{\"branches\":[");
    for (i = 0; i < count; i++) {
        buffer_append_format(&body, "%s%u", i == 0 ? "" : ",", branches[i]);
    }
    buffer_append_text(&body, "],");
    append_name(&body, "reply", reply_name(reply));
    buffer_append_char(&body, '}');
    if (body.failed) {
        return TROTH_ERROR_NO_MEMORY;
    }
    order.body = buffer_span(&body);
    return send_order(client, &order, answered, arg);
}

int troth_client_abort(struct troth_client *client, const troth_gtid *gtid, troth_answered answered,
                       void *arg)
{
    char target[TARGET_BYTES];
    struct order order = {
        .method = "POST", .target = target, .body = {"{}", 2}, .repeatable = true};

    if (gtid == NULL) {
        return TROTH_ERROR_INVALID;
    }
    target_of(target, gtid, "/abort");
    return send_order(client, &order, answered, arg);
}

int troth_client_get(struct troth_client *client, const troth_gtid *gtid, troth_answered answered,
                     void *arg)
{
    char target[TARGET_BYTES];
    const struct order order = {.method = "GET", .target = target, .repeatable = true};

    if (gtid == NULL) {
        return TROTH_ERROR_INVALID;
    }
    target_of(target, gtid, "");
    return send_order(client, &order, answered, arg);
}

int troth_client_inquire(struct troth_client *client, const char *journal, const troth_gtid *gtid,
                         uint32_t branch, uint32_t attempt, troth_answered answered, void *arg)
{
    char target[TARGET_BYTES];
    char query[96];
    const struct order order = {.method = "GET", .target = target, .repeatable = true};

    if (gtid == NULL || journal == NULL || !troth_journal_id_valid(journal, strlen(journal))) {
        return TROTH_ERROR_INVALID;
    }
    (void)snprintf(query, sizeof query, "/decision?branch=%u&attempt=%u&journal=%s", branch,
                   attempt, journal);
    target_of(target, gtid, query);
    return send_order(client, &order, answered, arg);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int ask_now(struct client_call *call)
{
    char target[TARGET_BYTES];
    const struct order order = {.method = "GET", .target = target, .repeatable = true};

    target_of(target, &call->gtid, "");
    return place(call, &order);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client_call *call = arg;

    (void)fd;
    (void)what;
    if (ask_now(call) != 0) { /* no connection is free: later */
        wait_again(call);
    }
}

static void wait_again(struct client_call *call)
{
    const struct troth_answer over = {.error = TROTH_ERROR_TIMEOUT};
    const uint64_t pause_us = call->pause_us < call->left_us ? call->pause_us : call->left_us;
    const struct timeval after = {.tv_sec = (time_t)(pause_us / US_PER_S),
                                  .tv_usec = (suseconds_t)(pause_us % US_PER_S)};

    if (pause_us == 0) {
        tell(call, &over);
        return;
    }
    call->left_us -= pause_us;
    call->pause_us = call->pause_us * 2 > WAIT_MOST_US ? WAIT_MOST_US : call->pause_us * 2;
    if (event_add(call->timer, &after) != 0) {
        tell(call, &over);
    }
}

int troth_client_wait(struct troth_client *client, const troth_gtid *gtid, uint64_t timeout_us,
                      troth_answered answered, void *arg)
{
    struct client_call *call;
    int error;

    if (gtid == NULL) {
        return TROTH_ERROR_INVALID;
    }
    error = call_create(client, answered, arg, &call);
    if (error != 0) {
        return error;
    }
    call->waiting = true;
    call->gtid = *gtid;
    call->left_us = timeout_us;
    call->pause_us = WAIT_FIRST_US;
    call->timer = event_new(client->base, -1, 0, on_timer, call);
    error = call->timer == NULL ? TROTH_ERROR_NO_MEMORY : ask_now(call);
    if (error != 0) {
        call_destroy(call);
    }
    return error;
}

int troth_client_block(struct troth_client *client)
{
    if (client == NULL || !client->owns_base) {
        return TROTH_ERROR_INVALID;
    }
    while (client->calls != NULL) {
        if (event_base_loop(client->base, EVLOOP_ONCE) != 0) {
            return TROTH_ERROR_SYSTEM;
        }
    }
    return 0;
}
