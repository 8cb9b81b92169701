/* history.h: the timeline. */
#ifndef TXN_HISTORY_H
#define TXN_HISTORY_H

#include "core.h"

struct txn_note {
    enum txn_moment moment;
    uint32_t branch;
    uint32_t attempt; /* 0: the present one */
    uint8_t detail;
    enum message_op op;
    enum message_vote vote;
    uint16_t said;
};

const struct txn_history_entry *txn_history_at(const struct txn *txn, uint32_t i);
void txn_note(struct step *step, struct txn_note note);
void txn_note_moment(struct step *step, enum txn_moment moment);
/* Its `when` was false: what was noted as sent was not. */
void txn_note_skipped(struct step *step, const struct txn_branch *branch);

#endif
