/* outbox_private.h: what the files of this folder share.
 *
 *   row.c       builds a row (CloudEvents, the id)            pure
 *   lane.c      rows by topic and key, and where each key stands
 *   producer.c  librdkafka: its configuration, its queue in the loop, headers
 *   outbox.c    what is sent when, and what a delivery report means
 *
 * A lane holds the rows of one topic and key in order. Only its first row is ever with librdkafka:
 * so a row that is refused stops those behind it and nobody else, and a new producer can not
 * reorder a key. */
#ifndef OUTBOX_PRIVATE_H
#define OUTBOX_PRIVATE_H

#include <sys/queue.h>

#include <outbox/outbox.h>

struct event;
struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_queue_s;

struct row {
    TAILQ_ENTRY(row) link;
    TAILQ_ENTRY(row) age;
    uint64_t made_at_us; /* wall clock; as the event says it */
    struct lane *lane;
    troth_gtid gtid;
    uint8_t id[RECORD_OUTBOX_ID_BYTES];
    char *topic; /* zero-terminated; the texts stand behind the struct */
    struct troth_span key;
    struct troth_span headers;
    char *payload;
    size_t payload_len;
};

/*   READY ──> SENT ──confirmed──> READY with the next row, or gone
 *     ^        │├── refused with others in its batch ──> ALONE ──> SENT
 *     │        │├── trouble that may pass ──> LATER ──tick──> READY
 *     │        │└── refused ──> SET_ASIDE (from READY and ALONE too: refused before it was sent)
 *     └────────┴─ new producer      SET_ASIDE ──outbox_retry──> READY */
enum lane_state {
    LANE_READY,     /* its first row may go */
    LANE_ALONE,     /* its first row goes when nothing else is in flight: is it really this one? */
    LANE_SENT,      /* its first row is with librdkafka */
    LANE_LATER,     /* its first row goes again at the next tick */
    LANE_SET_ASIDE, /* its first row was refused; waits for an operator */
    LANE_STATE_COUNT
};

struct lane {
    TAILQ_ENTRY(lane) link; /* in lanes.in[state] */
    struct lane *next;      /* in its bucket */
    uint64_t hash;
    enum lane_state state;
    bool alone; /* the first row is sent without company: its refusal is its own */
    TAILQ_HEAD(, row) rows;
};

TAILQ_HEAD(lane_list, lane);

struct lanes {
    struct lane_list in[LANE_STATE_COUNT];
    uint32_t count[LANE_STATE_COUNT];
    struct lane **buckets;
    size_t buckets_count; /* a power of two */
    size_t total;
};

TROTH_MUST_CHECK int lanes_init(struct lanes *lanes);
void lanes_finish(struct lanes *lanes); /* frees every lane and row */
/* Takes the row, and sets its lane. TROTH_ERROR_NO_MEMORY: the row is still the caller's. */
TROTH_MUST_CHECK int lanes_add(struct lanes *lanes, struct row *row);
void lane_set_state(struct lanes *lanes, struct lane *lane, enum lane_state state);
/* Removes and frees the first row. The lane is READY with the next one, or freed. */
void lane_pop(struct lanes *lanes, struct lane *lane);

/* outbox_row_make, without an outbox. */
TROTH_MUST_CHECK int row_make(const char *source, const char *topic_default,
                              const struct outbox_facts *facts, uint64_t seq, struct buffer *texts,
                              struct record_outbox_row *ret_row);

/* What a delivery means for its row. */
enum delivery { DELIVERY_CONFIRMED, DELIVERY_REFUSED, DELIVERY_AGAIN, DELIVERY_RETURNED };

struct producer;
struct producer_callbacks {
    void (*delivered)(void *arg, struct row *row, enum delivery delivery, const char *why);
    void (*reachable)(void *arg, bool reachable, const char *why);
    void *arg;
};

/* TROTH_ERROR_CONFIG with `why`, TROTH_ERROR_SYSTEM. */
TROTH_MUST_CHECK int producer_create(struct event_base *base, const struct outbox_config *config,
                                     const struct producer_callbacks *callbacks, struct buffer *why,
                                     struct producer **ret_producer);
/* Every row that is with it comes back as DELIVERY_RETURNED first (or confirmed). Takes NULL. */
void producer_destroy(struct producer *producer);
/* 0: it is with librdkafka until `delivered`, which may come from the next producer_serve().
 * TROTH_ERROR_FULL: no room now. TROTH_ERROR_REFUSED: never, `*ret_why` says why (static). */
TROTH_MUST_CHECK int producer_send(struct producer *producer, struct row *row,
                                   const char **ret_why);
/* Calls back for what has arrived; waits for the first at most so long. */
void producer_serve(struct producer *producer, int wait_ms);
/* It can not go on (librdkafka's fatal error): destroy it, make a new one. */
bool producer_dead(const struct producer *producer);
void producer_kill(struct producer *producer); /* for tests: a fatal error */

#endif
