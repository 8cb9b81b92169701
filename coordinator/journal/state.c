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
        [STEP_HELLO] = 1u << STEP_LEASE | 1u << STEP_RECLAIM,
        [STEP_LEASE] = 1u << STEP_WAIT | 1u << STEP_RAISE,
        [STEP_WAIT] = 1u << STEP_LEASE,
        [STEP_RAISE] = 1u << STEP_LOAD | 1u << STEP_LEASE,
        [STEP_RECLAIM] = 1u << STEP_LOAD,
        [STEP_LOAD] = 1u << STEP_PROVE,
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

void state_update(struct journal *journal, const char *why)
{
    if (journal->step == STEP_READY)
        state_set(journal, writes(journal) ? JOURNAL_LEADING : JOURNAL_CONNECTING, why);
}

void state_recover(struct journal *journal, const char *why)
{
    if (writes(journal))
        state_set(journal, JOURNAL_LEADING, why);
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
    return clock_mono_us() + journal->lease_us / 10 < journal->lease_until_us;
}

bool state_can_write(const struct journal *journal)
{
    return journal->waiting_us == 0 ||
           clock_mono_us() - journal->waiting_us < journal->write_timeout_us;
}

void state_wake_lane(struct journal *journal)
{
    event_active(journal->lane.wakeup, EV_TIMEOUT, 0);
}

uint32_t journal_epoch(const struct journal *journal, uint32_t shard)
{
    return journal->epochs == NULL || shard >= journal->shards ? 0 : journal->epochs[shard];
}
