/* What hinders the writes, in the database's words. A commit that hangs says nothing by itself: its
 * session does, to whoever asks from another one. The keeper has nothing better to do meanwhile,
 * since who cannot write does not renew the lease. */
#include "hindrance.h"

#include <stdio.h>
#include <string.h>

#include <journal_sql.h>

#include "ticks.h"

void hindrance_note(struct journal *journal, const char *why)
{
    if (strcmp(journal->hindrance, why) == 0)
        return;
    snprintf(journal->hindrance, sizeof journal->hindrance, "%s", why);
    if (journal->state == JOURNAL_CONNECTING)
        state_set(journal, journal->state, why);
}

static void hindrance_on_found(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct troth_span words = field_text(result, 0, 0);
    char why[LINK_WHY_MAX];
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0 ||
        state_can_write(journal) || journal->step == STEP_STOPPED)
        return;
    snprintf(why, sizeof why, "%.*s", (int)words.len, words.data);
    hindrance_note(journal, why);
}

void hindrance_ask(struct journal *journal)
{
    struct link *keeper = &journal->keeper;
    struct link_params view;
    char lanes[sizeof journal->application_name];
    params_clear(&journal->params);
    (void)snprintf(lanes, sizeof lanes, "troth:%s:lane:", journal->id);
    params_string(&journal->params, lanes);
    if (!params_view(&journal->params, &view))
        return;
    journal->hindrance_asked_us = clock_mono_us();
    link_query(keeper, journal_sql_hindrance, &view, hindrance_on_found, journal);
    if (keeper->broken)
        return;
    link_sync(keeper, NULL, NULL);
    link_send(keeper);
}

const char *journal_trouble(const struct journal *journal)
{
    if (journal->hindrance[0] != '\0')
        return journal->hindrance;
    bool well = journal->state == JOURNAL_LEADING || journal->state == JOURNAL_WAITING;
    return well ? "" : journal->why;
}
