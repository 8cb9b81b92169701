/* options.c: flags and TROTH_… variables, from one table. See options.h. */
#include "options.h"

#include <argp.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <libpq-fe.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/duration.h>
#include <base/number.h>
#include <base/span.h>
#include <troth/version.h>

const char *argp_program_version = "troth-postgres " TROTH_VERSION;

#define NAME_MAX_BYTES 48
#define HELP_BYTES     256
#define S              UINT64_C(1000000)

enum kind { KIND_TEXT, KIND_COUNT, KIND_DURATION };
struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *fallback;
    uint64_t min, max;
    const char *help;
};

#define TEXT(field, fallback, help)                                                                \
    {                                                                                              \
#field, KIND_TEXT, offsetof(struct options, field), fallback, 0, 0, help                   \
    }
#define COUNT(field, fallback, max, help)                                                          \
    {                                                                                              \
#field, KIND_COUNT, offsetof(struct options, field), fallback, 1, max, help                \
    }
#define DURATION(field, fallback, min, max, help)                                                  \
    {                                                                                              \
#field, KIND_DURATION, offsetof(struct options, field##_us), fallback, min, max, help      \
    }

static const struct key keys[] = {
    TEXT(database, "",
         "libpq conninfo or URI of the service's database (none: libpq's own, from "
         "PGHOST, PGSERVICE …). A password is better kept in PGPASSFILE"),
    TEXT(listen, "127.0.0.1:7810",
         "numeric address and port; port 0 takes a free one. Whoever reaches it can work: anything "
         "but loopback is refused without TLS, unless insecure says yes"),
    TEXT(insecure, "no", "yes: plain HTTP may be served where others can reach it"),
    TEXT(tls_certificate, "",
         "file (PEM) with a certificate: it serves https, and shows it to the coordinator, too"),
    TEXT(tls_key, "", "file (PEM) with its key (none: it stands in tls_certificate)"),
    TEXT(tls_ca, "", "file (PEM) with those who sign the coordinator's certificate"),
    TEXT(tls_clients, "required",
         "any, optional, required: whether who connects shows a certificate that tls_ca has "
         "signed (without tls_ca: any)"),
    TEXT(token_file, "",
         "file with tokens, one a line, of which the coordinator must show one (its registration "
         "names the file that it has it from: trothctl participant add --token-file)"),
    TEXT(coordinators, "",
         "names, of which the coordinator's certificate must have one, several separated by "
         "commas: DNS:trothd.internal, URI:spiffe://… (none: any that tls_ca has signed)"),
    TEXT(journals, "",
         "ids of the journals that are served, several separated by commas (none: any; GET /readyz "
         "of trothd says its own)"),
    TEXT(base, "/", "path under which it is registered"),
    TEXT(
        coordinator, "",
        "trothd's URL, asked about branches that were left prepared (none: they "
        "stay until it calls); several with commas: the next is asked where one cannot be reached"),
    TEXT(api_key_file, "",
         "file whose first line is an API key of trothd's with the scope inquire"),
    TEXT(resolver, "", "name servers for its host (none: those of /etc/resolv.conf)"),
    COUNT(slots, "16", 1000,
          "operations at a time, a connection each; max_prepared_transactions "
          "must be at least this"),
    COUNT(phase2_connections, "8", 1000,
          "connections for commit, and as many again, opened when "
          "needed, for abort and compensate"),
    DURATION(lock_timeout, "1s", 1000, 3600 * S,
             "how long an operation waits for a lock, where the "
             "coordinator does not say; then a conflict"),
    DURATION(guard_timeout, "200ms", 1000, 60 * S, "how long a call waits for its guard row"),
    DURATION(answer_timeout, "10s", 1000, 3600 * S,
             "a database that says nothing for so long is "
             "left, and connected to anew"),
    DURATION(work_timeout, "5m", 1000, 24 * 3600 * S,
             "an operation that comes without a timeout is "
             "cut off then"),
    DURATION(stop_timeout, "5s", 1000, 3600 * S, "on SIGTERM: what is under way may take so long"),
    DURATION(scan_interval, "5s", 1000, 3600 * S,
             "how often branches left prepared are looked for"),
    DURATION(sweep_interval, "60s", 1000, 24 * 3600 * S,
             "how often guard rows of forgotten "
             "transactions leave"),
    TEXT(log_level, "info", "error, warn or info: lines on standard error"),
};
#define KEYS (sizeof keys / sizeof *keys)

enum { OPTION_CHECK = 1000, OPTION_MIGRATE, OPTION_KEYS = 2000 };

static const char before[] =
    "Makes a service's PostgreSQL a participant of Troth's transactions: FILE says which "
    "operations "
    "there are, and the SQL of each.\v"
    "A file of operations, here stock.json:\n"
    "\n"
    "  { \"operations\": {\n"
    "      \"reserve\": {\n"
    "        \"sql\": [\"UPDATE stock SET n = n - ${input.count}\",\n"
    "                \"WHERE item = ${input.item} AND n >= ${input.count}\",\n"
    "                \"RETURNING item, n AS left\"],\n"
    "        \"refuse\": \"not enough of ${input.item}\",\n"
    "        \"compensate\": {\n"
    "          \"sql\": [\"UPDATE stock SET n = n + ${input.count}\",\n"
    "                  \"WHERE item = ${output.item} RETURNING n\"] } } } }\n"
    "\n"
    "${input.item} is a bound parameter, never text of the statement. The row that comes is the "
    "output; no row is a refusal. A compensation (of a saga's step) has its own input, and the "
    "output of what it undoes.\n"
    "\n"
    "  createdb shop\n"
    "  psql shop -c 'CREATE TABLE stock (item text PRIMARY KEY, n int)'\n"
    "  export TROTH_DATABASE=dbname=shop TROTH_COORDINATOR=http://127.0.0.1:7800\n"
    "  troth-postgres --migrate              the guard's tables, once\n"
    "  troth-postgres --check stock.json     all that is wrong with it\n"
    "  troth-postgres stock.json\n"
    "  trothctl participant add stock http://127.0.0.1:7810/ --binding batch\n"
    "\n"
    "Each key may also stand in the environment, as TROTH_DATABASE, TROTH_LISTEN and so on; a flag "
    "wins. Durations have a unit: 200ms, 1.5s, 2m.\n"
    "\n"
    "SIGTERM ends it behind what is under way. SIGHUP reads FILE again: what is wrong is logged, "
    "and the operations stay as they were.\n"
    "\n"
    "Exit status:\n"
    "  0  ended as asked; with --check: nothing is wrong\n"
    "  1  FILE is wrong, or the database is not as it must be: all of it is printed\n"
    "  2  wrong usage\n"
    "  3  the database cannot be reached, or lets nobody write\n"
    "All that FILE can say: docs/troth-postgres.md.";

/* `named`: as it was given, for messages. */
static void set_number(struct options *options, const struct key *key, const char *value,
                       const char *named)
{
    char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
    uint64_t number = 0;
    const int error = key->kind == KIND_DURATION
                          ? duration_parse(value, strlen(value), &number)
                          : number_parse(span_of(value), UINT64_MAX, &number);
    if (error == 0 && number >= key->min && number <= key->max) {
        *(uint64_t *)(void *)((char *)options + key->offset) = number;
        return;
    }
    duration_format(key->min, min);
    duration_format(key->max, max);
    if (key->kind == KIND_DURATION) {
        (void)fprintf(stderr, "troth-postgres: %s: \"%s\" is not a duration from %s to %s\n", named,
                      value, min, max);
    } else {
        (void)fprintf(stderr, "troth-postgres: %s: \"%s\" is not a whole number from 1 to %llu\n",
                      named, value, (unsigned long long)key->max);
    }
    exit(EXIT_USAGE);
}

static void set(struct options *options, const struct key *key, const char *value,
                const char *named)
{
    if (key->kind == KIND_TEXT)
        *(const char **)(void *)((char *)options + key->offset) = value;
    else
        set_number(options, key, value, named);
}

static void read_environment(struct options *options)
{
    size_t i, k;
    for (i = 0; i < KEYS; i++) {
        char name[NAME_MAX_BYTES] = "TROTH_";
        const char *value;

        for (k = 0; keys[i].name[k] != '\0'; k++)
            name[6 + k] = (char)toupper((unsigned char)keys[i].name[k]);
        value = getenv(name);
        if (value != NULL)
            set(options, &keys[i], value, name);
    }
}

static error_t on_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;
    if (key >= OPTION_KEYS && key < OPTION_KEYS + (int)KEYS) {
        set(options, &keys[key - OPTION_KEYS], value, keys[key - OPTION_KEYS].name);
        return 0;
    }
    switch (key) {
    case OPTION_CHECK:
    case OPTION_MIGRATE:
        if (options->mode != MODE_RUN)
            argp_error(state, "--check and --migrate are one after the other");
        options->mode = key == OPTION_CHECK ? MODE_CHECK : MODE_MIGRATE;
        return 0;
    case ARGP_KEY_ARG:
        if (options->path != NULL || options->mode == MODE_MIGRATE)
            argp_error(state, "one file at a time, and none for --migrate");
        options->path = value;
        return 0;
    case ARGP_KEY_END:
        if (options->path == NULL && options->mode != MODE_MIGRATE)
            argp_error(state, "which file of operations?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "127.0.0.1:7810", "[::1]:0". */
static bool parse_listen(struct options *options)
{
    const char *text = options->listen, *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    struct in6_addr parsed;
    uint64_t port;
    if (colon == NULL || number_parse(span_of(colon + 1), UINT16_MAX, &port) != 0)
        return false;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof options->address)
        return false;
    memcpy(options->address, text, len);
    options->address[len] = '\0';
    options->port = (uint16_t)port;
    return inet_pton(AF_INET, options->address, &parsed) == 1 ||
           inet_pton(AF_INET6, options->address, &parsed) == 1;
}

static bool is_loopback(const struct options *options)
{
    struct in6_addr v6;
    struct in_addr v4;
    if (inet_pton(AF_INET, options->address, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, options->address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool parse_journals(struct options *options)
{
    const char *at = options->journals;
    size_t i;
    for (i = 0; *at != '\0'; i++) {
        const size_t len = strcspn(at, ",");

        if (i == TROTH_JOURNALS_MAX || !troth_journal_id_valid(at, len))
            return false;
        memcpy(options->journal_ids[i], at, len);
        options->journal_list[i] = options->journal_ids[i];
        at += len + (at[len] == ',' ? 1 : 0);
    }
    return true;
}

/* The names stay in a copy that lives as long as the process. */
static bool parse_coordinators(struct options *options)
{
    char *rest = strdup(options->coordinators), *name;
    size_t i = 0;
    while ((name = strsep(&rest, ",")) != NULL && *options->coordinators != '\0') {
        if (i == COORDINATORS_MAX || strchr(name, ':') == NULL)
            return false;
        options->coordinator_list[i++] = name + strspn(name, " ");
    }
    return true;
}

/* The choices are "|a|b|". */
static bool among(const char *value, const char *choices)
{
    char word[16];
    return snprintf(word, sizeof word, "|%s|", value) < (int)sizeof word &&
           strstr(choices, word) != NULL;
}

/* libpq's words would show a part of it, perhaps a password. */
static bool is_conninfo(const char *text)
{
    char *why = NULL;
    PQconninfoOption *parsed = PQconninfoParse(text, &why);
    const bool is = parsed != NULL;
    PQconninfoFree(parsed);
    PQfreemem(why);
    return is;
}

static void check(struct options *options)
{
    const char *wrong = NULL;
    if (!is_conninfo(options->database))
        wrong = "database: libpq cannot read it as a conninfo or URI; nothing of it is shown here";
    else if (!parse_listen(options))
        wrong = "listen: a numeric address and a port, like 127.0.0.1:7810 or [::1]:7810";
    else if (!is_loopback(options) && options->tls_certificate[0] == '\0' &&
             strcmp(options->insecure, "yes") != 0)
        wrong = "listen: others can reach it, and it would be plain HTTP: set tls_certificate and "
                "tls_key; insecure yes allows it as it is";
    else if (options->base[0] != '/')
        wrong = "base: a path, which begins with \"/\"";
    else if (!among(options->log_level, "|error|warn|info|"))
        wrong = "log_level: error, warn or info";
    else if (!among(options->insecure, "|no|yes|"))
        wrong = "insecure: no or yes";
    else if (!among(options->tls_clients, "|any|optional|required|"))
        wrong = "tls_clients: any, optional or required";
    else if (!parse_journals(options))
        wrong =
            "journals: at most 8 ids of journals, of 16 hexadecimal digits each, between commas";
    else if (!parse_coordinators(options))
        wrong = "coordinators: at most 16 names of a certificate between commas, as "
                "DNS:trothd.internal, URI:…, email:… or CN:…";
    else if (options->coordinators[0] != '\0' &&
             (options->tls_ca[0] == '\0' || strcmp(options->tls_clients, "any") == 0))
        wrong = "coordinators: needs tls_certificate and tls_ca, and tls_clients that is not any";
    if (wrong != NULL) {
        (void)fprintf(stderr, "troth-postgres: %s\n", wrong);
        exit(EXIT_USAGE);
    }
}

void options_read(int argc, char **argv, struct options *ret_options)
{
    static char name[] = "troth-postgres", helps[KEYS][HELP_BYTES];
    struct argp_option list[KEYS + 4] = {
        {"check", OPTION_CHECK, NULL, 0, "look at FILE, and at the database with it, and exit", 1},
        {"migrate", OPTION_MIGRATE, NULL, 0,
         "create or update the guard's schema in the database, as its owner, and exit", 1},
        {NULL, 0, NULL, 0, "Keys:", 2}};
    const struct argp argp = {list, on_option, "FILE", before, NULL, NULL, NULL};
    size_t i;
    *ret_options = (struct options){.mode = MODE_RUN};
    for (i = 0; i < KEYS; i++) {
        (void)snprintf(helps[i], sizeof helps[i], "%s (default %s)", keys[i].help,
                       keys[i].fallback[0] == '\0' ? "none" : keys[i].fallback);
        list[3 + i] =
            (struct argp_option){keys[i].name, OPTION_KEYS + (int)i, "VALUE", 0, helps[i], 2};
        set(ret_options, &keys[i], keys[i].fallback, "");
    }
    if (argc > 0)
        argv[0] = name; /* what argp calls the program, wherever it lies */
    read_environment(ret_options);
    argp_err_exit_status = EXIT_USAGE;
    (void)argp_parse(&argp, argc, argv, 0, NULL, ret_options);
    check(ret_options);
}
