/* Whether this node can write: judged by the writes that succeed, not by what is connected. A
 * connection that never answers, a disk that is full, a standby that is waited for: each looks well
 * from outside. A node that can not write does not renew its lease and is not ready, so that
 * another one may try.
 *
 * While nothing else is written, a row of no consequence is, now and then: its trouble is noticed
 * before the next request's. */

#include "inner.h"
#include "session.h"

#include <base/now.h>

#define BEAT_NAME "beat"
static const char beat_sql[] =
    "insert into troth.node (node) values ($1) on conflict (node) do update set seen_at = "
    "clock_timestamp()";

void alive_wrote(struct journal *journal)
{
    journal->wrote_us = clock_mono_us();
    journal->stats.wrote_at = wall_now();
    journal->waiting_us = 0;
    journal->hindrance[0] = '\0';
    journal->lane.link.silences = 0;
}

void alive_waits(struct journal *journal)
{
    if (journal->waiting_us == 0)
        journal->waiting_us = clock_mono_us();
}

bool alive_can_write(const struct journal *journal)
{
    return journal->waiting_us == 0 ||
           clock_mono_us() - journal->waiting_us < journal->write_timeout_us;
}

void alive_prepare(struct journal *journal)
{
    if (!journal->lane.link.broken)
        link_prepare(&journal->lane.link, BEAT_NAME, beat_sql, NULL, NULL);
}

/* As often as the lease is renewed, and so that it is late by one timeout at most. */
static bool beat_is_due(const struct journal *journal)
{
    uint64_t third = journal->lease_us / 3, every = journal->write_timeout_us;

    every = third < every ? third : every;
    return clock_mono_us() - journal->wrote_us >= every;
}

void alive_beat(struct journal *journal)
{
    struct lane *lane = &journal->lane;

    if (journal->step != STEP_READY || lane->flying || lane->flight != NULL ||
        lane->link.state != LINK_UP || lane->link.broken || !beat_is_due(journal))
        return;
    lane_begin(journal);
    params_clear(&lane->params);
    params_string(&lane->params, journal->node);
    lane_send_statement(journal, BEAT_NAME, lane_on_result);
    lane_end(journal);
}
