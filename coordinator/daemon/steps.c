/* steps.c: a definition's steps as branches of a transaction, and the inputs of their calls.
 *
 * Branch i + 1 is step i, also after a restart: the journal keeps numbers and names, the rest comes
 * from the definition, of which every version that an open transaction runs is kept. */
#include "steps.h"

#include <stdio.h>
#include <string.h>

#include <base/buffer.h>
#include <definition/definition.h>
#include <txn/txn.h>

#include "definitions.h"
#include "entry.h"
#include "state.h"

static struct txn_retry retry_of(const struct definition *definition, int32_t index)
{
    if (index < 0)
        return (struct txn_retry){0}; /* the policy's */
    const struct definition_retry *retry = &definition->retries[index];
    return (struct txn_retry){.interval_us = retry->interval_us,
                              .backoff_thousandths = (uint32_t)(retry->backoff * 1000.0 + 0.5),
                              .max_interval_us = retry->max_interval_us,
                              .max_attempts = retry->max_attempts,
                              .fixed = !retry->full_jitter};
}

/* Undoing is not given up but where the definition says so. */
static struct txn_retry undoing_of(const struct definition *definition, int32_t index)
{
    struct txn_retry retry = retry_of(definition, index);
    if (index >= 0 && !definition->retries[index].attempts_given)
        retry.max_attempts = 0;
    return retry;
}

static enum txn_step_kind kind_of(enum definition_kind kind)
{
    switch (kind) {
    case DEFINITION_COMPENSATABLE:
        return TXN_STEP_COMPENSATABLE;
    case DEFINITION_PIVOT:
        return TXN_STEP_PIVOT;
    case DEFINITION_RETRIABLE:
        return TXN_STEP_RETRIABLE;
    }
    return TXN_STEP_COMPENSATABLE;
}

enum txn_mode steps_mode(const struct definition *definition)
{
    switch (definition->mode) {
    case DEFINITION_2PC:
        return TXN_MODE_2PC;
    case DEFINITION_SAGA:
        return TXN_MODE_SAGA;
    case DEFINITION_2PC_THEN_SAGA:
        return TXN_MODE_2PC_THEN_SAGA;
    }
    return TXN_MODE_2PC;
}

/* What the journal does not hold. */
void steps_fill(const struct definition *definition, uint32_t index, struct txn_branch *branch)
{
    const struct definition_step *step = &definition->steps[index];
    branch->needs = step->input_needs | step->when_needs;
    branch->after = step->after;
    branch->timeout_us = step->timeout_us;
    branch->kind = kind_of(step->kind);
    branch->has_compensation = step->has_compensation;
    branch->conditional = step->when.data != NULL;
    branch->compensate_needs = step->compensate_needs;
    branch->retry = retry_of(definition, step->retry);
    branch->compensate_retry = undoing_of(definition, step->compensate_retry);
    branch->prepare_after = step->after_named; /* else prepares go side by side, or in order */
}

/* What templates can name now. What they name is looked up once for all that a step of the core
 * sends: nothing of it changes until steps_forget_values(). */
struct definition_values *steps_values(struct driver *driver, const struct entry *entry)
{
    struct definition_values *values = &driver->values;
    if (driver->values_known)
        return values;
    *values = (struct definition_values){.input = entry->origin.input};
    for (uint32_t i = 0; i < entry->txn.branches_count && i < DEFINITION_STEPS_MAX; i++)
        values->outputs[i] = entry->branches[i].output;
    driver->values_known = true;
    return values;
}

void steps_forget_values(struct driver *driver)
{
    if (driver->values_known) {
        definition_values_finish(&driver->values);
        driver->values_known = false;
    }
}

/* A yes that came when it was asked for again may have lost its output: its participant was
 * restarted. What a condition says of that nobody can tell. */
static const struct txn_branch *output_lost(const struct entry *entry, uint64_t needs)
{
    uint64_t without = needs & txn_yes_without_output(&entry->txn);
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        if ((without >> i & 1u) != 0 && entry->branches[i].tries > 1)
            return &entry->branches[i];
    return NULL;
}

/* Lets its `when` run the step? TROTH_ERROR_UNAVAILABLE: it cannot be told, an output is lost;
 * _TOO_LARGE: as definition_when() says; *ret_why is for people. TROTH_ERROR_NO_MEMORY: not now. */
int steps_runs(struct driver *driver, const struct entry *entry, uint32_t index, bool *ret_runs,
               const char **ret_why)
{
    static char text[TROTH_NAME_LEN_MAX + 100];
    const struct definition *definition = entry->definition->definition;
    const struct txn_branch *lost = output_lost(entry, definition->steps[index].when_needs);
    if (lost == NULL)
        return definition_when(definition, index, steps_values(driver, entry), ret_runs, ret_why);
    (void)snprintf(text, sizeof text,
                   "a condition names the output of ${%s}, which was lost when its participant was "
                   "restarted",
                   lost->name);
    *ret_why = text;
    return TROTH_ERROR_UNAVAILABLE;
}

/* Actions of one transaction have a limit together, which those known before it began have kept
 * already (definition_check_sizes()). Undoing has none: it is not given up for the room that doing
 * took. */
static int count_bytes(struct entry *entry, uint32_t index, size_t bytes, const char **ret_why)
{
    uint64_t all = bytes;
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        all += i != index ? entry->extra[i].input_bytes : 0;
    if (all > DEFINITION_RENDERED_ALL_BYTES_MAX) {
        *ret_why = DEFINITION_RENDERED_ALL_WORDS;
        return TROTH_ERROR_TOO_LARGE;
    }
    entry->extra[index].input_bytes = (uint32_t)bytes;
    return 0;
}

/* The input of prepare, execute and compensate, into the driver's scratch. TROTH_ERROR_NOT_FOUND,
 * _TYPE, _TOO_LARGE: it cannot be made of what is known; *ret_why as definition_render() says. */
int steps_input(struct driver *driver, struct entry *entry, uint32_t index, enum message_op op,
                struct troth_span *ret_input, const char **ret_why)
{
    static const struct troth_span empty = {"{}", 2};
    if (entry->definition == NULL) {
        *ret_input = empty;
        return 0;
    }
    const struct definition *definition = entry->definition->definition;
    const struct definition_step *step = &definition->steps[index];
    const struct template *template = op == OP_COMPENSATE ? step->compensate_made : step->made;
    buffer_clear(&driver->scratch);
    int error = definition_render(definition, template, steps_values(driver, entry),
                                  &driver->scratch, ret_why);
    if (error == 0 && op != OP_COMPENSATE)
        error = count_bytes(entry, index, driver->scratch.len, ret_why);
    if (error == 0)
        *ret_input = buffer_span(&driver->scratch);
    return error;
}

/* An output that nobody knows: the guard has it stored, or there is nothing to undo. */
bool steps_unknown_output(const struct entry *entry, uint32_t index)
{
    uint64_t needs = entry->branches[index].compensate_needs;
    for (uint32_t i = 0; i < entry->txn.branches_count; i++)
        if ((needs >> i & 1u) != 0 && txn_output_unknown(&entry->txn, i))
            return true;
    return false;
}

const char *steps_operation(const struct entry *entry, uint32_t index, enum message_op op)
{
    if (op == OP_COMPENSATE && entry->definition != NULL)
        return entry->definition->definition->steps[index].compensate_operation;
    return entry->branches[index].operation;
}
