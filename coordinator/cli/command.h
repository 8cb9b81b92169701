/* command.h: the commands and options as tables. Parsing, --help and the check of the completion
 * all go by these. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli.h"

#define COMMAND_OPTIONS_MAX 16u
#define OPTION_VALUES_MAX   64u /* of one option that may be repeated; more are refused */
#define OPERANDS_MAX        64u

struct option_spec {
    const char *name;     /* long; NULL ends a list */
    char letter;          /* short, or 0 */
    const char *argument; /* what --help calls it; NULL: takes none */
    bool repeats;
    const char *help;
};

struct arguments;

struct command_spec {
    const char *group; /* NULL: a command of one word; group "" ends the table */
    const char *name;
    const char *operands; /* as in the usage line */
    unsigned operands_min, operands_max;
    struct option_spec options[COMMAND_OPTIONS_MAX + 1];
    const char *summary;
    const char *text; /* more for its own --help; may be NULL */
    const char *examples;
    int (*run)(const struct cli *cli, const struct arguments *arguments);
};

extern const struct command_spec commands[];
extern const struct option_spec global_options[];

/* "tx start", zero-terminated. */
#define COMMAND_NAME_CAP 64
void command_name(const struct command_spec *command, char ret_name[COMMAND_NAME_CAP]);

struct option_values {
    unsigned count;
    const char *values[OPTION_VALUES_MAX];
};

/* A command line, taken apart. Borrows argv. */
struct arguments {
    const struct command_spec *command; /* NULL: only help or version was asked for */
    bool help, version, list;
    const char *group;                                 /* help on these commands only; or NULL */
    struct option_values options[COMMAND_OPTIONS_MAX]; /* in the order of command->options */
    unsigned operands_count;
    const char *operands[OPERANDS_MAX];
};

/* Fills `cli` with the global options over what it holds. CLI_EXIT_USAGE after complaining. */
TROTH_MUST_CHECK int arguments_parse(int argc, char **argv, struct cli *cli,
                                     struct arguments *ret_arguments);

/* The values of an option of the command; asking for one it does not have is a programming error.
 */
const struct option_values *arguments_values(const struct arguments *arguments, const char *name);
/* The last one, or NULL; of an option without argument: not NULL when it was given. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* --help of the whole, of a group or of one command; --list-commands for scripts. */
void help_append(struct buffer *text);
void help_group_append(struct buffer *text, const char *group);
void help_command_append(struct buffer *text, const struct command_spec *command);
void help_list_append(struct buffer *text);

/* The commands. */
int tx_start(const struct cli *cli, const struct arguments *arguments);
int tx_show(const struct cli *cli, const struct arguments *arguments);
int tx_watch(const struct cli *cli, const struct arguments *arguments);
int tx_list(const struct cli *cli, const struct arguments *arguments);
int tx_abort(const struct cli *cli, const struct arguments *arguments);
int tx_retry(const struct cli *cli, const struct arguments *arguments);
int tx_resolve(const struct cli *cli, const struct arguments *arguments);
int tx_forget(const struct cli *cli, const struct arguments *arguments);
int tx_sql(const struct cli *cli, const struct arguments *arguments);
int participant_orphans(const struct cli *cli, const struct arguments *arguments);
int tx_begin(const struct cli *cli, const struct arguments *arguments);
int tx_commit(const struct cli *cli, const struct arguments *arguments);
int def_apply(const struct cli *cli, const struct arguments *arguments);
int def_validate(const struct cli *cli, const struct arguments *arguments);
int def_diff(const struct cli *cli, const struct arguments *arguments);
int def_list(const struct cli *cli, const struct arguments *arguments);
int def_show(const struct cli *cli, const struct arguments *arguments);
int def_delete(const struct cli *cli, const struct arguments *arguments);
int participant_add(const struct cli *cli, const struct arguments *arguments);
int participant_list(const struct cli *cli, const struct arguments *arguments);
int participant_show(const struct cli *cli, const struct arguments *arguments);
int participant_remove(const struct cli *cli, const struct arguments *arguments);
int key_create(const struct cli *cli, const struct arguments *arguments);
int node_list(const struct cli *cli, const struct arguments *arguments);
int key_list(const struct cli *cli, const struct arguments *arguments);
int key_revoke(const struct cli *cli, const struct arguments *arguments);
int key_rotate(const struct cli *cli, const struct arguments *arguments);
int event_list(const struct cli *cli, const struct arguments *arguments);
int event_show(const struct cli *cli, const struct arguments *arguments);
int event_resend(const struct cli *cli, const struct arguments *arguments);
int event_discard(const struct cli *cli, const struct arguments *arguments);
int doctor_run(const struct cli *cli, const struct arguments *arguments);
int status_show(const struct cli *cli, const struct arguments *arguments);

#endif
