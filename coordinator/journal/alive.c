/* Whether this node can write: judged by the writes that succeed, not by what is connected. A
 * connection that never answers, a disk that is full, a standby that is waited for: each looks well
 * from outside. A node that cannot write does not renew its lease and is not ready, so that
 * another one may try. */
#include "alive.h"

#include <base/now.h>

#include "ticks.h"

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
