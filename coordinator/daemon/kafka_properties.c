/* kafka_properties.c: see kafka_properties.h. */
#include "kafka_properties.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096

/* What order, durability and the outbox's own limits rest on. */
static const char *const own[] = {"enable.idempotence",
                                  "acks",
                                  "request.required.acks",
                                  "partitioner",
                                  "message.timeout.ms",
                                  "delivery.timeout.ms",
                                  "message.max.bytes",
                                  "queue.buffering.max.messages",
                                  "bootstrap.servers",
                                  "metadata.broker.list",
                                  "transactional.id",
                                  "statistics.interval.ms",
                                  NULL};

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static bool is_own(const char *name)
{
    for (size_t i = 0; own[i] != NULL; i++)
        if (strcmp(own[i], name) == 0)
            return true;
    return false;
}

/* Without what an empty line or a comment would be; "" when it is good. */
static const char *take_line(char *line, char **pairs, size_t *count)
{
    char *text = trim(line);
    if (*text == '\0' || *text == '#')
        return "";
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return "the line is not \"name=value\"";
    *equals = '\0';
    const char *name = trim(text);
    if (is_own(name))
        return "this property is trothd's own";
    if (*count == KAFKA_PROPERTIES_MAX)
        return "more than 64 properties";
    pairs[2 * *count] = strdup(name);
    pairs[2 * *count + 1] = strdup(trim(equals + 1));
    (*count)++;
    bool has_both = pairs[2 * *count - 2] != NULL && pairs[2 * *count - 1] != NULL;
    return has_both ? "" : "out of memory";
}

static int read_lines(FILE *from, const char *file, char **pairs, struct buffer *why)
{
    char line[LINE_BYTES];
    size_t count = 0;
    for (unsigned number = 1; fgets(line, sizeof line, from) != NULL; number++) {
        bool is_whole = strchr(line, '\n') != NULL || feof(from) != 0;
        const char *wrong = is_whole ? take_line(line, pairs, &count) : "the line is too long";
        if (wrong[0] != '\0') {
            buffer_append_format(why, "kafka_properties: %s:%u: %s", file, number, wrong);
            return TROTH_ERROR_CONFIG;
        }
    }
    if (ferror(from) == 0)
        return 0;
    buffer_append_format(why, "kafka_properties: %s: cannot be read", file);
    return TROTH_ERROR_CONFIG;
}

int kafka_properties_read(const char *file, struct buffer *why, char ***ret_pairs)
{
    *ret_pairs = NULL;
    if (file[0] == '\0')
        return 0;
    FILE *from = fopen(file, "re");
    if (from == NULL) {
        buffer_append_format(why, "kafka_properties: %s: %s", file, strerror(errno));
        return TROTH_ERROR_CONFIG;
    }
    char **pairs = calloc(2 * KAFKA_PROPERTIES_MAX + 1, sizeof *pairs);
    int error = pairs != NULL ? read_lines(from, file, pairs, why) : TROTH_ERROR_NO_MEMORY;
    (void)fclose(from);
    if (error != 0) {
        kafka_properties_free(pairs);
        return error;
    }
    *ret_pairs = pairs;
    return 0;
}

void kafka_properties_free(char **pairs)
{
    for (size_t i = 0; pairs != NULL && i < 2 * KAFKA_PROPERTIES_MAX; i++)
        free(pairs[i]);
    free(pairs);
}
