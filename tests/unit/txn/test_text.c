#include <base/json.h>

#include "rig.h"
#include "tests.h"

static bool is_json(struct troth_span text)
{
    struct troth_span value;
    return json_check(text, JSON_CHECK_UNIQUE_KEYS, &value, NULL) == 0;
}

/* As journals have it: what is kept by one version is read by the next. */
#define KEPT                                                                                       \
    "1g0l0jfa.1j0.2k3e8.1.0.1.400k0.2.0.1.800l0.0.0.3m0.0.0.3j0.1.0.1.2000n0.0.0.3k0.1.0.0.2000"   \
    "n0.0.0.4t0l0.0.0.6"

/* What is kept tells the same as what is in memory. */
static void assert_kept(const struct txn *txn)
{
    BUFFER_SCOPED struct buffer kept = {0}, told = {0}, wanted = {0};
    txn_history_keep(txn, &kept);
    txn_history_append_kept(buffer_span(&kept), &told);
    txn_history_append(txn, &wanted);
    ck_assert_str_eq(buffer_text(&told), buffer_text(&wanted));
    ck_assert_uint_lt(kept.len, wanted.len / 3);
}

START_TEST(the_end_record_tells_the_whole_way)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig->now.mono.us += 250;
    rig_event(rig, TXN_EVENT_RESERVED);
    rig->now.mono.us += 1000;
    struct result vote = {.op = OP_PREPARE,
                          .branch = 1,
                          .attempt = 1,
                          .result = RESULT_VOTE,
                          .vote = VOTE_YES,
                          .output = SPAN("{\"n\":9007199254740993}")};
    rig_full_result(rig, &vote, false);
    rig_vote(rig, 2, VOTE_READ_ONLY);
    rig_durable(rig, TXN_RECORD_DECISION);
    rig->policy.publish_grace_us = 0;
    ck_assert_str_eq(
        rig_full_result(
            rig,
            &(struct result){.op = OP_COMMIT, .branch = 1, .attempt = 1, .result = RESULT_DONE},
            false),
        "release 1; reply completed; persist end commit committed; ended");
    const struct txn_record *record = rig_record(rig, TXN_RECORD_END);
    ck_assert(span_is(record->steps,
                      "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_1\",\"operation\":"
                      "\"debit\",\"state\":\"committed\",\"vote\":\"yes\",\"tries\":1,\"output\":"
                      "{\"n\":9007199254740993}},{\"branch\":2,\"name\":\"debit\",\"participant\":"
                      "\"bank_2\",\"operation\":\"debit\",\"state\":\"read_only\",\"vote\":"
                      "\"read_only\",\"tries\":1}]"));
    ck_assert_msg(span_is(record->history, KEPT), "%.*s", (int)record->history.len,
                  record->history.data);
    BUFFER_SCOPED struct buffer history = {0};
    txn_history_append_kept(record->history, &history);
    ck_assert(is_json(buffer_span(&history)));
    static const char begin[] =
        "[{\"at\":\"+0s\",\"moment\":\"began\"},"
        "{\"at\":\"+0s\",\"moment\":\"writing\",\"record\":\"begin\"},"
        "{\"at\":\"+250us\",\"branch\":1,\"attempt\":1,\"moment\":\"sent\",\"op\":\"prepare\"},"
        "{\"at\":\"+250us\",\"branch\":2,\"attempt\":1,\"moment\":\"sent\",\"op\":\"prepare\"},"
        "{\"at\":\"+1.25ms\",\"branch\":1,\"attempt\":1,\"moment\":\"answered\",\"op\":\"prepare\","
        "\"result\":\"vote\",\"vote\":\"yes\"},";
    ck_assert_uint_gt(history.len, sizeof(begin));
    ck_assert_int_eq(memcmp(history.data, begin, sizeof(begin) - 1), 0);
    ck_assert_ptr_null(record->failure.data);
    rig_free(rig);
}
END_TEST

START_TEST(a_long_history_keeps_its_beginning_and_its_end)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_event(rig, TXN_EVENT_CANCELLED);
    rig_durable(rig, TXN_RECORD_DECISION);
    for (int i = 0; i < 200; i++) {
        rig_result(rig, 1, OP_ABORT, RESULT_UNKNOWN);
        rig_wake(rig);
    }
    BUFFER_SCOPED struct buffer text = {0};
    txn_history_append(&rig->txn, &text);
    ck_assert(is_json(buffer_span(&text)));
    const char *left_out = strstr(buffer_text(&text), "{\"moment\":\"left_out\",\"count\":");
    ck_assert_ptr_nonnull(left_out);
    ck_assert_ptr_nonnull(strstr(text.data, "\"began\""));
    ck_assert_ptr_nonnull(strstr(text.data, "\"cancelled\""));
    ck_assert_uint_eq(rig->txn.history_count, TXN_HISTORY_MAX);
    uint64_t last = 0;
    struct json_cursor cursor = json_cursor(buffer_span(&text));
    struct troth_span key, entry, at;
    uint32_t entries = 0;
    while (json_next(&cursor, &key, &entry)) {
        entries++;
        ck_assert(json_member(entry, "moment", &at));
    }
    ck_assert_uint_eq(entries, TXN_HISTORY_MAX + 1);
    for (uint32_t i = 0; i < rig->txn.history_count; i++) /* the ring wraps once at most */
        last = rig->txn.history[i].at_us > last ? rig->txn.history[i].at_us : last;
    ck_assert_uint_eq(last, rig->now.mono.us - rig->txn.began.us);
    assert_kept(&rig->txn);
    rig_free(rig);
}
END_TEST

/* Moment by moment it is the same; who has heard some of those that were left out is told of the
 * others. */
START_TEST(moments_come_one_by_one)
{
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    for (uint32_t i = 0; i < TXN_HISTORY_MAX + 7; i++)
        rig->txn.history[rig->txn.history_count < TXN_HISTORY_MAX
                             ? rig->txn.history_count++
                             : TXN_HISTORY_MAX / 2 + rig->txn.history_dropped++] =
            (struct txn_history_entry){.moment = TXN_MOMENT_TIMEOUT, .attempt = 1, .at_us = i};
    BUFFER_SCOPED struct buffer whole = {0}, joined = {0}, one = {0};
    const uint64_t noted = (uint64_t)rig->txn.history_count + rig->txn.history_dropped;
    uint64_t told = 0;
    txn_history_append(&rig->txn, &whole);
    buffer_append_char(&joined, '[');
    while (told < noted) {
        buffer_append_text(&joined, told > 0 ? "," : "");
        ck_assert(txn_history_next(&rig->txn, &told, &joined));
    }
    buffer_append_char(&joined, ']');
    ck_assert_str_eq(buffer_text(&joined), buffer_text(&whole));
    ck_assert(!txn_history_next(&rig->txn, &told, &one));
    told = TXN_HISTORY_MAX / 2 + 2;
    ck_assert(txn_history_next(&rig->txn, &told, &one));
    BUFFER_SCOPED struct buffer wanted = {0};
    buffer_append_format(&wanted, "{\"moment\":\"left_out\",\"count\":%u}",
                         rig->txn.history_dropped - 2);
    ck_assert_str_eq(buffer_text(&one), buffer_text(&wanted));
    ck_assert_uint_eq(told, TXN_HISTORY_MAX / 2 + rig->txn.history_dropped);
    rig_free(rig);
}
END_TEST

START_TEST(outputs_larger_than_the_reserved_texts_go_with_the_record)
{
    struct rig *rig = rig_new(1);
    BUFFER_SCOPED struct buffer large = {0};
    ck_assert(buffer_reserve(&large, TXN_TEXTS_BYTES_MAX * 4));
    memset(large.data, '1', TXN_TEXTS_BYTES_MAX * 4);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_durable(rig, TXN_RECORD_DELEGATE);
    struct result done = {.op = OP_EXECUTE,
                          .branch = 1,
                          .attempt = 1,
                          .result = RESULT_DONE,
                          .output = {large.data, TXN_TEXTS_BYTES_MAX * 4}};
    rig_full_result(rig, &done, false); /* the buffer grows, and moves */
    const struct txn_record *record = rig_record(rig, TXN_RECORD_DECISION);
    ck_assert_uint_gt(record->steps.len, TXN_TEXTS_BYTES_MAX * 4);
    ck_assert(is_json(record->members));
    ck_assert(is_json(record->steps));
    rig_free(rig);
}
END_TEST

/* The timeline begins in little memory and is moved into more before it has to leave anything out:
 * it says the same as one that had room for all from the beginning. */
START_TEST(the_timeline_moves_into_more_room)
{
    struct txn_history_entry rooms[TXN_HISTORY_MAX * 4]; /* each new one stands behind the last */
    struct rig *roomy = rig_new(2), *rig = rig_new(2);
    BUFFER_SCOPED struct buffer wanted = {0}, text = {0};
    struct rig *const both[] = {roomy, rig};
    uint32_t moves = 0, used = 0;
    rig->txn.history_cap = 0;
    for (int i = 0; i < 24; i++) {
        while (txn_history_wants(&rig->txn)) {
            uint32_t cap = rig->txn.history_cap + 4;
            ck_assert_uint_le(used + cap, TXN_HISTORY_MAX * 4);
            txn_history_move(&rig->txn, rooms + used, cap);
            used += cap;
            moves++;
        }
        for (int which = 0; which < 2; which++)
            if (i == 0)
                rig_event(both[which], TXN_EVENT_SUBMITTED);
            else if (i == 1)
                rig_event(both[which], TXN_EVENT_RESERVED);
            else if (i == 2)
                rig_event(both[which], TXN_EVENT_CANCELLED);
            else
                rig_result(both[which], 1, OP_ABORT, RESULT_RETRY);
    }
    ck_assert_uint_gt(moves, 2);
    ck_assert_uint_eq(rig->txn.history_dropped, 0);
    txn_history_append(&roomy->txn, &wanted);
    txn_history_append(&rig->txn, &text);
    ck_assert_str_eq(buffer_text(&text), buffer_text(&wanted));
    assert_kept(&rig->txn);
    rig_free(roomy);
    rig_free(rig);
}
END_TEST

/* Where no memory is found for more, the first and the last moments are kept in what there is; and
 * where there is none at all, the timeline says how many there were. */
START_TEST(a_timeline_without_room_counts_what_it_leaves_out)
{
    for (uint32_t cap = 0; cap <= 3; cap++) {
        struct rig *rig = rig_new(1);
        BUFFER_SCOPED struct buffer text = {0};
        rig->txn.history_cap = cap;
        rig_event(rig, TXN_EVENT_SUBMITTED);
        rig_event(rig, TXN_EVENT_RESERVED);
        rig_event(rig, TXN_EVENT_CANCELLED);
        ck_assert(!txn_history_wants(&rig->txn));
        ck_assert_uint_eq(rig->txn.history_count, cap);
        ck_assert_uint_gt(rig->txn.history_dropped, 0);
        txn_history_append(&rig->txn, &text);
        ck_assert(is_json(buffer_span(&text)));
        ck_assert_ptr_nonnull(strstr(buffer_text(&text), "{\"moment\":\"left_out\",\"count\":"));
        ck_assert_int_eq(strstr(text.data, "\"began\"") != NULL, cap >= 2);
        ck_assert_int_eq(strstr(text.data, "\"cancelled\"") != NULL, cap >= 3);
        assert_kept(&rig->txn);
        rig_free(rig);
    }
}
END_TEST

/* As earlier versions kept it; and rows that are damaged, which are no JSON and so shown as such.
 */
START_TEST(a_kept_timeline_that_cannot_be_read_is_no_json)
{
    static const char old[] = "[{\"at\":\"+0s\",\"moment\":\"began\"}]";
    static const char *const bad[] = {
        "",    "1g",        "1g0.",           "1g0x",      "1-",  "1~0",           "1a0",
        "2g0", "1k0.1..7f", "1j0.1.0.0.ffff", "1g0.10000", "1Z0", "1g0.1.0.0.0.0", "1k0.1.0.8"};
    BUFFER_SCOPED struct buffer text = {0};
    txn_history_append_kept(SPAN(old), &text);
    ck_assert_str_eq(buffer_text(&text), old);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buffer_clear(&text);
        txn_history_append_kept((struct troth_span){bad[i], strlen(bad[i])}, &text);
        ck_assert_msg(!is_json(buffer_span(&text)), "%s: %s", bad[i], buffer_text(&text));
    }
}
END_TEST

/* Whatever stands there: cut off, or with one character changed, it is read without harm. */
START_TEST(a_damaged_timeline_does_no_harm)
{
    static const char kept[] = KEPT;
    for (size_t at = 0; at < sizeof kept - 1; at++) {
        for (int c = 1; c < 256; c++) {
            char text[sizeof kept];
            BUFFER_SCOPED struct buffer list = {0};
            memcpy(text, kept, sizeof kept);
            text[at] = (char)c;
            txn_history_append_kept((struct troth_span){text, sizeof kept - 1}, &list);
            txn_history_append_kept((struct troth_span){text, at + 1}, &list);
        }
    }
}
END_TEST

START_TEST(no_failure_is_null)
{
    struct rig *rig = rig_new(1);
    BUFFER_SCOPED struct buffer text = {0};
    txn_failure_append(&rig->txn, &text);
    ck_assert_str_eq(buffer_text(&text), "null");
    rig_free(rig);
}
END_TEST

TCase *text_tests(void)
{
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, the_end_record_tells_the_whole_way);
    tcase_add_test(tests, a_long_history_keeps_its_beginning_and_its_end);
    tcase_add_test(tests, moments_come_one_by_one);
    tcase_add_test(tests, the_timeline_moves_into_more_room);
    tcase_add_test(tests, a_timeline_without_room_counts_what_it_leaves_out);
    tcase_add_test(tests, outputs_larger_than_the_reserved_texts_go_with_the_record);
    tcase_add_test(tests, a_kept_timeline_that_cannot_be_read_is_no_json);
    tcase_add_test(tests, a_damaged_timeline_does_no_harm);
    tcase_add_test(tests, no_failure_is_null);
    return tests;
}
