/* rows.h: what the journal has of a transaction, so that it can be taken back as a whole, and what
 * the checkers remember of what was taken back. Included by sim.h. */
#ifndef SIM_ROWS_H
#define SIM_ROWS_H

struct decision_row {
    enum txn_decision decision;
    uint32_t epoch;
    const char *members;
    const char *failure;
    uint32_t delegated;
};

/* `steps`: its STEP records, a comma behind each; `outbox`: waiting. */
#define ROWS_OF_A_TXN                                                                              \
    bool row, ended;                                                                               \
    uint32_t attempt;                                                                              \
    enum txn_protocol protocol;                                                                    \
    uint32_t delegated;                                                                            \
    uint32_t handed;                                                                               \
    bool handed_closed;                                                                            \
    const char *members;                                                                           \
    char steps[STEPS_TEXT_MAX];                                                                    \
    struct {                                                                                       \
        uint64_t seq;                                                                              \
        uint32_t at, len;                                                                          \
    } step_places[STEP_RECORDS_MAX];                                                               \
    uint32_t step_places_count;                                                                    \
    struct decision_row decision[ATTEMPTS_MAX];                                                    \
    enum txn_outcome outcome;                                                                      \
    bool outbox[TXN_OUTCOME_COUNT];                                                                \
    uint32_t outbox_written[TXN_OUTCOME_COUNT];

struct rows {
    ROWS_OF_A_TXN
};

/* What was durable once, and is gone. */
struct loss {
    bool lost;
    bool astray;      /* its attempts went back, too: nobody can put that right */
    uint64_t commits; /* bit n: attempt n had committed */
    const char *members;
    enum txn_decision final;
};

/* loss.c */
struct world;
struct sim_event;
struct sim_txn;
void loss_plan(struct world *world);
void loss_on_lag(struct world *world, const struct sim_event *event);
void loss_on_loss(struct world *world, const struct sim_event *event);
/* A gtid of an epoch of which rows may be missing. */
bool loss_of(const struct world *world, const struct sim_txn *txn);
bool loss_had_committed(const struct sim_txn *txn, uint32_t branch, uint32_t attempt);
/* People look at what nobody else knows. */
void loss_operators(struct world *world);
/* true: it is checked here, and nowhere else. */
bool loss_drained(struct world *world, const struct sim_txn *txn);

#endif
