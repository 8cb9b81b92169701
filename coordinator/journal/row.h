/* row.h: one thing to write, as it waits in the queue and travels in a batch. Owns its texts. */
#ifndef JOURNAL_ROW_H
#define JOURNAL_ROW_H

#include <journal/journal.h>

/* What kind of statement a row goes with: the kinds of a record, and outbox rows to delete. */
#define ROW_DELETE ((unsigned)TXN_RECORD_KIND_COUNT)
#define ROW_KINDS  (ROW_DELETE + 1u)

struct row {
    struct row *next;
    struct row *same; /* while a statement's parameters are made: the next of its rows */
    unsigned kind;
    bool forced;
    uint64_t queued_us;
    uint32_t shard;
    struct txn_origin origin; /* spans point into texts */
    struct txn_record record; /* likewise; origin points to the one above */
    struct record_outbox_row event;
    bool has_event;
    /* What the arrays carry as text: names are static. */
    struct troth_span mode, protocol, decision, outcome, event_id;
    /* Not written by itself: a later row of the same batch carries it. A BEGIN by the first
     * decision or delegation of its transaction, which then writes both; a STEP by the one that
     * takes its place. */
    struct row *carrier;
    bool carries;                   /* a BEGIN */
    struct journal_verdict verdict; /* as the statement answered; true once the sync came back */
    size_t bytes;
    char texts[];
};

/* NULL: no memory. */
struct row *row_create(const struct txn_record *record, const struct record_outbox_row *event);
struct row *row_create_delete(const troth_gtid *gtid, const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
void row_destroy(struct row *row);
const troth_gtid *row_gtid(const struct row *row);

/* Rows in the order of their appending. */
struct row_queue {
    struct row *first, **last;
    size_t count, forced, bytes;
};

void row_queue_init(struct row_queue *queue);
void row_queue_push(struct row_queue *queue, struct row *row);
/* Takes out the row that *at points to. */
struct row *row_queue_take(struct row_queue *queue, struct row **at);

#endif
