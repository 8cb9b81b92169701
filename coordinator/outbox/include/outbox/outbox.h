/* outbox/outbox.h: outcome events to Kafka. The only user of librdkafka.
 *
 * Rows are made here, written by journal/ with the outcome, and sent from memory straight after the
 * commit; after a restart the rows still in the table are handed in again. A row is confirmed once
 * Kafka has acknowledged it (all in-sync replicas); the host then deletes it. Delivered at least
 * once, in order per key within a shard; a republished event keeps its id.
 *
 * Kafka away: rows wait in memory, up to memory_bytes_max, and the table has them all: what finds
 * no room is read from there again, page by page, when there is room (outbox_wants). Delivery
 * resumes by itself. Of each topic and key one row is under way at a time, so that a row that is
 * refused stops those behind it and nobody else; keys go beside each other, a single key at one row
 * per round trip to Kafka (a few hundred a second). From the loop's thread;
 * never blocks. */
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <troth/error.h>
#include <txn/record.h>

struct event_base;
struct outbox;

#define OUTBOX_WINDOW_MAX                                                                          \
    10000u /* rows handed to librdkafka and not yet confirmed; others wait                         \
            */
#define OUTBOX_MEMORY_BYTES_MIN (16u << 20)
#define OUTBOX_EVENT_BYTES_MIN  10000u
#define OUTBOX_WHY_MAX          128u

struct outbox_config {
    const char *brokers;       /* bootstrap.servers; NULL or "": no Kafka, rows stay in the table */
    const char *source;        /* ce_source, e.g. "/troth/<journal id>" */
    const char *topic_default; /* for definitions without events.topic */
    uint64_t memory_bytes_max; /* of rows in memory; 0: OUTBOX_MEMORY_BYTES_MIN */
    /* Of one event, key and headers included: an event that would be larger is made without its
     * steps, and without its labels, and says so. 0: what librdkafka allows. */
    uint64_t event_bytes_max;
    const char *const
        *properties; /* more of librdkafka's, name and value in turn, NULL-terminated; or NULL */
    /* Kafka confirmed the row. */
    void (*confirmed)(void *arg, const troth_gtid *gtid, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
    /* A row that Kafka will never take (too large, refused): set aside; blocks only its own key. */
    void (*set_aside)(void *arg, const troth_gtid *gtid, const uint8_t id[RECORD_OUTBOX_ID_BYTES],
                      const char *why);
    /* May events leave now? Asked in each turn in which some would; no: they wait. NULL: always. */
    bool (*may_send)(void *arg);
    /* For people; reachable false: brokers are away. */
    void (*state)(void *arg, bool reachable, const char *why);
    void *arg;
};

/* Copies the configuration and its texts. Kafka need not be there. Callbacks come from the loop,
 * and from outbox_destroy while it waits; never from inside another call. They may call anything
 * here but outbox_destroy. TROTH_ERROR_CONFIG: librdkafka refused a property, `why` (may be NULL)
 * has its words. TROTH_ERROR_NO_MEMORY, _SYSTEM. */
TROTH_MUST_CHECK int outbox_create(struct event_base *base, const struct outbox_config *config,
                                   struct buffer *why, struct outbox **ret_outbox);
/* Waits up to flush_us for what is in flight. Takes NULL. */
void outbox_destroy(struct outbox *outbox, uint64_t flush_us);

/* What an event tells beyond its record. */
struct outbox_facts {
    const struct txn_record *record; /* DECISION or OUTCOME; steps filled in */
    struct troth_span topic;         /* absent: the default */
    struct troth_span key;           /* absent: the gtid */
};

/* Builds the row (interfaces.md, outcome events): type, payload, headers, id. Texts go into `texts`
 * (cleared first; the row points into it). TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int outbox_row_make(const struct outbox *outbox, const struct outbox_facts *facts,
                                     uint64_t seq, struct buffer *texts,
                                     struct record_outbox_row *ret_row);

/* The row is durable: send it. Copies, unless there is no room: then it is read from the table
 * later. A row that is here, or was confirmed not long ago, is not sent again. */
void outbox_send(struct outbox *outbox, const struct record_outbox_row *row);

/* --- the table ---------------------------------------------------------------------------------
 * While this says yes, the host reads the table in the order of (shard, epoch, seq), from its
 * beginning, and hands in each row (outbox_load), page after page as long as it says yes; behind
 * the last page outbox_loaded() ends the reading. It may say yes again at once: rows that came
 * meanwhile may stand before the place that was read. */
bool outbox_wants(const struct outbox *outbox);
void outbox_load(struct outbox *outbox, const struct record_outbox_row *row);
void outbox_loaded(struct outbox *outbox);

/* The table may have rows that are not here, for another reason than room: it is read again. */
void outbox_behind(struct outbox *outbox);
/* Forgets the rows of transactions of which `gone` says so: another node publishes them, from the
 * table. false: one of them is with Kafka still, and its confirmation will come. */
bool outbox_forget(struct outbox *outbox, bool (*gone)(void *arg, const troth_gtid *gtid),
                   void *arg);

/* --- events that were set aside ---------------------------------------------------------------
 */
struct outbox_aside {
    troth_gtid gtid;
    const uint8_t *id;
    const char *topic;
    struct troth_span key;
    const char *why;
    uint64_t bytes;       /* of the payload */
    struct wall made_at;  /* as the event says; 0: it does not */
    struct wall aside_at; /* the last time */
};
/* Calls `fn` for each; not in any order. */
void outbox_asides(const struct outbox *outbox,
                   void (*fn)(void *arg, const struct outbox_aside *aside), void *arg);
/* false: it is not among them. */
bool outbox_aside(const struct outbox *outbox, const uint8_t id[RECORD_OUTBOX_ID_BYTES],
                  struct outbox_aside *ret_aside);
/* Once more, under the same id, and then what waits behind it. Refused again: set aside again.
 * TROTH_ERROR_NOT_FOUND. */
TROTH_MUST_CHECK int outbox_resend(struct outbox *outbox, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
/* The table has it no more: what waits behind it goes. TROTH_ERROR_NOT_FOUND. */
TROTH_MUST_CHECK int outbox_discarded(struct outbox *outbox,
                                      const uint8_t id[RECORD_OUTBOX_ID_BYTES]);

struct outbox_stats {
    uint64_t waiting; /* durable, not confirmed; with those set aside; of those that only the table
                         has since the start, the ones that were read so far */
    uint64_t bytes;   /* of those in memory */
    uint64_t confirmed; /* since the start */
    uint64_t set_aside; /* now */
    struct wall oldest; /* when the event that waits longest was made; 0: none waits */
    bool reachable;
    const char *why; /* it is not; librdkafka's words, of this outbox */
};
void outbox_stats(const struct outbox *outbox, struct outbox_stats *ret_stats);

#endif
