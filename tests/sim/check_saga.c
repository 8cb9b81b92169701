/* check_saga.c: invariants 7 and 8 of faults.md, looked at where the thing itself happens. */
#include "sim.h"

static uint32_t index_of(const struct world *world, const struct sim_txn *txn)
{
    return (uint32_t)(txn - world->txns);
}

bool is_saga(const struct plan *plan)
{
    return plan->mode != TXN_MODE_2PC;
}

/* All that runs behind a step, over any number of others. */
uint64_t plan_behind(const struct plan *plan, uint32_t branch)
{
    uint64_t mask = UINT64_C(1) << branch;
    for (uint32_t i = branch + 1; i < plan->branches; i++) /* `after` names earlier ones only */
        if ((plan->after[i] & mask) != 0)
            mask |= UINT64_C(1) << i;
    return mask & ~(UINT64_C(1) << branch);
}

static bool undone(const struct sim_txn *txn, uint32_t branch)
{
    return txn->guard[branch].committed == 0 || txn->guard[branch].compensated ||
           !txn->plan.has_compensation[branch];
}

/* An operator's word stands for the branch, also where it is not so. */
static bool is_said(const struct sim_txn *txn, uint32_t branch)
{
    return txn->guard[branch].said != RECORD_STEP_TRYING;
}

/* Otherwise than decided, or than all the others. */
static bool is_contrary(const struct sim_txn *txn, uint32_t branch)
{
    enum record_step_state said = txn->guard[branch].said;
    bool decides = txn->plan.kind[branch] == TXN_STEP_PIVOT && is_saga(&txn->plan);
    if (txn->protocol == TXN_PROTOCOL_SAGA)
        return said == RECORD_STEP_COMMITTED || (said == RECORD_STEP_ABORTED && !decides);
    enum txn_decision final = final_decision(txn);
    return (said == RECORD_STEP_COMMITTED && final == TXN_ABORT) ||
           (said == RECORD_STEP_ABORTED && final == TXN_COMMIT);
}

/* Invariant 7: committed is all of it, and nothing undone; but what an operator gave up. */
static void check_all_done(struct world *world, const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        const struct guard *guard = &txn->guard[b];
        bool idle = txn->plan.mood[b] == MOOD_SKIP ||
                    (txn->protocol == TXN_PROTOCOL_2PC && txn->plan.mood[b] == MOOD_READ_ONLY);
        bool by_hand = (guard->by_hand >> txn->attempt & 1u) != 0;
        bool given_up = is_said(txn, b);
        if ((guard->committed == 0 && !idle && !by_hand && !given_up) || guard->compensated)
            world_fail(world, "invariant 7: txn %u is committed, step %u is %s",
                       index_of(world, txn), b + 1, guard->compensated ? "undone" : "not done");
    }
}

/* Invariant 7: compensated is nothing of it. */
static void check_all_undone(struct world *world, const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (!undone(txn, b))
            world_fail(world, "invariant 7: txn %u is compensated, step %u is not",
                       index_of(world, txn), b + 1);
        if (txn->plan.kind[b] != TXN_STEP_COMPENSATABLE && txn->guard[b].committed != 0)
            world_fail(world, "invariant 7: txn %u is compensated, and step %u has no way back",
                       index_of(world, txn), b + 1);
    }
}

/* A decision of a saga's attempt, just before the journal takes it. */
void check_saga_decision(struct world *world, const struct sim_txn *txn, const struct write *write)
{
    if (write->decision == TXN_COMMIT) {
        check_all_done(world, txn);
        return;
    }
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (txn->plan.kind[b] != TXN_STEP_COMPENSATABLE && txn->guard[b].committed != 0)
            world_fail(world, "invariant 7: txn %u turns back behind step %u", index_of(world, txn),
                       b + 1);
    }
}

void check_saga_outcome(struct world *world, const struct sim_txn *txn, enum txn_outcome outcome)
{
    if (outcome == TXN_OUTCOME_COMMITTED)
        check_all_done(world, txn);
    else if (outcome == TXN_OUTCOME_COMPENSATED)
        check_all_undone(world, txn);
}

/* Steps behind the pivot of a two-phase commit [POSTEARLY]. */
static void check_follows(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    if (txn->decision[txn->attempt].decision != TXN_COMMIT)
        world_fail(world, "invariant 3: txn %u/%u runs before the commit is durable",
                   index_of(world, txn), branch + 1);
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (txn->guard[b].prepared != 0 && !is_said(txn, b))
            world_fail(world, "invariant 3: txn %u/%u runs before branch %u has committed",
                       index_of(world, txn), branch + 1, b + 1);
    }
}

/* An action takes effect, by execute, just before it does. */
void check_executed(struct world *world, const struct sim_txn *txn, uint32_t branch,
                    uint32_t attempt)
{
    const struct guard *guard = &txn->guard[branch];
    uint32_t t = index_of(world, txn);
    if (txn->loss.lost)
        return;
    if (guard->committed != 0 || guard->compensated)
        world_fail(world, "invariant 7: the action of txn %u/%u runs twice", t, branch + 1);
    if (guard->prepared != 0)
        world_fail(world, "invariant 8: txn %u/%u acts in attempt %u, and is prepared for %u", t,
                   branch + 1, attempt, guard->prepared);
    /* Of a step that can be undone only its compensation has a higher attempt. */
    uint32_t raised = txn->plan.kind[branch] == TXN_STEP_COMPENSATABLE ? 0 : guard->raised;
    if (!txn->row || txn->attempt + raised != attempt)
        world_fail(world, "invariant 8: txn %u/%u acts in attempt %u, the journal is at %u", t,
                   branch + 1, attempt, txn->attempt + raised);
    if (txn->protocol == TXN_PROTOCOL_2PC) {
        check_follows(world, txn, branch);
        return;
    }
    if (txn->plan.kind[branch] != TXN_STEP_COMPENSATABLE &&
        txn->decision[txn->attempt].decision == TXN_ABORT)
        world_fail(world, "invariant 7: txn %u has turned, and step %u cannot be undone", t,
                   branch + 1);
    if (txn->ended && txn->decision[txn->attempt].decision == TXN_ABORT &&
        txn->plan.has_compensation[branch])
        world_fail(world, "invariant 7: txn %u/%u acts when all is undone", t, branch + 1);
}

/* A compensation takes effect, just before it does. */
void check_compensated(struct world *world, const struct sim_txn *txn, uint32_t branch,
                       uint32_t attempt)
{
    uint32_t t = index_of(world, txn);
    if (txn->loss.lost)
        return;
    if (txn->protocol != TXN_PROTOCOL_SAGA || txn->decision[txn->attempt].decision != TXN_ABORT ||
        txn->attempt + txn->guard[branch].raised != attempt)
        world_fail(world, "invariant 7: txn %u/%u is undone before the turn is durable", t,
                   branch + 1);
    for (uint32_t b = branch + 1; b < txn->plan.branches; b++) {
        if ((plan_behind(&txn->plan, branch) >> b & 1u) != 0 && !undone(txn, b) && !is_said(txn, b))
            world_fail(world, "invariant 7: txn %u/%u is undone before step %u behind it", t,
                       branch + 1, b + 1);
    }
}

/* --- what an operator said -----------------------------------------------------------------------
 */

bool said_mixed(const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches; b++)
        if (is_contrary(txn, b))
            return true;
    return false;
}

/* His word has just become durable [RESOLVEFORCE]. */
void check_said(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    if (is_contrary(txn, branch) && !txn->guard[branch].forces)
        world_fail(world, "fault 76: txn %u/%u is made mixed, which nobody forced",
                   index_of(world, txn), branch + 1);
}

/* He is told that it is settled, or (0) forgotten [RESOLVEFIRST]. */
void check_resolved(struct world *world, const struct sim_txn *txn, uint32_t number)
{
    bool durable = number != 0 && txn->guard[number - 1].said != RECORD_STEP_TRYING;
    for (uint32_t b = 0; b < txn->plan.branches && number == 0; b++)
        durable = durable || txn->guard[b].forgotten;
    if (number == 0 && loss_of(world, txn)) /* given up */
        durable = final_decision(txn) == TXN_ABORT;
    if (!durable)
        world_fail(world, "invariant 4: txn %u/%u is told to be settled, which is not durable",
                   index_of(world, txn), number);
}

/* What he settled is not done again [RESOLVEDACTS]. */
void check_acts(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    if (is_said(txn, branch))
        world_fail(world, "fault 75: txn %u/%u is told to act, and was settled by hand",
                   index_of(world, txn), branch + 1);
}

/* Fault 24: a limit of two means two tries, whoever led meanwhile. */
void check_tries(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    const struct guard *guard = &txn->guard[branch];
    uint32_t most = txn->plan.retry[branch].max_attempts;
    if (most == 0 || txn->loss.lost || txn->plan.kind[branch] == TXN_STEP_RETRIABLE)
        return;
    for (uint32_t b = 0; b < txn->plan.branches; b++) /* behind a pivot that is done: no limit */
        if (txn->plan.kind[b] == TXN_STEP_PIVOT &&
            (txn->guard[b].committed != 0 || txn->plan.mood[b] == MOOD_SKIP))
            return;
    if (guard->sends > most)
        world_fail(world, "fault 24: txn %u/%u was tried %u times, %u are allowed",
                   index_of(world, txn), branch + 1, guard->sends, most);
}

void check_undo_tries(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    uint32_t most = txn->plan.retry[branch].max_attempts;
    if (most != 0 && !txn->loss.lost &&
        txn->guard[branch].undos > most * (1 + txn->guard[branch].resumes))
        world_fail(world, "fault 24: txn %u/%u was compensated %u times, %u are allowed",
                   index_of(world, txn), branch + 1, txn->guard[branch].undos, most);
}

/* A transaction that fell back is forgotten: every member of the attempt before has acknowledged
 * its abort [NOABORT]. */
void check_saga_ended(struct world *world, const struct sim_txn *txn)
{
    if (txn->loss.lost || txn->plan.mode != TXN_MODE_2PC_THEN_SAGA ||
        txn->protocol != TXN_PROTOCOL_SAGA)
        return;
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (txn->plan.kind[b] != TXN_STEP_RETRIABLE && !txn->guard[b].forgotten &&
            txn->guard[b].abort_acknowledged + 1 < txn->attempt)
            world_fail(world, "invariant 8: txn %u ends, branch %u has not aborted attempt %u",
                       index_of(world, txn), b + 1, txn->attempt - 1);
    }
}

/* --- after the drain ---------------------------------------------------------------------------
 */

void check_saga_drained(struct world *world, const struct sim_txn *txn)
{
    uint32_t t = index_of(world, txn);
    enum txn_decision final = final_decision(txn);
    uint32_t outcomes = 0;
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (txn->guard[b].prepared != 0)
            world_fail(world, "invariant 5: txn %u/%u is left prepared, attempt %u", t, b + 1,
                       txn->guard[b].prepared);
        if (txn->guard[b].running != 0)
            world_fail(world, "invariant 5: txn %u/%u still works", t, b + 1);
    }
    for (uint32_t o = 0; o < TXN_OUTCOME_COUNT; o++)
        outcomes += txn->outbox_written[o];
    if (!txn->row)
        return;
    if (outcomes != 1 && txn->outbox_written[TXN_OUTCOME_MIXED] == 0)
        world_fail(world, "invariant 9: txn %u has %u outcomes", t, outcomes);
    if (txn->outbox_written[TXN_OUTCOME_MIXED] > 0)
        return;
    if (final == TXN_COMMIT)
        check_all_done(world, txn);
    else
        check_all_undone(world, txn);
}
