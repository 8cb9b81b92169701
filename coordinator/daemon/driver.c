/* driver.c: the step: the one way into the core, for a participant's answer, for a time that has
 * come, and for whoever else makes an event. */
#include "driver.h"

#include <assert.h>
#include <string.h>

#include <api/refusal.h>
#include <net/channel.h>
#include <net/slots.h>
#include <txn/txn.h>

#include "burial.h"
#include "clock.h"
#include "counting.h"
#include "effects.h"
#include "entry.h"
#include "log.h"
#include "notice.h"
#include "order.h"
#include "participants.h"
#include "room.h"
#include "state.h"
#include "table.h"
#include "waiting.h"
#include "watch.h"

static void log_step(const struct entry *entry, const struct txn_event *event, const char *from)
{
    if (!log_wants(LOG_DEBUG))
        return;
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&entry->origin.gtid, gtid);
    log_line(LOG_DEBUG, "step", "txn", gtid, "event", txn_event_kind_name(event->kind), "from",
             from, "to", txn_shown_name(&entry->txn), NULL);
}

/* The one way into the core. The entry may be gone by the end of the turn, never before. */
void driver_step(struct driver *driver, struct entry *entry, const struct txn_event *event)
{
    assert(!entry->dead && !entry->unloaded);
    struct metrics_mark before = metrics_mark(&entry->txn);
    const char *from = txn_shown_name(&entry->txn);
    entry_make_history(entry);
    txn_step(&entry->txn, event, driver_now(), driver->effects);
    metrics_count(&driver->metrics, &entry->txn, &before, event->kind);
    order_step(entry, &before);
    log_step(entry, event, from);
    notice_step(entry, &before, event->kind);
    effects_handle(driver, entry);
    watch_step(entry);
    answer_stuck(entry);
    room_count(entry);
    if (entry->ended)
        answer_all(entry, NULL); /* whoever is not told yet: there is nothing more to wait for */
    if (entry->ended && entry->writes == 0)
        entry_bury(driver, entry);
    else
        entry_arm(entry);
}

static bool is_down(const struct entry_branch *extra)
{
    return extra->participant != NULL &&
           channel_pool(extra->participant->channel)->breaker == BREAKER_OPEN;
}

/* With its vote a branch leaves its slot to the next: only its place is needed on. */
static void end_phase1(struct entry *entry, uint32_t index)
{
    struct entry_branch *extra = &entry->extra[index];
    if (extra->has_slot && entry->branches[index].state == TXN_BRANCH_PREPARED) {
        slots_end_phase1(extra->place_at, driver_now().mono.us);
        extra->has_slot = false;
    }
}

/* A participant's answer. Its spans end with this call: what the core may keep is copied first. */
void driver_on_result(void *arg, const struct result *result, bool sent)
{
    struct driver *driver = arg;
    struct entry *entry = entry_find(driver, &result->gtid);
    int64_t index = entry == NULL ? -1 : entry_branch_index(entry, result->branch);
    if (index < 0 || entry->unloaded)
        return; /* ended, or not driven here: a late answer changes nothing */
    struct result kept = *result;
    bool failed = false;
    order_result(entry, (uint32_t)index, result);
    effects_answered(entry, (uint32_t)index, result);
    struct txn_branch *branch = &entry->branches[index];
    struct troth_span copy = {NULL, 0};
    if (result->output.data != NULL && branch->output.data != NULL) {
        kept.output = branch->output; /* the guard answers what it stored: the first stands */
    } else {
        failed = !room_output_copy(result->output, &copy);
        kept.output = copy;
    }
    kept.reason = entry_keep_reason(entry, (uint32_t)index, result->reason);
    if (failed)
        kept.result = RESULT_UNKNOWN; /* no memory for the answer: it is asked for again */
    struct txn_event event = {.kind = TXN_EVENT_RESULT,
                              .of.result = &kept,
                              .unsent = !sent,
                              .down = is_down(&entry->extra[index])};
    driver_step(driver, entry, &event);
    room_output_settle(entry, (uint32_t)index, copy);
    end_phase1(entry, (uint32_t)index);
    notice_try(entry, branch, &kept);
}

/* The core's time has come, or a client's. */
void driver_on_timer(struct entry *entry)
{
    struct txn_now now = driver_now();
    if (!answer_overdue(entry, now.mono)) { /* its key was never looked up: it never begins */
        answer_stopped(entry, API_WHY_JOURNAL_SILENT);
        entry_bury(entry->driver, entry);
        return;
    }
    struct mono wake = txn_wake_at(&entry->txn);
    if (!entry->looking_up && !entry->unloaded && wake.us != 0 && wake.us <= now.mono.us) {
        struct txn_event event = {.kind = TXN_EVENT_TIMER};
        driver_step(entry->driver, entry, &event);
        return;
    }
    entry_arm(entry);
}
