/* render.c: fills templates from an input and the outputs of steps. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <definition/definition.h>

#include "expression.h"

struct render {
    const struct definition *definition;
    const struct definition_values *values;
    struct buffer *text;
    bool deep;         /* an object or array was put in */
    const char *wrong; /* the path that could not be filled in: memory of the thread */
};

static const char *wrong_text(struct troth_span path)
{
    static _Thread_local char text[EXPRESSION_BYTES_MAX + 1];
    size_t len = path.len < EXPRESSION_BYTES_MAX ? path.len : EXPRESSION_BYTES_MAX;
    memcpy(text, path.data, len);
    text[len] = '\0';
    return text;
}

static struct troth_span root_value(const struct render *render, const struct path *path)
{
    if (path->root == PATH_INPUT)
        return render->values->input;
    for (uint32_t i = 0; i < render->definition->steps_count; i++) {
        const char *name = render->definition->steps[i].name;
        if (strlen(name) == path->step.len && memcmp(name, path->step.data, path->step.len) == 0)
            return render->values->outputs[i];
    }
    return (struct troth_span){0};
}

static int value_find(struct render *render, struct troth_span expression,
                      struct troth_span *ret_value)
{
    struct path path;
    struct path_fault fault;
    if (path_parse(expression, &path, &fault) == 0) {
        struct troth_span value = root_value(render, &path);
        if (value.data != NULL && path_lookup(value, path.rest, ret_value))
            return 0;
    }
    render->wrong = wrong_text(expression);
    return TROTH_ERROR_NOT_FOUND;
}

/* Inside a longer string: the raw text between a string's quotes is escaped already. */
static int value_insert(struct render *render, struct troth_span expression)
{
    struct troth_span value;
    int r = value_find(render, expression, &value);
    if (r < 0)
        return r;
    switch (json_type(value)) {
    case JSON_STRING:
        buffer_append_span(render->text, string_body(value));
        return 0;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        buffer_append_span(render->text, value);
        return 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    render->wrong = wrong_text(expression);
    return TROTH_ERROR_TYPE;
}

static int string_render(struct render *render, struct troth_span string)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span path, value, body;
    struct expression_part part;
    int error = string_body_plain(string, &scratch, &body);
    if (error < 0)
        return error;
    if (memmem(body.data, body.len, "${", 2) == NULL) {
        buffer_append_span(render->text, string); /* its escapes were about something else */
        return 0;
    }
    if (expression_is_whole(body, &path)) {
        int r = value_find(render, path, &value);
        if (r < 0)
            return r;
        buffer_append_span(render->text, value);
        if (json_type(value) == JSON_OBJECT || json_type(value) == JSON_ARRAY) {
            render->deep = true;
            render->wrong = wrong_text(path); /* should it be too deep */
        }
        return 0;
    }
    buffer_append_char(render->text, '"');
    while (expression_next(&body, &part)) {
        if (part.kind == EXPRESSION_PATH) {
            int r = value_insert(render, part.text);
            if (r < 0)
                return r;
        } else {
            buffer_append_span(render->text, part.text);
        }
    }
    buffer_append_char(render->text, '"');
    return 0;
}

/* Behind the closing quote of the string that begins at `at`. */
static const char *string_end(const char *at, const char *end)
{
    assert(at < end && *at == '"');
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    assert(at < end);
    return at + 1;
}

static bool is_key(const char *behind, const char *end)
{
    while (behind < end && strchr(" \t\r\n", *behind) != NULL)
        behind++;
    return behind < end && *behind == ':';
}

static bool may_have_expressions(struct troth_span string)
{
    return memmem(string.data, string.len, "${", 2) != NULL ||
           memchr(string.data, '\\', string.len) != NULL;
}

/* Copies the template's own text, but for the strings that are values. */
static int template_render(struct render *render, struct troth_span text)
{
    const char *at = text.data, *end = text.data + text.len;
    while (at < end) {
        if (*at != '"') {
            buffer_append_char(render->text, *at++);
            continue;
        }
        const char *behind = string_end(at, end);
        struct troth_span string = {at, (size_t)(behind - at)};
        if (is_key(behind, end) || !may_have_expressions(string)) {
            buffer_append_span(render->text, string);
        } else {
            int r = string_render(render, string);
            if (r < 0)
                return r;
        }
        at = behind;
    }
    return render->text->failed ? TROTH_ERROR_NO_MEMORY : 0;
}

static bool is_too_deep(struct troth_span json)
{
    const char *at = json.data, *end = json.data + json.len;
    uint32_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            continue;
        }
        if ((*at == '{' || *at == '[') && ++depth > DEFINITION_RENDERED_DEPTH_MAX)
            return true;
        depth -= *at == '}' || *at == ']';
        at++;
    }
    return false;
}

static int fill(struct render *render, struct troth_span template_text, bool limited,
                const char **ret_path)
{
    size_t before = render->text->len;
    if (template_text.data == NULL)
        template_text = (struct troth_span){"{}", 2};
    int r = template_render(render, template_text);
    if (r == 0 && limited && render->deep &&
        is_too_deep((struct troth_span){render->text->data + before, render->text->len - before}))
        r = TROTH_ERROR_TOO_LARGE;
    if (r < 0 && !render->text->failed)
        render->text->len = before;
    if (r < 0 && r != TROTH_ERROR_NO_MEMORY && ret_path != NULL)
        *ret_path = render->wrong;
    return r;
}

int definition_render(const struct definition *definition, struct troth_span template_text,
                      const struct definition_values *values, struct buffer *ret_text,
                      const char **ret_path)
{
    struct render render = {.definition = definition, .values = values, .text = ret_text};
    return fill(&render, template_text, true, ret_path);
}

int template_fill(const struct definition *definition, struct troth_span template_text,
                  const struct definition_values *values, struct buffer *ret_text,
                  const char **ret_path)
{
    struct render render = {.definition = definition, .values = values, .text = ret_text};
    return fill(&render, template_text, false, ret_path);
}

int definition_render_key(const struct definition *definition,
                          const struct definition_values *values, struct buffer *ret_text)
{
    BUFFER_SCOPED struct buffer json = {0};
    if (definition->key_template.data == NULL)
        return TROTH_ERROR_NOT_FOUND;
    int r = template_fill(definition, definition->key_template, values, &json, NULL);
    if (r < 0)
        return r;
    struct troth_span key = buffer_span(&json);
    switch (json_type(key)) {
    case JSON_STRING:
        if (key.len == 2)
            return TROTH_ERROR_NOT_FOUND;
        r = json_string(key, ret_text);
        return r == 0 && ret_text->failed ? TROTH_ERROR_NO_MEMORY : r;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        buffer_append_span(ret_text, key);
        return ret_text->failed ? TROTH_ERROR_NO_MEMORY : 0;
    case JSON_NULL:
        return TROTH_ERROR_NOT_FOUND;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return TROTH_ERROR_TYPE;
    }
    return TROTH_ERROR_TYPE;
}
