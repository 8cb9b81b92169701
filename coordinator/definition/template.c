/* template.c: reads templates. */
#include "template.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/span.h>

#include "expression.h"

#include <faults/check.h>

struct template_kept {
    struct template_kept *next;
    char text[];
};

static void kept_free(struct template_kept *kept)
{
    while (kept != NULL) {
        struct template_kept *next = kept->next;
        free(kept);
        kept = next;
    }
}

void template_destroy(struct template *template)
{
    if (template == NULL)
        return;
    free(template->parts);
    kept_free(template->kept);
    free(template);
}

/* The string's body, kept: `body` points into memory that goes. */
static int keep(struct template *template, struct troth_span *body)
{
    struct template_kept *kept = malloc(sizeof *kept + body->len);
    if (kept == NULL)
        return TROTH_ERROR_NO_MEMORY;
    memcpy(kept->text, body->data, body->len);
    kept->next = template->kept;
    template->kept = kept;
    body->data = kept->text;
    return 0;
}

struct template_path template_path(const struct definition *definition,
                                   struct troth_span expression)
{
    struct template_path made = {.expression = expression, .source = -1};
    struct path path;
    struct path_fault fault;
    if (path_parse(expression, &path, &fault) < 0)
        return made;
    made.rest = path.rest;
    if (path.root == PATH_INPUT)
        made.source = 0;
    for (uint32_t i = 0; path.root == PATH_STEP && i < definition->steps_count; i++)
        if (span_is(path.step, definition->steps[i].name))
            made.source = (int32_t)i + 1;
    return made;
}

static int part_add(struct template *template, struct template_part part)
{
    if (part.kind == TEMPLATE_TEXT && part.text.len == 0)
        return 0;
    if (template->count == template->cap) {
        uint32_t cap = template->cap == 0 ? 4 : 2 * template->cap;
        struct template_part *parts = realloc(template->parts, cap * sizeof *parts);
        if (parts == NULL)
            return TROTH_ERROR_NO_MEMORY;
        template->parts = parts;
        template->cap = cap;
    }
    template->parts[template->count++] = part;
    return 0;
}

static int text_add(struct template *template, struct troth_span text)
{
    return part_add(template, (struct template_part){.kind = TEMPLATE_TEXT, .text = text});
}

static int path_add(struct template *template, const struct definition *definition,
                    enum template_part_kind kind, struct troth_span expression)
{
    return part_add(template, (struct template_part){
                                  .kind = kind, .path = template_path(definition, expression)});
}

/* A string that is a value, and has expressions in it, or looked so. */
static int string_add(struct template *template, const struct definition *definition,
                      struct troth_span string)
{
    static const struct troth_span quote = {"\"", 1};
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span expression, body;
    struct expression_part part;
    int error = string_body_plain(string, &scratch, &body);
    if (error < 0)
        return error;
    if (memmem(body.data, body.len, "${", 2) == NULL)
        return text_add(template, string); /* its escapes were about something else */
    if (scratch.len > 0)
        error = keep(template, &body);
    if (error == 0 && expression_is_whole(body, &expression))
        return path_add(template, definition, TEMPLATE_WHOLE, expression);
    if (error == 0)
        error = text_add(template, quote);
    while (error == 0 && expression_next(&body, &part))
        error = part.kind == EXPRESSION_PATH
                    ? path_add(template, definition, TEMPLATE_INSERT, part.text)
                    : text_add(template, part.text);
    return error < 0 ? error : text_add(template, quote);
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

/* The template's own text, but for the strings that are values. */
static int parts_make(struct template *template, const struct definition *definition,
                      struct troth_span text)
{
    const char *at = text.data, *end = text.data + text.len, *copied = at;
    int error = 0;
    while (error == 0 && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *behind = string_end(at, end);
        struct troth_span string = {at, (size_t)(behind - at)};
        if (!is_key(behind, end) && may_have_expressions(string)) {
            error = text_add(template, (struct troth_span){copied, (size_t)(at - copied)});
            if (error == 0)
                error = string_add(template, definition, string);
            copied = behind;
        }
        at = behind;
    }
    return error < 0 ? error
                     : text_add(template, (struct troth_span){copied, (size_t)(end - copied)});
}

int template_create(const struct definition *definition, struct troth_span text,
                    struct template **ret_template)
{
    static const struct troth_span empty = {"{}", 2};
    struct template *template = calloc(1, sizeof *template);
    if (template == NULL)
        return TROTH_ERROR_NO_MEMORY;
    int error = parts_make(template, definition, absent(text) ? empty : text);
    if (error < 0)
        template_destroy(template);
    else
        *ret_template = template;
    return error;
}

int templates_create(struct definition *definition)
{
    int error = 0;
    for (uint32_t i = 0; i < definition->steps_count && error == 0; i++) {
        struct definition_step *step = &definition->steps[i];
        error = template_create(definition, step->input, &step->made);
        if (error == 0)
            error = template_create(definition, step->compensate_input, &step->compensate_made);
    }
    return error;
}

void templates_destroy(struct definition *definition)
{
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        template_destroy(definition->steps[i].made);
        template_destroy(definition->steps[i].compensate_made);
    }
}
