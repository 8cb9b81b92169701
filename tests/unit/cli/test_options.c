#include <command.h>

#include <stdio.h>

#include "tests.h"

#define WORDS_MAX 80

/* A command line, parsed as main() does it. */
struct parsed {
    struct cli cli;
    struct arguments arguments;
    int error;
};

/* Words separated by spaces. What is parsed borrows them, so each line keeps its place. */
static struct parsed parse(const char *line)
{
    struct parsed parsed = {.cli = {.urls = {"default"}, .urls_count = 1, .timeout_us = 1}};
    char *words[WORDS_MAX + 1] = {NULL};
    int count = 0;
    static char lines[64][128];
    static unsigned next;
    char *copy = lines[next++ % 64];
    snprintf(copy, sizeof(lines[0]), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = word;
    parsed.error = arguments_parse(count, words, &parsed.cli, &parsed.arguments);
    return parsed;
}

/* Commands of one word and of two are found, with their operands. */
START_TEST(commands_are_found)
{
    struct parsed parsed = parse("trothctl status");
    ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
    ck_assert_str_eq(parsed.arguments.command->name, "status");
    parsed = parse("trothctl participant add bank http://a http://b --binding http");
    ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
    ck_assert_str_eq(parsed.arguments.command->name, "add");
    ck_assert_uint_eq(parsed.arguments.operands_count, 3);
    ck_assert_str_eq(parsed.arguments.operands[2], "http://b");
    ck_assert_str_eq(arguments_value(&parsed.arguments, "binding"), "http");
    ck_assert_ptr_null(arguments_value(&parsed.arguments, "slots"));
}
END_TEST

/* Global options hold before the command, behind it and between its operands. */
START_TEST(global_options_anywhere)
{
    static const char *const lines[] = {
        "trothctl -o json --url http://x --timeout 2s tx show G",
        "trothctl tx -o json show G",
        "trothctl tx show -o json G --url http://x --timeout=2s",
        "trothctl tx show G --output json --url=http://x --timeout 2s",
        "trothctl -ojson tx show --timeout 2s --url http://x -- G",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct parsed parsed = parse(lines[i]);
        if (i == 1) { /* but not between the two words of one */
            ck_assert_int_eq(parsed.error, CLI_EXIT_USAGE);
            continue;
        }
        ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
        ck_assert(parsed.cli.json);
        ck_assert_uint_eq(parsed.cli.urls_count, 1);
        ck_assert_str_eq(parsed.cli.urls[0], "http://x");
        ck_assert_uint_eq(parsed.cli.timeout_us, 2000000);
        ck_assert_str_eq(parsed.arguments.operands[0], "G");
    }
}
END_TEST

/* Several coordinators: with commas, repeated, or both; what the environment says is not meant
 * then. Passwords are not shown. */
START_TEST(several_coordinators)
{
    static struct ways ways;
    struct parsed parsed =
        parse("trothctl --url http://a:1,http://u:p@b:2/x, status --url http://c:3");
    ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
    ways = (struct ways){.count = 0};
    ck_assert_int_eq(ways_read(&parsed.cli, &ways), CLI_EXIT_OK);
    ck_assert_uint_eq(ways.count, 3);
    ck_assert_str_eq(ways.way[0].url, "http://a:1");
    ck_assert_str_eq(ways.way[1].url, "http://u:p@b:2/x");
    ck_assert_str_eq(ways.way[1].shown, "http://***@b:2/x");
    ck_assert_str_eq(ways.way[2].shown, "http://c:3");
    parsed = parse("trothctl status --url a,b,c,d,e,f,g,h,i");
    ways = (struct ways){.count = 0};
    ck_assert_int_eq(ways_read(&parsed.cli, &ways), CLI_EXIT_USAGE);
}
END_TEST

/* An option that may be repeated keeps all its values in order. */
START_TEST(repeated_options)
{
    struct parsed parsed = parse("trothctl tx start d -l a=1 --label b=2 --label=c=3 --async");
    ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
    const struct option_values *labels = arguments_values(&parsed.arguments, "label");
    ck_assert_uint_eq(labels->count, 3);
    ck_assert_str_eq(labels->values[0], "a=1");
    ck_assert_str_eq(labels->values[2], "c=3");
    ck_assert_ptr_nonnull(arguments_value(&parsed.arguments, "async"));
    ck_assert_ptr_null(arguments_value(&parsed.arguments, "wait"));
}
END_TEST

/* What is not understood is wrong use: exit status 2. */
START_TEST(wrong_use)
{
    static const char *const lines[] = {
        "trothctl",
        "trothctl -o json",
        "trothctl tx",
        "trothctl tx destroy",
        "trothctl start",
        "trothctl status more",
        "trothctl tx start",
        "trothctl tx start a b",
        "trothctl tx start a --branch 1",
        "trothctl tx start a --wait",
        "trothctl tx start a --async=1",
        "trothctl tx start a --key x --key y",
        "trothctl -o yaml status",
        "trothctl --timeout 5 status",
        "trothctl --timeout 0s status",
        "trothctl --nonsense status",
        "trothctl participant add bank",
        "trothctl status --version",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_msg(parse(lines[i]).error == CLI_EXIT_USAGE, "%s", lines[i]);
}
END_TEST

/* Help is given for the whole and for a command, whatever else is missing. */
START_TEST(help_is_asked_for)
{
    static const char *const lines[] = {"trothctl --help", "trothctl tx --help", "trothctl tx -h",
                                        "trothctl -h tx"};
    for (size_t i = 0; i < 3; i++) {
        struct parsed parsed = parse(lines[i]);
        ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
        ck_assert(parsed.arguments.help);
        ck_assert_ptr_null(parsed.arguments.command);
    }
    struct parsed parsed = parse("trothctl tx start --help");
    ck_assert_int_eq(parsed.error, CLI_EXIT_OK);
    ck_assert(parsed.arguments.help);
    ck_assert_str_eq(parsed.arguments.command->name, "start");
    ck_assert(parse("trothctl --version").arguments.version);
    ck_assert(parse("trothctl --list-commands").arguments.list);
}
END_TEST

/* The help of each command names all its options and has an example that is a command of ours. */
START_TEST(help_is_complete)
{
    unsigned count = 0;
    for (const struct command_spec *at = commands; at->group == NULL || at->group[0] != '\0';
         at++) {
        BUFFER_SCOPED struct buffer text = {0};
        char name[COMMAND_NAME_CAP], example[COMMAND_NAME_CAP + 16];
        command_name(at, name);
        help_command_append(&text, at);
        const char *help = buffer_text(&text);
        for (const struct option_spec *option = at->options; option->name != NULL; option++) {
            ck_assert_ptr_nonnull(option->help);
            ck_assert_msg(strstr(help, option->name) != NULL, "%s: %s", name, option->name);
        }
        snprintf(example, sizeof(example), "trothctl %s", name);
        ck_assert_msg(strstr(at->examples, example) != NULL, "%s: no example", name);
        ck_assert(at->run != NULL);
        count++;
    }
    ck_assert_uint_eq(count, 33);
}
END_TEST

/* The whole help lists every command and every exit status. */
START_TEST(help_of_the_whole)
{
    BUFFER_SCOPED struct buffer text = {0};
    help_append(&text);
    const char *help = buffer_text(&text);
    for (const struct command_spec *at = commands; at->group == NULL || at->group[0] != '\0';
         at++) {
        char name[COMMAND_NAME_CAP];
        command_name(at, name);
        ck_assert_msg(strstr(help, name) != NULL, "%s", name);
    }
#define SEE(name, code, meaning) ck_assert_ptr_nonnull(strstr(help, meaning));
    CLI_EXITS(SEE)
#undef SEE
}
END_TEST

TCase *options_tests(void)
{
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, commands_are_found);
    tcase_add_test(tests, global_options_anywhere);
    tcase_add_test(tests, several_coordinators);
    tcase_add_test(tests, repeated_options);
    tcase_add_test(tests, wrong_use);
    tcase_add_test(tests, help_is_asked_for);
    tcase_add_test(tests, help_is_complete);
    tcase_add_test(tests, help_of_the_whole);
    return tests;
}
