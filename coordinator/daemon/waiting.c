/* waiting.c: the clients that wait for a transaction, and what they are told when it ends, when
 * their time is over, and when the coordinator stops. What may be said when is the core's rule
 * (txn/told.c); this file only keeps who waits. */
#include "waiting.h"

#include <stdlib.h>

#include <api/refusal.h>
#include <base/crash.h>
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
    if (waiter == NULL)
        return NULL;
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
    if (waiter != NULL)
        waiter->level = level;
    return waiter;
}

int answer_wait_enlisted(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch)
{
    struct waiter *waiter = new_waiter(entry, fn, arg, true, 0);
    if (waiter == NULL)
        return TROTH_ERROR_NO_MEMORY;
    waiter->enlists = branch;
    return 0;
}

int answer_wait_word(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch)
{
    struct waiter *waiter = new_waiter(entry, fn, arg, true, 0);
    if (waiter == NULL)
        return TROTH_ERROR_NO_MEMORY;
    waiter->resolves = true;
    waiter->enlists = branch;
    return 0;
}

struct mono answer_next(const struct entry *entry)
{
    struct mono next = {0};
    for (const struct waiter *waiter = entry->waiters; waiter != NULL; waiter = waiter->next)
        if (next.us == 0 || waiter->until.us < next.us)
            next = waiter->until;
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

/* With how it stands. An abort that came too late is told so, now as when it is said again. */
static void answer_one(struct entry *entry, struct waiter **at)
{
    struct api_problem problem;
    if ((*at)->aborts && entry->txn.decision == TXN_COMMIT &&
        entry->txn.outcome != TXN_OUTCOME_NONE) {
        api_refuse_late(&problem, "abort", &entry->txn);
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
    while (*at != waiter)
        at = &(*at)->next;
    answer_one(entry, at);
}

void answer_level(struct entry *entry, enum txn_reply_level level)
{
    entry->accepted |= level == TXN_REPLY_ACCEPTED;
    entry->decided |= level == TXN_REPLY_DECIDED;
    entry->completed |= level == TXN_REPLY_COMPLETED;
    for (struct waiter **at = &entry->waiters; *at != NULL;)
        if ((*at)->enlists == 0 && !(*at)->resolves && answer_is_due(entry, (*at)->level))
            answer_one(entry, at);
        else
            at = &(*at)->next;
}

/* --- enlistments ------------------------------------------------------------------------------ */

void answer_enlisted(struct entry *entry, uint32_t branch, int error)
{
    struct api_problem problem;
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if ((*at)->enlists != branch || (*at)->resolves) {
            at = &(*at)->next;
        } else if (error == 0) {
            answer_one(entry, at);
        } else {
            api_refuse_branch(&problem, branch, error, &entry->txn);
            refuse(at, &problem);
        }
    }
}

/* --- an operator's word ----------------------------------------------------------------------- */

void answer_word(struct entry *entry, uint32_t branch, int error)
{
    struct api_problem problem;
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if (!(*at)->resolves || (*at)->enlists != branch) {
            at = &(*at)->next;
        } else if (error == 0) {
            answer_one(entry, at);
        } else {
            if (error == TROTH_ERROR_EXISTS)
                api_refuse_overruled(&problem, &entry->txn, branch);
            else
                api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
            refuse(at, &problem);
        }
    }
}

/* --- when it cannot be waited for any longer ------------------------------------------------- */

/* Is there something durable to say? An enlistment is acknowledged by the core alone. */
static bool may_be_shown(const struct entry *entry, const struct waiter *waiter)
{
    enum txn_told told = txn_told(&entry->txn);
    return waiter->enlists == 0 && !waiter->resolves &&
           (told == TXN_TOLD_OUTCOME || told == TXN_TOLD_ACCEPTED);
}

bool answer_is_stuck(const struct entry *entry, const struct waiter *waiter)
{
    return txn_parked(&entry->txn) && may_be_shown(entry, waiter);
}

void answer_stuck(struct entry *entry)
{
    for (struct waiter **at = &entry->waiters; *at != NULL;)
        if (answer_is_stuck(entry, *at))
            answer_one(entry, at);
        else
            at = &(*at)->next;
}

static void answer_without(struct entry *entry, struct waiter **at, enum api_why why)
{
    struct api_problem problem;
    if (may_be_shown(entry, *at)) {
        answer_one(entry, at);
        return;
    }
    if (txn_told(&entry->txn) == TXN_TOLD_NOTHING || RULE_IS_OFF("told"))
        api_refuse_unavailable(&problem, why);
    else if ((*at)->resolves)
        api_refuse_unknown_word(&problem, &entry->origin.gtid, why);
    else if ((*at)->enlists != 0)
        api_refuse_unknown_enlistment(&problem, &entry->origin.gtid, (*at)->enlists, why);
    else
        api_refuse_unknown(&problem, &entry->origin, why);
    refuse(at, &problem);
}

void answer_stopped(struct entry *entry, enum api_why why)
{
    while (entry->waiters != NULL)
        answer_without(entry, &entry->waiters, why);
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
            answer_without(entry, at, API_WHY_JOURNAL_SILENT);
        }
    }
    return true;
}

/* With a problem, or (NULL) with the state as it is: but an operator's word has its own answer,
 * which comes when it is durable. */
void answer_all(struct entry *entry, const struct api_problem *problem)
{
    for (struct waiter **at = &entry->waiters; *at != NULL;)
        if (problem != NULL)
            refuse(at, problem);
        else if ((*at)->resolves)
            at = &(*at)->next;
        else
            answer_one(entry, at);
}

/* One timer serves the core and the clients that wait. One that comes too early is left: it finds
 * nothing to do and is armed again, which is less work than to move it with every step. */
void entry_arm(struct entry *entry)
{
    if (entry->dead)
        return;
    bool sleeps = entry->looking_up || entry->unloaded;
    struct mono wake = sleeps ? (struct mono){0} : txn_wake_at(&entry->txn);
    struct mono client = answer_next(entry);
    if (wake.us == 0 || (client.us != 0 && client.us < wake.us))
        wake = client;
    if (wake.us == 0 || (entry->timer_at.us != 0 && entry->timer_at.us <= wake.us))
        return;
    entry->timer_at = wake;
    uint64_t now = driver_now().mono.us;
    uint64_t wait = wake.us > now ? wake.us - now : 0;
    struct timeval after = timeval_of(wait);
    (void)event_add(&entry->timer, &after); /* fails only without memory for the heap */
}
