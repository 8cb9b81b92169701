/* trothctl: the admin tool. Everything it does stands in commands.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "call.h"
#include "command.h"

#include <troth/version.h>

/* $COLUMNS, else the terminal's, else the default; kept between what a table needs and can use. */
static unsigned output_width(void)
{
    unsigned long width = 0;
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    if (columns != NULL)
        width = strtoul(columns, NULL, 10);
    else if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width == 0)
        return CLI_WIDTH_DEFAULT;
    return width < 60 ? 60 : width > 400 ? 400 : (unsigned)width;
}

/* NULL: not set, or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static struct cli settings(void)
{
    const char *url = variable("TROTH_URL");
    const char *no_colour = getenv("NO_COLOR");
    return (struct cli){
        .urls = {url != NULL ? url : CLI_URL_DEFAULT},
        .urls_count = 1,
        .socket = variable("TROTH_SOCKET"),
        .api_key_file = variable("TROTH_API_KEY_FILE"),
        .cacert = variable("TROTH_CACERT"),
        .cert = variable("TROTH_CERT"),
        .cert_key = variable("TROTH_CERT_KEY"),
        .timeout_us = CLI_TIMEOUT_DEFAULT_US,
        .width = output_width(),
        .colour = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0'),
    };
}

/* Where no URL says where to, trothd's own socket on this host. */
static void choose_way(struct cli *cli)
{
    bool is_unsaid = !cli->url_given && variable("TROTH_URL") == NULL && cli->socket == NULL;
    if (is_unsaid && access(CLI_SOCKET_DEFAULT, W_OK) == 0)
        cli->socket = CLI_SOCKET_DEFAULT;
    if (cli->url_given)
        cli->socket = NULL;
}

static int read_api_key(struct cli *cli)
{
    const char *key = variable("TROTH_API_KEY");
    FILE *file = NULL;
    if (cli->api_key_file != NULL) {
        file = fopen(cli->api_key_file, "re");
        bool is_read = file != NULL && fgets(cli->api_key, sizeof cli->api_key, file) != NULL;
        if (file != NULL)
            (void)fclose(file);
        if (!is_read)
            return cli_complain(CLI_EXIT_LOCAL, "--api-key-file %s: it cannot be read, or is empty",
                                cli->api_key_file);
    } else if (key != NULL) {
        (void)snprintf(cli->api_key, sizeof cli->api_key, "%s", key);
    }
    cli->api_key[strcspn(cli->api_key, "\r\n \t")] = '\0';
    return CLI_EXIT_OK;
}

static int print_about(const struct arguments *arguments)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (arguments->list)
        help_list_append(&text);
    else if (arguments->version)
        buffer_append_text(&text, "trothctl " TROTH_VERSION "\n");
    else if (arguments->command != NULL)
        help_command_append(&text, arguments->command);
    else if (arguments->group != NULL)
        help_group_append(&text, arguments->group);
    else
        help_append(&text);
    return cli_print(&text);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    static struct ways ways;
    static char name[] = "trothctl";
    struct cli cli = settings();
    if (argc > 0)
        argv[0] = name; /* what getopt calls the program, wherever it lies */
    int error = arguments_parse(argc, argv, &cli, &arguments);
    if (error != CLI_EXIT_OK)
        return error;
    if (arguments.help || arguments.version || arguments.list)
        return print_about(&arguments);
    choose_way(&cli);
    cli.ways = &ways;
    error = ways_read(&cli, &ways);
    if (error == CLI_EXIT_OK)
        error = read_api_key(&cli);
    if (error == CLI_EXIT_OK)
        error = call_begin();
    if (error == CLI_EXIT_OK)
        error = arguments.command->run(&cli, &arguments);
    call_end();
    return error;
}
