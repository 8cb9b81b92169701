/* batch.h: the rows of one COMMIT. */
#ifndef JOURNAL_BATCH_H
#define JOURNAL_BATCH_H

#include "row.h"

#define BATCH_BYTES_MAX (8u << 20) /* of texts; at least one row goes, however large it is */
#define BATCH_SCAN_MAX  8192u      /* rows of the queue looked at for one batch */
#define BATCH_ROWS_CAP  (2u * ROW_KINDS * JOURNAL_BATCH_ROWS_MAX) /* carried ones come on top */

struct batch {
    struct batch *next;
    struct row **rows; /* in the order of their appending */
    size_t count;
    size_t bytes;
    bool rewritten;   /* an earlier try's COMMIT may have reached the disk, or wrote only a part */
    bool partly;      /* this try wrote fewer rows than it was given */
    troth_gtid swept; /* the mark up to which shards have been swept, perhaps (sweep.sql) */
    uint32_t tries;
};

/* Which gtid has which place in the batch being formed. Reused: a slot of an older generation is
 * empty. */
#define BATCH_INDEX_SLOTS (2u * BATCH_SCAN_MAX)
struct batch_index {
    uint32_t generation;
    struct {
        uint32_t generation;
        bool wanted;  /* a forced row of it is in the queue: its earlier rows go with that */
        bool blocked; /* an earlier row of it stays behind, so this one does, too */
        const struct row *of; /* any row of it that is looked at */
        struct row *last;     /* the latest in the batch; NULL: none */
    } slots[BATCH_INDEX_SLOTS];
};

/* Takes what may go together out of the queue: forced rows, with the earlier ones of their
 * transactions, and lazy rows queued at lazy_until_us or before; at most JOURNAL_BATCH_ROWS_MAX
 * rows of a kind; of one gtid each kind once and in the order in which the statements run, or the
 * rest of that gtid waits for the next batch. There is a row that may go. NULL: no memory (the
 * queue is as it was) or nothing there. */
struct batch *batch_form(struct row_queue *queue, struct batch_index *index,
                         uint64_t lazy_until_us);
/* The later half becomes a batch of its own. NULL: no memory; the batch is as it was. */
struct batch *batch_split(struct batch *batch);
/* It is written once more: each row by itself, with its own verdict. */
void batch_again(struct batch *batch);
void batch_destroy(struct batch *batch); /* with its rows. Takes NULL */

#endif
