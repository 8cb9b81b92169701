/* settling.c: an operator says how a branch ended, or that what is owed is not to be told any more.
 *
 * What may be said, and what follows, is the core's rule (txn/by_hand.c). Here the word gets its
 * form, and whoever said it waits until it is durable. */
#include "settling.h"

#include <stdlib.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <base/json.h>
#include <base/span.h>
#include <journal/journal.h>
#include <txn/resolve.h>
#include <txn/txn.h>

#include "absent.h"
#include "answer.h"
#include "arena.h"
#include "clock.h"
#include "driver.h"
#include "entry.h"
#include "state.h"
#include "submit.h"
#include "table.h"
#include "waiting.h"

struct asked {
    struct absent absent; /* first */
    uint32_t branch;
    enum txn_word word; /* NONE: forget */
};

/* The step of that number (0: any) that an operator's word settled so. */
static bool step_says(struct troth_span step, const struct asked *asked)
{
    struct troth_span number, resolved, as;
    int64_t branch = 0;
    const char *word = txn_word_name(asked->word);
    return json_type(step) == JSON_OBJECT && json_member(step, "branch", &number) &&
           json_int64(number, &branch) == 0 &&
           (asked->branch == 0 || branch == (int64_t)asked->branch) &&
           json_member(step, "resolved", &resolved) && json_type(resolved) == JSON_OBJECT &&
           json_member(resolved, "as", &as) && json_string_equals(as, span_of(word));
}

/* Said again behind the end: its answer was lost. */
static bool said_before(const struct asked *asked, const struct journal_row *row)
{
    struct troth_span steps, key, step;
    if (row->steps.data == NULL || asked->word == TXN_WORD_NONE ||
        json_check(row->steps, JSON_CHECK_KEPT, &steps, NULL) != 0 ||
        json_type(steps) != JSON_ARRAY)
        return false;
    struct json_cursor cursor = json_cursor(steps);
    while (json_next(&cursor, &key, &step))
        if (step_says(step, asked))
            return true;
    return false;
}

static bool said_again(const struct absent *absent, const struct journal_row *row,
                       struct api_problem *ret_problem)
{
    if (said_before((const struct asked *)absent, row))
        return true;
    if (row->image.outcome != TXN_OUTCOME_NONE)
        api_refuse_ended(ret_problem, &absent->gtid, row->image.outcome);
    else
        api_refuse_undriven(ret_problem, &absent->gtid);
    return false;
}

static struct entry *find_open(struct driver *driver, const troth_gtid *gtid, uint32_t branch,
                               enum txn_word word, api_view_fn fn, void *arg)
{
    const struct asked asked = {
        .absent = {.driver = driver, .fn = fn, .arg = arg, .gtid = *gtid, .said_again = said_again},
        .branch = branch,
        .word = word};
    return absent_find_open(&asked.absent, sizeof asked);
}

/* The word as the journal, people and the event get it; lives as long as the transaction. Absent:
 * no memory. */
static struct troth_span keep_word(struct entry *entry, const struct api_word *word)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool failed = false;
    txn_word_append(&text, word->as, word->by, word->reason, word->force, driver_now().wall);
    if (text.failed)
        return (struct troth_span){NULL, 0};
    struct troth_span kept = arena_copy(&entry->arena, buffer_span(&text), &failed);
    return failed ? (struct troth_span){NULL, 0} : kept;
}

/* The only branch that waits for a word or has one, so that the same again is about the same one;
 * 0: there is none, or there are several. */
static uint32_t only_branch(const struct txn *txn)
{
    uint64_t mask = txn_resolvable(txn) | txn->resolving | txn->worded;
    if (mask == 0 || (mask & (mask - 1)) != 0)
        return 0;
    return txn->branches[__builtin_ctzll(mask)].number;
}

/* It may be said: from here on its answer comes with the core's. */
static void say(struct entry *entry, enum txn_event_kind kind, const struct api_word *word,
                api_view_fn fn, void *arg)
{
    struct api_problem problem;
    struct txn_event event = {.kind = kind};
    if (!submit_journal_takes(entry->driver, &problem)) {
        fn(arg, &problem, NULL, false);
        return;
    }
    event.of.resolve.number = word->branch;
    event.of.resolve.word = word->as;
    event.of.resolve.force = word->force;
    event.of.resolve.said = keep_word(entry, word);
    if (event.of.resolve.said.data == NULL || answer_wait_word(entry, fn, arg, word->branch) != 0) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        fn(arg, &problem, NULL, false);
        return;
    }
    driver_step(entry->driver, entry, &event);
}

/* The same is on its way already: whoever says it again waits with the first. */
static void join(struct entry *entry, uint32_t branch, api_view_fn fn, void *arg)
{
    if (answer_wait_word(entry, fn, arg, branch) != 0) {
        struct api_problem problem;
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
        fn(arg, &problem, NULL, false);
        return;
    }
    entry_arm(entry);
}

void settling_resolve(void *ctx, const troth_gtid *gtid, const struct api_word *wanted,
                      api_view_fn fn, void *arg)
{
    struct api_word word = *wanted;
    struct entry *entry = find_open(ctx, gtid, word.branch, word.as, fn, arg);
    if (entry == NULL)
        return;
    if (word.branch == 0)
        word.branch = only_branch(&entry->txn);
    enum txn_resolve may = txn_resolve_check(&entry->txn, word.branch, word.as, word.force);
    if (may == TXN_RESOLVE_MAY) {
        say(entry, TXN_EVENT_RESOLVED, &word, fn, arg);
    } else if (may != TXN_RESOLVE_SAID) {
        struct api_problem problem;
        api_refuse_word(&problem, may, &entry->txn, word.branch, word.as);
        fn(arg, &problem, NULL, false);
    } else if ((entry->txn.resolving >> entry_branch_index(entry, word.branch) & 1u) != 0) {
        join(entry, word.branch, fn, arg);
    } else {
        answer_entry(entry, fn, arg, false);
    }
}

void settling_forget(void *ctx, const troth_gtid *gtid, const struct api_word *wanted,
                     api_view_fn fn, void *arg)
{
    struct api_word word = *wanted;
    struct entry *entry = find_open(ctx, gtid, 0, TXN_WORD_NONE, fn, arg);
    if (entry == NULL)
        return;
    word.branch = 0;
    word.as = TXN_WORD_NONE;
    enum txn_forget may = txn_forget_check(&entry->txn, word.force);
    if (may == TXN_FORGET_MAY) {
        say(entry, TXN_EVENT_FORGOTTEN, &word, fn, arg);
    } else if (may == TXN_FORGET_SAID) {
        join(entry, 0, fn, arg);
    } else {
        struct api_problem problem;
        api_refuse_forget(&problem, may, &entry->txn);
        fn(arg, &problem, NULL, false);
    }
}
