/* Renewal, at a third of the lease, on a connection of its own: never behind a batch or a list.
 * The lease says who tries; who may is the epoch's matter. */
#include "lease.h"

#include <stdio.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "beat.h"
#include "clock.h"
#include "held.h"
#include "hindrance.h"
#include "move.h"
#include "nodes.h"
#include "session.h"
#include "ticks.h"

#define LOOK_MOVING_US UINT64_C(100000) /* between two looks, while something moves */

static bool is_among(const PGresult *result, uint32_t shard)
{
    for (int i = 0; i < PQntuples(result); i++)
        if (!PQgetisnull(result, i, 0) && (uint32_t)field_int4(result, i, 0) == shard)
            return true;
    return false;
}

/* What was had only behind the asking is not lost when it is not among them. */
static void lease_on_renewed(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || journal->step == STEP_STOPPED)
        return; /* asked again at the next tick */
    CRASH_POINT("journal.lease.renewed");
    journal->keeper.silences = 0;
    clock_note(journal, journal->lease_asked_us, field_time(result, 0, 1));
    if (journal->step !=
        STEP_READY) /* the journal may have gone back, the leases with it (lost.c) */
        return;
    for (uint32_t shard = 0; shard < journal->shards; shard++) {
        struct held *held = &journal->held[shard];

        if (held->state == JOURNAL_SHARD_FOREIGN || held->had_us > journal->lease_asked_us)
            continue;
        if (is_among(result, shard))
            held->lease_until_us = journal->lease_asked_us + journal->lease_us;
        else
            held_lose(journal, shard, "another node took it over");
    }
    state_recover(journal, "the leases are renewed");
    state_wake_lane(journal);
}

static void lease_on_looked(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC || journal->step == STEP_STOPPED)
        return;
    move_apply(journal);
    event_active(journal->keeper_timer, EV_TIMEOUT, 0); /* it may be due earlier, or later */
}

static void keeper_on_check(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (session_is_shared(result) && journal->step != STEP_STOPPED)
        state_stop(journal, session_shared_why);
}

static void lease_ask(struct journal *journal)
{
    struct link_params view;
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    params_int8(&journal->params, (int64_t)journal->lease_us);
    if (journal->keeper.broken || !params_view(&journal->params, &view))
        return;
    journal->lease_asked_us = clock_mono_us();
    CRASH_POINT("journal.lease.renew");
    link_query(&journal->keeper, journal_sql_lease_renew, &view, lease_on_renewed, journal);
}

/* What is held is renewed, and this node says that it lives and looks who else does. */
static void lease_renew(struct journal *journal)
{
    session_check(&journal->keeper, &journal->params, keeper_on_check, journal);
    if (!journal->keeper.broken)
        link_query(&journal->keeper, journal_sql_lease_hurry, NULL, NULL, NULL);
    lease_ask(journal);
    nodes_announce(journal);
    nodes_ask(journal);
    if (journal->keeper.broken)
        return;
    link_sync(&journal->keeper, lease_on_looked, journal);
    link_send(&journal->keeper);
}

static void lease_look_around(struct journal *journal)
{
    nodes_ask(journal);
    if (journal->keeper.broken)
        return;
    link_sync(&journal->keeper, lease_on_looked, journal);
    link_send(&journal->keeper);
}

/* Six a lease, and two a write's timeout, so that both are seen in time. */
static uint64_t lease_tick_us(const struct journal *journal)
{
    uint64_t lease = journal->lease_us / 6, write = journal->write_timeout_us / 2;
    return lease < write ? lease : write;
}

static void lease_look(struct journal *journal)
{
    char why[LINK_WHY_MAX + 120];
    if (journal->state != JOURNAL_LEADING && journal->state != JOURNAL_WAITING)
        return;
    if (!state_can_write(journal)) {
        snprintf(why, sizeof why,
                 "no write to the journal has succeeded for longer than its timeout: the lease is "
                 "not renewed%s%s",
                 journal->hindrance[0] != '\0' ? "; " : "", journal->hindrance);
        state_update(journal, why);
    } else if (!state_lease_sure(journal)) {
        state_update(journal, "the lease was not renewed in time");
    }
}

static bool lease_is_due(const struct journal *journal, uint64_t since_us)
{
    return clock_mono_us() - since_us + journal->lease_us / 20 >= journal->lease_us / 3;
}

static bool is_hurried(const struct journal *journal)
{
    return journal->picture.moving || journal->picture.lacks || journal->twin_until != 0;
}

/* While something moves, and when a lease would run out. */
static bool look_is_due(const struct journal *journal)
{
    const struct picture *picture = &journal->picture;
    uint64_t now = clock_mono_us();
    if (is_hurried(journal))
        return now - picture->asked_us >= LOOK_MOVING_US;
    return now >= picture->ends_us && now - picture->asked_us >= LOOK_MOVING_US;
}

static void keeper_wake(struct journal *journal)
{
    uint64_t wait = lease_tick_us(journal), now = clock_mono_us();
    const struct picture *picture = &journal->picture;
    if (is_hurried(journal) && wait > LOOK_MOVING_US)
        wait = LOOK_MOVING_US;
    else if (picture->ends_us > now && picture->ends_us - now < wait)
        wait = picture->ends_us - now;
    event_in(journal->keeper_timer, wait);
}

void journal_look(struct journal *journal)
{
    struct picture *picture = &journal->picture;
    if (picture->lacks || journal->keeper_timer == NULL || journal->step == STEP_STOPPED)
        return;
    picture->lacks = true;
    keeper_wake(journal);
}

/* Renewed at a third, by who can write; a renewal that hangs gets a new connection (silence). */
static void lease_on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct journal *journal = arg;
    (void)fd;
    (void)what;
    if (journal->step == STEP_STOPPED)
        return;
    keeper_wake(journal);
    beat_send(journal);
    lease_look(journal);
    held_settle(journal);
    if (journal->keeper.state != LINK_UP || journal->keeper.broken ||
        journal->keeper.items_count != 0)
        return;
    if (!state_can_write(journal)) {
        if (lease_is_due(journal, journal->hindrance_asked_us))
            hindrance_ask(journal);
    } else if (lease_is_due(journal, journal->picture.announced_us) ||
               (journal->twin_until != 0 && look_is_due(journal))) {
        lease_renew(journal);
    } else if (look_is_due(journal)) {
        lease_look_around(journal);
    }
}

static void keeper_on_marked(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        keeper_on_check(arg, result);
        link_reset(&journal->keeper);
        return;
    }
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC || journal->step == STEP_STOPPED)
        return;
    journal->keeper_marked = true;
    event_active(journal->proving, EV_TIMEOUT, 0);
}

static void keeper_up(void *arg)
{
    struct journal *journal = arg;
    struct link *link = &journal->keeper;
    char name[100];
    struct session_settings settings = {.application_name = name};
    state_session_name(journal, "keep", name, sizeof name);
    session_begin(link, &journal->params, &settings, keeper_on_marked, journal);
    session_prepare(link, keeper_on_marked, journal);
    if (link->broken)
        return;
    link_sync(link, keeper_on_marked, journal);
    link_send(link);
    if (state_can_write(journal))
        lease_renew(journal);
}

static void keeper_down(void *arg, const char *why)
{
    struct journal *journal = arg;
    journal->keeper_marked = false;
    if (journal->step == STEP_PROVE && why[0] != '\0') { /* all but this is there */
        char line[LINK_WHY_MAX + 60];
        snprintf(line, sizeof line, "a second connection to it cannot be had: %s", why);
        state_set(journal, JOURNAL_CONNECTING, line);
    }
}

int lease_init(struct journal *journal)
{
    static const struct link_callbacks callbacks = {.up = keeper_up, .down = keeper_down};
    journal->keeper_timer = event_new(journal->base, -1, 0, lease_on_tick, journal);
    if (journal->keeper_timer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    int error = link_init(&journal->keeper, journal->base, journal->conninfo, "troth keeper",
                          &callbacks, journal);
    journal->keeper.resolver = journal->resolver;
    journal->keeper.silence_us = journal->lease_us / 2;
    return error;
}

void keeper_start(struct journal *journal)
{
    if (journal->keeper.state == LINK_DOWN && journal->keeper.conn == NULL)
        state_start_beside_lane(journal, &journal->keeper);
    event_in(journal->keeper_timer, lease_tick_us(journal));
}

static void farewell(struct journal *journal, const char *sql)
{
    struct link *link = &journal->lane.link;
    struct link_params view;
    if (link->state != LINK_UP || link->broken)
        return;
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    if (!params_view(&journal->params, &view))
        return;
    link_query(link, sql, &view, NULL, NULL);
    if (link->broken)
        return;
    link_sync(link, NULL, NULL);
    link_send(link);
}

/* A message in front of the farewell. */
void lease_give_back(struct journal *journal)
{
    if (journal->step == STEP_STOPPED || journal->id[0] == '\0')
        return;
    CRASH_POINT("journal.lease.give_back");
    farewell(journal, journal_sql_lease_give_back);
    farewell(journal, journal_sql_node_gone);
    CRASH_POINT("journal.lease.given_back");
}

void lease_finish(struct journal *journal)
{
    link_finish(&journal->keeper);
    if (journal->keeper_timer != NULL)
        event_free(journal->keeper_timer);
}
