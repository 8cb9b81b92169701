/* Rows to write: copied with all their texts, and queued in the order of their appending. */
#include "row.h"

#include <stdlib.h>
#include <string.h>

/* Every span a row owns, in one place: what is not listed here would dangle. */
static size_t row_spans(struct row *row, struct troth_span *ret_spans[20])
{
    struct troth_span *const spans[] = {&row->origin.definition,   &row->origin.input,
                                        &row->origin.labels,       &row->origin.idempotency_key,
                                        &row->origin.request_hash, &row->origin.traceparent,
                                        &row->record.members,      &row->record.steps,
                                        &row->record.failure,      &row->record.history,
                                        &row->record.step,         &row->record.fallback,
                                        &row->event.topic,         &row->event.key,
                                        &row->event.type,          &row->event.payload,
                                        &row->event.headers};
    memcpy(ret_spans, spans, sizeof spans);
    return sizeof spans / sizeof spans[0];
}

static struct troth_span name_span(const char *name)
{
    return (struct troth_span){name, strlen(name)};
}

static void row_names(struct row *row)
{
    const struct txn_record *record = &row->record;
    row->mode = name_span(txn_mode_name(row->origin.mode));
    row->protocol = name_span(txn_protocol_name(record->protocol));
    if (record->decision != TXN_UNDECIDED)
        row->decision = name_span(txn_decision_name(record->decision));
    if (record->kind == TXN_RECORD_ATTEMPT)
        row->decision = name_span(txn_decision_name(TXN_ABORT));
    if (record->outcome != TXN_OUTCOME_NONE)
        row->outcome = name_span(txn_outcome_name(record->outcome));
}

struct row *row_create(const struct txn_record *record, const struct record_outbox_row *event)
{
    struct row head = {.kind = (unsigned)record->kind,
                       .forced = record->forced,
                       .origin = *record->origin,
                       .record = *record,
                       .has_event = event != NULL};
    struct troth_span *spans[20];
    struct troth_gtid_parts parts;
    size_t count, bytes = 0;
    struct row *row;
    char *at;
    if (event != NULL)
        head.event = *event;
    if (record->kind != TXN_RECORD_END) /* elsewhere they are for the event, which has its own */
        head.record.steps = (struct troth_span){0};
    troth_gtid_split(&record->origin->gtid, &parts);
    head.shard = parts.shard;
    head.verdict = (struct journal_verdict){.gtid = record->origin->gtid,
                                            .epoch = record->epoch,
                                            .kind = record->kind,
                                            .attempt = record->attempt};
    count = row_spans(&head, spans);
    for (size_t i = 0; i < count; i++)
        bytes += spans[i]->len;
    row = malloc(sizeof *row + bytes);
    if (row == NULL)
        return NULL;
    *row = head;
    row->bytes = bytes;
    row->record.origin = &row->origin;
    count = row_spans(row, spans);
    at = row->texts;
    for (size_t i = 0; i < count; i++) {
        if (spans[i]->data == NULL)
            continue;
        if (spans[i]->len > 0)
            memcpy(at, spans[i]->data, spans[i]->len);
        spans[i]->data = at;
        at += spans[i]->len;
    }
    row_names(row);
    if (event != NULL)
        row->event_id = (struct troth_span){(const char *)row->event.id, RECORD_OUTBOX_ID_BYTES};
    return row;
}

struct row *row_create_delete(const troth_gtid *gtid, const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    struct row *row = calloc(1, sizeof *row);
    struct troth_gtid_parts parts;
    if (row == NULL)
        return NULL;
    troth_gtid_split(gtid, &parts);
    row->kind = ROW_DELETE;
    row->shard = parts.shard;
    row->origin.gtid = *gtid;
    memcpy(row->event.id, id, RECORD_OUTBOX_ID_BYTES);
    row->event_id = (struct troth_span){(const char *)row->event.id, RECORD_OUTBOX_ID_BYTES};
    return row;
}

void row_destroy(struct row *row)
{
    free(row);
}

const troth_gtid *row_gtid(const struct row *row)
{
    return &row->origin.gtid;
}

void row_queue_init(struct row_queue *queue)
{
    *queue = (struct row_queue){0};
    queue->last = &queue->first;
}

void row_queue_push(struct row_queue *queue, struct row *row)
{
    row->next = NULL;
    *queue->last = row;
    queue->last = &row->next;
    queue->count++;
    queue->forced += row->forced;
    queue->bytes += sizeof *row + row->bytes;
}

struct row *row_queue_take(struct row_queue *queue, struct row **at)
{
    struct row *row = *at;
    *at = row->next;
    if (queue->last == &row->next)
        queue->last = at;
    row->next = NULL;
    queue->count--;
    queue->forced -= row->forced;
    queue->bytes -= sizeof *row + row->bytes;
    return row;
}
