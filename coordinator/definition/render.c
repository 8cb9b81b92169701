/* render.c: fills templates from an input and the outputs of steps. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <definition/definition.h>

#include "expression.h"
#include "render.h"

struct render {
    const struct definition *definition;
    struct definition_values *values;
    struct buffer *text;
    const char *what;         /* it becomes */
    size_t before, bytes_max; /* of the text: where it began, and how long it may get */
    bool deep;                /* an object or array was put in */
    struct troth_span last;   /* the last expression that was filled in */
};

/* --- what templates name ---------------------------------------------------------------------- */

/* The trees of what was looked into: number 0 is the input's, i + 1 that of steps[i]. */
struct definition_trees {
    struct json_tree list[1 + DEFINITION_STEPS_MAX];
    uint64_t nodes; /* of all of them */
};

void definition_values_finish(struct definition_values *values)
{
    for (uint32_t i = 0; values->trees != NULL && i <= DEFINITION_STEPS_MAX; i++)
        json_tree_finish(&values->trees->list[i]);
    free(values->trees);
    values->trees = NULL;
}

/* "BEFORE${PATH}AFTER", in memory of the thread. */
static const char *why_text(const char *before, struct troth_span path, const char *after)
{
    static _Thread_local char text[EXPRESSION_BYTES_MAX + 160];
    int len = (int)(path.len < EXPRESSION_BYTES_MAX ? path.len : EXPRESSION_BYTES_MAX);
    (void)snprintf(text, sizeof text, "%s${%.*s}%s", before, len, path.data, after);
    return text;
}

/* Number and text of what a path begins with; absent: there is none. */
static struct troth_span source_of(const struct definition *definition,
                                   const struct definition_values *values, const struct path *path,
                                   uint32_t *ret_number)
{
    *ret_number = 0;
    if (path->root == PATH_INPUT)
        return values->input;
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        const char *name = definition->steps[i].name;
        if (strlen(name) == path->step.len && memcmp(name, path->step.data, path->step.len) == 0) {
            *ret_number = i + 1;
            return values->outputs[i];
        }
    }
    return (struct troth_span){0};
}

static int tree_of(struct definition_values *values, uint32_t number, struct troth_span source,
                   struct json_tree **ret_tree)
{
    if (values->trees == NULL)
        values->trees = calloc(1, sizeof *values->trees);
    if (values->trees == NULL)
        return TROTH_ERROR_NO_MEMORY;
    struct json_tree *tree = &values->trees->list[number];
    if (tree->count == 0) {
        int error = json_tree_build(tree, source);
        if (error < 0) {
            json_tree_finish(tree);
            return error;
        }
        values->trees->nodes += tree->count;
    }
    *ret_tree = tree;
    return values->trees->nodes > DEFINITION_SOURCES_VALUES_MAX ? TROTH_ERROR_TOO_LARGE : 0;
}

static int find(const struct definition *definition, struct definition_values *values,
                struct troth_span expression, struct found *ret_found)
{
    struct path path;
    struct path_fault fault;
    uint32_t number;
    if (path_parse(expression, &path, &fault) < 0)
        return TROTH_ERROR_NOT_FOUND;
    struct troth_span source = source_of(definition, values, &path, &number);
    if (absent(source))
        return TROTH_ERROR_NOT_FOUND;
    int error = tree_of(values, number, source, &ret_found->tree);
    if (error < 0)
        return error;
    return path_lookup(ret_found->tree, path.rest, &ret_found->node) ? 0 : TROTH_ERROR_NOT_FOUND;
}

int expression_find(const struct definition *definition, struct definition_values *values,
                    struct troth_span expression, struct found *ret_found, const char **ret_why)
{
    _Static_assert(DEFINITION_SOURCES_VALUES_MAX == 1000000, "as the text says");
    int error = find(definition, values, expression, ret_found);
    if (error == TROTH_ERROR_NOT_FOUND)
        *ret_why = why_text("", expression, " is not there");
    else if (error == TROTH_ERROR_TOO_LARGE)
        *ret_why = why_text("with the text of ", expression,
                            " more than 1000000 values would be looked through");
    return error;
}

/* --- filling in ------------------------------------------------------------------------------- */

static int append(struct render *render, struct troth_span span, const char **ret_why)
{
    char after[64];
    if (span.len <= render->bytes_max - (render->text->len - render->before)) {
        buffer_append_span(render->text, span);
        return render->text->failed ? TROTH_ERROR_NO_MEMORY : 0;
    }
    (void)snprintf(after, sizeof after, " %s has more than %zu bytes", render->what,
                   render->bytes_max);
    *ret_why = absent(render->last) ? "is too long" : why_text("with ", render->last, after);
    return TROTH_ERROR_TOO_LARGE;
}

static int value_find(struct render *render, struct troth_span expression,
                      struct troth_span *ret_value, const char **ret_why)
{
    struct found found;
    render->last = expression;
    int error = expression_find(render->definition, render->values, expression, &found, ret_why);
    if (error == 0)
        *ret_value = json_tree_value(found.tree, found.node);
    return error;
}

/* Inside a longer string: the raw text between a string's quotes is escaped already. */
static int value_insert(struct render *render, struct troth_span expression, const char **ret_why)
{
    struct troth_span value;
    int error = value_find(render, expression, &value, ret_why);
    if (error < 0)
        return error;
    switch (json_type(value)) {
    case JSON_STRING:
        return append(render, string_body(value), ret_why);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        return append(render, value, ret_why);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    *ret_why = why_text("", expression, " is an object or a list, and stands inside a longer text");
    return TROTH_ERROR_TYPE;
}

static int whole_render(struct render *render, struct troth_span expression, const char **ret_why)
{
    struct troth_span value;
    int error = value_find(render, expression, &value, ret_why);
    if (error < 0)
        return error;
    if (json_type(value) == JSON_OBJECT || json_type(value) == JSON_ARRAY)
        render->deep = true;
    return append(render, value, ret_why);
}

static int string_render(struct render *render, struct troth_span string, const char **ret_why)
{
    static const struct troth_span quote = {"\"", 1};
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span path, body;
    struct expression_part part;
    int error = string_body_plain(string, &scratch, &body);
    if (error < 0)
        return error;
    if (memmem(body.data, body.len, "${", 2) == NULL)
        return append(render, string, ret_why); /* its escapes were about something else */
    if (expression_is_whole(body, &path))
        return whole_render(render, path, ret_why);
    error = append(render, quote, ret_why);
    while (error == 0 && expression_next(&body, &part))
        error = part.kind == EXPRESSION_PATH ? value_insert(render, part.text, ret_why)
                                             : append(render, part.text, ret_why);
    return error < 0 ? error : append(render, quote, ret_why);
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
static int template_render(struct render *render, struct troth_span text, const char **ret_why)
{
    const char *at = text.data, *end = text.data + text.len, *copied = at;
    int error = 0;
    while (error == 0 && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *behind = string_end(at, end);
        struct troth_span string = {at, (size_t)(behind - at)};
        if (!is_key(behind, end) && may_have_expressions(string)) {
            error = append(render, (struct troth_span){copied, (size_t)(at - copied)}, ret_why);
            if (error == 0)
                error = string_render(render, string, ret_why);
            copied = behind;
        }
        at = behind;
    }
    return error < 0 ? error
                     : append(render, (struct troth_span){copied, (size_t)(end - copied)}, ret_why);
}

static int fill(struct render *render, struct troth_span template_text, const char **ret_why)
{
    const char *why = NULL;
    render->before = render->text->len;
    if (absent(template_text))
        template_text = (struct troth_span){"{}", 2};
    int error = template_render(render, template_text, &why);
    if (error < 0 && !render->text->failed)
        render->text->len = render->before;
    if (error < 0 && ret_why != NULL)
        *ret_why = error == TROTH_ERROR_NO_MEMORY ? troth_error_text(error) : why;
    return error;
}

int definition_render(const struct definition *definition, struct troth_span template_text,
                      struct definition_values *values, struct buffer *ret_text,
                      const char **ret_why)
{
    struct render render = {.definition = definition,
                            .values = values,
                            .text = ret_text,
                            .what = "the input",
                            .bytes_max = DEFINITION_RENDERED_BYTES_MAX};
    size_t before = ret_text->len;
    int error = fill(&render, template_text, ret_why);
    if (error == 0 && render.deep &&
        json_is_deeper((struct troth_span){ret_text->data + before, ret_text->len - before},
                       DEFINITION_RENDERED_DEPTH_MAX)) {
        ret_text->len = before;
        if (ret_why != NULL)
            *ret_why = why_text("", render.last, " makes the input nested too deep for a message");
        error = TROTH_ERROR_TOO_LARGE;
    }
    return error;
}

int template_fill(const struct definition *definition, struct troth_span template_text,
                  struct definition_values *values, size_t bytes_max, struct buffer *ret_text,
                  const char **ret_why)
{
    struct render render = {.definition = definition,
                            .values = values,
                            .text = ret_text,
                            .what = "what is compared or is a key",
                            .bytes_max = bytes_max};
    return fill(&render, template_text, ret_why);
}

int definition_render_key(const struct definition *definition, struct definition_values *values,
                          struct buffer *ret_text)
{
    BUFFER_SCOPED struct buffer json = {0};
    if (absent(definition->key_template))
        return TROTH_ERROR_NOT_FOUND;
    int error = template_fill(definition, definition->key_template, values,
                              DEFINITION_KEY_BYTES_MAX, &json, NULL);
    if (error < 0)
        return error;
    struct troth_span key = buffer_span(&json);
    switch (json_type(key)) {
    case JSON_STRING:
        if (key.len == 2)
            return TROTH_ERROR_NOT_FOUND;
        error = json_string(key, ret_text);
        return error == 0 && ret_text->failed ? TROTH_ERROR_NO_MEMORY : error;
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
