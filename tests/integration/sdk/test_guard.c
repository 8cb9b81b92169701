/* The rows of the guard's table that need one call after the other (participant-sdk.md). */
#include <string.h>

#include "rig.h"

#define ROWS     "SELECT count(*) FROM troth_guard.guard"
#define PREPARED "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"

static struct rig rig;

static void setup(void)
{
    rig_setup(&rig);
}

static void teardown(void)
{
    rig_teardown(&rig);
}

#define ASK(...) rig_ask(&rig, (struct ask){__VA_ARGS__})

static void assert_yes(struct said said, const char *output)
{
    ck_assert_msg(said.result == RESULT_VOTE, "%s: %s", message_result_name(said.result),
                  said.reason);
    ck_assert_int_eq(said.vote, VOTE_YES);
    ck_assert_str_eq(said.output, output);
}

static void assert_done(struct said said, enum message_state state, const char *output)
{
    ck_assert_msg(said.result == RESULT_DONE, "%s: %s", message_result_name(said.result),
                  said.reason);
    ck_assert_str_eq(message_state_name(said.state), message_state_name(state));
    ck_assert_str_eq(said.output, output);
}

static void assert_result(struct said said, enum message_result result)
{
    ck_assert_msg(said.result == result, "%s: %s", message_result_name(said.result), said.reason);
}

/* Prepare changes nothing that others see; commit makes it last and answers the output. */
START_TEST(prepare_then_commit)
{
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
    assert_done(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
}
END_TEST

/* A commit that comes twice is answered the same twice and acts once. */
START_TEST(commit_twice)
{
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* The same execute again answers the stored reply and does nothing. */
START_TEST(execute_twice)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_number(&rig, ROWS), 1);
}
END_TEST

/* A repeated prepare whose row is invisible votes yes without output; the commit, of a process that
 * remembers nothing, answers it. */
START_TEST(prepare_twice_across_a_restart)
{
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "{\"balance\":900}");
    rig_stop(&rig);
    rig_start(&rig);
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "");
    assert_done(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* The same call with another input is refused, and the first stands. */
START_TEST(other_input)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .input = "{\"account\":1,\"amount\":101}"),
                  RESULT_REFUSED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* A refusal is kept: its duplicate is refused with the same words though it could succeed now. */
START_TEST(refusal_is_kept)
{
    const char *input = "{\"account\":2,\"amount\":5000}";
    struct said said = ASK(.op = OP_PREPARE, .counter = 1, .input = input);
    assert_result(said, RESULT_REFUSED);
    ck_assert_str_eq(said.reason, "insufficient funds");
    rig_sql(&rig, "UPDATE account SET balance = 9000 WHERE id = 2");
    said = ASK(.op = OP_PREPARE, .counter = 1, .input = input);
    assert_result(said, RESULT_REFUSED);
    ck_assert_str_eq(said.reason, "insufficient funds");
    ck_assert_int_eq(rig_balance(&rig, 2), 9000);
}
END_TEST

/* Abort of a prepared branch rolls it back, leaves the tombstone, and the branch never acts again.
 */
START_TEST(abort_prepared)
{
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "{\"balance\":900}");
    assert_done(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED, "");
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_str_eq(rig_sql(&rig, "SELECT state FROM troth_guard.guard"), "tombstone");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_REFUSED);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_REFUSED);
    assert_done(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED, "");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* An abort that finds nothing leaves the tombstone, which refuses a late prepare. */
START_TEST(abort_before_prepare)
{
    assert_done(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED, "");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_REFUSED);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
}
END_TEST

/* An abort of what execute has committed answers committed, with its output. */
START_TEST(abort_of_a_committed_action)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* A compensation without an action has nothing to undo, and refuses the action if it comes later.
 */
START_TEST(null_compensation)
{
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED, "");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_REFUSED);
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED, "");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM seen"), 0);
}
END_TEST

/* A compensation undoes once, with the action's stored output at hand. */
START_TEST(compensation)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    ck_assert_str_eq(rig_sql(&rig, "SELECT string_agg(output, ' ') FROM seen"),
                     "{\"balance\":900}");
}
END_TEST

/* A step may name another operation as its compensation: it undoes the action of the branch, whose
 * output it gets; it does nothing forward. */
START_TEST(compensation_by_another_operation)
{
    struct said said = ASK(.op = OP_EXECUTE, .counter = 2, .operation = "refund");
    assert_result(said, RESULT_NO_OPERATION);
    ck_assert_str_eq(said.reason, "the operation only compensates here");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1, .operation = "refund"),
                BRANCH_IS_COMPENSATED, "{\"balance\":1000}");
    ck_assert_str_eq(rig_sql(&rig, "SELECT string_agg(output, ' ') FROM seen"),
                     "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 3, .operation = "refund"),
                BRANCH_IS_COMPENSATED, "");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 3), RESULT_REFUSED);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* The same compensation with another input: it is done, and once. */
START_TEST(compensation_with_other_input)
{
    const char *more = "{\"account\":1,\"amount\":101}";
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1, .input = more), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* A compensation that refuses changes nothing and is not kept: an operator may have it tried again.
 */
START_TEST(compensation_refused)
{
    const char *all = "{\"account\":1,\"amount\":-5000}";
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_result(ASK(.op = OP_COMPENSATE, .counter = 1, .input = all), RESULT_REFUSED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM seen"), 0);
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* What was refused, aborted or only prepared has nothing to undo, and does not act any more. */
START_TEST(compensation_of_what_did_not_act)
{
    uint64_t counter;
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .input = "{\"account\":1,\"amount\":5000}"),
                  RESULT_REFUSED);
    assert_done(ASK(.op = OP_ABORT, .counter = 2), BRANCH_IS_ABORTED, "");
    assert_yes(ASK(.op = OP_PREPARE, .counter = 3), "{\"balance\":900}");
    for (counter = 1; counter <= 3; counter++) {
        assert_done(ASK(.op = OP_COMPENSATE, .counter = counter, .attempt = 2),
                    BRANCH_IS_COMPENSATED, "");
        assert_result(ASK(.op = OP_EXECUTE, .counter = counter, .attempt = 2), RESULT_REFUSED);
    }
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM seen"), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Read-only work leaves no guard row and nothing prepared, and cannot write. */
START_TEST(read_only)
{
    struct said said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "look");
    assert_result(said, RESULT_VOTE);
    ck_assert_int_eq(said.vote, VOTE_READ_ONLY);
    ck_assert_str_eq(said.output, "{\"balance\":1000}");
    said = ASK(.op = OP_PREPARE, .counter = 2, .operation = "look_and_touch");
    assert_result(said, RESULT_RETRY);
    ck_assert_ptr_nonnull(strstr(said.reason, "read-only"));
    ck_assert_int_eq(rig_number(&rig, ROWS), 0);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Status tells each state and changes none. */
START_TEST(status)
{
    assert_done(ASK(.op = OP_STATUS, .counter = 1), BRANCH_IS_UNKNOWN, "");
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1), "{\"balance\":900}");
    assert_done(ASK(.op = OP_STATUS, .counter = 1), BRANCH_IS_PREPARED, "");
    assert_done(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_STATUS, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_ABORT, .counter = 2), BRANCH_IS_ABORTED, "");
    assert_done(ASK(.op = OP_STATUS, .counter = 2), BRANCH_IS_ABORTED, "");
}
END_TEST

/* A lower attempt's tombstone says nothing of a higher one, which may act, or be prepared. What is
 * prepared is told to who asks for a lower attempt, too: his journal may have lost the higher one.
 */
START_TEST(status_of_an_attempt)
{
    assert_done(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED, "");
    assert_done(ASK(.op = OP_STATUS, .counter = 1, .attempt = 2), BRANCH_IS_UNKNOWN, "");
    assert_yes(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 2), "{\"balance\":900}");
    assert_done(ASK(.op = OP_STATUS, .counter = 1, .attempt = 2), BRANCH_IS_PREPARED, "");
    assert_done(ASK(.op = OP_STATUS, .counter = 1, .attempt = 1), BRANCH_IS_PREPARED, "");
}
END_TEST

/* What became of a done action includes its compensation. */
START_TEST(status_of_a_compensation)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED,
                "{\"balance\":1000}");
    assert_done(ASK(.op = OP_STATUS, .counter = 1), BRANCH_IS_COMPENSATED, "{\"balance\":1000}");
}
END_TEST

/* Guard rows leave below the shard's oldest open gtid, and calls below it are unknown from then on;
 * what is open stays. */
START_TEST(forgotten)
{
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 5), BRANCH_IS_COMMITTED, "{\"balance\":800}");
    troth_gtid oldest = rig_gtid(5);
    troth_gtid_format(&oldest, rig.oldest_open);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 6), BRANCH_IS_COMMITTED, "{\"balance\":700}");
    rig_until(&rig, ROWS, "2");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_UNKNOWN);
    assert_result(ASK(.op = OP_ABORT, .counter = 2), RESULT_UNKNOWN);
    assert_result(ASK(.op = OP_COMPENSATE, .counter = 2), RESULT_UNKNOWN);
    assert_result(ASK(.op = OP_COMMIT, .counter = 2), RESULT_UNKNOWN);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 5), BRANCH_IS_COMMITTED, "{\"balance\":800}");
    ck_assert_int_eq(rig_balance(&rig, 1), 700);
}
END_TEST

static void say_oldest(uint32_t epoch, uint64_t counter)
{
    const struct troth_gtid_parts parts = {
        .unix_ms = 1763700000000, .shard = 3, .epoch = epoch, .counter = counter};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    troth_gtid_format(&gtid, rig.oldest_open);
}

#define MARK "SELECT coalesce(max(ordering), 0) FROM troth_guard.mark"

/* Where nobody has to show who he is, nobody is believed: a forged mark leaves nothing behind, and
 * the real coordinator is served on. */
START_TEST(a_forged_mark_of_anybody)
{
    char file[sizeof rig.token_file];
    rig_stop(&rig);
    strcpy(file, rig.token_file);
    rig.token_file[0] = '\0';
    rig_start(&rig);
    say_oldest(TROTH_EPOCH_MAX, TROTH_COUNTER_MAX);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 2), BRANCH_IS_COMMITTED, "{\"balance\":800}");
    rig_stop(&rig);
    strcpy(rig.token_file, file);
    rig_start(&rig);
    say_oldest(EPOCH, 2);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 3), BRANCH_IS_COMMITTED, "{\"balance\":700}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 4), BRANCH_IS_COMMITTED, "{\"balance\":600}");
    rig_until(&rig, ROWS, "3");
    ck_assert_int_eq(rig_number(&rig, MARK) & 0x3fffffffff, 2);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 2), BRANCH_IS_COMMITTED, "{\"balance\":800}");
}
END_TEST

/* Not even who is known is believed beyond what has come here; so a coordinator that is wrong, or
 * was taken over, does not shut out what comes behind. */
START_TEST(a_mark_beyond_reason)
{
    say_oldest(TROTH_EPOCH_MAX, TROTH_COUNTER_MAX);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 1), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 2), BRANCH_IS_COMMITTED, "{\"balance\":800}");
    rig_until(&rig, "SELECT counter FROM troth_guard.marks", "1");
    rig_stop(&rig);
    rig.oldest_open[0] = '\0';
    rig_start(&rig);
    assert_done(ASK(.op = OP_EXECUTE, .counter = 3), BRANCH_IS_COMMITTED, "{\"balance\":700}");
}
END_TEST

/* A wrong mark lies in the table and shuts the coordinator out, until its owner puts it right; a
 * mark that is not above what is said stays. */
START_TEST(a_wrong_mark_is_put_right)
{
    char sql[256], gtid[TROTH_GTID_TEXT_LEN + 1];
    const troth_gtid oldest = rig_gtid(5), lower = rig_gtid(2);
    rig_sql(&rig, "INSERT INTO troth_guard.mark VALUES ('" JOURNAL "', 3, 4611686018427387903)");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 7), RESULT_UNKNOWN);
    troth_gtid_format(&oldest, gtid);
    snprintf(sql, sizeof sql,
             "SELECT was_epoch || ' ' || was_counter || ' ' || counter"
             " FROM troth_guard.put_right('" JOURNAL "', '{%s}')",
             gtid);
    ck_assert_str_eq(rig_sql(&rig, sql), "16777215 274877906943 5");
    assert_done(ASK(.op = OP_EXECUTE, .counter = 7), BRANCH_IS_COMMITTED, "{\"balance\":900}");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 4), RESULT_UNKNOWN);
    ck_assert_str_eq(rig_sql(&rig, sql), ""); /* it is right */
    troth_gtid_format(&lower, gtid);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM troth_guard.put_right('%s', '{%s}')",
             OTHER_JOURNAL, gtid);
    ck_assert_str_eq(rig_sql(&rig, sql), "0");
    ck_assert_str_eq(rig_sql(&rig, "SELECT counter FROM troth_guard.marks"), "5");
}
END_TEST

TCase *guard_tests(void)
{
    TCase *tests = tcase_create("guard");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, prepare_then_commit);
    tcase_add_test(tests, commit_twice);
    tcase_add_test(tests, execute_twice);
    tcase_add_test(tests, prepare_twice_across_a_restart);
    tcase_add_test(tests, other_input);
    tcase_add_test(tests, refusal_is_kept);
    tcase_add_test(tests, abort_prepared);
    tcase_add_test(tests, abort_before_prepare);
    tcase_add_test(tests, abort_of_a_committed_action);
    tcase_add_test(tests, null_compensation);
    tcase_add_test(tests, compensation);
    tcase_add_test(tests, compensation_by_another_operation);
    tcase_add_test(tests, compensation_with_other_input);
    tcase_add_test(tests, compensation_refused);
    tcase_add_test(tests, compensation_of_what_did_not_act);
    tcase_add_test(tests, read_only);
    tcase_add_test(tests, status);
    tcase_add_test(tests, status_of_an_attempt);
    tcase_add_test(tests, status_of_a_compensation);
    tcase_add_test(tests, forgotten);
    tcase_add_test(tests, a_forged_mark_of_anybody);
    tcase_add_test(tests, a_mark_beyond_reason);
    tcase_add_test(tests, a_wrong_mark_is_put_right);
    return tests;
}
