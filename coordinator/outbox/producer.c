/* producer.c: librdkafka in the event loop.
 *
 * Its main queue (delivery reports, errors, statistics) writes a byte to a pipe when something is
 * in it, and is emptied on each wake-up. A pipe, not an eventfd: librdkafka writes the payload it
 * was given, and an eventfd takes eight bytes or nothing. A wake-up can be lost when an event
 * arrives while the queue is being emptied, so the host also serves it from its slow timer. */
#include <assert.h>
#include <base/crash.h>
#include <base/json.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outbox_private.h"

#define WHY_MAX          512
#define PURGE_WAIT_MS    100
#define PURGE_ROUNDS_MAX 100 /* purged rows come back at once; this is 10 s of patience */

struct producer {
    struct producer_callbacks callbacks;
    rd_kafka_t *kafka;
    rd_kafka_queue_t *queue;
    struct event *wake;
    int pipe[2];
    uint32_t in_flight;
    char why[WHY_MAX]; /* the last trouble that librdkafka told */
};

static const char *const settings[] = {
    "client.id",
    "trothd",
    /* Order and no duplicates over retries; implies acks=all, set for the reader. */
    "enable.idempotence",
    "true",
    "acks",
    "all",
    /* The partition that a Java producer would choose for the key. */
    "partitioner",
    "murmur2_random",
    /* Never given up: a message that timed out would leave a gap. The window is bounded instead. */
    "message.timeout.ms",
    "0",
    "compression.type",
    "lz4",
    "linger.ms",
    "1",
    "reconnect.backoff.max.ms",
    "2000",
    "statistics.interval.ms",
    "1000", /* how soon a broker that came back is noticed while nothing is sent */
    NULL,
};

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct buffer *why)
{
    char text[WHY_MAX];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    if (why != NULL)
        buffer_append_format(why, "Kafka producer: %s: %s", name, text);
    return TROTH_ERROR_CONFIG;
}

static int conf_set_all(rd_kafka_conf_t *conf, const char *const *pairs, struct buffer *why)
{
    int error = 0;
    for (; error == 0 && pairs != NULL && pairs[0] != NULL; pairs += 2)
        error = conf_set(conf, pairs[0], pairs[1], why);
    return error;
}

/* --- what librdkafka tells, all from producer_serve ------------------------------------------- */

/* What Kafka answers to a row that it will never take. Everything else may pass: a topic that is
 * not there yet, a broker that is. */
static bool is_refusal(rd_kafka_resp_err_t error)
{
    static const rd_kafka_resp_err_t refusals[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR__INVALID_ARG,
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (error == refusals[i])
            return true;
    return false;
}

static enum delivery delivery_of(const rd_kafka_message_t *message)
{
    /* An error can come for a message that is there: a lost answer, found out afterwards. */
    if (rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_PERSISTED)
        return DELIVERY_CONFIRMED;
    if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        message->err == RD_KAFKA_RESP_ERR__FATAL || message->err == RD_KAFKA_RESP_ERR__DESTROY)
        return DELIVERY_RETURNED;
    return is_refusal(message->err) ? DELIVERY_REFUSED : DELIVERY_AGAIN;
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *arg)
{
    struct producer *producer = arg;
    (void)kafka;
    assert(producer->in_flight > 0);
    producer->in_flight--;
    CRASH_POINT("kafka.acknowledged");
    producer->callbacks.delivered(producer->callbacks.arg, message->_private, delivery_of(message),
                                  rd_kafka_err2str(message->err));
    CRASH_POINT("kafka.noted");
}

static void on_error(rd_kafka_t *kafka, int error, const char *reason, void *arg)
{
    struct producer *producer = arg;
    (void)kafka;
    /* That all brokers are down is a count: what one of them met, said just before, is the cause.
     */
    bool all_down = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    if (!all_down || producer->why[0] == '\0')
        (void)snprintf(producer->why, sizeof(producer->why), "%s", reason);
    if (all_down)
        producer->callbacks.reachable(producer->callbacks.arg, false, producer->why);
}

/* Statistics name each broker's state: the only sign of one that came back while nothing is sent.
 */
static int on_statistics(rd_kafka_t *kafka, char *json, size_t json_len, void *arg)
{
    struct producer *producer = arg;
    struct troth_span text = {json, json_len}, root, brokers, key, broker, state;
    (void)kafka;
    if (json_check(text, JSON_CHECK_KEPT, &root, NULL) != 0 ||
        !json_member(root, "brokers", &brokers) || json_type(brokers) != JSON_OBJECT)
        return 0; /* 0: librdkafka frees the text */
    bool up = false;
    struct json_cursor cursor = json_cursor(brokers);
    while (!up && json_next(&cursor, &key, &broker)) {
        up = json_member(broker, "state", &state) &&
             (json_string_equals(state, (struct troth_span){"UP", 2}) ||
              json_string_equals(state, (struct troth_span){"UPDATE", 6}));
    }
    producer->callbacks.reachable(producer->callbacks.arg, up,
                                  up                 ? ""
                                  : producer->why[0] ? producer->why
                                                     : "not connected");
    return 0;
}

/* Its diagnostics would go to standard error from threads of its own; what counts comes to
 * on_error. */
static void on_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    (void)kafka, (void)level, (void)facility, (void)text;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    char bytes[256];
    (void)what;
    while (read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes)) {
    }
    producer_serve(arg, 0);
}

/* --- life ------------------------------------------------------------------------------------- */

static int make_conf(struct producer *producer, const struct outbox_config *config,
                     struct buffer *why, rd_kafka_conf_t **ret_conf)
{
    char window[16], bytes[24];
    (void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)config->event_bytes_max);
    (void)snprintf(window, sizeof(window), "%u", OUTBOX_WINDOW_MAX);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int error = conf_set_all(conf, settings, why);
    error = error != 0 ? error : conf_set(conf, "queue.buffering.max.messages", window, why);
    if (error == 0 && config->event_bytes_max != 0)
        error = conf_set(conf, "message.max.bytes", bytes, why);
    error = error != 0 ? error : conf_set(conf, "bootstrap.servers", config->brokers, why);
    error = error != 0 ? error : conf_set_all(conf, config->properties, why);
    if (error != 0) {
        rd_kafka_conf_destroy(conf);
        return error;
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    rd_kafka_conf_set_log_cb(conf, on_log);
    *ret_conf = conf;
    return 0;
}

/* Its threads must not take the loop's signals: they inherit what is blocked here. */
static int make_kafka(struct producer *producer, rd_kafka_conf_t *conf, struct buffer *why)
{
    char text[WHY_MAX] = "";
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    producer->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (producer->kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        if (why != NULL)
            buffer_append_format(why, "Kafka producer: %s", text);
        return TROTH_ERROR_CONFIG;
    }
    producer->queue = rd_kafka_queue_get_main(producer->kafka);
    rd_kafka_queue_io_event_enable(producer->queue, producer->pipe[1], "1", 1);
    return 0;
}

static int make_wake(struct producer *producer, struct event_base *base)
{
    if (pipe2(producer->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        return TROTH_ERROR_SYSTEM;
    producer->wake = event_new(base, producer->pipe[0], EV_READ | EV_PERSIST, on_wake, producer);
    if (producer->wake == NULL || event_add(producer->wake, NULL) != 0)
        return TROTH_ERROR_NO_MEMORY;
    return 0;
}

int producer_create(struct event_base *base, const struct outbox_config *config,
                    const struct producer_callbacks *callbacks, struct buffer *why,
                    struct producer **ret_producer)
{
    struct producer *producer = calloc(1, sizeof(*producer));
    if (producer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    producer->callbacks = *callbacks;
    producer->pipe[0] = producer->pipe[1] = -1;
    rd_kafka_conf_t *conf = NULL;
    int error = make_wake(producer, base);
    error = error != 0 ? error : make_conf(producer, config, why, &conf);
    error = error != 0 ? error : make_kafka(producer, conf, why);
    if (error != 0) {
        producer_destroy(producer);
        return error;
    }
    *ret_producer = producer;
    return 0;
}

static void give_back_all(struct producer *producer)
{
    (void)rd_kafka_purge(producer->kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int round = 0; producer->in_flight > 0; round++) {
        assert(round < PURGE_ROUNDS_MAX);
        producer_serve(producer, PURGE_WAIT_MS);
    }
}

void producer_destroy(struct producer *producer)
{
    if (producer == NULL)
        return;
    if (producer->kafka != NULL) {
        give_back_all(producer);
        rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(producer->queue);
        rd_kafka_destroy(producer->kafka);
    }
    if (producer->wake != NULL)
        event_free(producer->wake);
    for (int i = 0; i < 2; i++)
        if (producer->pipe[i] >= 0)
            (void)close(producer->pipe[i]);
    free(producer);
}

void producer_serve(struct producer *producer, int wait_ms)
{
    while (rd_kafka_poll(producer->kafka, wait_ms) > 0)
        wait_ms = 0;
}

bool producer_dead(const struct producer *producer)
{
    return rd_kafka_fatal_error(producer->kafka, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void producer_kill(struct producer *producer)
{
    (void)rd_kafka_test_fatal_error(producer->kafka, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                    "asked for by a test");
}

/* --- sending ---------------------------------------------------------------------------------- */

/* From the row's JSON object of strings. NULL: it is not one, or no memory. */
static rd_kafka_headers_t *make_headers(const struct row *row)
{
    struct troth_span object, key, value;
    if (json_check(row->headers, JSON_CHECK_KEPT, &object, NULL) != 0 ||
        json_type(object) != JSON_OBJECT)
        return NULL;
    BUFFER_SCOPED struct buffer name = {0};
    BUFFER_SCOPED struct buffer text = {0};
    rd_kafka_headers_t *headers = rd_kafka_headers_new(12);
    struct json_cursor cursor = json_cursor(object);
    bool good = true;
    while (good && json_next(&cursor, &key, &value)) {
        buffer_clear(&name);
        buffer_clear(&text);
        good = json_string(key, &name) == 0 && json_string(value, &text) == 0 && !name.failed &&
               !text.failed &&
               rd_kafka_header_add(headers, name.data != NULL ? name.data : "", (ssize_t)name.len,
                                   text.data != NULL ? text.data : "",
                                   (ssize_t)text.len) == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (!good) {
        rd_kafka_headers_destroy(headers);
        return NULL;
    }
    return headers;
}

/* Takes the headers if it succeeds. The payload is not copied: the row stays where it is until its
 * delivery report. */
static rd_kafka_resp_err_t produce(struct producer *producer, struct row *row,
                                   rd_kafka_headers_t *headers)
{
    void *key = (void *)(uintptr_t)row->key.data; /* copied by librdkafka */
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = row->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, row->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {row->payload, row->payload_len}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = row},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
    };
    CRASH_POINT("kafka.send");
    rd_kafka_error_t *error =
        rd_kafka_produceva(producer->kafka, parts, sizeof(parts) / sizeof(parts[0]));
    CRASH_POINT("kafka.sent");
    rd_kafka_resp_err_t code =
        error != NULL ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    return code;
}

int producer_send(struct producer *producer, struct row *row, const char **ret_why)
{
    if (row->payload_len == 0) {
        *ret_why = "the payload is empty";
        return TROTH_ERROR_REFUSED;
    }
    rd_kafka_headers_t *headers = make_headers(row);
    if (headers == NULL) {
        *ret_why = "the headers are not a JSON object of strings";
        return TROTH_ERROR_REFUSED;
    }
    rd_kafka_resp_err_t error = produce(producer, row, headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        producer->in_flight++;
        return 0;
    }
    rd_kafka_headers_destroy(headers);
    if (is_refusal(error)) {
        *ret_why = rd_kafka_err2str(error);
        return TROTH_ERROR_REFUSED;
    }
    return TROTH_ERROR_FULL;
}
