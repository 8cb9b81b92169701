/* checks.h: the invariants, looked at from outside. Included by sim.h. */
#ifndef SIM_CHECKS_H
#define SIM_CHECKS_H

/* check.c */
void check_decision(struct world *world, const struct sim_txn *txn, const struct write *write);
void check_epoch(struct world *world, const struct batch *batch);
void check_prepared(struct world *world, const struct sim_txn *txn, uint32_t branch,
                    uint32_t attempt);
void check_committed(struct world *world, const struct sim_txn *txn, uint32_t branch,
                     uint32_t attempt, bool executed);
void check_rolled_back(struct world *world, const struct sim_txn *txn, uint32_t branch,
                       uint32_t attempt);
void check_told(struct world *world, struct sim_txn *txn, enum txn_decision decision,
                enum txn_outcome outcome);
void check_accepted(struct world *world, struct sim_txn *txn);
void check_nothing(struct world *world, struct sim_txn *txn);
void check_list(struct world *world, const struct sim_txn *txn, uint32_t list,
                enum txn_decision decision);
void check_leads(struct world *world, uint32_t node);
void check_acknowledged(struct world *world, const struct sim_txn *txn, uint32_t branch);
void check_sent(struct world *world, const struct sim_txn *txn, uint32_t branch, uint32_t attempt);
void check_drained(struct world *world);
bool member_vote(const char *members, uint32_t number, enum message_vote *ret_vote);
enum txn_decision final_decision(const struct sim_txn *txn);

/* check_saga.c */
bool is_saga(const struct plan *plan);
uint64_t plan_behind(const struct plan *plan, uint32_t branch);
void check_saga_decision(struct world *world, const struct sim_txn *txn, const struct write *write);
void check_saga_outcome(struct world *world, const struct sim_txn *txn, enum txn_outcome outcome);
void check_executed(struct world *world, const struct sim_txn *txn, uint32_t branch,
                    uint32_t attempt);
void check_compensated(struct world *world, const struct sim_txn *txn, uint32_t branch,
                       uint32_t attempt);
void check_said(struct world *world, const struct sim_txn *txn, uint32_t branch);
bool said_mixed(const struct sim_txn *txn);
void check_resolved(struct world *world, const struct sim_txn *txn, uint32_t number);
void check_acts(struct world *world, const struct sim_txn *txn, uint32_t branch);
void check_tries(struct world *world, const struct sim_txn *txn, uint32_t branch);
void check_undo_tries(struct world *world, const struct sim_txn *txn, uint32_t branch);
void check_saga_ended(struct world *world, const struct sim_txn *txn);
void check_saga_drained(struct world *world, const struct sim_txn *txn);

#endif
