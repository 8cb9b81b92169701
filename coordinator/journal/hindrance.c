/* What hinders the writes, in the database's words. A commit that hangs says nothing by itself: its
 * session does, to whoever asks from another one. The keeper has nothing better to do meanwhile,
 * since who can not write does not renew the lease. */
#include <stdio.h>
#include <string.h>

#include "inner.h"
#include "session.h"

/* The oldest statement of a lane of this journal is the one that the others wait for. A role sees
 * its own sessions' waits, and of everybody's the names, without further rights. */
static const char hindrance_sql[] =
    "select case when a.wait_event = 'SyncRep' then format('a commit waits for a synchronous "
    "standby: synchronous_standby_names is ''%s'', standbys connected: %s', "
    "current_setting('synchronous_standby_names'), (select count(*) from pg_stat_replication)) "
    "when b.pid is not null then format('a write waits for a lock that session %s (user %s, %s) "
    "holds', b.pid, b.usename, coalesce(nullif(b.application_name, ''), 'without a name')) "
    "else format('the database waits for %s %s', a.wait_event_type, a.wait_event) end "
    "from pg_stat_activity a left join lateral (select h.pid, h.usename, h.application_name "
    "from unnest(pg_blocking_pids(a.pid)) as u (pid) join pg_stat_activity h using (pid) limit 1) "
    "b on true where starts_with(a.application_name, $1) and a.state = 'active' "
    "and a.wait_event is not null order by a.query_start limit 1";

void hindrance_note(struct journal *journal, const char *why)
{
    if (strcmp(journal->hindrance, why) == 0)
        return;
    snprintf(journal->hindrance, sizeof journal->hindrance, "%s", why);
    if (journal->state != JOURNAL_LEADING)
        journal_state_set(journal, journal->state, why);
}

static void hindrance_on_found(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct troth_span words = field_text(result, 0, 0);
    char why[LINK_WHY_MAX];

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0 ||
        alive_can_write(journal) || journal->step == STEP_STOPPED)
        return;
    snprintf(why, sizeof why, "%.*s", (int)words.len, words.data);
    hindrance_note(journal, why);
}

void hindrance_ask(struct journal *journal)
{
    struct link *keeper = &journal->keeper;
    struct link_params view;

    params_clear(&journal->params);
    params_string(&journal->params, journal->application_name);
    if (!params_view(&journal->params, &view))
        return;
    journal->hindrance_asked_us = clock_mono_us();
    link_query(keeper, hindrance_sql, &view, hindrance_on_found, journal);
    if (keeper->broken)
        return;
    link_sync(keeper, NULL, NULL);
    link_send(keeper);
}

const char *journal_trouble(const struct journal *journal)
{
    if (journal->hindrance[0] != '\0')
        return journal->hindrance;
    return journal->state == JOURNAL_LEADING ? "" : journal->why;
}
