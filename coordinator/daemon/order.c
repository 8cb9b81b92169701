/* order.c: whether the first attempt of a transaction prepares in order: as its definition says, or
 * as was learnt from those before it (learn.h). What is learnt is this process's own, and of one
 * version of a definition. */
#include "driver_private.h"

#include <string.h>

/* bit j of ret_same[i]: steps i and j are at one participant. */
static void same_participant(const struct definition *definition,
                             uint64_t ret_same[DEFINITION_STEPS_MAX])
{
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        ret_same[i] = 0;
        for (uint32_t j = 0; j < definition->steps_count; j++) {
            if (strcmp(definition->steps[i].participant, definition->steps[j].participant) == 0) {
                ret_same[i] |= UINT64_C(1) << j;
            }
        }
    }
}

/* Before it begins. */
void order_choose(struct entry *entry)
{
    struct learn *learn;
    if (entry->definition == NULL || entry->origin.mode == TXN_MODE_SAGA) {
        return;
    }
    learn = &entry->definition->learn;
    switch (entry->definition->definition->prepare) {
    case DEFINITION_PREPARE_PARALLEL:
    case DEFINITION_PREPARE_ORDERED:
        entry->origin.ordered =
            entry->definition->definition->prepare == DEFINITION_PREPARE_ORDERED;
        learn_count(learn, entry->origin.ordered);
        return;
    case DEFINITION_PREPARE_LEARNT:
        break;
    }
    struct learn_way way = learn_begin(learn, driver_now().mono);
    entry->origin.ordered = way.ordered;
    entry->is_probe = way.is_probe;
    for (uint32_t i = 0; i < entry->txn.branches_count; i++) {
        entry->branches[i].prepares_last = (learn->last_steps >> i & 1u) != 0;
    }
}

/* A definition that says how it prepares has its conflicts counted, and no more. */
static void learn_from(struct entry *entry)
{
    struct learn *learn = &entry->definition->learn;
    int64_t step = entry_branch_index(entry, entry->txn.conflict_branch);
    uint64_t same[DEFINITION_STEPS_MAX];
    if (step < 0 || entry->origin.ordered ||
        entry->definition->definition->prepare != DEFINITION_PREPARE_LEARNT) {
        learn->conflicts_total++;
        return;
    }
    same_participant(entry->definition->definition, same);
    learn_conflict(learn, (uint32_t)step, same, entry->txn.branches_count, driver_now().mono);
}

/* All votes are there, or it is over in another way; or it goes on. */
static void probe_look(struct entry *entry, bool conflict)
{
    const struct txn *txn = &entry->txn;
    enum learn_probe probe = conflict                     ? LEARN_PROBE_CONFLICT
                             : txn->state == TXN_DECIDING ? LEARN_PROBE_GOOD
                                                          : LEARN_PROBE_NEITHER;
    if (txn->state == TXN_BEGINNING || txn->state == TXN_RESERVING || txn->state == TXN_PREPARING) {
        return;
    }
    entry->is_probe = false;
    learn_probe_ended(&entry->definition->learn, probe, driver_now().mono);
}

/* After each step. */
void order_step(struct entry *entry, const struct metrics_mark *before)
{
    bool conflict = before->state == TXN_PREPARING && before->attempt == 1 &&
                    entry->txn.conflicts > before->conflicts;
    if (conflict && entry->definition != NULL) {
        learn_from(entry);
    }
    if (entry->is_probe) {
        probe_look(entry, conflict);
    }
}

void order_conflict(struct driver *driver, const struct txn_branch *branch,
                    const struct result *result)
{
    struct participant *participant;
    if (result->result == RESULT_CONFLICT &&
        (participant = registry_participant(driver, branch->participant)) != NULL) {
        participant->conflicts++;
    }
}

/* --- what was learnt ---------------------------------------------------------------------------
 */

const char *order_last(const struct definition_slot *slot)
{
    uint64_t last = slot->learn.last_steps;
    return last == 0 ? NULL : slot->definition->steps[__builtin_ctzll(last)].participant;
}

void order_host_status(void *ctx, const struct definition *definition, struct buffer *ret_members)
{
    const struct driver *driver = ctx;
    const struct definition_slot *slot =
        registry_definition(driver, definition->name, definition->version);
    const struct learn *learn = &slot->learn;
    bool learnt = definition->prepare == DEFINITION_PREPARE_LEARNT;
    bool ordered =
        learnt ? learn->mode != LEARN_PARALLEL : definition->prepare == DEFINITION_PREPARE_ORDERED;
    if (definition->mode == DEFINITION_SAGA) {
        buffer_append_text(ret_members, "\"prepare\":null");
        return;
    }
    buffer_append_format(ret_members,
                         "\"prepare\":{\"order\":\"%s\",\"learnt\":%s,\"conflicts\":%llu,"
                         "\"parallel\":%llu,\"ordered\":%llu",
                         ordered ? "ordered" : "parallel", learnt ? "true" : "false",
                         (unsigned long long)learn->conflicts_total,
                         (unsigned long long)learn->parallel_total,
                         (unsigned long long)learn->ordered_total);
    if (order_last(slot) != NULL) {
        buffer_append_format(ret_members, ",\"last\":\"%s\"", order_last(slot));
    }
    buffer_append_char(ret_members, '}');
}
