/* order.c: whether the first attempt of a transaction prepares in order: as its definition says, or
 * as was learnt from those before it (learn.h). What is learnt is this process's own, and of one
 * version of a definition. */
#include "order.h"

#include <string.h>

#include <base/buffer.h>
#include <definition/definition.h>
#include <txn/txn.h>

#include "clock.h"
#include "counting.h"
#include "definitions.h"
#include "entry.h"
#include "gate.h"
#include "learn.h"
#include "participants.h"
#include "state.h"

static void steps_look(struct definition_slot *slot)
{
    const struct definition *definition = slot->definition;
    struct learn_steps *steps = &slot->steps;
    const char *last = "";
    steps->count = definition->steps_count;
    for (uint32_t i = 0; i < steps->count; i++) {
        const char *name = definition->steps[i].participant;
        steps->beside[i] = 0;
        for (uint32_t j = 0; j < steps->count; j++)
            if (strcmp(name, definition->steps[j].participant) == 0)
                steps->beside[i] |= UINT64_C(1) << j;
        if (strcmp(name, last) >= 0) {
            last = name;
            steps->last_by_name = steps->beside[i];
        }
    }
}

/* Before it begins. */
void order_choose(struct entry *entry)
{
    struct learn *learn;
    if (entry->definition == NULL || entry->origin.mode == TXN_MODE_SAGA)
        return;
    learn = &entry->definition->learn;
    if (entry->definition->steps.count == 0)
        steps_look(entry->definition);
    switch (entry->definition->definition->prepare) {
    case DEFINITION_PREPARE_PARALLEL:
    case DEFINITION_PREPARE_ORDERED:
        entry->origin.ordered =
            entry->definition->definition->prepare == DEFINITION_PREPARE_ORDERED;
        learn_said(learn, entry->origin.ordered);
        return;
    case DEFINITION_PREPARE_LEARNT:
        break;
    }
    struct learn_way way = learn_begin(learn, driver_now().mono);
    entry->origin.ordered = way.ordered;
    entry->is_probe = way.is_probe;
}

/* A definition that says how it prepares has its conflicts counted, and no more. */
static void learn_from(struct entry *entry)
{
    struct learn *learn = &entry->definition->learn;
    if (entry->origin.ordered ||
        entry->definition->definition->prepare != DEFINITION_PREPARE_LEARNT)
        learn->conflicts_total++;
    else
        learn_conflict(learn, driver_now().mono);
}

/* All votes are there, or it is over in another way; or it goes on. */
static void probe_look(struct entry *entry, bool conflict)
{
    const struct txn *txn = &entry->txn;
    enum learn_probe probe = conflict                     ? LEARN_PROBE_CONFLICT
                             : txn->state == TXN_DECIDING ? LEARN_PROBE_GOOD
                                                          : LEARN_PROBE_NEITHER;
    if (txn->state == TXN_BEGINNING || txn->state == TXN_RESERVING || txn->state == TXN_PREPARING)
        return;
    entry->is_probe = false;
    learn_probe_ended(&entry->definition->learn, probe, driver_now().mono);
}

/* After each step. */
void order_step(struct entry *entry, const struct metrics_mark *before)
{
    bool conflict = before->state == TXN_PREPARING && before->attempt == 1 &&
                    entry->txn.conflicts > before->conflicts;
    if (conflict && entry->definition != NULL)
        learn_from(entry);
    if (entry->is_probe)
        probe_look(entry, conflict);
    if (before->state == TXN_PREPARING && entry->txn.state == TXN_DECIDING)
        gate_voted(entry);
}

static bool has_participant(const struct definition *definition, uint32_t steps, const char *name)
{
    for (uint32_t i = 0; i < steps; i++)
        if (strcmp(definition->steps[i].participant, name) == 0)
            return true;
    return false;
}

static uint32_t participants_in_common(const struct definition *a, const struct definition *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->steps_count; i++) {
        const char *name = a->steps[i].participant;
        bool counted = has_participant(a, i, name);
        count += !counted && has_participant(b, b->steps_count, name) ? 1 : 0;
    }
    return count;
}

static bool is_alone(const struct definition_slot *slot)
{
    const struct driver *driver = slot->driver;
    for (uint32_t i = 0; i < driver->definitions_count; i++) {
        const struct definition_slot *other = driver->definitions[i];
        if (other != slot && other->learn.mode != LEARN_PARALLEL &&
            participants_in_common(slot->definition, other->definition) >= 2)
            return false;
    }
    return true;
}

static void learn_took(struct entry *entry, uint32_t index)
{
    struct definition_slot *slot = entry->definition;
    struct mono now = driver_now().mono;
    if (learn_vote(&slot->learn, index, now.us - entry->extra[index].prepare_at.us))
        learn_order(&slot->learn, &slot->steps, is_alone(slot), now);
}

void order_result(struct entry *entry, uint32_t index, const struct result *result)
{
    struct participant *participant = participants_of(entry, index);
    if (result->result == RESULT_CONFLICT && participant != NULL)
        participant->conflicts++;
    if (result->result == RESULT_VOTE && entry->place == GATE_INSIDE &&
        entry->branches[index].state == TXN_BRANCH_PREPARING &&
        result->attempt == entry->txn.attempt)
        learn_took(entry, index);
}

/* --- what was learnt ---------------------------------------------------------------------------
 */

const char *order_last(const struct definition_slot *slot)
{
    uint64_t last = slot->learn.last_steps;
    return last == 0 ? NULL : slot->definition->steps[__builtin_ctzll(last)].participant;
}

void order_append(const struct definition_slot *slot, struct buffer *ret_members)
{
    const struct definition *definition = slot->definition;
    const struct learn *learn = &slot->learn;
    bool learnt = definition->prepare == DEFINITION_PREPARE_LEARNT;
    bool ordered =
        learnt ? learn->mode != LEARN_PARALLEL : definition->prepare == DEFINITION_PREPARE_ORDERED;
    bool in_turn = ordered && learn->in_turn;
    if (definition->mode == DEFINITION_SAGA) {
        buffer_append_text(ret_members, "\"prepare\":null");
        return;
    }
    buffer_append_format(ret_members,
                         "\"prepare\":{\"order\":\"%s\",\"learnt\":%s,\"conflicts\":%llu,"
                         "\"parallel\":%llu,\"ordered\":%llu",
                         in_turn   ? "in_turn"
                         : ordered ? "ordered"
                                   : "parallel",
                         learnt ? "true" : "false", (unsigned long long)learn->conflicts_total,
                         (unsigned long long)learn->parallel_total,
                         (unsigned long long)learn->ordered_total);
    if (ordered && !in_turn && learn->limit != 0)
        buffer_append_format(ret_members, ",\"limit\":%u", learn->limit);
    if (!in_turn && order_last(slot) != NULL)
        buffer_append_format(ret_members, ",\"last\":\"%s\"", order_last(slot));
    buffer_append_char(ret_members, '}');
}
