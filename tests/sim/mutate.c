/* mutate.c: protections switched off, one at a time, to show that the checks bite. They live here
 * and in the simulated journal, network and participants; the core knows nothing of them. */
#include <string.h>

#include "sim.h"

static const char *const names[MUTATE_COUNT] = {
    [MUTATE_NOTHING] = "nothing",
    [MUTATE_DECISION_AFTER_SEND] = "decision-after-send",
    [MUTATE_REPLY_BEFORE_DURABLE] = "reply-before-durable",
    [MUTATE_NO_EPOCH_CHECK] = "no-epoch-check",
    [MUTATE_SAME_EPOCH] = "same-epoch",
    [MUTATE_NOT_WRITE_ONCE] = "not-write-once",
    [MUTATE_READ_PROVES] = "read-proves",
    [MUTATE_NO_TOMBSTONE] = "no-tombstone",
    [MUTATE_NO_ATTEMPT_FENCE] = "no-attempt-fence",
    [MUTATE_GUARD_IGNORES_ATTEMPT] = "guard-ignores-attempt",
    [MUTATE_ONE_PHASE_WITHOUT_ROW] = "one-phase-without-row",
    [MUTATE_OPEN_LIST] = "open-list",
    [MUTATE_NO_INQUIRY] = "no-inquiry",
    [MUTATE_LAZY_BEGIN_FOR_ALL] = "lazy-begin-for-all",
    [MUTATE_ABSENCE_ABORTS] = "absence-aborts",
    [MUTATE_UNKNOWN_IS_DONE] = "unknown-is-done",
    [MUTATE_NOTHING_IS_DONE] = "nothing-is-done",
    [MUTATE_NO_IDEMPOTENCY_KEY] = "no-idempotency-key",
};

const char *mutation_name(enum mutation mutation)
{
    return names[mutation];
}

bool mutation_parse(const char *name, enum mutation *ret_mutation)
{
    for (enum mutation m = MUTATE_NOTHING; m < MUTATE_COUNT; m++) {
        if (strcmp(names[m], name) == 0) {
            *ret_mutation = m;
            return true;
        }
    }
    return false;
}

void mutate_persist(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_record *record)
{
    const struct live *live = world->nodes[node]->live[txn];
    if (record->kind != TXN_RECORD_DECISION)
        return;
    if (world->mutation == MUTATE_REPLY_BEFORE_DURABLE)
        client_tell(world, node, txn, ANSWER_OUTCOME, 0, record->decision);
    if (world->mutation != MUTATE_DECISION_AFTER_SEND || record->decision != TXN_COMMIT)
        return;
    for (uint32_t i = 0; i < live->txn.branches_count; i++) {
        if (live->branches[i].state == TXN_BRANCH_PREPARED)
            node_send(world, node, txn, live->branches[i].number - 1, OP_COMMIT, record->attempt,
                      world->policy.call_timeout_us);
    }
}

bool mutate_pretends_durable(const struct world *world, const struct txn_record *record)
{
    if (world->mutation == MUTATE_ONE_PHASE_WITHOUT_ROW)
        return record->kind == TXN_RECORD_DELEGATE;
    if (world->mutation == MUTATE_LAZY_BEGIN_FOR_ALL)
        return record->kind == TXN_RECORD_BEGIN && record->forced;
    return false;
}
