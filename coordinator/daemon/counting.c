/* counting.c: what is counted of transactions since the process started: by what differs behind a
 * step of the core. */
#include "counting.h"

#include <txn/txn.h>

static uint32_t bits(uint64_t mask)
{
    return (uint32_t)__builtin_popcountll(mask);
}

struct metrics_mark metrics_mark(const struct txn *txn)
{
    return (struct metrics_mark){.state = txn->state,
                                 .outcome = txn->outcome,
                                 .compensated = txn->in[TXN_BRANCH_COMPENSATED],
                                 .parked = txn->in[TXN_BRANCH_PARKED],
                                 .parked_aborts = txn->parked_aborts,
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
                             bits(txn->parked_aborts & ~before->parked_aborts);
    if (before->state != TXN_PREPARING && txn->state == TXN_PREPARING) {
        metrics->attempts_ordered += txn_in_order(txn) ? 1 : 0;
        metrics->attempts_parallel += txn_in_order(txn) ? 0 : 1;
    }
    if (event == TXN_EVENT_RESUMED) {
        metrics->resumed_steps += bits(before->parked & ~txn->in[TXN_BRANCH_PARKED]) +
                                  bits(before->parked_aborts & ~txn->parked_aborts);
    }
}

bool metrics_is_parked(const struct txn *txn)
{
    return (txn->in[TXN_BRANCH_PARKED] | txn->parked_aborts) != 0;
}
