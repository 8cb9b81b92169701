/* Who may begin when others have taken much: whoever has not used its own always may. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <admission.h>
#include <owners.h>

#include "suites.h"

#define SEATS 1000u

static struct admission admission;
static struct share definitions[100], participants[10], callers[40];
static struct seat seats[2 * SEATS];
static struct share *needed[2 * SEATS][10];
static uint32_t count; /* of seats, also those that were refused */

static void set_up_for(uint32_t seats_max, uint32_t reserved, uint32_t definitions_count,
                       uint32_t participants_count)
{
    memset(definitions, 0, sizeof definitions);
    memset(participants, 0, sizeof participants);
    memset(callers, 0, sizeof callers);
    memset(seats, 0, sizeof seats);
    count = 0;
    admission_init(&admission, seats_max, reserved);
    admission_owners(&admission, SEAT_DEFINITION, definitions_count);
    admission_owners(&admission, SEAT_PARTICIPANT, participants_count);
}

/* 700 shared; 100 for 10 definitions, 100 for 5 participants, 100 for 32 callers. */
static void set_up(void)
{
    set_up_for(SEATS, 30, 10, 5);
}

static struct seat *make(uint32_t definition, uint32_t participant, uint32_t other, uint32_t caller)
{
    struct seat *seat = &seats[count];
    seat->participants = needed[count++];
    seat->definition = &definitions[definition];
    seat->caller = &callers[caller];
    seat->participants[0] = &participants[participant];
    seat->participants[1] = &participants[other];
    seat->participants_count = participant == other ? 1 : 2;
    return seat;
}

static enum seat_kind begin(uint32_t definition, uint32_t participant, uint32_t other,
                            uint32_t caller)
{
    struct seat *seat = make(definition, participant, other, caller);
    if (admission_look(&admission, seat) != SEAT_NONE)
        admission_enter(&admission, seat);
    return seat->kind;
}

/* As many as it gets. */
static uint32_t fill(uint32_t definition, uint32_t participant, uint32_t other, uint32_t caller)
{
    uint32_t filled = 0;
    while (begin(definition, participant, other, caller) != SEAT_NONE)
        filled++;
    count--;
    return filled;
}

/* Alone it gets all that nobody else has for certain. */
START_TEST(one_alone)
{
    set_up_for(SEATS, 30, 1, 1);
    /* 31 callers may yet come: 3 seats each are not its own */
    ck_assert_uint_eq(fill(0, 0, 0, 0), 700 + 100 + 100 + 3);
    ck_assert_uint_eq(admission.used[SEAT_NONE], 903);
    set_up_for(SEATS, 0, 1, 1);
    ck_assert_uint_eq(fill(0, 0, 0, 0), SEATS);
}
END_TEST

/* A participant is dead, all that need it stay. Definitions over others go on, and so does what is
 * over one that the dead one's transactions need as well. */
START_TEST(one_is_dead)
{
    ck_assert_uint_eq(fill(0, 0, 1, 0), 700 + 10 + 20 + 3);
    ck_assert_int_eq(begin(0, 0, 1, 0), SEAT_NONE);
    ck_assert_int_eq(begin(1, 1, 1, 0), SEAT_DEFINITION);
    ck_assert_int_eq(begin(2, 2, 3, 0), SEAT_DEFINITION);
    /* Another definition over the dead one takes its own, and no more. */
    ck_assert_uint_eq(fill(3, 0, 0, 0), 10);
    ck_assert_int_eq(begin(4, 2, 2, 0), SEAT_DEFINITION);
}
END_TEST

/* Nobody's places at one participant are taken by what needs one that has none left. */
START_TEST(all_participants_or_none)
{
    (void)fill(0, 0, 0, 0);
    ck_assert_uint_eq(participants[0].seats, 20);
    ck_assert_int_eq(begin(0, 0, 1, 0), SEAT_NONE);
    ck_assert_uint_eq(participants[1].seats, 0);
    ck_assert_uint_eq(fill(0, 1, 2, 0), 20);
    ck_assert_uint_eq(participants[1].seats, 20);
    ck_assert_uint_eq(participants[2].seats, 20);
}
END_TEST

/* One who asks for everything leaves all others their own. */
START_TEST(one_asks_for_all)
{
    uint32_t filled = 0;
    for (uint32_t i = 0; i < 10; i++)
        filled += fill(i, i % 5, i % 5, 0);
    ck_assert_uint_eq(filled, 700 + 100 + 100 + 3);
    for (uint32_t caller = 1; caller < ADMISSION_CALLERS; caller++) {
        ck_assert_uint_eq(fill(caller % 10, caller % 5, caller % 5, caller), 3);
        ck_assert_int_eq(begin(0, 0, 0, caller), SEAT_NONE);
    }
}
END_TEST

/* An interactive one names nobody yet. */
START_TEST(interactive)
{
    struct seat *seat = make(9, 0, 0, 1);
    (void)fill(0, 0, 0, 0);
    (void)fill(9, 1, 1, 2); /* its definition's and caller 2's are used up */
    seat->participants_count = 0;
    ck_assert_int_eq(admission_look(&admission, seat), SEAT_CALLER);
    seat->caller = &callers[0];
    ck_assert_int_eq(admission_look(&admission, seat), SEAT_NONE);
    seat->caller = NULL;
    ck_assert_int_eq(admission_look(&admission, seat), SEAT_NONE);
}
END_TEST

/* What stays for days holds a reserved seat no longer than it must. */
START_TEST(moves_to_a_shared_one)
{
    (void)fill(0, 0, 0, 0);
    ck_assert_uint_eq(fill(1, 0, 0, 0), 10);
    ck_assert_int_eq(begin(1, 0, 0, 0), SEAT_NONE);
    for (uint32_t i = 0; i < 43; i++) /* shared ones, the first that came */
        admission_leave(&admission, &seats[i]);
    /* The 33 reserved ones that came first have moved up, behind them definition 1's */
    ck_assert_uint_eq(admission.used[SEAT_SHARED], 700);
    ck_assert_uint_eq(definitions[0].seats + participants[0].seats + callers[0].seats, 0);
    ck_assert_uint_eq(definitions[1].seats, 0);
    ck_assert_uint_eq(admission.used[SEAT_NONE], 700);
    ck_assert_int_eq(begin(1, 0, 0, 0), SEAT_DEFINITION);
}
END_TEST

/* More owners than seats: one each, for who comes first. */
START_TEST(more_owners_than_seats)
{
    set_up_for(20, 30, 100, 10);
    ck_assert_uint_eq(fill(0, 0, 0, 0), 14 + 1 + 1 + 1);
    ck_assert_int_eq(begin(1, 0, 0, 0), SEAT_DEFINITION);
    ck_assert_int_eq(begin(2, 0, 0, 0), SEAT_NONE);
    ck_assert_uint_eq(admission.used[SEAT_DEFINITION], admission.seats[SEAT_DEFINITION]);
}
END_TEST

/* What the journal has open is open, and is gone when it ends. */
START_TEST(behind_a_restart)
{
    set_up_for(10, 30, 1, 1);
    for (uint32_t i = 0; i < 30; i++) {
        struct seat *seat = make(0, 0, 0, 0);
        seat->caller = NULL;
        admission_enter(&admission, seat);
    }
    ck_assert_uint_eq(admission.used[SEAT_NONE], 30);
    ck_assert_int_eq(begin(0, 0, 0, 0), SEAT_CALLER);
    for (uint32_t i = 0; i < 31; i++)
        admission_leave(&admission, &seats[i]);
    for (enum seat_kind kind = SEAT_NONE; kind < SEAT_KINDS; kind++)
        ck_assert_uint_eq(admission.used[kind], 0);
    ck_assert_uint_eq(definitions[0].seats + participants[0].seats + callers[0].seats, 0);
}
END_TEST

static void sums_hold(void)
{
    uint32_t definition = 0, caller = 0, total = 0;
    for (uint32_t i = 0; i < 10; i++)
        definition += definitions[i].seats;
    for (uint32_t i = 0; i < 40; i++)
        caller += callers[i].seats;
    ck_assert_uint_eq(definition, admission.used[SEAT_DEFINITION]);
    ck_assert_uint_eq(caller, admission.used[SEAT_CALLER]);
    for (enum seat_kind kind = SEAT_SHARED; kind < SEAT_KINDS; kind++) {
        ck_assert_uint_le(admission.used[kind], admission.seats[kind]);
        total += admission.used[kind];
    }
    ck_assert_uint_eq(total, admission.used[SEAT_NONE]);
    ck_assert_uint_le(total, SEATS);
    if (admission.used[SEAT_SHARED] < admission.seats[SEAT_SHARED])
        ck_assert(TAILQ_EMPTY(&admission.reserved));
}

static bool uses_all_its_own(const struct seat *seat)
{
    bool participants_left = true;
    for (uint32_t i = 0; i < seat->participants_count; i++)
        participants_left = participants_left && seat->participants[i]->seats <
                                                     admission_own(&admission, SEAT_PARTICIPANT);
    return seat->definition->seats >= admission_own(&admission, SEAT_DEFINITION) &&
           seat->caller->seats >= admission_own(&admission, SEAT_CALLER) && !participants_left;
}

/* Whatever comes and goes, in any order: who is refused has used up its own of each kind. */
START_TEST(refused_only_behind_its_own)
{
    uint32_t refused = 0, reserved = 0;
    srandom(20261128);
    for (uint32_t round = 0; round < 200000; round++) {
        uint32_t a = (uint32_t)random() % (2 * SEATS), hog = (uint32_t)random() % 4;
        struct seat *seat = &seats[a];
        if (seat->kind != SEAT_NONE) {
            if (seat->definition != &definitions[0]) /* those of the hog stay long */
                admission_leave(&admission, seat);
            else if (random() % 200 == 0)
                admission_leave(&admission, seat);
            continue;
        }
        count = a;
        uint32_t other = (uint32_t)random() % 5;
        seat = hog != 0 ? make(0, 0, other, 0)
                        : make((uint32_t)random() % 10, (uint32_t)random() % 5, other,
                               (uint32_t)random() % ADMISSION_CALLERS);
        if (admission_look(&admission, seat) == SEAT_NONE) {
            ck_assert(uses_all_its_own(seat));
            refused++;
        } else {
            admission_enter(&admission, seat);
            reserved += seat->kind != SEAT_SHARED ? 1 : 0;
        }
        if (round % 100 == 0)
            sums_hold();
    }
    ck_assert_uint_gt(refused, 1000); /* else this has tried nothing */
    ck_assert_uint_gt(reserved, 1000);
}
END_TEST

/* --- owners by name -------------------------------------------------------------------------- */

START_TEST(owners_come_and_go)
{
    struct owners owners = {0};
    struct owner *a = owners_get(&owners, "10.0.0.1"), *b = owners_get(&owners, "10.0.0.2");
    ck_assert_ptr_eq(owners_get(&owners, "10.0.0.1"), a);
    ck_assert_ptr_null(owners_busiest(&owners));
    b->share.open = 2;
    a->share.open = 1;
    ck_assert_str_eq(owners_busiest(&owners)->name, "10.0.0.2");
    ck_assert_uint_eq(owners.count, 2);
    a->share.open = b->share.open = 0;
    owners_put(&owners, a);
    ck_assert_uint_eq(owners.count, 2);
    owners_put(&owners, a);
    owners_put(&owners, b);
    owners_put(&owners, NULL);
    ck_assert_uint_eq(owners.count, 0);
    ck_assert_ptr_null(owners.tree);
}
END_TEST

Suite *suite_admission(void)
{
    Suite *suite = suite_create("admission");
    TCase *tests = tcase_create("admission");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, one_alone);
    tcase_add_test(tests, one_is_dead);
    tcase_add_test(tests, all_participants_or_none);
    tcase_add_test(tests, one_asks_for_all);
    tcase_add_test(tests, interactive);
    tcase_add_test(tests, moves_to_a_shared_one);
    tcase_add_test(tests, more_owners_than_seats);
    tcase_add_test(tests, behind_a_restart);
    tcase_add_test(tests, refused_only_behind_its_own);
    tcase_add_test(tests, owners_come_and_go);
    suite_add_tcase(suite, tests);
    return suite;
}
