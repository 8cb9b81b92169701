/* commands.c: interactive transactions: enlist, commit, abort. Abort also cancels orchestrated
 * ones; retry is the operator's. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include <api/api.h>
#include <journal/journal.h>
#include <txn/txn.h>

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

/* Not in memory: it ended, or never was. */
struct absent {
    struct driver *driver;
    api_view_fn fn;
    void *arg;
    troth_gtid gtid;
    enum request request;
    uint32_t enlists;                      /* the branch that enlists */
    uint32_t branches[TROTH_BRANCHES_MAX]; /* that a commit names */
    uint32_t count;
};

static void problem_ended(struct api_problem *problem, const struct absent *absent,
                          const struct journal_row *row)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&absent->gtid, text);
    if (row->image.outcome == TXN_OUTCOME_NONE) {
        (void)api_problem_set(problem, API_PROBLEM_WRONG_STATE,
                              "transaction %s has not ended, and is not driven here: an operator "
                              "has to look at it",
                              text);
    } else {
        (void)api_problem_set(problem, API_PROBLEM_ENDED,
                              "transaction %s has ended with outcome %s", text,
                              txn_outcome_name(row->image.outcome));
    }
}

static void problem_list(struct api_problem *problem, uint32_t number, bool names)
{
    (void)api_problem_set(problem, API_PROBLEM_COMMIT_DIFFERS,
                          "the transaction was committed with other branches before: this request "
                          "%s branch %u; the first one's answer is not for it",
                          names ? "names" : "leaves out", number);
}

static bool is_named(const uint32_t *branches, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++) {
        if (branches[i] == number) {
            return true;
        }
    }
    return false;
}

/* Said again after the end: the first one's answer. false: `ret_problem` says why not. */
static bool commit_said_again(const struct absent *absent, const struct journal_row *row,
                              struct api_problem *ret_problem)
{
    const struct txn_image *image = &row->image;
    uint32_t number = 0;
    if (!image->origin.interactive) {
        (void)api_problem_set(ret_problem, API_PROBLEM_NOT_INTERACTIVE,
                              "a transaction of a definition commits by itself");
    } else if (image->outcome == TXN_OUTCOME_NONE) {
        problem_ended(ret_problem, absent, row);
    } else if (txn_image_list_difference(image, absent->branches, absent->count, &number) != 0) {
        (void)api_problem_set(ret_problem, API_PROBLEM_ENDED,
                              "the transaction has ended with outcome %s; its branches can not be "
                              "read",
                              txn_outcome_name(image->outcome));
    } else if (number != 0) {
        problem_list(ret_problem, number, is_named(absent->branches, absent->count, number));
    } else {
        return true;
    }
    return false;
}

/* An enlistment whose acknowledgement was lost is answered as an inquiry would be: committed with
 * this member, acknowledged. */
static bool said_again(const struct absent *absent, const struct journal_row *row,
                       struct api_problem *ret_problem)
{
    bool again = false;
    switch (absent->request) {
    case REQUEST_ENLIST:
        again = txn_inquire_image(&row->image, absent->enlists, row->image.attempt) ==
                TXN_ANSWER_COMMITTED;
        break;
    case REQUEST_COMMIT:
        return commit_said_again(absent, row, ret_problem);
    case REQUEST_ABORT:
        again = row->image.outcome != TXN_OUTCOME_NONE && row->image.decision == TXN_ABORT;
        break;
    case REQUEST_RETRY:
        break;
    }
    if (!again) {
        problem_ended(ret_problem, absent, row);
    }
    return again;
}

static void on_absent(void *arg, int error, const struct journal_row *row)
{
    struct absent *absent = arg;
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&absent->gtid, text);
    struct api_problem problem;
    if (error == 0 && said_again(absent, row, &problem)) {
        answer_row(absent->driver, row, absent->fn, absent->arg, false);
        free(absent);
        return;
    }
    if (error == TROTH_ERROR_NOT_FOUND && answer_may_leave(absent->driver)) {
        (void)api_problem_set(&problem, API_PROBLEM_NO_SUCH_TRANSACTION,
                              "there is no open transaction %s, and the journal has no row of it",
                              text);
    } else if (error != 0) {
        problem_unavailable(&problem, "the journal can not be asked");
    }
    absent->fn(absent->arg, &problem, NULL, false);
    free(absent);
}

static void answer_absent(const struct absent *what)
{
    struct absent *absent = malloc(sizeof *absent);
    if (absent == NULL) {
        struct api_problem problem;
        problem_unavailable(&problem, "out of memory");
        what->fn(what->arg, &problem, NULL, false);
        return;
    }
    *absent = *what;
    journal_get(absent->driver->journal, &absent->gtid, on_absent, absent);
}

static struct entry *find_open(const struct absent *what)
{
    struct entry *entry = entry_find(what->driver, &what->gtid);
    if (entry == NULL || entry->looking_up) {
        answer_absent(what);
        return NULL;
    }
    if (entry->unloaded || entry->txn.state == TXN_LOST) { /* no step would do anything */
        struct api_problem problem;
        problem_trouble(&problem, entry);
        what->fn(what->arg, &problem, NULL, false);
        return NULL;
    }
    return entry;
}

/* Steps a client's request. false: the core refused it, and the client has been told. */
static bool step_request(struct entry *entry, const struct txn_event *event,
                         const struct absent *what)
{
    struct driver *driver = entry->driver;
    struct api_problem problem;
    driver->refused = 0;
    driver_step(driver, entry, event);
    if (driver->refused == 0) {
        return true;
    }
    if (driver->refused == TROTH_ERROR_EXISTS) {
        uint32_t number = txn_list_difference(&entry->txn, what->branches, what->count);
        problem_list(&problem, number, is_named(what->branches, what->count, number));
    } else {
        problem_too_late(&problem, entry, what->request == REQUEST_COMMIT ? "commit" : "abort");
    }
    what->fn(what->arg, &problem, NULL, false);
    return false;
}

/* Answers now if it may be told already, else when it is. */
static void answer_when(struct entry *entry, enum api_reply level, uint64_t wait_us,
                        const struct absent *what)
{
    struct waiter *waiter = answer_wait(entry, what->fn, what->arg, level, true, wait_us);
    if (waiter == NULL) {
        struct api_problem problem;
        problem_unknown(&problem, entry, "out of memory: the request was taken");
        what->fn(what->arg, &problem, NULL, true);
        return;
    }
    waiter->aborts = what->request == REQUEST_ABORT;
    if (entry->dead || answer_is_due(entry, level) || answer_is_stuck(entry, waiter)) {
        answer_now(entry, waiter);
    } else {
        entry_arm(entry);
    }
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
    struct absent what = {.driver = driver,
                          .fn = fn,
                          .arg = arg,
                          .gtid = *gtid,
                          .request = REQUEST_ENLIST,
                          .enlists = enlist->branch};
    struct entry *entry = find_open(&what);
    if (entry == NULL) {
        return;
    }
    const struct participant *participant = registry_participant(driver, enlist->participant);
    struct txn_branch branch;
    if (!entry->origin.interactive) {
        (void)api_problem_set(&problem, API_PROBLEM_NOT_INTERACTIVE,
                              "its branches come from definition \"%.*s\"",
                              (int)entry->origin.definition.len, entry->origin.definition.data);
    } else if (participant == NULL) {
        (void)api_problem_set(&problem, API_PROBLEM_UNKNOWN_PARTICIPANT,
                              "participant \"%s\" is not registered (PUT /v1/participants/%s)",
                              enlist->participant, enlist->participant);
    } else if (entry_branch_index(entry, enlist->branch) < 0 &&
               entry->txn.branches_count >= TROTH_BRANCHES_MAX) {
        (void)api_problem_set(&problem, API_PROBLEM_TOO_MANY_BRANCHES,
                              "a transaction has at most %u branches", TROTH_BRANCHES_MAX);
    } else if (entry_branch_index(entry, enlist->branch) < 0 &&
               !submit_journal_takes(driver, &problem)) {
        /* refused: it says why */
    } else if (!fill_branch(entry, participant, enlist, &branch) ||
               answer_wait_enlisted(entry, fn, arg, enlist->branch) != 0) {
        problem_unavailable(&problem, "out of memory");
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
    struct absent what = {
        .driver = ctx, .fn = fn, .arg = arg, .gtid = *gtid, .request = REQUEST_COMMIT};
    what.count = count;
    memcpy(what.branches, branches, count * sizeof *branches);
    struct entry *entry = find_open(&what);
    if (entry == NULL) {
        return;
    }
    if (!entry->origin.interactive) {
        struct api_problem problem;
        (void)api_problem_set(&problem, API_PROBLEM_NOT_INTERACTIVE,
                              "a transaction of a definition commits by itself");
        fn(arg, &problem, NULL, false);
        return;
    }
    struct txn_event event = {.kind = TXN_EVENT_CLOSED,
                              .of.named = {.numbers = branches, .count = count}};
    if (step_request(entry, &event, &what)) {
        answer_when(entry, reply, wait_us, &what);
    }
}

void commands_abort(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct absent what = {
        .driver = ctx, .fn = fn, .arg = arg, .gtid = *gtid, .request = REQUEST_ABORT};
    struct entry *entry = find_open(&what);
    if (entry == NULL) {
        return;
    }
    struct txn_event event = {.kind = TXN_EVENT_CANCELLED};
    if (step_request(entry, &event, &what)) {
        answer_when(entry, API_REPLY_COMPLETED, wait_us, &what);
    }
}

/* The core ignores it where nothing is parked, and where what is parked can not go on now. */
void commands_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct absent what = {
        .driver = driver, .fn = fn, .arg = arg, .gtid = *gtid, .request = REQUEST_RETRY};
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && entry->unloaded && recovery_again(driver, entry)) {
        answer_entry(entry, fn, arg, false);
        return;
    }
    entry = find_open(&what);
    if (entry == NULL) {
        return;
    }
    uint64_t parked = entry->txn.in[TXN_BRANCH_PARKED], aborts = entry->txn.parked_aborts;
    struct txn_event event = {.kind = TXN_EVENT_RESUMED};
    if ((parked | aborts) != 0) {
        driver_step(driver, entry, &event);
    }
    if (entry->txn.in[TXN_BRANCH_PARKED] == parked && entry->txn.parked_aborts == aborts) {
        struct api_problem problem;
        (void)api_problem_set(&problem, entry->ended ? API_PROBLEM_ENDED : API_PROBLEM_WRONG_STATE,
                              "nothing to try again: the transaction is %s%s",
                              txn_shown_name(&entry->txn),
                              (parked | aborts) == 0 ? ", and none of its steps is parked" : "");
        fn(arg, &problem, NULL, false);
        return;
    }
    answer_entry(entry, fn, arg, false);
}
