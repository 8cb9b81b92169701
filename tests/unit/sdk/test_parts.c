/* Small parts: what requests say of journals, outputs kept until their commit, reading an input. */
#include <journals.h>
#include <outputs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static struct troth_span span(const char *text)
{
    return (struct troth_span){text, strlen(text)};
}

static troth_gtid made(uint16_t shard, uint32_t epoch, uint64_t counter)
{
    const struct troth_gtid_parts parts = {
        .unix_ms = 1, .shard = shard, .epoch = epoch, .counter = counter};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    return gtid;
}

/* A newer epoch of a shard is news; the first one, an older one and another shard's are not. */
START_TEST(epochs)
{
    struct journals journals = {.count = 0};
    struct journal_seen *seen;
    const troth_gtid first = made(1, 5, 1), same = made(1, 5, 2), old = made(1, 4, 9);
    const troth_gtid other = made(2, 9, 1), newer = made(1, 6, 1);
    ck_assert_int_eq(journals_find(&journals, span(JOURNAL), &seen), 0);
    ck_assert(!journals_gtid(seen, &first));
    ck_assert(!journals_gtid(seen, &same));
    ck_assert(!journals_gtid(seen, &old));
    ck_assert(!journals_gtid(seen, &other));
    ck_assert(journals_gtid(seen, &newer));
    ck_assert(!journals_gtid(seen, &newer));
    journals_finish(&journals);
}
END_TEST

/* Oldest open gtids only move up, each in its shard; what does not parse is skipped. */
START_TEST(oldest_open)
{
    struct journals journals = {.count = 0};
    struct journal_seen *seen;
    const troth_gtid a = made(1, 5, 10), b = made(2, 1, 3), lower = made(1, 5, 9);
    char list[128], text[TROTH_GTID_TEXT_LEN + 1];
    ck_assert_int_eq(journals_find(&journals, span(JOURNAL), &seen), 0);
    ck_assert(!journals_gtid(seen, &a));
    ck_assert(!journals_gtid(seen, &b));
    troth_gtid_format(&a, text);
    strcpy(list, text);
    strcat(list, " ,nonsense,, ");
    troth_gtid_format(&b, text);
    strcat(list, text);
    ck_assert(!journals_oldest_open(seen, span(list)));
    ck_assert_uint_eq(seen->shards[1].oldest_open, troth_gtid_order(&a));
    ck_assert_uint_eq(seen->shards[2].oldest_open, troth_gtid_order(&b));
    troth_gtid_format(&lower, text);
    (void)journals_oldest_open(seen, span(text));
    ck_assert_uint_eq(seen->shards[1].oldest_open, troth_gtid_order(&a));
    ck_assert_uint_eq(seen->shards[3].oldest_open, 0);
    journals_finish(&journals);
}
END_TEST

/* A mark is never above the newest command that has come of its shard: what comes yet is not
 * refused, whatever was said. */
START_TEST(marks_within_reason)
{
    struct journals journals = {.count = 0};
    struct journal_seen *seen;
    const troth_gtid came = made(1, 5, 10), absurd = made(1, TROTH_EPOCH_MAX, TROTH_COUNTER_MAX);
    const troth_gtid next = made(1, 5, 11);
    char text[TROTH_GTID_TEXT_LEN + 1];
    ck_assert_int_eq(journals_find(&journals, span(JOURNAL), &seen), 0);
    troth_gtid_format(&absurd, text);
    (void)journals_oldest_open(seen, span(text));
    ck_assert_uint_eq(seen->shards[1].oldest_open, 0); /* nothing has come */
    ck_assert(!journals_gtid(seen, &came));
    (void)journals_oldest_open(seen, span(text));
    ck_assert_uint_eq(seen->shards[1].oldest_open, troth_gtid_order(&came));
    ck_assert_uint_lt(seen->shards[1].oldest_open, troth_gtid_order(&next));
    journals_finish(&journals);
}
END_TEST

/* Whoever shows many journals' ids puts out those that nobody uses, and not the one in use; and one
 * that was put out is learnt again. */
START_TEST(foreign_journals)
{
    struct journals journals = {.count = 0};
    struct journal_seen *seen;
    const troth_gtid came = made(1, 5, 10);
    char id[TROTH_JOURNAL_ID_LEN + 1];
    unsigned i;
    for (i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "%016x", i);
        ck_assert_int_eq(journals_find(&journals, span(id), &seen), 0);
        ck_assert_int_eq(journals_find(&journals, span(JOURNAL), &seen), 0);
        if (i == 0)
            (void)journals_gtid(seen, &came);
        ck_assert_uint_eq(seen->shards[1].newest, troth_gtid_order(&came));
    }
    ck_assert_uint_eq(journals.count, TROTH_JOURNALS_MAX);
    for (i = 0; i < TROTH_JOURNALS_MAX; i++) {
        snprintf(id, sizeof id, "%016x", i);
        ck_assert_int_eq(journals_find(&journals, span(id), &seen), 0);
    }
    ck_assert_int_eq(journals_find(&journals, span(JOURNAL), &seen), 0);
    ck_assert_uint_eq(seen->shards[1].newest, 0);
    journals_finish(&journals);
}
END_TEST

/* An output is taken once, by exactly its branch and attempt; long ones are not kept. */
START_TEST(outputs_are_taken_once)
{
    struct outputs *outputs;
    struct troth_call call = {.journal = JOURNAL, .branch = 1, .attempt = 1};
    struct troth_span output;
    char *memory;
    static char large[8192];
    call.gtid = made(1, 5, 10);
    ck_assert_int_eq(outputs_create(64, &outputs), 0);
    outputs_put(outputs, &call, span("{\"n\":1}"));
    call.attempt = 2;
    ck_assert(!outputs_take(outputs, &call, &memory, &output));
    call.attempt = 1;
    ck_assert(outputs_take(outputs, &call, &memory, &output));
    ck_assert_uint_eq(output.len, 7);
    ck_assert_int_eq(memcmp(output.data, "{\"n\":1}", 7), 0);
    free(memory);
    ck_assert(!outputs_take(outputs, &call, &memory, &output));
    outputs_put(outputs, &call, (struct troth_span){NULL, 0});
    ck_assert(outputs_take(outputs, &call, &memory, &output));
    ck_assert_ptr_null(output.data);
    free(memory);
    memset(large, '1', sizeof large);
    outputs_put(outputs, &call, (struct troth_span){large, sizeof large});
    ck_assert(!outputs_take(outputs, &call, &memory, &output));
    outputs_put(outputs, &call, span("7"));
    outputs_destroy(outputs);
}
END_TEST

/* Members of the input are read by type, and refused by type. */
START_TEST(input_members)
{
    struct troth_call call = {.input = span("{\"n\":-5,\"f\":1.5,\"t\":\"a\\u0062\",\"z\":null}")};
    int64_t number = 0;
    char text[3];
    ck_assert_int_eq(troth_call_int64(&call, "n", &number), 0);
    ck_assert_int_eq(number, -5);
    ck_assert_int_eq(troth_call_int64(&call, "f", &number), TROTH_ERROR_TYPE);
    ck_assert_int_eq(troth_call_int64(&call, "t", &number), TROTH_ERROR_TYPE);
    ck_assert_int_eq(troth_call_int64(&call, "z", &number), TROTH_ERROR_NOT_FOUND);
    ck_assert_int_eq(troth_call_int64(&call, "x", &number), TROTH_ERROR_NOT_FOUND);
    ck_assert_int_eq(number, -5);
    ck_assert_int_eq(troth_call_text(&call, "t", text, sizeof text), 0);
    ck_assert_str_eq(text, "ab");
    ck_assert_int_eq(troth_call_text(&call, "t", text, 2), TROTH_ERROR_TOO_LARGE);
    ck_assert_int_eq(troth_call_text(&call, "n", text, sizeof text), TROTH_ERROR_TYPE);
    call.input = (struct troth_span){NULL, 0};
    ck_assert_int_eq(troth_call_int64(&call, "n", &number), TROTH_ERROR_NOT_FOUND);
}
END_TEST

TCase *parts_tests(void)
{
    TCase *tests = tcase_create("parts");
    tcase_add_test(tests, epochs);
    tcase_add_test(tests, oldest_open);
    tcase_add_test(tests, marks_within_reason);
    tcase_add_test(tests, foreign_journals);
    tcase_add_test(tests, outputs_are_taken_once);
    tcase_add_test(tests, input_members);
    return tests;
}
