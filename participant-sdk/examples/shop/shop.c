/* shop.c: a shop over PostgreSQL that is eight participants of global transactions in one process.
 *
 *   shop --database "host=… dbname=shop" --coordinator http://127.0.0.1:7800 \
 *        --listen 127.0.0.1:7821 --create
 *
 * It does everything that order_checkout.json and upgrade_subscription.json (../definitions) want:
 * operations.c has the business, a row of a table for each operation; tables.c what it keeps. Each
 * participant is registered with the same URL. Several processes, over one database or several, may
 * share the participants out with --only. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <troth/postgres.h>
#include <troth/troth.h>

#include "business.h"
#include "tables.h"

struct options {
    char address[64];
    uint16_t port;
    const char *database;
    const char *coordinator;
    struct troth_tls tls; /* `certificate` is NULL: plain http */
    uint32_t slots;
    const char *only;
    bool create;
    struct setup setup;
};

static const char usage[] =
    "shop --database CONNINFO [--listen ADDRESS:PORT] [--coordinator URL] [--slots N]\n"
    "     [--tls-certificate FILE --tls-key FILE [--tls-ca FILE]]\n"
    "     [--only NAMES] [--create [--skus N] [--stock N] [--accounts N] [--balance N]\n"
    "     [--tenants N] [--seats N] [--credit N]]\n"
    "\n"
    "  --database CONNINFO    the shop's own PostgreSQL database (libpq)\n"
    "  --listen ADDRESS:PORT  default 127.0.0.1:0, a free port\n"
    "  --coordinator URL      trothd, asked about branches that were left prepared; several with\n"
    "                         commas: the next is asked where one cannot be reached\n"
    "  --slots N              operations at a time (default 16)\n"
    "  --tls-certificate FILE, --tls-key FILE\n"
    "                         serves https, and shows the certificate to the coordinator, too\n"
    "  --tls-ca FILE          who signs the coordinator's certificate; with --tls-certificate it\n"
    "                         must show one that they have signed\n"
    "  --only NAMES           which participants it is, separated by commas (default all):\n"
    "                         ";

static const char usage_create[] =
    "\n"
    "  --create               first create the tables, and the rows that are missing:\n"
    "  --skus N --stock N     sku_1 to sku_N (default 10), each so many times (1000)\n"
    "  --accounts N           accounts 1 to N (100)\n"
    "  --balance N            the money in each account (1000)\n"
    "  --tenants N            tenant_1 to tenant_N (10)\n"
    "  --seats N --credit N   the seats (100) and the money (1000) of each tenant\n";

/* Tells an operator what the library saw. */
static void diagnostic(void *arg, enum troth_severity severity, const char *line)
{
    static const char *const names[] = {"info", "warning", "error"};
    (void)arg;
    (void)fprintf(stderr, "shop: %s: %s\n", names[severity], line);
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

static bool parse_only(const char *text, struct options *options)
{
    const char *name = text;
    options->only = text;
    for (;;) {
        size_t len = strcspn(name, ",");

        if (!business_knows(name, len)) {
            (void)fprintf(stderr, "shop: --only %s: \"%.*s\" is none of %s\n", text, (int)len, name,
                          business_participants);
            return false;
        }
        if (name[len] == '\0')
            return true;
        name += len + 1;
    }
}

enum { LISTEN = 1, ONLY, SLOTS, CREATE, HELP, TEXTS };

static bool parse_one(int option, const char *text, struct options *options)
{
    const char **const texts[] = {
        &options->database,        &options->coordinator,    &options->setup.skus,
        &options->setup.stock,     &options->setup.accounts, &options->setup.balance,
        &options->setup.tenants,   &options->setup.seats,    &options->setup.credit,
        &options->tls.certificate, &options->tls.key,        &options->tls.ca};
    switch (option) {
    case LISTEN:
        return parse_listen(text, options);
    case ONLY:
        return parse_only(text, options);
    case SLOTS:
        options->slots = (uint32_t)strtoul(text, NULL, 10);
        return true;
    case CREATE:
        options->create = true;
        return true;
    case HELP:
    case '?':
        return false;
    }
    *texts[option - TEXTS] = text;
    return true;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"listen", required_argument, NULL, LISTEN},
                                          {"only", required_argument, NULL, ONLY},
                                          {"slots", required_argument, NULL, SLOTS},
                                          {"create", no_argument, NULL, CREATE},
                                          {"help", no_argument, NULL, HELP},
                                          {"database", required_argument, NULL, TEXTS},
                                          {"coordinator", required_argument, NULL, TEXTS + 1},
                                          {"skus", required_argument, NULL, TEXTS + 2},
                                          {"stock", required_argument, NULL, TEXTS + 3},
                                          {"accounts", required_argument, NULL, TEXTS + 4},
                                          {"balance", required_argument, NULL, TEXTS + 5},
                                          {"tenants", required_argument, NULL, TEXTS + 6},
                                          {"seats", required_argument, NULL, TEXTS + 7},
                                          {"credit", required_argument, NULL, TEXTS + 8},
                                          {"tls-certificate", required_argument, NULL, TEXTS + 9},
                                          {"tls-key", required_argument, NULL, TEXTS + 10},
                                          {"tls-ca", required_argument, NULL, TEXTS + 11},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!parse_one(option, optarg, options))
            return false;
    options->tls.clients =
        options->tls.ca != NULL ? TROTH_TLS_CLIENTS_REQUIRED : TROTH_TLS_CLIENTS_ANY;
    return options->database != NULL && optind == argc;
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
        (void)printf("shop ready listen=%s:%u\n", address,
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
        TROTH_PARTICIPANT_CONFIG_INIT, .address = options->address, .port = options->port,
        .diagnostic = diagnostic, .tls = options->tls.certificate != NULL ? &options->tls : NULL};
    const struct troth_postgres_config database = {
        TROTH_POSTGRES_CONFIG_INIT, .conninfo = options->database, .slots = options->slots,
        .coordinator = options->coordinator, .tls = &options->tls};
    struct troth_participant *participant = NULL;
    struct troth_postgres *postgres = NULL;
    struct event_base *base = event_base_new();
    char why[512] = "at start";
    int error =
        base == NULL ? TROTH_ERROR_NO_MEMORY : troth_participant_create(&config, &participant);
    if (error == 0)
        error = troth_postgres_create(participant, &database, &postgres);
    if (error == 0)
        error = business_register(postgres, options->only);
    if (error == 0)
        error = troth_postgres_start(postgres, why, sizeof why);
    if (error == 0)
        error = troth_participant_attach(participant, base);
    if (error == 0)
        error = run(participant, base, options->address);
    if (error != 0)
        (void)fprintf(stderr, "shop: %s: %s\n", troth_error_text(error), why);
    troth_postgres_destroy(postgres);
    troth_participant_destroy(participant);
    if (base != NULL)
        event_base_free(base);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options = {.address = "127.0.0.1",
                              .tls = {TROTH_TLS_INIT},
                              .setup = {.skus = "10",
                                        .stock = "1000",
                                        .accounts = "100",
                                        .balance = "1000",
                                        .tenants = "10",
                                        .seats = "100",
                                        .credit = "1000"}};
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "%s%s\n%s", usage, business_participants, usage_create);
        return 2;
    }
    if (options.create && !tables_create(options.database, &options.setup))
        return EXIT_FAILURE;
    return serve(&options);
}
