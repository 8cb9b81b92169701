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

#include "acquire.h"
#include "ticks.h"

/* More above the own one than that no history explains: whoever tells it is mistaken, or means ill.
 */
#define LOST_EPOCHS_BELIEVED 65536u

/* The highest that anybody has seen, as far as it is known here. */
static uint32_t epoch_seen(const struct journal *journal, uint32_t shard)
{
    uint32_t own = journal_epoch(journal, shard);
    uint32_t seen = journal->floors == NULL ? 0 : journal->floors[shard];
    return seen > own ? seen : own;
}

/* The shards that are led, and the epoch of each. */
static void params_led(struct journal *journal)
{
    struct params *params = &journal->params;
    params_clear(params);
    params_array(params, PARAM_INT4, journal->shards);
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        param_element_int4(params, shard);
    params_array(params, PARAM_INT4, journal->shards);
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        param_element_int4(params, epoch_seen(journal, shard));
}

/* Only when it is durable: who takes over later begins above all that was [ABOVEALL]. */
static void lost_on_raised(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result) || PQresultStatus(result) != PGRES_PIPELINE_SYNC)
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
    acquire_query(journal, journal_sql_lost, NULL);
    acquire_sync(journal, lost_on_raised);
}

static void lost_on_kept(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result))
        return;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        journal->kept = PQntuples(result) == 1 && field_bool(result, 0, 0);
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->kept)
        acquire_reclaim(journal);
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
    acquire_query(journal, journal_sql_kept, lost_on_kept);
    acquire_sync(journal, lost_on_kept);
}

static void lost_on_epochs(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (acquire_failed(journal, result))
        return;
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        journal->below = PQntuples(result) != 1 || field_bool(result, 0, 0);
        journal->above = PQntuples(result) == 1 && field_bool(result, 0, 1);
    }
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return;
    if (journal->below)
        lost_raise(journal);
    else if (journal->above)
        acquire_reclaim(journal); /* which finds that the lease is another's */
    else
        lost_look_row(journal);
}

void lost_look(struct journal *journal)
{
    params_led(journal);
    acquire_query(journal, journal_sql_epochs, lost_on_epochs);
    acquire_sync(journal, lost_on_epochs);
}

/* Either somebody else leads, and then the row says so; or the journal went back. The lane looks,
 * over a connection that has written nothing yet. */
void journal_epoch_seen(struct journal *journal, uint32_t shard, uint32_t epoch)
{
    char why[160];
    if (journal->epochs == NULL || journal->step == STEP_STOPPED || shard >= journal->shards ||
        epoch <= epoch_seen(journal, shard) ||
        epoch - journal_epoch(journal, shard) > LOST_EPOCHS_BELIEVED)
        return;
    if (journal->floors == NULL)
        journal->floors = calloc(journal->shards, sizeof *journal->floors);
    if (journal->floors == NULL)
        return; /* it is told again */
    journal->floors[shard] = epoch;
    (void)snprintf(
        why, sizeof why,
        "a participant has seen epoch %u of shard %u, and this node leads under %u: does "
        "another node lead, or did the journal go back?",
        epoch, shard, journal_epoch(journal, shard));
    state_set(journal, JOURNAL_CONNECTING, why);
    journal->acquire_failed = true; /* that was said */
    link_reset(&journal->lane.link);
}
