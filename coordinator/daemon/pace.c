/* pace.c: how fast a line of waiters moves. See pace.h. */
#include "pace.h"

#include <assert.h>
#include <stdbool.h>

void pace_begin(struct pace *pace, struct mono now)
{
    pace->at = now;
}

/* Several at one time are as many with nothing between them. */
void pace_turn(struct pace *pace, struct mono now)
{
    assert(now.us >= pace->at.us);
    pace->each_64 = pace->each_64 - pace->each_64 / 64 + (now.us - pace->at.us);
    pace->at = now;
}

uint64_t pace_wait_us(const struct pace *pace, uint32_t before, uint64_t first_us)
{
    if (before == 0)
        return 0;
    uint64_t moving_us = before * pace->each_64 / 64;
    return moving_us > first_us ? moving_us : first_us;
}

void late_note(struct late *late, uint64_t took_us, uint64_t most_us, struct mono now)
{
    if (took_us <= most_us) {
        late->since.us = 0;
        return;
    }
    if (late->since.us == 0 || now.us > late->at.us + took_us + most_us)
        late->since = now;
    late->at = now;
    late->took_us = took_us;
}

uint64_t late_us(const struct late *late, uint64_t most_us, struct mono now)
{
    bool stays = late->since.us != 0 && late->at.us >= late->since.us + most_us;
    return stays && now.us <= late->at.us + most_us ? late->took_us : 0;
}
