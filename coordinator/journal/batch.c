/* Which of the queued rows go together into one COMMIT. */
#include "batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t gtid_hash(const troth_gtid *gtid)
{
    uint64_t high, low;
    memcpy(&high, gtid->bytes, sizeof high);
    memcpy(&low, gtid->bytes + 8, sizeof low);
    low = (low ^ (high * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(low >> 32);
}

/* The slot of a gtid, new or old. There are twice as many slots as rows are looked at. */
static size_t index_find(struct batch_index *index, const struct row *row)
{
    size_t at = gtid_hash(row_gtid(row)) % BATCH_INDEX_SLOTS;
    while (index->slots[at].generation == index->generation &&
           !troth_gtid_equal(row_gtid(index->slots[at].of), row_gtid(row)))
        at = (at + 1) % BATCH_INDEX_SLOTS;
    if (index->slots[at].generation != index->generation) {
        index->slots[at].generation = index->generation;
        index->slots[at].wanted = false;
        index->slots[at].blocked = false;
        index->slots[at].of = row;
        index->slots[at].last = NULL;
    }
    return at;
}

/* `later` is written instead of the BEGIN before it, with what that says. */
static void row_carry(struct row *later, struct row *begin)
{
    begin->carrier = later;
    later->carries = true;
    if (later->record.members.data == NULL)
        later->record.members = begin->record.members;
}

struct forming {
    struct batch *batch;
    struct batch_index *index;
    uint64_t lazy_until_us;
    size_t kinds[ROW_KINDS];
};

/* The statements of a batch run in the order of their kinds. One may append several steps of a
 * transaction, but none that takes the place of one before the last. */
static bool row_may_follow(const struct row *last, const struct row *row)
{
    if (last == NULL)
        return true;
    if (last->kind == TXN_RECORD_STEP && row->kind == TXN_RECORD_STEP)
        return last->record.step_seq <= row->record.step_seq;
    return last->kind < row->kind;
}

/* What `row` makes of the one before it of its transaction, which is in the batch, too. */
static void row_overtakes(struct forming *forming, struct row *last, struct row *row)
{
    bool decides = row->kind == TXN_RECORD_DECISION || row->kind == TXN_RECORD_DELEGATE;
    if (last->kind == TXN_RECORD_BEGIN && decides) {
        row_carry(row, last);
        forming->kinds[TXN_RECORD_BEGIN]--;
    } else if (last->kind == TXN_RECORD_STEP && row->kind == TXN_RECORD_STEP &&
               last->record.step_seq == row->record.step_seq) {
        last->carrier = row;
    }
}

/* Rows of the same transaction are queued in order, so those before one that waited long enough
 * have waited, too. */
static bool row_is_called(const struct forming *forming, const struct row *row, bool wanted)
{
    return row->forced || wanted || row->queued_us <= forming->lazy_until_us;
}

/* Whether the row may join; also notes its gtid as blocked when it may not. */
static bool row_joins(struct forming *forming, struct row *row)
{
    struct batch *batch = forming->batch;
    bool room = forming->kinds[row->kind] < JOURNAL_BATCH_ROWS_MAX &&
                batch->count < BATCH_ROWS_CAP &&
                (batch->count == 0 || batch->bytes + row->bytes <= BATCH_BYTES_MAX);
    struct row *last;
    size_t at;
    if (row->kind == ROW_DELETE) /* has no order with anything else of its gtid */
        return room && row_is_called(forming, row, false);
    at = index_find(forming->index, row);
    last = forming->index->slots[at].last;
    if (!room || forming->index->slots[at].blocked || !row_may_follow(last, row) ||
        !row_is_called(forming, row, forming->index->slots[at].wanted)) {
        forming->index->slots[at].blocked = true;
        return false;
    }
    if (last != NULL)
        row_overtakes(forming, last, row);
    forming->index->slots[at].last = row;
    return true;
}

/* Which transactions have a forced row among those that are looked at. */
static void index_begin(struct batch_index *index, const struct row_queue *queue)
{
    size_t left = queue->forced, seen = 0;
    if (++index->generation == 0) { /* came round: old marks would look new */
        memset(index, 0, sizeof *index);
        index->generation = 1;
    }
    if (left == queue->count) /* then every row is called for by itself */
        return;
    for (struct row *row = queue->first; row != NULL && left > 0; row = row->next) {
        if (seen++ == BATCH_SCAN_MAX) /* as many as have a place in the index */
            break;
        if (row->forced) {
            index->slots[index_find(index, row)].wanted = true;
            left--;
        }
    }
}

struct batch *batch_form(struct row_queue *queue, struct batch_index *index, uint64_t lazy_until_us)
{
    size_t cap = queue->count < BATCH_ROWS_CAP ? queue->count : BATCH_ROWS_CAP;
    struct forming forming = {.index = index, .lazy_until_us = lazy_until_us};
    struct row **at = &queue->first;
    if (queue->count == 0)
        return NULL;
    forming.batch = calloc(1, sizeof *forming.batch);
    if (forming.batch == NULL)
        return NULL;
    forming.batch->rows = calloc(cap, sizeof(struct row *));
    if (forming.batch->rows == NULL) {
        free(forming.batch);
        return NULL;
    }
    index_begin(index, queue);
    for (size_t seen = 0; *at != NULL && seen < BATCH_SCAN_MAX; seen++) {
        struct row *row = *at;

        if (!row_joins(&forming, row)) {
            at = &row->next;
            continue;
        }
        row_queue_take(queue, at);
        forming.kinds[row->kind]++;
        forming.batch->bytes += row->bytes;
        forming.batch->rows[forming.batch->count++] = row;
    }
    assert(forming.batch->count > 0);
    return forming.batch;
}

/* Nothing is carried any more: what is written again has its own verdict for each row, and halves
 * are written and freed apart. */
static void batch_uncarry(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct row *begin = batch->rows[i];
        struct row *later = begin->carrier;

        begin->carrier = NULL;
        if (later == NULL || !later->carries)
            continue;
        later->carries = false;
        if (later->record.members.data == begin->record.members.data)
            later->record.members = (struct troth_span){0};
    }
}

void batch_again(struct batch *batch)
{
    batch_uncarry(batch);
    batch->rewritten = true;
    batch->partly = false;
}

struct batch *batch_split(struct batch *batch)
{
    size_t half = batch->count / 2;
    struct batch *later = calloc(1, sizeof *later);
    assert(batch->count > 1);
    if (later == NULL)
        return NULL;
    later->rows = calloc(batch->count - half, sizeof(struct row *));
    if (later->rows == NULL) {
        free(later);
        return NULL;
    }
    batch_uncarry(batch);
    later->count = batch->count - half;
    memcpy(later->rows, batch->rows + half, later->count * sizeof(struct row *));
    later->rewritten = batch->rewritten;
    batch->count = half;
    later->next = batch->next;
    batch->next = later;
    return later;
}

void batch_destroy(struct batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++)
        row_destroy(batch->rows[i]);
    free(batch->rows);
    free(batch);
}
