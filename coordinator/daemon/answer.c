/* answer.c: what clients are told, and the clients that wait for it. */
#include "driver_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <protocol/json.h>

void problem_unavailable(struct api_problem *problem, const char *why)
{
    (void)api_problem_set(problem, API_PROBLEM_UNAVAILABLE, "%s; nothing was done, try again", why);
}

/* --- views ----------------------------------------------------------------------------------- */

static void answer_with(struct entry *entry, api_view_fn fn, void *arg, bool fresh, bool timeline)
{
    BUFFER_SCOPED struct buffer steps = {0}, failure = {0}, fallback = {0}, history = {0};
    txn_steps_append(&entry->txn, &steps);
    txn_failure_tell(&entry->txn, &failure);
    txn_fallback_append(&entry->txn, &fallback);
    if (timeline) {
        txn_history_append(&entry->txn, &history);
    }
    if (steps.failed || failure.failed || fallback.failed || history.failed) {
        struct api_problem problem;
        (void)api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "out of memory; ask again");
        fn(arg, &problem, NULL, fresh);
        return;
    }
    struct api_view view = {.origin = &entry->origin,
                            .attempt = entry->txn.attempt,
                            .state = txn_state_name(entry->txn.state),
                            .outcome = entry->txn.outcome,
                            .ended_at = entry->ended_at,
                            .steps = buffer_span(&steps),
                            .failure = buffer_span(&failure),
                            .fallback = buffer_span(&fallback),
                            .history = buffer_span(&history)};
    fn(arg, NULL, &view, fresh);
}

void answer_entry(struct entry *entry, api_view_fn fn, void *arg, bool fresh)
{
    answer_with(entry, fn, arg, fresh, false);
}

void answer_entry_timeline(struct entry *entry, api_view_fn fn, void *arg, bool fresh)
{
    answer_with(entry, fn, arg, fresh, true);
}

/* Of a transaction that is not in memory, the journal knows members, votes and the decision. */
static const char *member_state(const struct txn_image *image, const struct record_member *member)
{
    if (member->vote == VOTE_READ_ONLY) {
        return txn_branch_state_name(TXN_BRANCH_READ_ONLY);
    }
    switch (image->decision) {
    case TXN_COMMIT:
        return txn_branch_state_name(TXN_BRANCH_COMMITTING);
    case TXN_ABORT:
        return txn_branch_state_name(TXN_BRANCH_ABORTING);
    case TXN_UNDECIDED:
    case TXN_DECISION_COUNT:
        break;
    }
    return txn_branch_state_name(member->vote == VOTE_YES ? TXN_BRANCH_PREPARED
                                                          : TXN_BRANCH_PREPARING);
}

static void append_text(struct buffer *list, const char *name, struct troth_span value)
{
    if (value.data != NULL) {
        buffer_append_format(list, ",\"%s\":", name);
        json_append_string(list, value);
    }
}

static void members_as_steps(const struct txn_image *image, struct buffer *list)
{
    struct record_member member;
    struct json_cursor cursor = json_cursor(image->members);
    buffer_append_text(list, "[");
    while (image->members.data != NULL && record_member_next(&cursor, &member) == 0) {
        buffer_append_format(list, "%s{\"branch\":%u", list->len > 1 ? "," : "", member.branch);
        append_text(list, "name", member.name);
        append_text(list, "participant", member.participant);
        append_text(list, "operation", member.operation);
        buffer_append_format(list, ",\"state\":\"%s\"}", member_state(image, &member));
    }
    buffer_append_text(list, "]");
}

void answer_row(const struct journal_row *row, api_view_fn fn, void *arg, bool fresh)
{
    BUFFER_SCOPED struct buffer steps = {0};
    if (row->steps.data == NULL) {
        members_as_steps(&row->image, &steps);
    }
    struct api_view view = {.origin = &row->image.origin,
                            .attempt = row->image.attempt,
                            .state = row->ended_at.us != 0 ? "ended" : "open",
                            .outcome = row->image.outcome,
                            .ended_at = row->ended_at,
                            .steps = row->steps.data != NULL ? row->steps : buffer_span(&steps),
                            .failure = row->image.failure,
                            .fallback = row->image.fallback,
                            .history = row->history};
    fn(arg, NULL, &view, fresh);
}

/* --- waiting --------------------------------------------------------------------------------- */

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

int answer_wait(struct entry *entry, api_view_fn fn, void *arg, enum api_reply level, bool fresh,
                uint64_t wait_us)
{
    struct waiter *waiter = new_waiter(entry, fn, arg, fresh, wait_us);
    if (waiter == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    waiter->level = level;
    return 0;
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

static void answer_one(struct entry *entry, struct waiter **at)
{
    struct waiter *waiter = *at;
    *at = waiter->next;
    answer_entry(entry, waiter->fn, waiter->arg, waiter->fresh);
    free(waiter);
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
                              branch, txn_state_name(entry->txn.state));
    }
}

void answer_enlisted(struct entry *entry, uint32_t branch, int error)
{
    struct api_problem problem;
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if ((*at)->enlists != branch) {
            at = &(*at)->next;
            continue;
        }
        if (error == 0) {
            answer_one(entry, at);
            continue;
        }
        struct waiter *waiter = *at;
        *at = waiter->next;
        problem_enlist(&problem, entry, branch, error);
        waiter->fn(waiter->arg, &problem, NULL, false);
        free(waiter);
    }
}

void answer_overdue(struct entry *entry, struct mono now)
{
    for (struct waiter **at = &entry->waiters; *at != NULL;) {
        if ((*at)->until.us <= now.us) {
            answer_one(entry, at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* With a problem, or (NULL) with the state as it is. */
void answer_all(struct entry *entry, const struct api_problem *problem)
{
    while (entry->waiters != NULL) {
        struct waiter *waiter = entry->waiters;
        entry->waiters = waiter->next;
        if (problem != NULL) {
            waiter->fn(waiter->arg, problem, NULL, waiter->fresh);
        } else {
            answer_entry(entry, waiter->fn, waiter->arg, waiter->fresh);
        }
        free(waiter);
    }
}

/* --- readiness ------------------------------------------------------------------------------- */

bool driver_ready(void *ctx, struct buffer *ret_details)
{
    const struct driver *driver = ctx;
    struct journal_stats journal = {0};
    struct outbox_stats outbox = {0};
    if (driver->journal != NULL) {
        journal_stats(driver->journal, &journal);
    }
    if (driver->outbox != NULL && driver->outbox_mode == CONFIG_OUTBOX_KAFKA) {
        outbox_stats(driver->outbox, &outbox);
    }
    bool leading = driver_leading(driver);
    bool ready = leading && journal.connected && !driver->draining && !driver->failed;
    static const char *const outbox_names[] = {"kafka", "table", "off"};
    buffer_append_format(ret_details,
                         "{\"ready\":%s,\"leading\":%s,\"draining\":%s,\"open_transactions\":%u,"
                         "\"journal\":{\"id\":\"%s\",\"connected\":%s,\"shards\":%u,\"rows\":%llu,"
                         "\"batches\":%llu,\"gathered\":%u,\"unknown_commits\":%llu},",
                         ready ? "true" : "false", leading ? "true" : "false",
                         driver->draining ? "true" : "false", driver->open,
                         driver->journal != NULL ? journal_id(driver->journal) : "",
                         journal.connected ? "true" : "false", driver->shards_count,
                         (unsigned long long)journal.rows, (unsigned long long)journal.batches,
                         journal.gathered, (unsigned long long)journal.unknown_commits);
    buffer_append_format(ret_details,
                         "\"outbox\":{\"mode\":\"%s\",\"reachable\":%s,\"waiting\":%llu,"
                         "\"confirmed\":%llu,\"set_aside\":%llu}}",
                         outbox_names[driver->outbox_mode], outbox.reachable ? "true" : "false",
                         (unsigned long long)outbox.waiting, (unsigned long long)outbox.confirmed,
                         (unsigned long long)outbox.set_aside);
    return ready;
}
