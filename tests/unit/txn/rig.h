/* rig.h: one transaction under test, and what its steps did as a line of text each. */
#ifndef RIG_H
#define RIG_H

#include <check.h>
#include <string.h>

#include <base/buffer.h>
#include <base/span.h>
#include <txn/txn.h>

struct rig {
    struct txn txn;
    struct txn_origin origin;
    struct txn_policy policy;
    struct txn_branch branches[TROTH_BRANCHES_MAX];
    struct txn_history_entry history[TXN_HISTORY_MAX];
    struct txn_effects effects;
    struct txn_now now;
    struct buffer texts;  /* of the effects */
    struct buffer memory; /* of a recovered txn */
    struct buffer trace;  /* what the last step did */
    struct buffer members;
};

/* Orchestrated over bank_1 … bank_n, operation debit; timeout 10s, prepare timeout 2s. */
struct rig *rig_new(uint32_t branches);
struct rig *rig_new_interactive(void);
/* Mode saga, or 2pc_then_saga: bank_1 … as `kinds` says, one letter each: c compensatable with a
 * compensation, n compensatable without, p pivot, r retriable; one behind the other. Begun, and
 * the begin row durable where it is forced; the trace is that of the last step. */
struct rig *rig_new_saga(enum txn_mode mode, const char *kinds);
const char *rig_begin(struct rig *rig);
/* What a host fills from the definition. */
void rig_define(struct rig *rig, const char *kinds);
void rig_free(struct rig *rig);

/* Each steps one event and gives what came of it: "send 1 prepare; persist begin", '!' behind what
 * is forced. */
const char *rig_step(struct rig *rig, const struct txn_event *event);
const char *rig_event(struct rig *rig, enum txn_event_kind kind);
const char *rig_durable(struct rig *rig, enum txn_record_kind kind);
const char *rig_verdict(struct rig *rig, enum txn_record_kind kind, enum txn_verdict verdict,
                        enum txn_decision standing);
const char *rig_vote(struct rig *rig, uint32_t branch, enum message_vote vote);
const char *rig_result(struct rig *rig, uint32_t branch, enum message_op op,
                       enum message_result result);
const char *rig_done(struct rig *rig, uint32_t branch, enum message_op op,
                     enum message_state state);
const char *rig_full_result(struct rig *rig, const struct result *result, bool unsent);
const char *rig_enlist(struct rig *rig, uint32_t branch, bool inquires, enum message_vote vote);
const char *rig_close(struct rig *rig, const uint32_t *numbers, uint32_t count);
/* Lets time pass, then TIMER. */
const char *rig_after(struct rig *rig, uint64_t us);
/* Goes to the next moment the core wants to be woken at. */
const char *rig_wake(struct rig *rig);

/* The record of that kind among the last step's effects; fails the test when there is none. */
const struct txn_record *rig_record(struct rig *rig, enum txn_record_kind kind);

/* And the SEND to that branch. */
const struct txn_effect *rig_sent(const struct rig *rig, uint32_t branch);

const char *rig_number(struct rig *rig, enum txn_event_kind kind, uint32_t number);
/* Of the saga's own attempt; and of the attempt before. */
const char *rig_executed(struct rig *rig, uint32_t branch, const char *output);
const char *rig_earlier(struct rig *rig, uint32_t branch, enum message_result result);

/* A new leader's memory of what the journal would hold; ends with the RECOVERED step. */
struct rig *rig_recover(const struct txn_image *image, const char **ret_trace);
/* The same of a saga, or a fallback, over those kinds. */
struct rig *rig_recover_saga(const struct txn_image *image, const char *kinds,
                             const char **ret_trace);
/* Two branches, undecided, and the journal may have lost what was decided: both are asked. */
struct rig *rig_doubtful(void);
/* Members as the journal holds them: that many, of which the first `voted` said yes. */
const char *rig_members(uint32_t count, uint32_t voted);

#define SPAN(text) ((struct troth_span){text, sizeof(text) - 1})

#endif
