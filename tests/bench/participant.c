/* participant.c: a participant for measurements.
 *
 *   bench_participant [--listen ADDRESS:PORT] [--slots N]
 *                     [--database CONNINFO --coordinator URL --create-accounts N --balance B]
 *
 * Without a database it does nothing, as fast as it can, in operations that answer
 *
 *   nothing   yes and done, to everything
 *   late      to a prepare only after --late-ms (default 60000): whoever waits has given up by then
 *   refuses   no, to a prepare and an execute
 *   stuck     done to an execute, and no to its compensation, which an operator has to look at
 *   doubtful  yes to a prepare, and to a commit "not now", until SIGUSR1 comes; then done
 *
 * With a database it is the bank (participant-sdk/examples/bank) with plain C functions in the
 * place of statements. At its end it says how often it was asked what, as a line of JSON. */
#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/postgres.h>
#include <troth/troth.h>

struct options {
    char address[64];
    uint16_t port;
    uint32_t slots;
    long late_ms;
    const char *database, *coordinator, *accounts, *balance;
};

static struct options options = {
    .address = "127.0.0.1", .late_ms = 60000, .accounts = "0", .balance = "1000"};
static struct event_base *base;
static bool settled; /* doubtful commits are done */
static uint64_t asked[TROTH_OP_STATUS + 1];

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_participant: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* --- operations that do nothing --------------------------------------------------------------- */

static const struct troth_span nothing = {NULL, 0};

static void say_done(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    asked[call->op]++;
    if (call->op == TROTH_OP_PREPARE)
        troth_reply_vote(reply, TROTH_VOTE_YES, nothing);
    else
        troth_reply_done(reply, TROTH_BRANCH_UNSAID, nothing);
}

static void say_no(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    asked[call->op]++;
    troth_reply_refused(reply, "this operation refuses", nothing);
}

static void say_later(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    asked[call->op]++;
    if (settled)
        troth_reply_done(reply, TROTH_BRANCH_UNSAID, nothing);
    else
        troth_reply_retry(reply, 0, "this operation is not ready");
}

static void on_late(evutil_socket_t fd, short what, void *reply)
{
    (void)fd;
    (void)what;
    troth_reply_unknown(reply, "too late");
}

static void say_late(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    const struct timeval wait = {options.late_ms / 1000, options.late_ms % 1000 * 1000};
    (void)arg;
    asked[call->op]++;
    if (event_base_once(base, -1, EV_TIMEOUT, on_late, reply, &wait) != 0)
        troth_reply_unknown(reply, "no memory");
}

static int handle_nothing(struct troth_participant *participant)
{
    const struct {
        const char *name;
        troth_handler prepare, commit, execute, compensate;
    } operations[] = {{"nothing", say_done, say_done, say_done, say_done},
                      {"late", say_late, say_done, say_done, say_done},
                      {"refuses", say_no, say_done, say_no, say_done},
                      {"stuck", say_done, say_done, say_done, say_no},
                      {"doubtful", say_done, say_later, say_done, say_done}};
    int error = 0;
    for (size_t i = 0; error == 0 && i < sizeof operations / sizeof operations[0]; i++) {
        const struct troth_handlers handlers = {TROTH_HANDLERS_INIT,
                                                .prepare = operations[i].prepare,
                                                .commit = operations[i].commit,
                                                .abort = say_done,
                                                .execute = operations[i].execute,
                                                .compensate = operations[i].compensate,
                                                .status = say_done};
        error = troth_participant_handle(participant, operations[i].name, &handlers, NULL);
    }
    return error;
}

/* --- the bank, with functions ----------------------------------------------------------------- */

static int move(PGconn *db, const struct troth_call *call, struct troth_output *output,
                const char *sql)
{
    char account[24], amount[24];
    const char *const values[] = {account, amount};
    int64_t id, sum;
    if (troth_call_int64(call, "account", &id) != 0 ||
        troth_call_int64(call, "amount", &sum) != 0 || sum <= 0) {
        troth_output_reason(output, "account and amount must be whole numbers, amount above 0");
        return TROTH_ERROR_REFUSED;
    }
    (void)snprintf(account, sizeof account, "%" PRId64, id);
    (void)snprintf(amount, sizeof amount, "%" PRId64, sum);
    PGresult *result = troth_postgres_query(db, sql, 2, values);
    int answer = TROTH_ERROR_DATABASE;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        troth_output_format(output, "{\"balance\":%s}", PQgetvalue(result, 0, 0));
        answer = 0;
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        troth_output_reason(output, "no such account, or insufficient funds");
        answer = TROTH_ERROR_REFUSED;
    }
    PQclear(result);
    return answer;
}

static int debit(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    (void)arg;
    return move(db, call, output,
                "update account set balance = balance - $2::bigint where id = $1::bigint"
                " and balance >= $2::bigint returning balance");
}

static int credit(void *arg, PGconn *db, const struct troth_call *call, struct troth_output *output)
{
    (void)arg;
    return move(db, call, output,
                "update account set balance = balance + $2::bigint where id = $1::bigint"
                " returning balance");
}

static int handle_bank(struct troth_postgres *postgres)
{
    const struct troth_postgres_operation debits = {TROTH_POSTGRES_OPERATION_INIT, .work = debit,
                                                    .compensate = credit, .queries_only = true};
    const struct troth_postgres_operation credits = {TROTH_POSTGRES_OPERATION_INIT, .work = credit,
                                                     .compensate = debit, .queries_only = true};
    int error = troth_postgres_handle(postgres, "debit", &debits);
    return error != 0 ? error : troth_postgres_handle(postgres, "credit", &credits);
}

static int create_accounts(void)
{
    const char *const values[] = {options.accounts, options.balance};
    char why[512] = "";
    if (troth_postgres_migrate(options.database, why, sizeof why) != 0)
        return fail("cannot create the guard", why);
    PGconn *db = PQconnectdb(options.database);
    PQclear(PQexec(db, "set client_min_messages = warning"));
    PQclear(PQexec(db, "create table if not exists account (id bigint primary key,"
                       " balance bigint not null check (balance >= 0))"));
    PGresult *result = PQexecParams(
        db,
        "insert into account select id, $2::bigint from generate_series(1, $1::bigint) as id"
        " where not exists (select from account as a where a.id = id.id)",
        2, NULL, values, NULL, NULL, 0);
    int status = EXIT_SUCCESS;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = fail("cannot create the accounts", PQerrorMessage(db));
    PQclear(result);
    PQfinish(db);
    return status;
}

static int start_bank(struct troth_participant *participant, struct troth_postgres **ret_postgres,
                      char *ret_why, size_t why_cap)
{
    const struct troth_postgres_config config = {
        TROTH_POSTGRES_CONFIG_INIT, .conninfo = options.database, .slots = options.slots,
        .coordinator = options.coordinator};
    int error = troth_postgres_create(participant, &config, ret_postgres);
    if (error == 0)
        error = handle_bank(*ret_postgres);
    return error != 0 ? error : troth_postgres_start(*ret_postgres, ret_why, why_cap);
}

/* --- start-up --------------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t number, short what, void *participant)
{
    (void)number;
    (void)what;
    troth_participant_stop(participant);
}

static void on_settled(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)arg;
    settled = true;
}

static int run(struct troth_participant *participant)
{
    struct event *events[] = {evsignal_new(base, SIGTERM, on_stop, participant),
                              evsignal_new(base, SIGINT, on_stop, participant),
                              evsignal_new(base, SIGUSR1, on_settled, NULL)};
    size_t count = sizeof events / sizeof events[0], ready = 0;
    int error = TROTH_ERROR_NO_MEMORY;
    while (ready < count && events[ready] != NULL && event_add(events[ready], NULL) == 0)
        ready++;
    if (ready == count) {
        (void)printf("bench_participant ready listen=%s:%u\n", options.address,
                     (unsigned)troth_participant_port(participant));
        (void)fflush(stdout);
        error = troth_participant_run(participant);
    }
    for (size_t i = 0; i < count; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    return error;
}

static void say_asked(void)
{
    static const char *const names[] = {"prepare", "commit",     "abort",
                                        "execute", "compensate", "status"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)printf("%s\"%s\":%" PRIu64, i == 0 ? "asked {" : ",", names[i], asked[i]);
    (void)puts("}");
}

static bool parse(int argc, char **argv)
{
    static const struct option names[] = {{"listen", required_argument, NULL, 'l'},
                                          {"slots", required_argument, NULL, 's'},
                                          {"late-ms", required_argument, NULL, 'm'},
                                          {"database", required_argument, NULL, 'd'},
                                          {"coordinator", required_argument, NULL, 'c'},
                                          {"create-accounts", required_argument, NULL, 'n'},
                                          {"balance", required_argument, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (option == 'l' &&
            sscanf(optarg, "%63[0-9.]:%" SCNu16, options.address, &options.port) != 2)
            return false;
        else if (option == 's')
            options.slots = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'm')
            options.late_ms = strtol(optarg, NULL, 10);
        else if (option == 'd')
            options.database = optarg;
        else if (option == 'c')
            options.coordinator = optarg;
        else if (option == 'n')
            options.accounts = optarg;
        else if (option == 'b')
            options.balance = optarg;
        else if (option == '?')
            return false;
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct troth_participant *participant = NULL;
    struct troth_postgres *postgres = NULL;
    char why[512] = "";
    if (!parse(argc, argv))
        return fail("at start", "no such option; the head of participant.c lists them");
    if (options.database != NULL && create_accounts() != EXIT_SUCCESS)
        return EXIT_FAILURE;
    const struct troth_participant_config config = {
        TROTH_PARTICIPANT_CONFIG_INIT, .address = options.address, .port = options.port,
        .slots = options.slots, .pending_max = 1000000};
    base = event_base_new();
    int error =
        base == NULL ? TROTH_ERROR_NO_MEMORY : troth_participant_create(&config, &participant);
    if (error == 0)
        error = options.database == NULL ? handle_nothing(participant)
                                         : start_bank(participant, &postgres, why, sizeof why);
    if (error == 0)
        error = troth_participant_attach(participant, base);
    if (error == 0)
        error = run(participant);
    if (error != 0)
        (void)fail(troth_error_text(error), why[0] == '\0' ? "at start" : why);
    say_asked();
    (void)troth_postgres_destroy(postgres);
    (void)troth_participant_destroy(participant);
    if (base != NULL)
        event_base_free(base);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
