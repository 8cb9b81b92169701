/* steps.c: what the steps of the lane's connection have in common, and its last one before it is
 * proven. */
#include "steps.h"

#include <journal_sql.h>

#include "beat.h"
#include "lane.h"
#include "ticks.h"

void steps_query(struct journal *journal, const char *sql, link_fn fn)
{
    struct link *link = &journal->lane.link;
    struct link_params view;
    if (link->broken)
        return;
    if (!params_view(&journal->params, &view)) {
        link_reset(link);
        return;
    }
    link_query(link, sql, &view, fn, journal);
}

void steps_sync(struct journal *journal, link_fn fn)
{
    if (journal->lane.link.broken)
        return;
    link_sync(&journal->lane.link, fn, journal);
    link_send(&journal->lane.link);
}

/* An error at any of these steps: say so, and begin again with a new connection. */
bool steps_failed(struct journal *journal, PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    ExecStatusType status = PQresultStatus(result);
    if (journal->step == STEP_STOPPED) /* another connection found out */
        return true;
    if (status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC || status == PGRES_COMMAND_OK)
        return false;
    if (status == PGRES_FATAL_ERROR) {
        journal->hello_failed = true;
        state_set(journal, JOURNAL_CONNECTING, text == NULL ? "the database failed" : text);
    }
    link_reset(&journal->lane.link);
    return true;
}

static void on_ready(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (steps_failed(journal, result) || PQresultStatus(result) != PGRES_PIPELINE_SYNC ||
        journal->step == STEP_STOPPED)
        return;
    state_step(journal, STEP_PROVE);
    event_active(journal->proving, EV_TIMEOUT, 0);
}

/* Failing to end older sessions only means waiting. */
void steps_ready(struct journal *journal)
{
    params_clear(&journal->params);
    params_string(&journal->params, journal->application_name);
    steps_query(journal, journal_sql_lane_name, NULL);
    steps_query(journal, journal_sql_lane_terminate, NULL);
    steps_sync(journal, NULL);
    if (!journal->lane.link.broken)
        lane_prepare(journal);
    beat_prepare(journal);
    steps_sync(journal, on_ready);
}
