/* service.c: what the participant of the tests does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static void pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->moved);
    while (!gate->open)
        pthread_cond_wait(&gate->moved, &gate->lock);
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
}

void gate_wait_for(struct gate *gate, unsigned waiting)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < waiting)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}

enum rig_way rig_way;

static int change(PGconn *db, const struct troth_call *call, int sign, struct troth_output *output)
{
    char account[32], amount[32];
    const char *const values[] = {account, amount};
    int64_t id, money;
    PGresult *result;
    int answer = TROTH_ERROR_DATABASE;
    if (troth_call_int64(call, "account", &id) != 0 ||
        troth_call_int64(call, "amount", &money) != 0)
        return TROTH_ERROR_REFUSED;
    snprintf(account, sizeof account, "%ld", (long)id);
    snprintf(amount, sizeof amount, "%ld", sign * (long)money);
    result = troth_postgres_query(db,
                                  "UPDATE account SET balance = balance + $2 WHERE id = $1"
                                  " AND balance + $2 >= 0 RETURNING balance",
                                  2, values);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        troth_output_format(output, "{\"balance\":%s}", PQgetvalue(result, 0, 0));
        answer = 0;
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        troth_output_reason(output, "insufficient funds");
        answer = TROTH_ERROR_REFUSED;
    }
    PQclear(result);
    return answer;
}

static int debit(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    (void)arg;
    return change(db, call, -1, output);
}

/* Writes down what it was told of the action. */
static int undo(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    char seen[256];
    const char *const values[] = {seen};
    PGresult *result;
    (void)arg;
    snprintf(seen, sizeof seen, "%.*s", (int)call->action_output.len, call->action_output.data);
    result = PQexecParams(db, "INSERT INTO seen VALUES ($1)", 1, NULL, values, NULL, NULL, 0);
    PQclear(result);
    return change(db, call, 1, output);
}

static int hold(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    int answer = change(db, call, -1, output);
    pass(arg);
    return answer;
}

/* Two rows, one after the other. */
static int both(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    struct rig *rig = arg;
    (void)call;
    rig->calls++;
    PQclear(PQexec(db, "UPDATE account SET balance = balance - 100 WHERE id = 1"));
    pass(&rig->gate);
    PQclear(PQexec(db, "UPDATE account SET balance = balance + 100 WHERE id = 2"));
    troth_output_format(output, "%u", rig->calls);
    return 0;
}

/* Reads one row and writes another: two of these in opposite directions are no series. */
static int skew(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    struct rig *rig = arg;
    (void)call;
    rig->calls++;
    PQclear(PQexec(db, "SELECT balance FROM account WHERE id = 2"));
    PQclear(PQexec(db, "UPDATE account SET balance = balance - 100 WHERE id = 1"));
    troth_output_format(output, "%u", rig->calls);
    pass(&rig->gate);
    return 0;
}

/* Asks without waiting, and says itself what it is. */
static int nowait(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    PGresult *result = PQexec(db, "SAVEPOINT one; SELECT FROM account WHERE id = 1"
                                  " FOR UPDATE NOWAIT");
    const bool had = PQresultStatus(result) == PGRES_TUPLES_OK;
    (void)arg;
    (void)call;
    PQclear(result);
    if (!had) {
        PQclear(PQexec(db, "ROLLBACK TO one"));
        troth_output_reason(output, "account 1 is in use");
    }
    return had ? 0 : TROTH_ERROR_CONFLICT;
}

/* PREPARE TRANSACTION refuses a transaction that has touched a temporary table. */
static int temporary(void *arg, PGconn *db, const struct troth_call *call,
                     struct troth_output *output)
{
    PQclear(PQexec(db, "CREATE TEMPORARY TABLE scratch (n integer)"));
    return debit(arg, db, call, output);
}

/* Says that all is well after a statement that failed. */
static int broken(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    int answer = debit(arg, db, call, output);
    PQclear(PQexec(db, "SELECT 1/0"));
    return answer;
}

/* Ends the transaction by itself, which it must not. */
static int runaway(void *arg, PGconn *db, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)arg;
    (void)call;
    (void)output;
    PQclear(PQexec(db, "ROLLBACK"));
    return 0;
}

static int look(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    PGresult *result = PQexec(db, "SELECT balance FROM account WHERE id = 1");
    (void)arg;
    (void)call;
    troth_output_format(output, "{\"balance\":%s}", PQgetvalue(result, 0, 0));
    PQclear(result);
    return 0;
}

/* All columns, prepared: what a migration of the service's breaks. */
static int whole(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    PGresult *result = troth_postgres_query(db, "SELECT * FROM account WHERE id = 1", 0, NULL);
    const bool there = PQresultStatus(result) == PGRES_TUPLES_OK;
    (void)arg;
    (void)call;
    troth_output_format(output, "%d", PQnfields(result));
    PQclear(result);
    return there ? 0 : TROTH_ERROR_DATABASE;
}

static int no_table(void *arg, PGconn *db, const struct troth_call *call,
                    struct troth_output *output)
{
    PGresult *result = troth_postgres_query(db, "SELECT 1 FROM no_such_table", 0, NULL);
    const bool there = PQresultStatus(result) == PGRES_TUPLES_OK;
    (void)arg;
    (void)call;
    (void)output;
    PQclear(result);
    return there ? 0 : TROTH_ERROR_DATABASE;
}

/* A reason that is cut off within its last character. */
static int cut_off(void *arg, PGconn *db, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)arg;
    (void)db;
    (void)call;
    troth_output_reason(output, "no caf\xc3");
    return TROTH_ERROR_REFUSED;
}

/* An output of 512 KiB and one byte. */
static int large(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    (void)arg;
    (void)db;
    (void)call;
    troth_output_format(output, "\"%0*d\"", (1 << 19) - 1, 0);
    return 0;
}

/* Waits for the database without an end. */
static int endless(void *arg, PGconn *db, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)arg;
    (void)call;
    (void)output;
    PQclear(PQexec(db, "SET LOCAL statement_timeout = 0"));
    PQclear(PQexec(db, "SELECT pg_sleep(60)"));
    return 0;
}

/* Would end what has called it. */
static int suicide(void *arg, PGconn *db, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)call;
    (void)db;
    (void)output;
    return troth_postgres_destroy(((struct rig *)arg)->postgres) == TROTH_ERROR_INVALID ? 0 : -1;
}

/* How soon the connection notices that its server is gone. */
static int patience(void *arg, PGconn *db, const struct troth_call *call,
                    struct troth_output *output)
{
    PQconninfoOption *const options = PQconninfo(db);
    const PQconninfoOption *option;
    int seconds = 0, interval = 0, count = 0;
    (void)arg;
    (void)call;
    for (option = options; option->keyword != NULL; option++) {
        const int value = option->val == NULL ? 0 : atoi(option->val);

        seconds = strcmp(option->keyword, "keepalives_idle") == 0 ? value : seconds;
        interval = strcmp(option->keyword, "keepalives_interval") == 0 ? value : interval;
        count = strcmp(option->keyword, "keepalives_count") == 0 ? value : count;
    }
    PQconninfoFree(options);
    troth_output_format(output, "%d", seconds + interval * count);
    return 0;
}

/* What debit and its compensation are as statements: the same answers. */
static const char *const parameters[] = {"account", "amount", NULL};
static const struct troth_postgres_statement debit_statement = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance - $2::bigint WHERE id = $1::bigint"
           " AND balance - $2::bigint >= 0 RETURNING balance",
    .parameters = parameters,
    .refusal = "SELECT CASE WHEN $1::bigint + $2::bigint IS NOT NULL"
               " THEN 'insufficient funds' END"};
static const struct troth_postgres_statement no_table_statement = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT 1 AS one FROM no_such_table"};

static const struct troth_postgres_statement *statement_of(troth_postgres_fn work)
{
    return rig_way != RIG_STATEMENT ? NULL
           : work == debit          ? &debit_statement
           : work == no_table       ? &no_table_statement
                                    : NULL;
}

static bool takes_rig(troth_postgres_fn work)
{
    return work == both || work == skew || work == suicide;
}

static void handle(struct rig *rig, const char *name, troth_postgres_fn work, bool read_only)
{
    const struct troth_postgres_statement *statement = read_only ? NULL : statement_of(work);
    const struct troth_postgres_operation operation = {
        TROTH_POSTGRES_OPERATION_INIT,
        .work = statement == NULL ? work : NULL,
        .compensate = undo,
        .statement = statement,
        .read_only = read_only,
        .queries_only = (work == debit || work == no_table) && rig_way == RIG_QUERIES_ONLY,
        .arg = takes_rig(work) ? (void *)rig : (void *)&rig->gate};
    ck_assert_int_eq(troth_postgres_handle(rig->postgres, name, &operation), 0);
}

/* What test_statement.c asks for. */
static const char *const payment[] = {"from.account", "amount", "note", NULL};
static const struct troth_postgres_statement pay = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance - $2::bigint WHERE id = $1::bigint"
           " AND balance >= $2::bigint RETURNING balance, $3::text AS note",
    .parameters = payment,
    .refusal = "SELECT format('no account %s with %s%s', $1::bigint, $2::bigint, $3::text)"};
static const struct troth_postgres_statement pay_back = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance + $2::bigint WHERE id = $1::bigint"
           " AND $3::text IS NULL RETURNING balance -- and a comment",
    .parameters = payment};
static const struct troth_postgres_statement divide = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "SELECT 1 / $1::bigint AS share WHERE $1::bigint IS NOT NULL",
    .parameters = (const char *const[]){"by", NULL}};
static const struct troth_postgres_statement many = {TROTH_POSTGRES_STATEMENT_INIT,
                                                     .sql = "SELECT id FROM account"};

/* An array of so many levels, within the row's own. */
static const struct troth_postgres_statement nested = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance - 1 WHERE id = 1"
           " RETURNING (repeat('[', $1::int) || repeat(']', $1::int))::json AS levels",
    .parameters = (const char *const[]){"levels", NULL}};

/* Of an account that is looked for at the transaction's end. */
static const struct troth_postgres_statement owe = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "INSERT INTO debt VALUES ($1::bigint) RETURNING account",
    .parameters = (const char *const[]){"account", NULL}};

/* Everything that a file of operations can say (troth-postgres). */
static const struct troth_postgres_statement take_no = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT 'nobody is called ' || $1::text",
    .parameters = (const char *const[]){"names.0", NULL}};
static const struct troth_postgres_statement take = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql =
        "UPDATE account SET balance = balance - $2 WHERE id = $1"
        " RETURNING balance, $3::jsonb AS note, CASE WHEN balance < 100 THEN 'too little' END no",
    .parameters = (const char *const[]){"account", "amount", "note", NULL},
    .binding =
        (const uint32_t[]){TROTH_POSTGRES_REQUIRED | TROTH_POSTGRES_INTEGER,
                           TROTH_POSTGRES_REQUIRED | TROTH_POSTGRES_NUMBER, TROTH_POSTGRES_JSON},
    .no_row = &take_no,
    .refused = "no",
    .constraints = (const char *const[]){"other", "never", "account_balance", "overdrawn", NULL}};
static const struct troth_postgres_statement take_back = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = $2 WHERE id = $1 RETURNING balance",
    .parameters = (const char *const[]){"account", "balance", NULL},
    .binding = (const uint32_t[]){TROTH_POSTGRES_INTEGER, TROTH_POSTGRES_OF_OUTPUT |
                                                              TROTH_POSTGRES_REQUIRED |
                                                              TROTH_POSTGRES_INTEGER}};
static const struct troth_postgres_statement sum = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "SELECT sum(n) AS sum, $2::jsonb AS input FROM unnest($1::bigint[]) AS n",
    .parameters = (const char *const[]){"numbers", "", NULL},
    .binding = (const uint32_t[]){TROTH_POSTGRES_ARRAY, TROTH_POSTGRES_ALL | TROTH_POSTGRES_JSON}};
static const struct troth_postgres_statement raise_no = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT raise_no($1::text) AS never",
    .parameters = (const char *const[]){"words", NULL}};

static const struct troth_postgres_statement warn = {TROTH_POSTGRES_STATEMENT_INIT,
                                                     .sql = "SELECT raise_warning() AS said"};
static const struct troth_postgres_statement sleeps = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT pg_sleep(600)::text AS slept"};

/* What holds where the work is done. */
static const struct troth_postgres_statement around = {
    TROTH_POSTGRES_STATEMENT_INIT, .sql = "SELECT current_setting('application_name') AS name,"
                                          " current_setting('statement_timeout') <> '0' AS bounded,"
                                          " current_setting('lock_timeout') AS lock_timeout"};

static void handle_read_only(struct rig *rig, const char *name,
                             const struct troth_postgres_statement *statement)
{
    const struct troth_postgres_operation operation = {TROTH_POSTGRES_OPERATION_INIT,
                                                       .statement = statement, .read_only = true};
    ck_assert_int_eq(troth_postgres_handle(rig->postgres, name, &operation), 0);
}

static void handle_statement(struct rig *rig, const char *name,
                             const struct troth_postgres_statement *statement,
                             const struct troth_postgres_statement *undo_statement)
{
    const struct troth_postgres_operation operation = {
        TROTH_POSTGRES_OPERATION_INIT, .statement = statement, .undo = undo_statement};
    ck_assert_int_eq(troth_postgres_handle(rig->postgres, name, &operation), 0);
}

void service_register(struct rig *rig)
{
    handle_statement(rig, "pay", &pay, &pay_back);
    handle_statement(rig, "divide", &divide, NULL);
    handle_statement(rig, "many", &many, NULL);
    handle_statement(rig, "nested", &nested, NULL);
    handle_statement(rig, "owe", &owe, NULL);
    handle_statement(rig, "take", &take, &take_back);
    handle_statement(rig, "raise", &raise_no, NULL);
    handle_statement(rig, "warn", &warn, NULL);
    handle_statement(rig, "sleep", &sleeps, NULL);
    handle_statement(rig, "around", &around, NULL);
    handle_read_only(rig, "sum", &sum);
    handle(rig, "debit", debit, false);
    handle(rig, "hold", hold, false);
    handle(rig, "both", both, false);
    handle(rig, "skew", skew, false);
    handle(rig, "nowait", nowait, false);
    handle(rig, "temporary", temporary, false);
    handle(rig, "broken", broken, false);
    handle(rig, "runaway", runaway, false);
    handle(rig, "refund", NULL, false);
    handle(rig, "whole", whole, false);
    handle(rig, "no_table", no_table, false);
    handle(rig, "cut_off", cut_off, false);
    handle(rig, "large", large, false);
    handle(rig, "patience", patience, true);
    handle(rig, "endless", endless, false);
    handle(rig, "suicide", suicide, false);
    handle(rig, "look", look, true);
    handle(rig, "look_and_touch", debit, true);
}
