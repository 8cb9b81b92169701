/* bank.c: a bank over PostgreSQL as a participant of global transactions.
 *
 *   bank --database "host=… dbname=bank_a" --coordinator http://127.0.0.1:7800 \
 *        --listen 127.0.0.1:7811 --create-accounts 100 --balance 1000
 *
 * The business is `debit`, `credit` and `balance`; everything else is options and start-up. */
#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/postgres.h>
#include <troth/troth.h>

/* --- the business ----------------------------------------------------------------------------- */

static const char *const account_and_amount[] = {"account", "amount", NULL};

/* Why neither of the two changed a row. */
#define REFUSAL                                                                                    \
    "SELECT CASE WHEN $2::bigint > 0 IS NOT TRUE"                                                  \
    " THEN 'account and amount must be whole numbers, amount above 0'"                             \
    " WHEN EXISTS (SELECT FROM account WHERE id = $1::bigint) THEN 'insufficient funds'"           \
    " ELSE 'no such account' END"

static const struct troth_postgres_statement debit = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance - $2::bigint WHERE id = $1::bigint"
           " AND $2::bigint BETWEEN 1 AND balance RETURNING balance",
    .parameters = account_and_amount, .refusal = REFUSAL};

static const struct troth_postgres_statement credit = {
    TROTH_POSTGRES_STATEMENT_INIT,
    .sql = "UPDATE account SET balance = balance + $2::bigint WHERE id = $1::bigint"
           " AND $2::bigint > 0 RETURNING balance",
    .parameters = account_and_amount, .refusal = REFUSAL};

/* Reads, by a function: what is more than one statement is written like this. */
static int balance(void *arg, PGconn *db, const struct troth_call *call,
                   struct troth_output *output)
{
    char account[24];
    const char *const values[] = {account};
    int64_t id;
    PGresult *result;
    int answer = TROTH_ERROR_DATABASE; /* the SDK rolls back and reports it */
    (void)arg;
    if (troth_call_int64(call, "account", &id) != 0) {
        troth_output_reason(output, "account must be a whole number");
        return TROTH_ERROR_REFUSED;
    }
    (void)snprintf(account, sizeof account, "%" PRId64, id);
    result = troth_postgres_query(db, "SELECT balance FROM account WHERE id = $1", 1, values);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        troth_output_format(output, "{\"balance\":%s}", PQgetvalue(result, 0, 0));
        answer = 0;
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        troth_output_reason(output, "no such account");
        answer = TROTH_ERROR_REFUSED;
    }
    PQclear(result);
    return answer;
}

/* --- start-up --------------------------------------------------------------------------------- */

struct options {
    char address[64];
    uint16_t port;
    const char *database;
    const char *coordinator;
    const char *resolver;
    const char *api_key_file;
    struct troth_tls tls; /* `certificate` is NULL: plain http */
    const char *token_file;
    const char *coordinators[2]; /* NULL at the end */
    uint32_t slots;
    uint64_t sweep_interval_us;
    const char *create_accounts;
    const char *first_balance;
};

static const char usage[] =
    "bank --database CONNINFO [--listen ADDRESS:PORT] [--coordinator URL]\n"
    "     [--resolver SERVERS] [--slots N] [--sweep-interval SECONDS]\n"
    "     [--create-accounts N [--balance B]]\n"
    "     [--tls-certificate FILE --tls-key FILE [--tls-ca FILE [--coordinator-name NAME]]]\n"
    "     [--token-file FILE] [--api-key-file FILE]\n"
    "\n"
    "  --database CONNINFO    the bank's own PostgreSQL database (libpq)\n"
    "  --listen ADDRESS:PORT  default 127.0.0.1:0, a free port\n"
    "  --coordinator URL      trothd, asked about branches that were left prepared; several with\n"
    "                         commas: the next is asked where one cannot be reached\n"
    "  --resolver SERVERS     name servers for its host, instead of resolv.conf's\n"
    "  --slots N              debits and credits at a time (default 16)\n"
    "  --sweep-interval SECONDS\n"
    "                         how often guard rows of forgotten transactions leave (default 60)\n"
    "  --create-accounts N    first create the tables and accounts 1 to N, where they are missing\n"
    "  --balance B            of each new account (default 1000)\n"
    "  --tls-certificate FILE, --tls-key FILE\n"
    "                         serves https, and shows the certificate to the coordinator, too\n"
    "  --tls-ca FILE          who signs the coordinator's certificate; with --tls-certificate it\n"
    "                         must show one that they have signed\n"
    "  --coordinator-name NAME  what stands in its certificate: DNS:trothd.internal\n"
    "  --token-file FILE      a token a line; the coordinator must show one of them\n"
    "  --api-key-file FILE    an API key with the scope inquire, shown to the coordinator\n";

/* Tells an operator what the library saw. */
static void diagnostic(void *arg, enum troth_severity severity, const char *line)
{
    static const char *const names[] = {"info", "warning", "error"};
    (void)arg;
    (void)fprintf(stderr, "bank: %s: %s\n", names[severity], line);
}

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "bank: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* ADDRESS:PORT, [ADDRESS]:PORT for IPv6. */
static bool parse_listen(const char *text, struct options *options)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    char *end;
    unsigned long port;
    if (len == 0 || len >= sizeof options->address)
        return false;
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    memcpy(options->address, text, len);
    options->address[len] = '\0';
    port = strtoul(colon + 1, &end, 10);
    options->port = (uint16_t)port;
    return end != colon + 1 && *end == '\0' && port <= UINT16_MAX;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"listen", required_argument, NULL, 'l'},
                                          {"database", required_argument, NULL, 'd'},
                                          {"coordinator", required_argument, NULL, 'c'},
                                          {"resolver", required_argument, NULL, 'r'},
                                          {"slots", required_argument, NULL, 's'},
                                          {"sweep-interval", required_argument, NULL, 'w'},
                                          {"create-accounts", required_argument, NULL, 'n'},
                                          {"balance", required_argument, NULL, 'b'},
                                          {"tls-certificate", required_argument, NULL, 'C'},
                                          {"tls-key", required_argument, NULL, 'K'},
                                          {"tls-ca", required_argument, NULL, 'A'},
                                          {"coordinator-name", required_argument, NULL, 'N'},
                                          {"token-file", required_argument, NULL, 't'},
                                          {"api-key-file", required_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (option == 'l' && !parse_listen(optarg, options))
            return false;
        else if (option == 'd')
            options->database = optarg;
        else if (option == 'c')
            options->coordinator = optarg;
        else if (option == 'r')
            options->resolver = optarg;
        else if (option == 's')
            options->slots = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'w')
            options->sweep_interval_us = strtoull(optarg, NULL, 10) * 1000000u;
        else if (option == 'n')
            options->create_accounts = optarg;
        else if (option == 'b')
            options->first_balance = optarg;
        else if (option == 'C')
            options->tls.certificate = optarg;
        else if (option == 'K')
            options->tls.key = optarg;
        else if (option == 'A')
            options->tls.ca = optarg;
        else if (option == 'N')
            options->coordinators[0] = optarg;
        else if (option == 't')
            options->token_file = optarg;
        else if (option == 'k')
            options->api_key_file = optarg;
        else if (option == 'h' || option == '?')
            return false;
    options->tls.clients =
        options->tls.ca != NULL ? TROTH_TLS_CLIENTS_REQUIRED : TROTH_TLS_CLIENTS_ANY;
    return options->database != NULL && optind == argc;
}

static int create_accounts(const struct options *options)
{
    const char *const values[] = {options->create_accounts, options->first_balance};
    PGconn *db = PQconnectdb(options->database);
    PGresult *result;
    char why[512];
    int status = EXIT_SUCCESS;
    if (troth_postgres_migrate(options->database, why, sizeof why) != 0) {
        PQfinish(db);
        return fail("cannot create the guard", why);
    }
    PQclear(PQexec(db, "SET client_min_messages = warning"));
    PQclear(PQexec(db, "CREATE TABLE IF NOT EXISTS account (id bigint PRIMARY KEY,"
                       " balance bigint NOT NULL CHECK (balance >= 0))"));
    /* Not ON CONFLICT: that would wait for a row which a prepared transaction has changed. */
    result = PQexecParams(db,
                          "INSERT INTO account SELECT id, $2::bigint"
                          " FROM generate_series(1, $1::bigint) AS id"
                          " WHERE NOT EXISTS (SELECT FROM account AS a WHERE a.id = id.id)",
                          2, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        status = fail("cannot create the accounts", PQerrorMessage(db));
    } else {
        (void)printf("bank: %s accounts of %s, %s of them new\n", options->create_accounts,
                     options->first_balance, PQcmdTuples(result));
    }
    PQclear(result);
    PQfinish(db);
    return status;
}

static int register_operations(struct troth_postgres *postgres)
{
    const struct troth_postgres_operation debits = {TROTH_POSTGRES_OPERATION_INIT,
                                                    .statement = &debit, .undo = &credit};
    const struct troth_postgres_operation credits = {TROTH_POSTGRES_OPERATION_INIT,
                                                     .statement = &credit, .undo = &debit};
    const struct troth_postgres_operation balances = {TROTH_POSTGRES_OPERATION_INIT,
                                                      .work = balance, .read_only = true};
    int error = troth_postgres_handle(postgres, "debit", &debits);
    if (error == 0)
        error = troth_postgres_handle(postgres, "credit", &credits);
    if (error == 0)
        error = troth_postgres_handle(postgres, "balance", &balances);
    return error;
}

/* SIGTERM and SIGINT: what is under way is finished and answered. What stays prepared is asked
 * about by the next process. */
static void on_signal(evutil_socket_t number, short what, void *participant)
{
    (void)number;
    (void)what;
    troth_participant_stop(participant);
}

/* Runs until a signal ends it. */
static int run(struct troth_participant *participant, struct event_base *base, const char *address)
{
    struct event *term = evsignal_new(base, SIGTERM, on_signal, participant);
    struct event *interrupt = evsignal_new(base, SIGINT, on_signal, participant);
    int error = TROTH_ERROR_NO_MEMORY;
    if (term != NULL && interrupt != NULL && event_add(term, NULL) == 0 &&
        event_add(interrupt, NULL) == 0) {
        (void)printf("bank ready listen=%s:%u\n", address,
                     (unsigned)troth_participant_port(participant));
        (void)fflush(stdout);
        error = troth_participant_run(participant);
    }
    if (term != NULL)
        event_free(term);
    if (interrupt != NULL)
        event_free(interrupt);
    return error;
}

static int serve(const struct options *options)
{
    const struct troth_participant_config config = {
        TROTH_PARTICIPANT_CONFIG_INIT,
        .address = options->address,
        .port = options->port,
        .diagnostic = diagnostic,
        .tls = options->tls.certificate != NULL ? &options->tls : NULL,
        .token_file = options->token_file,
        .coordinators = options->coordinators[0] != NULL ? options->coordinators : NULL};
    const struct troth_postgres_config database = {TROTH_POSTGRES_CONFIG_INIT,
                                                   .conninfo = options->database,
                                                   .slots = options->slots,
                                                   .coordinator = options->coordinator,
                                                   .sweep_interval_us = options->sweep_interval_us,
                                                   .resolver = options->resolver,
                                                   .tls = &options->tls,
                                                   .api_key_file = options->api_key_file};
    struct troth_participant *participant = NULL;
    struct troth_postgres *postgres = NULL;
    struct event_base *base = event_base_new();
    char why[512] = "";
    int error =
        base == NULL ? TROTH_ERROR_NO_MEMORY : troth_participant_create(&config, &participant);
    if (error == 0)
        error = troth_postgres_create(participant, &database, &postgres);
    if (error == 0)
        error = register_operations(postgres);
    if (error == 0)
        error = troth_postgres_start(postgres, why, sizeof why);
    if (error == 0)
        error = troth_participant_attach(participant, base);
    if (error == 0)
        error = run(participant, base, options->address);
    if (error != 0)
        (void)fail(troth_error_text(error), why[0] == '\0' ? "at start" : why);
    troth_postgres_destroy(postgres);
    troth_participant_destroy(participant);
    if (base != NULL)
        event_base_free(base);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options = {
        .address = "127.0.0.1", .first_balance = "1000", .tls = {TROTH_TLS_INIT}};
    if (!parse(argc, argv, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (options.create_accounts != NULL && create_accounts(&options) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return serve(&options);
}
