/* bind.c: the members of a call's input and of its action's output as values for PostgreSQL. */
#include "bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <base/number.h>

#define HOW_KIND            (7u << 8)
#define HOW_KNOWN           (7u | HOW_KIND)
#define ARRAY_DIMENSIONS    6u /* PostgreSQL's MAXDIM */
#define SHOWN_VALUE_LEN_MAX 60

/* --- the list --------------------------------------------------------------------------------- */

static bool how_valid(uint32_t how)
{
    return (how & ~HOW_KNOWN) == 0 && (how & HOW_KIND) <= TROTH_POSTGRES_ARRAY;
}

int pg_parameters_copy(struct pg_parameters *parameters, const char *const *paths,
                       const uint32_t *how)
{
    uint32_t i;
    memset(parameters, 0, sizeof *parameters);
    for (i = 0; paths != NULL && paths[i] != NULL; i++) {
        if (i == TROTH_POSTGRES_PARAMETERS_MAX || (how != NULL && !how_valid(how[i])))
            return TROTH_ERROR_INVALID;
        parameters->paths[i] = strdup(paths[i]);
        if (parameters->paths[i] == NULL)
            return TROTH_ERROR_NO_MEMORY;
        parameters->how[i] = how == NULL ? 0 : how[i];
        parameters->count++;
    }
    return 0;
}

void pg_parameters_finish(struct pg_parameters *parameters)
{
    while (parameters->count > 0)
        free(parameters->paths[--parameters->count]);
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool element(struct troth_span array, struct troth_span name, struct troth_span *ret_value)
{
    struct json_cursor cursor = json_cursor(array);
    uint64_t index;
    if (number_parse(name, UINT32_MAX, &index) != 0)
        return false;
    while (json_next(&cursor, NULL, ret_value))
        if (index-- == 0)
            return true;
    return false;
}

/* a.b: member b of a; a.0: its first element. false: not there, or null. */
static bool find(struct troth_span value, const char *path, struct troth_span *ret_value)
{
    while (value.data != NULL) {
        const struct troth_span name = {path, strcspn(path, ".")};
        const bool found = json_type(value) == JSON_OBJECT  ? json_member_span(value, name, &value)
                           : json_type(value) == JSON_ARRAY ? element(value, name, &value)
                                                            : false;

        if (!found)
            return false;
        if (path[name.len] == '\0') {
            *ret_value = value;
            return json_type(value) != JSON_NULL;
        }
        path += name.len + 1;
    }
    return false;
}

static bool find_value(const struct troth_call *call, const char *path, uint32_t how,
                       struct troth_span *ret_value)
{
    const struct troth_span from =
        (how & TROTH_POSTGRES_OF_OUTPUT) != 0 ? call->action_output : call->input;
    if ((how & TROTH_POSTGRES_ALL) == 0)
        return find(from, path, ret_value);
    *ret_value = from;
    return from.data != NULL && from.len > 0 && json_type(from) != JSON_NULL;
}

/* --- kinds ------------------------------------------------------------------------------------ */

/* -12, 9007199254740993. */
static bool is_integer(struct troth_span text)
{
    size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    const size_t first = i;
    while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i > first && i == text.len;
}

/* What a JSON number is, and nothing that PostgreSQL takes besides (NaN, 0x1f). */
static bool is_number(struct troth_span text)
{
    struct troth_span value;
    return is_integer(text) || (json_check(text, JSON_CHECK_DEFAULT, &value, NULL) == 0 &&
                                json_type(value) == JSON_NUMBER && value.len == text.len);
}

/* The words for what is not of its kind; NULL: it is. `text`: as it is bound. */
static const char *unfit(uint32_t kind, enum json_type type, struct troth_span value,
                         struct troth_span text)
{
    const bool worded = type == JSON_NUMBER || type == JSON_STRING;
    switch (kind) {
    case TROTH_POSTGRES_INTEGER:
        return worded && is_integer(text) ? NULL : "a whole number";
    case TROTH_POSTGRES_NUMBER:
        return worded && is_number(text) ? NULL : "a number";
    case TROTH_POSTGRES_BOOLEAN:
        return type == JSON_TRUE || type == JSON_FALSE ? NULL : "true or false";
    case TROTH_POSTGRES_TEXT:
        return type != JSON_ARRAY && type != JSON_OBJECT ? NULL : "a string";
    case TROTH_POSTGRES_ARRAY:
        return type != JSON_ARRAY                        ? "an array"
               : json_is_deeper(value, ARRAY_DIMENSIONS) ? "an array of at most 6 dimensions"
                                                         : NULL;
    }
    return NULL;
}

static void say(char why[static 256], const char *path, uint32_t how, const char *words,
                struct troth_span value)
{
    const char *from = (how & TROTH_POSTGRES_OF_OUTPUT) != 0 ? "output" : "input";
    const char *dot = (how & TROTH_POSTGRES_ALL) != 0 ? "" : ".";
    const char *name = (how & TROTH_POSTGRES_ALL) != 0 ? "" : path;
    if (words == NULL) {
        (void)snprintf(why, 256, "%s%s%.100s is missing", from, dot, name);
        return;
    }
    (void)snprintf(why, 256, "%s%s%.100s must be %s, and is %.*s%s", from, dot, name, words,
                   (int)(value.len > SHOWN_VALUE_LEN_MAX ? SHOWN_VALUE_LEN_MAX : value.len),
                   value.data, value.len > SHOWN_VALUE_LEN_MAX ? "\xe2\x80\xa6" : "");
}

/* --- values ----------------------------------------------------------------------------------- */

static void append_quoted(struct buffer *texts, struct troth_span text)
{
    size_t i;
    buffer_append_char(texts, '"');
    for (i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buffer_append_char(texts, '\\');
        buffer_append_char(texts, text.data[i]);
    }
    buffer_append_char(texts, '"');
}

/* An element in the words of PostgreSQL's arrays: {1,2}, {"a \"b\"",NULL}. As deep as
 * ARRAY_DIMENSIONS, and a value of brackets in the last of them is text. */
static void append_element(struct buffer *texts, struct troth_span value)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct json_cursor cursor;
    struct troth_span inner;
    bool first = true;
    if (json_type(value) == JSON_NULL) {
        buffer_append_text(texts, "NULL");
    } else if (json_type(value) == JSON_STRING) {
        texts->failed = json_string(value, &text) != 0 || text.failed || texts->failed;
        append_quoted(texts, buffer_span(&text));
    } else if (json_type(value) != JSON_ARRAY) {
        append_quoted(texts, value);
    } else {
        buffer_append_char(texts, '{');
        for (cursor = json_cursor(value); json_next(&cursor, NULL, &inner); first = false) {
            if (!first)
                buffer_append_char(texts, ',');
            append_element(texts, inner);
        }
        buffer_append_char(texts, '}');
    }
}

static void append_value(struct buffer *texts, uint32_t kind, struct troth_span value)
{
    if (kind == TROTH_POSTGRES_ARRAY && json_type(value) == JSON_ARRAY)
        append_element(texts, value);
    else if (kind != TROTH_POSTGRES_JSON && json_type(value) == JSON_STRING)
        texts->failed = json_string(value, texts) != 0 || texts->failed;
    else
        buffer_append_span(texts, value);
}

/* false: refused. */
static bool bind_one(const struct pg_parameters *parameters, uint32_t i,
                     const struct troth_call *call, struct pg_bound *bound, bool *ret_there)
{
    const uint32_t how = parameters->how[i], kind = how & HOW_KIND;
    struct buffer *texts = &bound->texts;
    const size_t at = texts->len;
    struct troth_span value, text;
    const char *words;
    *ret_there = find_value(call, parameters->paths[i], how, &value);
    if (!*ret_there) {
        if ((how & TROTH_POSTGRES_REQUIRED) != 0)
            say(bound->why, parameters->paths[i], how, NULL, value);
        return (how & TROTH_POSTGRES_REQUIRED) == 0;
    }
    append_value(texts, kind, value);
    if (texts->failed)
        return true;
    text = (struct troth_span){texts->data + at, texts->len - at};
    words = unfit(kind, json_type(value), value, text);
    if (words != NULL)
        say(bound->why, parameters->paths[i], how, words, value);
    return words == NULL;
}

enum pg_bind_end pg_bind(const struct pg_parameters *parameters, const struct troth_call *call,
                         struct pg_bound *ret_bound)
{
    size_t at[TROTH_POSTGRES_PARAMETERS_MAX];
    bool there[TROTH_POSTGRES_PARAMETERS_MAX];
    struct buffer *texts = &ret_bound->texts;
    uint32_t i;
    buffer_clear(texts);
    buffer_append_char(texts, '\0'); /* so that there is memory to point into */
    for (i = 0; i < parameters->count; i++) {
        at[i] = texts->len;
        if (!bind_one(parameters, i, call, ret_bound, &there[i]))
            return PG_BIND_REFUSED;
        buffer_append_char(texts, '\0');
    }
    if (texts->failed)
        return PG_BIND_NO_MEMORY;
    for (i = 0; i < parameters->count; i++)
        ret_bound->values[i] = there[i] ? texts->data + at[i] : NULL;
    return PG_BIND_DONE;
}
