/* waiting.c: the clients that wait for a transaction, and what they are told when it ends, when
 * their time is over, and when the coordinator stops. What may be said when is the core's rule
 * (txn/told.c); this file only keeps who waits. */
#include "waiting.h"

#include <stdlib.h>

#include <api/api.h>
#include <base/now.h>
#include <event2/event.h>
#include <txn/txn.h>

#include "answer.h"
#include "clock.h"
#include "config.h"
#include "entry.h"
#include "state.h"

/* Where nothing durable can be said yet when a client's time is over, it waits so much longer. */
#define GRACE_US UINT64_C(5000000)

bool answer_is_due(const struct entry *entry, enum api_reply level)
{
    switch (level) {
    case API_REPLY_ACCEPTED:
        return entry->accepted || entry->decided || entry->completed;
    case API_REPLY_DECIDED:
        return entry->decided || entry->completed;
    case API_REPLY_COMPLETED:
        return entry->completed;
    }
    return false;
}

static struct waiter *new_waiter(struct entry *entry, api_view_fn fn, void *arg, bool fresh,
                                 uint64_t wait_us)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) {
        return NULL;
    }
    uint64_t wait = wait_us != 0 ? wait_us : entry->driver->config->reply_wait_us;
    waiter->fn = fn;
    waiter->arg = arg;
    waiter->fresh = fresh;
    waiter->until.us = driver_now().mono.us + wait;
    waiter->next = entry->waiters;
    entry->waiters = waiter;
    return waiter;
}

struct waiter *answer_wait(struct entry *entry, api_view_fn fn, void *arg, enum api_reply level,
                           bool fresh, uint64_t wait_us)
{
    struct waiter *waiter = new_waiter(entry, fn, arg, fresh, wait_us);
    if (waiter != NULL) {
        waiter->level = level;
    }
    return waiter;
}

int answer_wait_enlisted(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch)
{
    struct waiter *waiter = new_waiter(entry, fn, arg, true, 0);
    if (waiter == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    waiter->enlists = branch;
    return 0;
}

struct mono answer_next(const struct entry *entry)
{
    struct mono next = {0};
    for (const struct waiter *waiter = entry->waiters; waiter != NULL; waiter = waiter->next) {
        if (next.us == 0 || waiter->until.us < next.us) {
            next = waiter->until;
        }
    }
    return next;
}

/* Off the list; freed by the caller. */
static struct waiter *take(struct waiter **at)
{
    struct waiter *waiter = *at;
    *at = waiter->next;
    return waiter;
}

static void refuse(struct waiter **at, const struct api_problem *problem)
{
    struct waiter *waiter = take(at);
    waiter->fn(waiter->arg, problem, NULL, waiter->fresh);
    free(waiter);
}

void problem_too_late(struct api_problem *problem, const struct entry *entry, const char *what)
{
    enum txn_outcome outcome = entry->txn.outcome;
    (void)api_problem_set(problem, API_PROBLEM_WRONG_STATE, "%s: the transaction is %s%s%s", what,
                          txn_shown_name(&entry->txn),
                          outcome != TXN_OUTCOME_NONE ? ", its outcome is " : "",
                          outcome != TXN_OUTCOME_NONE ? txn_outcome_name(outcome) : "");
}

/* With how it stands. An abort that came too late is told so, now as when it is said again. */
static void answer_one(struct entry *entry, struct waiter **at)
{
    struct api_problem problem;
    if ((*at)->aborts && entry->txn.decision == TXN_COMMIT &&
        entry->txn.outcome != TXN_OUTCOME_NONE) {
        problem_too_late(&problem, entry, "abort");
        refuse(at, &problem);
        return;
    }
    struct waiter *waiter = take(at);
    answer_entry(entry, waiter->fn, waiter->arg, waiter->fresh);
    free(waiter);
}

void answer_now(struct entry *entry, struct waiter *waiter)
{
    struct waiter **at = &entry->waiters;
    while (*at != waiter) {
        at = &(*at)->next;
    }
    answer_one(entry, at);
}

void answer_level(struct entry *entry, enum txn_reply_level level)
{
    entry->accepted |= level == TXN_REPLY_ACCEPTED;
    entry->decided |= level == TXN_REPLY_DECIDED;
    entry->completed |= level == TXN_REPLY_COMPLETED;
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if ((*at)->enlists == 0 && answer_is_due(entry, (*at)->level)) {
            answer_one(entry, at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* --- enlistments ------------------------------------------------------------------------------ */

static void problem_enlist(struct api_problem *problem, const struct entry *entry, uint32_t branch,
                           int error)
{
    if (error == TROTH_ERROR_EXISTS) {
        (void)api_problem_set(
            problem, API_PROBLEM_BRANCH_EXISTS,
            "branch %u has enlisted already, with another participant, operation or vote", branch);
    } else if (error == TROTH_ERROR_FULL) {
        (void)api_problem_set(problem, API_PROBLEM_TOO_MANY_BRANCHES,
                              "a transaction has at most %u branches", TROTH_BRANCHES_MAX);
    } else {
        (void)api_problem_set(problem, API_PROBLEM_WRONG_STATE,
                              "branch %u can not enlist: the transaction is %s; roll its work back",
                              branch, txn_shown_name(&entry->txn));
    }
}

void answer_enlisted(struct entry *entry, uint32_t branch, int error)
{
    struct api_problem problem;
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if ((*at)->enlists != branch) {
            at = &(*at)->next;
        } else if (error == 0) {
            answer_one(entry, at);
        } else {
            problem_enlist(&problem, entry, branch, error);
            refuse(at, &problem);
        }
    }
}

static void problem_enlisting(struct api_problem *problem, const struct entry *entry,
                              uint32_t branch, const char *why)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&entry->origin.gtid, text);
    (void)api_problem_set(problem, API_PROBLEM_OUTCOME_UNKNOWN,
                          "%s: it is not known whether branch %u of transaction %s is enlisted. "
                          "Keep its work and enlist again, the same way, at any node: that is safe",
                          why, branch, text);
    problem->gtid = &entry->origin.gtid;
}

/* --- when it can not be waited for any longer ------------------------------------------------- */

/* Is there something durable to say? An enlistment is acknowledged by the core alone. */
static bool may_be_shown(const struct entry *entry, const struct waiter *waiter)
{
    enum txn_told told = txn_told(&entry->txn);
    return waiter->enlists == 0 && (told == TXN_TOLD_OUTCOME || told == TXN_TOLD_ACCEPTED);
}

bool answer_is_stuck(const struct entry *entry, const struct waiter *waiter)
{
    return txn_parked(&entry->txn) && may_be_shown(entry, waiter);
}

void answer_stuck(struct entry *entry)
{
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if (answer_is_stuck(entry, *at)) {
            answer_one(entry, at);
        } else {
            at = &(*at)->next;
        }
    }
}

static void answer_without(struct entry *entry, struct waiter **at, const char *why)
{
    struct api_problem problem;
    if (may_be_shown(entry, *at)) {
        answer_one(entry, at);
        return;
    }
    if (txn_told(&entry->txn) == TXN_TOLD_NOTHING) {
        problem_unavailable(&problem, why);
    } else if ((*at)->enlists != 0) {
        problem_enlisting(&problem, entry, (*at)->enlists, why);
    } else {
        problem_unknown(&problem, entry, why);
    }
    refuse(at, &problem);
}

void answer_stopped(struct entry *entry, const char *why)
{
    while (entry->waiters != NULL) {
        answer_without(entry, &entry->waiters, why);
    }
}

bool answer_overdue(struct entry *entry, struct mono now)
{
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        if (waiter->until.us > now.us) {
            at = &waiter->next;
        } else if (may_be_shown(entry, waiter)) {
            answer_one(entry, at);
        } else if (!waiter->late) {
            waiter->late = true;
            waiter->until.us = now.us + GRACE_US;
            at = &waiter->next;
        } else if (txn_told(&entry->txn) == TXN_TOLD_NOTHING) {
            return false;
        } else {
            answer_without(entry, at, "the journal does not answer in time");
        }
    }
    return true;
}

/* With a problem, or (NULL) with the state as it is. */
void answer_all(struct entry *entry, const struct api_problem *problem)
{
    while (entry->waiters != NULL) {
        if (problem != NULL) {
            refuse(&entry->waiters, problem);
        } else {
            answer_one(entry, &entry->waiters);
        }
    }
}

/* One timer serves the core and the clients that wait. */
void entry_arm(struct entry *entry)
{
    if (entry->dead) {
        return;
    }
    bool sleeps = entry->looking_up || entry->unloaded;
    struct mono wake = sleeps ? (struct mono){0} : txn_wake_at(&entry->txn);
    struct mono client = answer_next(entry);
    if (wake.us == 0 || (client.us != 0 && client.us < wake.us)) {
        wake = client;
    }
    if (wake.us == entry->timer_at.us) {
        return;
    }
    entry->timer_at = wake;
    if (wake.us == 0) {
        (void)event_del(&entry->timer);
        return;
    }
    uint64_t now = driver_now().mono.us;
    uint64_t wait = wake.us > now ? wake.us - now : 0;
    struct timeval after = timeval_of(wait);
    (void)event_add(&entry->timer, &after); /* fails only without memory for the heap */
}
