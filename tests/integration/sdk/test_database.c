/* What PostgreSQL does to us: killed backends, failing PREPARE, warnings, prepared transactions
 * that somebody else has ended, locks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#define PREPARED "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
/* Ends, or cancels, whatever of this database waits for a standby. */
#define AT_SYNC(function)                                                                          \
    "SELECT count(" function "(pid)) FROM pg_stat_activity WHERE datname = current_database()"     \
    " AND wait_event = 'SyncRep'"

static struct rig rig;

static void setup(void)
{
    rig_setup(&rig);
}

static void teardown(void)
{
    rig_sql(&rig, "ALTER SYSTEM RESET synchronous_standby_names");
    rig_sql(&rig, "SELECT pg_reload_conf()");
    rig_teardown(&rig);
}

#define ASK(...)  rig_ask(&rig, (struct ask){__VA_ARGS__})
#define SEND(...) rig_send(&rig, (struct ask){__VA_ARGS__})

static void assert_result(struct said said, enum message_result result)
{
    ck_assert_msg(said.result == result, "%s: %s", message_result_name(said.result), said.reason);
}

static const char *own_name(void)
{
    static char text[160];
    snprintf(
        text, sizeof text, "%s",
        rig_sql(&rig, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"));
    ck_assert_str_ne(text, "");
    return text;
}

static void by_hand(const char *what)
{
    char sql[256];
    snprintf(sql, sizeof sql, "%s PREPARED '%s'", what, own_name());
    rig_sql(&rig, sql);
}

/* Every commit waits for a standby that does not exist: a place to stop COMMIT PREPARED at. */
static void wait_for_a_standby(void)
{
    PGconn *probe = rig_session(&rig);
    bool waits = false;
    rig_sql(&rig, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    rig_sql(&rig, "SELECT pg_reload_conf()");
    rig_sql(&rig, "SET synchronous_commit = local");
    rig_until(&rig, "SHOW synchronous_standby_names", "nobody");
    /* The server has understood it once a commit waits; that one is let go. */
    while (!waits) {
        ck_assert_int_eq(PQsendQuery(probe, "INSERT INTO seen VALUES ('probe')"), 1);
        do {
            waits = waits || rig_number(&rig, AT_SYNC("pg_cancel_backend")) > 0;
            ck_assert_int_eq(PQconsumeInput(probe), 1);
        } while (PQisBusy(probe));
        PQclear(PQgetResult(probe));
        PQclear(PQgetResult(probe));
    }
    PQfinish(probe);
}

/* A backend that is ended while COMMIT PREPARED has committed but not answered: the branch is not
 * left prepared, and is never called rolled back (faults.md 1, 2). */
START_TEST(backend_ended_during_commit_prepared)
{
    int committing;
    struct said said;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    wait_for_a_standby();
    committing = SEND(.op = OP_COMMIT, .counter = 1);
    rig_until(&rig, AT_SYNC("pg_terminate_backend"), "1");
    rig_until(&rig, PREPARED, "0");
    said = rig_hear(committing);
    assert_result(said, RESULT_DONE);
    ck_assert_str_eq(said.output, "{\"balance\":900}");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* A WARNING on COMMIT PREPARED is unknown, not success; asked again the witness row answers. */
START_TEST(warning_on_commit_prepared)
{
    int committing;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    wait_for_a_standby();
    committing = SEND(.op = OP_COMMIT, .counter = 1);
    rig_until(&rig, AT_SYNC("pg_cancel_backend"), "1");
    assert_result(rig_hear(committing), RESULT_UNKNOWN);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
}
END_TEST

/* A WARNING on PREPARE TRANSACTION is unknown, not a vote. */
START_TEST(warning_on_prepare)
{
    int preparing;
    wait_for_a_standby();
    preparing = SEND(.op = OP_PREPARE, .counter = 1);
    rig_until(&rig, AT_SYNC("pg_cancel_backend"), "1");
    assert_result(rig_hear(preparing), RESULT_UNKNOWN);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
}
END_TEST

/* The work runs in the transaction that is prepared, and in no other: what it wrote, and its guard
 * row, bear that one's number (faults.md 8). */
START_TEST(work_is_part_of_what_is_prepared)
{
    char number[32];
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    snprintf(number, sizeof number, "%s",
             rig_sql(&rig, "SELECT transaction FROM pg_prepared_xacts"
                           " WHERE database = current_database()"));
    ck_assert_str_ne(number, "");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    ck_assert_str_eq(rig_sql(&rig, "SELECT xmin FROM account WHERE id = 1"), number);
    ck_assert_str_eq(rig_sql(&rig, "SELECT xmin FROM troth_guard.guard"), number);
}
END_TEST

/* PREPARE that fails is retry; nothing is left, and the abort that follows is done. */
START_TEST(prepare_fails)
{
    struct said said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "temporary");
    assert_result(said, RESULT_RETRY);
    ck_assert_ptr_nonnull(strstr(said.reason, "temporary"));
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    assert_result(ASK(.op = OP_ABORT, .counter = 1, .operation = "temporary"), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Work that says "done" in a failed transaction does not vote yes: the tag ROLLBACK is no success.
 */
START_TEST(failed_transaction)
{
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .operation = "broken"), RESULT_RETRY);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2, .operation = "broken"), RESULT_RETRY);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 3, .operation = "runaway"), RESULT_RETRY);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 4), RESULT_DONE);
}
END_TEST

/* 42704 on commit: the witness row says committed when somebody else has committed it … */
START_TEST(committed_by_hand)
{
    struct said said;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    by_hand("COMMIT");
    said = ASK(.op = OP_COMMIT, .counter = 1);
    assert_result(said, RESULT_DONE);
    ck_assert_str_eq(said.output, "{\"balance\":900}");
}
END_TEST

/* … and a heuristic when it was rolled back, or lost. */
START_TEST(rolled_back_by_hand)
{
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    by_hand("ROLLBACK");
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_HEURISTIC);
    assert_result(ASK(.op = OP_ABORT, .counter = 2), RESULT_DONE);
}
END_TEST

/* An abort of what somebody has committed by hand says so. */
START_TEST(abort_of_committed_by_hand)
{
    struct said said;
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    by_hand("COMMIT");
    said = ASK(.op = OP_ABORT, .counter = 1);
    assert_result(said, RESULT_DONE);
    ck_assert_int_eq(said.state, BRANCH_IS_COMMITTED);
}
END_TEST

/* A row that another session has locked: a conflict before the prepare's own timeout, and no guard
 * row is left in the way of the next try. */
START_TEST(lock_held_by_another_session)
{
    PGconn *other = rig_session(&rig);
    struct said said;
    session_run_sql(other, "BEGIN; UPDATE account SET balance = balance WHERE id = 1");
    said = ASK(.op = OP_PREPARE, .counter = 1);
    assert_result(said, RESULT_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said.reason, "lock timeout"));
    session_run_sql(other, "ROLLBACK");
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    PQfinish(other);
}
END_TEST

/* The guard row held by a session that is none of ours is waited for briefly, then retry. */
START_TEST(guard_row_held_by_a_stranger)
{
    PGconn *other = rig_session(&rig);
    char gtid[TROTH_GTID_TEXT_LEN + 1], sql[512];
    const troth_gtid id = rig_gtid(1);
    troth_gtid_format(&id, gtid);
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO troth_guard.guard (journal, gtid, branch, kind, attempt, state,"
             " shard, ordering) VALUES ('" JOURNAL "', '%s', 1, 'action', 1, 'done', 3, 1)",
             gtid);
    session_run_sql(other, sql);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_RETRY);
    assert_result(ASK(.op = OP_ABORT, .counter = 1), RESULT_RETRY);
    session_run_sql(other, "ROLLBACK");
    assert_result(ASK(.op = OP_ABORT, .counter = 1), RESULT_DONE);
    PQfinish(other);
}
END_TEST

/* Connections that the server has ended while they were idle are opened anew, unseen. */
START_TEST(idle_connections_ended)
{
    const char *end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE"
                      " datname = current_database() AND pid <> pg_backend_pid()";
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    rig_sql(&rig, end);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    rig_sql(&rig, end);
    assert_result(ASK(.op = OP_PREPARE, .counter = 2), RESULT_VOTE);
    rig_sql(&rig, end);
    assert_result(ASK(.op = OP_ABORT, .counter = 2), RESULT_DONE);
    rig_sql(&rig, end);
    assert_result(ASK(.op = OP_PREPARE, .counter = 3, .operation = "look"), RESULT_VOTE);
    rig_sql(&rig, end);
    assert_result(ASK(.op = OP_STATUS, .counter = 1), RESULT_DONE);
}
END_TEST

/* The words of the database are the reason, also where the statement could not even be parsed. */
START_TEST(statement_that_is_wrong)
{
    const struct said said = ASK(.op = OP_EXECUTE, .counter = 1, .operation = "no_table");
    assert_result(said, RESULT_RETRY);
    ck_assert_msg(strstr(said.reason, "no_such_table") != NULL, "%s", said.reason);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
}
END_TEST

/* A migration that changes the columns of a prepared statement costs one try, not the connection.
 */
START_TEST(table_changed_under_a_prepared_statement)
{
    rig_stop(&rig);
    rig.config.slots = 1;
    rig_start(&rig);
    ck_assert_str_eq(ASK(.op = OP_EXECUTE, .counter = 1, .operation = "whole").output, "2");
    rig_sql(&rig, "ALTER TABLE account ADD COLUMN note text");
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2, .operation = "whole"), RESULT_RETRY);
    ck_assert_str_eq(ASK(.op = OP_EXECUTE, .counter = 2, .operation = "whole").output, "3");
}
END_TEST

/* A reason that PostgreSQL would not store does not keep the refusal from being kept. */
START_TEST(reason_that_is_not_utf8)
{
    struct said said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "cut_off");
    assert_result(said, RESULT_REFUSED);
    ck_assert_str_eq(said.reason, "no caf\xef\xbf\xbd");
    said = ASK(.op = OP_PREPARE, .counter = 1, .operation = "cut_off");
    assert_result(said, RESULT_REFUSED);
    ck_assert_str_eq(said.reason, "no caf\xef\xbf\xbd");
}
END_TEST

/* An output above its limit: rolled back, and said so. */
START_TEST(output_too_large)
{
    const struct said said = ASK(.op = OP_EXECUTE, .counter = 1, .operation = "large");
    assert_result(said, RESULT_RETRY);
    ck_assert_str_eq(said.reason, "the service's output is larger than 512 KiB");
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM troth_guard.guard"), 0);
}
END_TEST

/* More prepares than slots, all waiting for one lock: each is answered by its own timeout. */
START_TEST(all_slots_wait)
{
    PGconn *other = rig_session(&rig);
    int waiting[6];
    int i;
    rig_stop(&rig);
    rig.config.slots = 2;
    rig.config.lock_timeout_us = 1000000;
    rig_start(&rig);
    session_run_sql(other, "BEGIN; UPDATE account SET balance = balance WHERE id = 1");
    for (i = 0; i < 6; i++)
        waiting[i] = SEND(.op = OP_PREPARE, .counter = (uint64_t)(1 + i), .timeout = "800");
    for (i = 0; i < 6; i++) {
        const struct said said = rig_hear(waiting[i]);

        /* It waited for the lock, or for a connection. */
        ck_assert(said.result == RESULT_CONFLICT || said.result == RESULT_RETRY);
        ck_assert_msg(said.result == RESULT_CONFLICT || strstr(said.reason, "timeout") != NULL,
                      "%s", said.reason);
    }
    PQfinish(other);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
}
END_TEST

/* A server that is gone without a word is noticed within half a minute. */
START_TEST(server_gone_without_a_word)
{
    const long seconds =
        strtol(ASK(.op = OP_PREPARE, .counter = 1, .operation = "patience").output, NULL, 10);
    ck_assert_int_ge(seconds, 1);
    ck_assert_int_le(seconds, 30);
}
END_TEST

/* Once the resource is gone its operations are not refused for good: another process can do them.
 */
START_TEST(resource_gone)
{
    troth_participant_stop(rig.participant);
    pthread_join(rig.thread, NULL);
    troth_postgres_destroy(rig.postgres);
    rig.postgres = NULL;
    rig_run(&rig);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_RETRY);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2), RESULT_RETRY);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_RETRY);
}
END_TEST

/* A row that somebody holds does not keep the others from leaving. */
START_TEST(sweep_passes_what_is_held)
{
    const troth_gtid oldest = rig_gtid(5);
    assert_result(ASK(.op = OP_ABORT, .counter = 1), RESULT_DONE);
    assert_result(ASK(.op = OP_ABORT, .counter = 2), RESULT_DONE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1, .attempt = 2), RESULT_VOTE); /* holds it */
    troth_gtid_format(&oldest, rig.oldest_open);
    assert_result(ASK(.op = OP_STATUS, .counter = 5), RESULT_DONE);
    assert_result(ASK(.op = OP_STATUS, .counter = 5), RESULT_DONE); /* a mark is of what has come */
    rig_until(&rig, "SELECT count(*) FROM troth_guard.guard", "1");
}
END_TEST

/* A backend that is ended during the work: the prepare is retry, and nothing is left. */
START_TEST(backend_ended_during_work)
{
    int running = SEND(.op = OP_PREPARE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    rig_sql(&rig, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname ="
                  " current_database() AND state = 'idle in transaction'");
    gate_open(&rig.gate);
    ck_assert_int_ne(rig_hear(running).result, RESULT_VOTE);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 0);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
}
END_TEST

/* A database without the guard's schema is told at start, with what to do. */
START_TEST(no_schema)
{
    char why[512] = "";
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    const struct troth_postgres_config database = {TROTH_POSTGRES_CONFIG_INIT,
                                                   .conninfo = rig.conninfo};
    rig_stop(&rig);
    rig_sql(&rig, "DROP SCHEMA troth_guard CASCADE");
    ck_assert_int_eq(troth_participant_create(&config, &participant), 0);
    ck_assert_int_eq(troth_postgres_create(participant, &database, &postgres), 0);
    ck_assert_int_eq(troth_postgres_start(postgres, why, sizeof why), TROTH_ERROR_SCHEMA);
    ck_assert_ptr_nonnull(strstr(why, "troth_postgres_migrate"));
    ck_assert_int_eq(troth_postgres_migrate(rig.conninfo, why, sizeof why), 0);
    ck_assert_int_eq(troth_postgres_migrate(rig.conninfo, why, sizeof why), 0);
    ck_assert_int_eq(troth_postgres_start(postgres, why, sizeof why), 0);
    troth_postgres_destroy(postgres);
    troth_participant_destroy(participant);
}
END_TEST

TCase *database_tests(void)
{
    TCase *tests = tcase_create("database");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, backend_ended_during_commit_prepared);
    tcase_add_test(tests, warning_on_commit_prepared);
    tcase_add_test(tests, warning_on_prepare);
    tcase_add_test(tests, work_is_part_of_what_is_prepared);
    tcase_add_test(tests, prepare_fails);
    tcase_add_test(tests, failed_transaction);
    tcase_add_test(tests, committed_by_hand);
    tcase_add_test(tests, rolled_back_by_hand);
    tcase_add_test(tests, abort_of_committed_by_hand);
    tcase_add_test(tests, lock_held_by_another_session);
    tcase_add_test(tests, guard_row_held_by_a_stranger);
    tcase_add_test(tests, idle_connections_ended);
    tcase_add_test(tests, backend_ended_during_work);
    tcase_add_test(tests, statement_that_is_wrong);
    tcase_add_test(tests, table_changed_under_a_prepared_statement);
    tcase_add_test(tests, reason_that_is_not_utf8);
    tcase_add_test(tests, output_too_large);
    tcase_add_test(tests, all_slots_wait);
    tcase_add_test(tests, server_gone_without_a_word);
    tcase_add_test(tests, resource_gone);
    tcase_add_test(tests, sweep_passes_what_is_held);
    tcase_add_test(tests, no_schema);
    return tests;
}
