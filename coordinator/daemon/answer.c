/* answer.c: what clients are told. Every view of a transaction leaves through here. */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <base/json.h>
#include <journal/journal.h>
#include <txn/txn.h>

#include "entry.h"
#include "log.h"
#include "state.h"
#include "trouble.h"

/* With the clock of this moment: a process may have been paused just before. */
bool answer_may_leave(const struct driver *driver)
{
    return !driver->joined || driver->journal == NULL || journal_leads(driver->journal);
}

bool driver_may_speak(void *arg)
{
    return answer_may_leave(arg);
}

/* --- views ----------------------------------------------------------------------------------- */

#define WITH_STEPS    1u
#define WITH_OUTPUTS  2u /* in the steps */
#define WITH_TIMELINE 4u

#define TEXTS_KEPT_BYTES 65536u /* of the buffer that views are made in */

/* What is made of a transaction's memory for one view: one text behind the other, each from where
 * the one before ends. */
struct ends {
    size_t steps, failure, fallback, history;
};

static struct troth_span between(const struct buffer *texts, size_t from, size_t to)
{
    return (struct troth_span){texts->len > 0 ? texts->data + from : "", to - from};
}

/* false: there is no memory for it. Borrows what `texts` gets, which is empty. */
static bool make_view(struct entry *entry, unsigned with, struct buffer *texts,
                      struct api_view *ret_view)
{
    struct ends end;
    if ((with & WITH_STEPS) != 0)
        txn_steps_append(&entry->txn, (with & WITH_OUTPUTS) != 0, texts);
    end.steps = texts->len;
    trouble_failure_append(entry, texts);
    end.failure = texts->len;
    txn_fallback_append(&entry->txn, texts);
    end.fallback = texts->len;
    if ((with & WITH_TIMELINE) != 0)
        txn_history_append(&entry->txn, texts);
    end.history = texts->len;
    if (texts->failed)
        return false;
    *ret_view = (struct api_view){.origin = &entry->origin,
                                  .attempt = entry->txn.attempt,
                                  .state = entry_state_name(entry),
                                  .outcome = entry->txn.outcome,
                                  .ended_at = entry->ended_at,
                                  .steps = between(texts, 0, end.steps),
                                  .failure = between(texts, end.steps, end.failure),
                                  .fallback = between(texts, end.failure, end.fallback),
                                  .history = between(texts, end.fallback, end.history),
                                  .stored = entry->recovered_texts.len > 0};
    return true;
}

/* false: there is no memory for it, and nothing was told. */
static bool show(struct entry *entry, unsigned with, api_view_fn fn, void *arg, bool fresh)
{
    struct driver *driver = entry->driver;
    struct buffer texts = buffer_borrow(&driver->view_texts);
    struct api_view view;
    bool made = make_view(entry, with, &texts, &view);
    if (made)
        fn(arg, NULL, &view, fresh);
    buffer_return(&driver->view_texts, &texts, TEXTS_KEPT_BYTES);
    return made;
}

static void answer_with(struct entry *entry, unsigned with, api_view_fn fn, void *arg, bool fresh)
{
    struct api_problem problem;
    if (!answer_may_leave(entry->driver))
        api_refuse_unknown(&problem, &entry->origin, API_WHY_LEASE_OVER);
    else if (!show(entry, with, fn, arg, fresh))
        api_refuse_unknown(&problem, &entry->origin, API_WHY_NO_MEMORY_ANSWER);
    else
        return;
    fn(arg, &problem, NULL, fresh);
}

/* One of many: a problem would end the list. Without memory it is left out. */
bool answer_listed(struct entry *entry, bool payloads, api_list_fn fn, void *arg)
{
    struct driver *driver = entry->driver;
    struct buffer texts = buffer_borrow(&driver->view_texts);
    struct api_view view;
    unsigned with = payloads ? WITH_STEPS | WITH_OUTPUTS : 0;
    bool more = !make_view(entry, with, &texts, &view) || fn(arg, NULL, &view);
    buffer_return(&driver->view_texts, &texts, TEXTS_KEPT_BYTES);
    return more;
}

void answer_entry(struct entry *entry, api_view_fn fn, void *arg, bool fresh)
{
    answer_with(entry, WITH_STEPS | WITH_OUTPUTS, fn, arg, fresh);
}

void answer_progress(struct entry *entry, api_view_fn fn, void *arg)
{
    answer_with(entry, WITH_STEPS, fn, arg, false);
}

void answer_entry_timeline(struct entry *entry, api_view_fn fn, void *arg, bool fresh)
{
    answer_with(entry, WITH_STEPS | WITH_OUTPUTS | WITH_TIMELINE, fn, arg, fresh);
}

/* Of a transaction that is not in memory, the journal knows members, votes and the decision. */
static const char *member_state(const struct txn_image *image, const struct record_member *member)
{
    if (member->vote == VOTE_READ_ONLY)
        return txn_branch_state_name(TXN_BRANCH_READ_ONLY);
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

/* A list that cannot be read names nobody. */
static void members_as_steps(const struct txn_image *image, struct buffer *list)
{
    struct record_member member;
    struct troth_span members = {"[]", 2};
    if (image->members.data != NULL &&
        json_check(image->members, JSON_CHECK_KEPT, &members, NULL) != 0)
        members = (struct troth_span){"[]", 2};
    struct json_cursor cursor = json_cursor(members);
    const size_t begin = list->len + 1;
    buffer_append_text(list, "[");
    while (record_member_next(&cursor, &member) == 0) {
        buffer_append_format(list, "%s{\"branch\":%u", list->len > begin ? "," : "", member.branch);
        append_text(list, "name", member.name);
        append_text(list, "participant", member.participant);
        append_text(list, "operation", member.operation);
        buffer_append_format(list, ",\"state\":\"%s\"}", member_state(image, &member));
    }
    buffer_append_text(list, "]");
}

/* `made`, which is empty, gets the timeline, and the steps where the row has none. Where there is
 * no memory for one of them, it is not told. */
static struct api_view view_of_row(const struct journal_row *row, struct buffer *made)
{
    struct troth_span steps = row->steps, history = row->history;
    size_t at;
    if (history.data != NULL)
        txn_history_append_kept(history, made);
    at = made->len;
    if (steps.data == NULL)
        members_as_steps(&row->image, made);
    if (made->failed || made->len > at)
        steps = made->failed ? row->steps : between(made, at, made->len);
    if (history.data != NULL)
        history = made->failed ? (struct troth_span){NULL, 0} : between(made, 0, at);
    return (struct api_view){.origin = &row->image.origin,
                             .attempt = row->image.attempt,
                             .state = row->ended_at.us != 0 ? "ended" : "open",
                             .outcome = row->image.outcome,
                             .ended_at = row->ended_at,
                             .steps = steps,
                             .failure = row->image.failure,
                             .fallback = row->image.fallback,
                             .history = history,
                             .stored = true};
}

bool answer_row_listed(const struct journal_row *row, api_list_fn fn, void *arg)
{
    BUFFER_SCOPED struct buffer made = {0};
    struct api_view view = view_of_row(row, &made);
    return fn(arg, NULL, &view);
}

void answer_row(const struct driver *driver, const struct journal_row *row, api_view_fn fn,
                void *arg, bool fresh)
{
    struct api_problem problem;
    if (!answer_may_leave(driver)) {
        api_refuse_unavailable(&problem, API_WHY_LEASE_OVER);
        fn(arg, &problem, NULL, fresh);
        return;
    }
    BUFFER_SCOPED struct buffer made = {0};
    struct api_view view = view_of_row(row, &made);
    fn(arg, NULL, &view, fresh);
}
