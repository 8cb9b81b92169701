/* history.c: the timeline of one transaction, in bounded memory: the first half of the entries
 * stays for ever, the second half is a ring of the latest. */
#include "history.h"

static uint32_t half_of(const struct txn *txn)
{
    return txn->history_cap / 2u;
}

static const char *const moment_names[TXN_MOMENT_COUNT] = {
    [TXN_MOMENT_BEGAN] = "began",         [TXN_MOMENT_ENLISTED] = "enlisted",
    [TXN_MOMENT_CLOSED] = "closed",       [TXN_MOMENT_SENT] = "sent",
    [TXN_MOMENT_ANSWERED] = "answered",   [TXN_MOMENT_WRITING] = "writing",
    [TXN_MOMENT_DURABLE] = "durable",     [TXN_MOMENT_REPLIED] = "replied",
    [TXN_MOMENT_PUBLISHED] = "published", [TXN_MOMENT_TIMEOUT] = "timeout",
    [TXN_MOMENT_CANCELLED] = "cancelled", [TXN_MOMENT_RECOVERED] = "recovered",
    [TXN_MOMENT_PARKED] = "parked",       [TXN_MOMENT_ENDED] = "ended",
    [TXN_MOMENT_RESTARTED] = "restarted", [TXN_MOMENT_IN_ORDER] = "in_order",
    [TXN_MOMENT_SKIPPED] = "skipped",     [TXN_MOMENT_FELL_BACK] = "fell_back",
    [TXN_MOMENT_TURNED] = "turned",       [TXN_MOMENT_RESUMED] = "resumed",
    [TXN_MOMENT_RETRIED] = "retried",     [TXN_MOMENT_RESOLVED] = "resolved",
    [TXN_MOMENT_DOUBTED] = "doubted",     [TXN_MOMENT_OVERRULED] = "overruled",
    [TXN_MOMENT_FORGOTTEN] = "forgotten",
};

const char *txn_moment_name(enum txn_moment moment)
{
    assert(moment < TXN_MOMENT_COUNT);
    return moment_names[moment];
}

/* Once something was left out, the halves stay where they are. */
bool txn_history_wants(const struct txn *txn)
{
    const uint32_t most = TXN_STEP_MOMENTS_MAX(txn->branches_count);
    return txn->history_dropped == 0 && txn->history_cap < TXN_HISTORY_MAX &&
           txn->history_cap - txn->history_count < most;
}

void txn_history_move(struct txn *txn, struct txn_history_entry *history, uint32_t cap)
{
    assert(cap >= txn->history_count && cap <= TXN_HISTORY_MAX && txn->history_dropped == 0);
    if (txn->history_count > 0)
        memcpy(history, txn->history, txn->history_count * sizeof *history);
    txn->history = history;
    txn->history_cap = cap;
}

/* NULL: there is no memory for any. */
static struct txn_history_entry *entry_new(struct txn *txn)
{
    const uint32_t half = half_of(txn), ring = txn->history_cap - half;
    if (txn->history_count < txn->history_cap)
        return &txn->history[txn->history_count++];
    uint32_t dropped = txn->history_dropped++;
    return ring == 0 ? NULL : &txn->history[half + dropped % ring];
}

/* The i-th of the entries kept, in the order of time. */
const struct txn_history_entry *txn_history_at(const struct txn *txn, uint32_t i)
{
    assert(i < txn->history_count);
    const uint32_t half = half_of(txn);
    if (i < half || txn->history_dropped == 0)
        return &txn->history[i];
    return &txn->history[half + (i - half + txn->history_dropped) % (txn->history_cap - half)];
}

_Static_assert(OP_COUNT <= 1u << (16 - TXN_HISTORY_OP) &&
                   VOTE_COUNT <= 1u << (TXN_HISTORY_OP - TXN_HISTORY_VOTE),
               "what is packed has room");

void txn_note(struct step *step, struct txn_note note)
{
    struct txn *txn = step->txn;
    assert(note.moment < TXN_MOMENT_COUNT && note.branch <= TROTH_BRANCH_NUMBER_MAX);
    struct txn_history_entry *entry = entry_new(txn);
    if (entry == NULL)
        return;
    uint32_t said = note.said < 1u << TXN_HISTORY_VOTE ? note.said : TROUBLE_NOT_UNDERSTOOD;
    *entry = (struct txn_history_entry){
        .at_us = step->now.mono.us - txn->began.us,
        .branch = (uint16_t)note.branch,
        .attempt = (uint16_t)(note.attempt != 0 ? note.attempt : txn->attempt),
        .moment = (uint8_t)note.moment,
        .detail = note.detail,
        .said = (uint16_t)(said | (uint32_t)note.vote << TXN_HISTORY_VOTE |
                           (uint32_t)note.op << TXN_HISTORY_OP),
    };
}

void txn_note_moment(struct step *step, enum txn_moment moment)
{
    txn_note(step, (struct txn_note){.moment = moment});
}

/* The host says so at once, so that the entry is among the last ones. */
void txn_note_skipped(struct step *step, const struct txn_branch *branch)
{
    struct txn *txn = step->txn;
    for (uint32_t i = txn->history_count; i > 0; i--) {
        struct txn_history_entry *entry = &txn->history[i - 1];
        if (entry->moment == TXN_MOMENT_SENT && entry->branch == branch->number &&
            entry->attempt == txn->attempt && txn->history_dropped == 0) {
            entry->moment = TXN_MOMENT_SKIPPED;
            entry->detail = 0;
            entry->said = 0;
            return;
        }
    }
    txn_note(step, (struct txn_note){.moment = TXN_MOMENT_SKIPPED, .branch = branch->number});
}
