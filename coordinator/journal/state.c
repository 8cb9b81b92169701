/* Where the journal stands, and what is said of it. Below all that acts. */
#include "state.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ticks.h"

void state_set(struct journal *journal, enum journal_state state, const char *why)
{
    bool same =
        journal->state == state && (state == JOURNAL_LEADING || strcmp(journal->why, why) == 0);
    if (same || journal->state == JOURNAL_FENCED)
        return;
    journal->state = state;
    snprintf(journal->why, sizeof journal->why, "%s", why);
    journal->callbacks.state(journal->arg, state, why);
}

void state_step(struct journal *journal, enum step step)
{
    static const uint32_t next[STEP_COUNT] = {
        [STEP_DOWN] = 1u << STEP_HELLO,
        [STEP_HELLO] = 1u << STEP_PROVE,
        [STEP_PROVE] = 1u << STEP_READY,
    };
    assert(step == STEP_STOPPED || step == STEP_DOWN || (next[journal->step] >> step & 1) != 0);
    assert(journal->step != STEP_STOPPED);
    journal->step = step;
}

static bool writes(const struct journal *journal)
{
    return journal->step == STEP_READY && state_lease_sure(journal) && state_can_write(journal) &&
           (journal->lane.flight == NULL || journal->lane.flight->tries < 3);
}

static bool leads_any(const struct journal *journal)
{
    for (uint32_t i = 0; journal->held != NULL && i < journal->shards; i++)
        if (journal->held[i].state == JOURNAL_SHARD_LED ||
            journal->held[i].state == JOURNAL_SHARD_LEAVING)
            return true;
    return false;
}

/* Whether somebody else leads all is known when it was looked, and there was nothing to take: not
 * while an earlier process of this node, whose shards this one is to have, seems to live. */
static void tell_writing(struct journal *journal, const char *why)
{
    if (leads_any(journal))
        state_set(journal, JOURNAL_LEADING, why);
    else if (journal->state == JOURNAL_LEADING || journal->picture.spare)
        state_set(journal, JOURNAL_WAITING, "other nodes lead all shards");
    else if (journal->twin_until != 0)
        state_set(journal, JOURNAL_CONNECTING, "an earlier trothd of this node seems to live");
}

void state_update(struct journal *journal, const char *why)
{
    if (journal->step != STEP_READY)
        return;
    if (writes(journal))
        tell_writing(journal, why);
    else
        state_set(journal, JOURNAL_CONNECTING, why);
}

void state_recover(struct journal *journal, const char *why)
{
    if (writes(journal))
        tell_writing(journal, why);
}

void state_stop(struct journal *journal, const char *why)
{
    if (journal->step == STEP_STOPPED)
        return;
    state_step(journal, STEP_STOPPED);
    journal->stopped(journal);
    state_set(journal, JOURNAL_FENCED, why);
}

void state_report(struct journal *journal, const troth_gtid *gtid, enum txn_record_kind kind,
                  uint32_t attempt, const char *why)
{
    char text[TROTH_GTID_TEXT_LEN + 1], line[400];
    if (journal->callbacks.refused != NULL) {
        journal->callbacks.refused(journal->arg, gtid, kind, attempt, why);
        return;
    }
    troth_gtid_format(gtid, text);
    snprintf(line, sizeof line, "txn=%s attempt=%u refused: %s", text, attempt, why);
    journal->callbacks.state(journal->arg, journal->state, line);
}

bool state_lease_sure(const struct journal *journal)
{
    uint64_t now = clock_mono_us() + journal->lease_us / 10;
    for (uint32_t i = 0; journal->held != NULL && i < journal->shards; i++)
        if (journal->held[i].state != JOURNAL_SHARD_FOREIGN &&
            now >= journal->held[i].lease_until_us)
            return false;
    return true;
}

bool state_can_write(const struct journal *journal)
{
    return journal->waiting_us == 0 ||
           clock_mono_us() - journal->waiting_us < journal->write_timeout_us;
}

void state_session_name(const struct journal *journal, const char *kind, char *ret_name,
                        size_t size)
{
    char owner[2 * sizeof journal->owner + 1];
    for (size_t i = 0; i < sizeof journal->owner; i++)
        (void)snprintf(owner + 2 * i, 3, "%02x", journal->owner[i]);
    (void)snprintf(ret_name, size, "troth:%s:%s:%s", journal->id, kind, owner);
}

void state_hurry_keeper(struct journal *journal)
{
    journal->picture.announced_us = 0;
    event_active(journal->keeper_timer, EV_TIMEOUT, 0);
}

void state_wake_lane(struct journal *journal)
{
    event_active(journal->lane.wakeup, EV_TIMEOUT, 0);
}

void state_start_beside_lane(struct journal *journal, struct link *link)
{
    if (journal->lane.link.state == LINK_UP)
        link->host = journal->lane.link.host;
    link_start(link);
}
