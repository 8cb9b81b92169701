/* lost.c: has the journal gone back? Looked for where it can be known for sure: a leader knows its
 * epochs and what was acknowledged to it last. Batches are written one after the other, so that a
 * journal that has the last one's rows has all of them. Who has no such memory (after a takeover)
 * goes by the server's identity (epoch_raise.sql), and so does one that was away for longer than
 * its lease: somebody else may have led, and be lost with all that he wrote [TIMELINE]. And
 * participants tell which epochs they have seen. */
#include "lost.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "held.h"
#include "steps.h"
#include "ticks.h"

/* More above the own one than that no history explains: whoever tells it is mistaken, or means ill.
 */
#define LOST_EPOCHS_BELIEVED 65536u

/* The highest that anybody has seen, as far as it is known here. */
static uint32_t epoch_seen(const struct journal *journal, uint32_t shard)
{
    uint32_t own = journal_epoch(journal, shard);
    uint32_t seen = journal->held[shard].seen_epoch;
    return seen > own ? seen : own;
}

/* The shards that are held, and the epoch of each. */
static void params_led(struct journal *journal)
{
    struct params *params = &journal->params;
    uint32_t shards[TROTH_SHARDS_MAX], count = 0;
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        if (journal_epoch(journal, shard) != 0)
            shards[count++] = shard;
    params_clear(params);
    params_array(params, PARAM_INT4, count);
    for (uint32_t i = 0; i < count; i++)
        param_element_int4(params, shards[i]);
    params_array(params, PARAM_INT4, count);
    for (uint32_t i = 0; i < count; i++)
        param_element_int4(params, epoch_seen(journal, shards[i]));
}

/* Only when it is durable: who takes over later begins above all that was [ABOVEALL]. */
static void lost_on_raised(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (steps_failed(journal, result) || PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    CRASH_POINT("journal.lost.raised");
    state_stop(journal,
               "the journal went back: rows that it had acknowledged are missing (a standby that "
               "lagged was promoted, or a backup restored). Its epochs are raised above all that "
               "was; start trothd again: what is not known is parked (trothctl tx list --parked)");
}

static void lost_raise(struct journal *journal)
{
    params_led(journal);
    CRASH_POINT("journal.lost.raise");
    steps_query(journal, journal_sql_lost, NULL);
    steps_sync(journal, lost_on_raised);
}

static void lost_on_kept(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (steps_failed(journal, result))
        return;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        journal->kept = PQntuples(result) == 1 && field_bool(result, 0, 0);
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->kept)
        steps_ready(journal);
    else
        lost_raise(journal);
}

/* The row that was acknowledged last. */
static void lost_look_row(struct journal *journal)
{
    struct params *params = &journal->params;
    struct troth_gtid_parts parts = {0};
    journal->kept = false;
    params_led(journal);
    if (journal->acknowledged.any)
        troth_gtid_split(&journal->acknowledged.gtid, &parts);
    params_int4(params, (int32_t)parts.shard);
    params_uuid(params, journal->acknowledged.gtid.bytes);
    params_string(params, journal->acknowledged.any
                              ? txn_record_kind_name(journal->acknowledged.kind)
                              : NULL);
    params_int4(params, (int32_t)journal->acknowledged.attempt);
    params_int8(params, (int64_t)journal->acknowledged.step_seq);
    params_int8(params, (int64_t)troth_gtid_order(&journal->acknowledged.gtid));
    params_bool(params, state_lease_sure(journal));
    CRASH_POINT("journal.kept.look");
    steps_query(journal, journal_sql_kept, lost_on_kept);
    steps_sync(journal, lost_on_kept);
}

static void lost_on_epochs(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (steps_failed(journal, result))
        return;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        journal->below = PQntuples(result) != 1 || field_bool(result, 0, 0);
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->below)
        lost_raise(journal);
    else /* one that is above ours is another's by now: the keeper finds out */
        lost_look_row(journal);
}

void lost_look(struct journal *journal)
{
    params_led(journal);
    steps_query(journal, journal_sql_epochs, lost_on_epochs);
    steps_sync(journal, lost_on_epochs);
}

/* Either somebody else leads, and then the row says so; or the journal went back. The lane looks,
 * over a connection that has written nothing yet. */
void journal_epoch_seen(struct journal *journal, uint32_t shard, uint32_t epoch)
{
    char why[160];
    if (journal->held == NULL || journal->step == STEP_STOPPED || shard >= journal->shards ||
        epoch <= epoch_seen(journal, shard) ||
        epoch - epoch_seen(journal, shard) > LOST_EPOCHS_BELIEVED ||
        !held_writes(journal, shard)) /* another one's matter */
        return;
    journal->held[shard].seen_epoch = epoch;
    (void)snprintf(
        why, sizeof why,
        "a participant has seen epoch %u of shard %u, and this node leads under %u: does "
        "another node lead, or did the journal go back?",
        epoch, shard, journal_epoch(journal, shard));
    state_set(journal, JOURNAL_CONNECTING, why);
    journal->hello_failed = true; /* that was said */
    link_reset(&journal->lane.link);
}
