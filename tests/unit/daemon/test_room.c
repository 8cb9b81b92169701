/* What open transactions take is counted, and a bound stands before one more. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <arena.h>
#include <burial.h>
#include <entry.h>
#include <room.h>
#include <state.h>
#include <table.h>

#include "suites.h"

#define KIB 1024u

static const struct txn_policy policy = TXN_POLICY_DEFAULT;
static struct config config;
static struct driver driver;
static struct entry *entry;

static void set_up(void)
{
    config = (struct config){.open_bytes_max = 1024 * KIB};
    driver = (struct driver){.base = event_base_new(), .config = &config, .shards_count = 1};
    driver.by_gtid = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    driver.by_key = calloc(DRIVER_BUCKETS, sizeof(struct entry *));
    ck_assert(driver.base != NULL && driver.by_gtid != NULL && driver.by_key != NULL);
    entry = entry_create(&driver, 1);
    ck_assert_ptr_nonnull(entry);
    entry->branches[0] =
        (struct txn_branch){.number = 1, .name = "", .participant = "mail", .operation = "x"};
    txn_init(&entry->txn, &entry->origin, &policy, 1, 1, entry->branches, 1, 1);
    entry_insert(&driver, entry);
}

static void tear_down(void)
{
    entry_bury(&driver, entry);
    entry_bury_all(&driver);
    ck_assert_uint_eq(room_taken(&driver), 0);
    free(driver.by_gtid);
    free(driver.by_key);
    event_base_free(driver.base);
}

static void refused(size_t payload, const char *words)
{
    struct api_problem problem;
    ck_assert(!room_takes(&driver, payload, &problem));
    ck_assert_int_eq(problem.status, 503);
    ck_assert_uint_gt(problem.retry_after_s, 0);
    ck_assert_msg(strstr(problem.detail, words) != NULL, "%s", problem.detail);
}

/* Inputs and commands count; the one that would go over the limit is refused, with the figures. */
START_TEST(one_more_must_find_room)
{
    struct api_problem problem;
    uint64_t empty = room_taken(&driver);
    ck_assert_uint_gt(empty, 0);
    ck_assert(room_takes(&driver, 600 * KIB, &problem));
    ck_assert_ptr_nonnull(arena_alloc(&entry->arena, 600 * KIB));
    room_count(entry);
    ck_assert_uint_ge(room_taken(&driver), empty + 600 * KIB);
    ck_assert(room_takes(&driver, 300 * KIB, &problem));
    refused(600 * KIB, "614400 more, and open_bytes_max is 1048576");
    driver.command_bytes = 400 * KIB;
    refused(300 * KIB, "nothing was done");
    driver.command_bytes = 1024 * KIB;
    refused(0, "nothing was done");
    driver.command_bytes = 0;
}
END_TEST

/* An output is kept when its branch has taken it, once; what nobody has taken is freed. */
START_TEST(an_output_is_kept_by_its_branch)
{
    static char bytes[100 * KIB];
    struct troth_span output = {bytes, sizeof bytes}, copy;
    uint64_t empty = room_taken(&driver);
    for (int i = 0; i < 100; i++) { /* LeakSanitizer looks, too */
        ck_assert(room_output_copy(output, &copy));
        room_output_settle(entry, 0, copy);
    }
    ck_assert_uint_eq(room_taken(&driver), empty);
    for (int i = 0; i < 3; i++) { /* each time of another attempt */
        ck_assert(room_output_copy(output, &copy));
        entry->branches[0].output = copy;
        room_output_settle(entry, 0, copy);
        ck_assert_uint_eq(room_taken(&driver), empty + sizeof bytes);
    }
    ck_assert(room_output_copy((struct troth_span){NULL, 0}, &copy));
    ck_assert_ptr_null(copy.data);
    room_output_settle(entry, 0, copy);
    ck_assert_uint_eq(room_taken(&driver), empty + sizeof bytes);
}
END_TEST

Suite *suite_room(void)
{
    Suite *suite = suite_create("room");
    TCase *tests = tcase_create("bytes");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, one_more_must_find_room);
    tcase_add_test(tests, an_output_is_kept_by_its_branch);
    suite_add_tcase(suite, tests);
    return suite;
}
