/* client.c: the coordinator's API over the event loop. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <base/now.h>
#include <http/client.h>
#include <http/tls.h>
#include <troth/client.h>

#include "addresses.h"
#include "api_key.h"
#include "orders.h"
#include "sized.h"
#include "tls_files.h"

#define CONNECTIONS_DEFAULT 16u
#define TIMEOUT_DEFAULT_US  UINT64_C(30000000)
#define CONNECT_TIMEOUT_US  UINT64_C(5000000)
#define ANSWER_BYTES_MAX    (64u << 20) /* a transaction with all its outputs */
#define WAIT_FIRST_US       50000u
#define WAIT_MOST_US        1000000u
#define PROBLEM_FULL        "https://troth.dev/problems/full"

struct client_call {
    struct client_call *next, *prev;
    struct troth_client *client;
    troth_answered answered;
    void *arg;
    /* The way to another address, where there are several. */
    struct order *order; /* a copy; NULL: there is one address */
    uint32_t at;         /* is asked now */
    uint32_t asked;      /* how many were */
    uint64_t ends_us;    /* of all of them together, on the monotonic clock */
    int doubt;           /* an earlier one may have taken it: its error; 0: none has */
    /* troth_client_wait() only */
    bool waiting;
    troth_gtid gtid;
    uint64_t until_us; /* of the monotonic clock */
    uint64_t pause_us;
    struct event *timer;
};

struct troth_client {
    struct event_base *base;
    bool owns_base;
    struct http_loop *loop;
    struct addresses addresses;
    struct tls_files *tls_files; /* NULL: none */
    struct http_tls *tls;
    char *api_key_file;                  /* NULL: none */
    char bearer[API_KEY_BEARER_MAX + 1]; /* "": none */
    troth_diagnostic diagnostic;
    void *diagnostic_arg;
    uint64_t timeout_us;
    struct client_call *calls;
    bool destroying;
    bool blocking; /* troth_client_block() is on the stack, and frees it */
};

/* --- making ----------------------------------------------------------------------------------- */

static int connect_peers(struct troth_client *made, const struct troth_client_config *config)
{
    struct http_peer_config peer = {
        .connections_max =
            config->connections_max == 0 ? CONNECTIONS_DEFAULT : config->connections_max,
        .connect_timeout_us = CONNECT_TIMEOUT_US,
        .limits = HTTP_LIMITS_DEFAULT,
    };
    int error = http_loop_create(made->base, &made->loop);
    if (error != 0)
        return error;
    http_loop_autoflush(made->loop);
    peer.limits.body_bytes_max = ANSWER_BYTES_MAX;
    error = http_loop_name_servers(made->loop, config->resolver);
    if (error == 0)
        error = tls_files_take(config->tls, config->diagnostic, config->diagnostic_arg,
                               &made->tls_files);
    if (error == 0 && (config->tls != NULL || addresses_need_tls(config->url)))
        error = tls_files_open(made->tls_files, made->base, false, &made->tls);
    peer.tls = made->tls;
    return error != 0 ? error : addresses_open(made->loop, config->url, &peer, &made->addresses);
}

static int take_api_key(struct troth_client *made, const struct troth_client_config *config)
{
    made->diagnostic = config->diagnostic;
    made->diagnostic_arg = config->diagnostic_arg;
    if (config->api_key_file == NULL)
        return 0;
    made->api_key_file = strdup(config->api_key_file);
    if (made->api_key_file == NULL)
        return TROTH_ERROR_NO_MEMORY;
    bool is_read =
        api_key_read(made->api_key_file, made->diagnostic, made->diagnostic_arg, made->bearer);
    return is_read ? 0 : TROTH_ERROR_CONFIG;
}

int troth_client_create(struct event_base *base, const struct troth_client_config *config,
                        struct troth_client **ret_client)
{
    struct troth_client_config taken;
    struct troth_client *made;
    int error = SIZED_TAKE(&taken, config, struct troth_client_config, url);
    if (error != 0 || taken.url == NULL || ret_client == NULL)
        return TROTH_ERROR_INVALID;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->timeout_us = taken.timeout_us == 0 ? TIMEOUT_DEFAULT_US : taken.timeout_us;
    made->base = base;
    if (base == NULL) {
        made->base = event_base_new();
        made->owns_base = true;
        error = made->base == NULL ? TROTH_ERROR_SYSTEM : 0;
    }
    if (error == 0)
        error = take_api_key(made, &taken);
    if (error == 0)
        error = connect_peers(made, &taken);
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
    if (call->prev == NULL)
        call->client->calls = call->next;
    else
        call->prev->next = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    if (call->timer != NULL)
        event_free(call->timer);
    free(call->order);
    free(call);
}

static void tell(struct client_call *call, const struct troth_answer *answer)
{
    const troth_answered answered = call->answered;
    void *const arg = call->arg;
    call_destroy(call);
    answered(arg, answer);
}

/* Its loop is not dispatched any more. */
static void client_free(struct troth_client *client)
{
    if (client->owns_base && client->base != NULL)
        event_base_free(client->base);
    free(client->api_key_file);
    free(client);
}

void troth_client_destroy(struct troth_client *client)
{
    const struct troth_answer ended = {.error = TROTH_ERROR_SHUTTING_DOWN};
    if (client == NULL || client->destroying)
        return;
    client->destroying = true;
    addresses_close(&client->addresses); /* ends what is under way */
    while (client->calls != NULL)        /* what waits for its timer */
        tell(client->calls, &ended);
    http_tls_destroy(client->tls);
    tls_files_destroy(client->tls_files);
    http_loop_destroy(client->loop);
    if (!client->blocking)
        client_free(client);
}

static int error_of(int status)
{
    if (status >= 200 && status < 300)
        return 0;
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
    for (i = TROTH_OUTCOME_COMMITTED; i <= TROTH_OUTCOME_MIXED; i++)
        if (json_string_equals(text, (struct troth_span){names[i], strlen(names[i])}))
            return (enum troth_outcome)i;
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
    if (json_check(answer->body, JSON_CHECK_KEPT, &object, NULL) != 0 ||
        json_type(object) != JSON_OBJECT) {
        answer->error = answer->error == 0 ? TROTH_ERROR_PROTOCOL : answer->error;
        return;
    }
    if (json_member(object, "gtid", &value) && json_string_copy(value, gtid, sizeof gtid) == 0 &&
        troth_gtid_parse(gtid, strlen(gtid), &answer->gtid) == 0)
        answer->has_gtid = true;
    if (json_member(object, "outcome", &value) && json_type(value) == JSON_STRING)
        answer->outcome = outcome_of(value);
    if (json_member(object, "decision", &value) &&
        (json_type(value) != JSON_STRING || !decision_of(value, &answer->decision)))
        answer->error = answer->error == 0 ? TROTH_ERROR_PROTOCOL : answer->error;
}

static void wait_again(struct client_call *call);
static bool ask_another(struct client_call *call, const struct troth_answer *answer);

static uint64_t call_left_us(const struct client_call *call)
{
    const uint64_t now_us = mono_now().us;
    return call->until_us > now_us ? call->until_us - now_us : 0;
}

/* It may have been rotated: the next call shows what the file has now. */
static void read_key_again(struct troth_client *client)
{
    if (client->api_key_file != NULL)
        (void)api_key_read(client->api_key_file, client->diagnostic, client->diagnostic_arg,
                           client->bearer);
}

static bool is_open(const struct client_call *call, int error, const struct troth_answer *answer)
{
    return call->waiting && error != TROTH_ERROR_SHUTTING_DOWN && call_left_us(call) > 0 &&
           answer->outcome == TROTH_OUTCOME_OPEN &&
           (answer->error == 0 || troth_error_class(answer->error) != TROTH_CLASS_REFUSED);
}

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    struct client_call *call = arg;
    struct troth_answer answer = {.error = error};
    if (error == 0) {
        answer.status = reply->status;
        if (reply->status == 401)
            read_key_again(call->client);
        answer.body = reply->body;
        answer.error = error_of(reply->status);
        if (reply->body.len > 0)
            read_body(&answer);
    }
    if (error != TROTH_ERROR_SHUTTING_DOWN && ask_another(call, &answer))
        return;
    if (is_open(call, error, &answer)) {
        wait_again(call);
        return;
    }
    if (call->waiting && answer.error == 0 && answer.outcome == TROTH_OUTCOME_OPEN)
        answer.error = TROTH_ERROR_TIMEOUT;
    if (answer.error != 0 && call->doubt != 0)
        answer.error = call->doubt;
    tell(call, &answer);
}

/* --- calls ------------------------------------------------------------------------------------ */

static uint64_t left_until_us(uint64_t until_us)
{
    const uint64_t now_us = mono_now().us;
    return until_us > now_us ? until_us - now_us : 0;
}

/* Who waits gives a coordinator that does not answer no longer than it has itself; the last
 * question gets a moment. */
static uint64_t call_timeout_us(const struct client_call *call, const struct order *order)
{
    const uint64_t usual_us = call->client->timeout_us + order->more_us;
    uint64_t left;
    if (!call->waiting)
        return usual_us;
    left = call_left_us(call) > WAIT_FIRST_US ? call_left_us(call) : WAIT_FIRST_US;
    return left < usual_us ? left : usual_us;
}

/* What only asks gives each address its part of the time, so that one that is silent is passed
 * over; what waits for an outcome has all that is left. */
static uint64_t try_timeout_us(const struct client_call *call, const struct order *order)
{
    const uint64_t left_us = left_until_us(call->ends_us);
    const uint32_t others = call->client->addresses.count - call->asked;
    return strcmp(order->method, "GET") == 0 ? left_us / (others + 1) + 1 : left_us;
}

/* To the address that is its turn. */
static int send_once(struct client_call *call, const struct order *order)
{
    struct http_header headers[ORDER_HEADERS_MAX + 2] = {{NULL, NULL}};
    size_t count = 0;
    for (; order->headers != NULL && order->headers[count].name != NULL; count++)
        headers[count] = order->headers[count];
    if (call->client->bearer[0] != '\0')
        headers[count] = (struct http_header){"Authorization", call->client->bearer};
    call->asked++;
    const struct http_request request = {
        .method = order->method,
        .target = order->target,
        .headers = headers,
        .type = order->body.data == NULL ? NULL : "application/json",
        .body = order->body,
        .timeout_us = try_timeout_us(call, order),
        .on_done = on_done,
        .arg = call,
    };
    struct http_call *http;
    int error = http_peer_call(call->client->addresses.peers[call->at], &request, &http);
    if (error == 0)
        http_loop_flush(call->client->loop);
    return error;
}

static int place(struct client_call *call, const struct order *order)
{
    struct addresses *addresses = &call->client->addresses;
    int error;
    call->at = addresses->first;
    call->asked = 0;
    call->ends_us = mono_now().us + call_timeout_us(call, order);
    if (addresses->count > 1 && call->order == NULL && (call->order = order_keep(order)) == NULL)
        return TROTH_ERROR_NO_MEMORY;
    error = send_once(call, order);
    while (error == TROTH_ERROR_UNAVAILABLE && call->asked < addresses->count) {
        addresses_failed(addresses, call->at);
        call->at = (call->at + 1) % addresses->count;
        error = send_once(call, order);
    }
    return error;
}

/* A coordinator that says it is full has room for nobody; another one would only be in the way of
 * its own. Any other 503 says that nothing was done there. */
static bool was_done_nowhere(const struct troth_answer *answer)
{
    struct troth_span object, type;
    if (answer->error == TROTH_ERROR_UNAVAILABLE)
        return true;
    if (answer->status != 503)
        return false;
    return json_check(answer->body, JSON_CHECK_KEPT, &object, NULL) != 0 ||
           json_type(object) != JSON_OBJECT || !json_member(object, "type", &type) ||
           !json_string_equals(type, (struct troth_span){PROBLEM_FULL, sizeof PROBLEM_FULL - 1});
}

/* The next address, where that does no harm and there is time: true, and it was sent there. What
 * may have been taken already is sent again only where it may come twice. */
static bool ask_another(struct client_call *call, const struct troth_answer *answer)
{
    struct addresses *addresses = &call->client->addresses;
    const bool is_unknown = troth_error_class(answer->error) == TROTH_CLASS_UNKNOWN ||
                            answer->error == TROTH_ERROR_PROTOCOL; /* perhaps no coordinator's */
    const bool is_nothing = was_done_nowhere(answer);
    if (call->order == NULL || (!is_nothing && !is_unknown))
        return false;
    addresses_failed(addresses, call->at);
    if (is_unknown && !call->order->may_come_twice)
        return false;
    if (is_unknown && strcmp(call->order->method, "GET") != 0)
        call->doubt = answer->error;
    while (call->asked < addresses->count && left_until_us(call->ends_us) > 0) {
        call->at = (call->at + 1) % addresses->count;
        if (send_once(call, call->order) == 0)
            return true;
    }
    return false;
}

static int call_create(struct troth_client *client, troth_answered answered, void *arg,
                       struct client_call **ret_call)
{
    struct client_call *call;
    if (client == NULL || answered == NULL)
        return TROTH_ERROR_INVALID;
    if (client->destroying)
        return TROTH_ERROR_SHUTTING_DOWN;
    call = calloc(1, sizeof *call);
    if (call == NULL)
        return TROTH_ERROR_NO_MEMORY;
    call->client = client;
    call->answered = answered;
    call->arg = arg;
    call->next = client->calls;
    if (call->next != NULL)
        call->next->prev = call;
    client->calls = call;
    *ret_call = call;
    return 0;
}

int client_send(struct troth_client *client, const struct order *order, troth_answered answered,
                void *arg)
{
    struct client_call *call;
    int error = call_create(client, answered, arg, &call);
    if (error != 0)
        return error;
    error = place(call, order);
    if (error != 0)
        call_destroy(call);
    return error;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int ask_now(struct client_call *call)
{
    char target[ORDER_TARGET_BYTES];
    const struct order order = {.method = "GET", .target = target, .may_come_twice = true};
    order_target(target, &call->gtid, "");
    return place(call, &order);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client_call *call = arg;
    (void)fd;
    (void)what;
    if (ask_now(call) != 0) /* no connection is free: later */
        wait_again(call);
}

static void wait_again(struct client_call *call)
{
    const struct troth_answer over = {.error = TROTH_ERROR_TIMEOUT};
    const uint64_t left = call_left_us(call);
    const uint64_t pause_us = call->pause_us < left ? call->pause_us : left;
    const struct timeval after = timeval_of(pause_us);
    if (pause_us == 0) {
        tell(call, &over);
        return;
    }
    call->pause_us = call->pause_us * 2 > WAIT_MOST_US ? WAIT_MOST_US : call->pause_us * 2;
    if (event_add(call->timer, &after) != 0)
        tell(call, &over);
}

int troth_client_wait(struct troth_client *client, const troth_gtid *gtid, uint64_t timeout_us,
                      troth_answered answered, void *arg)
{
    struct client_call *call;
    int error;
    if (gtid == NULL)
        return TROTH_ERROR_INVALID;
    error = call_create(client, answered, arg, &call);
    if (error != 0)
        return error;
    call->waiting = true;
    call->gtid = *gtid;
    call->until_us = mono_now().us + timeout_us;
    if (call->until_us < timeout_us)
        call->until_us = UINT64_MAX;
    call->pause_us = WAIT_FIRST_US;
    call->timer = event_new(client->base, -1, 0, on_timer, call);
    error = call->timer == NULL ? TROTH_ERROR_NO_MEMORY : ask_now(call);
    if (error != 0)
        call_destroy(call);
    return error;
}

int troth_client_block(struct troth_client *client)
{
    int error = 0;
    if (client == NULL || !client->owns_base || client->blocking)
        return TROTH_ERROR_INVALID;
    client->blocking = true;
    while (error == 0 && client->calls != NULL)
        if (event_base_loop(client->base, EVLOOP_ONCE) != 0)
            error = TROTH_ERROR_SYSTEM;
    client->blocking = false;
    if (client->destroying) {
        client_free(client);
        return TROTH_ERROR_SHUTTING_DOWN;
    }
    return error;
}
