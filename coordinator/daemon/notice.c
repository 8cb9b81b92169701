/* notice.c: what an operator has to hear of while it happens, one line each: something parked or
 * resumed, a fallback, a mixed outcome, a command that is tried again and again, a participant that
 * is down or up. A flood of them is cut: NOTICE_LINES_MAX of one kind in NOTICE_WINDOW_US, and the
 * next line says how many were left out. */
#include "notice.h"

#include <string.h>

#include <txn/txn.h>

#include "clock.h"
#include "counting.h"
#include "definitions.h"
#include "entry.h"
#include "log.h"
#include "state.h"

#define NOTICE_LINES_MAX 20u
#define NOTICE_WINDOW_US UINT64_C(10000000)

/* Whether a line of that kind may be written now; `ret_left_out`: those that were not, as text, or
 * NULL. */
static bool may_say(struct driver *driver, enum notice kind, char text[12],
                    const char **ret_left_out)
{
    struct notice_flow *flow = &driver->notices[kind];
    uint64_t now_us = driver_now().mono.us;
    *ret_left_out = NULL;
    if (flow->begun_us == 0 || now_us - flow->begun_us >= NOTICE_WINDOW_US) {
        flow->begun_us = now_us;
        flow->lines = 0;
    }
    if (flow->lines >= NOTICE_LINES_MAX) {
        flow->left_out++;
        return false;
    }
    if (flow->left_out > 0) {
        (void)snprintf(text, 12, "%u", flow->left_out);
        *ret_left_out = text;
    }
    flow->lines++;
    flow->left_out = 0;
    return true;
}

static const char *text_of(struct troth_span span, char text[MESSAGE_REASON_MAX + 1])
{
    size_t len = span.len < MESSAGE_REASON_MAX ? span.len : MESSAGE_REASON_MAX;
    if (span.data == NULL)
        return NULL;
    memcpy(text, span.data, len);
    text[len] = '\0';
    return text;
}

/* One line about a branch, or, branch NULL, about the transaction. */
static void say(struct entry *entry, enum notice kind, enum log_level level, const char *message,
                const struct txn_branch *branch, struct troth_span words)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1], number[12] = "", tries[12] = "", left[12];
    char reason[MESSAGE_REASON_MAX + 1];
    const char *left_out;
    if (!log_wants(level) || !may_say(entry->driver, kind, left, &left_out))
        return;
    troth_gtid_format(&entry->origin.gtid, gtid);
    if (branch != NULL) {
        (void)snprintf(number, sizeof number, "%u", branch->number);
        (void)snprintf(tries, sizeof tries, "%u", branch->tries);
    }
    log_line(level, message, "txn", gtid, "definition",
             entry->definition != NULL ? entry->definition->definition->name : NULL, "branch",
             branch != NULL ? number : NULL, "step",
             branch != NULL && branch->name[0] != '\0' ? branch->name : NULL, "participant",
             branch != NULL ? branch->participant : NULL, "tries", branch != NULL ? tries : NULL,
             "reason", text_of(words, reason), "left_out", left_out, NULL);
}

static void say_of_each(struct entry *entry, uint64_t mask, enum notice kind, enum log_level level,
                        const char *message)
{
    for (uint32_t i = 0; mask != 0 && i < entry->txn.branches_count; i++) {
        const struct txn_branch *branch = &entry->branches[i];
        if ((mask >> i & 1u) != 0) {
            bool earlier = (entry->txn.owed_parked >> i & 1u) != 0;
            say(entry, kind, level, message, branch,
                earlier ? branch->abort_reason : branch->reason);
        }
    }
}

static const struct txn_branch *branch_of(const struct entry *entry, uint32_t number)
{
    int64_t index = number != 0 ? entry_branch_index(entry, number) : -1;
    return index >= 0 ? &entry->branches[index] : NULL;
}

static void notice_parked(struct entry *entry, const struct metrics_mark *before,
                          enum txn_event_kind event)
{
    const struct txn *txn = &entry->txn;
    uint64_t was = before->parked | before->owed_parked;
    uint64_t is = txn->in[TXN_BRANCH_PARKED] | txn->owed_parked;
    say_of_each(entry, is & ~was, NOTICE_PARKED, LOG_WARN, "parked: an operator must look");
    if (event == TXN_EVENT_RESUMED)
        say_of_each(entry, was & ~is, NOTICE_RESUMED, LOG_INFO, "resumed: it is tried again");
}

/* Who, and why: his word as it stands in the journal. */
static void notice_words(struct entry *entry, const struct metrics_mark *before)
{
    const struct txn *txn = &entry->txn;
    uint64_t resolved = txn->worded & ~before->worded;
    uint64_t forgotten = txn->forgotten & ~before->forgotten;
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &entry->branches[i];
        if ((resolved >> i & 1u) != 0)
            say(entry, NOTICE_RESOLVED, LOG_WARN, "resolved by an operator", branch,
                branch->resolved);
        if ((forgotten >> i & 1u) != 0)
            say(entry, NOTICE_RESOLVED, LOG_WARN, "forgotten by an operator: it is not asked again",
                branch, branch->forgotten);
    }
}

void notice_step(struct entry *entry, const struct metrics_mark *before, enum txn_event_kind event)
{
    const struct txn *txn = &entry->txn;
    notice_parked(entry, before, event);
    notice_words(entry, before);
    if (metrics_fell_back(txn, before)) {
        const struct txn_branch *branch = branch_of(entry, txn->fallback_branch);
        say(entry, NOTICE_FELL_BACK, LOG_WARN, "fell back from two-phase commit to a saga", branch,
            txn->fallback_reason);
    }
    if (before->outcome != TXN_OUTCOME_MIXED && txn->outcome == TXN_OUTCOME_MIXED) {
        const struct txn_branch *branch = branch_of(entry, txn->cause_branch);
        say(entry, NOTICE_MIXED, LOG_ERROR, "mixed: a participant ended otherwise than decided",
            branch, branch != NULL ? branch->reason : (struct troth_span){NULL, 0});
    }
}

/* 3, 10, 30, 100, …, and from 1000 on every thousandth: what goes on for days is not forgotten. */
static bool is_nth(uint32_t tries)
{
    for (uint32_t n = 3; n <= 1000; n = n % 3 == 0 ? n / 3 * 10 : n * 3)
        if (tries == n)
            return true;
    return tries > 0 && tries % 1000 == 0;
}

void notice_try(struct entry *entry, const struct txn_branch *branch, const struct result *result)
{
    bool done = result->result == RESULT_DONE || result->result == RESULT_VOTE;
    if (done && result->said == TROUBLE_NOT_UNDERSTOOD) {
        say(entry, NOTICE_TRY, LOG_WARN, "an answer's body is no output: it counts as none", branch,
            result->reason);
    }
    bool waits = branch->retry_at.us != 0;
    if (waits && is_nth(branch->tries)) {
        say(entry, NOTICE_TRY, LOG_WARN, "a command is tried again and again", branch,
            result->reason.data != NULL ? result->reason : branch->reason);
    }
}

void notice_participant(struct driver *driver, const char *name, bool is_up, const char *why)
{
    char left[12];
    const char *left_out;
    if (may_say(driver, NOTICE_PARTICIPANT, left, &left_out)) {
        log_line(is_up ? LOG_INFO : LOG_WARN, is_up ? "participant is up" : "participant is down",
                 "participant", name, "reason", why, "left_out", left_out, NULL);
    }
}

void notice_refused(struct driver *driver, const char *why)
{
    char left[12];
    const char *left_out;
    if (may_say(driver, NOTICE_REFUSED, left, &left_out)) {
        log_line(LOG_WARN, "what would begin is refused", "reason", why, "left_out", left_out,
                 NULL);
    }
}
