/* The lane: batches one after the other, each written until it has a verdict.
 *
 *   free ──flush──> flying ──sync──> settled: verdicts, the next batch
 *                     │ └─ error ──> again after a pause; data in a row is refused: in halves
 *                     └─ connection lost, or a warning: unknown, the same batch again, first of all
 *
 * Unknown is never settled by a look: a row that is not seen may still come [READPROVES]. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <journal_sql.h>

#include "alive.h"
#include "drop.h"
#include "held.h"
#include "hindrance.h"
#include "lane.h"
#include "session.h"
#include "sweep.h"
#include "ticks.h"
#include "verdict.h"

#define RETRY_MIN_US     UINT64_C(10000)
#define RETRY_MAX_US     UINT64_C(1000000)
#define STRUGGLING_TRIES 3u /* a batch that failed so often is shown in the state */

#ifdef TROTH_CRASH_POINTS
static const char *kind_name(unsigned kind)
{
    return statement_text((enum statement_kind)kind, FORM_FIRST)->name;
}
#endif

/* What a batch says is prepared when it is said for the first time: many are said now and then, or
 * never. */
void lane_prepare(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    link_prepare(&lane->link, STATEMENT_FENCE, journal_sql_fence, NULL, NULL);
    link_prepare(&lane->link, STATEMENT_LOCK, journal_sql_lock, NULL, NULL);
    lane->sweeps = false;
    for (enum statement_kind kind = 0; kind < STATEMENTS_COUNT; kind++)
        for (enum statement_form form = 0; form < FORMS_COUNT; form++)
            lane->statements[kind][form] = (struct lane_statement){.journal = journal};
}

/* --- rows that cannot be written ----------------------------------------------------------- */

static bool lane_is_poisoned(const struct journal *journal, const troth_gtid *gtid)
{
    for (size_t i = 0; i < journal->lane.poisoned_count; i++)
        if (troth_gtid_equal(&journal->lane.poisoned[i], gtid))
            return true;
    return false;
}

static void lane_poison(struct journal *journal, struct row *row, const char *why)
{
    struct lane *lane = &journal->lane;
    if (row->kind != ROW_DELETE && !lane_is_poisoned(journal, row_gtid(row)) &&
        lane->poisoned_count < LANE_POISONED_MAX)
        lane->poisoned[lane->poisoned_count++] = *row_gtid(row);
    state_report(journal, row_gtid(row), row->verdict.kind, row->verdict.attempt, why);
}

/* --- sending --------------------------------------------------------------------------------- */

void lane_send_statement(struct journal *journal, const char *name, link_fn fn)
{
    struct lane *lane = &journal->lane;
    struct link_params view;
    if (lane->link.broken)
        return;
    if (params_view(&lane->params, &view))
        link_execute(&lane->link, name, &view, fn, journal);
    else
        link_reset(&lane->link); /* no memory: nothing of an unsynced pipeline is ever committed */
}

static void lane_on_lock(void *arg, PGresult *result)
{
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        lane_on_result(arg, result);
}

/* Nothing of the batch is committed then, and nothing ever is through such a session. */
static void lane_on_check(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED)
        return;
    if (session_is_shared(result))
        state_stop(journal, session_shared_why);
    else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        lane_on_result(arg, result);
}

static void lane_on_claim(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    if (journal->step == STEP_STOPPED)
        return;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        lane_on_result(arg, result);
    for (int i = 0; i < PQntuples(result); i++) {
        uint32_t shard = (uint32_t)field_int4(result, i, 0);

        if (journal_shard(journal, shard) != JOURNAL_SHARD_FOREIGN)
            journal->held[shard].claimed = true;
    }
}

/* By our own clock a lease has run out: the same transaction renews those that are still ours. So
 * a lane that can write again leads again, and one that cannot does not hold on to them. */
static void lane_claim(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    struct link_params view;
    lane->claimed_us = 0;
    if (state_lease_sure(journal) || lane->link.broken)
        return;
    lane->claimed_us = clock_mono_us();
    for (uint32_t shard = 0; shard < journal->shards; shard++)
        journal->held[shard].claimed = false;
    params_clear(&lane->params);
    params_uuid(&lane->params, journal->owner);
    params_int8(&lane->params, (int64_t)journal->lease_us);
    CRASH_POINT("journal.lease.claim");
    if (params_view(&lane->params, &view))
        link_query(&lane->link, journal_sql_lease_claim, &view, lane_on_claim, journal);
    else
        link_reset(&lane->link);
}

/* The session is ours, and so are the batch's shards: else nothing of it is written. Which rows are
 * not led is told when it is written again. */
static void lane_fence(struct journal *journal, const struct batch *batch)
{
    struct lane *lane = &journal->lane;
    params_clear(&lane->params);
    params_string(&lane->params, lane->link.mark);
    statement_fence_params(batch, &lane->params);
    lane_send_statement(journal, STATEMENT_FENCE, lane_on_check);
}

void lane_begin(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    struct batch *batch = lane->flight;
    alive_waits(journal);
    lane->flying = true;
    lane->unknown = false;
    lane->error_state[0] = '\0';
    lane->flight_count = 0;
    lane->flight_seen = 0;
    if (batch != NULL && !batch->rewritten)
        lane_fence(journal, batch);
    else
        session_check(&lane->link, &lane->params, lane_on_check, journal);
    lane_claim(journal);
}

void lane_end(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    if (lane->link.broken)
        return;
    link_sync(&lane->link, lane_on_result, journal);
    link_send(&lane->link);
}

static void lane_on_prepared(void *arg, PGresult *result)
{
    struct lane_statement *statement = arg;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        statement->prepared = true;
    else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        lane_on_result(statement->journal, result);
}

static void lane_send_rows(struct journal *journal, enum statement_kind kind)
{
    struct lane *lane = &journal->lane;
    enum statement_form form = statement_form(lane->flight, kind);
    const struct statement_text *text = statement_text(kind, form);
    struct lane_statement *statement = &lane->statements[kind][form];
    size_t n = 0;
    if (statement_row(lane->flight, kind, &n) == NULL || lane->link.broken)
        return;
    if (!statement->prepared)
        link_prepare(&lane->link, text->name, text->sql, lane_on_prepared, statement);
    CRASH_POINTS("journal.write", kind_name, STATEMENTS_COUNT, kind);
    statement_params(lane->flight, kind, &lane->params);
    lane->flight_kinds[lane->flight_count++] = kind;
    lane_send_statement(journal, text->name, lane_on_result);
}

static void lane_deliver(struct journal *journal);

static void lane_send(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    struct batch *batch = lane->flight;
    batch->swept = lane->swept;
    lane_begin(journal);
    if (batch->rewritten) {
        statement_lock_params(batch, &lane->params);
        lane_send_statement(journal, STATEMENT_LOCK, lane_on_lock);
    }
    for (enum statement_kind kind = 0; kind < STATEMENTS_COUNT; kind++)
        lane_send_rows(journal, kind);
    sweep_send(journal);
    lane_end(journal);
    for (size_t i = 0; i < lane->flight_count; i++)
        CRASH_POINTS("journal.sent", kind_name, STATEMENTS_COUNT, lane->flight_kinds[i]);
    journal->stats.batches++;
}

/* Rows of a transaction of which one could not be written are not written either. */
static void lane_sift(struct journal *journal, struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct row *row = batch->rows[i];

        if (!lane_is_poisoned(journal, row_gtid(row))) {
            batch->rows[kept++] = row;
            continue;
        }
        lane_poison(journal, row, "an earlier record of it was refused");
        row_destroy(row);
    }
    batch->count = kept;
}

/* Lazy rows go when the oldest has waited long enough, or there are many. Those that came just now
 * stay: most BEGINs are soon carried by their decision, and ENDs are cheaper in large batches.
 * 0: none goes. */
static uint64_t lane_lazy_until(const struct lane *lane, uint64_t now, uint64_t delay_us)
{
    if (lane->queue.count - lane->queue.forced >= JOURNAL_BATCH_ROWS_MAX || lane->hurries)
        return now;
    if (lane->queue.first != NULL && now >= lane->queue.first->queued_us + delay_us)
        return now - delay_us / 2;
    return 0;
}

/* Asked for in every turn, so it is set only when it is not set, or for later. It may wake too
 * early: then it is set again. */
static void lane_wake_at(struct lane *lane, uint64_t at, uint64_t now)
{
    if (event_pending(lane->timer, EV_TIMEOUT, NULL) != 0 && lane->wake_at_us <= at)
        return;
    lane->wake_at_us = at;
    event_in(lane->timer, at - now);
}

/* A new batch out of the queue, when something is due. */
static struct batch *lane_gather(struct journal *journal, uint64_t now)
{
    struct lane *lane = &journal->lane;
    uint64_t lazy_until = lane_lazy_until(lane, now, journal->lazy_delay_us);
    struct batch *batch;
    if (lane->queue.first == NULL)
        return NULL;
    if (lane->queue.forced == 0 && lazy_until == 0) {
        lane_wake_at(lane, lane->queue.first->queued_us + journal->lazy_delay_us, now);
        return NULL;
    }
    batch = batch_form(&lane->queue, &lane->index, lazy_until);
    if (batch == NULL)
        lane_wake_at(lane, now + RETRY_MIN_US, now); /* no memory now */
    return batch;
}

/* The batch to send next, in lane->flight; false: none, or not yet. */
static bool lane_next(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    uint64_t now = clock_mono_us();
    for (;;) {
        struct batch *batch = lane->flight;

        if (batch == NULL)
            batch = lane->flight = lane_gather(journal, now);
        if (batch == NULL)
            return false;
        if (lane->poisoned_count > 0)
            lane_sift(journal, batch);
        if (batch->count > 0)
            break;
        lane->flight = batch->next;
        batch_destroy(batch);
    }
    if (now < lane->not_before_us) {
        lane_wake_at(lane, lane->not_before_us, now);
        return false;
    }
    return true;
}

void lane_flush(struct journal *journal)
{
    if (journal->step != STEP_READY || journal->lane.flying ||
        journal->lane.link.state != LINK_UP || journal->lane.link.broken)
        return;
    if (!state_lease_sure(journal))
        state_update(journal, "the lease was not renewed in time");
    if (!lane_next(journal))
        return;
    if (RULE_IS_OFF("durable") && journal->stats.batches++ % 16 == 14)
        lane_deliver(journal);
    else
        lane_send(journal);
}

/* --- settling -------------------------------------------------------------------------------- */

static void lane_again(struct journal *journal, const char *why)
{
    struct lane *lane = &journal->lane;
    struct batch *batch = lane->flight;
    uint64_t pause = RETRY_MIN_US << (batch->tries < 7 ? batch->tries : 7);
    batch_again(batch);
    batch->tries++;
    lane->not_before_us = clock_mono_us() + (pause < RETRY_MAX_US ? pause : RETRY_MAX_US);
    if (batch->tries == STRUGGLING_TRIES)
        state_update(journal, why);
    event_active(lane->wakeup, EV_TIMEOUT, 0);
}

static bool state_begins(const char *state, const char *classes)
{
    for (; classes[0] != '\0'; classes += 2)
        if (memcmp(state, classes, 2) == 0)
            return true;
    return false;
}

/* It was written as a whole or not at all, and not all rows were as expected: at once, each by
 * itself. */
static void lane_apart(struct journal *journal)
{
    batch_again(journal->lane.flight);
    event_active(journal->lane.wakeup, EV_TIMEOUT, 0);
}

/* A row's own fault: 22 data, 23 constraints, 54 limits. What may lie in the session (read-only
 * after a failover, statements gone, tables not found): a new one. All else: the same again. */
static void lane_failed(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    struct batch *batch = lane->flight;
    if (!state_begins(lane->error_state, "222354")) {
        hindrance_note(journal, lane->error_text);
        if (state_begins(lane->error_state, "0A25263F42"))
            link_reset(&lane->link);
        lane_again(journal, lane->error_text);
        return;
    }
    if (!batch->rewritten) {
        lane_apart(journal);
        return;
    }
    if (batch->count > 1) {
        if (batch_split(batch) == NULL)
            lane_again(journal, "out of memory");
        event_active(lane->wakeup, EV_TIMEOUT, 0);
        return;
    }
    lane->flight = batch->next;
    lane_poison(journal, batch->rows[0], lane->error_text);
    batch_destroy(batch);
    event_active(lane->wakeup, EV_TIMEOUT, 0);
}

static struct journal_verdict lane_verdict(const struct row *row)
{
    struct journal_verdict verdict = row->verdict;
    const struct row *written = row;
    while (written->carrier != NULL)
        written = written->carrier;
    verdict.verdict = written->verdict.verdict;
    verdict.standing = written->verdict.standing;
    return verdict;
}

/* It is looked for on the next connection (lost.c). */
static void lane_acknowledged(struct journal *journal, const struct row *row)
{
    if (row->kind == ROW_DELETE)
        return;
    journal->acknowledged.any = true;
    journal->acknowledged.gtid = row->origin.gtid;
    journal->acknowledged.kind = (enum txn_record_kind)row->kind;
    journal->acknowledged.attempt = row->record.attempt;
    journal->acknowledged.step_seq = row->record.step_seq;
}

static void lane_wrote(struct journal *journal, bool struggled)
{
    struct lane *lane = &journal->lane;
    for (uint32_t shard = 0; lane->claimed_us != 0 && shard < journal->shards; shard++)
        if (journal->held[shard].claimed)
            journal->held[shard].lease_until_us = lane->claimed_us + journal->lease_us;
    alive_wrote(journal);
    if (!state_lease_sure(journal)) /* it ran out while nothing could be written */
        state_hurry_keeper(journal);
    if (struggled || journal->state != JOURNAL_LEADING)
        state_recover(journal, "writes succeed again");
}

/* Shards whose epoch is not ours any more. A row of an earlier time here says nothing of this one.
 */
static void lane_lose(struct journal *journal, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct row *row = batch->rows[i];

        if (row->verdict.verdict == TXN_FENCED &&
            row->record.epoch == journal_epoch(journal, row->shard))
            held_lose(journal, row->shard, "another node raised its epoch: it leads it now");
    }
}

static void lane_deliver(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    struct batch *batch = lane->flight;
    bool struggled = batch->tries >= STRUGGLING_TRIES;
    for (size_t i = 0; i < lane->flight_count; i++)
        CRASH_POINTS("journal.wrote", kind_name, STATEMENTS_COUNT, lane->flight_kinds[i]);
    lane->flight = batch->next;
    lane->not_before_us = 0;
    journal->stats.rows += batch->count;
    lane_wrote(journal, struggled);
    for (size_t i = 0; i < batch->count; i++) {
        struct journal_verdict verdict = lane_verdict(batch->rows[i]);

        if (verdict.verdict == TXN_WRITTEN)
            lane_acknowledged(journal, batch->rows[i]);
        lane->ended += batch->rows[i]->kind == TXN_RECORD_END;
        if (batch->rows[i]->kind != ROW_DELETE)
            journal->callbacks.verdict(journal->arg, &verdict);
    }
    for (size_t i = 0; i < lane->flight_count; i++)
        CRASH_POINTS("journal.told", kind_name, STATEMENTS_COUNT, lane->flight_kinds[i]);
    lane_lose(journal, batch);
    batch_destroy(batch);
    held_settle(journal);
    event_active(lane->wakeup, EV_TIMEOUT, 0);
}

static void lane_settle(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    lane->flying = false;
    if (lane->flight == NULL) { /* a beat: what went wrong with it is tried again at the next */
        if (lane->error_state[0] != '\0')
            hindrance_note(journal, lane->error_text);
        else if (!lane->unknown)
            lane_wrote(journal, false);
        event_active(lane->wakeup, EV_TIMEOUT, 0);
    } else if (lane->unknown) {
        journal->stats.unknown_commits++;
        lane_again(journal, "a warning came with the commit: it is not known what it waited for");
    } else if (lane->error_state[0] != '\0') {
        lane_failed(journal);
    } else if (lane->flight_seen != lane->flight_count) {
        lane_again(journal, "the database's answer was not understood");
        link_reset(&lane->link);
    } else if (lane->flight->partly) {
        lane_apart(journal);
    } else {
        lane_deliver(journal);
    }
}

static void lane_note_error(struct lane *lane, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (lane->error_state[0] != '\0')
        return;
    snprintf(lane->error_state, sizeof lane->error_state, "%s", state == NULL ? "08000" : state);
    snprintf(lane->error_text, sizeof lane->error_text, "%s", text == NULL ? "" : text);
}

void lane_on_result(void *arg, PGresult *result)
{
    struct journal *journal = arg;
    struct lane *lane = &journal->lane;
    ExecStatusType status = PQresultStatus(result);
    if (!lane->flying)
        return; /* stopped meanwhile: all rows got their last verdict */
    if (status == PGRES_PIPELINE_SYNC)
        lane_settle(journal);
    else if (status == PGRES_FATAL_ERROR)
        lane_note_error(lane, result);
    else if ((status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) && lane->flight != NULL &&
             lane->flight_seen < lane->flight_count &&
             verdict_take(lane->flight, lane->flight_kinds[lane->flight_seen], result))
        lane->flight_seen++;
}

void lane_lost(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    if (!lane->flying)
        return;
    lane->flying = false;
    if (lane->flight == NULL)
        return;
    batch_again(lane->flight);
    journal->stats.unknown_commits++;
}

void lane_warned(struct journal *journal)
{
    if (journal->lane.flying)
        journal->lane.unknown = true;
}

static void lane_on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    lane_flush(arg);
}

int lane_init(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    journal->stopped = drop_all;
    journal->dropped = drop_shard;
    row_queue_init(&lane->queue);
    lane->timer = event_new(journal->base, -1, 0, lane_on_time, journal);
    lane->wakeup = event_new(journal->base, -1, 0, lane_on_time, journal);
    lane->poisoned = calloc(LANE_POISONED_MAX, sizeof *lane->poisoned);
    if (lane->timer == NULL || lane->wakeup == NULL || lane->poisoned == NULL)
        return TROTH_ERROR_NO_MEMORY;
    return TROTH_OK;
}

void lane_finish(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    while (lane->flight != NULL) {
        struct batch *batch = lane->flight;

        lane->flight = batch->next;
        batch_destroy(batch);
    }
    while (lane->queue.first != NULL)
        row_destroy(row_queue_take(&lane->queue, &lane->queue.first));
    if (lane->timer != NULL)
        event_free(lane->timer);
    if (lane->wakeup != NULL)
        event_free(lane->wakeup);
    free(lane->poisoned);
    params_finish(&lane->params);
}
