#include <troth/id.h>

#include "tests.h"

static troth_gtid gtid_of(uint64_t unix_ms, uint16_t shard, uint32_t epoch, uint64_t counter)
{
    struct troth_gtid_parts parts = {unix_ms, shard, epoch, counter};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    return gtid;
}

/* The bits are where RFC 9562 and the header say; worked out by hand. */
START_TEST(layout_is_uuid_version_8)
{
    troth_gtid gtid = gtid_of(0x0198f3a21c45, 0xabc, 0x123456, 0x2a);
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&gtid, text);
    /* low half: 10, 24 bits 123456, 38 bits 2a: 0x8000… | 0x123456 << 38 | 0x2a */
    ck_assert_str_eq(text, "0198f3a2-1c45-8abc-848d-15800000002a");
}
END_TEST

/* What was put in comes out again, at the edges and at random places between. */
START_TEST(split_gives_back_what_was_made)
{
    struct random random = {1};
    for (int i = 0; i < 2000; i++) {
        struct troth_gtid_parts in = {random_next(&random) >> 16,
                                      (uint16_t)random_below(&random, TROTH_SHARDS_MAX),
                                      1 + (uint32_t)random_below(&random, TROTH_EPOCH_MAX),
                                      1 + random_below(&random, TROTH_COUNTER_MAX)};
        if (i == 0)
            in = (struct troth_gtid_parts){0, 0, 1, 1};
        if (i == 1)
            in = (struct troth_gtid_parts){(UINT64_C(1) << 48) - 1, TROTH_SHARDS_MAX - 1,
                                           TROTH_EPOCH_MAX, TROTH_COUNTER_MAX};
        troth_gtid gtid, again;
        ck_assert_int_eq(troth_gtid_make(&in, &gtid), 0);
        char text[TROTH_GTID_TEXT_LEN + 1];
        troth_gtid_format(&gtid, text);
        ck_assert_int_eq(troth_gtid_parse(text, strlen(text), &again), 0);
        ck_assert(troth_gtid_equal(&gtid, &again));
        struct troth_gtid_parts out;
        troth_gtid_split(&again, &out);
        ck_assert_uint_eq(out.unix_ms, in.unix_ms);
        ck_assert_uint_eq(out.shard, in.shard);
        ck_assert_uint_eq(out.epoch, in.epoch);
        ck_assert_uint_eq(out.counter, in.counter);
    }
}
END_TEST

/* A part out of its range is refused and the output is left alone. */
START_TEST(parts_out_of_range_are_refused)
{
    static const struct troth_gtid_parts wrong[] = {
        {UINT64_C(1) << 48, 0, 1, 1},
        {0, TROTH_SHARDS_MAX, 1, 1},
        {0, 0, 0, 1},
        {0, 0, TROTH_EPOCH_MAX + 1, 1},
        {0, 0, 1, 0},
        {0, 0, 1, TROTH_COUNTER_MAX + 1},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        troth_gtid gtid = {{1, 2, 3}}, before = gtid;
        ck_assert_int_eq(troth_gtid_make(&wrong[i], &gtid), TROTH_ERROR_INVALID);
        ck_assert(troth_gtid_equal(&gtid, &before));
    }
}
END_TEST

/* Order goes by epoch, then counter; the clock and the shard have no say; it fits int64. */
START_TEST(order_is_epoch_then_counter)
{
    troth_gtid early = gtid_of(9999999, 3, 1, TROTH_COUNTER_MAX);
    troth_gtid late = gtid_of(1, 3, 2, 1);
    ck_assert_uint_lt(troth_gtid_order(&early), troth_gtid_order(&late));
    troth_gtid next = gtid_of(1, 3, 2, 2);
    ck_assert_uint_lt(troth_gtid_order(&late), troth_gtid_order(&next));
    troth_gtid other_time = gtid_of(777, 3, 2, 2);
    ck_assert_uint_eq(troth_gtid_order(&other_time), troth_gtid_order(&next));
    ck_assert(!troth_gtid_equal(&other_time, &next));
    troth_gtid last = gtid_of(1, 3, TROTH_EPOCH_MAX, TROTH_COUNTER_MAX);
    ck_assert_uint_eq(troth_gtid_order(&last), (UINT64_C(1) << 62) - 1);
}
END_TEST

/* Only the one canonical form of our own ids is a gtid. */
START_TEST(malformed_gtids_are_refused)
{
    static const char *const wrong[] = {
        "",
        "0198f3a2-1c45-8abc-848d-15800000002",   /* one short */
        "0198f3a2-1c45-8abc-848d-15800000002a0", /* one more */
        "0198F3A2-1C45-8ABC-848D-15800000002A",  /* upper case */
        "0198f3a2-1c45-7abc-848d-15800000002a",  /* version 7 */
        "0198f3a2-1c45-8abc-048d-15800000002a",  /* variant 00 */
        "0198f3a2-1c45-8abc-c48d-15800000002a",  /* variant 11 */
        "0198f3a2-1c45-8abc-8000-00000000002a",  /* epoch 0 */
        "0198f3a2-1c45-8abc-848d-158000000000",  /* counter 0 */
        "0198f3a2_1c45_8abc_848d_15800000002a",  /* no hyphens */
        "0198f3a21-c45-8abc-848d-15800000002a",  /* a hyphen elsewhere */
        "{198f3a2-1c45-8abc-848d-15800000002a",
        "0198f3a2-1c45-8abc-848d-15800000002g",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        troth_gtid gtid = {{7}}, before = gtid;
        ck_assert_msg(troth_gtid_parse(wrong[i], strlen(wrong[i]), &gtid) == TROTH_ERROR_SYNTAX,
                      "%s was accepted", wrong[i]);
        ck_assert(troth_gtid_equal(&gtid, &before));
    }
}
END_TEST

/* Names are [a-z][a-z0-9_]*, 1 to 63 bytes. */
START_TEST(names)
{
    char longest[65];
    memset(longest, 'a', sizeof(longest));
    ck_assert(troth_name_valid(longest, 63));
    ck_assert(!troth_name_valid(longest, 64));
    ck_assert(!troth_name_valid("", 0));
    static const char *const good[] = {"a", "bank_a", "x9", "a_"};
    static const char *const wrong[] = {"A", "_a", "9a", "a-b", "a b", "a.", "\xc3\xa4", "aB"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(troth_name_valid(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!troth_name_valid(wrong[i], strlen(wrong[i])), "%s", wrong[i]);
    ck_assert(!troth_name_valid("a\0b", 3));
}
END_TEST

/* A journal's id is 16 lower-case hexadecimal digits. */
START_TEST(journal_ids)
{
    ck_assert(troth_journal_id_valid("0123456789abcdef", 16));
    ck_assert(!troth_journal_id_valid("0123456789abcde", 15));
    ck_assert(!troth_journal_id_valid("0123456789abcdef0", 17));
    ck_assert(!troth_journal_id_valid("0123456789abcdeF", 16));
    ck_assert(!troth_journal_id_valid("0123456789abcdeg", 16));
}
END_TEST

/* A prepared transaction's name carries journal, gtid, branch and attempt there and back. */
START_TEST(prepared_names_round_trip)
{
    static const uint32_t numbers[] = {1, 9, 10, 64, 999, 1000, 9999};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct troth_prepared_name in = {"00ff00ff00ff00ff", gtid_of(1700000000000, 7, 3, 99),
                                         numbers[i], 10000 - numbers[i]};
        char text[TROTH_PREPARED_NAME_LEN_MAX + 1];
        troth_prepared_name_format(&in, text);
        struct troth_prepared_name out;
        ck_assert_int_eq(troth_prepared_name_parse(text, strlen(text), &out), 0);
        ck_assert_str_eq(out.journal, in.journal);
        ck_assert(troth_gtid_equal(&out.gtid, &in.gtid));
        ck_assert_uint_eq(out.branch, in.branch);
        ck_assert_uint_eq(out.attempt, in.attempt);
    }
    struct troth_prepared_name one = {"00ff00ff00ff00ff", gtid_of(1700000000123, 7, 3, 99), 1, 2};
    char text[TROTH_PREPARED_NAME_LEN_MAX + 1];
    troth_prepared_name_format(&one, text);
    ck_assert_str_eq(text, "troth_00ff00ff00ff00ff_018bcfe5-687b-8007-8000-00c000000063_1_2");
}
END_TEST

/* Names of other people's prepared transactions are never taken for ours. */
START_TEST(foreign_prepared_names_are_refused)
{
#define J "troth_00ff00ff00ff00ff_"
#define G "018bcfe5-687b-8007-8000-00c000000063"
    static const char *const wrong[] = {
        "",
        "troth_",
        J G,
        J G "_",
        J G "_1",
        J G "_1_",
        J G "_1_0",
        J G "_0_1",
        J G "_01_1",
        J G "_1_01",
        J G "_10000_1",
        J G "_1_10000",
        J G "_1_1_",
        J G "_1_1x",
        J G "_1_1_1",
        J G "_-1_1",
        J G "_1-1",
        J G "x1_1",
        "Troth_00ff00ff00ff00ff_" G "_1_1",
        "troth_00FF00ff00ff00ff_" G "_1_1",
        "troth_00ff00ff00ff00f_" G "_1_1x",
        "troth_00ff00ff00ff00ffx" G "_1_1",
        J "018bcfe5-687b-7007-8000-00c000000063_1_1",
        J G "_99999999999999999999_1",
    };
#undef J
#undef G
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct troth_prepared_name name = {.branch = 77};
        ck_assert_msg(troth_prepared_name_parse(wrong[i], strlen(wrong[i]), &name) ==
                          TROTH_ERROR_SYNTAX,
                      "%s was accepted", wrong[i]);
        ck_assert_uint_eq(name.branch, 77);
    }
}
END_TEST

TCase *id_tests(void)
{
    TCase *tests = tcase_create("id");
    tcase_add_test(tests, layout_is_uuid_version_8);
    tcase_add_test(tests, split_gives_back_what_was_made);
    tcase_add_test(tests, parts_out_of_range_are_refused);
    tcase_add_test(tests, order_is_epoch_then_counter);
    tcase_add_test(tests, malformed_gtids_are_refused);
    tcase_add_test(tests, names);
    tcase_add_test(tests, journal_ids);
    tcase_add_test(tests, prepared_names_round_trip);
    tcase_add_test(tests, foreign_prepared_names_are_refused);
    return tests;
}
