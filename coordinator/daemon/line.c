/* line.c: how long a new transaction would wait for what others want, too.
 *
 * When more comes than participants can prepare, whoever is let in waits ever longer, until what
 * waits has no time left when its turn comes: it aborts, and the work for it was in vain. So nobody
 * new is let in who would wait for longer than line_wait_max: who is let in waits about as long at
 * most, and the others learn at once that they have to come again. What falls back to a saga when
 * its prepares are late needs no such help, and a saga asks for no slot. */
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

bool line_takes(const struct entry *entry, struct api_problem *problem)
{
    const struct driver *driver = entry->driver;
    const struct definition_slot *slot = entry->definition;
    uint64_t most_us = driver->config->line_wait_max_us;
    if (most_us == 0 || slot == NULL || steps_mode(slot->definition) != TXN_MODE_2PC)
        return true;
    uint64_t now_us = driver_now().mono.us, wait_us = gate_wait_us(slot);
    if (wait_us > most_us) {
        api_refuse_line(problem, NULL, slot->definition->name, wait_us, most_us);
        return false;
    }
    for (uint32_t i = 0; i < entry->branches_cap; i++) {
        const struct participant *participant = entry->extra[i].participant;
        if (participant == NULL)
            continue;
        wait_us = slots_wait_us(driver->slots, channel_pool(participant->channel), now_us);
        if (wait_us > most_us) {
            api_refuse_line(problem, participant->name, slot->definition->name, wait_us, most_us);
            return false;
        }
    }
    return true;
}
