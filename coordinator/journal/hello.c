/* Whose journal is it, and is it fit for one? The first that the lane asks on a new connection. */
#include "hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <journal_sql.h>

#include "alive.h"
#include "clock.h"
#include "held.h"
#include "lease.h"
#include "lost.h"
#include "session.h"
#include "steps.h"
#include "take.h"
#include "ticks.h"

#define RUN_MIGRATE "run: trothd migrate"

static bool hello_schema_fits(struct journal *journal, PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    int version;
    if (state != NULL && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0)) {
        state_stop(journal, "the database has no journal; " RUN_MIGRATE);
        return false;
    }
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return true; /* another matter */
    version = PQntuples(result) == 1 ? field_int4(result, 0, 2) : 0;
    if (version < JOURNAL_SCHEMA_VERSION)
        state_stop(journal, "the journal's schema is older than this program; " RUN_MIGRATE);
    else if (version > JOURNAL_SCHEMA_VERSION)
        state_stop(journal, "the journal's schema is newer than this program: start the newer "
                            "trothd");
    return version == JOURNAL_SCHEMA_VERSION;
}

static bool hello_take(struct journal *journal, PGresult *result)
{
    struct troth_span id = field_text(result, 0, 0);
    uint32_t shards = (uint32_t)field_int4(result, 0, 1);
    if (!troth_journal_id_valid(id.data, id.len) || shards == 0 || shards > TROTH_SHARDS_MAX) {
        state_stop(journal, "the journal's own row makes no sense");
        return false;
    }
    if (journal->id[0] != '\0') {
        if (memcmp(journal->id, id.data, id.len) == 0 && journal->shards == shards)
            return true;
        state_stop(journal, "the database holds another journal than before");
        return false;
    }
    journal->shards = shards;
    if (journal->held == NULL && held_init(journal) != TROTH_OK) {
        link_reset(&journal->lane.link);
        return false;
    }
    memcpy(journal->id, id.data, id.len);
    state_session_name(journal, "lane", journal->application_name,
                       sizeof journal->application_name);
    keeper_start(journal);
    take_start(journal);
    return true;
}

/* --- the database ------------------------------------------------------------------------------
 */

static void hello_on_begun(void *arg, PGresult *result)
{
    (void)steps_failed(arg, result);
}

/* Said once a connection: what it may cost is the operator's decision. */
static void hello_warn(struct journal *journal, const char *why)
{
    char line[LINK_WHY_MAX + 40];
    (void)snprintf(line, sizeof line, "journal_unsafe = allow: %s", why);
    journal->callbacks.state(journal->arg, journal->state, line);
}

/* A standby may be promoted, or another host is the primary; all else stays until somebody mends
 * it. */
static void hello_on_fit(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    char why[LINK_WHY_MAX];
    if (journal->step == STEP_STOPPED || steps_failed(journal, result))
        return;
    switch (session_fit(result, why, sizeof why)) {
    case SESSION_FIT:
        return;
    case SESSION_STANDBY:
        state_set(journal, JOURNAL_CONNECTING, why);
        journal->hello_failed = true;
        link_refuse(&journal->lane.link);
        return;
    case SESSION_UNSAFE:
        if (journal->unsafe)
            hello_warn(journal, why);
        else
            state_stop(journal, why);
        return;
    case SESSION_UNFIT:
        state_stop(journal, why);
        return;
    }
}

static void hello_on_check(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED)
        return;
    if (session_is_shared(result))
        state_stop(journal, session_shared_why);
    else
        (void)steps_failed(journal, result);
}

static void hello_on_journal(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED || !hello_schema_fits(journal, result) ||
        steps_failed(journal, result) || !hello_take(journal, result))
        return;
    clock_note(journal, journal->hello_asked_us, field_time(result, 0, 3));
    if (held_count(journal, JOURNAL_SHARD_FOREIGN) > 0)
        lost_look(journal); /* and goes on, if all is there */
    else if (clock_is_right(journal))
        steps_ready(journal);
    else
        link_refuse(&journal->lane.link);
}

/* --- is the session ours alone? ----------------------------------------------------------------
 *
 * The keeper has put its mark on its session, and then the lane looks for its own. A pooler in
 * transaction mode gives the lane either the session that the keeper has just used, with the
 * keeper's mark, or another one that has none. */

static void prove_on_check(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step != STEP_PROVE)
        return;
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        hello_on_check(arg, result);
        return;
    }
    if (journal->lane.flight == NULL) /* else that has to succeed */
        alive_wrote(journal);
    state_step(journal, STEP_READY);
    state_update(journal, state_can_write(journal)
                              ? "connected"
                              : "connected again: what has no answer is written again");
    state_wake_lane(journal);
    state_hurry_keeper(journal);
}

/* The keeper has put its mark. */
static void prove_on_due(evutil_socket_t fd, short what, void *arg)
{
    struct journal *journal = arg;
    (void)fd;
    (void)what;
    if (journal->step != STEP_PROVE || !journal->keeper_marked || journal->lane.link.broken)
        return;
    session_check(&journal->lane.link, &journal->params, prove_on_check, journal);
    steps_sync(journal, prove_on_check);
}

void hello_begin(struct journal *journal)
{
    /* Plans that were made on empty tables must not stay sequential scans. */
    static const struct session_settings settings = {.plan_cache_mode = "force_generic_plan"};
    struct link *link = &journal->lane.link;

    state_step(journal, STEP_HELLO);
    session_begin(link, &journal->params, &settings, hello_on_begun, journal);
    steps_sync(journal, NULL);
    params_clear(&journal->params);
    steps_query(journal, journal_sql_session_fit, hello_on_fit);
    session_prepare(link, hello_on_check, journal);
    session_check(link, &journal->params, hello_on_check, journal);
    steps_sync(journal, NULL);
    params_clear(&journal->params);
    journal->hello_asked_us = clock_mono_us();
    steps_query(journal, journal_sql_hello, hello_on_journal);
    steps_sync(journal, NULL);
}

int hello_init(struct journal *journal)
{
    journal->proving = event_new(journal->base, -1, 0, prove_on_due, journal);
    return journal->proving == NULL ? TROTH_ERROR_NO_MEMORY : TROTH_OK;
}

void hello_finish(struct journal *journal)
{
    if (journal->proving != NULL)
        event_free(journal->proving);
}
