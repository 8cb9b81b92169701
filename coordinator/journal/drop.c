/* drop.c: rows that are not written any more, since somebody else leads: each gets its verdict. */
#include "drop.h"

static void row_fence(struct journal *journal, struct row *row)
{
    struct journal_verdict verdict = row->verdict;
    verdict.verdict = TXN_FENCED;
    verdict.standing = TXN_UNDECIDED;
    if (row->kind != ROW_DELETE)
        journal->callbacks.verdict(journal->arg, &verdict);
}

void drop_all(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    lane->flying = false;
    while (lane->flight != NULL) {
        struct batch *batch = lane->flight;

        lane->flight = batch->next;
        for (size_t i = 0; i < batch->count; i++)
            row_fence(journal, batch->rows[i]);
        batch_destroy(batch);
    }
    while (lane->queue.first != NULL) {
        struct row *row = row_queue_take(&lane->queue, &lane->queue.first);

        row_fence(journal, row);
        row_destroy(row);
    }
}

void drop_shard(struct journal *journal, uint32_t shard)
{
    struct row_queue *queue = &journal->lane.queue;
    for (struct row **at = &queue->first; *at != NULL;) {
        struct row *row = *at;

        if (row->shard != shard) {
            at = &row->next;
            continue;
        }
        row_queue_take(queue, at);
        row_fence(journal, row);
        row_destroy(row);
    }
}
