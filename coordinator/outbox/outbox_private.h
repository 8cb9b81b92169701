/* outbox_private.h: what the files of this folder share.
 *
 *   row.c       builds a row (CloudEvents, the id)            pure
 *   key_lane.c  rows by topic and key, and where each key stands
 *   producer.c  librdkafka: its configuration, its queue in the loop, headers
 *   outbox.c    what is sent when, and what a delivery report means
 *   table.c     what stands in the table and not in memory: read again, page by page
 *
 * A lane holds the rows of one topic and key in order. Only its first row is ever with librdkafka:
 * so a row that is refused stops those behind it and nobody else, and a new producer cannot
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
    struct row *id_next; /* in its bucket of the table's */
    size_t bytes;        /* of the allocation */
    TAILQ_ENTRY(row) link;
    TAILQ_ENTRY(row) age;
    uint64_t made_at_us; /* wall clock; as the event says it */
    struct key_lane *lane;
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
 *     └────────┴─ new producer      SET_ASIDE ──an operator──> gone: the table is read again */
enum key_lane_state {
    KEY_LANE_READY, /* its first row may go */
    KEY_LANE_ALONE, /* its first row goes when nothing else is in flight: is it really this one? */
    KEY_LANE_SENT,  /* its first row is with librdkafka */
    KEY_LANE_LATER, /* its first row goes again at the next tick */
    KEY_LANE_SET_ASIDE, /* its first row was refused; waits for an operator. Its rows are in the
                       table only: `aside` remembers the first */
    KEY_LANE_STATE_COUNT
};

/* A row that was set aside. */
struct aside {
    troth_gtid gtid;
    uint8_t id[RECORD_OUTBOX_ID_BYTES];
    uint64_t made_at_us;
    struct wall at;
    size_t bytes; /* of the payload */
    char why[OUTBOX_WHY_MAX];
};

struct key_lane {
    TAILQ_ENTRY(key_lane) link; /* in lanes.in[state] */
    struct key_lane *next;      /* in its bucket */
    uint64_t hash;
    enum key_lane_state state;
    bool alone;          /* the first row is sent without company: its refusal is its own */
    struct aside *aside; /* SET_ASIDE only */
    TAILQ_HEAD(, row) rows;
    size_t key_len;
    char texts[]; /* topic, a zero, key */
};

/* Rows in memory by id, and what was confirmed not long ago: a page of the table may hold a row
 * that is here, or one whose delete is on its way. */
#define RECENT_MAX 65536u /* a later id may take an earlier one's place: then it is sent twice */
struct ids {
    struct row **buckets;
    size_t buckets_count; /* a power of two */
    size_t count;
    uint8_t (*recent)[RECORD_OUTBOX_ID_BYTES];
};
TROTH_MUST_CHECK int ids_init(struct ids *ids);
void ids_finish(struct ids *ids);
void ids_add(struct ids *ids, struct row *row);
void ids_remove(struct ids *ids, struct row *row);
bool ids_has(const struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
void ids_confirmed(struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
bool ids_was_confirmed(const struct ids *ids, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);

TAILQ_HEAD(key_lane_list, key_lane);

struct lanes {
    struct key_lane_list in[KEY_LANE_STATE_COUNT];
    uint32_t count[KEY_LANE_STATE_COUNT];
    struct key_lane **buckets;
    size_t buckets_count; /* a power of two */
    size_t total;
};

TAILQ_HEAD(row_list, row);

struct outbox {
    struct event_base *base;
    struct outbox_config config; /* its texts are copies */
    struct producer *producer;   /* NULL: no brokers configured */
    struct lanes lanes;
    struct ids ids;
    struct row_list by_age; /* of the lanes, in the order in which they came */
    struct event *go;       /* activated when there may be something to send */
    struct event *tick;     /* every TICK_US */
    struct outbox_stats stats;
    uint64_t bytes;          /* of the rows in memory */
    uint64_t in_table;       /* rows known to be there only, with those set aside */
    bool behind;             /* the table may hold rows that are not here: it is to be read */
    struct row_list pending; /* came since this reading began: behind what it finds */
    bool missed;             /* … or found no room even there: it is to be read once more */
    uint64_t passed_by;      /* rows of keys that are set aside, in this reading */
    uint64_t heard_us;       /* of rows on their way: the last delivery, or when the first went */
    bool told;               /* config.state has been called */
    char why[512];           /* Kafka is not reachable, as was heard last */
};

/* outbox.c */
bool has_brokers(const struct outbox *outbox);
/* NULL: no memory. */
struct row *row_copy(const struct record_outbox_row *from);
/* Takes the row into its lane. TROTH_ERROR_NO_MEMORY: it is still the caller's. */
TROTH_MUST_CHECK int outbox_admit(struct outbox *outbox, struct row *row);
void outbox_drop_pending(struct outbox *outbox); /* they are in the table */
/* Forgets one that is not with librdkafka: it is in the table, and another node's matter. */
void outbox_drop(struct outbox *outbox, struct row *row);
/* Forgets every row of a lane: they are in the table. */
void outbox_evict(struct outbox *outbox, struct key_lane *lane);

TROTH_MUST_CHECK int lanes_init(struct lanes *lanes);
void lanes_finish(struct lanes *lanes); /* frees every lane and row */
/* Takes the row, and sets its lane. TROTH_ERROR_NO_MEMORY: the row is still the caller's. */
TROTH_MUST_CHECK int lanes_add(struct lanes *lanes, struct row *row);
/* NULL: none of that topic and key. */
struct key_lane *lanes_find(const struct lanes *lanes, struct troth_span topic,
                            struct troth_span key);
void key_lane_set_state(struct lanes *lanes, struct key_lane *lane, enum key_lane_state state);
/* Without rows. */
void key_lane_destroy(struct lanes *lanes, struct key_lane *lane);
/* Removes and frees the first row. The lane is READY with the next one, or freed. */
void key_lane_pop(struct lanes *lanes, struct key_lane *lane);

/* outbox_row_make, without an outbox. */
TROTH_MUST_CHECK int row_make(const char *source, const char *topic_default, size_t bytes_max,
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
/* It cannot go on (librdkafka's fatal error): destroy it, make a new one. */
bool producer_dead(const struct producer *producer);
void producer_kill(struct producer *producer); /* for tests: a fatal error */

#endif
