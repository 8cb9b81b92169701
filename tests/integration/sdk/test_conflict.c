/* Conflicts: somebody else holds, or has changed, what the work needs (protocol.md, section 4). */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define PREPARED "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
#define WAITING                                                                                    \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"                     \
    " AND wait_event_type = 'Lock'"
#define LOCK_ACCOUNT_1 "BEGIN; UPDATE account SET balance = balance WHERE id = 1"

static struct rig rig;
static PGconn *other; /* a session that is no transaction of Troth */

static void setup(void)
{
    rig_setup(&rig);
    other = rig_session(&rig);
}

static void teardown(void)
{
    PQfinish(other);
    rig_teardown(&rig);
}

#define ASK(...)  rig_ask(&rig, (struct ask){__VA_ARGS__})
#define SEND(...) rig_send(&rig, (struct ask){__VA_ARGS__})

static void assert_result(struct said said, enum message_result result)
{
    ck_assert_msg(said.result == result, "%s: %s", message_result_name(said.result), said.reason);
}

/* New connections get it. */
static void set_default(const char *setting)
{
    char sql[160];
    rig_stop(&rig);
    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET %s", PQdb(rig.sql), setting);
    rig_sql(&rig, sql);
    rig_start(&rig);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A row that another session has locked is a conflict, to every call that would do the work: with
 * the database's words, without a guard row in the way of the next try. */
START_TEST(row_held_by_another_session)
{
    struct said said;
    session_run_sql(other, LOCK_ACCOUNT_1);
    said = ASK(.op = OP_PREPARE, .counter = 1);
    assert_result(said, RESULT_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said.reason, "lock timeout"));
    ck_assert_ptr_null(strchr(said.reason, '\n'));
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2), RESULT_CONFLICT);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
    session_run_sql(other, "ROLLBACK");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2), RESULT_DONE);
    session_run_sql(other, LOCK_ACCOUNT_1);
    assert_result(ASK(.op = OP_COMPENSATE, .counter = 2), RESULT_CONFLICT);
    session_run_sql(other, "ROLLBACK");
    assert_result(ASK(.op = OP_COMPENSATE, .counter = 2), RESULT_DONE);
}
END_TEST

/* The coordinator says how long to wait: shorter than the participant's own choice, and longer. */
START_TEST(lock_wait_is_the_coordinators)
{
    uint64_t began;
    int waiting;
    rig_stop(&rig);
    rig.config.lock_timeout_us = 60000000;
    rig_start(&rig);
    session_run_sql(other, LOCK_ACCOUNT_1);
    began = now_ms();
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .timeout = "60000", .lock_wait_ms = 50),
                  RESULT_CONFLICT);
    ck_assert_uint_lt(now_ms() - began, 30000);
    rig_stop(&rig);
    rig.config.lock_timeout_us = 1000;
    rig_start(&rig);
    waiting = SEND(.op = OP_PREPARE, .counter = 2, .timeout = "60000", .lock_wait_ms = 60000);
    rig_until(&rig, WAITING, "1");
    rig_until(&rig, "SELECT count(pg_sleep(0.1))", "1");
    ck_assert_int_eq(rig_number(&rig, WAITING), 1); /* a hundred times as long as it would */
    session_run_sql(other, "ROLLBACK");
    assert_result(rig_hear(waiting), RESULT_VOTE);
}
END_TEST

/* A deadlock's victim has let go of everything: it waits for its turn again, and gets it.
 * PostgreSQL looks for a circle once in a wait, so the participant is the one who closes it. */
START_TEST(deadlock)
{
    struct said said;
    int waiting;
    set_default("deadlock_timeout = '20ms'");
    session_run_sql(other, "SET deadlock_timeout = '600s'; BEGIN;"
                           "UPDATE account SET balance = balance WHERE id = 2");
    waiting = SEND(.op = OP_PREPARE, .counter = 1, .operation = "both", .lock_wait_ms = 30000);
    gate_wait_for(&rig.gate, 1);
    ck_assert_int_eq(
        PQsendQuery(other, "UPDATE account SET balance = balance WHERE id = 1; COMMIT"), 1);
    rig_until(&rig, WAITING, "1");
    gate_open(&rig.gate);
    said = rig_hear(waiting);
    while (PQclear(PQgetResult(other)), PQtransactionStatus(other) == PQTRANS_ACTIVE) {
    }
    assert_result(said, RESULT_VOTE);
    ck_assert_uint_ge(rig.calls, 2);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1, .operation = "both"), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_balance(&rig, 2), 1100);
}
END_TEST

/* A row that was changed under a serialisable transaction is worth a fresh snapshot, at once. */
START_TEST(serialisation_failure)
{
    int waiting;
    set_default("default_transaction_isolation = 'serializable'");
    session_run_sql(other, LOCK_ACCOUNT_1);
    waiting = SEND(.op = OP_PREPARE, .counter = 1, .lock_wait_ms = 30000);
    rig_until(&rig, WAITING, "1");
    session_run_sql(other, "COMMIT");
    assert_result(rig_hear(waiting), RESULT_VOTE);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* So is one that only PREPARE TRANSACTION notices. */
START_TEST(serialisation_failure_at_the_end)
{
    struct said said;
    int waiting;
    set_default("default_transaction_isolation = 'serializable'");
    waiting = SEND(.op = OP_PREPARE, .counter = 1, .operation = "skew", .lock_wait_ms = 30000);
    gate_wait_for(&rig.gate, 1);
    session_run_sql(other, "BEGIN ISOLATION LEVEL SERIALIZABLE;"
                           "SELECT balance FROM account WHERE id = 1;"
                           "UPDATE account SET balance = balance + 1 WHERE id = 2; COMMIT");
    gate_open(&rig.gate);
    said = rig_hear(waiting);
    assert_result(said, RESULT_VOTE);
    ck_assert_str_eq(said.output, "2");
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
}
END_TEST

/* A prepared transaction in the way of a serialisable one stays there until it is decided: as long
 * as that lasts it is a conflict, told in time. */
START_TEST(serialisation_failure_that_stays)
{
    const char *const serializable = "BEGIN ISOLATION LEVEL SERIALIZABLE";
    struct said said;
    uint64_t began;
    set_default("default_transaction_isolation = 'serializable'");
    gate_open(&rig.gate);
    session_run_sql(other, serializable); /* reads what is changed below: it comes before that */
    session_run_sql(other, "SELECT balance FROM account WHERE id = 3");
    session_run_sql(other, "UPDATE account SET balance = balance + 1 WHERE id = 2");
    rig_sql(&rig, serializable);
    rig_sql(&rig, "UPDATE account SET balance = balance + 1 WHERE id = 3");
    rig_sql(&rig, "COMMIT");
    session_run_sql(other, "PREPARE TRANSACTION 'stranger'");
    began = now_ms();
    said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "skew", .timeout = "60000",
               .lock_wait_ms = 200); /* reads what the prepared one changes: it comes before both */
    ck_assert_uint_lt(now_ms() - began, 30000);
    assert_result(said, RESULT_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said.reason, "could not serialize access"));
    session_run_sql(other, "COMMIT PREPARED 'stranger'");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .operation = "skew"), RESULT_VOTE);
}
END_TEST

/* A service that does not wait says so itself. */
START_TEST(the_services_own_conflict)
{
    struct said said;
    session_run_sql(other, LOCK_ACCOUNT_1);
    said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "nowait");
    assert_result(said, RESULT_CONFLICT);
    ck_assert_str_eq(said.reason, "account 1 is in use");
    session_run_sql(other, "ROLLBACK");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .operation = "nowait"), RESULT_VOTE);
}
END_TEST

/* Attempt 2 meets attempt 1 that waits for a lock: it ends that one's session, and does not take
 * its own wait for the guard row for a conflict, however long it may wait for the business. */
START_TEST(a_higher_attempt_ends_one_that_waits)
{
    struct said said;
    int first, second;
    session_run_sql(other, LOCK_ACCOUNT_1);
    first = SEND(.op = OP_PREPARE, .counter = 1, .timeout = "60000", .lock_wait_ms = 60000);
    rig_until(&rig, WAITING, "1");
    second = SEND(.op = OP_PREPARE, .counter = 1, .attempt = 2, .timeout = "60000",
                  .lock_wait_ms = 60000, .ordered = true);
    said = rig_hear(first);
    ck_assert_msg(said.result != RESULT_VOTE, "%s", message_result_name(said.result));
    rig_until(&rig, WAITING, "1");
    session_run_sql(other, "ROLLBACK");
    assert_result(rig_hear(second), RESULT_VOTE);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1, .attempt = 2), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Inside one database two transactions that prepare in order may wait for each other, each with a
 * step prepared, which PostgreSQL sees no circle in. The younger one gives way, long before its
 * time has passed, and says to whom; the older one gets on. */
START_TEST(the_younger_gives_way)
{
    const char *const first = "{\"account\":1,\"amount\":1}";
    const char *const second = "{\"account\":2,\"amount\":1}";
    const troth_gtid older = rig_gtid(1);
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    struct said said;
    int old, young;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .input = first), RESULT_VOTE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 2, .input = second), RESULT_VOTE);
    old = SEND(.op = OP_PREPARE, .counter = 1, .branch = 2, .input = second, .timeout = "60000",
               .lock_wait_ms = 60000, .ordered = true);
    young = SEND(.op = OP_PREPARE, .counter = 2, .branch = 2, .input = first, .timeout = "60000",
                 .lock_wait_ms = 60000, .ordered = true);
    said = rig_hear(young);
    assert_result(said, RESULT_CONFLICT);
    troth_gtid_format(&older, gtid);
    ck_assert_msg(troth_gtid_equal(&said.blocker, &older), "%s", said.reason);
    ck_assert_ptr_nonnull(strstr(said.reason, gtid));
    ck_assert_int_eq(rig_number(&rig, WAITING), 1);
    assert_result(ASK(.op = OP_ABORT, .counter = 2), RESULT_DONE);
    assert_result(rig_hear(old), RESULT_VOTE);
}
END_TEST

/* The same behind another session that waits itself, for the row's lock: it holds nothing, whom it
 * waits for holds all. */
START_TEST(the_younger_gives_way_behind_another)
{
    const troth_gtid older = rig_gtid(1);
    struct said said;
    int between, young;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    between = SEND(.op = OP_PREPARE, .counter = 3, .timeout = "60000", .lock_wait_ms = 60000);
    rig_until(&rig, WAITING, "1");
    young = SEND(.op = OP_PREPARE, .counter = 2, .timeout = "60000", .lock_wait_ms = 60000,
                 .ordered = true);
    said = rig_hear(young);
    assert_result(said, RESULT_CONFLICT);
    ck_assert(troth_gtid_equal(&said.blocker, &older));
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    assert_result(rig_hear(between), RESULT_VOTE);
}
END_TEST

/* Who waits for a younger one, or for nobody of ours, waits on, as long as it may; what then ends
 * it names the holder. */
START_TEST(the_older_waits_on)
{
    const troth_gtid younger = rig_gtid(9);
    struct said said;
    char pid[64];
    assert_result(ASK(.op = OP_PREPARE, .counter = 9), RESULT_VOTE);
    said = ASK(.op = OP_PREPARE, .counter = 1, .timeout = "60000", .lock_wait_ms = 1000,
               .ordered = true);
    assert_result(said, RESULT_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said.reason, "lock timeout"));
    ck_assert_msg(troth_gtid_equal(&said.blocker, &younger), "%s", said.reason);
    assert_result(ASK(.op = OP_ABORT, .counter = 9), RESULT_DONE);
    session_run_sql(other, "SET application_name = 'stranger'");
    session_run_sql(other, LOCK_ACCOUNT_1);
    said = ASK(.op = OP_PREPARE, .counter = 2, .timeout = "60000", .lock_wait_ms = 1000,
               .ordered = true);
    assert_result(said, RESULT_CONFLICT);
    snprintf(pid, sizeof pid, "pid %d, application_name 'stranger'", PQbackendPID(other));
    ck_assert_msg(strstr(said.reason, pid) != NULL, "%s", said.reason);
    ck_assert(troth_gtid_equal(&said.blocker, &(troth_gtid){{0}}));
}
END_TEST

/* Two steps of one transaction that want one row: the second one waits for what has no end. It is
 * said early, and by whom it is held. */
START_TEST(a_transaction_in_its_own_way)
{
    const troth_gtid own = rig_gtid(1);
    struct said said;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    said = ASK(.op = OP_PREPARE, .counter = 1, .branch = 2, .timeout = "60000",
               .lock_wait_ms = 60000, .ordered = true);
    assert_result(said, RESULT_CONFLICT);
    ck_assert(troth_gtid_equal(&said.blocker, &own));
}
END_TEST

/* All four connections wait for one row: the youngest give way, and who wants another row gets
 * through. The oldest two keep their places. */
START_TEST(waiting_does_not_take_every_slot)
{
    struct said said;
    char count[16];
    int waiting[4];
    int i, gave_way = 0;
    session_run_sql(other, LOCK_ACCOUNT_1);
    for (i = 0; i < 4; i++) {
        waiting[i] = SEND(.op = OP_PREPARE, .counter = (uint64_t)(1 + i), .timeout = "60000",
                          .lock_wait_ms = 60000);
        snprintf(count, sizeof count, "%d", 1 + i); /* they get the row in their order */
        rig_until(&rig, WAITING, count);
    }
    assert_result(ASK(.op = OP_PREPARE, .counter = 9, .timeout = "60000",
                      .input = "{\"account\":2,\"amount\":1}"),
                  RESULT_VOTE);
    session_run_sql(other, "ROLLBACK");
    for (i = 0; i < 4; i++) {
        said = rig_hear(waiting[i]);
        if (said.result == RESULT_CONFLICT) {
            ck_assert_msg(strstr(said.reason, "most of them wait") != NULL, "%s", said.reason);
            gave_way++;
        } else {
            assert_result(said, RESULT_VOTE);
            assert_result(ASK(.op = OP_COMMIT, .counter = (uint64_t)(1 + i)), RESULT_DONE);
        }
        ck_assert_msg(i >= 2 || said.result == RESULT_VOTE, "%d: %s", i, said.reason);
    }
    ck_assert_int_ge(gave_way, 1);
}
END_TEST

TCase *conflict_tests(void)
{
    TCase *tests = tcase_create("conflicts");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, row_held_by_another_session);
    tcase_add_test(tests, lock_wait_is_the_coordinators);
    tcase_add_test(tests, deadlock);
    tcase_add_test(tests, serialisation_failure);
    tcase_add_test(tests, serialisation_failure_at_the_end);
    tcase_add_test(tests, serialisation_failure_that_stays);
    tcase_add_test(tests, the_services_own_conflict);
    tcase_add_test(tests, a_higher_attempt_ends_one_that_waits);
    tcase_add_test(tests, the_younger_gives_way);
    tcase_add_test(tests, the_younger_gives_way_behind_another);
    tcase_add_test(tests, the_older_waits_on);
    tcase_add_test(tests, a_transaction_in_its_own_way);
    tcase_add_test(tests, waiting_does_not_take_every_slot);
    return tests;
}
