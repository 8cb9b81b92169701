/* Command lines, by getopt_long and the tables. */
#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include <base/duration.h>
#include <base/nearest.h>

/* Values that getopt_long gives back for long options: the index into a list, behind all letters.
 */
#define VALUE_GLOBAL  1000
#define VALUE_COMMAND 2000
#define VALUE_VERSION 3000
#define VALUE_LIST    3001

/* Both lists of options in getopt's own form. */
struct parser {
    const struct command_spec *command; /* NULL: before the command */
    struct option longs[2 * COMMAND_OPTIONS_MAX + 4];
    unsigned longs_count;
    char letters[4 * COMMAND_OPTIONS_MAX + 4];
};

void command_name(const struct command_spec *command, char ret_name[COMMAND_NAME_CAP])
{
    bool grouped = command->group != NULL;
    (void)snprintf(ret_name, COMMAND_NAME_CAP, "%s%s%s", grouped ? command->group : "",
                   grouped ? " " : "", command->name);
}

static void parser_add_long(struct parser *parser, const char *name, bool argument, int value)
{
    assert(parser->longs_count + 1 < sizeof(parser->longs) / sizeof(parser->longs[0]));
    parser->longs[parser->longs_count++] = (struct option){
        .name = name, .has_arg = argument ? required_argument : no_argument, .val = value};
}

static void parser_add(struct parser *parser, const struct option_spec *options, int first)
{
    for (int i = 0; options[i].name != NULL; i++) {
        bool argument = options[i].argument != NULL;
        parser_add_long(parser, options[i].name, argument, first + i);
        if (options[i].letter != 0) {
            size_t len = strlen(parser->letters);
            assert(len + 3 < sizeof(parser->letters));
            parser->letters[len] = options[i].letter;
            parser->letters[len + 1] = argument ? ':' : '\0';
        }
    }
}

/* The index of the option with that letter, behind `first`; -1: none. */
static int by_letter(const struct option_spec *options, int letter, int first)
{
    for (int i = 0; options[i].name != NULL; i++)
        if (options[i].letter != 0 && options[i].letter == letter)
            return first + i;
    return -1;
}

static int usage_hint(const struct command_spec *command)
{
    char name[COMMAND_NAME_CAP] = "";
    if (command != NULL)
        command_name(command, name);
    return cli_complain(CLI_EXIT_USAGE, "try 'trothctl %s%s--help'", name,
                        command != NULL ? " " : "");
}

static int apply_global(struct cli *cli, struct arguments *arguments, const char *name,
                        const char *value)
{
    if (strcmp(name, "help") == 0) {
        arguments->help = true;
    } else if (strcmp(name, "url") == 0) {
        if (!cli->url_given)
            cli->urls_count = 0; /* the environment's are not meant */
        if (cli->urls_count == CLI_URLS_MAX)
            return cli_complain(CLI_EXIT_USAGE, "--url: more than %u addresses", CLI_URLS_MAX);
        cli->urls[cli->urls_count++] = value;
        cli->url_given = true;
    } else if (strcmp(name, "socket") == 0) {
        cli->socket = value;
    } else if (strcmp(name, "api-key-file") == 0) {
        cli->api_key_file = value;
    } else if (strcmp(name, "cacert") == 0) {
        cli->cacert = value;
    } else if (strcmp(name, "cert") == 0) {
        cli->cert = value;
    } else if (strcmp(name, "cert-key") == 0) {
        cli->cert_key = value;
    } else if (strcmp(name, "timeout") == 0) {
        if (duration_parse(value, strlen(value), &cli->timeout_us) != 0 || cli->timeout_us == 0)
            return cli_complain(CLI_EXIT_USAGE, "--timeout: '%s' is no duration (30s, 1.5m)",
                                value);
    } else {
        assert(strcmp(name, "output") == 0);
        cli->json = strcmp(value, "json") == 0;
        if (!cli->json && strcmp(value, "table") != 0)
            return cli_complain(CLI_EXIT_USAGE, "-o: '%s' is neither table nor json", value);
    }
    return CLI_EXIT_OK;
}

static int apply_command(struct arguments *arguments, int index, const char *value)
{
    assert(arguments->command != NULL && index < (int)COMMAND_OPTIONS_MAX);
    const struct option_spec *option = &arguments->command->options[index];
    struct option_values *values = &arguments->options[index];
    if (values->count == (option->repeats ? OPTION_VALUES_MAX : 1))
        return cli_complain(CLI_EXIT_USAGE, "--%s is there %s", option->name,
                            option->repeats ? "too often (at most 64 times)" : "twice");
    values->values[values->count++] = value != NULL ? value : "";
    return CLI_EXIT_OK;
}

static int apply(struct parser *parser, struct cli *cli, struct arguments *arguments, int value)
{
    if (value == '?')
        return usage_hint(parser->command);
    if (value < VALUE_GLOBAL) {
        int letter = value;
        value = by_letter(global_options, letter, VALUE_GLOBAL);
        assert(value >= 0 || parser->command != NULL);
        if (value < 0)
            value = by_letter(parser->command->options, letter, VALUE_COMMAND);
    }
    if (value == VALUE_VERSION)
        arguments->version = true;
    else if (value == VALUE_LIST)
        arguments->list = true;
    else if (value >= VALUE_COMMAND)
        return apply_command(arguments, value - VALUE_COMMAND, optarg);
    else
        return apply_global(cli, arguments, global_options[value - VALUE_GLOBAL].name, optarg);
    return CLI_EXIT_OK;
}

/* getopt would print the whole of an option that it does not know, with its value, which may hold a
 * password: it gets to see the name only. */
static void hide_values(const struct parser *parser, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char *equals = strchr(argv[i], '=');
        bool known = equals == NULL || strncmp(argv[i], "--", 2) != 0;
        size_t len = known ? 0 : (size_t)(equals - argv[i]) - 2;
        for (unsigned k = 0; !known && k < parser->longs_count; k++)
            known = strncmp(parser->longs[k].name, argv[i] + 2, len) == 0;
        if (!known)
            *equals = '\0';
    }
}

/* Where the options before the command end, nearly: what stands behind is looked at with the
 * command's own options. */
static int first_word(int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-')
        i++;
    return i;
}

/* A word that is no command may be anything, also a URL with a password. */
static const char *show_word(const char *word)
{
    return strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(word) ? word : "...";
}

/* What stands before the command: global options, --version and --list-commands. Gives the index of
 * the first word. */
static int parse_front(int argc, char **argv, struct cli *cli, struct arguments *arguments,
                       int *ret_index)
{
    struct parser parser = {.letters = "+"}; /* + : stop at the first word */
    parser_add(&parser, global_options, VALUE_GLOBAL);
    parser_add_long(&parser, "version", false, VALUE_VERSION);
    parser_add_long(&parser, "list-commands", false, VALUE_LIST);
    hide_values(&parser, first_word(argc, argv), argv);
    optind = 0; /* glibc: start afresh */
    int value, error = CLI_EXIT_OK;
    while (error == CLI_EXIT_OK &&
           (value = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1)
        error = apply(&parser, cli, arguments, value);
    *ret_index = optind;
    return error;
}

static bool is_last(const struct command_spec *command)
{
    return command->group != NULL && command->group[0] == '\0';
}

static const struct command_spec *find(const char *group, const char *name)
{
    for (const struct command_spec *at = commands; !is_last(at); at++) {
        bool same_group = (at->group == NULL) == (group == NULL) &&
                          (group == NULL || strcmp(at->group, group) == 0);
        if (same_group && strcmp(at->name, name) == 0)
            return at;
    }
    return NULL;
}

static bool group_known(const char *group)
{
    const struct command_spec *at = commands;
    for (; !is_last(at); at++)
        if (at->group != NULL && strcmp(at->group, group) == 0)
            return true;
    return false;
}

/* The words that may stand there: behind `group`, or first ones (NULL); each once. */
#define WORDS_MAX 32
static void known_words(const char *group, const char *ret_words[WORDS_MAX])
{
    unsigned count = 0;
    for (const struct command_spec *at = commands; !is_last(at); at++) {
        const char *word = at->name;
        if (group == NULL && at->group != NULL)
            word = at->group;
        bool here = group == NULL || (at->group != NULL && strcmp(at->group, group) == 0);
        if (!here || (count > 0 && strcmp(ret_words[count - 1], word) == 0))
            continue;
        assert(count + 1 < WORDS_MAX);
        ret_words[count++] = word;
    }
    ret_words[count] = NULL;
}

static int no_such_command(const char *group, const char *wrong)
{
    const char *words[WORDS_MAX];
    char meant[COMMAND_NAME_CAP + 32] = "";
    const char *between = group != NULL ? " " : "";
    known_words(group, words);
    group = group != NULL ? group : "";
    const char *nearest = name_nearest(wrong, words);
    if (nearest != NULL)
        (void)snprintf(meant, sizeof(meant), "; did you mean '%s%s%s'?", group, between, nearest);
    return cli_complain(CLI_EXIT_USAGE, "there is no command '%s%s%s'%s", group, between,
                        show_word(wrong), meant);
}

static int word_missing(const char *group)
{
    const char *words[WORDS_MAX];
    BUFFER_SCOPED struct buffer text = {0};
    known_words(group, words);
    for (unsigned i = 0; words[i] != NULL; i++)
        buffer_append_format(&text, "%s%s", i == 0 ? "" : ", ", words[i]);
    const char *list = buffer_text(&text);
    return cli_complain(CLI_EXIT_USAGE, "'%s' needs one more word: %s", group,
                        list != NULL ? list : "see --help");
}

/* One word or two that name a command; *ret_words says how many they were. NULL: the second asked
 * for help on the group. */
static int find_command(int words, char **argv, const struct command_spec **ret_command,
                        int *ret_words)
{
    *ret_command = find(NULL, argv[0]);
    *ret_words = 1;
    if (*ret_command != NULL)
        return CLI_EXIT_OK;
    if (!group_known(argv[0])) {
        no_such_command(NULL, argv[0]);
        return usage_hint(NULL);
    }
    *ret_words = 2;
    if (words > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return CLI_EXIT_OK;
    *ret_command = words > 1 ? find(argv[0], argv[1]) : NULL;
    if (*ret_command != NULL)
        return CLI_EXIT_OK;
    if (words > 1)
        no_such_command(argv[0], argv[1]);
    else
        word_missing(argv[0]);
    return usage_hint(NULL);
}

static int parse_command(int argc, char **argv, struct cli *cli, struct arguments *arguments)
{
    struct parser parser = {.command = arguments->command};
    parser_add(&parser, global_options, VALUE_GLOBAL);
    parser_add(&parser, parser.command->options, VALUE_COMMAND);
    hide_values(&parser, argc, argv);
    optind = 0;
    int value;
    while ((value = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1) {
        int error = apply(&parser, cli, arguments, value);
        if (error != CLI_EXIT_OK)
            return error;
    }
    unsigned count = (unsigned)(argc - optind);
    if (arguments->help)
        return CLI_EXIT_OK;
    if (count < parser.command->operands_min || count > parser.command->operands_max) {
        cli_complain(CLI_EXIT_USAGE, "too %s arguments: it takes %s",
                     count < parser.command->operands_min ? "few" : "many",
                     parser.command->operands[0] != '\0' ? parser.command->operands : "none");
        return usage_hint(parser.command);
    }
    for (unsigned i = 0; i < count; i++)
        arguments->operands[i] = argv[optind + (int)i];
    arguments->operands_count = count;
    return CLI_EXIT_OK;
}

int arguments_parse(int argc, char **argv, struct cli *cli, struct arguments *ret_arguments)
{
    static struct arguments arguments; /* some kilobytes of pointers */
    arguments = (struct arguments){.command = NULL};
    int index, words;
    int error = parse_front(argc, argv, cli, &arguments, &index);
    if (error != CLI_EXIT_OK)
        return error;
    if (index == argc && !arguments.help && !arguments.version && !arguments.list) {
        cli_complain(CLI_EXIT_USAGE, "a command is missing");
        return usage_hint(NULL);
    }
    if (index < argc) {
        error = find_command(argc - index, argv + index, &arguments.command, &words);
        if (error != CLI_EXIT_OK)
            return error;
        if (arguments.command == NULL) {
            arguments.help = true;
            arguments.group = argv[index];
            *ret_arguments = arguments;
            return CLI_EXIT_OK;
        }
        int skipped = index + words - 1;
        argv[skipped] = argv[0]; /* getopt names the program by it */
        error = parse_command(argc - skipped, argv + skipped, cli, &arguments);
        if (error != CLI_EXIT_OK)
            return error;
    }
    *ret_arguments = arguments;
    return CLI_EXIT_OK;
}

const struct option_values *arguments_values(const struct arguments *arguments, const char *name)
{
    const struct option_spec *options = arguments->command->options;
    unsigned i = 0;
    while (options[i].name != NULL && strcmp(options[i].name, name) != 0)
        i++;
    assert(options[i].name != NULL);
    return &arguments->options[i];
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    const struct option_values *values = arguments_values(arguments, name);
    return values->count == 0 ? NULL : values->values[values->count - 1];
}
