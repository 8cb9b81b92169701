/* outbox_send: an outbox that a test drives, a line at a time.
 *
 *   outbox_send BROKERS [NAME VALUE]…     properties of librdkafka
 *
 * Takes on standard input                 says on standard output
 *   send COUNTER OUTCOME TOPIC KEY BYTES    row ID
 *     (TOPIC and KEY "-": the defaults; BYTES of padding in the labels)
 *   retry                                   confirmed ID
 *     (all that are set aside)              set_aside ID WHY
 *   fatal
 *   stats                                   state up|down WHY
 *   (the end: ends)                         stats WAITING CONFIRMED SET_ASIDE */
#include <event2/event.h>
#include <outbox/fault.h>
#include <outbox/outbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 4096
#define FLUSH_US       5000000u

static struct event_base *base;
static struct outbox *outbox;
static uint64_t seq;

/* The journal's table: rows stay until they are confirmed. Texts are never freed. */
static struct kept {
    struct kept *next;
    struct record_outbox_row row;
    bool confirmed;
} * kept_first, **kept_last = &kept_first;

static struct troth_span copy(struct troth_span span)
{
    char *data = malloc(span.len + 1);
    if (data == NULL)
        exit(1);
    memcpy(data, span.data, span.len);
    return (struct troth_span){data, span.len};
}

static void keep(const struct record_outbox_row *row)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (kept == NULL)
        exit(1);
    kept->row = *row;
    kept->row.topic = copy(row->topic);
    kept->row.key = copy(row->key);
    kept->row.type = copy(row->type);
    kept->row.payload = copy(row->payload);
    kept->row.headers = copy(row->headers);
    *kept_last = kept;
    kept_last = &kept->next;
}

/* As the daemon does it, while the outbox wants it. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    if (!outbox_wants(outbox))
        return;
    for (struct kept *kept = kept_first; kept != NULL; kept = kept->next)
        if (!kept->confirmed)
            outbox_load(outbox, &kept->row);
    outbox_loaded(outbox);
}

static void resend(void *arg, const struct outbox_aside *aside)
{
    uint8_t(*ids)[RECORD_OUTBOX_ID_BYTES] = arg;
    memcpy(ids, aside->id, sizeof *ids); /* the tests have one at a time */
}

static void say_id(const char *what, const uint8_t id[RECORD_OUTBOX_ID_BYTES], const char *more)
{
    (void)printf("%s ", what);
    for (int i = 0; i < RECORD_OUTBOX_ID_BYTES; i++)
        (void)printf(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    (void)printf("%s%s\n", more[0] != '\0' ? " " : "", more);
}

static void on_confirmed(void *arg, const troth_gtid *gtid, const uint8_t *id)
{
    (void)arg, (void)gtid;
    for (struct kept *kept = kept_first; kept != NULL; kept = kept->next)
        kept->confirmed = kept->confirmed || memcmp(kept->row.id, id, RECORD_OUTBOX_ID_BYTES) == 0;
    say_id("confirmed", id, "");
}

static void on_set_aside(void *arg, const troth_gtid *gtid, const uint8_t *id, const char *why)
{
    (void)arg, (void)gtid;
    say_id("set_aside", id, why);
}

static void on_state(void *arg, bool reachable, const char *why)
{
    (void)arg;
    (void)printf("state %s %s\n", reachable ? "up" : "down", why);
}

static struct troth_span span(const char *text)
{
    return (struct troth_span){.data = text, .len = strlen(text)};
}

static struct troth_span or_absent(const char *text)
{
    return strcmp(text, "-") == 0 ? (struct troth_span){.data = NULL} : span(text);
}

static void check(int error, const char *what)
{
    if (error != 0) {
        (void)fprintf(stderr, "outbox_send: %s: %s\n", what, troth_error_text(error));
        exit(1);
    }
}

static void send_row(uint64_t counter, const char *outcome, const char *topic, const char *key,
                     size_t bytes)
{
    BUFFER_SCOPED struct buffer labels = {0};
    BUFFER_SCOPED struct buffer texts = {0};
    buffer_append_text(&labels, "{\"padding\":\"");
    uint64_t noise = counter; /* so that compression makes nothing of it */
    for (size_t i = 0; i < bytes; i++) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        buffer_append_char(&labels, (char)('a' + (int)((noise >> 33) % 26u)));
    }
    buffer_append_text(&labels, "\"}");
    struct txn_origin origin = {.mode = TXN_MODE_2PC,
                                .definition = span("transfer"),
                                .definition_version = 1,
                                .labels = buffer_span(&labels),
                                .traceparent =
                                    span("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                                .began_at = {UINT64_C(1795246489112000)}};
    struct txn_record record = {
        .kind = TXN_RECORD_DECISION,
        .origin = &origin,
        .epoch = 1,
        .attempt = 1,
        .members = span("[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\","
                        "\"operation\":\"debit\",\"amount\":9007199254740993}]"),
        .at = {UINT64_C(1795246489200001)}};
    check(troth_gtid_make(&(struct troth_gtid_parts){1795246489112u, 3, 1, counter}, &origin.gtid),
          "gtid");
    check(txn_outcome_parse(span(outcome), &record.outcome), "outcome");
    struct outbox_facts facts = {
        .record = &record, .topic = or_absent(topic), .key = or_absent(key)};
    struct record_outbox_row row;
    check(outbox_row_make(outbox, &facts, ++seq, &texts, &row), "row");
    say_id("row", row.id, "");
    keep(&row);
    outbox_send(outbox, &row);
}

static void obey(const char *line)
{
    unsigned long long counter;
    size_t bytes;
    char outcome[32], topic[256], key[256];
    if (sscanf(line, "send %llu %31s %255s %255s %zu", &counter, outcome, topic, key, &bytes) ==
        5) {
        send_row(counter, outcome, topic, key, bytes);
    } else if (strcmp(line, "retry\n") == 0) {
        uint8_t id[RECORD_OUTBOX_ID_BYTES] = {0};
        outbox_asides(outbox, resend, &id);
        check(outbox_resend(outbox, id), "retry");
    } else if (strcmp(line, "fatal\n") == 0) {
        outbox_fault_fatal(outbox);
    } else if (strcmp(line, "stats\n") == 0) {
        struct outbox_stats stats;
        outbox_stats(outbox, &stats);
        (void)printf("stats %llu %llu %llu\n", (unsigned long long)stats.waiting,
                     (unsigned long long)stats.confirmed, (unsigned long long)stats.set_aside);
    } else {
        (void)fprintf(stderr, "outbox_send: not understood: %s", line);
        exit(2);
    }
}

/* The test writes whole lines and waits for answers, so reading a line holds nothing up. */
static void on_input(evutil_socket_t fd, short what, void *arg)
{
    char line[LINE_BYTES_MAX];
    (void)fd, (void)what, (void)arg;
    if (fgets(line, sizeof(line), stdin) == NULL)
        (void)event_base_loopbreak(base);
    else
        obey(line);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc % 2 != 0) {
        (void)fprintf(stderr, "usage: outbox_send BROKERS [NAME VALUE]...\n");
        return 2;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* or lines would hide from the loop */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    base = event_base_new();
    if (base == NULL)
        return 1;
    struct outbox_config config = {.brokers = argv[1],
                                   .source = "/troth/0123456789abcdef",
                                   .topic_default = "outcomes",
                                   .properties = (const char *const *)(argv + 2),
                                   .confirmed = on_confirmed,
                                   .set_aside = on_set_aside,
                                   .state = on_state};
    BUFFER_SCOPED struct buffer why = {0};
    if (outbox_create(base, &config, &why, &outbox) != 0) {
        (void)fprintf(stderr, "outbox_send: %s\n", buffer_text(&why));
        return 1;
    }
    struct event *input = event_new(base, 0, EV_READ | EV_PERSIST, on_input, NULL);
    static const struct timeval often = {.tv_usec = 5000};
    struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    if (input == NULL || event_add(input, NULL) != 0 || tick == NULL ||
        event_add(tick, &often) != 0)
        return 1;
    (void)event_base_dispatch(base);
    outbox_destroy(outbox, FLUSH_US);
    event_free(input);
    event_free(tick);
    event_base_free(base);
    return 0;
}
