/* outbox/outbox.h: outcome events to Kafka. The only user of librdkafka.
 *
 * Rows are made here, written by journal/ with the outcome, and sent from memory straight after the
 * commit; after a restart the rows still in the table are handed in again. A row is confirmed once
 * Kafka has acknowledged it (all in-sync replicas); the host then deletes it. Delivered at least
 * once, in order per key within a shard; a republished event keeps its id.
 *
 * Kafka away: rows wait in memory, up to OUTBOX_ROWS_MAX, and the table has them all; delivery
 * resumes by itself. Of each topic and key one row is under way at a time, so that a row that is
 * refused stops those behind it and nobody else; keys go beside each other, a single key at one row
 * per round trip to Kafka (a few hundred a second). From the loop's thread;
 * never blocks. */
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <protocol/buffer.h>
#include <protocol/clock.h>
#include <troth/error.h>
#include <txn/record.h>

struct event_base;
struct outbox;

#define OUTBOX_WINDOW_MAX                                                                          \
    10000u                       /* rows handed to librdkafka and not yet confirmed; others wait   \
                                  */
#define OUTBOX_ROWS_MAX 1000000u /* rows in memory; beyond: TROTH_ERROR_FULL */

struct outbox_config {
    const char *brokers;       /* bootstrap.servers; NULL or "": no Kafka, rows stay in the table */
    const char *source;        /* ce_source, e.g. "/troth/<journal id>" */
    const char *topic_default; /* for definitions without events.topic */
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

/* The row is durable: send it. Copies. The same row twice is sent twice. TROTH_ERROR_FULL or
 * _NO_MEMORY: not taken; it is still in the table, for the next load. */
TROTH_MUST_CHECK int outbox_send(struct outbox *outbox, const struct record_outbox_row *row);

/* Sends every row that was set aside once more, under the same id. Refused again: set_aside again.
 */
void outbox_retry(struct outbox *outbox);

struct outbox_stats {
    uint64_t waiting;   /* durable, not confirmed; with those set aside */
    uint64_t confirmed; /* since the start */
    uint64_t set_aside; /* now */
    struct wall oldest; /* when the event that waits longest was made; 0: none waits */
    bool reachable;
};
void outbox_stats(const struct outbox *outbox, struct outbox_stats *ret_stats);

#endif
