/* mutate.c: protections switched off, one at a time, to show that the checks bite. They live here
 * and in the simulated journal, network and participants; the core knows nothing of them. */
#include <string.h>

#include <base/span.h>

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
    [MUTATE_ANY_ATTEMPT] = "any-attempt",
    [MUTATE_GUARD_IGNORES_ATTEMPT] = "guard-ignores-attempt",
    [MUTATE_ONE_PHASE_WITHOUT_ROW] = "one-phase-without-row",
    [MUTATE_OPEN_LIST] = "open-list",
    [MUTATE_NO_INQUIRY] = "no-inquiry",
    [MUTATE_LAZY_BEGIN_FOR_ALL] = "lazy-begin-for-all",
    [MUTATE_ABSENCE_ABORTS] = "absence-aborts",
    [MUTATE_UNKNOWN_IS_DONE] = "unknown-is-done",
    [MUTATE_NOTHING_IS_DONE] = "nothing-is-done",
    [MUTATE_NO_IDEMPOTENCY_KEY] = "no-idempotency-key",
    [MUTATE_UNDO_NO_TOMBSTONE] = "undo-no-tombstone",
    [MUTATE_REFUSAL_NO_TOMBSTONE] = "refusal-no-tombstone",
    [MUTATE_TURN_AFTER_SEND] = "turn-after-send",
    [MUTATE_PIVOT_LAZY] = "pivot-lazy",
    [MUTATE_UNKNOWN_PIVOT] = "unknown-pivot",
    [MUTATE_KNOWN_ONLY] = "known-only",
    [MUTATE_EARLY_SEND] = "early-send",
    [MUTATE_LOWER_STAYS] = "lower-stays",
    [MUTATE_LATE_YES] = "late-yes",
    [MUTATE_NO_ABORT] = "no-abort",
    [MUTATE_REFUSED_IS_DONE] = "refused-is-done",
    [MUTATE_TRY_UNCOUNTED] = "try-uncounted",
    [MUTATE_LAST_ROW] = "last-row",
    [MUTATE_MIXED_BEFORE_ROW] = "mixed-before-row",
    [MUTATE_STOP_IS_NOTHING] = "stop-is-nothing",
    [MUTATE_WAIT_ACCEPTS] = "wait-accepts",
    [MUTATE_ENLISTED_IN_TIME] = "enlisted-in-time",
    [MUTATE_ANY_COMMIT] = "any-commit",
    [MUTATE_LEASE_UNLOOKED] = "lease-unlooked",
    [MUTATE_ANY_ORDER] = "any-order",
    [MUTATE_LONG_WAIT] = "long-wait",
    [MUTATE_NO_AGE] = "no-age",
    [MUTATE_OWN_LOCK] = "own-lock",
    [MUTATE_NO_END] = "no-end",
    [MUTATE_WAITED_OUT] = "waited-out",
    [MUTATE_POST_EARLY] = "post-early",
    [MUTATE_REFUSAL_PROVES] = "refusal-proves",
    [MUTATE_NO_OPERATION_PROVES] = "no-operation-proves",
    [MUTATE_HIDDEN_RESEND] = "hidden-resend",
    [MUTATE_UNSAID_OUTPUT] = "unsaid-output",
    [MUTATE_STORED_NO] = "stored-no",
    [MUTATE_NEVER_LEFT] = "never-left",
    [MUTATE_SAME_KEY] = "same-key",
    [MUTATE_RAISE_LAZY] = "raise-lazy",
    [MUTATE_BARS_OTHERS] = "bars-others",
    [MUTATE_SLOT_UNTIL_ACK] = "slot-until-ack",
    [MUTATE_MARK_AT_END] = "mark-at-end",
    [MUTATE_GONE_IS_NEW] = "gone-is-new",
    [MUTATE_OVERWRITES] = "overwrites",
    [MUTATE_RESOLVE_FIRST] = "resolve-first",
    [MUTATE_RESOLVED_ACTS] = "resolved-acts",
    [MUTATE_RESOLVED_ASKED] = "resolved-asked",
    [MUTATE_RESOLVE_FORCE] = "resolve-force",
    [MUTATE_HANDOVER] = "handover",
    [MUTATE_HANDED_BEFORE] = "handed-before",
    [MUTATE_GIVEN_BACK_EARLY] = "given-back-early",
    [MUTATE_PASSED_IS_NOTHING] = "passed-is-nothing",
    [MUTATE_KEY_ANYWHERE] = "key-anywhere",
    [MUTATE_LOST_TAIL] = "lost-tail",
    [MUTATE_ABSENCE] = "absence",
    [MUTATE_TIMELINE] = "timeline",
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

/* What only the decision's row allows leaves when that is asked for. */
static void send_early(struct world *world, uint32_t node, uint32_t txn,
                       const struct txn_record *record)
{
    const struct live *live = world->nodes[node]->live[txn];
    bool turns = world->mutation == MUTATE_TURN_AFTER_SEND && record->decision == TXN_ABORT &&
                 record->protocol == TXN_PROTOCOL_SAGA;
    bool follows = world->mutation == MUTATE_POST_EARLY && record->decision == TXN_COMMIT;
    for (uint32_t i = 0; i < live->txn.branches_count; i++) {
        const struct txn_branch *branch = &live->branches[i];
        if (turns && branch->state == TXN_BRANCH_DONE && branch->has_compensation)
            node_send(world, node, txn, branch->number - 1,
                      &(struct sending){.op = OP_COMPENSATE, .attempt = record->attempt});
        if (follows && branch->state == TXN_BRANCH_BEHIND)
            node_send(world, node, txn, branch->number - 1,
                      &(struct sending){.op = OP_EXECUTE, .attempt = record->attempt});
    }
}

/* The abort that revokes a pivot: is it for a pivot whose retries are spent? */
static bool revoke_pretended(const struct world *world, const struct txn *txn,
                             const struct txn_effect *effect)
{
    if (txn->state != TXN_STOPPING || effect->op != OP_ABORT || effect->attempt != txn->attempt)
        return false;
    bool spent = txn->cause_branch == effect->branch->number && txn->cause != TXN_CAUSE_REFUSED;
    return world->mutation == (spent ? MUTATE_UNKNOWN_PIVOT : MUTATE_PIVOT_LAZY);
}

bool mutate_answers(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_effect *effect)
{
    const struct live *live = world->nodes[node]->live[txn];
    const struct guard *guard = &world->txns[txn].guard[effect->branch->number - 1];
    struct result result = {.op = effect->op,
                            .branch = effect->branch->number,
                            .attempt = effect->attempt,
                            .result = RESULT_DONE,
                            .state = BRANCH_IS_ABORTED};
    bool known = guard->recorded || (guard->sent_by >> node & 1u) != 0;
    bool pretends =
        revoke_pretended(world, &live->txn, effect) ||
        (world->mutation == MUTATE_KNOWN_ONLY && effect->op == OP_COMPENSATE && !known) ||
        (world->mutation == MUTATE_NO_ABORT && effect->op == OP_ABORT &&
         effect->attempt < live->txn.attempt) ||
        (world->mutation == MUTATE_NO_END && effect->op == OP_ABORT &&
         effect->attempt < live->txn.attempt && live->txn.protocol == TXN_PROTOCOL_2PC) ||
        (world->mutation == MUTATE_RESOLVED_ASKED &&
         (live->txn.worded & live->txn.owed) >> (effect->branch - live->branches) & 1u);
    if (effect->op == OP_COMMIT)
        result.state = BRANCH_IS_COMMITTED;
    if (!pretends || world->sends == 0)
        return false;
    struct sim_event event = {.kind = EV_RESULT, .node = node, .txn = txn, .result = result};
    world_push(world, event, 0); /* its id is that of the first send, answered long ago */
    return true;
}

void mutate_result(const struct world *world, struct result *result)
{
    bool refused = result->op == OP_EXECUTE && result->result == RESULT_REFUSED;
    bool absent = result->op == OP_EXECUTE && result->result == RESULT_NO_OPERATION;
    if ((world->mutation == MUTATE_REFUSAL_PROVES && refused) ||
        (world->mutation == MUTATE_NO_OPERATION_PROVES && absent)) {
        result->result = RESULT_REFUSED;
        result->state = BRANCH_IS_ABORTED;
    }
    if (world->mutation == MUTATE_UNSAID_OUTPUT && result->op == OP_STATUS)
        result->state = BRANCH_IS_COMMITTED;
}

void mutate_sending(const struct world *world, struct sending *what)
{
    if (world->mutation == MUTATE_LONG_WAIT && what->op == OP_PREPARE)
        what->lock_wait_us = what->timeout_us;
}

void mutate_hands_over(struct world *world, uint32_t node, uint32_t txn)
{
    const struct txn *core = &world->nodes[node]->live[txn]->txn;
    BUFFER_SCOPED struct buffer members = {0};
    if (core->state != TXN_OPEN)
        return;
    record_members_begin(&members);
    for (uint32_t i = 0; i < core->branches_count; i++) {
        const struct txn_branch *branch = &core->branches[i];
        record_member_append(&members,
                             &(struct record_member){.branch = branch->number,
                                                     .participant = span_of(branch->participant),
                                                     .operation = span_of(branch->operation),
                                                     .inquires = branch->inquires,
                                                     .vote = branch->vote});
    }
    record_members_end(&members);
    struct txn_record record = {.kind = TXN_RECORD_BEGIN,
                                .forced = true,
                                .origin = core->origin,
                                .epoch = core->epoch,
                                .attempt = core->attempt,
                                .handed = core->epoch,
                                .members = buffer_span(&members)};
    lane_write(world, node, txn, &record);
}

/* A sloppy leader: the yes that completes the votes asks for a commit of the attempt that ends. */
void mutate_late_yes(struct world *world, uint32_t node, uint32_t txn, const struct result *result)
{
    const struct live *live = world->nodes[node]->live[txn];
    if (world->mutation != MUTATE_LATE_YES || live->txn.state != TXN_FALLING_BACK ||
        result->result != RESULT_VOTE || result->attempt + 1 != live->txn.attempt)
        return;
    struct txn_record record = {.kind = TXN_RECORD_DECISION,
                                .forced = true,
                                .origin = live->txn.origin,
                                .epoch = live->txn.epoch,
                                .attempt = result->attempt,
                                .decision = TXN_COMMIT};
    lane_write(world, node, txn, &record);
}

void mutate_persist(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_record *record)
{
    const struct live *live = world->nodes[node]->live[txn];
    if (record->kind != TXN_RECORD_DECISION)
        return;
    send_early(world, node, txn, record);
    if (world->mutation == MUTATE_REPLY_BEFORE_DURABLE)
        client_tell_outcome(world, node, txn, record->decision, record->outcome);
    if (world->mutation != MUTATE_DECISION_AFTER_SEND || record->decision != TXN_COMMIT)
        return;
    for (uint32_t i = 0; i < live->txn.branches_count; i++) {
        if (live->branches[i].state == TXN_BRANCH_PREPARED)
            node_send(world, node, txn, live->branches[i].number - 1,
                      &(struct sending){.op = OP_COMMIT, .attempt = record->attempt});
    }
}

bool mutate_pretends_too(const struct world *world, const struct txn_record *record)
{
    bool is_word = record->kind == TXN_RECORD_STEP &&
                   memmem(record->step.data, record->step.len, "\"resolved\"", 10) != NULL;
    return (world->mutation == MUTATE_EARLY_SEND && record->kind == TXN_RECORD_ATTEMPT) ||
           (world->mutation == MUTATE_RESOLVE_FIRST && is_word) ||
           (world->mutation == MUTATE_MIXED_BEFORE_ROW && record->kind == TXN_RECORD_OUTCOME &&
            record->outcome == TXN_OUTCOME_MIXED);
}

bool mutate_pretends_durable(const struct world *world, const struct txn_record *record)
{
    if (world->mutation == MUTATE_ONE_PHASE_WITHOUT_ROW)
        return record->kind == TXN_RECORD_DELEGATE;
    if (world->mutation == MUTATE_LAZY_BEGIN_FOR_ALL)
        return record->kind == TXN_RECORD_BEGIN && record->forced;
    if (world->mutation == MUTATE_TRY_UNCOUNTED)
        return record->kind == TXN_RECORD_STEP && record->forced &&
               memmem(record->step.data, record->step.len, "trying", 6) != NULL;
    if (world->mutation == MUTATE_RAISE_LAZY)
        return record->kind == TXN_RECORD_STEP && record->forced &&
               memmem(record->step.data, record->step.len, "raised", 6) != NULL;
    return false;
}

/* --- slots ------------------------------------------------------------------------------------ */

static bool anybody_waits(const struct world *world, uint32_t node)
{
    const struct node *host = world->nodes[node];
    for (uint32_t t = 0; t < world->txns_count; t++)
        if (host->live[t] != NULL && host->live[t]->waiter.waiting)
            return true;
    return false;
}

bool mutate_stands_behind(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    live->stands_behind = world->mutation == MUTATE_BARS_OTHERS && anybody_waits(world, node);
    return live->stands_behind;
}

void mutate_next_in_line(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    for (uint32_t t = 0; t < world->txns_count && !anybody_waits(world, node); t++) {
        struct live *live = host->live[t];
        if (live == NULL || !live->stands_behind)
            continue;
        live->stands_behind = false;
        slots_reserve(host->slots, &live->waiter, world->now_us + 1);
    }
}

bool mutate_keeps_slot(const struct world *world, const struct txn_branch *branch)
{
    return world->mutation == MUTATE_SLOT_UNTIL_ACK && branch->state == TXN_BRANCH_ABORTING;
}
