/* ways.c: where the coordinators are. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#define SEPARATORS ", "

/* What stands before an "@" is nobody's to see. */
static void show(const char *url, size_t len, char ret_shown[CLI_URL_BYTES])
{
    const char *behind = memmem(url, len, "://", 3);
    size_t from = behind != NULL ? (size_t)(behind + 3 - url) : 0;
    size_t host = strcspn(url + from, "/?#");
    const char *at = memrchr(url + from, '@', from + host < len ? host : len - from);
    if (at == NULL)
        (void)snprintf(ret_shown, CLI_URL_BYTES, "%.*s", (int)len, url);
    else
        (void)snprintf(ret_shown, CLI_URL_BYTES, "%.*s***%.*s", (int)from, url,
                       (int)(url + len - at), at);
}

static int add(struct ways *ways, const char *url, size_t len)
{
    if (ways->count == CLI_URLS_MAX)
        return cli_complain(CLI_EXIT_USAGE, "--url: more than %u addresses", CLI_URLS_MAX);
    if (len + sizeof "***" > CLI_URL_BYTES)
        return cli_complain(CLI_EXIT_USAGE, "--url: an address is longer than %u characters",
                            CLI_URL_BYTES - (unsigned)sizeof "***");
    (void)snprintf(ways->way[ways->count].url, CLI_URL_BYTES, "%.*s", (int)len, url);
    show(url, len, ways->way[ways->count].shown);
    ways->count++;
    return CLI_EXIT_OK;
}

int ways_read(const struct cli *cli, struct ways *ret_ways)
{
    for (unsigned i = 0; i < cli->urls_count; i++) {
        const char *at = cli->urls[i] + strspn(cli->urls[i], SEPARATORS);
        while (*at != '\0') {
            size_t len = strcspn(at, SEPARATORS);
            int error = add(ret_ways, at, len);
            if (error != CLI_EXIT_OK)
                return error;
            at += len;
            at += strspn(at, SEPARATORS);
        }
    }
    return ret_ways->count > 0 ? CLI_EXIT_OK : add(ret_ways, "", 0);
}

const char *cli_shown(const struct cli *cli)
{
    return cli->socket != NULL ? cli->socket : cli->ways->way[cli->ways->at].shown;
}
