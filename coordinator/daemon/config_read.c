/* config_read.c: the file and the environment. Nothing of a line that is not understood is shown:
 * it may hold a password. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

extern char **environ;

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* `seen`: the line in which a key stood, one a key. */
static int read_line(struct config *config, char *line, unsigned number, unsigned *seen,
                     struct buffer *why)
{
    char *text = trim(line);
    if (*text == '\0' || *text == '#')
        return 0;
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        buffer_append_text(why, "the line is not \"key = value\"");
        return TROTH_ERROR_CONFIG;
    }
    *equals = '\0';
    const char *name = trim(text);
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strcmp(config_keys[i].name, name) != 0)
            continue;
        if (seen[i] != 0) {
            buffer_append_format(why, "%s stands in line %u already", name, seen[i]);
            return TROTH_ERROR_CONFIG;
        }
        seen[i] = number;
    }
    return config_set(config, name, trim(equals + 1), why);
}

int config_read_file(struct config *config, const char *path, struct buffer *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buffer_append_format(why, "%s: %s", path, strerror(errno));
        return TROTH_ERROR_CONFIG;
    }
    char line[LINE_MAX_BYTES];
    unsigned number = 0;
    unsigned seen[CONFIG_KEYS_MAX] = {0};
    int error = 0;
    while (error == 0 && fgets(line, sizeof line, file) != NULL) {
        number++;
        BUFFER_SCOPED struct buffer what = {0};
        if (strchr(line, '\n') == NULL && !feof(file)) {
            buffer_append_format(&what, "the line is longer than %d bytes", LINE_MAX_BYTES - 2);
            error = TROTH_ERROR_CONFIG;
        } else {
            error = read_line(config, line, number, seen, &what);
        }
        if (error != 0) {
            buffer_append_format(why, "%s:%u: %s", path, number,
                                 what.len > 0 ? buffer_text(&what) : troth_error_text(error));
        }
    }
    if (error == 0 && ferror(file) != 0) {
        buffer_append_format(why, "%s: cannot be read", path);
        error = TROTH_ERROR_CONFIG;
    }
    (void)fclose(file);
    return error;
}

/* TROTH_… that are of somebody else: what trothctl, the quickstart and the tests read, and what
 * Kubernetes sets in every pod beside a service that is called troth. */
static bool is_others(const char *name)
{
    static const char *const others[] = {"URL",           "CACERT",
                                         "CERT",          "CERT_KEY",
                                         "SOCKET",        "API_KEY",
                                         "API_KEY_FILE",  "TEST_TLS",
                                         "HOME",          "ROOT",
                                         "BUILD",         "KEEP",
                                         "PORT",          "LOGS",
                                         "SEED",          "TRAIL",
                                         "DRAIN_SECONDS", "MONKEY_SECONDS",
                                         "TEST_JOBS",     "TEST_POSTGRES",
                                         "KAFKA_HEAP",    NULL};
    for (size_t i = 0; others[i] != NULL; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return strstr(name, "SERVICE_HOST") != NULL || strstr(name, "SERVICE_PORT") != NULL ||
           strstr(name, "_TCP") != NULL || strstr(name, "_UDP") != NULL;
}

/* A misspelt key would pass without a word. One that is like none of ours is only told of: it may
 * be somebody else's. */
static int read_variable(struct config *config, const char *name, const char *value,
                         struct buffer *why)
{
    char key[CONFIG_NAME_MAX + 1];
    size_t len = 0;
    for (; name[len] != '\0' && len < CONFIG_NAME_MAX; len++)
        key[len] = (char)tolower((unsigned char)name[len]);
    key[len] = '\0';
    for (size_t i = 0; i < config_keys_count; i++)
        if (strcmp(config_keys[i].name, key) == 0)
            return config_set(config, key, value, why);
    const char *near = config_nearest(key);
    if (is_others(name))
        return 0;
    if (near == NULL) {
        (void)fprintf(stderr, "trothd: environment TROTH_%s: no key of trothd, not used\n", name);
        return 0;
    }
    buffer_append_format(why, "unknown key; did you mean \"%s\"?", near);
    return TROTH_ERROR_CONFIG;
}

int config_read_environment(struct config *config, struct buffer *why)
{
    static const char prefix[] = "TROTH_";
    for (char *const *at = environ; at != NULL && *at != NULL; at++) {
        const char *equals = strchr(*at, '=');
        if (equals == NULL || strncmp(*at, prefix, sizeof prefix - 1) != 0)
            continue;
        char name[CONFIG_NAME_MAX + 1];
        const char *from = *at + sizeof prefix - 1;
        size_t len = (size_t)(equals - from);
        if (len > CONFIG_NAME_MAX)
            continue; /* longer than any of ours */
        memcpy(name, from, len);
        name[len] = '\0';
        BUFFER_SCOPED struct buffer what = {0};
        int error = read_variable(config, name, equals + 1, &what);
        if (error != 0) {
            buffer_append_format(why, "environment TROTH_%s: %s", name,
                                 what.len > 0 ? buffer_text(&what) : troth_error_text(error));
            return error;
        }
    }
    return 0;
}
