/* api_key.c: see api_key.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api_key.h"

#define BEARER "Bearer "

static bool refuse(const char *file, const char *why, troth_diagnostic diagnostic, void *arg)
{
    char line[512];
    (void)snprintf(line, sizeof line, "event=no_api_key file=\"%.300s\" reason=\"%s\"", file, why);
    if (diagnostic != NULL)
        diagnostic(arg, TROTH_SEVERITY_ERROR, line);
    return false;
}

/* A header holds it: visible characters alone. */
static bool is_key(const char *text)
{
    if (text[0] == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

bool api_key_read(const char *file, troth_diagnostic diagnostic, void *diagnostic_arg,
                  char ret_bearer[API_KEY_BEARER_MAX + 1])
{
    char text[API_KEY_BEARER_MAX + 1 - sizeof BEARER] = "";
    FILE *from = fopen(file, "re");
    if (from == NULL)
        return refuse(file, strerror(errno), diagnostic, diagnostic_arg);
    bool is_read = fgets(text, sizeof text, from) != NULL;
    (void)fclose(from);
    text[strcspn(text, "\r\n")] = '\0';
    if (!is_read || !is_key(text))
        return refuse(file, "its first line is no key", diagnostic, diagnostic_arg);
    (void)snprintf(ret_bearer, API_KEY_BEARER_MAX + 1, BEARER "%s", text);
    return true;
}
