/* Branches left prepared are asked about and settled; what is not ours is left alone. */
#include <base/buffer.h>
#include <event2/event.h>
#include <http/server.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define PREPARED "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
#define COUNTERS 16

/* A coordinator that answers each inquiry as the script says, by the gtid's counter. */
struct coordinator {
    struct event_base *base;
    struct http_loop *loop;
    struct http_server *server;
    struct event *wake;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answers[COUNTERS]; /* NULL: 503 */
    unsigned asked[COUNTERS];
    char url[64];
};

static struct rig rig;
static struct coordinator coordinator;

static void on_inquiry(void *arg, struct http_exchange *exchange)
{
    const struct troth_span path = http_exchange_path(exchange);
    const char *answer = NULL;
    struct troth_gtid_parts parts = {0};
    struct buffer body = {0}, journal = {0};
    troth_gtid gtid;
    (void)arg;
    ck_assert_uint_ge(path.len, strlen("/v1/transactions/") + TROTH_GTID_TEXT_LEN);
    ck_assert_int_eq(
        troth_gtid_parse(path.data + strlen("/v1/transactions/"), TROTH_GTID_TEXT_LEN, &gtid), 0);
    ck_assert(http_exchange_parameter(exchange, "journal", &journal));
    troth_gtid_split(&gtid, &parts);
    pthread_mutex_lock(&coordinator.lock);
    if (strcmp(buffer_text(&journal), JOURNAL) != 0) {
        answer = "unknown"; /* as the real one says of another journal's */
    } else if (parts.counter < COUNTERS) {
        coordinator.asked[parts.counter]++;
        answer = coordinator.answers[parts.counter];
    }
    pthread_mutex_unlock(&coordinator.lock);
    if (answer == NULL) {
        http_exchange_reply(exchange, 503, NULL, NULL, (struct troth_span){NULL, 0});
    } else {
        buffer_append_format(&body, "{\"decision\":\"%s\"}", answer);
        http_exchange_reply(exchange, 200, "application/json", NULL, buffer_span(&body));
    }
    buffer_finish(&body);
    buffer_finish(&journal);
}

static void *coordinate(void *arg)
{
    (void)arg;
    ck_assert_int_ge(event_base_dispatch(coordinator.base), 0);
    return NULL;
}

static void stop_now(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    (void)fd;
    event_base_loopbreak(arg);
}

static int stop_pipe[2];

static void setup(void)
{
    struct http_server_config config = {.address = "127.0.0.1",
                                        .connections_max = 32,
                                        .limits = HTTP_LIMITS_DEFAULT,
                                        .handler = on_inquiry};
    memset(&coordinator, 0, sizeof coordinator);
    pthread_mutex_init(&coordinator.lock, NULL);
    coordinator.base = event_base_new();
    ck_assert_int_eq(http_loop_create(coordinator.base, &coordinator.loop), 0);
    http_loop_autoflush(coordinator.loop);
    ck_assert_int_eq(http_server_create(coordinator.loop, &config, &coordinator.server), 0);
    snprintf(coordinator.url, sizeof coordinator.url, "http://127.0.0.1:%u",
             http_server_port(coordinator.server));
    ck_assert_int_eq(pipe(stop_pipe), 0);
    coordinator.wake =
        event_new(coordinator.base, stop_pipe[0], EV_READ, stop_now, coordinator.base);
    ck_assert_int_eq(event_add(coordinator.wake, NULL), 0);
    ck_assert_int_eq(pthread_create(&coordinator.thread, NULL, coordinate, NULL), 0);
    rig_setup(&rig);
}

static void teardown(void)
{
    rig_teardown(&rig);
    ck_assert_int_eq(write(stop_pipe[1], "x", 1), 1);
    pthread_join(coordinator.thread, NULL);
    event_free(coordinator.wake);
    http_server_destroy(coordinator.server);
    http_loop_destroy(coordinator.loop);
    event_base_free(coordinator.base);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
}

static void answer_of(uint64_t counter, const char *answer)
{
    pthread_mutex_lock(&coordinator.lock);
    coordinator.answers[counter] = answer;
    pthread_mutex_unlock(&coordinator.lock);
}

static unsigned rig_asked(uint64_t counter)
{
    unsigned asked;
    pthread_mutex_lock(&coordinator.lock);
    asked = coordinator.asked[counter];
    pthread_mutex_unlock(&coordinator.lock);
    return asked;
}

static void wait_asked(uint64_t counter, unsigned more)
{
    const unsigned before = rig_asked(counter);
    while (rig_asked(counter) < before + more) /* the test's own timeout is the bound */
        rig_sql(&rig, "SELECT pg_sleep(0.01)");
}

static void prepare(uint64_t counter)
{
    char input[64];
    snprintf(input, sizeof input, "{\"account\":%d,\"amount\":100}", (int)counter);
    ck_assert_int_eq(
        rig_ask(&rig, (struct ask){.op = OP_PREPARE, .counter = counter, .input = input}).result,
        RESULT_VOTE);
}

/* A process that comes back finds its branches, asks, and settles each as it was decided. */
START_TEST(orphans_are_settled)
{
    prepare(1);
    prepare(2);
    prepare(3);
    prepare(4);
    answer_of(1, "committed");
    answer_of(2, "aborted");
    answer_of(3, "undecided");
    answer_of(4, "unknown");
    rig_stop(&rig);
    rig.config.coordinator = coordinator.url;
    rig_start(&rig);
    rig_until(&rig, PREPARED, "2");
    ck_assert_int_eq(rig_balance(&rig, 1), 900);
    ck_assert_int_eq(rig_balance(&rig, 2), 1000);
    /* An abort learnt by asking leaves the tombstone. */
    rig_until(&rig, "SELECT string_agg(state, ' ' ORDER BY gtid) FROM troth_guard.guard",
              "done tombstone");
    ck_assert_int_eq(rig_ask(&rig, (struct ask){.op = OP_PREPARE, .counter = 2}).result,
                     RESULT_REFUSED);
    /* Undecided is asked again; unknown stays in doubt. */
    answer_of(3, "committed");
    rig_until(&rig, PREPARED, "1");
    ck_assert_int_eq(rig_balance(&rig, 3), 900);
    wait_asked(4, 2);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
}
END_TEST

/* A coordinator that cannot answer changes nothing; when it can, the scan goes on. */
START_TEST(coordinator_down_and_up)
{
    prepare(1);
    rig_stop(&rig);
    rig.config.coordinator = coordinator.url;
    rig_start(&rig);
    wait_asked(1, 2);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
    answer_of(1, "aborted");
    rig_until(&rig, PREPARED, "0");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* Foreign names, another journal's, another user's and another database's are left alone. */
START_TEST(others_are_left_alone)
{
    const char *const mine = "BEGIN; INSERT INTO seen VALUES ('x'); PREPARE TRANSACTION "
                             "'troth_" JOURNAL "_019a0000-0000-8003-8000-01c000000005_1_1'";
    PGconn *other;
    struct rig elsewhere = rig;
    char sql[256];
    answer_of(5, "aborted");
    answer_of(6, "aborted");
    snprintf(elsewhere.conninfo, sizeof elsewhere.conninfo, "%s", rig.conninfo);
    strcpy(strstr(elsewhere.conninfo, "dbname="), "dbname=postgres");
    other = rig_session(&elsewhere);
    session_run_sql(other, "CREATE TABLE IF NOT EXISTS seen (output text)");
    session_run_sql(other, mine);
    session_run_sql(rig.sql, "BEGIN; INSERT INTO seen VALUES ('x'); PREPARE TRANSACTION 'payroll'");
    session_run_sql(rig.sql, "BEGIN; INSERT INTO seen VALUES ('x'); PREPARE TRANSACTION "
                             "'troth_" OTHER_JOURNAL "_019a0000-0000-8003-8000-01c000000005_1_1'");
    snprintf(sql, sizeof sql,
             "CREATE ROLE other_%s LOGIN; GRANT ALL ON seen TO other_%s; "
             "SET SESSION AUTHORIZATION other_%s",
             PQdb(rig.sql), PQdb(rig.sql), PQdb(rig.sql));
    session_run_sql(rig.sql, sql);
    session_run_sql(rig.sql, "BEGIN; INSERT INTO seen VALUES ('x'); PREPARE TRANSACTION "
                             "'troth_" JOURNAL "_019a0000-0000-8003-8000-01c000000006_1_1'");
    session_run_sql(rig.sql, "RESET SESSION AUTHORIZATION");
    prepare(1);
    answer_of(1, "aborted");
    rig_stop(&rig);
    rig.config.coordinator = coordinator.url;
    rig_start(&rig);
    rig_until(&rig, PREPARED, "3"); /* ours has gone */
    prepare(2);                     /* now our journal is known */
    answer_of(2, "undecided");
    wait_asked(2, 2);
    ck_assert_int_eq(rig_number(&rig, "SELECT count(*) FROM pg_prepared_xacts"), 5);
    ck_assert_uint_eq(coordinator.asked[5], 0);
    ck_assert_uint_eq(coordinator.asked[6], 0);
    session_run_sql(other, "ROLLBACK PREPARED "
                           "'troth_" JOURNAL "_019a0000-0000-8003-8000-01c000000005_1_1'");
    PQfinish(other);
}
END_TEST

/* Prepared, and with no periodic scan to come: the first one has found nothing decided. */
static void prepared_and_asked_once(void)
{
    prepare(1);
    answer_of(1, "undecided");
    rig_stop(&rig);
    rig.config.coordinator = coordinator.url;
    rig.config.scan_interval_us = 3600000000;
    rig_start(&rig);
    /* Fails with the test's own timeout when the start does not ask. */
    while (rig_asked(1) == 0)
        rig_sql(&rig, "SELECT pg_sleep(0.01)");
    prepare(2);
    answer_of(1, "aborted");
    ck_assert_int_eq(rig_number(&rig, PREPARED), 2);
}

static void show_epoch(uint32_t epoch)
{
    const struct troth_gtid_parts parts = {
        .unix_ms = 1763700000000, .shard = 3, .epoch = epoch, .counter = 1};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    troth_gtid_format(&gtid, rig.oldest_open);
    (void)rig_ask(&rig, (struct ask){.op = OP_STATUS, .counter = 9});
}

/* A newer epoch of a shard makes the branches of the older one ask at once. */
START_TEST(asked_when_the_epoch_moves)
{
    prepared_and_asked_once();
    show_epoch(EPOCH + 1);
    rig_until(&rig, PREPARED, "1");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* So does a connection of the coordinator that breaks during a command. */
START_TEST(asked_when_a_connection_breaks)
{
    int fd;
    prepared_and_asked_once();
    fd = rig_send(&rig, (struct ask){.op = OP_PREPARE,
                                     .counter = 9,
                                     .operation = "hold",
                                     .input = "{\"account\":9,\"amount\":1}"});
    gate_wait_for(&rig.gate, 1);
    close(fd);
    rig_until(&rig, PREPARED, "1");
    ck_assert_int_eq(rig_balance(&rig, 1), 1000);
}
END_TEST

/* A resource that ends while its scan settles a branch, and another scan is wanted, begins none:
 * its threads are gone. (Seen by the address sanitizer.) */
START_TEST(ended_while_it_settles)
{
    PGconn *other = rig_session(&rig);
    rig.config.guard_timeout_us = 30000000;
    rig.config.stop_timeout_us = 4000000; /* then the wait is cut off */
    session_run_sql(rig.sql, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
                             " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';"
                             "CREATE TRIGGER wait BEFORE INSERT ON troth_guard.guard FOR EACH ROW"
                             " WHEN (NEW.state = 'tombstone') EXECUTE FUNCTION wait()");
    /* A branch below the mark leaves no tombstone: where the mark is the faster one, none waits. */
    session_run_sql(rig.sql, "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS"
                             " 'BEGIN RETURN NULL; END';"
                             "CREATE TRIGGER stays BEFORE INSERT OR UPDATE ON troth_guard.mark"
                             " FOR EACH ROW EXECUTE FUNCTION stays()");
    session_run_sql(other, "SELECT pg_advisory_lock(1)");
    prepared_and_asked_once();
    show_epoch(EPOCH + 1);
    rig_until(&rig, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
              "1");
    show_epoch(EPOCH + 2);
    rig_stop(&rig);
    ck_assert_int_eq(rig_number(&rig, PREPARED), 1);
    PQfinish(other);
}
END_TEST

TCase *scan_tests(void)
{
    TCase *tests = tcase_create("scan");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, orphans_are_settled);
    tcase_add_test(tests, coordinator_down_and_up);
    tcase_add_test(tests, others_are_left_alone);
    tcase_add_test(tests, asked_when_the_epoch_moves);
    tcase_add_test(tests, asked_when_a_connection_breaks);
    tcase_add_test(tests, ended_while_it_settles);
    return tests;
}
