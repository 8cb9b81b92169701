#include "rig.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPLY_BYTES_MAX 65536

/* --- set-up ----------------------------------------------------------------------------------- */

PGconn *rig_session(const struct rig *rig)
{
    PGconn *session = PQconnectdb(rig->conninfo);
    ck_assert_msg(PQstatus(session) == CONNECTION_OK, "%s", PQerrorMessage(session));
    session_run_sql(session, "SET client_min_messages = error");
    return session;
}

void session_run_sql(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK ||
                      PQresultStatus(result) == PGRES_TUPLES_OK,
                  "%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

static void in_database(struct rig *rig, const char *name)
{
    const char *server = getenv("TROTH_TEST_POSTGRES");
    ck_assert_msg(server != NULL, "run me under tests/support/with-postgres");
    snprintf(rig->conninfo, sizeof rig->conninfo, "%s dbname=%s", server, name);
    rig->sql = rig_session(rig);
}

/* The names of prepared transactions are the whole cluster's: leave none for the next test. */
static void roll_back_prepared(struct rig *rig)
{
    char sql[192];
    for (;;) {
        const char *name =
            rig_sql(rig, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()");

        if (name[0] == '\0')
            return;
        snprintf(sql, sizeof sql, "ROLLBACK PREPARED '%s'", name);
        rig_sql(rig, sql);
    }
}

/* Backends may have been stopped (test_silent.c), and end when they go on. */
static void end_backends_of_others(struct rig *rig)
{
    const char *const pid = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE datname LIKE 'sdk\\_%' LIMIT 1";
    int waited_ms;
    for (waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms += 10) {
        const long found = rig_number(rig, pid);

        if (found == 0)
            return;
        (void)kill((pid_t)found, SIGCONT);
        rig_sql(rig, "SELECT pg_sleep(0.01)");
    }
    ck_abort_msg("backends of an earlier test do not end");
}

/* A test that failed, or was killed, has not been through rig_teardown(): the next one does that
 * for it, so that one failure is one. */
static void tidy_up_after_others(void)
{
    struct rig postgres = {.conninfo = ""};
    char database[64];
    in_database(&postgres, "postgres");
    rig_sql(&postgres, "ALTER SYSTEM RESET synchronous_standby_names"); /* test_database.c */
    rig_sql(&postgres, "SELECT pg_reload_conf()");
    end_backends_of_others(&postgres);
    while (snprintf(database, sizeof database, "%s",
                    rig_sql(&postgres, "SELECT database FROM pg_prepared_xacts LIMIT 1")) > 0) {
        struct rig other = {.conninfo = ""};

        in_database(&other, database);
        roll_back_prepared(&other);
        PQfinish(other.sql);
    }
    PQfinish(postgres.sql);
}

static void create_database(struct rig *rig)
{
    struct rig postgres = {.conninfo = ""};
    char name[48], sql[112];
    struct timespec now; /* a test's process may have the number of one before it */
    in_database(&postgres, "postgres");
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(name, sizeof name, "sdk_%d_%ld", (int)getpid(), (long)now.tv_sec);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE rig_template", name);
    session_run_sql(postgres.sql, sql);
    PQfinish(postgres.sql);
    in_database(rig, name);
}

void rig_make_template(void)
{
    static bool made;
    struct rig rig = {.conninfo = ""};
    char why[512];
    if (made)
        return;
    made = true;
    in_database(&rig, "postgres");
    session_run_sql(rig.sql, "CREATE DATABASE rig_template");
    PQfinish(rig.sql);
    in_database(&rig, "rig_template");
    ck_assert_msg(troth_postgres_migrate(rig.conninfo, why, sizeof why) == 0, "%s", why);
    session_run_sql(rig.sql,
                    "CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL"
                    " CONSTRAINT account_balance CHECK (balance BETWEEN -1000000 AND 1000000));"
                    "CREATE TABLE seen (output text);"
                    "CREATE FUNCTION raise_no(words text) RETURNS text LANGUAGE plpgsql AS"
                    " $$BEGIN RAISE EXCEPTION '%', words; END$$;"
                    "CREATE FUNCTION raise_warning() RETURNS text LANGUAGE plpgsql AS"
                    " $$BEGIN RAISE WARNING 'take care'; RETURN 'said'; END$$;"
                    "CREATE TABLE debt (account bigint REFERENCES account"
                    " DEFERRABLE INITIALLY DEFERRED);"
                    "INSERT INTO account SELECT id, 1000 FROM generate_series(1, 9) AS id");
    PQfinish(rig.sql);
}

static void make_token_file(struct rig *rig)
{
    int fd;
    strcpy(rig->token_file, "/tmp/troth-rig.XXXXXX");
    fd = mkstemp(rig->token_file);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, TOKEN "\n", sizeof TOKEN), (ssize_t)sizeof TOKEN);
    close(fd);
}

void rig_setup(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    pthread_mutex_init(&rig->gate.lock, NULL);
    pthread_cond_init(&rig->gate.moved, NULL);
    pthread_mutex_init(&rig->saying, NULL);
    tidy_up_after_others();
    create_database(rig);
    rig->config = (struct troth_postgres_config){
        TROTH_POSTGRES_CONFIG_INIT, .conninfo = rig->conninfo,  .slots = 4,
        .phase2_connections = 2,    .lock_timeout_us = 300000,  .guard_timeout_us = 100000,
        .scan_interval_us = 100000, .sweep_interval_us = 100000};
    make_token_file(rig);
    rig_start(rig);
}

static void *run(void *arg)
{
    struct rig *rig = arg;
    ck_assert_int_eq(troth_participant_run(rig->participant), 0);
    return NULL;
}

static void diagnostic(void *arg, enum troth_severity severity, const char *text)
{
    struct rig *rig = arg;
    (void)severity;
    if (strstr(text, "event=connection_cut") != NULL) {
        pthread_mutex_lock(&rig->saying);
        (void)snprintf(rig->cut, sizeof rig->cut, "%s", text);
        pthread_mutex_unlock(&rig->saying);
    }
}

void rig_start(struct rig *rig)
{
    const struct troth_participant_config config = {
        TROTH_PARTICIPANT_CONFIG_INIT, .address = "127.0.0.1", .diagnostic = diagnostic,
        .diagnostic_arg = rig, .token_file = rig->token_file[0] == '\0' ? NULL : rig->token_file};
    char why[512];
    rig->gate.open = false; /* rig_stop() opens it; no thread is there now */
    ck_assert_int_eq(troth_participant_create(&config, &rig->participant), 0);
    ck_assert_int_eq(troth_postgres_create(rig->participant, &rig->config, &rig->postgres), 0);
    service_register(rig);
    ck_assert_msg(troth_postgres_start(rig->postgres, why, sizeof why) == 0, "%s", why);
    rig->base = event_base_new();
    ck_assert_int_eq(troth_participant_attach(rig->participant, rig->base), 0);
    rig->port = troth_participant_port(rig->participant);
    rig_run(rig);
}

void rig_run(struct rig *rig)
{
    ck_assert_int_eq(pthread_create(&rig->thread, NULL, run, rig), 0);
    rig->running = true;
}

void rig_pause(struct rig *rig)
{
    troth_participant_stop(rig->participant);
    ck_assert_int_eq(pthread_join(rig->thread, NULL), 0);
    rig->running = false;
}

void rig_stop(struct rig *rig)
{
    if (!rig->running)
        return;
    gate_open(&rig->gate);
    troth_participant_stop(rig->participant);
    pthread_join(rig->thread, NULL);
    troth_postgres_destroy(rig->postgres);
    troth_participant_destroy(rig->participant);
    event_base_free(rig->base);
    rig->running = false;
}

void rig_teardown(struct rig *rig)
{
    rig_stop(rig);
    if (rig->token_file[0] != '\0')
        (void)unlink(rig->token_file);
    roll_back_prepared(rig);
    PQfinish(rig->sql);
}

/* --- the coordinator's side ------------------------------------------------------------------- */

static troth_gtid gtid_in(uint16_t shard, uint64_t counter)
{
    const struct troth_gtid_parts parts = {
        .unix_ms = 1763700000000, .shard = shard, .epoch = EPOCH, .counter = counter};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    return gtid;
}

troth_gtid rig_gtid(uint64_t counter)
{
    return gtid_in(3, counter);
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timeval patience = {.tv_sec = WAIT_MS_MAX / 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool has_input(enum message_op op)
{
    return op == OP_PREPARE || op == OP_EXECUTE || op == OP_COMPENSATE;
}

int rig_send(const struct rig *rig, struct ask ask)
{
    const char *operation = ask.operation == NULL ? "debit" : ask.operation;
    const char *input = ask.input == NULL ? "{\"account\":1,\"amount\":100}" : ask.input;
    struct command command = {.op = ask.op,
                              .gtid = gtid_in(ask.shard == 0 ? 3 : ask.shard, ask.counter),
                              .branch = ask.branch == 0 ? 1 : ask.branch,
                              .attempt = ask.attempt == 0 ? 1 : ask.attempt,
                              .operation = {operation, strlen(operation)},
                              .timeout_us = CALL_MS * UINT64_C(1000),
                              .lock_wait_us = ask.lock_wait_ms * 1000,
                              .ordered = ask.ordered};
    struct buffer body = {0}, request = {0};
    int fd = dial(rig->port);
    if (has_input(ask.op))
        command.input = (struct troth_span){input, strlen(input)};
    if (ask.timeout != NULL)
        command.timeout_us = strtoull(ask.timeout, NULL, 10) * 1000;
    message_command_append(&body, &command);
    buffer_append_format(&request,
                         "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                         "Content-Type: application/x-ndjson\r\nTroth-Journal: %s\r\n"
                         "%s%s%s%sContent-Length: %zu\r\n\r\n",
                         ask.journal == NULL ? JOURNAL : ask.journal,
                         rig->token_file[0] == '\0' ? "" : "Authorization: Bearer " TOKEN "\r\n",
                         rig->oldest_open[0] == '\0' ? "" : "Troth-Oldest-Open: ", rig->oldest_open,
                         rig->oldest_open[0] == '\0' ? "" : "\r\n", body.len);
    buffer_append_span(&request, buffer_span(&body));
    ck_assert(!request.failed);
    ck_assert_int_eq(send(fd, request.data, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
    buffer_finish(&body);
    buffer_finish(&request);
    return fd;
}

static void copy_span(struct troth_span from, char *to, size_t cap)
{
    ck_assert_uint_lt(from.len, cap);
    if (from.len > 0)
        memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

struct said rig_hear(int fd)
{
    char reply[REPLY_BYTES_MAX];
    size_t len = 0;
    ssize_t got;
    char *line;
    struct buffer scratch = {0};
    struct said said = {.there = false};
    struct result result;
    const char *why = "";
    while ((got = recv(fd, reply + len, sizeof reply - 1 - len, 0)) > 0)
        len += (size_t)got;
    ck_assert_msg(got == 0, "no answer in time");
    close(fd);
    reply[len] = '\0';
    line = strstr(reply, "{\"op\"");
    if (line == NULL)
        return said;
    ck_assert_msg(message_result_parse((struct troth_span){line, strcspn(line, "\r\n")}, &scratch,
                                       &result, &why) == 0,
                  "%s: %s", why, line);
    said.there = true;
    said.result = result.result;
    said.vote = result.vote;
    said.state = result.state;
    said.blocker = result.blocker;
    copy_span(result.output, said.output, sizeof said.output);
    copy_span(result.reason, said.reason, sizeof said.reason);
    buffer_finish(&scratch);
    return said;
}

struct said rig_ask(const struct rig *rig, struct ask ask)
{
    struct said said = rig_hear(rig_send(rig, ask));
    ck_assert_msg(said.there, "an answer without a result");
    return said;
}

/* --- SQL -------------------------------------------------------------------------------------- */

const char *rig_sql(struct rig *rig, const char *sql)
{
    static char value[256];
    PGresult *result = PQexec(rig->sql, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
                      PQresultStatus(result) == PGRES_COMMAND_OK,
                  "%s: %s", sql, PQerrorMessage(rig->sql));
    snprintf(value, sizeof value, "%s",
             PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

long rig_number(struct rig *rig, const char *sql)
{
    return strtol(rig_sql(rig, sql), NULL, 10);
}

void rig_until(struct rig *rig, const char *sql, const char *value)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int waited_ms;
    for (waited_ms = 0; waited_ms < WAIT_MS_MAX; waited_ms += 10) {
        if (strcmp(rig_sql(rig, sql), value) == 0)
            return;
        nanosleep(&pause, NULL);
    }
    ck_abort_msg("%s is \"%s\", not \"%s\"", sql, rig_sql(rig, sql), value);
}

long rig_balance(struct rig *rig, int account)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT balance FROM account WHERE id = %d", account);
    return rig_number(rig, sql);
}
