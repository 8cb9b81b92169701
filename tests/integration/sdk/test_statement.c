/* Operations that are one SQL statement (troth/postgres.h). Each test runs two ways: as the first
 * call of a session, which goes the way of functions, and as a later one, in a single message. */
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static struct rig rig;

#define ASK(...) rig_ask(&rig, (struct ask){__VA_ARGS__})
#define PAY(...) ASK(.op = OP_EXECUTE, .operation = "pay", __VA_ARGS__)

static void setup(void)
{
    rig_setup(&rig);
}

static void teardown(void)
{
    rig_teardown(&rig);
}

static void warm_up(int times)
{
    if (times > 0) {
        ck_assert_int_eq(
            PAY(.counter = 99, .input = "{\"from\":{\"account\":9},\"amount\":1}").result,
            RESULT_DONE);
    }
}

static void assert_done(struct said said, const char *output)
{
    ck_assert_msg(said.result == RESULT_DONE, "%s: %s", message_result_name(said.result),
                  said.reason);
    ck_assert_str_eq(said.output, output);
}

/* It stands, and its tombstone with it. */
static void assert_refused(struct said said, const char *words)
{
    ck_assert_msg(said.result == RESULT_REFUSED, "%s: %s", message_result_name(said.result),
                  said.reason);
    ck_assert_int_eq(said.state, BRANCH_IS_ABORTED);
    ck_assert_msg(strstr(said.reason, words) != NULL, "%s", said.reason);
}

START_TEST(its_row_is_the_output_and_members_of_members_are_parameters)
{
    const char *input = "{\"from\":{\"account\":1},\"amount\":100}";
    warm_up(_i);
    assert_done(PAY(.counter = 1, .input = input), "{\"balance\":900,\"note\":null}");
    assert_done(PAY(.counter = 1, .input = input), "{\"balance\":900,\"note\":null}");
    assert_done(
        PAY(.counter = 2,
            .input = "{\"from\":{\"account\":\"1\"},\"amount\":1,\"note\":\"a \\\"b\\\"\"}"),
        "{\"balance\":899,\"note\":\"a \\\"b\\\"\"}");
    ck_assert_int_eq(rig_balance(&rig, 1), 899);
}
END_TEST

START_TEST(without_a_row_it_refuses_in_the_words_of_its_query)
{
    warm_up(_i);
    assert_refused(PAY(.counter = 1, .input = "{\"from\":{\"account\":77},\"amount\":1}"),
                   "no account 77 with 1");
    assert_refused(PAY(.counter = 1, .input = "{\"from\":{\"account\":77},\"amount\":1}"),
                   "no account 77 with 1");
    assert_refused(
        ASK(.op = OP_PREPARE, .operation = "divide", .counter = 2, .input = "{\"by\":null}"),
        "refused");
}
END_TEST

/* Also where it fails as the guard's own statements do. */
START_TEST(what_would_fail_again_is_refused_in_the_servers_words)
{
    warm_up(_i);
    assert_refused(PAY(.counter = 1, .input = "{\"from\":{\"account\":1},\"amount\":\"much\"}"),
                   "invalid input syntax");
    assert_refused(
        ASK(.op = OP_PREPARE, .operation = "divide", .counter = 2, .input = "{\"by\":0}"),
        "division by zero");
    assert_refused(PAY(.counter = 3, .input = "{\"from\":{\"account\":1},\"amount\":-1000000}"),
                   "account_balance");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* It fails at PREPARE and at COMMIT, and would do so for ever. */
START_TEST(a_deferred_constraint_refuses)
{
    warm_up(_i);
    assert_refused(
        ASK(.op = OP_PREPARE, .operation = "owe", .counter = 1, .input = "{\"account\":77}"),
        "debt_account_fkey");
    assert_refused(
        ASK(.op = OP_EXECUTE, .operation = "owe", .counter = 2, .input = "{\"account\":77}"),
        "debt_account_fkey");
    assert_done(ASK(.op = OP_EXECUTE, .operation = "owe", .counter = 3, .input = "{\"account\":7}"),
                "{\"account\":7}");
}
END_TEST

START_TEST(more_than_one_row_is_no_answer)
{
    struct said said;
    warm_up(_i);
    said = ASK(.op = OP_PREPARE, .operation = "many", .counter = 1, .input = "{}");
    ck_assert_int_eq(said.result, RESULT_RETRY);
    ck_assert_ptr_nonnull(strstr(said.reason, "more than one row"));
}
END_TEST

/* Before anything is kept: a branch whose output nobody can take would be committed for ever. */
START_TEST(an_output_that_is_too_deep_is_no_answer)
{
    struct said said;
    warm_up(_i);
    said = ASK(.op = OP_EXECUTE, .operation = "nested", .counter = 1, .input = "{\"levels\":64}");
    ck_assert_int_eq(said.result, RESULT_RETRY);
    ck_assert_msg(strstr(said.reason, "too deep") != NULL, "%s", said.reason);
    said = ASK(.op = OP_PREPARE, .operation = "nested", .counter = 2, .input = "{\"levels\":500}");
    ck_assert_int_eq(said.result, RESULT_RETRY);
    ck_assert_msg(strstr(said.reason, "too deep") != NULL, "%s", said.reason);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    said = ASK(.op = OP_EXECUTE, .operation = "nested", .counter = 3, .input = "{\"levels\":63}");
    ck_assert_int_eq(said.result, RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 999);
}
END_TEST

START_TEST(a_statement_undoes)
{
    const char *input = "{\"from\":{\"account\":1},\"amount\":100}";
    warm_up(_i);
    assert_done(PAY(.counter = 1, .input = input), "{\"balance\":900,\"note\":null}");
    assert_done(ASK(.op = OP_COMPENSATE, .operation = "pay", .counter = 1, .input = input),
                "{\"balance\":1000}");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

#define TAKE(...) ASK(.op = OP_EXECUTE, .operation = "take", __VA_ARGS__)

START_TEST(what_is_not_of_its_kind_is_refused_by_name)
{
    warm_up(_i);
    assert_refused(TAKE(.counter = 1, .input = "{\"amount\":1}"), "input.account is missing");
    assert_refused(TAKE(.counter = 2, .input = "{\"account\":1,\"amount\":null}"),
                   "input.amount is missing");
    assert_refused(TAKE(.counter = 3, .input = "{\"account\":\"one\",\"amount\":1}"),
                   "input.account must be a whole number, and is \"one\"");
    assert_refused(TAKE(.counter = 4, .input = "{\"account\":1.5,\"amount\":1}"),
                   "input.account must be a whole number, and is 1.5");
    assert_refused(TAKE(.counter = 5, .input = "{\"account\":1,\"amount\":[1]}"),
                   "input.amount must be a number, and is [1]");
    assert_refused(TAKE(.counter = 6, .input = "{\"account\":9999999999999999999,\"amount\":1}"),
                   "out of range");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

START_TEST(a_refusal_has_its_own_words_a_column_and_a_constraint_too)
{
    warm_up(_i);
    assert_refused(
        TAKE(.counter = 1, .input = "{\"account\":77,\"amount\":1,\"names\":[\"Ann\",\"Bob\"]}"),
        "nobody is called Ann");
    assert_refused(TAKE(.counter = 2, .input = "{\"account\":1,\"amount\":950}"), "too little");
    assert_refused(TAKE(.counter = 3, .input = "{\"account\":1,\"amount\":1950000}"), "overdrawn");
    assert_refused(ASK(.op = OP_PREPARE, .operation = "raise", .counter = 4,
                       .input = "{\"words\":\"not today\"}"),
                   "not today");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

START_TEST(json_is_bound_as_it_is_and_the_actions_output_undoes)
{
    const char *input = "{\"account\":1,\"amount\":\"100\",\"note\":\"a \\\"b\\\"\"}";
    warm_up(_i);
    assert_done(TAKE(.counter = 1, .input = input),
                "{\"balance\":900,\"note\":\"a \\\"b\\\"\",\"no\":null}");
    assert_done(
        ASK(.op = OP_COMPENSATE, .operation = "take", .counter = 1, .input = "{\"account\":2}"),
        "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_balance(&rig, 2), 900);
}
END_TEST

/* As a function's does; a warning at the transaction's end is another matter. */
START_TEST(a_warning_of_its_own_says_nothing_of_its_end)
{
    warm_up(_i);
    assert_done(ASK(.op = OP_EXECUTE, .operation = "warn", .counter = 1, .input = "{}"),
                "{\"said\":\"said\"}");
    ck_assert_int_eq(ASK(.op = OP_PREPARE, .operation = "warn", .counter = 2, .input = "{}").result,
                     RESULT_VOTE);
}
END_TEST

START_TEST(what_is_cut_off_says_that_it_had_begun)
{
    struct said said;
    warm_up(_i);
    said =
        ASK(.op = OP_PREPARE, .operation = "sleep", .counter = 1, .input = "{}", .timeout = "300");
    ck_assert_int_eq(said.result, RESULT_RETRY);
    ck_assert_msg(strstr(said.reason, "statement timeout") != NULL, "%s", said.reason);
}
END_TEST

START_TEST(a_statement_that_only_reads_has_no_guard_row)
{
    const struct said said = ASK(.op = OP_PREPARE, .operation = "sum", .counter = 1,
                                 .input = "{\"numbers\":[1,\"2\",3]}");
    assert_done(ASK(.op = OP_EXECUTE, .operation = "sum", .counter = 2,
                    .input = "{\"numbers\":[9007199254740993]}"),
                "{\"sum\":9007199254740993,\"input\":{\"numbers\": [9007199254740993]}}");
    ck_assert_int_eq(said.result, RESULT_VOTE);
    ck_assert_int_eq(said.vote, VOTE_READ_ONLY);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
}
END_TEST

/* Also where the guard's row comes behind the work. */
START_TEST(its_session_has_a_name_and_times_before_it_works)
{
    char name[96], gtid[TROTH_GTID_TEXT_LEN + 1];
    const troth_gtid of = rig_gtid(1);
    const char *at;
    struct said said;
    warm_up(_i);
    troth_gtid_format(&of, gtid);
    (void)snprintf(name, sizeof name, "\"name\":\"" JOURNAL "_%s_1_1\",\"bounded\":true", gtid);
    said = ASK(.op = OP_EXECUTE, .operation = "around", .counter = 1, .input = "{}",
               .lock_wait_ms = 320);
    ck_assert_int_eq(said.result, RESULT_DONE);
    ck_assert_msg(strstr(said.output, name) != NULL, "%s", said.output);
    at = strstr(said.output, "\"lock_timeout\":\"");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_le(atoi(strpbrk(at, "0123456789")), 321);
}
END_TEST

/* What may wait for locks only briefly, as a parallel prepare does, is short instead. */
START_TEST(a_brief_one_has_times_and_needs_no_name)
{
    struct said said;
    int again;
    warm_up(1);
    for (again = 0; again < 2; again++) {
        said = ASK(.op = OP_EXECUTE, .operation = "around", .counter = 1u + (uint32_t)again,
                   .input = "{}", .timeout = "60000", .lock_wait_ms = 100u + 20u * (uint32_t)again);
        ck_assert_int_eq(said.result, RESULT_DONE);
        ck_assert_msg(strstr(said.output, JOURNAL "_") == NULL, "%s", said.output);
        ck_assert_msg(strstr(said.output, "\"bounded\":true") != NULL, "%s", said.output);
        ck_assert_msg(strstr(said.output, again == 0 ? "\"100ms\"" : "\"120ms\"") != NULL ||
                          strstr(said.output, again == 0 ? "\"101ms\"" : "\"121ms\"") != NULL,
                      "%s", said.output);
    }
}
END_TEST

/* The query that counts the sessions which are known by the name of the first branch. */
static void named_session(const char *and_so, char *ret_sql, size_t cap)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    const troth_gtid of = rig_gtid(1);
    troth_gtid_format(&of, gtid);
    (void)snprintf(ret_sql, cap,
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = '" JOURNAL
                   "_%s_1_1'%s",
                   gtid, and_so);
}

static void assert_aborted_by_another_process(void)
{
    char sql[256], gtid[TROTH_GTID_TEXT_LEN + 1];
    const troth_gtid of = rig_gtid(1);
    troth_gtid_format(&of, gtid);
    (void)snprintf(sql, sizeof sql,
                   "SELECT verdict FROM troth_guard.abort('" JOURNAL "', '%s', 1, 1)", gtid);
    ck_assert_str_eq(rig_sql(&rig, sql), "aborted");
}

/* So it is found, and ended, by another process that comes to abort it. */
START_TEST(one_that_turns_out_not_to_be_brief_begins_again_with_its_name)
{
    char sql[256];
    struct said said;
    int fd;
    warm_up(1);
    fd = rig_send(&rig, (struct ask){.op = OP_PREPARE,
                                     .operation = "sleep",
                                     .counter = 1,
                                     .input = "{}",
                                     .lock_wait_ms = 100,
                                     .timeout = "60000"});
    named_session(" AND wait_event = 'PgSleep'", sql, sizeof sql);
    rig_until(&rig, sql, "1");
    assert_aborted_by_another_process();
    said = rig_hear(fd);
    assert_refused(said, "aborted");
}
END_TEST

/* In its own process it is ended at once, as soon as it is aborted. */
START_TEST(a_brief_one_is_ended_by_its_own_process)
{
    struct said said;
    int fd;
    warm_up(1);
    fd = rig_send(&rig, (struct ask){.op = OP_PREPARE,
                                     .operation = "sleep",
                                     .counter = 1,
                                     .input = "{}",
                                     .lock_wait_ms = 100,
                                     .timeout = "60000"});
    rig_until(&rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
    said = ASK(.op = OP_ABORT, .operation = "sleep", .counter = 1);
    ck_assert_int_eq(said.state, BRANCH_IS_ABORTED);
    ck_assert_int_ne(rig_hear(fd).result, RESULT_VOTE);
    rig_until(&rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "0");
}
END_TEST

#define ONE_FROM_1 "{\"from\":{\"account\":1},\"amount\":1}"

/* Another process of the participant has prepared the very same call. */
static void prepare_elsewhere(void)
{
    char sql[1024], gtid[TROTH_GTID_TEXT_LEN + 1];
    const troth_gtid of = rig_gtid(1);
    troth_gtid_format(&of, gtid);
    (void)snprintf(sql, sizeof sql,
                   "BEGIN; SELECT troth_guard.action('" JOURNAL "', '%s', 1, 1, 'pay', '" ONE_FROM_1
                   "'); UPDATE account SET balance = balance - 1 WHERE id = 1;"
                   " SELECT troth_guard.reply('" JOURNAL "', '%s', 1, 1, '{}');"
                   " PREPARE TRANSACTION 'troth_" JOURNAL "_%s_1_1'",
                   gtid, gtid, gtid);
    session_run_sql(rig.sql, sql);
}

/* The lock that its work does not get is its own: no conflict, which would end the transaction. */
START_TEST(a_call_that_another_process_has_prepared_is_a_yes)
{
    struct said said;
    warm_up(_i);
    prepare_elsewhere();
    said = ASK(.op = OP_PREPARE, .operation = "pay", .counter = 1, .input = ONE_FROM_1,
               .lock_wait_ms = 100, .ordered = _i == 2);
    ck_assert_msg(said.result == RESULT_VOTE, "%s: %s", message_result_name(said.result),
                  said.reason);
    ck_assert_int_eq(said.vote, VOTE_YES);
    assert_done(ASK(.op = OP_COMMIT, .operation = "pay", .counter = 1), "{}");
    ck_assert_int_eq(rig_balance(&rig, 1), 999);
}
END_TEST

/* It is not there yet, and nobody need wait for it: the tombstone stands at once, the session that
 * works is ended, and what it does is nothing. */
START_TEST(an_abort_by_another_process_before_the_row)
{
    char sql[256];
    PGconn *holder = rig_session(&rig);
    struct said said;
    int fd;
    warm_up(_i);
    session_run_sql(holder, "BEGIN; SELECT FROM account WHERE id = 1 FOR UPDATE");
    fd = rig_send(&rig, (struct ask){.op = OP_EXECUTE,
                                     .operation = "pay",
                                     .counter = 1,
                                     .input = ONE_FROM_1,
                                     .lock_wait_ms = 20000,
                                     .timeout = "60000"});
    named_session(" AND wait_event_type = 'Lock'", sql, sizeof sql);
    rig_until(&rig, sql, "1");
    assert_aborted_by_another_process();
    said = rig_hear(fd); /* while the lock is held still */
    assert_refused(said, "aborted");
    session_run_sql(holder, "ROLLBACK");
    PQfinish(holder);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* In the same process; the one that works is not kept from its row. */
START_TEST(the_same_call_while_it_works_is_to_be_tried_again)
{
    PGconn *holder = rig_session(&rig);
    struct said said;
    int fd;
    warm_up(_i);
    session_run_sql(holder, "BEGIN; SELECT FROM account WHERE id = 1 FOR UPDATE");
    fd = rig_send(&rig, (struct ask){.op = OP_EXECUTE,
                                     .operation = "pay",
                                     .counter = 1,
                                     .input = ONE_FROM_1,
                                     .lock_wait_ms = 20000,
                                     .timeout = "60000"});
    rig_until(&rig, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "1");
    said = PAY(.counter = 1, .input = ONE_FROM_1, .lock_wait_ms = 100);
    ck_assert_msg(said.result == RESULT_RETRY, "%s", message_result_name(said.result));
    ck_assert_str_eq(said.reason, "the same call still runs");
    session_run_sql(holder, "ROLLBACK");
    PQfinish(holder);
    assert_done(rig_hear(fd), "{\"balance\":999,\"note\":null}");
    assert_done(PAY(.counter = 1, .input = ONE_FROM_1), "{\"balance\":999,\"note\":null}");
}
END_TEST

static void replace(const struct troth_postgres_statement *statement)
{
    const struct troth_postgres_operation operation = {TROTH_POSTGRES_OPERATION_INIT,
                                                       .statement = statement};
    rig_pause(&rig);
    ck_assert_int_eq(
        troth_postgres_replace(rig.postgres, "pay", statement == NULL ? NULL : &operation), 0);
    rig_run(&rig);
}

START_TEST(an_operation_is_replaced_and_taken_away_while_it_works)
{
    const struct troth_postgres_statement other = {TROTH_POSTGRES_STATEMENT_INIT,
                                                   .sql = "SELECT 'other' AS pay"};
    const char *input = "{\"from\":{\"account\":1},\"amount\":100}";
    warm_up(_i);
    ck_assert_int_eq(ASK(.op = OP_PREPARE, .operation = "pay", .counter = 1, .input = input).result,
                     RESULT_VOTE);
    replace(&other);
    assert_done(PAY(.counter = 2, .input = input), "{\"pay\":\"other\"}");
    ck_assert_int_eq(ASK(.op = OP_COMMIT, .operation = "pay", .counter = 1).result, RESULT_DONE);
    ck_assert_int_eq(ASK(.op = OP_PREPARE, .operation = "pay", .counter = 3, .input = input).result,
                     RESULT_VOTE);
    replace(NULL);
    ck_assert_int_ne(PAY(.counter = 4, .input = input).result, RESULT_DONE);
    ck_assert_int_eq(ASK(.op = OP_COMMIT, .operation = "pay", .counter = 3).result, RESULT_DONE);
    ck_assert_int_eq(troth_postgres_replace(rig.postgres, "pay", NULL), TROTH_ERROR_NOT_FOUND);
    replace(&other);
    assert_done(PAY(.counter = 5, .input = input), "{\"pay\":\"other\"}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

static int nothing(void *arg, PGconn *connection, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)arg;
    (void)connection;
    (void)call;
    (void)output;
    return 0;
}

#define REFUSES(...)                                                                               \
    ck_assert_int_eq(troth_postgres_handle(rig.postgres, "wrong",                                  \
                                           &(struct troth_postgres_operation){                     \
                                               TROTH_POSTGRES_OPERATION_INIT, __VA_ARGS__}),       \
                     TROTH_ERROR_INVALID)

START_TEST(what_makes_no_operation_is_refused_at_once)
{
    const struct troth_postgres_statement good = {TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT 1"};
    const struct troth_postgres_statement two_refusals = {
        TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT 1", .refusal = "SELECT ''", .no_row = &good};
    const struct troth_postgres_statement unknown_binding = {
        TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT $1",
        .parameters = (const char *const[]){"a", NULL}, .binding = (const uint32_t[]){1u << 20}};
    const struct troth_postgres_statement empty = {TROTH_POSTGRES_STATEMENT_INIT};
    const struct troth_postgres_statement unsized = {.sql = "SELECT 1"};
    const char *many[TROTH_POSTGRES_PARAMETERS_MAX + 2] = {NULL};
    const struct troth_postgres_statement long_one = {TROTH_POSTGRES_STATEMENT_INIT,
                                                      .sql = "SELECT 1", .parameters = many};
    unsigned i;
    for (i = 0; i <= TROTH_POSTGRES_PARAMETERS_MAX; i++)
        many[i] = "a";
    REFUSES(.statement = &good, .work = nothing);
    REFUSES(.undo = &good, .compensate = nothing);
    REFUSES(.statement = &two_refusals);
    REFUSES(.statement = &unknown_binding);
    REFUSES(.statement = &empty);
    REFUSES(.statement = &unsized);
    REFUSES(.statement = &long_one);
}
END_TEST

TCase *statement_tests(void)
{
    TCase *tests = tcase_create("statement");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, its_row_is_the_output_and_members_of_members_are_parameters, 0, 2);
    tcase_add_loop_test(tests, without_a_row_it_refuses_in_the_words_of_its_query, 0, 2);
    tcase_add_loop_test(tests, what_would_fail_again_is_refused_in_the_servers_words, 0, 2);
    tcase_add_loop_test(tests, a_deferred_constraint_refuses, 0, 2);
    tcase_add_loop_test(tests, more_than_one_row_is_no_answer, 0, 2);
    tcase_add_loop_test(tests, an_output_that_is_too_deep_is_no_answer, 0, 2);
    tcase_add_loop_test(tests, a_statement_undoes, 0, 2);
    tcase_add_loop_test(tests, what_is_not_of_its_kind_is_refused_by_name, 0, 2);
    tcase_add_loop_test(tests, a_refusal_has_its_own_words_a_column_and_a_constraint_too, 0, 2);
    tcase_add_loop_test(tests, json_is_bound_as_it_is_and_the_actions_output_undoes, 0, 2);
    tcase_add_loop_test(tests, a_warning_of_its_own_says_nothing_of_its_end, 0, 2);
    tcase_add_loop_test(tests, what_is_cut_off_says_that_it_had_begun, 0, 2);
    tcase_add_loop_test(tests, its_session_has_a_name_and_times_before_it_works, 0, 2);
    tcase_add_test(tests, a_brief_one_has_times_and_needs_no_name);
    tcase_add_test(tests, one_that_turns_out_not_to_be_brief_begins_again_with_its_name);
    tcase_add_test(tests, a_brief_one_is_ended_by_its_own_process);
    tcase_add_loop_test(tests, a_call_that_another_process_has_prepared_is_a_yes, 0, 3);
    tcase_add_loop_test(tests, the_same_call_while_it_works_is_to_be_tried_again, 0, 2);
    tcase_add_loop_test(tests, an_abort_by_another_process_before_the_row, 0, 2);
    tcase_add_test(tests, a_statement_that_only_reads_has_no_guard_row);
    tcase_add_loop_test(tests, an_operation_is_replaced_and_taken_away_while_it_works, 0, 2);
    tcase_add_test(tests, what_makes_no_operation_is_refused_at_once);
    return tests;
}
