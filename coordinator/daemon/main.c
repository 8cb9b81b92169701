/* main.c: trothd's command line. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <journal/journal.h>

#include "config.h"
#include "daemon.h"
#include "log.h"

#include <base/number.h>
#include <base/span.h>

#include <troth/version.h>

const char *argp_program_version = "trothd " TROTH_VERSION;

#define KEYS_MAX   CONFIG_KEYS_MAX
#define HELP_BYTES 400

enum { OPTION_CONFIG = 'c', OPTION_PRINT = 1000, OPTION_SHARDS, OPTION_KEYS = 2000 };
enum main_command { COMMAND_RUN, COMMAND_MIGRATE };

/* Flags stand over the environment, which stands over the file: they are kept until both are read.
 */
struct flags {
    enum main_command command;
    const char *file;
    bool print;
    uint64_t shards;
    const char *values[KEYS_MAX]; /* one a key */
};

static const char before[] =
    "The coordinator of Troth: drives every global transaction to exactly one outcome.\v"
    "Commands:\n"
    "  run       (default) serve until SIGTERM or SIGINT. Then its shards are handed\n"
    "            over to the other nodes of the journal. Where none lives, what is\n"
    "            under way may end first, for drain_timeout, but what only waits\n"
    "            for a later try is left to the next start; a second signal ends it\n"
    "            at once. Nothing is lost either way: the next leader goes on with it\n"
    "  migrate   create or update the schema in the journal's database\n"
    "\n"
    "Each key may stand in the file (key = value), in the environment (TROTH_KEY) and as a flag "
    "(--key value or --key=value); the later of these three wins. A key that stands twice in the "
    "file is refused, and so is a TROTH_ variable that is nearly a key. Durations have a unit: "
    "200ms, "
    "1.5s, 2m.\n"
    "\n"
    "Examples:\n"
    "  trothd migrate --journal 'host=127.0.0.1 dbname=troth user=troth'\n"
    "  trothd --config /etc/troth/trothd.conf\n"
    "  trothd --journal dbname=troth --kafka_brokers 127.0.0.1:9092\n"
    "  TROTH_LOG_LEVEL=debug trothd --config trothd.conf --print-config\n"
    "\n"
    "Exit status:\n"
    "  0  done as asked\n"
    "  1  could not start, or not migrate: the reason is printed\n"
    "  2  wrong usage or configuration\n"
    "  3  another node lives and has this one's name, or the journal went back; or its\n"
    "     schema is not this program's, or its database could lose what it\n"
    "     acknowledged: the reason is logged\n"
    "A journal or Kafka that cannot be reached is no end: it is tried again, and\n"
    "/readyz says so.";

/* What may be shown: a conninfo without quotes falls apart into words, one with the password. */
static bool is_word(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz-") == strlen(text);
}

/* getopt would print the whole of a flag that it does not know, with its value: --jornal=password=…
 */
static void refuse_unknown_flags(int argc, char **argv)
{
    static const char *const others[] = {"config",  "print-config", "shards", "help",
                                         "version", "usage",        NULL};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t len = equals != NULL ? (size_t)(equals - argv[i]) - 2 : 0;
        bool known = equals == NULL || strncmp(argv[i], "--", 2) != 0;
        for (size_t k = 0; !known && k < config_keys_count; k++)
            known = strncmp(config_keys[k].name, argv[i] + 2, len) == 0;
        for (size_t k = 0; !known && others[k] != NULL; k++)
            known = strncmp(others[k], argv[i] + 2, len) == 0;
        if (!known) {
            (void)fprintf(stderr, "trothd: unrecognized option '--%.*s'\n", (int)len, argv[i] + 2);
            exit(DAEMON_USAGE);
        }
    }
}

static error_t on_option(int key, char *value, struct argp_state *state)
{
    struct flags *flags = state->input;
    if (key >= OPTION_KEYS && key < OPTION_KEYS + (int)config_keys_count) {
        flags->values[key - OPTION_KEYS] = value;
        return 0;
    }
    switch (key) {
    case OPTION_CONFIG:
        flags->file = value;
        return 0;
    case OPTION_PRINT:
        flags->print = true;
        return 0;
    case OPTION_SHARDS:
        if (number_parse(span_of(value), TROTH_SHARDS_MAX, &flags->shards) != 0 ||
            flags->shards < 1) {
            argp_error(state, "--shards: \"%s\" is not a number from 1 to %u", value,
                       TROTH_SHARDS_MAX);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one command at a time: \"%s\" is too much",
                       is_word(value) ? value : "...");
        } else if (strcmp(value, "run") == 0) {
            flags->command = COMMAND_RUN;
        } else if (strcmp(value, "migrate") == 0) {
            flags->command = COMMAND_MIGRATE;
        } else {
            argp_error(state, "unknown command \"%s\"; commands are run and migrate",
                       is_word(value) ? value : "...");
        }
        return 0;
    case ARGP_KEY_END:
        if (flags->shards != 0 && flags->command != COMMAND_MIGRATE)
            argp_error(state, "--shards is for migrate: a journal keeps the number it has");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse_flags(int argc, char **argv, struct flags *flags)
{
    struct argp_option options[KEYS_MAX + 5] = {
        {"config", OPTION_CONFIG, "FILE", 0, "read this configuration file", 1},
        {"print-config", OPTION_PRINT, NULL, 0,
         "print the configuration as it would be used, as a file, and exit", 1},
        {"shards", OPTION_SHARDS, "N", 0,
         "migrate: how many slices a new journal has (16); fixed from then on", 1},
        {NULL, 0, NULL, 0, "Keys:", 2}};
    static char helps[KEYS_MAX][HELP_BYTES];
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        (void)snprintf(helps[i], sizeof helps[i], "%s%s%s (default %s)", key->help,
                       key->choices != NULL ? ": " : "", key->choices != NULL ? key->choices : "",
                       key->fallback[0] != '\0' ? key->fallback : "none");
        options[4 + i] =
            (struct argp_option){key->name, OPTION_KEYS + (int)i, "VALUE", 0, helps[i], 2};
    }
    refuse_unknown_flags(argc, argv);
    struct argp argp = {options, on_option, "[run|migrate]", before, NULL, NULL, NULL};
    argp_err_exit_status = DAEMON_USAGE;
    (void)argp_parse(&argp, argc, argv, 0, NULL, flags);
}

static int configure(struct config *config, const struct flags *flags, struct buffer *why)
{
    int error = config_init(config);
    if (error == 0 && flags->file != NULL)
        error = config_read_file(config, flags->file, why);
    if (error == 0)
        error = config_read_environment(config, why);
    for (size_t i = 0; error == 0 && i < config_keys_count; i++) {
        if (flags->values[i] != NULL) {
            buffer_append_text(why, "--");
            error = config_set(config, config_keys[i].name, flags->values[i], why);
            if (error == 0)
                buffer_clear(why);
        }
    }
    return error == 0 ? config_check(config, why) : error;
}

static int migrate(const struct config *config, uint32_t shards)
{
    BUFFER_SCOPED struct buffer why = {0};
    uint32_t applied = 0;
    int error = journal_migrate(config->journal, shards, config_unsafe(config), &why, &applied);
    if (error != 0) {
        (void)fprintf(stderr, "trothd migrate: %s\n",
                      why.len > 0 ? buffer_text(&why) : troth_error_text(error));
        return error == TROTH_ERROR_SCHEMA ? DAEMON_FENCED : DAEMON_FAILED;
    }
    if (why.len > 0)
        (void)fprintf(stderr, "trothd migrate: warning: %s\n", buffer_text(&why));
    (void)printf("trothd migrate: %u migrations applied, the journal has schema version %d\n",
                 applied, JOURNAL_SCHEMA_VERSION);
    return DAEMON_OK;
}

static void configure_log(const struct config *config)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_INFO;
    for (int i = 0; i <= LOG_DEBUG; i++)
        if (strcmp(config->log_level, names[i]) == 0)
            level = (enum log_level)i;
    log_configure(level, strcmp(config->log_format, "json") == 0);
}

int main(int argc, char **argv)
{
    static char name[] = "trothd";
    struct flags flags = {0};
    if (argc > 0)
        argv[0] = name; /* what argp calls the program, wherever it lies */
    parse_flags(argc, argv, &flags);
    struct config config;
    BUFFER_SCOPED struct buffer why = {0};
    int error = configure(&config, &flags, &why);
    if (error != 0) {
        (void)fprintf(stderr, "trothd: %s\n",
                      why.len > 0 ? buffer_text(&why) : troth_error_text(error));
        config_finish(&config);
        return DAEMON_USAGE;
    }
    int code = DAEMON_OK;
    if (flags.print) {
        config_print(&config, stdout);
    } else if (flags.command == COMMAND_MIGRATE) {
        code = migrate(&config, (uint32_t)flags.shards);
    } else {
        configure_log(&config);
        code = daemon_run(&config);
    }
    config_finish(&config);
    return code;
}
