/* What is still open of what began some time ago is noted, so that history need not be looked
 * through for it. */
#include "sweep.h"

#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "held.h"
#include "lane.h"
#include "ticks.h"

#define SWEEP_NAME "sweep"
/* A sweep in a batch looks at so many rows at most, and comes when so many have ended. The batch
 * waits for it: some milliseconds at most. */
#define SWEEP_ROWS_MAX 2048
#define SWEEP_DUE_ROWS 512u
/* What began later is left to the next sweep: most of it has ended by then. */
#define SWEEP_BEHIND_US UINT64_C(2000000)

void sweep_prepare(struct link *link)
{
    link_prepare(link, SWEEP_NAME, journal_sql_sweep, NULL, NULL);
}

/* Those that are written, or those that are being taken. */
static void sweep_params(struct journal *journal, struct params *params, bool taking)
{
    uint32_t shards[TROTH_SHARDS_MAX], count = 0;
    for (uint32_t shard = 0; shard < journal->shards; shard++) {
        bool taken = journal_shard(journal, shard) == JOURNAL_SHARD_TAKING;
        if (taking ? taken : held_writes(journal, shard))
            shards[count++] = shard;
    }
    params_clear(params);
    params_array(params, PARAM_INT4, count);
    for (uint32_t i = 0; i < count; i++)
        param_element_int4(params, shards[i]);
    params_array(params, PARAM_INT4, count);
    for (uint32_t i = 0; i < count; i++)
        param_element_int4(params, journal_epoch(journal, shards[i]));
}

/* What hinders it hinders its batch, which is then written without one. */
static void sweep_on_result(void *arg, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        lane_on_result(arg, result);
}

/* From the sending on the mark may be there: who is behind it looks after itself. */
static void sweep_up_to(struct lane *lane, const troth_gtid *gtid)
{
    if (memcmp(gtid->bytes, lane->swept.bytes, sizeof gtid->bytes) > 0)
        lane->swept = *gtid;
}

void sweep_send(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    uint64_t now_us = clock_mono_us() + (uint64_t)journal->clock_wall_us;
    troth_gtid up_to;
    if (lane->flight->rewritten || lane->ended < SWEEP_DUE_ROWS || now_us < SWEEP_BEHIND_US)
        return;
    if (!lane->sweeps)
        sweep_prepare(&lane->link);
    lane->sweeps = true;
    up_to = gtid_of_time(now_us - SWEEP_BEHIND_US);
    sweep_params(journal, &lane->params, false);
    params_uuid(&lane->params, up_to.bytes);
    params_int8(&lane->params, SWEEP_ROWS_MAX);
    CRASH_POINT("journal.sweep");
    lane_send_statement(journal, SWEEP_NAME, sweep_on_result);
    sweep_up_to(lane, &up_to);
    lane->ended = 0;
}

void sweep_all(struct journal *journal, link_fn fn)
{
    struct link *link = &journal->taker;
    struct link_params view;
    troth_gtid last;
    memset(last.bytes, 0xff, sizeof last.bytes);
    if (!journal->taker_sweeps)
        sweep_prepare(link);
    journal->taker_sweeps = true;
    sweep_params(journal, &journal->params, true);
    params_uuid(&journal->params, last.bytes);
    params_text(&journal->params, (struct troth_span){0});
    CRASH_POINT("journal.sweep_all");
    if (params_view(&journal->params, &view))
        link_execute(link, SWEEP_NAME, &view, fn, journal);
    else
        link_reset(link);
}

bool sweep_take(struct journal *journal, const PGresult *result)
{
    troth_gtid mark;
    CRASH_POINT("journal.swept_all");
    if (PQntuples(result) != 1 || !field_uuid(result, 0, 0, mark.bytes))
        return false;
    sweep_up_to(&journal->lane, &mark);
    return true;
}
