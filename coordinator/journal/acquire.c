/* From a fresh connection to a lane that may write: see the steps in state.h. */
#include "acquire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "alive.h"
#include "beat.h"
#include "lane.h"
#include "lease.h"
#include "load.h"
#include "ticks.h"

#define WAIT_MIN_US UINT64_C(20000)
/* How often a node looks at one of its own name: an earlier self's session ends soon. */
#define TWIN_WAIT_US UINT64_C(100000)

void acquire_query(struct journal *journal, const char *sql, link_fn fn)
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

void acquire_sync(struct journal *journal, link_fn fn)
{
    if (journal->lane.link.broken)
        return;
    link_sync(&journal->lane.link, fn, journal);
    link_send(&journal->lane.link);
}

/* An error at any of these steps: say so, and begin again with a new connection. */
bool acquire_failed(struct journal *journal, PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    ExecStatusType status = PQresultStatus(result);
    if (journal->step == STEP_STOPPED) /* another connection found out */
        return true;
    if (status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC || status == PGRES_COMMAND_OK)
        return false;
    if (status == PGRES_FATAL_ERROR) {
        journal->acquire_failed = true;
        state_set(journal, JOURNAL_CONNECTING, text == NULL ? "the database failed" : text);
    }
    link_reset(&journal->lane.link);
    return true;
}

/* --- after a loss: the same memory goes on -----------------------------------------------------
 */

static void acquire_on_ready(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result) || PQresultStatus(result) != PGRES_PIPELINE_SYNC ||
        journal->step == STEP_STOPPED)
        return;
    state_step(journal, STEP_LOAD);
    load_next(journal);
}

static void acquire_on_reclaim(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result))
        return;
    if (PQntuples(result) != 1 || field_int8(result, 0, 0) != (int64_t)journal->shards) {
        state_stop(journal, "another node took the lease over");
        return;
    }
    CRASH_POINT("journal.lease.reclaimed");
    journal->lease_until_us = journal->lease_asked_us + journal->lease_us;
}

/* Its own row's end is nobody's business: failing to end older sessions only means waiting. */
static void acquire_terminate(struct journal *journal)
{
    params_clear(&journal->params);
    params_string(&journal->params, journal->application_name);
    params_uuid(&journal->params, journal->owner);
    acquire_query(journal, journal_sql_lane_name, NULL);
    acquire_query(journal, journal_sql_lane_terminate, NULL);
    acquire_sync(journal, NULL);
}

void acquire_reclaim(struct journal *journal)
{
    state_step(journal, STEP_RECLAIM);
    acquire_terminate(journal);
    journal->lease_asked_us = clock_mono_us();
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    params_int8(&journal->params, (int64_t)journal->lease_us);
    CRASH_POINT("journal.lease.reclaim");
    acquire_query(journal, journal_sql_lease_reclaim, acquire_on_reclaim);
    acquire_sync(journal, NULL);
    if (!journal->lane.link.broken)
        lane_prepare(journal);
    beat_prepare(journal);
    acquire_sync(journal, acquire_on_ready);
}

/* --- taking over --------------------------------------------------------------------------------
 */

static void acquire_on_raise(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    uint32_t *epochs;
    if (acquire_failed(journal, result))
        return;
    if (PQntuples(result) != (int)journal->shards) { /* the lease was lost in between */
        acquire_lease(journal);
        return;
    }
    epochs = calloc(journal->shards, sizeof *epochs);
    if (epochs == NULL) {
        link_reset(&journal->lane.link);
        return;
    }
    journal->stats.lost_shards = 0;
    for (int i = 0; i < PQntuples(result); i++) {
        uint32_t shard = (uint32_t)field_int4(result, i, 0);

        if (shard < journal->shards)
            epochs[shard] = (uint32_t)field_int4(result, i, 1);
        journal->stats.lost_shards += field_bool(result, i, 2);
    }
    free(journal->epochs);
    journal->epochs = epochs;
}

/* Whether the leader before has lost something cannot be known: it may have. */
static void acquire_say_loss(struct journal *journal)
{
    char line[LINK_WHY_MAX];
    if (journal->stats.lost_shards == 0)
        return;
    (void)snprintf(
        line, sizeof line,
        "the journal may have gone back: of %u shards the leader before wrote on another "
        "server or timeline, and not to a synchronous standby. What is undecided there "
        "is parked (trothctl tx list --parked), and who asks for what is not there is "
        "told unknown",
        journal->stats.lost_shards);
    journal->callbacks.state(journal->arg, journal->state, line);
}

/* The epochs count only when their sync is back: until then nothing is durable. */
static void acquire_on_raised(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        free(journal->epochs);
        journal->epochs = NULL;
    }
    if (acquire_failed(journal, result) || journal->step != STEP_RAISE)
        return;
    CRASH_POINT("journal.epoch.raised");
    alive_wrote(journal);
    acquire_say_loss(journal);
    lease_start(journal);
    if (!journal->lane.link.broken)
        lane_prepare(journal);
    beat_prepare(journal);
    acquire_sync(journal, acquire_on_ready);
}

static void acquire_raise(struct journal *journal)
{
    state_step(journal, STEP_RAISE);
    acquire_terminate(journal);
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    CRASH_POINT("journal.epoch.raise");
    acquire_query(journal, journal_sql_epoch_raise, acquire_on_raise);
    acquire_sync(journal, acquire_on_raised);
}

/* Its lease is renewed while we look: no earlier self that is about to be gone. */
static bool acquire_twin_lives(struct journal *journal, int64_t until)
{
    char why[400];
    if (journal->twin_until == 0)
        journal->twin_until = until;
    if (until <= journal->twin_until)
        return false;
    snprintf(why, sizeof why,
             "another trothd that is called \"%s\", too, lives and leads this journal: give each "
             "node a name of its own (--node)",
             journal->node);
    state_stop(journal, why);
    return true;
}

static void acquire_wait(struct journal *journal, PGresult *result)
{
    int64_t left = field_int8(result, 0, 1) + (int64_t)WAIT_MIN_US;
    uint64_t third = journal->lease_us / 3;
    struct troth_span node = field_text(result, 0, 2);
    uint64_t wait = left < (int64_t)WAIT_MIN_US ? WAIT_MIN_US : (uint64_t)left;
    char why[160];
    if (node.len != strlen(journal->node) || memcmp(node.data, journal->node, node.len) != 0)
        journal->twin_until = 0;
    else if (acquire_twin_lives(journal, field_int8(result, 0, 3)))
        return;
    else if (wait > TWIN_WAIT_US)
        wait = TWIN_WAIT_US;
    snprintf(why, sizeof why, "node %.*s holds the lease", (int)node.len,
             node.data == NULL ? "" : node.data);
    state_step(journal, STEP_WAIT);
    state_set(journal, JOURNAL_WAITING, why);
    event_in(journal->acquire_timer, wait < third ? wait : third);
}

static void acquire_on_lease(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result))
        return;
    if (field_bool(result, 0, 0)) {
        CRASH_POINT("journal.lease.taken");
        journal->lease_until_us = journal->lease_asked_us + journal->lease_us;
        acquire_raise(journal);
    } else {
        acquire_wait(journal, result);
    }
}

void acquire_lease(struct journal *journal)
{
    state_step(journal, STEP_LEASE);
    journal->lease_asked_us = clock_mono_us();
    params_clear(&journal->params);
    params_string(&journal->params, journal->node);
    params_uuid(&journal->params, journal->owner);
    params_int8(&journal->params, (int64_t)journal->lease_us);
    params_string(&journal->params, journal->application_name);
    CRASH_POINT("journal.lease.take");
    acquire_query(journal, journal_sql_lease_acquire, acquire_on_lease);
    acquire_sync(journal, NULL);
}

static void acquire_on_time(evutil_socket_t fd, short what, void *arg)
{
    struct journal *journal = arg;
    (void)fd;
    (void)what;
    if (journal->step == STEP_WAIT && journal->lane.link.state == LINK_UP)
        acquire_lease(journal);
}

int acquire_init(struct journal *journal)
{
    journal->acquire_timer = event_new(journal->base, -1, 0, acquire_on_time, journal);
    return journal->acquire_timer == NULL ? TROTH_ERROR_NO_MEMORY : TROTH_OK;
}

void acquire_finish(struct journal *journal)
{
    if (journal->acquire_timer != NULL)
        event_free(journal->acquire_timer);
}
