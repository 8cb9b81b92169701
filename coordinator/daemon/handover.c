/* handover.c: the life of each shard in this node.
 *
 *   AWAY -> LOADING -> LOADED -> OPEN -> CLOSING -> AWAY        and from anywhere AWAY: it is lost
 *
 * CLOSING: nothing new is accepted for it. What prepares or decides may end, for a moment; then
 * each transaction leaves (TXN_EVENT_LEAVES): what only this memory knows of it is written, so that
 * the next leader goes on with it, and none is aborted for it [HANDOVER]. When all of that is
 * durable the shard is given. Its clients are told what is durable, or that it is not known here
 * any more: who asks again under the same key is passed on to the next leader. */
#include "handover.h"

#include <stdio.h>

#include <api/refusal.h>
#include <event2/event.h>
#include <http/loop.h>
#include <net/channel.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "burial.h"
#include "clock.h"
#include "driver.h"
#include "entry.h"
#include "log.h"
#include "participants.h"
#include "state.h"
#include "waiting.h"

/* So long what prepares may end, before it is left to the next leader as a new attempt; and events
 * that are with Kafka may be confirmed. */
#define LEAVE_WAIT_US UINT64_C(1000000)

/* Of what somebody else leads this memory knows only what was durable before. */
void handover_drop(struct driver *driver, struct entry *entry, bool fenced)
{
    struct txn_event event = {.kind = TXN_EVENT_FENCED};
    enum api_why why = API_WHY_STOPS;
    if (fenced && !entry->looking_up)
        txn_step(&entry->txn, &event, driver_now(), driver->effects);
    if (fenced)
        why = API_WHY_OTHER_LEADS;
    else if (!driver->finishing)
        why = API_WHY_SHARD_MOVES;
    answer_stopped(entry, why);
    entry_bury(driver, entry);
}

static bool is_of_shard(void *arg, const troth_gtid *gtid)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    return parts.shard == *(const uint32_t *)arg;
}

/* Nothing of it leaves any more: what waits for a connection, and what waits for Kafka. */
static void forget(struct driver *driver, uint32_t shard)
{
    for (uint32_t i = 0; i < driver->participants_count; i++)
        channel_forget(driver->participants[i]->channel, is_of_shard, &shard);
    if (driver->outbox != NULL)
        (void)outbox_forget(driver->outbox, is_of_shard, &shard);
}

static void away(struct driver *driver, uint32_t shard, bool fenced)
{
    while (driver->shards[shard].oldest != NULL)
        handover_drop(driver, driver->shards[shard].oldest, fenced);
    forget(driver, shard);
    driver->shards[shard] = (struct shard){.life = SHARD_AWAY};
}

static void log_shard(const struct driver *driver, uint32_t shard, const char *what,
                      const char *why)
{
    char number[16], epoch[16];
    (void)snprintf(number, sizeof number, "%u", shard);
    (void)snprintf(epoch, sizeof epoch, "%u", journal_epoch(driver->journal, shard));
    log_line(LOG_INFO, what, "shard", number, "epoch", epoch, "reason", why, NULL);
}

void handover_shard(void *arg, uint32_t number, enum journal_shard_state state, const char *why)
{
    struct driver *driver = arg;
    struct shard *shard = &driver->shards[number];
    bool given = shard->given;
    driver->shards_count = journal_shards(driver->journal);
    switch (state) {
    case JOURNAL_SHARD_FOREIGN:
        log_shard(driver, number, given ? "shard handed over" : "shard lost", why);
        away(driver, number, !given);
        if (!given)
            http_loop_recall(driver->http); /* commands that were held, or are still connecting */
        break;
    case JOURNAL_SHARD_TAKING:
        *shard = (struct shard){.life = SHARD_LOADING, .round = driver->registry_round};
        log_shard(driver, number, "shard taken", why);
        break;
    case JOURNAL_SHARD_LED:
        shard->life = SHARD_LOADED;
        break;
    case JOURNAL_SHARD_LEAVING:
        shard->life = SHARD_CLOSING;
        shard->leave_by.us = driver_now().mono.us + LEAVE_WAIT_US;
        log_shard(driver, number, "shard is handed over", why);
        break;
    }
}

/* --- closing ---------------------------------------------------------------------------------- */

static bool is_driven(const struct entry *entry)
{
    return !entry->looking_up && !entry->unloaded && !entry->dead;
}

static bool all_leave_well(const struct shard *shard)
{
    for (const struct entry *entry = shard->oldest; entry != NULL; entry = entry->newer)
        if (is_driven(entry) && !txn_leaves_well(&entry->txn))
            return false;
    return true;
}

/* What has not begun, or is only shown, is in nobody's way. */
static bool have_all_left(const struct shard *shard)
{
    for (const struct entry *entry = shard->oldest; entry != NULL; entry = entry->newer)
        if (is_driven(entry) && (entry->txn.state != TXN_LEAVING || entry->writes > 0))
            return false;
    return true;
}

static void say_leaves(struct driver *driver, struct shard *shard)
{
    struct txn_event leaves = {.kind = TXN_EVENT_LEAVES};
    struct entry *entry = shard->oldest;
    shard->left = true;
    while (entry != NULL) {
        struct entry *newer = entry->newer; /* the step may bury it */
        if (is_driven(entry))
            driver_step(driver, entry, &leaves);
        entry = newer;
    }
}

static void close_on(struct driver *driver, uint32_t number, uint64_t now_us)
{
    struct shard *shard = &driver->shards[number];
    bool late = now_us >= shard->leave_by.us;
    if (!shard->left && (late || all_leave_well(shard)))
        say_leaves(driver, shard);
    if (!shard->left || shard->given || !have_all_left(shard))
        return;
    while (shard->oldest != NULL)
        handover_drop(driver, shard->oldest, false);
    bool quiet = driver->outbox == NULL || outbox_forget(driver->outbox, is_of_shard, &number);
    if (!quiet && !late)
        return;
    shard->given = true;
    journal_give(driver->journal, number);
}

void handover_turn(struct driver *driver)
{
    uint64_t now_us = driver_now().mono.us;
    bool closing = false;
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        if (driver->shards[shard].life != SHARD_CLOSING)
            continue;
        close_on(driver, shard, now_us);
        closing = closing || !driver->shards[shard].given;
    }
    static const struct timeval soon = {.tv_usec = 20000};
    if (closing)
        (void)evtimer_add(driver->close_again, &soon); /* else the next event's turn does */
}
