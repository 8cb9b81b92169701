/* line.c: how long a new transaction would wait for what others want, too.
 *
 * When more comes than participants can prepare, whoever is let in waits ever longer, until what
 * waits has no time left when its turn comes: it aborts, and the work for it was in vain. So nobody
 * new is let in who would wait for longer than line_wait_max for slots: who is let in waits about
 * as long at most, and the others learn at once that they have to come again.
 *
 * Those of a definition that go in order wait at its gate in one line, whose pace is measured. It
 * moves at the rows' own speed, so that coming again later gains nobody anything: who waits there
 * keeps its turn, and only whose turn would not come within its time to prepare is refused.
 *
 * A saga asks for no slot, and waits where everybody does: for the journal, whose records are
 * waited for. When these have taken longer than line_wait_max for as long as that, nobody new is
 * let in, whatever its mode.
 *
 * What falls back to a saga when its prepares are late needs no such help. */
#include "line.h"

#include <api/refusal.h>
#include <net/channel.h>
#include <net/slots.h>

#include "clock.h"
#include "config.h"
#include "definitions.h"
#include "entry.h"
#include "gate.h"
#include "participants.h"
#include "state.h"
#include "steps.h"

/* A quarter of its time is left for what the measure of the pace has missed. */
#define TURN_PARTS    4u
#define TURN_PARTS_IN 3u

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When it ends, if its turn has not come by then; counted from now. */
static uint64_t end_us(const struct entry *entry, uint64_t timeout_us)
{
    const struct definition *definition = entry->definition->definition;
    uint64_t end = least(definition->timeout_us, definition->prepare_timeout_us);
    end = least(end, entry->driver->config->prepare_timeout_max_us);
    return timeout_us != 0 ? least(end, timeout_us) : end;
}

static bool turn_comes(const struct entry *entry, uint64_t timeout_us, struct api_problem *problem)
{
    uint64_t wait_us = gate_wait_us(entry->definition, driver_now().mono);
    uint64_t end = end_us(entry, timeout_us);
    if (wait_us <= end / TURN_PARTS * TURN_PARTS_IN)
        return true;
    api_refuse_turn(problem, entry->definition->definition->name, wait_us, end);
    return false;
}

static bool slots_come(const struct entry *entry, uint64_t most_us, struct api_problem *problem)
{
    uint64_t now_us = driver_now().mono.us;
    for (uint32_t i = 0; i < entry->branches_cap; i++) {
        const struct participant *participant = entry->extra[i].participant;
        if (participant == NULL)
            continue;
        uint64_t wait_us =
            slots_wait_us(entry->driver->slots, channel_pool(participant->channel), now_us);
        if (wait_us > most_us) {
            api_refuse_line(problem, participant->name, wait_us, most_us);
            return false;
        }
    }
    return true;
}

static bool journal_comes(const struct driver *driver, uint64_t most_us,
                          struct api_problem *problem)
{
    uint64_t wait_us = late_us(&driver->journal_late, most_us, driver_now().mono);
    if (wait_us != 0)
        api_refuse_slow(problem, wait_us, most_us);
    return wait_us == 0;
}

void line_written(struct entry *entry)
{
    struct driver *driver = entry->driver;
    struct mono now = driver_now().mono;
    if (entry->forced_at.us == 0)
        return;
    late_note(&driver->journal_late, now.us - entry->forced_at.us, driver->config->line_wait_max_us,
              now);
    entry->forced_at.us = 0;
}

bool line_takes(const struct entry *entry, uint64_t timeout_us, struct api_problem *problem)
{
    const struct definition_slot *slot = entry->definition;
    uint64_t most_us = entry->driver->config->line_wait_max_us;
    if (most_us == 0 || slot == NULL)
        return true;
    if (!journal_comes(entry->driver, most_us, problem))
        return false;
    if (steps_mode(slot->definition) != TXN_MODE_2PC)
        return true;
    return turn_comes(entry, timeout_us, problem) && slots_come(entry, most_us, problem);
}
