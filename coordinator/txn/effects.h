/* effects.h: what a step asks for, and its records. */
#ifndef TXN_EFFECTS_H
#define TXN_EFFECTS_H

#include "core.h"

struct txn_effect *txn_emit(struct step *step, enum txn_effect_kind kind);
void txn_release(struct step *step, struct txn_branch *branch);
void txn_reply(struct step *step, enum txn_reply_level level);
void txn_reply_enlisted(struct step *step, struct txn_branch *branch);
void txn_reply_refused(struct step *step, uint32_t number, int error);
/* To a repeated commit or cancel: what is known by now. */
void txn_reply_again(struct step *step);
void txn_publish(struct step *step, enum txn_record_kind kind);
struct txn_record *txn_persist(struct step *step, enum txn_record_kind kind, bool forced);
void txn_record_members(struct step *step);
/* One step's record, lazy; forced where a skipped pivot is passed, or a try waits for it. Left out
 * (false) when there is no memory for its output: then a new leader executes it again, and the
 * guard answers. */
bool txn_persist_step(struct step *step, struct txn_branch *branch, enum record_step_state state);
/* An operator's word, forced; under a number of its own where *seq is 0, else in its place. false:
 * no memory. */
bool txn_persist_word(struct step *step, const struct txn_branch *branch,
                      enum record_step_state state, struct troth_span said, uint32_t *seq);
void txn_record_people(struct step *step); /* steps and failure */
void txn_record_history(struct step *step);
void txn_records_point(struct txn_effects *effects);

#endif
