/* While nothing else is written, a row of no consequence is: trouble with writing is noticed before
 * the next request's. */
#include "beat.h"

#include <base/crash.h>
#include <journal_sql.h>

#include "lane.h"
#include "ticks.h"

#define BEAT_NAME "beat"

void beat_prepare(struct journal *journal)
{
    if (!journal->lane.link.broken)
        link_prepare(&journal->lane.link, BEAT_NAME, journal_sql_beat, NULL, NULL);
}

/* As often as the lease is renewed, and so that it is late by one timeout at most. */
static bool beat_is_due(const struct journal *journal)
{
    uint64_t third = journal->lease_us / 3, every = journal->write_timeout_us;
    every = third < every ? third : every;
    return clock_mono_us() - journal->wrote_us >= every;
}

void beat_send(struct journal *journal)
{
    struct lane *lane = &journal->lane;
    if (journal->step != STEP_READY || lane->flying || lane->flight != NULL ||
        lane->link.state != LINK_UP || lane->link.broken || !beat_is_due(journal))
        return;
    lane_begin(journal);
    params_clear(&lane->params);
    params_string(&lane->params, journal->node);
    CRASH_POINT("journal.beat");
    lane_send_statement(journal, BEAT_NAME, lane_on_result);
    lane_end(journal);
}
