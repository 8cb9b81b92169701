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
    for (uint32_t i = 0; i < index; i++)
        if (entry->extra[i].participant == entry->extra[index].participant)
            return true;
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
        if (participant != NULL && !needs_before(entry, i))
            seat->participants[seat->participants_count++] = &participant->share;
    }
}

static void enter(struct entry *entry)
{
    admission_enter(&entry->driver->admission, &entry->seat);
    entry->seat.definition->open++;
    if (entry->seat.caller != NULL)
        entry->seat.caller->open++;
}

/* Whom a refusal names; each is counted, also those that are not named. */
struct refused {
    uint32_t count;
    struct api_share shares[API_SHARES_MAX];
};

static void refuse(struct refused *refused, enum api_owner owner, const char *name,
                   struct share *share, uint32_t own, uint32_t open)
{
    share->refused++;
    if (refused->count < API_SHARES_MAX) {
        refused->shares[refused->count++] = (struct api_share){
            .owner = owner, .name = name, .used = share->seats, .own = own, .open = open};
    }
}

/* Every participant of it that has none of its own left: who of them is the cause is not told. */
static void refuse_at(const struct entry *entry, struct refused *refused)
{
    uint32_t own = admission_own(&entry->driver->admission, SEAT_PARTICIPANT);
    for (uint32_t i = 0; entry->definition != NULL && i < entry->branches_cap; i++) {
        struct participant *participant = entry->extra[i].participant;
        if (participant != NULL && participant->share.seats >= own && !needs_before(entry, i)) {
            refuse(refused, API_OWNER_PARTICIPANT, participant->name, &participant->share, own,
                   participant->share.open - 1); /* the one that is refused needs it, too */
        }
    }
}

static struct refused refuse_all(const struct entry *entry)
{
    const struct admission *admission = &entry->driver->admission;
    struct refused refused = {.count = 0};
    struct share *share = entry->seat.definition;
    refuse(&refused, API_OWNER_DEFINITION,
           entry->definition != NULL ? entry->definition->family->name : NULL, share,
           admission_own(admission, SEAT_DEFINITION), share->open);
    if (entry->caller != NULL) {
        share = &entry->caller->share;
        refuse(&refused, API_OWNER_CALLER, entry->caller->name, share,
               admission_own(admission, SEAT_CALLER), share->open);
    }
    refuse_at(entry, &refused);
    return refused;
}

bool seats_admit(struct entry *entry, struct api_problem *problem)
{
    const struct admission *admission = &entry->driver->admission;
    const uint64_t most = entry->driver->config->caller_open_transactions_max;
    fill(entry);
    if (most != 0 && entry->caller != NULL && entry->caller->share.open >= most) {
        entry->caller->share.refused++;
        api_refuse_caller(problem, entry->caller->name, entry->caller->share.open);
        return false;
    }
    if (admission_look(admission, &entry->seat) != SEAT_NONE) {
        enter(entry);
        return true;
    }
    struct refused refused = refuse_all(entry);
    api_refuse_seats(problem, admission->used[SEAT_NONE], admission->seats[SEAT_NONE],
                     admission->seats[SEAT_SHARED], refused.shares, refused.count);
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
    if (entry->seat.kind == SEAT_NONE)
        return;
    admission_leave(&entry->driver->admission, &entry->seat);
    entry->seat.definition->open--;
    if (entry->seat.caller != NULL)
        entry->seat.caller->open--;
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
