/* counting.c: what is counted of transactions since the process started: by what differs behind a
 * step of the core. */
#include "counting.h"

#include <txn/txn.h>

static uint32_t bits(uint64_t mask)
{
    return mask == 0 ? 0 : (uint32_t)__builtin_popcountll(mask);
}

struct metrics_mark metrics_mark(const struct txn *txn)
{
    return (struct metrics_mark){.state = txn->state,
                                 .outcome = txn->outcome,
                                 .compensated = txn->in[TXN_BRANCH_COMPENSATED],
                                 .parked = txn->in[TXN_BRANCH_PARKED],
                                 .owed_parked = txn->owed_parked,
                                 .worded = txn->worded,
                                 .forgotten = txn->forgotten,
                                 .attempt = txn->attempt,
                                 .conflicts = txn->conflicts};
}

bool metrics_fell_back(const struct txn *txn, const struct metrics_mark *before)
{
    return before->state == TXN_FALLING_BACK && txn->state != TXN_FALLING_BACK &&
           txn->state != TXN_LOST;
}

void metrics_count(struct metrics *metrics, const struct txn *txn,
                   const struct metrics_mark *before, enum txn_event_kind event)
{
    if (before->outcome == TXN_OUTCOME_NONE && txn->outcome != TXN_OUTCOME_NONE)
        metrics->transactions[txn->origin->mode][txn->outcome]++;
    if (before->outcome != TXN_OUTCOME_MIXED && txn->outcome == TXN_OUTCOME_MIXED)
        metrics->mixed++;
    if (metrics_fell_back(txn, before))
        metrics->fallbacks[txn->fallback_cause]++;
    metrics->compensations += bits(txn->in[TXN_BRANCH_COMPENSATED] & ~before->compensated);
    metrics->parked_steps += bits(txn->in[TXN_BRANCH_PARKED] & ~before->parked) +
                             bits(txn->owed_parked & ~before->owed_parked);
    if (before->state != TXN_PREPARING && txn->state == TXN_PREPARING) {
        metrics->attempts_ordered += txn_in_order(txn) ? 1 : 0;
        metrics->attempts_parallel += txn_in_order(txn) ? 0 : 1;
    }
    for (uint64_t said = txn->worded & ~before->worded; said != 0; said &= said - 1)
        metrics->resolved_steps[txn->branches[__builtin_ctzll(said)].word]++;
    metrics->forgotten_steps += bits(txn->forgotten & ~before->forgotten);
    if (event == TXN_EVENT_RESUMED) {
        metrics->resumed_steps += bits(before->parked & ~txn->in[TXN_BRANCH_PARKED]) +
                                  bits(before->owed_parked & ~txn->owed_parked);
    }
}

bool metrics_in_doubt(const struct txn *txn)
{
    uint64_t told = txn->in[TXN_BRANCH_PREPARED] | txn->in[TXN_BRANCH_COMMITTING] |
                    txn->in[TXN_BRANCH_ABORTING] | txn->in[TXN_BRANCH_PARKED];
    if (txn->delegated_branch != 0)
        told |= txn->in[TXN_BRANCH_EXECUTING];
    return txn->owed != 0 || (txn->protocol == TXN_PROTOCOL_2PC && told != 0);
}

bool metrics_is_parked(const struct txn *txn)
{
    return (txn->in[TXN_BRANCH_PARKED] | txn->owed_parked) != 0;
}
