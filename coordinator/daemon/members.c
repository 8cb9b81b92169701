/* members.c: interactive transactions: enlist, commit, abort. Abort also cancels orchestrated ones;
 * retry is the operator's. */
#include "driver_private.h"

#include <stdlib.h>
#include <string.h>

/* Not in memory: it ended, or never was. */
struct absent {
    api_view_fn fn;
    void *arg;
    troth_gtid gtid;
    uint32_t enlists; /* the branch that enlists; 0: another request */
};

/* An enlistment whose acknowledgement was lost, asked again after the end: it is answered as an
 * inquiry would be. Committed with this member: acknowledged. */
static bool was_acknowledged(const struct absent *absent, const struct journal_row *row)
{
    return absent->enlists != 0 && txn_inquire_image(&row->image, absent->enlists,
                                                     row->image.attempt) == TXN_ANSWER_COMMITTED;
}

static void on_absent(void *arg, int error, const struct journal_row *row)
{
    struct absent *absent = arg;
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&absent->gtid, text);
    struct api_problem problem;
    if (error == 0 && was_acknowledged(absent, row)) {
        answer_row(row, absent->fn, absent->arg, false);
        free(absent);
        return;
    }
    if (error == 0) {
        (void)api_problem_set(&problem, API_PROBLEM_ENDED,
                              "transaction %s has ended with outcome %s", text,
                              txn_outcome_name(row->image.outcome));
    } else if (error == TROTH_ERROR_NOT_FOUND) {
        (void)api_problem_set(&problem, API_PROBLEM_NO_SUCH_TRANSACTION,
                              "there is no open transaction %s, and the journal has no row of it",
                              text);
    } else {
        problem_unavailable(&problem, "the journal can not be asked");
    }
    absent->fn(absent->arg, &problem, NULL, false);
    free(absent);
}

static void answer_absent(struct driver *driver, const troth_gtid *gtid, uint32_t enlists,
                          api_view_fn fn, void *arg)
{
    struct absent *absent = malloc(sizeof *absent);
    if (absent == NULL) {
        struct api_problem problem;
        problem_unavailable(&problem, "out of memory");
        fn(arg, &problem, NULL, false);
        return;
    }
    *absent = (struct absent){.fn = fn, .arg = arg, .gtid = *gtid, .enlists = enlists};
    journal_get(driver->journal, gtid, on_absent, absent);
}

static struct entry *find_open(struct driver *driver, const troth_gtid *gtid, uint32_t enlists,
                               api_view_fn fn, void *arg)
{
    struct entry *entry = entry_find(driver, gtid);
    if (entry == NULL || entry->looking_up) {
        answer_absent(driver, gtid, enlists, fn, arg);
        return NULL;
    }
    return entry;
}

/* Steps a client's request. false: the core refused it, and the client has been told. */
static bool step_request(struct driver *driver, struct entry *entry, const struct txn_event *event,
                         const char *what, api_view_fn fn, void *arg)
{
    driver->was_refused = false;
    driver_step(driver, entry, event);
    if (!driver->was_refused) {
        return true;
    }
    struct api_problem problem;
    (void)api_problem_set(
        &problem, API_PROBLEM_WRONG_STATE, "%s: the transaction is %s%s%s", what,
        txn_state_name(entry->txn.state),
        entry->txn.outcome != TXN_OUTCOME_NONE ? ", its outcome is " : "",
        entry->txn.outcome != TXN_OUTCOME_NONE ? txn_outcome_name(entry->txn.outcome) : "");
    fn(arg, &problem, NULL, false);
    return false;
}

/* Answers now if it may be told already, else when it is. */
static void answer_when(struct entry *entry, enum api_reply level, uint64_t wait_us, api_view_fn fn,
                        void *arg)
{
    struct api_problem problem;
    if (entry->dead || answer_is_due(entry, level)) {
        answer_entry(entry, fn, arg, true);
    } else if (answer_wait(entry, fn, arg, level, true, wait_us) != 0) {
        problem_unavailable(&problem, "out of memory: the request was taken, ask for its outcome");
        fn(arg, &problem, NULL, true);
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

void members_enlist(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                    api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct api_problem problem;
    struct entry *entry = find_open(driver, gtid, enlist->branch, fn, arg);
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
    } else if (!fill_branch(entry, participant, enlist, &branch) ||
               answer_wait_enlisted(entry, fn, arg, enlist->branch) != 0) {
        problem_unavailable(&problem, "out of memory");
    } else {
        struct txn_event event = {.kind = TXN_EVENT_ENLISTED, .of.branch = &branch};
        driver_step(driver, entry, &event);
        return;
    }
    fn(arg, &problem, NULL, false);
}

void members_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                    enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct entry *entry = find_open(driver, gtid, 0, fn, arg);
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
    if (step_request(driver, entry, &event, "commit", fn, arg)) {
        answer_when(entry, reply, wait_us, fn, arg);
    }
}

void members_abort(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct entry *entry = find_open(driver, gtid, 0, fn, arg);
    if (entry == NULL) {
        return;
    }
    struct txn_event event = {.kind = TXN_EVENT_CANCELLED};
    if (step_request(driver, entry, &event, "abort", fn, arg)) {
        answer_when(entry, API_REPLY_COMPLETED, 0, fn, arg);
    }
}

/* The core ignores it where nothing is parked, and where what is parked can not go on now. */
void members_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct entry *entry = find_open(driver, gtid, 0, fn, arg);
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
                              txn_state_name(entry->txn.state),
                              (parked | aborts) == 0 ? ", and none of its steps is parked" : "");
        fn(arg, &problem, NULL, false);
        return;
    }
    answer_entry(entry, fn, arg, false);
}
