/* waiting.h: clients that wait for a transaction, and the timer that serves them and the core. */
#ifndef DAEMON_WAITING_H
#define DAEMON_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include <api/refusal.h>
#include <base/clock.h>
#include <txn/txn.h>

struct entry;

struct waiter {
    struct waiter *next;
    api_view_fn fn;
    void *arg;
    enum api_reply level;
    uint32_t enlists; /* waits for the acknowledgement of this branch; 0: for the outcome */
    bool fresh;
    bool resolves;     /* an operator, for his word on branch `enlists` (0: forget) */
    bool aborts;       /* it said abort: an outcome of committed is a refusal */
    bool late;         /* its time was over, and nothing durable could be said */
    struct mono until; /* answered with the state reached by then */
};

/* Its timer, for the core's next time or for the first client whose time is over. */
void entry_arm(struct entry *entry);
/* NULL: no memory. */
struct waiter *answer_wait(struct entry *entry, api_view_fn fn, void *arg, enum api_reply level,
                           bool fresh, uint64_t wait_us);
/* It need not wait any longer. */
void answer_now(struct entry *entry, struct waiter *waiter);
int answer_wait_enlisted(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch);
/* For an operator's word on that branch, 0: that it is forgotten. */
int answer_wait_word(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch);
/* error: 0, or TROTH_ERROR_EXISTS, _NO_MEMORY. */
void answer_word(struct entry *entry, uint32_t branch, int error);
/* error: 0, or why the core refused the enlistment. */
void answer_enlisted(struct entry *entry, uint32_t branch, int error);
/* Nothing goes on before an operator has looked: there is nothing to wait for. */
bool answer_is_stuck(const struct entry *entry, const struct waiter *waiter);
void answer_stuck(struct entry *entry);
void answer_level(struct entry *entry, enum txn_reply_level level);
/* false: somebody's time is over, and nothing was begun yet: the entry is to be given up. */
bool answer_overdue(struct entry *entry, struct mono now);
/* The coordinator stops, or gives this transaction up: each is told what is durable, or that it is
 * not known. */
void answer_stopped(struct entry *entry, enum api_why why);
struct mono answer_next(const struct entry *entry);
/* What the client asked for was told already, or is due now. */
bool answer_is_due(const struct entry *entry, enum api_reply level);
void answer_all(struct entry *entry, const struct api_problem *problem);

#endif
