/* What ended longer ago than `retention` leaves, shard by shard, a small transaction at a time and
 * one at a time, over the reader's connection: questions are answered between two of them, and no
 * write waits for one. What cannot be deleted now is looked for again. */
#include "forget.h"

#include <stdlib.h>
#include <string.h>

#include <journal_sql.h>

#include "ticks.h"

#define FORGET_ROWS_MAX 256
/* Where there was nothing to do; where there was, the next comes after a breath. */
#define FORGET_PAUSE_US  UINT64_C(1000000)
#define FORGET_BREATH_US UINT64_C(2000)
/* What ended later than those beside it is found when all is looked through again. */
#define FORGET_AGAIN_US UINT64_C(3600000000)

static void forget_in(struct journal *journal, uint64_t us)
{
    event_in(journal->forget.timer, us);
}

static void forget_take(struct ask *ask, const PGresult *result)
{
    struct journal *journal = ask->journal;
    ask->attempt = (uint32_t)field_int8(result, 0, 0);
    if (ask->attempt > 0)
        (void)field_uuid(result, 0, 1, journal->forget.behind[journal->forget.shard].bytes);
}

static void forget_end(struct ask *ask, int error)
{
    struct journal *journal = ask->journal;
    uint32_t gone = error == TROTH_OK ? ask->attempt : 0;
    journal->forget.asking = false;
    journal->stats.forgotten += gone;
    if (gone < FORGET_ROWS_MAX)
        journal->forget.shard = (journal->forget.shard + 1) % journal->shards;
    forget_in(journal, gone > 0 ? FORGET_BREATH_US : FORGET_PAUSE_US);
}

const struct ask_kind ask_forget = {
    .name = "forget",
    .sql = journal_sql_forget,
    .writes = true,
    .take = forget_take,
    .end = forget_end,
};

static void forget_ask(struct journal *journal)
{
    uint64_t now_us = clock_mono_us(), wall_us = now_us + (uint64_t)journal->clock_wall_us;
    struct ask *ask;
    troth_gtid least;
    if (wall_us <= journal->retention_us)
        return;
    if (now_us >= journal->forget.again_us) {
        memset(journal->forget.behind, 0, journal->shards * sizeof *journal->forget.behind);
        journal->forget.again_us = now_us + FORGET_AGAIN_US;
    }
    ask = ask_create(journal, &ask_forget, NULL);
    if (ask == NULL)
        return;
    least = gtid_of_time(wall_us - journal->retention_us);
    params_int4(&ask->params, (int32_t)journal->forget.shard);
    params_int4(&ask->params, (int32_t)journal_epoch(journal, journal->forget.shard));
    params_time(&ask->params, (struct wall){wall_us - journal->retention_us});
    params_uuid(&ask->params, least.bytes);
    params_uuid(&ask->params, journal->forget.behind[journal->forget.shard].bytes);
    params_int8(&ask->params, FORGET_ROWS_MAX);
    journal->forget.asking = true;
    ask_send(ask);
}

static bool is_led(const struct journal *journal)
{
    return journal_shard(journal, journal->forget.shard) == JOURNAL_SHARD_LED;
}

static void forget_on_time(evutil_socket_t fd, short what, void *arg)
{
    struct journal *journal = arg;
    (void)fd;
    (void)what;
    if (journal->step == STEP_STOPPED || journal->reader.closed)
        return;
    if (journal->state == JOURNAL_LEADING && journal->forget.behind == NULL)
        journal->forget.behind = calloc(journal->shards, sizeof *journal->forget.behind);
    if (journal->state == JOURNAL_LEADING && journal->forget.behind != NULL) {
        for (uint32_t i = 0; i < journal->shards && !is_led(journal); i++)
            journal->forget.shard = (journal->forget.shard + 1) % journal->shards;
        if (is_led(journal))
            forget_ask(journal);
    }
    if (!journal->forget.asking)
        forget_in(journal, FORGET_PAUSE_US);
}

int forget_init(struct journal *journal)
{
    journal->forget.timer = event_new(journal->base, -1, 0, forget_on_time, journal);
    if (journal->forget.timer == NULL)
        return TROTH_ERROR_NO_MEMORY;
    if (journal->retention_us != 0)
        forget_in(journal, FORGET_PAUSE_US);
    return TROTH_OK;
}

void forget_finish(struct journal *journal)
{
    if (journal->forget.timer != NULL)
        event_free(journal->forget.timer);
    free(journal->forget.behind);
}
