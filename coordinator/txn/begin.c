/* begin.c: an orchestrated transaction begins: its first row, and what may leave before that is
 * durable. */
#include "begin.h"
#include "decide.h"
#include "effects.h"
#include "fallback.h"
#include "history.h"
#include "interactive.h"
#include "prepare.h"
#include "saga.h"
#include "shape.h"
#include "transition.h"

/* A row must be durable before the first message where silence could not be read as "aborted":
 * what was promised to a client (accepted), and members that cannot ask [NOINQ]. A delegated
 * branch needs no begin of its own: the row that delegates does its work. */
static bool begin_forced(const struct txn *txn)
{
    if (txn->origin->accepted || txn->policy->always_force_begin ||
        txn->protocol == TXN_PROTOCOL_SAGA)
        return true;
    if (txn_one_phase_fits(txn))
        return false;
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (!txn->branches[i].inquires && txn->branches[i].state != TXN_BRANCH_BEHIND)
            return true;
    return false;
}

void txn_on_submitted(struct step *step)
{
    struct txn *txn = step->txn;
    assert(txn->branches_count > 0 && !txn->origin->interactive);
    txn_leave_behind(txn);
    bool forced = begin_forced(txn);
    txn_note_moment(step, TXN_MOMENT_BEGAN);
    txn_persist(step, TXN_RECORD_BEGIN, forced);
    txn_record_members(step);
    if (forced)
        txn_set_state(txn, TXN_BEGINNING);
    else
        txn_reserve(step);
}

/* BEGINNING: the forced begin, or the forced begins of members that cannot inquire, are durable.
 */
void txn_on_begun(struct step *step)
{
    struct txn *txn = step->txn;
    if (step->event->of.durable.record != TXN_RECORD_BEGIN)
        return;
    if (txn_adopt_early(step))
        return;
    txn_acknowledge_enlisted(step);
    if (txn->begins_durable < txn->begin_writes)
        return;
    if (txn->origin->accepted || txn->protocol == TXN_PROTOCOL_SAGA)
        txn_reply(step, TXN_REPLY_ACCEPTED);
    if (txn->protocol == TXN_PROTOCOL_SAGA)
        txn_run_begin(step);
    else
        txn_reserve(step);
}
