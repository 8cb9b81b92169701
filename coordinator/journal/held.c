/* held.c: see held.h. */
#include "held.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "ticks.h"

int held_init(struct journal *journal)
{
    journal->held = calloc(journal->shards, sizeof *journal->held);
    return journal->held == NULL ? TROTH_ERROR_NO_MEMORY : TROTH_OK;
}

void held_finish(struct journal *journal)
{
    free(journal->held);
}

uint32_t held_count(const struct journal *journal, enum journal_shard_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; journal->held != NULL && i < journal->shards; i++)
        count += state == JOURNAL_SHARD_FOREIGN ? journal->held[i].state != JOURNAL_SHARD_FOREIGN
                                                : journal->held[i].state == state;
    return count;
}

bool held_writes(const struct journal *journal, uint32_t shard)
{
    enum journal_shard_state state = journal_shard(journal, shard);
    return state == JOURNAL_SHARD_LED || state == JOURNAL_SHARD_LEAVING;
}

enum journal_shard_state journal_shard(const struct journal *journal, uint32_t shard)
{
    if (journal->held == NULL || shard >= journal->shards)
        return JOURNAL_SHARD_FOREIGN;
    return journal->held[shard].state;
}

uint32_t journal_epoch(const struct journal *journal, uint32_t shard)
{
    return journal->held == NULL || shard >= journal->shards ? 0 : journal->held[shard].epoch;
}

void held_set(struct journal *journal, uint32_t shard, enum journal_shard_state state,
              const char *why)
{
    static const uint32_t next[] = {
        [JOURNAL_SHARD_FOREIGN] = 1u << JOURNAL_SHARD_TAKING,
        [JOURNAL_SHARD_TAKING] = 1u << JOURNAL_SHARD_LED | 1u << JOURNAL_SHARD_FOREIGN,
        [JOURNAL_SHARD_LED] = 1u << JOURNAL_SHARD_LEAVING | 1u << JOURNAL_SHARD_FOREIGN,
        [JOURNAL_SHARD_LEAVING] = 1u << JOURNAL_SHARD_FOREIGN,
    };
    struct held *held = &journal->held[shard];
    assert((next[held->state] >> state & 1) != 0);
    held->state = state;
    held->given = false;
    if (state == JOURNAL_SHARD_FOREIGN)
        held->epoch = 0;
    if (journal->callbacks.shard != NULL)
        journal->callbacks.shard(journal->arg, shard, state, why);
    else if (state == JOURNAL_SHARD_LEAVING)
        journal_give(journal, shard);
}

void held_lose(struct journal *journal, uint32_t shard, const char *why)
{
    if (journal_shard(journal, shard) == JOURNAL_SHARD_FOREIGN)
        return;
    journal->stats.shards_lost++;
    journal->dropped(journal, shard);
    held_set(journal, shard, JOURNAL_SHARD_FOREIGN, why);
    state_update(journal, why);
}

/* --- handing over --------------------------------------------------------------------------- */

/* The keeper's statements here are few and small, and nobody waits for their answers: where one is
 * lost with its connection, the lease runs out by itself. */
static bool keeper_say(struct journal *journal, const char *sql)
{
    struct link *keeper = &journal->keeper;
    struct link_params view;
    if (keeper->state != LINK_UP || keeper->broken || !params_view(&journal->params, &view))
        return false;
    link_query(keeper, sql, &view, NULL, NULL);
    if (!keeper->broken)
        link_sync(keeper, NULL, NULL);
    link_send(keeper);
    return true;
}

static bool say_heir(struct journal *journal, uint32_t shard, const char *sql)
{
    static const uint8_t nobody[16];
    const struct held *held = &journal->held[shard];
    params_clear(&journal->params);
    params_uuid(&journal->params, journal->owner);
    params_int4(&journal->params, (int32_t)shard);
    if (memcmp(held->meant_for, nobody, sizeof nobody) != 0)
        params_uuid(&journal->params, held->meant_for);
    else
        params_text(&journal->params, (struct troth_span){0});
    params_int8(&journal->params, (int64_t)journal->lease_us);
    return keeper_say(journal, sql);
}

void held_leave(struct journal *journal, uint32_t shard, const uint8_t owner[16], const char *why)
{
    struct held *held = &journal->held[shard];
    memcpy(held->meant_for, owner, sizeof held->meant_for);
    CRASH_POINT("journal.lease.promise");
    (void)say_heir(journal, shard, journal_sql_lease_promise);
    held_set(journal, shard, JOURNAL_SHARD_LEAVING, why);
}

static bool has_rows(const struct journal *journal, uint32_t shard)
{
    const struct lane *lane = &journal->lane;
    for (const struct row *row = lane->queue.first; row != NULL; row = row->next)
        if (row->shard == shard)
            return true;
    for (const struct batch *batch = lane->flight; batch != NULL; batch = batch->next)
        for (size_t i = 0; i < batch->count; i++)
            if (batch->rows[i]->shard == shard)
                return true;
    return false;
}

void held_settle(struct journal *journal)
{
    bool waits = false;
    for (uint32_t shard = 0; journal->held != NULL && shard < journal->shards; shard++) {
        const struct held *held = &journal->held[shard];

        if (held->state != JOURNAL_SHARD_LEAVING || !held->given)
            continue;
        if (has_rows(journal, shard)) {
            waits = true;
            continue;
        }
        CRASH_POINT("journal.lease.give");
        if (!say_heir(journal, shard, journal_sql_lease_give))
            continue; /* when the keeper is connected again */
        CRASH_POINT("journal.lease.given");
        journal->stats.shards_given++;
        held_set(journal, shard, JOURNAL_SHARD_FOREIGN, "handed over");
        state_update(journal, "its last shard is handed over");
    }
    journal->lane.hurries = waits;
    if (waits)
        state_wake_lane(journal);
}

void journal_give(struct journal *journal, uint32_t shard)
{
    if (journal_shard(journal, shard) != JOURNAL_SHARD_LEAVING)
        return;
    journal->held[shard].given = true;
    event_active(journal->keeper_timer, EV_TIMEOUT, 0);
}
