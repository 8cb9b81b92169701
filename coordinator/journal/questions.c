/* What can be asked about transactions. */
#include "questions.h"

#include <journal_sql.h>

#include "image.h"

static void params_gtid(struct params *params, const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    params_int4(params, parts.shard);
    params_uuid(params, gtid->bytes);
}

static void row_end(struct ask *ask, int error)
{
    ask->fn.row(ask->arg, error, NULL);
}

/* --- one transaction -----------------------------------------------------------------------------
 */

static void get_take(struct ask *ask, const PGresult *result)
{
    struct journal_row row;
    if (PQntuples(result) == 0)
        ask->fn.row(ask->arg, TROTH_ERROR_NOT_FOUND, NULL);
    else if (image_read(result, 0, 0, &row) != TROTH_OK)
        ask->fn.row(ask->arg, TROTH_ERROR_SYNTAX, NULL);
    else
        ask->fn.row(ask->arg, TROTH_OK, &row);
}

const struct ask_kind ask_get = {
    .name = "get",
    .sql = journal_sql_get,
    .take = get_take,
    .end = row_end,
};

void journal_get(struct journal *journal, const troth_gtid *gtid, journal_row_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_get, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.row = fn;
    params_gtid(&ask->params, gtid);
    ask_send(ask);
}

/* --- inquiry
 * --------------------------------------------------------------------------------------- */

#define INQUIRE_EPOCH     0
#define INQUIRE_FORGOTTEN 1
#define INQUIRE_HIGHEST   2 /* attempt of any row; null: no row */
#define INQUIRE_IMAGE     3
#define INQUIRE_LOST      (INQUIRE_IMAGE + IMAGE_COLUMNS_COUNT) /* an epoch */

static void inquire_take(struct ask *ask, const PGresult *result)
{
    struct journal_inquiry inquiry = {0};
    struct troth_gtid_parts parts;
    struct journal_row row;
    if (PQntuples(result) == 0) { /* no such shard */
        ask->fn.inquiry(ask->arg, TROTH_ERROR_NOT_FOUND, NULL);
        return;
    }
    inquiry.shard_epoch = (uint32_t)field_int4(result, 0, INQUIRE_EPOCH);
    inquiry.forgotten =
        troth_gtid_order(&ask->gtid) <= (uint64_t)field_int8(result, 0, INQUIRE_FORGOTTEN);
    troth_gtid_split(&ask->gtid, &parts);
    inquiry.lost = parts.epoch <= (uint32_t)field_int4(result, 0, INQUIRE_LOST);
    inquiry.found = !PQgetisnull(result, 0, INQUIRE_HIGHEST);
    if (inquiry.found) {
        inquiry.highest_attempt = (uint32_t)field_int4(result, 0, INQUIRE_HIGHEST);
        if (image_read(result, 0, INQUIRE_IMAGE, &row) != TROTH_OK) {
            ask->fn.inquiry(ask->arg, TROTH_ERROR_SYNTAX, NULL);
            return;
        }
        inquiry.image = row.image;
        if (row.image.decision != TXN_UNDECIDED)
            inquiry.image.attempt = ask->attempt;
    }
    ask->fn.inquiry(ask->arg, TROTH_OK, &inquiry);
}

static void inquire_end(struct ask *ask, int error)
{
    ask->fn.inquiry(ask->arg, error, NULL);
}

/* Epoch, mark and rows in one statement, that is one snapshot [INQ2STEP]. */
const struct ask_kind ask_inquire = {
    .name = "inquire",
    .sql = journal_sql_inquire,
    .take = inquire_take,
    .end = inquire_end,
};

void journal_inquire(struct journal *journal, const troth_gtid *gtid, uint32_t attempt,
                     journal_inquiry_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_inquire, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL);
        return;
    }
    ask->fn.inquiry = fn;
    ask->gtid = *gtid;
    ask->attempt = attempt;
    params_gtid(&ask->params, gtid);
    params_int4(&ask->params, (int32_t)attempt);
    ask_send(ask);
}

/* --- idempotency
 * ----------------------------------------------------------------------------------- */

static void key_take(struct ask *ask, const PGresult *result)
{
    troth_gtid gtid;
    if (PQntuples(result) == 0 || !field_uuid(result, 0, 0, gtid.bytes))
        ask->fn.key(ask->arg, TROTH_ERROR_NOT_FOUND, NULL, (struct troth_span){0});
    else
        ask->fn.key(ask->arg, TROTH_OK, &gtid, field_text(result, 0, 1));
}

static void key_end(struct ask *ask, int error)
{
    ask->fn.key(ask->arg, error, NULL, (struct troth_span){0});
}

const struct ask_kind ask_key = {
    .name = "key",
    .sql = journal_sql_key,
    .take = key_take,
    .end = key_end,
};

void journal_key_find(struct journal *journal, uint32_t shard, struct troth_span key,
                      journal_key_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_key, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL, (struct troth_span){0});
        return;
    }
    ask->fn.key = fn;
    params_int4(&ask->params, (int32_t)shard);
    params_text(&ask->params, key);
    ask_send(ask);
}
