/* queries.c: what changes nothing: one transaction, a list, and the inquiry of a branch in doubt
 * (protocol.md, section 2: who may answer, and what silence means). */
#include "queries.h"

#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <journal/journal.h>
#include <txn/txn.h>

#include "answer.h"
#include "entry.h"
#include "listing.h"
#include "shards.h"
#include "state.h"
#include "table.h"

/* --- one, and lists -------------------------------------------------------------------------- */

struct view_question {
    struct driver *driver;
    api_view_fn fn;
    void *arg;
    troth_gtid gtid;
    bool starts;
};

static void on_row(void *arg, int error, const struct journal_row *row)
{
    struct view_question *question = arg;
    struct api_problem problem;
    bool left = error == TROTH_ERROR_NOT_FOUND && answer_may_leave(question->driver);
    struct troth_gtid_parts parts;
    troth_gtid_split(&question->gtid, &parts);
    bool ours =
        shards_led(question->driver, parts.shard) || parts.shard >= question->driver->shards_count;
    if (error == 0) {
        answer_row(question->driver, row, question->fn, question->arg, false);
    } else {
        if (left && !ours) /* its leader may know it, without a row */
            api_refuse_unavailable(&problem, API_WHY_SHARD_ELSEWHERE);
        else if (left && question->starts)
            api_refuse_unavailable(&problem, API_WHY_KEY_LEFT);
        else if (left)
            api_refuse_no_row(&problem, &question->gtid, false);
        else
            api_refuse_unavailable(&problem, API_WHY_JOURNAL_UNASKED);
        question->fn(question->arg, &problem, NULL, false);
    }
    free(question);
}

static void get(struct driver *driver, const troth_gtid *gtid, api_view_fn fn, void *arg,
                bool starts)
{
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && !entry->looking_up) {
        answer_entry_timeline(entry, fn, arg, false);
        return;
    }
    struct view_question *question = malloc(sizeof *question);
    if (question == NULL) {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        fn(arg, &problem, NULL, false);
        return;
    }
    *question = (struct view_question){
        .driver = driver, .fn = fn, .arg = arg, .gtid = *gtid, .starts = starts};
    journal_get(driver->journal, gtid, on_row, question);
}

void queries_get_earlier(struct driver *driver, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    get(driver, gtid, fn, arg, true);
}

void queries_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg)
{
    get(ctx, gtid, fn, arg, false);
}

struct list_question {
    struct driver *driver;
    api_list_fn fn;
    void *arg;
    bool memory_first; /* what is in memory was listed already */
    bool payloads;
};

static void list_end(struct list_question *question, int error)
{
    struct api_problem problem;
    if (error == TROTH_ERROR_TIMEOUT)
        api_refuse_slow_list(&problem);
    else if (error != 0)
        api_refuse_unavailable(&problem, API_WHY_JOURNAL_UNASKED);
    (void)question->fn(question->arg, error != 0 ? &problem : NULL, NULL);
    free(question);
}

/* The journal may lag behind the memory by a lazy write: the memory knows better. */
static bool list_row(const struct list_question *question, const struct journal_row *row)
{
    struct entry *entry = entry_find(question->driver, &row->image.origin.gtid);
    if (entry != NULL && !entry->looking_up) {
        return question->memory_first ||
               answer_listed(entry, question->payloads, question->fn, question->arg);
    }
    return row->unreadable || answer_row_listed(row, question->fn, question->arg);
}

static bool on_list_row(void *arg, int error, const struct journal_row *row)
{
    struct list_question *question = arg;
    if (error == 0 && row != NULL)
        return list_row(question, row);
    list_end(question, error);
    return false;
}

/* --- by idempotency key ---------------------------------------------------------------------- */

static void on_keyed_row(void *arg, int error, const struct journal_row *row)
{
    struct list_question *question = arg;
    if (error == 0)
        (void)list_row(question, row);
    /* Not found: the key's row is there, the transaction's has left. */
    list_end(question, error == TROTH_ERROR_NOT_FOUND ? 0 : error);
}

static void on_key_found(void *arg, int error, const troth_gtid *gtid, struct troth_span hash)
{
    struct list_question *question = arg;
    (void)hash;
    if (error == 0)
        journal_get(question->driver->journal, gtid, on_keyed_row, question);
    else
        list_end(question, error == TROTH_ERROR_NOT_FOUND ? 0 : error);
}

static void list_by_key(struct list_question *question, struct troth_span key)
{
    struct driver *driver = question->driver;
    struct entry *entry = entry_find_key(driver, key);
    if (entry != NULL && !entry->looking_up) {
        (void)answer_listed(entry, question->payloads, question->fn, question->arg);
        list_end(question, 0);
        return;
    }
    journal_key_find(driver->journal, driver_shard_of_key(driver, key), key, on_key_found,
                     question);
}

/* --- lists ----------------------------------------------------------------------------------- */

static struct journal_filter filter_of(const struct api_list *list, const char *label)
{
    return (struct journal_filter){.state = list->state,
                                   .outcome = list->outcome,
                                   .definition = list->definition,
                                   .participant = list->participant,
                                   .before = list->before,
                                   .after = list->after,
                                   .label = label,
                                   .has_range = list->has_range,
                                   .first = list->first,
                                   .last = list->last,
                                   .has_cursor = list->has_cursor,
                                   .cursor = list->cursor,
                                   .limit = list->limit,
                                   .payloads = list->payloads};
}

static void list_refuse(api_list_fn fn, void *arg, enum api_why why)
{
    struct api_problem problem;
    api_refuse_unavailable(&problem, why);
    (void)fn(arg, &problem, NULL);
}

void queries_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg)
{
    struct driver *driver = ctx;
    if (!answer_may_leave(driver)) {
        list_refuse(fn, arg, API_WHY_LEASE_OVER);
        return;
    }
    if (list->in_memory || (listing_in_memory(list) && list->key.data == NULL)) {
        listing_from_memory(driver, list, fn, arg);
        return;
    }
    struct list_question *question = malloc(sizeof *question);
    BUFFER_SCOPED struct buffer label = {0};
    buffer_append_span(&label, list->label);
    const char *text = list->label.data != NULL ? buffer_text(&label) : NULL;
    if (question == NULL || (list->label.data != NULL && text == NULL)) {
        free(question);
        list_refuse(fn, arg, API_WHY_NO_MEMORY);
        return;
    }
    *question =
        (struct list_question){.driver = driver, .fn = fn, .arg = arg, .payloads = list->payloads};
    if (list->key.data != NULL) {
        list_by_key(question, list->key);
        return;
    }
    /* Who has the beginning of a gtid means a transaction wherever it stands: one that runs may
     * have no row yet. */
    question->memory_first = list->has_range && list->state == NULL && !list->has_cursor;
    if (question->memory_first && !listing_entries(driver, list, fn, arg)) {
        list_end(question, 0);
        return;
    }
    struct journal_filter filter = filter_of(list, text);
    journal_list(driver->journal, &filter, on_list_row, question);
}

/* --- inquiry --------------------------------------------------------------------------------- */

struct inquiry {
    struct driver *driver;
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
    api_answer_fn fn;
    void *arg;
};

/* Section 2, rules 1 to 7, in this order; the memory was asked before the journal. */
static const char *from_journal(const struct inquiry *inquiry, const struct journal_inquiry *said)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&inquiry->gtid, &parts);
    if (parts.epoch > said->shard_epoch)
        return "unknown"; /* 1: an epoch this journal never had */
    if (said->found && said->image.decision != TXN_UNDECIDED) {
        return txn_answer_name(
            txn_inquire_image(&said->image, inquiry->branch, inquiry->attempt)); /* 2 */
    }
    if (said->found)
        return said->highest_attempt > inquiry->attempt ? "aborted" : "undecided"; /* 3 */
    /* 4 to 7. The leader is asked (again): it did not know the gtid before the journal was read,
     * and only it hands them out. */
    bool here = journal_epoch(inquiry->driver->journal, parts.shard) == parts.epoch;
    bool known = entry_find(inquiry->driver, &inquiry->gtid) != NULL;
    bool given = inquiry->driver->shards[parts.shard].counter >= parts.counter;
    struct txn_absence absence = {.epoch = parts.epoch,
                                  .shard_epoch = said->shard_epoch,
                                  .lost = said->lost,
                                  .forgotten = said->forgotten,
                                  .never_begun = here && !known && given};
    return txn_answer_name(txn_inquire_absent(&absence));
}

static void on_inquiry(void *arg, int error, const struct journal_inquiry *said)
{
    struct inquiry *inquiry = arg;
    struct api_problem problem;
    if (error != 0 || !answer_may_leave(inquiry->driver)) {
        api_refuse_unavailable(&problem, API_WHY_JOURNAL_UNASKED);
        inquiry->fn(inquiry->arg, &problem, NULL);
    } else {
        struct api_answer answer = {.decision = from_journal(inquiry, said),
                                    .epoch = said->shard_epoch};
        inquiry->fn(inquiry->arg, NULL, &answer);
    }
    free(inquiry);
}

static bool names_this_journal(const struct driver *driver, struct troth_span journal)
{
    const char *id = journal_id(driver->journal);
    return journal.data == NULL ||
           (journal.len == strlen(id) && memcmp(journal.data, id, journal.len) == 0);
}

void queries_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                     struct troth_span journal, api_answer_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct api_problem problem;
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    if (!names_this_journal(driver, journal) || parts.shard >= driver->shards_count) {
        struct api_answer answer = {.decision = "unknown"};
        fn(arg, NULL, &answer);
        return;
    }
    const struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && !entry->unloaded && answer_may_leave(driver)) { /* else the rows speak */
        enum txn_answer said =
            entry->looking_up ? TXN_ANSWER_UNDECIDED : txn_inquire(&entry->txn, branch, attempt);
        struct api_answer answer = {.decision = txn_answer_name(said),
                                    .epoch = journal_epoch(driver->journal, parts.shard)};
        fn(arg, NULL, &answer);
        return;
    }
    struct inquiry *inquiry = malloc(sizeof *inquiry);
    if (inquiry == NULL) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        fn(arg, &problem, NULL);
        return;
    }
    *inquiry = (struct inquiry){.driver = driver,
                                .gtid = *gtid,
                                .branch = branch,
                                .attempt = attempt,
                                .fn = fn,
                                .arg = arg};
    journal_inquire(driver->journal, gtid, attempt, on_inquiry, inquiry);
}
