/* history.c: the timeline of one transaction, in bounded memory: the first half of the entries
 * stays for ever, the second half is a ring of the latest. */
#include "history.h"

#define HISTORY_HALF (TXN_HISTORY_MAX / 2u)

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
    [TXN_MOMENT_OVERRULED] = "overruled", [TXN_MOMENT_FORGOTTEN] = "forgotten",
};

const char *txn_moment_name(enum txn_moment moment)
{
    assert(moment < TXN_MOMENT_COUNT);
    return moment_names[moment];
}

static struct txn_history_entry *entry_new(struct txn *txn)
{
    if (txn->history_count < TXN_HISTORY_MAX)
        return &txn->history[txn->history_count++];
    uint32_t i = HISTORY_HALF + txn->history_dropped % HISTORY_HALF;
    txn->history_dropped++;
    return &txn->history[i];
}

/* The i-th of the entries kept, in the order of time. */
const struct txn_history_entry *txn_history_at(const struct txn *txn, uint32_t i)
{
    assert(i < txn->history_count);
    if (i < HISTORY_HALF || txn->history_dropped == 0)
        return &txn->history[i];
    return &txn->history[HISTORY_HALF + (i - HISTORY_HALF + txn->history_dropped) % HISTORY_HALF];
}

_Static_assert(OP_COUNT <= 1u << (16 - TXN_HISTORY_OP) &&
                   VOTE_COUNT <= 1u << (TXN_HISTORY_OP - TXN_HISTORY_VOTE),
               "what is packed has room");

void txn_note(struct step *step, struct txn_note note)
{
    struct txn *txn = step->txn;
    assert(note.moment < TXN_MOMENT_COUNT && note.branch <= TROTH_BRANCH_NUMBER_MAX);
    uint32_t said = note.said < 1u << TXN_HISTORY_VOTE ? note.said : TROUBLE_NOT_UNDERSTOOD;
    *entry_new(txn) = (struct txn_history_entry){
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
