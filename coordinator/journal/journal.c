/* The journal as its host sees it: made, asked for rows to write, ended. The steps of its
 * connections are in hello.c, acquire.c and load.c; what writes in lane.c, what reads in read.c. */
#include <assert.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#include "alive.h"
#include "asks.h"
#include "forget.h"
#include "held.h"
#include "hello.h"
#include "lane.h"
#include "lease.h"
#include "nodes.h"
#include "read.h"
#include "state.h"
#include "take.h"
#include "ticks.h"

static void lane_link_up(void *arg)
{
    struct journal *journal = arg;
    if (journal->step != STEP_STOPPED)
        hello_begin(journal);
}

static void lane_link_down(void *arg, const char *why)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED)
        return;
    /* Reset by ourselves after an error: that was said, and says more than the connection can. */
    bool said = journal->state == JOURNAL_CONNECTING && journal->hello_failed;
    journal->hello_failed = false;
    state_step(journal, STEP_DOWN);
    lane_lost(journal);
    alive_waits(journal);
    if (journal->id[0] != '\0' && journal->lane.link.silences > 0)
        keeper_start(journal);
    if (!said)
        state_set(journal, JOURNAL_CONNECTING, why);
}

static void lane_link_warning(void *arg, const char *text)
{
    (void)text;
    lane_warned(arg);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static int journal_init(struct journal *journal, struct event_base *base,
                        const struct journal_config *config)
{
    static const struct link_callbacks callbacks = {
        .up = lane_link_up, .down = lane_link_down, .warning = lane_link_warning};
    int error;
    journal->base = base;
    journal->conninfo = strdup(config->conninfo);
    journal->node = strdup(config->node);
    journal->address = strdup(config->address != NULL ? config->address : "");
    journal->public_key = strdup(config->public_key != NULL ? config->public_key : "");
    if (journal->conninfo == NULL || journal->node == NULL || journal->address == NULL ||
        journal->public_key == NULL)
        return TROTH_ERROR_NO_MEMORY;
    journal->lease_us = config->lease_us;
    journal->lazy_delay_us = config->lazy_delay_us;
    journal->unsafe = config->unsafe == JOURNAL_UNSAFE_ALLOWED;
    journal->resolver = config->resolver;
    journal->clock_difference_us = config->clock_difference_us;
    journal->write_timeout_us = config->write_timeout_us;
    journal->retention_us = config->retention_us;
    journal->callbacks = config->callbacks;
    journal->arg = config->arg;
    journal->state = JOURNAL_CONNECTING;
    evutil_secure_rng_get_bytes(journal->owner, sizeof journal->owner);
    if ((error = lane_init(journal)) != TROTH_OK || (error = hello_init(journal)) != TROTH_OK ||
        (error = take_init(journal)) != TROTH_OK || (error = lease_init(journal)) != TROTH_OK ||
        (error = forget_init(journal)) != TROTH_OK ||
        (error = reader_init(journal, asks_prepared, asks_prepared_count)) != TROTH_OK)
        return error;
    error = link_init(&journal->lane.link, base, journal->conninfo, "troth standby", &callbacks,
                      journal);
    journal->lane.link.resolver = journal->resolver;
    journal->lane.link.silence_us = journal->write_timeout_us;
    return error;
}

int journal_create(struct event_base *base, const struct journal_config *config,
                   struct journal **ret_journal)
{
    struct journal *journal;
    int error;
    if (config->lease_us < 1000 || config->write_timeout_us < 1000 || config->node[0] == '\0')
        return TROTH_ERROR_INVALID;
    journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return TROTH_ERROR_NO_MEMORY;
    error = journal_init(journal, base, config);
    if (error != TROTH_OK) {
        journal_destroy(journal);
        return error;
    }
    /* Not from here: their failures are told by callbacks. */
    event_active(journal->lane.link.timer, EV_TIMEOUT, 0);
    event_active(journal->reader.link.timer, EV_TIMEOUT, 0);
    *ret_journal = journal;
    return TROTH_OK;
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->lane.link.base != NULL)
        lease_give_back(journal);
    link_finish(&journal->lane.link);
    reader_finish(journal);
    forget_finish(journal);
    lease_finish(journal);
    take_finish(journal);
    hello_finish(journal);
    lane_finish(journal);
    params_finish(&journal->params);
    held_finish(journal);
    free(journal->conninfo);
    free(journal->node);
    free(journal->address);
    free(journal->public_key);
    nodes_finish(journal);
    free(journal);
}

enum journal_state journal_state(const struct journal *journal)
{
    return journal->state;
}

bool journal_leads(const struct journal *journal)
{
    return journal->step != STEP_STOPPED && state_lease_sure(journal);
}

const char *journal_id(const struct journal *journal)
{
    return journal->id;
}

uint32_t journal_shards(const struct journal *journal)
{
    return journal->shards;
}

/* --- writes --------------------------------------------------------------------------------------
 */

int journal_append(struct journal *journal, const struct txn_record *record,
                   const struct record_outbox_row *event)
{
    struct row *row;
    struct troth_gtid_parts parts;
    assert(record->publishes == (event != NULL));
    troth_gtid_split(&record->origin->gtid, &parts);
    if (journal->step == STEP_STOPPED || !held_writes(journal, parts.shard))
        return TROTH_ERROR_FENCED;
    row = row_create(record, event);
    if (row == NULL)
        return TROTH_ERROR_NO_MEMORY;
    row->queued_us = clock_mono_us();
    row_queue_push(&journal->lane.queue, row);
    return TROTH_OK;
}

uint64_t journal_outbox_seq(struct journal *journal, uint32_t shard)
{
    assert(shard < journal->shards);
    return ++journal->held[shard].seq;
}

/* Without memory the row stays in the table, and Kafka gets it once more after the next start. */
void journal_outbox_delete(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES])
{
    struct row *row;
    if (journal->step == STEP_STOPPED || journal->lane.queue.count >= JOURNAL_QUEUE_DELETES_MAX)
        return;
    row = row_create_delete(gtid, id);
    if (row == NULL)
        return;
    if (!held_writes(journal, row->shard)) { /* whoever leads it publishes it again */
        row_destroy(row);
        return;
    }
    row->record.epoch = journal_epoch(journal, row->shard);
    row->queued_us = clock_mono_us();
    row_queue_push(&journal->lane.queue, row);
}

void journal_flush(struct journal *journal)
{
    lane_flush(journal);
}

void journal_stats(const struct journal *journal, struct journal_stats *ret_stats)
{
    *ret_stats = journal->stats;
    ret_stats->gathered = (uint32_t)journal->lane.queue.count;
    ret_stats->gathered_bytes = journal->lane.queue.bytes;
    for (const struct batch *batch = journal->lane.flight; batch != NULL; batch = batch->next) {
        ret_stats->gathered += (uint32_t)batch->count;
        ret_stats->gathered_bytes += batch->bytes;
    }
    ret_stats->connected = journal->lane.link.state == LINK_UP;
    ret_stats->writable = state_can_write(journal);
    ret_stats->shards_led = held_count(journal, JOURNAL_SHARD_LED);
}
