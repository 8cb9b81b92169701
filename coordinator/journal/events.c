/* The outbox's rows, read again: in pages bounded by rows and by bytes, so that a million of them,
 * or a few that are large, hold up nothing else that is asked. */
#include "events.h"

#include <journal_sql.h>

static void event_read(const PGresult *result, int n, struct record_outbox_row *ret_row)
{
    *ret_row = (struct record_outbox_row){.epoch = (uint32_t)field_int4(result, n, 1),
                                          .seq = (uint64_t)field_int8(result, n, 2),
                                          .topic = field_text(result, n, 4),
                                          .key = field_text(result, n, 5),
                                          .type = field_text(result, n, 6),
                                          .payload = field_text(result, n, 7),
                                          .headers = field_text(result, n, 8)};
    (void)field_uuid(result, n, 0, ret_row->gtid.bytes);
    (void)field_uuid(result, n, 3, ret_row->id);
}

static void event_end(struct ask *ask, int error)
{
    ask->fn.event(ask->arg, error, NULL, false);
}

/* --- a page -----------------------------------------------------------------------------------
 */

/* Whether there is more is the window's word, not the page's: that may end early for its bytes. */
static void events_take(struct ask *ask, const PGresult *result)
{
    bool more = false;
    struct record_outbox_row row;
    for (int i = 0; i < PQntuples(result); i++) {
        event_read(result, i, &row);
        more = field_bool(result, i, 9);
        ask->fn.event(ask->arg, TROTH_OK, &row, true);
    }
    ask->fn.event(ask->arg, TROTH_OK, NULL, more);
}

const struct ask_kind ask_events = {
    .name = "events",
    .sql = journal_sql_events,
    .take = events_take,
    .end = event_end,
};

static void led_param(const struct journal *journal, struct params *params)
{
    uint32_t shards[TROTH_SHARDS_MAX], count = 0;
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        if (journal_shard(journal, shard) == JOURNAL_SHARD_LED)
            shards[count++] = shard;
    params_array(params, PARAM_INT4, count);
    for (uint32_t i = 0; i < count; i++)
        param_element_int4(params, shards[i]);
}

void journal_events(struct journal *journal, const struct journal_place *behind,
                    journal_event_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, &ask_events, arg);
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL, false);
        return;
    }
    ask->fn.event = fn;
    params_int4(&ask->params, behind->begun ? (int32_t)behind->shard : -1);
    params_int4(&ask->params, (int32_t)behind->epoch);
    params_int8(&ask->params, (int64_t)behind->seq);
    led_param(journal, &ask->params);
    ask_send(ask);
}

/* --- one --------------------------------------------------------------------------------------
 */

static void event_take(struct ask *ask, const PGresult *result)
{
    struct record_outbox_row row;
    if (PQntuples(result) == 0) {
        ask->fn.event(ask->arg, TROTH_ERROR_NOT_FOUND, NULL, false);
        return;
    }
    event_read(result, 0, &row);
    ask->fn.event(ask->arg, TROTH_OK, &row, false);
}

const struct ask_kind ask_event_get = {
    .name = "event_get",
    .sql = journal_sql_event_get,
    .take = event_take,
    .end = event_end,
};

static void discard_take(struct ask *ask, const PGresult *result)
{
    (void)result;
    ask->error = TROTH_OK;
}

const struct ask_kind ask_event_discard = {
    .name = "event_discard",
    .sql = journal_sql_event_discard,
    .writes = true,
    .take = discard_take,
    .end = event_end,
};

static void ask_event(struct journal *journal, const struct ask_kind *kind, const troth_gtid *gtid,
                      const uint8_t *id, journal_event_fn fn, void *arg)
{
    struct ask *ask = ask_create(journal, kind, arg);
    struct troth_gtid_parts parts;
    if (ask == NULL) {
        fn(arg, TROTH_ERROR_NO_MEMORY, NULL, false);
        return;
    }
    ask->fn.event = fn;
    troth_gtid_split(gtid, &parts);
    params_int4(&ask->params, parts.shard);
    params_uuid(&ask->params, gtid->bytes);
    params_uuid(&ask->params, id);
    ask_send(ask);
}

void journal_event_get(struct journal *journal, const troth_gtid *gtid,
                       const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn, void *arg)
{
    ask_event(journal, &ask_event_get, gtid, id, fn, arg);
}

void journal_event_discard(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn, void *arg)
{
    ask_event(journal, &ask_event_discard, gtid, id, fn, arg);
}
