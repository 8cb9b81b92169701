#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <base/span.h>
#include <txn/record.h>

#define SPAN(text) ((struct troth_span){text, sizeof(text) - 1})

START_TEST(members_read_back_as_they_were_written)
{
    BUFFER_SCOPED struct buffer list = {0};
    record_members_begin(&list);
    record_member_append(&list, &(struct record_member){.branch = 1,
                                                        .name = SPAN("debit"),
                                                        .participant = SPAN("bank_a"),
                                                        .operation = SPAN("debit"),
                                                        .inquires = true,
                                                        .vote = VOTE_YES});
    record_member_append(&list, &(struct record_member){.branch = 9999,
                                                        .participant = SPAN("bank_b"),
                                                        .operation = SPAN("credit"),
                                                        .inquires = false});
    record_members_end(&list);
    ck_assert_str_eq(buffer_text(&list),
                     "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":"
                     "\"debit\",\"inquires\":true,\"vote\":\"yes\"},{\"branch\":9999,"
                     "\"participant\":\"bank_b\",\"operation\":\"credit\",\"inquires\":false}]");
    struct json_cursor cursor = json_cursor(buffer_span(&list));
    struct record_member member;
    ck_assert_int_eq(record_member_next(&cursor, &member), 0);
    ck_assert_uint_eq(member.branch, 1);
    ck_assert(span_is(member.name, "debit"));
    ck_assert(span_is(member.participant, "bank_a"));
    ck_assert_int_eq(member.vote, VOTE_YES);
    ck_assert(member.inquires);
    ck_assert_int_eq(record_member_next(&cursor, &member), 0);
    ck_assert_uint_eq(member.branch, 9999);
    ck_assert_ptr_null(member.name.data);
    ck_assert_int_eq(member.vote, VOTE_NONE);
    ck_assert(!member.inquires);
    ck_assert_int_eq(record_member_next(&cursor, &member), TROTH_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(steps_read_back_as_they_were_written)
{
    BUFFER_SCOPED struct buffer list = {0};
    for (enum record_step_state state = RECORD_STEP_TRYING; state < RECORD_STEP_STATE_COUNT;
         state++) {
        bool waits = state == RECORD_STEP_WAITING || state == RECORD_STEP_UNDO_WAITING;
        buffer_append_char(&list, state == RECORD_STEP_TRYING ? '[' : ',');
        record_step_append(
            &list, &(struct record_step){.branch = 9999,
                                         .attempt = 2,
                                         .state = state,
                                         .tries = 3,
                                         .retry_at = {waits ? UINT64_C(1700000000000001) : 0},
                                         .output = SPAN("{\"n\":1e400}")});
    }
    buffer_append_char(&list, ']');
    struct json_cursor cursor = json_cursor(buffer_span(&list));
    struct record_step step;
    for (enum record_step_state state = RECORD_STEP_TRYING; state < RECORD_STEP_STATE_COUNT;
         state++) {
        bool waits = state == RECORD_STEP_WAITING || state == RECORD_STEP_UNDO_WAITING;
        ck_assert_int_eq(record_step_next(&cursor, &step), 0);
        ck_assert_uint_eq(step.branch, 9999);
        ck_assert_uint_eq(step.attempt, 2);
        ck_assert_int_eq(step.state, state);
        ck_assert_uint_eq(step.tries, 3);
        ck_assert_uint_eq(step.retry_at.us, waits ? UINT64_C(1700000000000001) : 0);
        ck_assert(span_is(step.output, "{\"n\":1e400}"));
    }
    ck_assert_int_eq(record_step_next(&cursor, &step), TROTH_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(a_damaged_step_is_refused)
{
    static const char *const damaged[] = {
        "[1]",
        "[{\"branch\":0,\"attempt\":1,\"step\":\"done\"}]",
        "[{\"branch\":1,\"attempt\":0,\"step\":\"done\"}]",
        "[{\"branch\":1,\"attempt\":1,\"step\":\"undone\"}]",
        "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":-1}]",
        "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"retry_at\":1.5}]",
    };
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct json_cursor cursor =
            json_cursor((struct troth_span){damaged[i], strlen(damaged[i])});
        struct record_step step;
        ck_assert_int_eq(record_step_next(&cursor, &step), TROTH_ERROR_SYNTAX);
    }
}
END_TEST

START_TEST(an_empty_list_has_no_members)
{
    BUFFER_SCOPED struct buffer list = {0};
    record_members_begin(&list);
    record_members_end(&list);
    struct json_cursor cursor = json_cursor(buffer_span(&list));
    struct record_member member;
    ck_assert_int_eq(record_member_next(&cursor, &member), TROTH_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(a_damaged_member_is_refused_and_the_output_untouched)
{
    static const char *const damaged[] = {
        "[7]",
        "[{}]",
        "[{\"branch\":\"1\",\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true}]",
        "[{\"branch\":10000,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true}]",
        "[{\"branch\":1,\"participant\":\"\",\"operation\":\"o\",\"inquires\":true}]",
        "[{\"branch\":1,\"participant\":\"a\\u0062\",\"operation\":\"o\",\"inquires\":true}]",
        "[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":1}]",
        "[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true,\"vote\":1}]",
    };
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct json_cursor cursor =
            json_cursor((struct troth_span){damaged[i], strlen(damaged[i])});
        struct record_member member = {.branch = 77};
        ck_assert_int_eq(record_member_next(&cursor, &member), TROTH_ERROR_SYNTAX);
        ck_assert_uint_eq(member.branch, 77);
    }
}
END_TEST

START_TEST(names_parse_back)
{
    for (enum txn_mode i = TXN_MODE_2PC; i < TXN_MODE_COUNT; i++) {
        enum txn_mode mode;
        const char *name = txn_mode_name(i);
        ck_assert_int_eq(txn_mode_parse((struct troth_span){name, strlen(name)}, &mode), 0);
        ck_assert_int_eq(mode, i);
    }
    for (enum txn_protocol i = TXN_PROTOCOL_2PC; i < TXN_PROTOCOL_COUNT; i++) {
        enum txn_protocol protocol;
        const char *name = txn_protocol_name(i);
        ck_assert_int_eq(txn_protocol_parse((struct troth_span){name, strlen(name)}, &protocol), 0);
        ck_assert_int_eq(protocol, i);
    }
    for (enum txn_decision i = TXN_UNDECIDED; i < TXN_DECISION_COUNT; i++) {
        enum txn_decision decision;
        const char *name = txn_decision_name(i);
        ck_assert_int_eq(txn_decision_parse((struct troth_span){name, strlen(name)}, &decision), 0);
        ck_assert_int_eq(decision, i);
    }
    for (enum txn_outcome i = TXN_OUTCOME_NONE; i < TXN_OUTCOME_COUNT; i++) {
        enum txn_outcome outcome;
        const char *name = txn_outcome_name(i);
        ck_assert_int_eq(txn_outcome_parse((struct troth_span){name, strlen(name)}, &outcome), 0);
        ck_assert_int_eq(outcome, i);
    }
    enum txn_mode mode;
    ck_assert_int_eq(txn_mode_parse(SPAN("2PC"), &mode), TROTH_ERROR_SYNTAX);
    ck_assert_int_eq(txn_mode_parse(SPAN(""), &mode), TROTH_ERROR_SYNTAX);
    for (enum txn_record_kind i = TXN_RECORD_BEGIN; i < TXN_RECORD_KIND_COUNT; i++)
        ck_assert_ptr_nonnull(txn_record_kind_name(i));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("txn_record");
    TCase *tests = tcase_create("record");
    tcase_add_test(tests, members_read_back_as_they_were_written);
    tcase_add_test(tests, an_empty_list_has_no_members);
    tcase_add_test(tests, steps_read_back_as_they_were_written);
    tcase_add_test(tests, a_damaged_step_is_refused);
    tcase_add_test(tests, a_damaged_member_is_refused_and_the_output_untouched);
    tcase_add_test(tests, names_parse_back);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
