/* What a new leader must know: open transactions. A sweep notes them all, then they are read page
 * by page; a page that was handed over is not asked for again after a loss. */
#include "load.h"

#include <stdio.h>
#include <string.h>

#include <journal_sql.h>

#include "held.h"
#include "image.h"
#include "sweep.h"
#include "ticks.h"

/* Columns of load.sql behind those of the image. */
#define LOAD_SHARD  IMAGE_COLUMNS_COUNT
#define LOAD_STEPS  (IMAGE_COLUMNS_COUNT + 1)
#define LOAD_MORE   (IMAGE_COLUMNS_COUNT + 2)
#define LOAD_HANDED (IMAGE_COLUMNS_COUNT + 3)
#define LOAD_CLOSED (IMAGE_COLUMNS_COUNT + 4)
#define LOAD_DOUBT  (IMAGE_COLUMNS_COUNT + 5)

static bool load_broke(struct journal *journal, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && journal->step != STEP_STOPPED)
        return false;
    link_reset(&journal->taker);
    return true;
}

static void load_row(struct journal *journal, const PGresult *result, int i)
{
    struct journal_row row;
    uint32_t shard = (uint32_t)field_int4(result, i, LOAD_SHARD);
    int error = image_read(result, i, 0, &row);
    journal->take.gtid = row.image.origin.gtid;
    journal->take.shard = (int32_t)shard;
    if (journal_shard(journal, shard) != JOURNAL_SHARD_TAKING)
        return; /* lost meanwhile */
    row.image.steps = field_text(result, i, LOAD_STEPS);
    row.image.handed = (uint32_t)field_int4(result, i, LOAD_HANDED);
    row.image.closed = field_bool(result, i, LOAD_CLOSED);
    row.image.doubtful = field_bool(result, i, LOAD_DOUBT);
    if (error == TROTH_OK)
        journal->callbacks.loaded(journal->arg, &row.image);
    else
        state_report(journal, &row.image.origin.gtid, TXN_RECORD_BEGIN, row.image.attempt,
                     "its row cannot be read: it stays as it is and is not driven");
}

static void load_on_txns(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    int count = PQntuples(result);
    if (load_broke(journal, result))
        return;
    for (int i = 0; i < count; i++)
        load_row(journal, result, i);
    journal->take.pages_done = count == 0 || !field_bool(result, count - 1, LOAD_MORE);
}

static void load_on_sync(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct take *take = &journal->take;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) { /* of the commit: nothing was noted */
        take->sweep_answered = take->swept;
        link_reset(&journal->taker);
    }
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC || take->step != TAKE_LOAD)
        return;
    take->swept = take->sweep_answered; /* now it is durable */
    load_next(journal);
}

static void load_sync(struct journal *journal)
{
    if (journal->taker.broken)
        return;
    link_sync(&journal->taker, load_on_sync, journal);
    link_send(&journal->taker);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void led(struct journal *journal, uint32_t i)
{
    static const uint8_t nobody[16];
    const struct take *take = &journal->take;
    uint32_t shard = take->shards[i];
    if (journal_shard(journal, shard) != JOURNAL_SHARD_TAKING)
        return;
    if (memcmp(take->owners[i], nobody, sizeof nobody) != 0) {
        journal->stats.shards_taken++;
        journal->stats.shards_taken_us += take->free_us[i] + (clock_mono_us() - take->asked_us);
    } else {
        journal->stats.shards_got++;
    }
    held_set(journal, shard, JOURNAL_SHARD_LED, "what is open of it is loaded");
}

/* They are not ours any more: whose they are is seen when it is looked next. */
static void load_given_up(struct journal *journal)
{
    struct take *take = &journal->take;
    take->step = TAKE_IDLE;
    for (uint32_t i = 0; i < take->count; i++)
        if (journal_shard(journal, take->shards[i]) == JOURNAL_SHARD_TAKING)
            held_lose(journal, take->shards[i], "another node raised its epoch");
}

static void load_end(struct journal *journal)
{
    char why[60];
    journal->take.step = TAKE_IDLE;
    for (uint32_t i = 0; i < journal->take.count; i++)
        led(journal, i);
    (void)snprintf(why, sizeof why, "%u of %u shards are led here",
                   held_count(journal, JOURNAL_SHARD_LED), journal->shards);
    state_update(journal, why);
}

static void load_on_sweep(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (load_broke(journal, result))
        return;
    journal->take.sweep_answered = sweep_take(journal, result);
    if (!journal->take.sweep_answered)
        load_given_up(journal);
}

static void load_page(struct journal *journal)
{
    const struct take *take = &journal->take;
    struct link_params view;
    params_clear(&journal->params);
    params_uuid(&journal->params, take->gtid.bytes);
    params_int4(&journal->params, take->shard);
    params_array(&journal->params, PARAM_INT4, take->count);
    for (uint32_t i = 0; i < take->count; i++)
        param_element_int4(&journal->params, take->shards[i]);
    if (params_view(&journal->params, &view))
        link_query(&journal->taker, journal_sql_load, &view, load_on_txns, journal);
    else
        link_reset(&journal->taker);
}

void load_next(struct journal *journal)
{
    struct take *take = &journal->take;
    if (take->pages_done) {
        load_end(journal);
        return;
    }
    if (journal->taker.broken)
        return;
    take->sweep_answered = take->swept;
    if (!take->swept)
        sweep_all(journal, load_on_sweep);
    else
        load_page(journal);
    load_sync(journal);
}
