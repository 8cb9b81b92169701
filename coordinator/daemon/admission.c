/* admission.c: seats, shared and reserved. See admission.h. */
#include "admission.h"

#include <assert.h>

void admission_init(struct admission *admission, uint32_t seats, uint32_t reserved)
{
    assert(seats > 0 && reserved <= ADMISSION_RESERVED_MAX);
    *admission = (struct admission){.seats = {[SEAT_NONE] = seats, [SEAT_SHARED] = seats},
                                    .owners = {[SEAT_CALLER] = ADMISSION_CALLERS}};
    TAILQ_INIT(&admission->reserved);
    for (enum seat_kind kind = SEAT_DEFINITION; kind <= SEAT_CALLER; kind++) {
        admission->seats[kind] = (uint32_t)((uint64_t)seats * reserved / 300u);
        admission->seats[SEAT_SHARED] -= admission->seats[kind];
    }
}

void admission_owners(struct admission *admission, enum seat_kind kind, uint32_t owners)
{
    assert(kind == SEAT_DEFINITION || kind == SEAT_PARTICIPANT);
    admission->owners[kind] = owners;
}

uint32_t admission_own(const struct admission *admission, enum seat_kind kind)
{
    uint32_t owners = admission->owners[kind];
    uint32_t own = admission->seats[kind] / (owners > 0 ? owners : 1);
    return own > ADMISSION_OWN_MIN ? own : ADMISSION_OWN_MIN;
}

/* --- reserved seats -------------------------------------------------------------------------- */

static bool has_left(const struct admission *admission, enum seat_kind kind,
                     const struct share *share)
{
    return share != NULL && share->seats < admission_own(admission, kind);
}

static bool all_have_left(const struct admission *admission, const struct seat *seat)
{
    for (uint32_t i = 0; i < seat->participants_count; i++)
        if (!has_left(admission, SEAT_PARTICIPANT, seat->participants[i]))
            return false;
    return seat->participants_count > 0;
}

static bool is_free(const struct admission *admission, enum seat_kind kind)
{
    return admission->used[kind] < admission->seats[kind];
}

enum seat_kind admission_look(const struct admission *admission, const struct seat *seat)
{
    if (is_free(admission, SEAT_SHARED))
        return SEAT_SHARED;
    if (is_free(admission, SEAT_DEFINITION) &&
        has_left(admission, SEAT_DEFINITION, seat->definition))
        return SEAT_DEFINITION;
    if (is_free(admission, SEAT_PARTICIPANT) && all_have_left(admission, seat))
        return SEAT_PARTICIPANT;
    if (is_free(admission, SEAT_CALLER) && has_left(admission, SEAT_CALLER, seat->caller))
        return SEAT_CALLER;
    return SEAT_NONE;
}

static void use(struct share *share, bool uses)
{
    assert(share != NULL && (uses || share->seats > 0));
    share->seats += uses ? 1 : UINT32_MAX;
}

static void use_own(const struct seat *seat, bool uses)
{
    switch (seat->kind) {
    case SEAT_DEFINITION:
        use(seat->definition, uses);
        break;
    case SEAT_PARTICIPANT:
        for (uint32_t i = 0; i < seat->participants_count; i++)
            use(seat->participants[i], uses);
        break;
    case SEAT_CALLER:
        use(seat->caller, uses);
        break;
    case SEAT_NONE:
    case SEAT_SHARED:
    case SEAT_KINDS:
        assert(false);
    }
}

/* --- coming, going --------------------------------------------------------------------------- */

void admission_enter(struct admission *admission, struct seat *seat)
{
    enum seat_kind kind = admission_look(admission, seat);
    assert(seat->kind == SEAT_NONE);
    seat->kind = kind != SEAT_NONE ? kind : SEAT_SHARED;
    admission->used[seat->kind]++;
    admission->used[SEAT_NONE]++;
    if (seat->kind != SEAT_SHARED) {
        use_own(seat, true);
        TAILQ_INSERT_TAIL(&admission->reserved, seat, link);
    }
}

static void give_back(struct admission *admission, struct seat *seat)
{
    assert(admission->used[seat->kind] > 0);
    admission->used[seat->kind]--;
    if (seat->kind != SEAT_SHARED) {
        use_own(seat, false);
        TAILQ_REMOVE(&admission->reserved, seat, link);
    }
    seat->kind = SEAT_NONE;
}

static void move_up(struct admission *admission)
{
    struct seat *seat = TAILQ_FIRST(&admission->reserved);
    if (seat != NULL && is_free(admission, SEAT_SHARED)) {
        give_back(admission, seat);
        seat->kind = SEAT_SHARED;
        admission->used[SEAT_SHARED]++;
    }
}

void admission_leave(struct admission *admission, struct seat *seat)
{
    if (seat->kind != SEAT_NONE) {
        give_back(admission, seat);
        admission->used[SEAT_NONE]--;
        move_up(admission);
    }
}
