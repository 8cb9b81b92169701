/* --help, from the tables. */
#include <string.h>

#include "command.h"

#define HELP_COLUMN 30

static bool last(const struct command_spec *command)
{
    return command->group != NULL && command->group[0] == '\0';
}

/* `left`, then `right` in its column, or in the next line when left is too long. */
static void append_row(struct buffer *text, const char *left, const char *right)
{
    buffer_append_format(text, "  %-*s", HELP_COLUMN - 2, left);
    if (strlen(left) > HELP_COLUMN - 3)
        buffer_append_format(text, "\n%*s", HELP_COLUMN, "");
    buffer_append_format(text, "%s\n", right);
}

static void append_options(struct buffer *text, const struct option_spec *options)
{
    for (; options->name != NULL; options++) {
        BUFFER_SCOPED struct buffer left = {0};
        if (options->letter != 0)
            buffer_append_format(&left, "-%c, ", options->letter);
        buffer_append_format(&left, "--%s", options->name);
        if (options->argument != NULL)
            buffer_append_format(&left, " %s", options->argument);
        const char *row = buffer_text(&left);
        append_row(text, row != NULL ? row : options->name, options->help);
    }
}

static void append_examples(struct buffer *text, const char *examples)
{
    buffer_append_text(text, "\nExamples:\n");
    while (*examples != '\0') {
        size_t len = strcspn(examples, "\n");
        buffer_append_format(text, "  %.*s\n", (int)len, examples);
        examples += len + (examples[len] == '\n');
    }
}

/* `group` NULL: all. */
static void append_commands(struct buffer *text, const char *group)
{
    for (const struct command_spec *at = commands; !last(at); at++) {
        char name[COMMAND_NAME_CAP];
        if (group != NULL && (at->group == NULL || strcmp(at->group, group) != 0))
            continue;
        command_name(at, name);
        BUFFER_SCOPED struct buffer left = {0};
        buffer_append_format(&left, "%s %s", name, at->operands);
        const char *row = buffer_text(&left);
        append_row(text, row != NULL ? row : name, at->summary);
    }
}

void help_group_append(struct buffer *text, const char *group)
{
    buffer_append_format(text,
                         "Usage: trothctl %s COMMAND ...\n"
                         "\nCommands ('trothctl %s COMMAND --help' tells more):\n",
                         group, group);
    append_commands(text, group);
}

void help_append(struct buffer *text)
{
    buffer_append_text(text, "Usage: trothctl [OPTION...] COMMAND ...\n"
                             "The admin tool of Troth, the distributed-transaction coordinator.\n"
                             "\nCommands ('trothctl COMMAND --help' tells more):\n");
    append_commands(text, NULL);
    buffer_append_text(text, "\nOptions, before or behind the command:\n");
    append_options(text, global_options);
    append_row(text, "--version", "the version of trothctl (before the command only)");
    append_row(text, "--list-commands", "every command with its options, for scripts");
    buffer_append_text(text, "\nExit status:\n");
#define APPEND_EXIT(name, code, meaning) buffer_append_format(text, "  %d  %s\n", code, meaning);
    CLI_EXITS(APPEND_EXIT)
#undef APPEND_EXIT
    append_examples(text,
                    "trothctl status\n"
                    "trothctl def apply transfer.json\n"
                    "trothctl tx start transfer -i '{\"from\": 7, \"to\": 9, \"amount\": 120}'\n"
                    "trothctl tx list --state preparing --older-than 1m");
}

void help_command_append(struct buffer *text, const struct command_spec *command)
{
    char name[COMMAND_NAME_CAP];
    command_name(command, name);
    buffer_append_format(text, "Usage: trothctl %s [OPTION...]%s%s\n", name,
                         command->operands[0] != '\0' ? " " : "", command->operands);
    buffer_append_format(text, "%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->text != NULL)
        buffer_append_format(text, "\n%s\n", command->text);
    if (command->options[0].name != NULL) {
        buffer_append_text(text, "\nOptions:\n");
        append_options(text, command->options);
    }
    buffer_append_text(text, "\nOptions of every command:\n");
    append_options(text, global_options);
    append_examples(text, command->examples);
}

static void append_option_names(struct buffer *text, const struct option_spec *options)
{
    for (; options->name != NULL; options++) {
        if (options->letter != 0)
            buffer_append_format(text, " -%c", options->letter);
        buffer_append_format(text, " --%s", options->name);
    }
}

/* "tx start: -i --input ...", one command a line; the options of every command first, without name.
 */
void help_list_append(struct buffer *text)
{
    buffer_append_char(text, ':');
    append_option_names(text, global_options);
    buffer_append_char(text, '\n');
    for (const struct command_spec *at = commands; !last(at); at++) {
        char name[COMMAND_NAME_CAP];
        command_name(at, name);
        buffer_append_format(text, "%s:", name);
        append_option_names(text, at->options);
        buffer_append_char(text, '\n');
    }
}
