/* effects.c: each effect of the core, in its order, as a call of a module. */
#include "effects.h"

#include <assert.h>
#include <string.h>

#include <base/buffer.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <net/channel.h>
#include <net/slots.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "again.h"
#include "arena.h"
#include "clock.h"
#include "config.h"
#include "definitions.h"
#include "entry.h"
#include "gate.h"
#include "participants.h"
#include "state.h"
#include "steps.h"
#include "waiting.h"

static struct deferred deferred_for(const struct entry *entry, const struct txn_effect *effect,
                                    enum txn_event_kind kind)
{
    struct deferred what = {.gtid = entry->origin.gtid,
                            .kind = kind,
                            .op = effect->op,
                            .result = RESULT_UNKNOWN,
                            .attempt = effect->attempt};
    if (effect->branch != NULL)
        what.branch = effect->branch->number;
    return what;
}

/* --- PERSIST --------------------------------------------------------------------------------- */

static struct troth_span event_key(struct driver *driver, const struct entry *entry)
{
    struct troth_span none = {NULL, 0};
    if (entry->definition == NULL || entry->definition->definition->key_template.data == NULL)
        return none;
    buffer_clear(&driver->row_topic_key);
    int error = definition_render_key(entry->definition->definition, steps_values(driver, entry),
                                      &driver->row_topic_key);
    return error == 0 && !driver->row_topic_key.failed ? buffer_span(&driver->row_topic_key) : none;
}

/* The row outlives the step: it is sent once its own record is durable, while another outcome's may
 * be made already. */
static bool keep_row(struct entry *entry, enum txn_outcome outcome,
                     const struct record_outbox_row *row)
{
    bool failed = false;
    struct record_outbox_row *kept = arena_alloc(&entry->arena, sizeof *kept);
    if (kept == NULL)
        return false;
    *kept = *row;
    kept->topic = arena_copy(&entry->arena, row->topic, &failed);
    kept->key = arena_copy(&entry->arena, row->key, &failed);
    kept->type = arena_copy(&entry->arena, row->type, &failed);
    kept->payload = arena_copy(&entry->arena, row->payload, &failed);
    kept->headers = arena_copy(&entry->arena, row->headers, &failed);
    entry->rows[outcome] = failed ? NULL : kept;
    return !failed;
}

static bool make_row(struct driver *driver, struct entry *entry, const struct txn_record *record,
                     struct record_outbox_row *ret_row)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&entry->origin.gtid, &parts);
    struct outbox_facts facts = {.record = record, .key = event_key(driver, entry)};
    if (entry->definition != NULL)
        facts.topic = entry->definition->definition->topic;
    uint64_t seq = journal_outbox_seq(driver->journal, parts.shard);
    return outbox_row_make(driver->outbox, &facts, seq, &driver->row_texts, ret_row) == 0 &&
           keep_row(entry, record->outcome, ret_row);
}

static void persist(struct driver *driver, struct entry *entry, const struct txn_effect *effect)
{
    struct txn_record record = effect->record;
    struct record_outbox_row row;
    if (record.publishes && driver->outbox_mode == CONFIG_OUTBOX_OFF)
        record.publishes = false;
    if (record.publishes && !make_row(driver, entry, &record, &row)) {
        driver_fail(driver, "no memory for an outcome event");
        return;
    }
    if (record.kind == TXN_RECORD_END)
        entry->ended_at = record.at;
    int error = journal_append(driver->journal, &record, record.publishes ? &row : NULL);
    if (error != 0) {
        /* The journal has stopped, or this is the end of memory, which admission keeps far (see
         * submit_journal_takes). What is durable is in the journal, and the next start drives it
         * on.
         */
        driver_fail(driver, troth_error_text(error));
        return;
    }
    entry->writes++;
    if (record.forced && entry->forced_at.us == 0)
        entry->forced_at = driver_now().mono;
}

/* --- RESERVE, RELEASE ------------------------------------------------------------------------ */

static void on_granted(struct slots_waiter *waiter)
{
    struct entry *entry = (struct entry *)(void *)((char *)waiter - offsetof(struct entry, slots));
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct entry_branch *extra = &entry->extra[entry->wanted_branch[i]];
        extra->place_at = waiter->pools[i];
        extra->has_slot = true;
    }
    struct deferred what = {.gtid = entry->origin.gtid, .kind = TXN_EVENT_RESERVED};
    driver_defer(entry->driver, &what);
}

/* Nobody has heard of that participant for a while: as if its prepare could not be sent. */
static void on_refused(struct slots_waiter *waiter, uint32_t at)
{
    static const char words[] = "nothing is heard of it, and so nothing is prepared there";
    struct entry *entry = (struct entry *)(void *)((char *)waiter - offsetof(struct entry, slots));
    const struct txn_branch *branch = &entry->branches[entry->wanted_branch[at]];
    struct deferred what = {.gtid = entry->origin.gtid,
                            .kind = TXN_EVENT_RESULT,
                            .op = OP_PREPARE,
                            .result = RESULT_UNKNOWN,
                            .branch = branch->number,
                            .attempt = entry->txn.attempt,
                            .unsent = true,
                            .down = true,
                            .reason = {words, sizeof words - 1}};
    driver_defer(entry->driver, &what);
}

static void reserve(struct entry *entry, const struct txn_effect *effect)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        if ((effect->mask >> i & 1u) == 0)
            continue;
        struct participant *participant = participants_of(entry, i);
        if (participant == NULL)
            continue; /* one that is gone needs no slot: its sends fail and say so */
        entry->wanted[count] = channel_pool(participant->channel);
        entry->wanted_branch[count++] = i;
    }
    entry->slots.pools = entry->wanted;
    entry->slots.count = count;
    entry->slots.granted = on_granted;
    entry->slots.refused = on_refused;
    if (gate_enter(entry))
        entry_reserve(entry);
}

/* When it was granted meanwhile, RESERVED is on its way to the core, which releases again. */
static void unreserve(struct driver *driver, struct entry *entry)
{
    if (entry->slots.waiting) {
        slots_cancel(driver->slots, &entry->slots);
        gate_leave(entry);
    } else if (entry->place == GATE_BEFORE) {
        gate_leave(entry);
    }
}

static bool holds_place(const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        if (entry->extra[i].place_at != NULL)
            return true;
    return false;
}

static void release(struct entry *entry, const struct txn_effect *effect)
{
    uint32_t index = (uint32_t)(effect->branch - entry->branches);
    bool held = entry->extra[index].place_at != NULL;
    entry_release(entry, index);
    if (held && !holds_place(entry))
        gate_leave(entry);
}

/* --- SEND ------------------------------------------------------------------------------------ */

static void send_failed(struct driver *driver, struct entry *entry, const struct txn_effect *effect,
                        enum message_result result, const char *reason)
{
    struct deferred what = deferred_for(entry, effect, TXN_EVENT_RESULT);
    what.result = result;
    what.reason = (struct troth_span){reason, strlen(reason)};
    what.unsent = true;
    driver_defer(driver, &what);
}

static void skip(struct driver *driver, struct entry *entry, const struct txn_effect *effect)
{
    struct deferred what = deferred_for(entry, effect, TXN_EVENT_SKIPPED);
    driver_defer(driver, &what);
}

/* Without memory for the words it goes without. */
static void unsendable(struct driver *driver, struct entry *entry, const struct txn_effect *effect,
                       const char *why)
{
    struct deferred what = deferred_for(entry, effect, TXN_EVENT_UNSENDABLE);
    uint32_t index = (uint32_t)(effect->branch - entry->branches);
    size_t len = strlen(why);
    size_t kept = len < MESSAGE_REASON_MAX ? len : MESSAGE_REASON_MAX - 1;
    what.reason = entry_keep_reason(entry, index, (struct troth_span){why, kept});
    driver_defer(driver, &what);
}

/* Fills in the input. false: nothing is sent, and the core has been answered. */
static bool make_input(struct driver *driver, struct entry *entry, const struct txn_effect *effect,
                       struct command *command)
{
    static const struct troth_span empty = {"{}", 2};
    uint32_t index = (uint32_t)(effect->branch - entry->branches);
    const char *why = "its input cannot be made";
    bool runs = true;
    int error = 0;
    if (effect->op != OP_PREPARE && effect->op != OP_EXECUTE && effect->op != OP_COMPENSATE)
        return true;
    if (effect->op != OP_COMPENSATE && entry->definition != NULL)
        error = steps_runs(driver, entry, index, &runs, &why);
    if (error == 0 && !runs) {
        skip(driver, entry, effect);
        return false;
    }
    if (error == 0)
        error = steps_input(driver, entry, index, effect->op, &command->input, &why);
    if (error == TROTH_ERROR_NO_MEMORY) {
        send_failed(driver, entry, effect, RESULT_RETRY, troth_error_text(error));
        return false;
    }
    if (error != 0 && effect->op == OP_COMPENSATE && steps_unknown_output(entry, index)) {
        command->input = empty;
        error = 0;
    }
    if (error != 0)
        unsendable(driver, entry, effect, why);
    return error == 0;
}

static void send_now(struct driver *driver, struct entry *entry, struct participant *participant,
                     const struct txn_effect *effect)
{
    uint32_t index = (uint32_t)(effect->branch - entry->branches);
    const char *operation = steps_operation(entry, index, effect->op);
    struct command command = {.op = effect->op,
                              .gtid = entry->origin.gtid,
                              .branch = effect->branch->number,
                              .attempt = effect->attempt,
                              .operation = {operation, strlen(operation)},
                              .timeout_us = effect->timeout_us,
                              .lock_wait_us = effect->lock_wait_us,
                              .ordered = effect->ordered,
                              .again = effect->again,
                              .traceparent = entry->origin.traceparent};
    if (!make_input(driver, entry, effect, &command))
        return;
    if (effect->op == OP_PREPARE)
        entry->extra[index].prepare_at = driver_now().mono;
    int error = channel_send(participant->channel, &command, effect->deadline);
    if (error == TROTH_ERROR_TOO_LARGE) {
        send_failed(driver, entry, effect, RESULT_REFUSED,
                    "the input is larger than a message may be");
    } else if (error != 0) {
        send_failed(driver, entry, effect, RESULT_RETRY, troth_error_text(error));
    }
}

/* Of what ends the present attempt, or an earlier one beside it. */
static bool is_first_try(const struct entry *entry, const struct txn_branch *branch,
                         uint32_t attempt)
{
    bool tells = branch->state == TXN_BRANCH_COMMITTING || branch->state == TXN_BRANCH_ABORTING;
    bool of_present = tells && attempt >= entry->txn.attempt;
    return (of_present ? branch->tries : branch->abort_tries) <= 1;
}

/* false: it leaves now. */
static bool waits_for_turn(struct driver *driver, struct entry *entry,
                           struct participant *participant, const struct txn_effect *effect)
{
    if ((effect->op != OP_COMMIT && effect->op != OP_ABORT) ||
        is_first_try(entry, effect->branch, effect->attempt) ||
        again_leaves(&participant->again, driver->config->retry_rate, driver_now().mono))
        return false;
    struct again again = {.pace = &participant->again,
                          .entry = entry,
                          .participant = participant,
                          .branch = (uint32_t)(effect->branch - entry->branches),
                          .op = effect->op,
                          .attempt = effect->attempt,
                          .number = effect->again,
                          .timeout_us = effect->timeout_us};
    return again_wait(&driver->again, &again, &entry->again);
}

void effects_answered(struct entry *entry, uint32_t index, const struct result *result)
{
    struct participant *participant = entry->extra[index].participant;
    bool acknowledges = (result->op == OP_COMMIT || result->op == OP_ABORT) &&
                        (result->result == RESULT_DONE || result->result == RESULT_HEURISTIC ||
                         result->result == RESULT_REFUSED);
    if (participant != NULL && acknowledges &&
        !is_first_try(entry, &entry->branches[index], result->attempt))
        again_acknowledged(&participant->again);
}

static void send_command(struct driver *driver, struct entry *entry,
                         const struct txn_effect *effect)
{
    uint32_t index = (uint32_t)(effect->branch - entry->branches);
    struct participant *participant = participants_of(entry, index);
    if (participant == NULL)
        send_failed(driver, entry, effect, RESULT_UNKNOWN, "the participant is not registered");
    else if (!waits_for_turn(driver, entry, participant, effect))
        send_now(driver, entry, participant, effect);
}

void effects_again(struct driver *driver)
{
    struct again again;
    while (again_next(&driver->again, driver->config->retry_rate, driver_now().mono, &again)) {
        struct txn_effect effect = {.kind = TXN_EFFECT_SEND,
                                    .branch = &again.entry->branches[again.branch],
                                    .op = again.op,
                                    .attempt = again.attempt,
                                    .again = again.number,
                                    .timeout_us = again.timeout_us};
        if (again.entry->txn.state != TXN_LEAVING && again.entry->txn.state != TXN_LOST)
            send_now(driver, again.entry, again.participant, &effect);
    }
}

/* --- REPLY, PUBLISH, ENDED ------------------------------------------------------------------- */

static void reply(struct driver *driver, struct entry *entry, const struct txn_effect *effect)
{
    switch (effect->reply) {
    case TXN_REPLY_ENLISTED:
        answer_enlisted(entry, effect->number, 0);
        break;
    case TXN_REPLY_REFUSED:
        if (effect->number != 0)
            answer_enlisted(entry, effect->number, effect->error);
        else
            driver->refused = effect->error;
        break;
    case TXN_REPLY_ACCEPTED:
    case TXN_REPLY_DECIDED:
    case TXN_REPLY_COMPLETED:
        answer_level(entry, effect->reply);
        break;
    case TXN_REPLY_RESOLVED:
        answer_word(entry, effect->number, effect->error);
        break;
    case TXN_REPLY_COUNT:
        assert(false);
    }
}

static void publish(struct driver *driver, struct entry *entry, const struct txn_effect *effect)
{
    const struct record_outbox_row *row = entry->rows[effect->record.outcome];
    if (driver->outbox_mode == CONFIG_OUTBOX_KAFKA && row != NULL) {
        outbox_send(driver->outbox, row);
        return;
    }
    /* Nobody here confirms it: the transaction need not wait. */
    struct deferred what = {
        .gtid = entry->origin.gtid, .kind = TXN_EVENT_PUBLISHED, .unsent = true};
    driver_defer(driver, &what);
}

static void handle(struct driver *driver, struct entry *entry, const struct txn_effect *effect)
{
    switch (effect->kind) {
    case TXN_EFFECT_PERSIST:
        persist(driver, entry, effect);
        break;
    case TXN_EFFECT_RESERVE:
        reserve(entry, effect);
        break;
    case TXN_EFFECT_UNRESERVE:
        unreserve(driver, entry);
        break;
    case TXN_EFFECT_RELEASE:
        release(entry, effect);
        break;
    case TXN_EFFECT_SEND:
        send_command(driver, entry, effect);
        break;
    case TXN_EFFECT_REPLY:
        reply(driver, entry, effect);
        break;
    case TXN_EFFECT_PUBLISH:
        publish(driver, entry, effect);
        break;
    case TXN_EFFECT_ENDED:
        entry->ended = true;
        break;
    case TXN_EFFECT_COUNT:
        assert(false);
    }
}

void effects_handle(struct driver *driver, struct entry *entry)
{
    for (uint32_t i = 0; i < driver->effects->count; i++)
        handle(driver, entry, &driver->effects->list[i]);
    steps_forget_values(driver);
}
