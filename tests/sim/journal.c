/* journal.c: what the database holds of each transaction, and the rules under which it takes a
 * write (protocol.md, sections 1 and 2). A batch is one transaction: all of it, or nothing. */
#include <stdio.h>
#include <string.h>

#include <base/json.h>
#include <base/span.h>

#include "sim.h"

static void already(struct write *write, enum txn_decision standing)
{
    write->verdict = TXN_ALREADY;
    write->standing = standing;
}

static void row_insert(struct sim_txn *txn, const struct write *write)
{
    if (txn->row)
        return;
    txn->row = true;
    txn->attempt = write->attempt;
    txn->protocol = write->protocol;
    txn->members = write->members;
}

static void apply_begin(struct sim_txn *txn, struct write *write)
{
    enum txn_decision standing = txn->decision[write->attempt].decision;
    if (txn->row && (standing != TXN_UNDECIDED || txn->attempt > write->attempt)) {
        already(write, standing);
        return;
    }
    row_insert(txn, write);
    if (strlen(write->members) >= strlen(txn->members)) /* enlisted since: the longer list */
        txn->members = write->members;
    txn->handed = write->handed;
    txn->handed_closed = write->handed_closed;
}

static void apply_delegate(struct sim_txn *txn, struct write *write)
{
    enum txn_decision standing = txn->decision[write->attempt].decision;
    if (standing != TXN_UNDECIDED) {
        already(write, standing);
        return;
    }
    row_insert(txn, write);
    txn->members = write->members;
    txn->delegated = write->delegated;
}

static void outbox_insert(struct world *world, struct sim_txn *txn, const struct write *write)
{
    if (!write->publishes)
        return;
    if (++txn->outbox_written[write->outcome] > 1)
        world_fail(world, "invariant 9: two outbox rows for one outcome of txn %u", write->txn);
    txn->outbox[write->outcome] = true;
    txn->outcome = write->outcome;
}

static void apply_decision(struct world *world, struct sim_txn *txn, struct write *write)
{
    struct decision_row *row = &txn->decision[write->attempt];
    if (row->decision != TXN_UNDECIDED && world->mutation != MUTATE_NOT_WRITE_ONCE &&
        (world->mutation != MUTATE_LATE_YES || row->decision == write->decision)) {
        already(write, row->decision);
        return;
    }
    check_decision(world, txn, write);
    row_insert(txn, write);
    row->decision = write->decision;
    txn->decided_at_us = world->now_us;
    row->members = write->members;
    row->failure = write->failure;
    row->delegated = write->delegated;
    row->epoch = world->shards[txn->shard].epoch;
    outbox_insert(world, txn, write);
}

static void apply_attempt(struct world *world, struct sim_txn *txn, struct write *write)
{
    struct decision_row *row = &txn->decision[write->attempt];
    if (row->decision != TXN_UNDECIDED) {
        already(write, row->decision);
        return;
    }
    if (write->attempt + 1 >= ATTEMPTS_MAX) {
        world_fail(world, "txn %u: too many attempts", write->txn);
        return;
    }
    txn->row = true;
    txn->protocol = write->protocol;
    for (uint32_t b = 0; b < txn->plan.branches; b++)
        txn->guard[b].sends = 0;
    row->decision = TXN_ABORT;
    row->members = write->members;
    row->epoch = world->shards[txn->shard].epoch;
    txn->attempt = write->attempt + 1;
    txn->members = write->members;
    txn->delegated = 0;
}

/* Where a record goes: behind all others, or in the place of the one of the same number. */
static uint32_t step_place(const struct world *world, const struct sim_txn *txn, uint64_t seq)
{
    if (world->mutation == MUTATE_OVERWRITES && txn->step_places_count > 0)
        return txn->step_places_count - 1;
    for (uint32_t i = 0; i < txn->step_places_count; i++)
        if (txn->step_places[i].seq == seq)
            return i;
    return txn->step_places_count;
}

/* Each with a comma behind it. */
static bool put_step(struct world *world, struct sim_txn *txn, const struct write *write)
{
    uint32_t place = step_place(world, txn, write->step_seq), more = (uint32_t)strlen(write->step);
    uint32_t all = (uint32_t)strlen(txn->steps);
    if (place == STEP_RECORDS_MAX || all + more + 2 > sizeof(txn->steps))
        return false;
    if (place == txn->step_places_count) {
        txn->step_places[place].at = all;
        txn->step_places[place].len = 0;
        txn->step_places_count++;
    }
    uint32_t at = txn->step_places[place].at, old = txn->step_places[place].len;
    memmove(txn->steps + at + more + 1, txn->steps + at + old, all - at - old + 1);
    memcpy(txn->steps + at, write->step, more);
    txn->steps[at + more] = ',';
    txn->step_places[place].seq = write->step_seq;
    txn->step_places[place].len = more + 1;
    for (uint32_t i = place + 1; i < txn->step_places_count; i++)
        txn->step_places[i].at += more + 1 - old;
    return true;
}

static void apply_step(struct world *world, struct sim_txn *txn, const struct write *write)
{
    if (!txn->row)
        world_fail(world, "txn %u: a step's record without a transaction", write->txn);
    bool is_word = strstr(write->step, "\"resolved\"") != NULL;
    if ((!is_word || world->mutation != MUTATE_RESOLVED_ACTS) && !put_step(world, txn, write)) {
        world_fail(world, "txn %u: too many step records", write->txn);
        return;
    }
    struct record_step step;
    char list[STEPS_TEXT_MAX + 3];
    snprintf(list, sizeof(list), "[%s]", write->step);
    struct json_cursor cursor = json_cursor(span_of(list));
    if (record_step_next(&cursor, &step) != 0) {
        world_fail(world, "txn %u: a step's record that cannot be read", write->txn);
        return;
    }
    struct guard *guard = &txn->guard[step.branch - 1];
    guard->recorded = guard->recorded || step.state == RECORD_STEP_DONE;
    guard->raised = step.raised;
    bool own = step.state == RECORD_STEP_DONE || step.state == RECORD_STEP_COMPENSATED;
    if (!is_word && own && guard->said != step.state)
        guard->said = RECORD_STEP_TRYING; /* its own answer came before the word counted */
    if (!is_word)
        return;
    guard->forgotten = guard->forgotten || step.state == RECORD_STEP_FORGOTTEN;
    if (step.state == RECORD_STEP_OVERRULED)
        guard->said = RECORD_STEP_TRYING;
    else if (step.state != RECORD_STEP_FORGOTTEN)
        guard->said = step.state;
    check_said(world, txn, step.branch - 1);
}

static void apply(struct world *world, struct write *write)
{
    struct sim_txn *txn = &world->txns[write->txn];
    write->verdict = TXN_WRITTEN;
    write->standing = TXN_UNDECIDED;
    switch (write->kind) {
    case TXN_RECORD_BEGIN:
        apply_begin(txn, write);
        break;
    case TXN_RECORD_DELEGATE:
        apply_delegate(txn, write);
        break;
    case TXN_RECORD_DECISION:
        apply_decision(world, txn, write);
        break;
    case TXN_RECORD_ATTEMPT:
        apply_attempt(world, txn, write);
        break;
    case TXN_RECORD_OUTCOME:
        if (txn->outbox_written[write->outcome] != 0)
            break;
        check_saga_outcome(world, txn, write->outcome);
        outbox_insert(world, txn, write);
        break;
    case TXN_RECORD_END:
        check_saga_ended(world, txn);
        txn->ended = true;
        break;
    case TXN_RECORD_STEP:
        apply_step(world, txn, write);
        break;
    case TXN_RECORD_KIND_COUNT:
        break;
    }
    world_trace(world, "journal: txn %u %s #%u %s -> %s", write->txn,
                txn_record_kind_name(write->kind), write->attempt,
                txn_decision_name(write->decision),
                write->verdict == TXN_WRITTEN ? "written" : txn_decision_name(write->standing));
}

void journal_apply(struct world *world, struct batch *batch)
{
    uint32_t epoch = world->shards[world->nodes[batch->node]->shard].epoch;
    bool led = batch->epoch == epoch || world->mutation == MUTATE_NO_EPOCH_CHECK;
    if (world->nodes[batch->node]->timeline != world->timeline)
        led = led && world->mutation == MUTATE_TIMELINE;
    if (led)
        check_epoch(world, batch);
    for (uint32_t i = 0; i < batch->count; i++)
        if (led)
            apply(world, &batch->writes[i]);
        else
            batch->writes[i].verdict = TXN_FENCED;
    if (!led)
        world_trace(world, "journal: a batch of epoch %u is refused: %u leads", batch->epoch,
                    epoch);
}

void journal_image(const struct sim_txn *txn, struct txn_image *ret_image)
{
    const struct decision_row *row = &txn->decision[txn->attempt];
    bool decided = row->decision != TXN_UNDECIDED;
    *ret_image = (struct txn_image){
        .origin = txn->origin,
        .attempt = txn->attempt,
        .protocol = txn->protocol,
        .decision = row->decision,
        .outcome = txn->outcome,
        .delegated_branch = decided ? row->delegated : txn->delegated,
        .handed = txn->handed,
        .closed = txn->handed_closed,
        .members = span_of(decided ? row->members : txn->members),
        .failure = span_of(decided ? row->failure : NULL),
    };
}

/* Section 2, from epoch and rows as one statement reads them. Not certain: ask the leader's memory.
 */
enum txn_answer journal_answer(const struct world *world, const struct sim_txn *txn,
                               uint32_t branch, uint32_t attempt, bool *ret_certain)
{
    *ret_certain = true;
    if (txn->epoch > world->shards[txn->shard].epoch)
        return TXN_ANSWER_UNDECIDED;
    if (txn->row) {
        struct txn_image image;
        journal_image(txn, &image);
        enum txn_answer answer = txn_inquire_image(&image, branch, attempt);
        if (answer == TXN_ANSWER_UNDECIDED && world->mutation == MUTATE_ABSENCE_ABORTS)
            return TXN_ANSWER_ABORTED;
        *ret_certain = answer != TXN_ANSWER_UNDECIDED;
        return answer;
    }
    if (loss_of(world, txn) && world->mutation != MUTATE_ABSENCE)
        return TXN_ANSWER_UNKNOWN;
    if (txn->epoch < world->shards[txn->shard].epoch)
        return TXN_ANSWER_ABORTED; /* no row of any kind and an older epoch: for ever */
    *ret_certain = false;
    return TXN_ANSWER_UNDECIDED;
}
