/* seats.c: whose seat a transaction takes, what is said where none is free, and what people see of
 * it. The rule is admission.h's. */
#include "seats.h"

#include <string.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <base/json.h>

#include "admission.h"
#include "definitions.h"
#include "entry.h"
#include "owners.h"
#include "participants.h"
#include "state.h"

#define PARTICIPANTS_NAMED_MAX 3u /* in a refusal */

static const char *const kinds[SEAT_KINDS] = {[SEAT_SHARED] = "shared",
                                              [SEAT_DEFINITION] = "definitions",
                                              [SEAT_PARTICIPANT] = "participants",
                                              [SEAT_CALLER] = "callers"};

const char *seats_kind_name(enum seat_kind kind)
{
    return kinds[kind];
}

/* --- taking and leaving one ------------------------------------------------------------------ */

/* An earlier step is at the same participant. */
static bool needs_before(const struct entry *entry, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (entry->extra[i].participant == entry->extra[index].participant) {
            return true;
        }
    }
    return false;
}

static void fill(struct entry *entry)
{
    struct driver *driver = entry->driver;
    struct seat *seat = &entry->seat;
    seat->definition =
        entry->definition != NULL ? &entry->definition->family->share : &driver->interactive;
    seat->caller = entry->caller != NULL ? &entry->caller->share : NULL;
    for (uint32_t i = 0; entry->definition != NULL && i < entry->branches_cap; i++) {
        struct participant *participant = entry->extra[i].participant;
        if (participant != NULL && !needs_before(entry, i)) {
            seat->participants[seat->participants_count++] = &participant->share;
        }
    }
}

static void enter(struct entry *entry)
{
    admission_enter(&entry->driver->admission, &entry->seat);
    entry->seat.definition->open++;
    if (entry->seat.caller != NULL) {
        entry->seat.caller->open++;
    }
}

static void append_share(struct buffer *text, const struct admission *admission,
                         enum seat_kind kind, const struct share *share, uint32_t open)
{
    buffer_append_format(text, " %u of %u (%u open)", share->seats, admission_own(admission, kind),
                         open);
}

/* Every participant of it that has none of its own left: who of them is the cause is not told. */
static void refuse_at(struct entry *entry, struct buffer *ret_who)
{
    const struct admission *admission = &entry->driver->admission;
    uint32_t own = admission_own(admission, SEAT_PARTICIPANT), named = 0;
    for (uint32_t i = 0; entry->definition != NULL && i < entry->branches_cap; i++) {
        struct participant *participant = entry->extra[i].participant;
        if (participant == NULL || participant->share.seats < own || needs_before(entry, i)) {
            continue;
        }
        participant->share.refused++;
        if (named++ < PARTICIPANTS_NAMED_MAX) {
            buffer_append_format(ret_who, ", participant \"%s\"", participant->name);
            append_share(ret_who, admission, SEAT_PARTICIPANT, &participant->share,
                         participant->share.open - 1); /* the one that is refused needs it, too */
        }
    }
}

/* Counts whom it is for, and names them: each has used up its own. */
static void refuse_for(struct entry *entry, struct buffer *ret_who)
{
    const struct admission *admission = &entry->driver->admission;
    entry->seat.definition->refused++;
    if (entry->definition != NULL) {
        buffer_append_format(ret_who, "definition \"%s\"", entry->definition->family->name);
    } else {
        buffer_append_text(ret_who, "interactive transactions");
    }
    append_share(ret_who, admission, SEAT_DEFINITION, entry->seat.definition,
                 entry->seat.definition->open);
    refuse_at(entry, ret_who);
    if (entry->caller != NULL) {
        entry->caller->share.refused++;
        buffer_append_format(ret_who, ", caller %s", entry->caller->name);
        append_share(ret_who, admission, SEAT_CALLER, &entry->caller->share,
                     entry->caller->share.open);
    }
}

bool seats_admit(struct entry *entry, struct api_problem *problem)
{
    const struct admission *admission = &entry->driver->admission;
    BUFFER_SCOPED struct buffer who = {0};
    fill(entry);
    if (admission_look(admission, &entry->seat) != SEAT_NONE) {
        enter(entry);
        return true;
    }
    refuse_for(entry, &who);
    api_refuse_seats(problem, admission->used[SEAT_NONE], admission->seats[SEAT_NONE],
                     admission->seats[SEAT_SHARED], buffer_text(&who));
    return false;
}

void seats_take(struct entry *entry)
{
    if (entry->seat.kind == SEAT_NONE) {
        fill(entry);
        enter(entry);
    }
}

void seats_leave(struct entry *entry)
{
    if (entry->seat.kind == SEAT_NONE) {
        return;
    }
    admission_leave(&entry->driver->admission, &entry->seat);
    entry->seat.definition->open--;
    if (entry->seat.caller != NULL) {
        entry->seat.caller->open--;
    }
}

/* --- what is seen of it ---------------------------------------------------------------------- */

void seats_append(const struct driver *driver, enum seat_kind kind, const struct share *share,
                  struct buffer *ret_members)
{
    buffer_append_format(ret_members, "\"seats\":{\"own\":%u,\"own_used\":%u,\"refused\":%llu}",
                         admission_own(&driver->admission, kind), share->seats,
                         (unsigned long long)share->refused);
}

void seats_append_all(const struct driver *driver, struct buffer *ret_members)
{
    const struct admission *admission = &driver->admission;
    const struct owner *busiest = owners_busiest(&driver->callers);
    buffer_append_text(ret_members, "\"seats\":{");
    for (enum seat_kind kind = SEAT_SHARED; kind < SEAT_KINDS; kind++) {
        buffer_append_format(ret_members, "\"%s\":%u,\"%s_used\":%u,", kinds[kind],
                             admission->seats[kind], kinds[kind], admission->used[kind]);
    }
    buffer_append_text(ret_members, "\"busiest_caller\":");
    if (busiest == NULL) {
        buffer_append_text(ret_members, "null}");
        return;
    }
    buffer_append_text(ret_members, "{\"address\":");
    json_append_text(ret_members, busiest->name);
    buffer_append_format(ret_members, ",\"open_transactions\":%u,", busiest->share.open);
    seats_append(driver, SEAT_CALLER, &busiest->share, ret_members);
    buffer_append_text(ret_members, "}}");
}
