/* take.c: see take.h. */
#include "take.h"

#include <stdio.h>
#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "alive.h"
#include "held.h"
#include "load.h"
#include "session.h"
#include "ticks.h"

static const uint8_t nobody[16];

/* An error at any step: a new connection. What has been said of it is the lane's matter. */
static bool broke(struct journal *journal, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (journal->step == STEP_STOPPED)
        return true;
    if (status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC || status == PGRES_COMMAND_OK)
        return false;
    if (session_is_shared(result))
        state_stop(journal, session_shared_why);
    link_reset(&journal->taker);
    return true;
}

static void say(struct journal *journal, const char *sql, link_fn fn)
{
    struct link_params view;
    if (journal->taker.broken)
        return;
    if (params_view(&journal->params, &view))
        link_query(&journal->taker, sql, &view, fn, journal);
    else
        link_reset(&journal->taker);
}

static void sync(struct journal *journal, link_fn fn)
{
    if (!journal->taker.broken)
        link_sync(&journal->taker, fn, journal);
    link_send(&journal->taker);
}

static void shards_param(struct journal *journal)
{
    const struct take *take = &journal->take;
    params_array(&journal->params, PARAM_INT4, take->count);
    for (uint32_t i = 0; i < take->count; i++)
        param_element_int4(&journal->params, take->shards[i]);
}

static void drop(struct take *take, uint32_t i)
{
    take->count--;
    take->shards[i] = take->shards[take->count];
    memcpy(take->owners[i], take->owners[take->count], sizeof take->owners[i]);
    take->free_us[i] = take->free_us[take->count];
}

/* --- the epochs ------------------------------------------------------------------------------- */

static int32_t epoch_of(const PGresult *result, uint32_t shard)
{
    for (int i = 0; i < PQntuples(result); i++)
        if ((uint32_t)field_int4(result, i, 0) == shard)
            return field_int4(result, i, 1);
    return 0;
}

static void on_raise(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct take *take = &journal->take;
    if (broke(journal, result))
        return;
    for (int i = 0; i < PQntuples(result); i++)
        take->lost += field_bool(result, i, 2);
    for (uint32_t i = take->count; i-- > 0;) {
        int32_t epoch = epoch_of(result, take->shards[i]);

        if (epoch > 0)
            journal->held[take->shards[i]].seen_epoch = (uint32_t)epoch;
        else
            drop(take, i); /* the lease was lost in between */
    }
}

/* Whether the leader before has lost something cannot be known: it may have. */
static void say_loss(struct journal *journal)
{
    char line[LINK_WHY_MAX];
    if (journal->take.lost == 0)
        return;
    journal->stats.lost_shards += journal->take.lost;
    (void)snprintf(
        line, sizeof line,
        "the journal may have gone back: of %u shards the leader before wrote on another "
        "server or timeline, and not to a synchronous standby. What is undecided there "
        "is parked (trothctl tx list --parked), and who asks for what is not there is "
        "told unknown",
        journal->take.lost);
    journal->callbacks.state(journal->arg, journal->state, line);
}

/* They count only when their sync is back: until then nothing is durable. */
static void on_raised(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct take *take = &journal->take;
    if (broke(journal, result) || take->step != TAKE_RAISE ||
        PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    CRASH_POINT("journal.epoch.raised");
    alive_wrote(journal);
    for (uint32_t i = 0; i < take->count; i++) {
        struct held *held = &journal->held[take->shards[i]];

        held->epoch = held->seen_epoch;
        held->seq = 0;
        held->had_us = take->had_us;
        held->lease_until_us = take->asked_us + journal->lease_us;
        held_set(journal, take->shards[i], JOURNAL_SHARD_TAKING, "its epoch is raised");
    }
    take->step = TAKE_LOAD;
    say_loss(journal);
    load_next(journal);
}

/* What is left of those who had them. */
static void terminate(struct journal *journal)
{
    const struct take *take = &journal->take;
    char prefix[sizeof journal->application_name];
    uint32_t dead = 0;
    for (uint32_t i = 0; i < take->count; i++)
        dead += memcmp(take->owners[i], nobody, sizeof nobody) != 0;
    if (dead == 0)
        return;
    (void)snprintf(prefix, sizeof prefix, "troth:%s:", journal->id);
    params_clear(&journal->params);
    params_string(&journal->params, prefix);
    params_array(&journal->params, PARAM_UUID, dead);
    for (uint32_t i = 0; i < take->count; i++)
        if (memcmp(take->owners[i], nobody, sizeof nobody) != 0)
            param_element_bytes(&journal->params, (struct troth_span){(const char *)take->owners[i],
                                                                      sizeof take->owners[i]});
    say(journal, journal_sql_owner_terminate, NULL);
    sync(journal, NULL);
}

static void on_check(void *arg, PGresult *result)
{
    (void)broke(arg, result);
}

static void raise_epochs(struct journal *journal)
{
    struct take *take = &journal->take;
    take->step = TAKE_RAISE;
    terminate(journal);
    session_check(&journal->taker, &journal->params, on_check, journal);
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    shards_param(journal);
    params_array(&journal->params, PARAM_INT4, take->count);
    for (uint32_t i = 0; i < take->count; i++)
        param_element_int4(&journal->params, journal->held[take->shards[i]].seen_epoch);
    CRASH_POINT("journal.epoch.raise");
    say(journal, journal_sql_epoch_raise, on_raise);
    sync(journal, on_raised);
}

/* --- the leases ------------------------------------------------------------------------------- */

static void on_lease(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct take *take = &journal->take;
    if (broke(journal, result))
        return;
    take->count = 0;
    for (int i = 0; i < PQntuples(result); i++) {
        uint32_t at = take->count, shard = (uint32_t)field_int4(result, i, 0);

        if (shard >= journal->shards || journal_shard(journal, shard) != JOURNAL_SHARD_FOREIGN)
            continue;
        take->shards[at] = shard;
        take->free_us[at] = (uint64_t)field_int8(result, i, 2);
        if (!field_uuid(result, i, 1, take->owners[at]))
            memcpy(take->owners[at], nobody, sizeof nobody);
        take->count++;
    }
}

static void on_leased(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (broke(journal, result) || journal->take.step != TAKE_LEASE ||
        PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->take.count == 0) { /* another one was faster */
        journal->take.step = TAKE_IDLE;
        return;
    }
    CRASH_POINT("journal.lease.taken");
    journal->take.had_us = clock_mono_us();
    raise_epochs(journal);
}

void take_begin(struct journal *journal, const uint32_t *shards, uint32_t count)
{
    struct take *take = &journal->take;
    if (take->step != TAKE_IDLE || count == 0 || journal->taker.state != LINK_UP ||
        journal->taker.broken)
        return;
    *take = (struct take){.step = TAKE_LEASE, .count = count, .shard = -1};
    memcpy(take->shards, shards, count * sizeof take->shards[0]);
    take->asked_us = clock_mono_us();
    params_clear(&journal->params);
    params_string(&journal->params, journal->node);
    params_uuid(&journal->params, journal->owner);
    params_int8(&journal->params, (int64_t)journal->lease_us);
    shards_param(journal);
    CRASH_POINT("journal.lease.take");
    say(journal, journal_sql_lease_take, on_lease);
    sync(journal, on_leased);
}

/* --- the connection --------------------------------------------------------------------------- */

static void on_ready(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (broke(journal, result) || PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->take.step == TAKE_LOAD)
        load_next(journal);
}

static void taker_up(void *arg)
{
    struct journal *journal = arg;
    struct link *link = &journal->taker;
    char name[sizeof journal->application_name];
    struct session_settings settings = {.application_name = name,
                                        .plan_cache_mode = "force_generic_plan"};
    if (journal->step == STEP_STOPPED)
        return;
    journal->taker_sweeps = false;
    state_session_name(journal, "take", name, sizeof name);
    session_begin(link, &journal->params, &settings, on_ready, journal);
    session_prepare(link, on_ready, journal);
    sync(journal, on_ready);
}

static void taker_down(void *arg, const char *why)
{
    struct journal *journal = arg;
    (void)why;
    if (journal->take.step != TAKE_LOAD)
        journal->take.step = TAKE_IDLE; /* if they are ours, they are had again */
}

int take_init(struct journal *journal)
{
    static const struct link_callbacks callbacks = {.up = taker_up, .down = taker_down};
    int error = link_init(&journal->taker, journal->base, journal->conninfo, "troth taker",
                          &callbacks, journal);
    journal->taker.resolver = journal->resolver;
    journal->taker.silence_us = journal->write_timeout_us;
    return error;
}

void take_finish(struct journal *journal)
{
    link_finish(&journal->taker);
}

void take_start(struct journal *journal)
{
    if (journal->taker.state == LINK_DOWN && journal->taker.conn == NULL)
        state_start_beside_lane(journal, &journal->taker);
}
