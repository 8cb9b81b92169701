/* room.c: how much memory open transactions take, and whether one more finds room.
 *
 * What is under way never fails for want of room: its outputs and commands are counted when they
 * come, and only whoever would begin anew is refused. */
#include "room.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>

#include "config.h"
#include "entry.h"
#include "state.h"

static size_t bytes_of(const struct entry *entry)
{
    return entry->own_bytes + entry->arena.bytes + entry->outputs_bytes +
           entry->recovered_texts.cap;
}

void room_count(struct entry *entry)
{
    size_t now = bytes_of(entry);
    entry->driver->open_bytes += now;
    entry->driver->open_bytes -= entry->counted;
    entry->counted = now;
}

void room_leave(struct entry *entry)
{
    assert(entry->driver->open_bytes >= entry->counted);
    entry->driver->open_bytes -= entry->counted;
    entry->counted = 0;
}

uint64_t room_taken(const struct driver *driver)
{
    return driver->open_bytes + driver->command_bytes;
}

bool room_takes(const struct driver *driver, size_t payload, struct api_problem *problem)
{
    uint64_t taken = room_taken(driver), most = driver->config->open_bytes_max;
    if (taken < most && payload <= most - taken)
        return true;
    api_refuse_bytes(problem, taken, payload, most);
    return false;
}

bool room_output_copy(struct troth_span output, struct troth_span *ret_copy)
{
    *ret_copy = (struct troth_span){NULL, 0};
    if (output.data == NULL)
        return true;
    char *copy = malloc(output.len > 0 ? output.len : 1);
    if (copy == NULL)
        return false;
    memcpy(copy, output.data, output.len);
    *ret_copy = (struct troth_span){copy, output.len};
    return true;
}

/* An answer that is no result (not now, a refusal) may bring an output, too, and come again and
 * again: only what the core has taken stays. */
void room_output_settle(struct entry *entry, uint32_t index, struct troth_span copy)
{
    struct entry_branch *extra = &entry->extra[index];
    struct troth_span now = entry->branches[index].output;
    if (copy.data == NULL)
        return;
    if (now.data != copy.data) {
        free((void *)(uintptr_t)copy.data);
        return;
    }
    free(extra->output); /* of an attempt that never was: the core has let it go */
    entry->outputs_bytes += copy.len - extra->output_len;
    extra->output = (char *)(uintptr_t)copy.data;
    extra->output_len = copy.len;
    room_count(entry);
}
