/* What a new leader must know: open transactions. A sweep notes them all, then they are read page
 * by page; a page that was handed over is not asked for again after a loss. */
#include "load.h"

#include <journal_sql.h>

#include "image.h"
#include "sweep.h"

/* Columns of load.sql behind those of the image. */
#define LOAD_SHARD IMAGE_COLUMNS_COUNT
#define LOAD_STEPS (IMAGE_COLUMNS_COUNT + 1)
#define LOAD_MORE  (IMAGE_COLUMNS_COUNT + 2)
#define LOAD_DOUBT (IMAGE_COLUMNS_COUNT + 3)

static bool load_broke(struct journal *journal, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return false;
    link_reset(&journal->lane.link);
    return true;
}

static void load_on_txns(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    int count = PQntuples(result);
    if (load_broke(journal, result))
        return;
    for (int i = 0; i < count; i++) {
        struct journal_row row;

        int error = image_read(result, i, 0, &row);

        row.image.steps = field_text(result, i, LOAD_STEPS);
        row.image.doubtful = field_bool(result, i, LOAD_DOUBT);
        if (error == TROTH_OK)
            journal->callbacks.loaded(journal->arg, &row.image);
        else
            state_report(journal, &row.image.origin.gtid, TXN_RECORD_BEGIN, row.image.attempt,
                         "its row cannot be read: it stays as it is and is not driven");
        if (i == count - 1) {
            journal->load.gtid = row.image.origin.gtid;
            journal->load.shard = field_int4(result, i, LOAD_SHARD);
        }
    }
    journal->load.txns_done = count == 0 || !field_bool(result, count - 1, LOAD_MORE);
}

static void load_on_sync(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) { /* of the commit: nothing was noted */
        journal->load.sweep_answered = journal->load.swept;
        link_reset(&journal->lane.link);
    }
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC || journal->step != STEP_LOAD)
        return;
    journal->load.swept = journal->load.sweep_answered; /* now it is durable */
    load_next(journal);
}

static void load_sync(struct journal *journal)
{
    struct link *link = &journal->lane.link;
    if (link->broken)
        return;
    link_sync(link, load_on_sync, journal);
    link_send(link);
}

static void load_on_sweep(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED || load_broke(journal, result))
        return;
    journal->load.sweep_answered = sweep_take(journal, result);
    if (!journal->load.sweep_answered)
        state_stop(journal, "another node raised the epoch: it leads now");
}

static void load_page(struct journal *journal)
{
    struct link *link = &journal->lane.link;
    struct link_params view;
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->load.gtid.bytes);
    params_int4(&journal->params, journal->load.shard);
    if (params_view(&journal->params, &view))
        link_query(link, journal_sql_load, &view, load_on_txns, journal);
    else
        link_reset(link);
}

void load_next(struct journal *journal)
{
    if (journal->load.txns_done) {
        state_step(journal, STEP_PROVE);
        event_active(journal->proving, EV_TIMEOUT, 0);
        return;
    }
    if (journal->lane.link.broken)
        return;
    journal->load.sweep_answered = journal->load.swept;
    if (!journal->load.swept)
        sweep_all(journal, load_on_sweep);
    else
        load_page(journal);
    load_sync(journal);
}
