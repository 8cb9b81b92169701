/* commands.c: interactive transactions: enlist, commit, abort. Abort also cancels orchestrated
 * ones; retry is the operator's. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <journal/journal.h>
#include <txn/txn.h>

#include "absent.h"
#include "answer.h"
#include "arena.h"
#include "driver.h"
#include "entry.h"
#include "participants.h"
#include "recovery.h"
#include "state.h"
#include "submit.h"
#include "table.h"
#include "trouble.h"
#include "waiting.h"

enum request { REQUEST_ENLIST, REQUEST_COMMIT, REQUEST_ABORT, REQUEST_RETRY };

struct asked {
    struct absent absent; /* first */
    enum request request;
    uint32_t enlists;                      /* the branch that enlists */
    uint32_t branches[TROTH_BRANCHES_MAX]; /* that a commit names */
    uint32_t count;
};

static bool is_named(const uint32_t *branches, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++)
        if (branches[i] == number)
            return true;
    return false;
}

/* Said again after the end: the first one's answer. false: `ret_problem` says why not. */
static bool commit_said_again(const struct asked *asked, const struct journal_row *row,
                              struct api_problem *ret_problem)
{
    const struct txn_image *image = &row->image;
    uint32_t number = 0;
    if (!image->origin.interactive)
        api_refuse_orchestrated(ret_problem, NULL);
    else if (image->outcome == TXN_OUTCOME_NONE)
        api_refuse_undriven(ret_problem, &asked->absent.gtid);
    else if (txn_image_list_difference(image, asked->branches, asked->count, &number) != 0)
        api_refuse_unreadable(ret_problem, image->outcome);
    else if (number != 0)
        api_refuse_list(ret_problem, number, is_named(asked->branches, asked->count, number));
    else
        return true;
    return false;
}

/* An enlistment whose acknowledgement was lost is answered as an inquiry would be: committed with
 * this member, acknowledged. */
static bool said_again(const struct absent *absent, const struct journal_row *row,
                       struct api_problem *ret_problem)
{
    const struct asked *asked = (const struct asked *)absent;
    bool again = false;
    switch (asked->request) {
    case REQUEST_ENLIST:
        again = txn_inquire_image(&row->image, asked->enlists, row->image.attempt) ==
                TXN_ANSWER_COMMITTED;
        break;
    case REQUEST_COMMIT:
        return commit_said_again(asked, row, ret_problem);
    case REQUEST_ABORT:
        again = row->image.outcome != TXN_OUTCOME_NONE && row->image.decision == TXN_ABORT;
        break;
    case REQUEST_RETRY:
        break;
    }
    if (!again && row->image.outcome == TXN_OUTCOME_NONE)
        api_refuse_undriven(ret_problem, &absent->gtid);
    else if (!again)
        api_refuse_ended(ret_problem, &absent->gtid, row->image.outcome);
    return again;
}

static struct asked ask(struct driver *driver, const troth_gtid *gtid, enum request request,
                        api_view_fn fn, void *arg)
{
    return (struct asked){
        .absent = {.driver = driver, .fn = fn, .arg = arg, .gtid = *gtid, .said_again = said_again},
        .request = request};
}

static struct entry *find_open(const struct asked *asked)
{
    return absent_find_open(&asked->absent, sizeof *asked);
}

/* Steps a client's request. false: the core refused it, and the client has been told. */
static bool step_request(struct entry *entry, const struct txn_event *event,
                         const struct asked *what)
{
    struct driver *driver = entry->driver;
    struct api_problem problem;
    driver->refused = 0;
    driver_step(driver, entry, event);
    if (driver->refused == 0)
        return true;
    if (driver->refused == TROTH_ERROR_EXISTS) {
        uint32_t number = txn_list_difference(&entry->txn, what->branches, what->count);
        api_refuse_list(&problem, number, is_named(what->branches, what->count, number));
    } else {
        api_refuse_late(&problem, what->request == REQUEST_COMMIT ? "commit" : "abort",
                        &entry->txn);
    }
    what->absent.fn(what->absent.arg, &problem, NULL, false);
    return false;
}

/* Answers now if it may be told already, else when it is. */
static void answer_when(struct entry *entry, enum api_reply level, uint64_t wait_us,
                        const struct asked *what)
{
    struct waiter *waiter =
        answer_wait(entry, what->absent.fn, what->absent.arg, level, true, wait_us);
    if (waiter == NULL) {
        struct api_problem problem;
        api_refuse_unknown(&problem, &entry->origin, API_WHY_NO_MEMORY_TAKEN);
        what->absent.fn(what->absent.arg, &problem, NULL, true);
        return;
    }
    waiter->aborts = what->request == REQUEST_ABORT;
    if (entry->dead || answer_is_due(entry, level) || answer_is_stuck(entry, waiter))
        answer_now(entry, waiter);
    else
        entry_arm(entry);
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* A repeated enlistment takes no memory: strings are kept only for a number that is new. */
static bool fill_branch(struct entry *entry, const struct participant *participant,
                        const struct api_enlist *enlist, struct txn_branch *ret_branch)
{
    struct txn_branch branch = {.number = enlist->branch,
                                .name = "",
                                .participant = participant->name,
                                .operation = enlist->operation,
                                .inquires = participant->inquires,
                                .vote = enlist->prepared ? VOTE_YES : VOTE_NONE};
    int64_t index = entry_branch_index(entry, enlist->branch);
    bool failed = false;
    if (index < 0 && entry->txn.state == TXN_OPEN &&
        entry->txn.branches_count == entry->branches_cap && !entry_grow(entry))
        return false;
    if (index < 0) {
        branch.participant =
            arena_text(&entry->arena,
                       (struct troth_span){participant->name, strlen(participant->name)}, &failed);
        branch.operation =
            arena_text(&entry->arena,
                       (struct troth_span){enlist->operation, strlen(enlist->operation)}, &failed);
    } else if (same_text(entry->branches[index].operation, enlist->operation) &&
               same_text(entry->branches[index].participant, participant->name)) {
        branch.operation = entry->branches[index].operation;
        branch.participant = entry->branches[index].participant;
    }
    *ret_branch = branch;
    return !failed;
}

void commands_enlist(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                     api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct api_problem problem;
    struct asked what = ask(ctx, gtid, REQUEST_ENLIST, fn, arg);
    what.enlists = enlist->branch;
    struct entry *entry = find_open(&what);
    if (entry == NULL)
        return;
    const struct participant *participant = registry_participant(driver, enlist->participant);
    struct txn_branch branch;
    if (!entry->origin.interactive) {
        api_refuse_orchestrated(&problem, &entry->origin);
    } else if (participant == NULL) {
        api_refuse_participant(&problem, NULL, NULL, enlist->participant);
    } else if (entry_branch_index(entry, enlist->branch) < 0 &&
               entry->txn.branches_count >= TROTH_BRANCHES_MAX) {
        api_refuse_branch(&problem, enlist->branch, TROTH_ERROR_FULL, &entry->txn);
    } else if (entry_branch_index(entry, enlist->branch) < 0 &&
               !submit_journal_takes(driver, &problem)) {
        /* refused: it says why */
    } else if (!fill_branch(entry, participant, enlist, &branch) ||
               answer_wait_enlisted(entry, fn, arg, enlist->branch) != 0) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
    } else {
        struct txn_event event = {.kind = TXN_EVENT_ENLISTED, .of.branch = &branch};
        driver_step(driver, entry, &event);
        participants_hold(entry);
        return;
    }
    fn(arg, &problem, NULL, false);
}

void commands_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                     enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct asked what = ask(ctx, gtid, REQUEST_COMMIT, fn, arg);
    what.count = count;
    memcpy(what.branches, branches, count * sizeof *branches);
    struct entry *entry = find_open(&what);
    if (entry == NULL)
        return;
    if (!entry->origin.interactive) {
        struct api_problem problem;
        api_refuse_orchestrated(&problem, NULL);
        fn(arg, &problem, NULL, false);
        return;
    }
    struct txn_event event = {.kind = TXN_EVENT_CLOSED,
                              .of.named = {.numbers = branches, .count = count}};
    if (step_request(entry, &event, &what))
        answer_when(entry, reply, wait_us, &what);
}

void commands_abort(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct asked what = ask(ctx, gtid, REQUEST_ABORT, fn, arg);
    struct entry *entry = find_open(&what);
    if (entry == NULL)
        return;
    struct txn_event event = {.kind = TXN_EVENT_CANCELLED};
    if (step_request(entry, &event, &what))
        answer_when(entry, API_REPLY_COMPLETED, wait_us, &what);
}

/* The core ignores it where nothing is parked, and where what is parked cannot go on now. */
void commands_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct asked what = ask(ctx, gtid, REQUEST_RETRY, fn, arg);
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && entry->unloaded && recovery_again(driver, entry)) {
        answer_entry(entry, fn, arg, false);
        return;
    }
    entry = find_open(&what);
    if (entry == NULL)
        return;
    uint64_t parked = entry->txn.in[TXN_BRANCH_PARKED], aborts = entry->txn.owed_parked;
    struct txn_event event = {.kind = TXN_EVENT_RESUMED};
    if ((parked | aborts) != 0)
        driver_step(driver, entry, &event);
    if (entry->txn.in[TXN_BRANCH_PARKED] == parked && entry->txn.owed_parked == aborts) {
        struct api_problem problem;
        api_refuse_retry(&problem, &entry->txn, entry->ended, (parked | aborts) != 0);
        fn(arg, &problem, NULL, false);
        return;
    }
    answer_entry(entry, fn, arg, false);
}
