/* From the columns of get.sql, load.sql, inquire.sql and list.sql to a transaction. */
#include "image.h"

#include "param.h"

/* A word that may be missing: then `ret` stays as it is. */
#define WORD_READ(parse, word, ret) ((word).data == NULL ? TROTH_OK : parse((word), (ret)))

static void origin_read(const PGresult *result, int n, int first, struct txn_origin *origin)
{
    origin->interactive = field_bool(result, n, first + 4);
    origin->accepted = field_bool(result, n, first + 5);
    origin->definition = field_text(result, n, first + 6);
    origin->definition_version = (uint32_t)field_int8(result, n, first + 7);
    origin->input = field_text(result, n, first + 8);
    origin->labels = field_text(result, n, first + 9);
    origin->idempotency_key = field_text(result, n, first + 10);
    origin->request_hash = field_text(result, n, first + 11);
    origin->traceparent = field_text(result, n, first + 12);
    origin->timeout_us = (uint64_t)field_int8(result, n, first + 13);
    origin->prepare_timeout_us = (uint64_t)field_int8(result, n, first + 14);
    origin->began_at = field_time(result, n, first + IMAGE_BEGAN_AT);
}

int image_read(const PGresult *result, int n, int first, struct journal_row *ret_row)
{
    struct txn_image *image = &ret_row->image;
    struct troth_span decision = field_text(result, n, first + 17);
    struct troth_span outcome = field_text(result, n, first + 18);
    *ret_row = (struct journal_row){0};
    if (!field_uuid(result, n, first, image->origin.gtid.bytes))
        return TROTH_ERROR_SYNTAX;
    origin_read(result, n, first, &image->origin);
    image->attempt = (uint32_t)field_int4(result, n, first + 1);
    image->delegated_branch = (uint32_t)field_int4(result, n, first + 16);
    image->members = field_text(result, n, first + 19);
    image->failure = field_text(result, n, first + 20);
    image->fallback = field_text(result, n, first + 26);
    ret_row->state = field_text(result, n, first + 21);
    ret_row->steps = field_text(result, n, first + 22);
    ret_row->history = field_text(result, n, first + 23);
    ret_row->ended_at = field_time(result, n, first + 24);
    ret_row->decided_at = field_time(result, n, first + 25);
    if (txn_protocol_parse(field_text(result, n, first + 2), &image->protocol) != TROTH_OK ||
        txn_mode_parse(field_text(result, n, first + 3), &image->origin.mode) != TROTH_OK ||
        WORD_READ(txn_decision_parse, decision, &image->decision) != TROTH_OK ||
        WORD_READ(txn_outcome_parse, outcome, &image->outcome) != TROTH_OK)
        return TROTH_ERROR_SYNTAX;
    return TROTH_OK;
}
