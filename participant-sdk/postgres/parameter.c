/* parameter.c: what stands between "${" and "}" becomes $1, $2, … See parameter.h. */
#include "parameter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reading_append(struct reading *reading, const char *text, size_t len, uint32_t place)
{
    size_t i;
    buffer_append(&reading->text, text, len);
    for (i = 0; i < len; i++)
        buffer_append(&reading->places, &place, sizeof place);
}

void reading_error(struct reading *reading, size_t at, const char *format, ...)
{
    struct place place = reading->sql->place;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* cut off where it is too long */
    va_end(arguments);
    place.value.data = reading->check->text.data + reading->from_places[at];
    check_error(reading->check, &place, "%s", text);
    reading->sql->sound = false;
}

/* What a definition's expressions may not have in them either, and white space. */
static bool segments_valid(struct troth_span path)
{
    bool begun = false;
    size_t i;
    for (i = 0; i < path.len; i++) {
        const unsigned char c = (unsigned char)path.data[i];

        if (c == '.' && !begun)
            return false;
        if (c <= ' ' || c == 0x7f || strchr("{}[]$()|?*:\"\\'", c) != NULL)
            return false;
        begun = c != '.';
    }
    return begun;
}

/* The root, and what is behind it. */
static bool take_word(struct troth_span *rest, const char *word)
{
    const size_t len = strlen(word);
    if (rest->len < len || memcmp(rest->data, word, len) != 0 ||
        (rest->len > len && rest->data[len] != '.'))
        return false;
    rest->data += len;
    rest->len -= len;
    return true;
}

/* Whether ${…} says something; the flags, and the path behind the root. */
static bool parse(struct reading *reading, size_t at, struct troth_span whole, uint32_t *ret_how,
                  struct troth_span *ret_path)
{
    struct troth_span rest = {whole.data + 2, whole.len - 3};
    const bool undoes = (reading->kind & SQLTEXT_UNDO) != 0;
    uint32_t how = (reading->kind & SQLTEXT_REASON) != 0 ? 0 : TROTH_POSTGRES_REQUIRED;
    if (rest.len > 0 && rest.data[rest.len - 1] == '?') {
        how = 0;
        rest.len--;
    }
    if (take_word(&rest, "output")) {
        how |= TROTH_POSTGRES_OF_OUTPUT;
        if (!undoes) {
            reading_error(reading, at, "%s: only a compensation has an output, of what it undoes",
                          shown(whole).text);
            return false;
        }
    } else if (!take_word(&rest, "input")) {
        reading_error(reading, at,
                      "%s is no parameter: ${input.NAME}%s, and a \"?\" behind NAME "
                      "where it may be missing",
                      shown(whole).text, undoes ? " or ${output.NAME}" : "");
        return false;
    }
    if (rest.len == 0) {
        how |= TROTH_POSTGRES_ALL;
    } else {
        rest.data++;
        rest.len--;
    }
    if ((how & TROTH_POSTGRES_ALL) == 0 && !segments_valid(rest)) {
        reading_error(reading, at, "%s is no path: names with \".\" between them%s",
                      shown(whole).text,
                      memchr(rest.data, ':', rest.len) == NULL
                          ? ""
                          : "; a type stands behind it, as in ${input.a}::text");
        return false;
    }
    *ret_how = how;
    *ret_path = rest;
    return true;
}

bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* What it touches must not become one word with it: a$1, $12. */
static void add(struct reading *reading, size_t at, struct troth_span whole, uint32_t how,
                struct troth_span path)
{
    struct sqltext *sql = reading->sql;
    const char *before = at > 0 && is_word_char(reading->from[at - 1]) ? " " : "";
    const char *behind = is_word_char(reading->from[at + whole.len]) ? " " : "";
    char number[64];
    int len;
    if (sql->count == TROTH_POSTGRES_PARAMETERS_MAX) {
        reading_error(reading, at, "more than %u parameters", TROTH_POSTGRES_PARAMETERS_MAX);
        return;
    }
    sql->paths[sql->count] = strndup(path.len == 0 ? "" : path.data, path.len);
    sql->names[sql->count] = strndup(whole.data, whole.len);
    if (sql->paths[sql->count] == NULL || sql->names[sql->count] == NULL)
        reading->check->no_memory = true;
    sql->at[sql->count] = reading->text.len;
    sql->how[sql->count++] = how;
    len = sql->words ? snprintf(number, sizeof number, "coalesce($%u::text, 'null')", sql->count)
                     : snprintf(number, sizeof number, "%s$%u%s", before, sql->count, behind);
    reading_append(reading, number, (size_t)len, reading->from_places[at]);
}

size_t parameter_take(struct reading *reading, size_t at)
{
    const char *begin = reading->from + at;
    const char *end = memchr(begin, '}', reading->from_len - at);
    struct troth_span whole = {begin, 0}, path;
    uint32_t how;
    if (end == NULL) {
        reading_error(reading, at, "\"${\" without \"}\"");
        return reading->from_len;
    }
    whole.len = (size_t)(end - begin) + 1;
    if (whole.len > PARAMETER_BYTES_MAX)
        reading_error(reading, at, "a parameter of more than %u bytes", PARAMETER_BYTES_MAX);
    else if (parse(reading, at, whole, &how, &path))
        add(reading, at, whole, how, path);
    return at + whole.len;
}
