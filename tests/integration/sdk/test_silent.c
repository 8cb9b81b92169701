/* A database that does not answer, or is the wrong one: every wait has an end, and so has the
 * participant. */
#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define BACKENDS_MAX 64
#define SOON_S       30 /* long before the ends of the calls, which are a minute or more */

static struct rig rig;
static long stopped[BACKENDS_MAX];
static unsigned stopped_count;

static void setup(void)
{
    rig_setup(&rig);
    stopped_count = 0;
}

static void go_on(void)
{
    while (stopped_count > 0)
        (void)kill((pid_t)stopped[--stopped_count], SIGCONT);
}

static void teardown(void)
{
    go_on();
    rig_teardown(&rig);
}

#define ASK(...)  rig_ask(&rig, (struct ask){__VA_ARGS__})
#define SEND(...) rig_send(&rig, (struct ask){__VA_ARGS__})

static void assert_result(struct said said, enum message_result result)
{
    ck_assert_msg(said.result == result, "%s: %s", message_result_name(said.result), said.reason);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As the coordinator does: until there is an answer. The participant's own limits are short here,
 * so that on a machine with much to do also a healthy database may come too late for them. */
static void until_done(struct ask ask)
{
    const double began = now_s();
    struct said said;
    do {
        said = rig_ask(&rig, ask);
        ck_assert_msg(now_s() - began < WAIT_MS_MAX / 1000.0, "%s", said.reason);
    } while (said.result == RESULT_RETRY);
    assert_result(said, RESULT_DONE);
}

#define UNTIL_DONE(...) until_done((struct ask){__VA_ARGS__})

static void restart(const struct troth_postgres_config *config)
{
    rig_stop(&rig);
    rig.config = *config;
    rig_start(&rig);
}

/* The participant's processes at the server do nothing any more: its connections are as good as
 * before, and nobody answers. */
static void stop_backends(void)
{
    PGresult *result =
        PQexec(rig.sql, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
    int i;
    for (i = 0; i < PQntuples(result); i++) {
        ck_assert_uint_lt(stopped_count, BACKENDS_MAX);
        stopped[stopped_count] = strtol(PQgetvalue(result, i, 0), NULL, 10);
        ck_assert_int_eq(kill((pid_t)stopped[stopped_count++], SIGSTOP), 0);
    }
    ck_assert_uint_gt(stopped_count, 0);
    (void)atexit(go_on); /* also when a test fails: the server would be of no use any more */
    PQclear(result);
}

/* A session whose backend is silent is given up after answer_timeout, and its call answered; the
 * next one has a new session. The one behind is ended: it had nothing to do. Where the guard goes
 * with the work's statement it is the call's timeout, and that; where the end goes with it, too,
 * nobody knows. */
START_TEST(a_silent_session_is_given_up)
{
    struct troth_postgres_config config = rig.config;
    double began;
    config.answer_timeout_us = 1000000;
    config.slots = 1;
    restart(&config);
    UNTIL_DONE(.op = OP_EXECUTE, .counter = 1);
    stop_backends();
    began = now_s();
    assert_result(
        ASK(.op = OP_EXECUTE, .counter = 2, .timeout = rig_way != RIG_FUNCTION ? "2000" : "60000"),
        rig_way == RIG_STATEMENT ? RESULT_UNKNOWN : RESULT_RETRY);
    ck_assert(now_s() - began < SOON_S);
    pthread_mutex_lock(&rig.saying); /* and whose call it was */
    ck_assert_msg(strstr(rig.cut, "000002 branch=1 attempt=1 backend=") != NULL, "%s", rig.cut);
    pthread_mutex_unlock(&rig.saying);
    UNTIL_DONE(.op = OP_EXECUTE, .counter = 2, .timeout = "60000");
    go_on();
    ck_assert_int_eq(rig_balance(&rig, 1), 800);
}
END_TEST

/* The same in phase 2, on the loop's own connections and on the threads': commit and abort. */
START_TEST(a_silent_commit_is_given_up)
{
    struct troth_postgres_config config = rig.config;
    struct said said;
    config.answer_timeout_us = 1000000;
    restart(&config);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 2), RESULT_CONFLICT);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 3), RESULT_VOTE);
    stop_backends();
    do { /* as the coordinator does: until there is an answer */
        said = ASK(.op = OP_COMMIT, .counter = 3);
        ck_assert(said.result == RESULT_UNKNOWN || said.result == RESULT_RETRY ||
                  said.result == RESULT_DONE);
    } while (said.result != RESULT_DONE);
    do {
        said = ASK(.op = OP_ABORT, .counter = 4);
        ck_assert(said.result == RESULT_RETRY || said.result == RESULT_DONE);
    } while (said.result != RESULT_DONE);
    go_on();
    ck_assert_int_eq(rig_balance(&rig, 1), 800);
}
END_TEST

#define COMMITTING                                                                                 \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"                     \
    " AND wait_event = 'advisory'"

/* A COMMIT that takes longer is unknown, and never ended: as long as it goes on its session has no
 * other backend, so that a database that is slow does not lose all its connections. */
START_TEST(one_backend_for_a_session)
{
    struct troth_postgres_config config = rig.config;
    PGconn *other = rig_session(&rig);
    struct said said;
    session_run_sql(rig.sql, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                             " 'BEGIN PERFORM set_config(''lock_timeout'', ''0'', true);"
                             " PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';"
                             "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON account"
                             " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
    session_run_sql(other, "SELECT pg_advisory_lock(1)");
    config.answer_timeout_us = 300000;
    config.slots = 1;
    restart(&config);
    do { /* its own time may be over before it commits */
        said = ASK(.op = OP_EXECUTE, .counter = 1, .timeout = "1000");
    } while (said.result == RESULT_RETRY);
    assert_result(said, RESULT_UNKNOWN);
    said = ASK(.op = OP_EXECUTE, .counter = 1, .timeout = "1000");
    assert_result(said, RESULT_RETRY);
    ck_assert_ptr_nonnull(strstr(said.reason, "has not finished an earlier call"));
    ck_assert_int_eq(rig_number(&rig, COMMITTING), 1);
    PQfinish(other);
    rig_until(&rig, COMMITTING, "0");
    UNTIL_DONE(.op = OP_EXECUTE, .counter = 1);
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
}
END_TEST

/* Work that does not come to its end is cut off behind its call's timeout. */
START_TEST(work_has_an_end)
{
    struct troth_postgres_config config = rig.config;
    double began;
    config.answer_timeout_us = 300000;
    restart(&config);
    began = now_s();
    /* It has switched its statement timeout off. */
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .operation = "endless", .timeout = "500"),
                  RESULT_RETRY);
    ck_assert(now_s() - began < SOON_S);
    UNTIL_DONE(.op = OP_EXECUTE, .counter = 2);
}
END_TEST

/* Work takes as long as its call allows: the limit of an answer is not its. */
START_TEST(work_may_take_its_time)
{
    struct troth_postgres_config config = rig.config;
    const struct timespec longer = {.tv_sec = 2};
    PGconn *other = rig_session(&rig);
    int running;
    config.answer_timeout_us = 600000;
    config.lock_timeout_us = 60000000;
    restart(&config);
    session_run_sql(other, "BEGIN; UPDATE account SET balance = balance WHERE id = 1");
    running = SEND(.op = OP_EXECUTE, .counter = 1, .timeout = "60000");
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND wait_event_type = 'Lock'",
              "1");
    nanosleep(&longer,
              NULL); /* several times the limit: nothing happens, which is not seen sooner */
    session_run_sql(other, "ROLLBACK");
    assert_result(rig_hear(running), RESULT_DONE);
    PQfinish(other);
}
END_TEST

static void all_have_left(void)
{
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
              "0");
}

static double end_it(void)
{
    double began;
    troth_participant_stop(rig.participant);
    pthread_join(rig.thread, NULL);
    began = now_s();
    ck_assert_int_eq(troth_postgres_destroy(rig.postgres), 0);
    began = now_s() - began;
    ck_assert_int_eq(troth_participant_destroy(rig.participant), 0);
    event_base_free(rig.base);
    rig.running = false;
    return began;
}

/* The participant stops in its time while nothing at all is answered: what was under way is
 * answered, too. */
START_TEST(it_stops_beside_a_silent_database)
{
    struct troth_postgres_config config = rig.config;
    PGconn *other = rig_session(&rig);
    struct said waiting, committing;
    int wait, commit;
    double took;
    config.stop_timeout_us = 2000000;
    config.lock_timeout_us = 60000000;
    restart(&config);
    assert_result(ASK(.op = OP_PREPARE, .counter = 1), RESULT_VOTE);
    assert_result(ASK(.op = OP_COMMIT, .counter = 1), RESULT_DONE);
    assert_result(ASK(.op = OP_PREPARE, .counter = 2), RESULT_VOTE);
    session_run_sql(other, "BEGIN; UPDATE account SET balance = balance WHERE id = 2");
    wait = SEND(.op = OP_EXECUTE, .counter = 3, .timeout = "120000",
                .input = "{\"account\":2,\"amount\":100}");
    rig_until(&rig,
              "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
              " AND wait_event_type = 'Lock'",
              "1");
    stop_backends();
    commit = SEND(.op = OP_COMMIT, .counter = 2);
    (void)ASK(.op = OP_EXECUTE, .counter = 9, .operation = "nothing"); /* both have been read */
    took = end_it();
    ck_assert_msg(took < SOON_S, "%.1f s", took);
    waiting = rig_hear(wait);
    committing = rig_hear(commit);
    if (waiting.there)
        assert_result(waiting, rig_way == RIG_STATEMENT ? RESULT_UNKNOWN : RESULT_RETRY);
    ck_assert(!committing.there || committing.result == RESULT_UNKNOWN ||
              committing.result == RESULT_RETRY);
    go_on();
    PQfinish(other);
    all_have_left();
}
END_TEST

/* It stops in its time, too, when the service's own code does not come back: that thread stays, and
 * finds what it needs. */
START_TEST(it_stops_beside_endless_work)
{
    struct troth_postgres_config config = rig.config;
    double took;
    int held;
    config.stop_timeout_us = 1000000;
    restart(&config);
    held = SEND(.op = OP_EXECUTE, .counter = 1, .operation = "hold", .timeout = "60000");
    gate_wait_for(&rig.gate, 1);
    took = end_it();
    ck_assert_msg(took < SOON_S, "%.1f s", took);
    ck_assert(!rig_hear(held).there);
    gate_open(&rig.gate);
    all_have_left();
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Destroying it from inside of work is an error. */
START_TEST(work_can_not_destroy_it)
{
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1, .operation = "suicide"), RESULT_DONE);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2), RESULT_DONE);
    ck_assert_int_eq(troth_participant_destroy(rig.participant), TROTH_ERROR_INVALID);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 3), RESULT_DONE);
}
END_TEST

/* --- hosts ------------------------------------------------------------------------------------ */

/* Takes connections and says nothing. */
static int listen_silently(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* "host=… port=…" of the test's server with others before it. */
static const char *behind(const char *others_port)
{
    static char conninfo[512];
    const char *host = PQhost(rig.sql);
    (void)snprintf(conninfo, sizeof conninfo,
                   "host=127.0.0.1,%s port=%s,%s user=%s dbname=%s connect_timeout=1", host,
                   others_port, PQport(rig.sql), PQuser(rig.sql), PQdb(rig.sql));
    return conninfo;
}

/* Of several hosts one refuses, or takes the connection and says nothing: its own time, once. */
START_TEST(hosts_before_the_good_one)
{
    struct troth_postgres_config config = rig.config;
    char port[16] = "1";
    uint16_t silent;
    int fd = listen_silently(&silent);
    double began;
    if (_i == 1)
        (void)snprintf(port, sizeof port, "%u", silent);
    config.conninfo = behind(port);
    began = now_s();
    restart(&config);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_DONE);
    ck_assert(now_s() - began < SOON_S);
    began = now_s();
    assert_result(ASK(.op = OP_PREPARE, .counter = 2), RESULT_VOTE);
    assert_result(ASK(.op = OP_COMMIT, .counter = 2), RESULT_DONE);
    ck_assert(now_s() - began < SOON_S);
    rig_stop(&rig);
    close(fd);
}
END_TEST

/* Nobody but a silent one: the words say who. */
START_TEST(a_silent_host)
{
    struct troth_postgres_config config = rig.config;
    struct troth_participant_config mine = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    char conninfo[128], why[512];
    uint16_t port;
    int fd = listen_silently(&port);
    (void)snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u connect_timeout=1", port);
    config.conninfo = conninfo;
    ck_assert_int_eq(troth_participant_create(&mine, &participant), 0);
    ck_assert_int_eq(troth_postgres_create(participant, &config, &postgres), 0);
    ck_assert_int_eq(troth_postgres_start(postgres, why, sizeof why), TROTH_ERROR_UNAVAILABLE);
    ck_assert_msg(strstr(why, "took longer than 1.0 s") != NULL, "%s", why);
    ck_assert_int_eq(troth_postgres_destroy(postgres), 0);
    ck_assert_int_eq(troth_participant_destroy(participant), 0);
    close(fd);
}
END_TEST

/* A server that takes no writes is not the one. */
START_TEST(a_server_that_takes_no_writes)
{
    struct troth_postgres_config config = rig.config;
    struct troth_participant_config mine = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    char sql[128], why[512];
    rig_stop(&rig);
    (void)snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on",
                   PQdb(rig.sql));
    session_run_sql(rig.sql, sql);
    ck_assert_int_eq(troth_participant_create(&mine, &participant), 0);
    ck_assert_int_eq(troth_postgres_create(participant, &config, &postgres), 0);
    ck_assert_int_eq(troth_postgres_start(postgres, why, sizeof why), TROTH_ERROR_UNAVAILABLE);
    ck_assert_msg(strstr(why, "read-only") != NULL, "%s", why);
    ck_assert_int_eq(troth_postgres_destroy(postgres), 0);
    ck_assert_int_eq(troth_participant_destroy(participant), 0);
}
END_TEST

/* A session that hears of the wrong server, the wrong role, or of a shutdown is made anew, be it in
 * the guard's statements, in the service's, or in COMMIT PREPARED. */
START_TEST(a_session_of_the_wrong_server)
{
    static const char *const states[] = {"25006", "57P01", "57P03", "08006"};
    char sql[512];
    struct said said;
    session_run_sql(rig.sql, "CREATE TABLE wrong (pid integer)");
    (void)snprintf(sql, sizeof sql,
                   "CREATE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " IF pg_backend_pid() IN (SELECT pid FROM wrong) THEN"
                   " RAISE EXCEPTION SQLSTATE '%s'; END IF; RETURN NEW; END $$",
                   states[_i % 4]);
    session_run_sql(rig.sql, sql);
    (void)snprintf(sql, sizeof sql,
                   "CREATE TRIGGER wrong BEFORE %s FOR EACH ROW EXECUTE FUNCTION wrong()",
                   _i < 4 ? "UPDATE ON account" : "INSERT ON troth_guard.guard");
    session_run_sql(rig.sql, sql);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 1), RESULT_DONE);
    session_run_sql(rig.sql, "INSERT INTO wrong SELECT pid FROM pg_stat_activity"
                             " WHERE datname = current_database()");
    said = ASK(.op = OP_EXECUTE, .counter = 2);
    /* A statement that was not plain goes the way of a function at once, in another session. */
    assert_result(said, rig_way == RIG_STATEMENT ? RESULT_DONE : RESULT_RETRY);
    assert_result(ASK(.op = OP_EXECUTE, .counter = 2), RESULT_DONE);
    ck_assert_int_eq(rig_balance(&rig, 1), 800);
}
END_TEST

TCase *silent_tests(void)
{
    TCase *tests = tcase_create("silent");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_silent_session_is_given_up);
    tcase_add_test(tests, a_silent_commit_is_given_up);
    tcase_add_test(tests, one_backend_for_a_session);
    tcase_add_test(tests, work_has_an_end);
    tcase_add_test(tests, work_may_take_its_time);
    tcase_add_test(tests, it_stops_beside_a_silent_database);
    tcase_add_test(tests, it_stops_beside_endless_work);
    tcase_add_test(tests, work_can_not_destroy_it);
    tcase_add_loop_test(tests, hosts_before_the_good_one, 0, 2);
    tcase_add_test(tests, a_silent_host);
    tcase_add_test(tests, a_server_that_takes_no_writes);
    tcase_add_loop_test(tests, a_session_of_the_wrong_server, 0, 8);
    return tests;
}
