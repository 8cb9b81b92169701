/* Higher attempts meet what lower ones left, and calls meet each other (protocol.md, section 3). */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

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

#define ASK(...)  rig_ask(&rig, (struct ask){__VA_ARGS__})
#define SEND(...) rig_send(&rig, (struct ask){__VA_ARGS__})

static void assert_result(struct said said, enum message_result result)
{
    ck_assert_msg(said.result == result, "%s: %s", message_result_name(said.result), said.reason);
}

static void assert_state(struct said said, enum message_state state)
{
    assert_result(said, RESULT_DONE);
    ck_assert_str_eq(message_state_name(said.state), message_state_name(state));
}

/* A tombstone refuses its attempt and lower ones, not higher ones [TOMBALL]. */
START_TEST(tombstone_of_an_attempt)
{
    assert_state(ASK(.op = OP_ABORT, .counter = 1, .attempt = 2), BRANCH_IS_ABORTED);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 1), RESULT_REFUSED);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 2), RESULT_REFUSED);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .attempt = 3), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Done is done: any attempt's prepare or execute that finds a committed action answers its reply.
 */
START_TEST(done_is_done)
{
    struct said said;
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .attempt = 1), RESULT_DONE);
    said = ASK(.op = OP_EXECUTE, .counter = 1, .attempt = 2);
    assert_result(said, RESULT_DONE);
    ck_assert_str_eq(said.output, "{\"balance\":900}");
    said = ASK(.op = OP_PREPARE, .counter = 1, .attempt = 3);
    assert_result(said, RESULT_VOTE);
    ck_assert_str_eq(said.output, "{\"balance\":900}");
    assert_state(ASK(.op = OP_COMMIT, .counter = 1, .attempt = 3), BRANCH_IS_COMMITTED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Execute of attempt 2 rolls back what attempt 1 has prepared, and acts once. */
START_TEST(execute_over_a_prepared_attempt)
{
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .attempt = 2), RESULT_DONE);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    /* An abort of attempt 1 that arrives after it touches nothing (faults.md 34). */
    assert_state(ASK(.op = OP_ABORT, .counter = 1, .attempt = 1), BRANCH_IS_ABORTED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Prepare of attempt 2 does the same; the stale commit of attempt 1 is never taken for done. */
START_TEST(prepare_over_a_prepared_attempt)
{
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 2), RESULT_VOTE);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 1), RESULT_REFUSED);
    assert_state(ASK(.op = OP_COMMIT, .counter = 1, .attempt = 2), BRANCH_IS_COMMITTED);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1, .attempt = 1), RESULT_HEURISTIC);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Execute of attempt 2 ends a prepare of attempt 1 that is still running, and acts once. */
START_TEST(execute_over_a_running_attempt)
{
    int running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .attempt = 2), RESULT_DONE);
    gate_open(&rig.gate);
    ck_assert_int_ne(rig_hear(running).result, RESULT_VOTE);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Abort ends a prepare of its attempt that is still running; nothing of it is left. */
START_TEST(abort_over_a_running_prepare)
{
    int running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    assert_state(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED);
    gate_open(&rig.gate);
    ck_assert_int_ne(rig_hear(running).result, RESULT_VOTE);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Who works on a branch is found by the branch's whole name: whatever else runs goes on, however
 * much of the name is the same. */
START_TEST(neighbours_go_on)
{
    static const struct ask neighbours[] = {
        {.counter = 1, .shard = 4},               /* another shard's */
        {.counter = 1 ^ (3u << 20), .branch = 2}, /* what a short key may mix up */
        {.counter = 1 + (UINT64_C(1) << 32)},     /* the same in its low 32 bits */
        {.counter = 1, .journal = OTHER_JOURNAL}, /* another coordinator's */
        {.counter = 1, .branch = 11},             /* another branch, */
        {.counter = 11},                          /* another number that begins so */
    };
    const size_t count = sizeof neighbours / sizeof neighbours[0];
    int running[sizeof neighbours / sizeof neighbours[0]], ended;
    struct ask ask;
    char input[64];
    size_t i;
    rig_stop(&rig);
    rig.config.slots = 8;
    rig_start(&rig);
    for (i = 0; i < count; i++) {
        ask = neighbours[i];
        ask.op = OP_EXECUTE;
        ask.operation = "hold";
        ask.timeout = "60000";
        ask.input = input;
        (void)snprintf(input, sizeof input, "{\"account\":%zu,\"amount\":100}", i + 2);
        running[i] = rig_send(&rig, ask);
    }
    ended = SEND(.op = OP_EXECUTE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, (unsigned)count + 1);
    assert_state(ASK(.op = OP_ABORT, .counter = 1), BRANCH_IS_ABORTED);
    gate_open(&rig.gate);
    ck_assert_int_ne(rig_hear(ended).result, RESULT_DONE);
    for (i = 0; i < count; i++) {
        assert_state(rig_hear(running[i]), BRANCH_IS_COMMITTED);
        ck_assert_int_eq(rig_balance(&rig, (int)i + 2), 900);
    }
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

#define RUNNING                                                                                    \
    "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, '" JOURNAL "_')"    \
    " AND datname = current_database()"

/* A session carries its branch's name as long as it works on it, and no longer. */
START_TEST(a_session_is_known_by_its_branch)
{
    int running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM pg_stat_activity, pg_locks l"
                                      " WHERE application_name LIKE '" JOURNAL "_%_1_1'"
                                      " AND l.pid = pg_stat_activity.pid"
                                      " AND l.relation = 'account'::regclass"),
                     1);
    gate_open(&rig.gate);
    assert_result(rig_hear(running), RESULT_VOTE);
    ck_assert_int_eq(rig_number(&rig, RUNNING), 0);
}
END_TEST

/* Nobody is ended but inside of his gate, which he passes when he begins: a session that may have
 * gone on to another branch since it was looked at is left alone. */
START_TEST(nobody_is_ended_outside_of_his_gate)
{
    PGconn *other = rig_session(&rig);
    int running, next;
    rig_stop(&rig);
    rig.config.slots = 1;
    rig.config.lock_timeout_us = 60000000;
    rig_start(&rig);
    running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    session_run_sql(other, "SELECT pg_advisory_lock(1953656692, pid) FROM pg_stat_activity"
                           " WHERE starts_with(application_name, '" JOURNAL "_')");
    assert_result(ASK(.op = OP_ABORT, .counter = 1), RESULT_RETRY);
    gate_open(&rig.gate);
    assert_result(rig_hear(running), RESULT_VOTE);
    next = SEND(.op = OP_EXECUTE, .counter = 2, .timeout = "60000",
                .input = "{\"account\":2,\"amount\":100}");
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND wait_event = 'advisory'",
              "1");
    session_run_sql(other, "SELECT pg_advisory_unlock_all()");
    assert_state(rig_hear(next), BRANCH_IS_COMMITTED);
    assert_state(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED);
    PQfinish(other);
}
END_TEST

/* The same call while it still runs is answered retry; its first answer stands. */
START_TEST(the_same_call_still_runs)
{
    int running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .operation = "hold"), RESULT_RETRY);
    gate_open(&rig.gate);
    assert_result(rig_hear(running), RESULT_VOTE);
    assert_state(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* So is an execute. */
START_TEST(the_same_execute_still_runs)
{
    int running = SEND(.op = OP_EXECUTE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .operation = "hold"), RESULT_RETRY);
    gate_open(&rig.gate);
    assert_state(rig_hear(running), BRANCH_IS_COMMITTED);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* And a compensation: the first one undoes. */
START_TEST(the_same_compensation_still_runs)
{
    PGconn *other = rig_session(&rig);
    struct said said;
    int running;
    rig_stop(&rig);
    rig.config.lock_timeout_us = 60000000;
    rig_start(&rig);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_DONE);
    session_run_sql(other, "BEGIN; UPDATE account SET balance = balance WHERE id = 1");
    running = SEND(.op = OP_COMPENSATE, .counter = 1, .timeout = "60000");
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND wait_event_type = 'Lock'",
              "1");
    said = ASK(.op = OP_COMPENSATE, .counter = 1, .lock_wait_ms = 200);
    assert_result(said, RESULT_RETRY);
    ck_assert_str_eq(said.reason, "the same compensation still runs");
    session_run_sql(other, "ROLLBACK");
    assert_state(rig_hear(running), BRANCH_IS_COMPENSATED);
    assert_state(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    PQfinish(other);
}
END_TEST

/* A compensation that arrives while its action runs is answered retry, and works afterwards. */
START_TEST(compensation_while_the_action_runs)
{
    int running = SEND(.op = OP_EXECUTE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    assert_result(ASK(.op = OP_COMPENSATE, .counter = 1), RESULT_RETRY);
    gate_open(&rig.gate);
    assert_result(rig_hear(running), RESULT_DONE);
    assert_state(ASK(.op = OP_COMPENSATE, .counter = 1), BRANCH_IS_COMPENSATED);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* The same prepare twice at once has one effect, and neither is refused. */
START_TEST(the_same_prepare_at_once)
{
    int round, first, second;
    struct said one, two;
    for (round = 1; round <= 9; round++) {
        first = SEND(.op = OP_PREPARE, .counter = (uint64_t)round);
        second = SEND(.op = OP_PREPARE, .counter = (uint64_t)round);
        one = rig_hear(first);
        two = rig_hear(second);
        ck_assert(one.result == RESULT_VOTE || two.result == RESULT_VOTE);
        ck_assert(one.result == RESULT_VOTE || one.result == RESULT_RETRY);
        ck_assert(two.result == RESULT_VOTE || two.result == RESULT_RETRY);
        assert_state(ASK(.op = OP_COMMIT, .counter = (uint64_t)round), BRANCH_IS_COMMITTED);
        ck_assert_int_eq(rig_balance(&rig, 1), 1000 - 100 * round);
    }
}
END_TEST

/* Every phase-1 connection waits for a lock that only a waiting commit frees (faults.md 40). */
START_TEST(commit_passes_waiting_work)
{
    struct pollfd waiting[4];
    int i, left;
    rig_stop(&rig);
    rig.config.lock_timeout_us = 60000000;
    rig_start(&rig);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE); /* locks account 1 */
    for (i = 0; i < 4; i++) {
        waiting[i].fd = SEND(.op = OP_PREPARE, .counter = (uint64_t)(10 + i));
        waiting[i].events = POLLIN;
    }
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND wait_event_type = 'Lock'",
              "4");
    assert_state(ASK(.op = OP_COMMIT, .counter = 1), BRANCH_IS_COMMITTED);
    for (left = 4; left > 0; left--) { /* the next one gets it when the one before has committed */
        ck_assert_int_gt(poll(waiting, 4, WAIT_MS_MAX), 0);
        for (i = 0; waiting[i].revents == 0; i++) {
        }
        assert_result(rig_hear(waiting[i].fd), RESULT_VOTE);
        waiting[i].fd = -1;
        assert_state(ASK(.op = OP_COMMIT, .counter = (uint64_t)(10 + i)), BRANCH_IS_COMMITTED);
    }
    ck_assert_int_eq(rig_balance(&rig, 1), 500);
}
END_TEST

TCase *attempt_tests(void)
{
    TCase *tests = tcase_create("attempts");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, tombstone_of_an_attempt);
    tcase_add_test(tests, done_is_done);
    tcase_add_test(tests, execute_over_a_prepared_attempt);
    tcase_add_test(tests, prepare_over_a_prepared_attempt);
    tcase_add_test(tests, execute_over_a_running_attempt);
    tcase_add_test(tests, abort_over_a_running_prepare);
    tcase_add_test(tests, neighbours_go_on);
    tcase_add_test(tests, a_session_is_known_by_its_branch);
    tcase_add_test(tests, nobody_is_ended_outside_of_his_gate);
    tcase_add_test(tests, the_same_call_still_runs);
    tcase_add_test(tests, the_same_execute_still_runs);
    tcase_add_test(tests, the_same_compensation_still_runs);
    tcase_add_test(tests, compensation_while_the_action_runs);
    tcase_add_test(tests, the_same_prepare_at_once);
    tcase_add_test(tests, commit_passes_waiting_work);
    return tests;
}
