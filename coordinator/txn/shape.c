/* shape.c: pure questions about a transaction: which branches it has, what they are in, what may
 * still become of it. Every other file asks here; nothing here changes anything. */
#include "shape.h"

struct txn_branch *txn_branch_find(struct txn *txn, uint32_t number)
{
    if (number >= 1 && number <= txn->branches_count && txn->branches[number - 1].number == number)
        return &txn->branches[number - 1];
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return &txn->branches[i];
    return NULL;
}

uint64_t txn_passed(const struct txn *txn)
{
    return txn->in[TXN_BRANCH_DONE] | txn->in[TXN_BRANCH_SKIPPED] | txn->in[TXN_BRANCH_COMMITTED] |
           txn->in[TXN_BRANCH_READ_ONLY] | txn->in[TXN_BRANCH_HEURISTIC];
}

uint64_t txn_of_kind(const struct txn *txn, enum txn_step_kind kind)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].kind == kind)
            mask |= UINT64_C(1) << i;
    return mask;
}

struct txn_branch *txn_pivot(struct txn *txn)
{
    uint64_t mask = txn_of_kind(txn, TXN_STEP_PIVOT);
    return mask == 0 ? NULL : txn_take(txn, &mask);
}

bool txn_following(const struct txn *txn)
{
    return txn->origin->mode == TXN_MODE_2PC_THEN_SAGA && txn->protocol == TXN_PROTOCOL_2PC &&
           txn->decision == TXN_COMMIT && txn->in[TXN_BRANCH_BEHIND] == 0 &&
           txn_of_kind(txn, TXN_STEP_RETRIABLE) != 0;
}

/* Nothing is undone any more. A pivot that was skipped is passed like one that is done. */
bool txn_forward_only(const struct txn *txn)
{
    return txn->decision == TXN_COMMIT ||
           (txn_of_kind(txn, TXN_STEP_PIVOT) &
            (txn->in[TXN_BRANCH_DONE] | txn->in[TXN_BRANCH_SKIPPED])) != 0;
}

bool txn_output_unknown(const struct txn *txn, uint32_t i)
{
    return txn->branches[i].output.data == NULL && (txn->was_done >> i & 1u) == 0;
}

uint64_t txn_undoable(const struct txn *txn)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        if (branch->kind == TXN_STEP_COMPENSATABLE && branch->has_compensation)
            mask |= UINT64_C(1) << i;
    }
    return mask;
}

bool txn_one_phase_fits(const struct txn *txn)
{
    return txn->branches_count == 1 && txn->in[TXN_BRANCH_IDLE] == 1 &&
           txn->origin->mode == TXN_MODE_2PC; /* else a prepare that fails must leave a way back */
}

/* What an input needs of these is perhaps lost: a participant that is asked again behind a restart
 * cannot read what it has prepared before that commits (protocol.md, section 3). */
uint64_t txn_yes_without_output(const struct txn *txn)
{
    uint64_t without = 0;
    for (uint64_t mask = txn->in[TXN_BRANCH_PREPARED]; mask != 0; mask &= mask - 1)
        if (txn->branches[__builtin_ctzll(mask)].output.data == NULL)
            without |= mask & -mask;
    return without;
}

bool txn_falls_back(const struct txn *txn)
{
    return txn->origin->mode == TXN_MODE_2PC_THEN_SAGA && txn->protocol == TXN_PROTOCOL_2PC &&
           txn->attempt < TROTH_ATTEMPT_MAX;
}

uint64_t txn_2pc_members(const struct txn *txn)
{
    return txn_all(txn) & ~txn_of_kind(txn, TXN_STEP_RETRIABLE);
}

bool txn_mixing(const struct txn *txn)
{
    return txn->concluding == TXN_OUTCOME_MIXED && txn->outcome != TXN_OUTCOME_MIXED;
}

uint32_t txn_tries_limit(const struct txn *txn, const struct txn_branch *branch, enum message_op op)
{
    if (op == OP_COMPENSATE)
        return branch->compensate_retry.max_attempts;
    return txn_forward_only(txn) ? 0 : branch->retry.max_attempts;
}

bool txn_tries_spent(const struct txn *txn, const struct txn_branch *branch, enum message_op op)
{
    uint32_t limit = txn_tries_limit(txn, branch, op);
    return limit != 0 && branch->tries >= limit;
}

bool txn_announced(const struct txn *txn, const struct txn_branch *branch)
{
    return (txn->announced & txn_bit(txn, branch)) != 0;
}

uint32_t txn_attempt_of(const struct txn *txn, const struct txn_branch *branch)
{
    return txn->attempt + branch->raised;
}

uint64_t txn_again_number(const struct txn *txn)
{
    return txn->resumes == 0 ? 0 : (uint64_t)txn->epoch << 32 | txn->resumes;
}

bool txn_never_left(const struct txn *txn, const struct txn_branch *branch)
{
    bool is_out = branch->state == TXN_BRANCH_EXECUTING && branch->retry_at.us == 0;
    return (txn->left & txn_bit(txn, branch)) == 0 && !is_out;
}

bool txn_gtid_known(const troth_gtid *gtid)
{
    static const troth_gtid none;
    return memcmp(gtid->bytes, none.bytes, sizeof none.bytes) != 0;
}

bool txn_in_order(const struct txn *txn)
{
    return txn->attempt > 1 || txn->origin->ordered;
}
