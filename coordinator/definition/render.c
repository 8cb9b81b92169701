/* render.c: fills templates from an input and the outputs of steps. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <definition/definition.h>

#include "expression.h"
#include "render.h"
#include "template.h"

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
    uint64_t nodes; /* of all of them */
    uint32_t count;
    struct json_tree list[];
};

void definition_values_finish(struct definition_values *values)
{
    for (uint32_t i = 0; values->trees != NULL && i < values->trees->count; i++)
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

static int tree_of(const struct definition *definition, struct definition_values *values,
                   uint32_t number, struct troth_span source, struct json_tree **ret_tree)
{
    const uint32_t count = definition->steps_count + 1;
    if (values->trees == NULL) {
        values->trees = calloc(1, sizeof *values->trees + count * sizeof values->trees->list[0]);
        if (values->trees == NULL)
            return TROTH_ERROR_NO_MEMORY;
        values->trees->count = count;
    }
    assert(number < values->trees->count); /* the values are of this definition */
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
                const struct template_path *path, struct found *ret_found)
{
    if (path->source < 0)
        return TROTH_ERROR_NOT_FOUND;
    const uint32_t number = (uint32_t)path->source;
    assert(number <= definition->steps_count);
    struct troth_span source = number == 0 ? values->input : values->outputs[number - 1];
    if (absent(source))
        return TROTH_ERROR_NOT_FOUND;
    int error = tree_of(definition, values, number, source, &ret_found->tree);
    if (error < 0)
        return error;
    return path_lookup(ret_found->tree, path->rest, &ret_found->node) ? 0 : TROTH_ERROR_NOT_FOUND;
}

static int path_find(const struct definition *definition, struct definition_values *values,
                     const struct template_path *path, struct found *ret_found,
                     const char **ret_why)
{
    _Static_assert(DEFINITION_SOURCES_VALUES_MAX == 1000000, "as the text says");
    int error = find(definition, values, path, ret_found);
    if (error == TROTH_ERROR_NOT_FOUND)
        *ret_why = why_text("", path->expression, " is not there");
    else if (error == TROTH_ERROR_TOO_LARGE)
        *ret_why = why_text("with the text of ", path->expression,
                            " more than 1000000 values would be looked through");
    return error;
}

int expression_find(const struct definition *definition, struct definition_values *values,
                    struct troth_span expression, struct found *ret_found, const char **ret_why)
{
    struct template_path path = template_path(definition, expression);
    return path_find(definition, values, &path, ret_found, ret_why);
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

static int value_find(struct render *render, const struct template_path *path,
                      struct troth_span *ret_value, const char **ret_why)
{
    struct found found;
    render->last = path->expression;
    int error = path_find(render->definition, render->values, path, &found, ret_why);
    if (error == 0)
        *ret_value = json_tree_value(found.tree, found.node);
    return error;
}

/* Inside a longer string: the raw text between a string's quotes is escaped already. */
static int value_insert(struct render *render, const struct template_path *path,
                        const char **ret_why)
{
    struct troth_span value;
    int error = value_find(render, path, &value, ret_why);
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
    *ret_why =
        why_text("", path->expression, " is an object or a list, and stands inside a longer text");
    return TROTH_ERROR_TYPE;
}

static int whole_render(struct render *render, const struct template_path *path,
                        const char **ret_why)
{
    struct troth_span value;
    int error = value_find(render, path, &value, ret_why);
    if (error < 0)
        return error;
    if (json_type(value) == JSON_OBJECT || json_type(value) == JSON_ARRAY)
        render->deep = true;
    return append(render, value, ret_why);
}

static int part_render(struct render *render, const struct template_part *part,
                       const char **ret_why)
{
    switch (part->kind) {
    case TEMPLATE_TEXT:
        return append(render, part->text, ret_why);
    case TEMPLATE_WHOLE:
        return whole_render(render, &part->path, ret_why);
    case TEMPLATE_INSERT:
        return value_insert(render, &part->path, ret_why);
    }
    return TROTH_ERROR_TYPE;
}

static int fill(struct render *render, const struct template *template, const char **ret_why)
{
    const char *why = NULL;
    int error = 0;
    render->before = render->text->len;
    for (uint32_t i = 0; i < template->count && error == 0; i++)
        error = part_render(render, &template->parts[i], &why);
    if (error < 0 && !render->text->failed)
        render->text->len = render->before;
    if (error < 0 && ret_why != NULL)
        *ret_why = error == TROTH_ERROR_NO_MEMORY ? troth_error_text(error) : why;
    return error;
}

/* What was put in may be as deep as it came. */
static int depth_check(struct render *render, const char **ret_why)
{
    struct buffer *text = render->text;
    struct troth_span made = {text->data + render->before, text->len - render->before};
    if (!render->deep || !json_is_deeper(made, DEFINITION_RENDERED_DEPTH_MAX))
        return 0;
    text->len = render->before;
    if (ret_why != NULL)
        *ret_why = why_text("", render->last, " makes the input nested too deep for a message");
    return TROTH_ERROR_TOO_LARGE;
}

int definition_render(const struct definition *definition, const struct template *template,
                      struct definition_values *values, struct buffer *ret_text,
                      const char **ret_why)
{
    struct render render = {.definition = definition,
                            .values = values,
                            .text = ret_text,
                            .what = "the input",
                            .bytes_max = DEFINITION_RENDERED_BYTES_MAX};
    int error = fill(&render, template, ret_why);
    return error < 0 ? error : depth_check(&render, ret_why);
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
    struct template *template;
    int error = template_create(definition, template_text, &template);
    if (error < 0) {
        if (ret_why != NULL)
            *ret_why = troth_error_text(error);
        return error;
    }
    error = fill(&render, template, ret_why);
    template_destroy(template);
    return error;
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
