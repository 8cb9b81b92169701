/* expression.c: finds expressions in strings, reads their paths and follows them. */
#include <base/nearest.h>
#include <base/span.h>

#include "expression.h"

#include <assert.h>
#include <string.h>

#include <definition/definition.h>

struct troth_span string_body(struct troth_span string)
{
    assert(string.len >= 2 && string.data[0] == '"');
    return (struct troth_span){string.data + 1, string.len - 2};
}

int string_body_plain(struct troth_span string, struct buffer *scratch, struct troth_span *ret_body)
{
    BUFFER_SCOPED struct buffer plain = {0};
    if (memchr(string.data, '\\', string.len) == NULL) {
        *ret_body = string_body(string);
        return 0;
    }
    if (json_string(string, &plain) < 0 || plain.failed)
        return TROTH_ERROR_NO_MEMORY;
    json_append_string(scratch, buffer_span(&plain));
    if (scratch->failed)
        return TROTH_ERROR_NO_MEMORY;
    *ret_body = string_body(buffer_span(scratch));
    return 0;
}

static bool starts_with(const char *at, const char *end, const char *what)
{
    size_t len = strlen(what);
    return (size_t)(end - at) >= len && memcmp(at, what, len) == 0;
}

static void body_cut(struct troth_span *body, const char *to)
{
    body->len -= (size_t)(to - body->data);
    body->data = to;
}

bool expression_next(struct troth_span *body, struct expression_part *ret_part)
{
    const char *start = body->data, *end = body->data + body->len, *at = start;
    if (body->len == 0)
        return false;
    if (starts_with(start, end, "$${")) {
        *ret_part = (struct expression_part){EXPRESSION_TEXT, {start + 1, 2}};
        body_cut(body, start + 3);
        return true;
    }
    if (starts_with(start, end, "${")) {
        const char *close = memchr(start, '}', body->len);
        if (close == NULL) {
            *ret_part = (struct expression_part){EXPRESSION_UNCLOSED, *body};
            body_cut(body, end);
            return true;
        }
        *ret_part =
            (struct expression_part){EXPRESSION_PATH, {start + 2, (size_t)(close - start - 2)}};
        body_cut(body, close + 1);
        return true;
    }
    do
        at = memchr(at + 1, '$', (size_t)(end - at - 1));
    while (at != NULL && !starts_with(at, end, "$${") && !starts_with(at, end, "${"));
    at = at == NULL ? end : at;
    *ret_part = (struct expression_part){EXPRESSION_TEXT, {start, (size_t)(at - start)}};
    body_cut(body, at);
    return true;
}

bool expression_is_whole(struct troth_span body, struct troth_span *ret_path)
{
    struct expression_part part;
    if (!expression_next(&body, &part) || part.kind != EXPRESSION_PATH || body.len > 0)
        return false;
    *ret_path = part.text;
    return true;
}

bool path_next(struct troth_span *rest, struct troth_span *ret_segment)
{
    if (rest->len == 0)
        return false;
    const char *point = memchr(rest->data, '.', rest->len);
    size_t len = point == NULL ? rest->len : (size_t)(point - rest->data);
    *ret_segment = (struct troth_span){rest->data, len};
    body_cut(rest, rest->data + len + (point != NULL));
    return true;
}

static const char *nearest_word(struct troth_span word, const char *const *names)
{
    char plain[TROTH_NAME_LEN_MAX + 1];
    if (word.len >= sizeof plain)
        return NULL;
    memcpy(plain, word.data, word.len);
    plain[word.len] = '\0';
    return name_nearest(plain, names);
}

static int path_wrong(struct path_fault *ret_fault, const char *why)
{
    *ret_fault = (struct path_fault){.why = why};
    return TROTH_ERROR_SYNTAX;
}

/* Characters that would make a path something else than names with points between. */
static int characters_check(struct troth_span text, struct path_fault *ret_fault)
{
    if (text.len == 0)
        return path_wrong(ret_fault,
                          "is empty: write \"${input.…}\" or \"${steps.NAME.output.…}\"");
    if (text.len > EXPRESSION_BYTES_MAX)
        return path_wrong(ret_fault, "is longer than 512 bytes");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ' ')
            return path_wrong(ret_fault, "has a space in it: write the path alone");
        if (c == '[')
            return path_wrong(ret_fault, "has a \"[\" in it: elements of an array are named by "
                                         "number, as in \"items.0\"");
        if (strchr("\\\"{$()|?*]", c) != NULL && c != '\0')
            return path_wrong(ret_fault, "is more than a path: only names with points between");
    }
    if (text.data[0] == '.' || text.data[text.len - 1] == '.' ||
        memmem(text.data, text.len, "..", 2) != NULL)
        return path_wrong(ret_fault, "has an empty name in its path");
    return 0;
}

static int step_path_parse(struct path *path, struct path_fault *ret_fault)
{
    static const char *const words[] = {"output", NULL};
    struct troth_span word;
    path->root = PATH_STEP;
    if (!path_next(&path->rest, &path->step))
        return path_wrong(ret_fault, "names no step: write \"${steps.NAME.output.…}\"");
    if (!path_next(&path->rest, &word))
        return path_wrong(ret_fault, "ends behind the step: write \"${steps.NAME.output.…}\"");
    if (!span_is(word, "output")) {
        *ret_fault = (struct path_fault){"asks a step for something else than its output", word,
                                         nearest_word(word, words)};
        return TROTH_ERROR_SYNTAX;
    }
    return 0;
}

int path_parse(struct troth_span text, struct path *ret_path, struct path_fault *ret_fault)
{
    static const char *const roots[] = {"input", "steps", NULL};
    int r = characters_check(text, ret_fault);
    if (r < 0)
        return r;
    struct path path = {.rest = text};
    struct troth_span root = {0};
    (void)path_next(&path.rest, &root);
    if (span_is(root, "steps")) {
        r = step_path_parse(&path, ret_fault);
        if (r < 0)
            return r;
    } else if (!span_is(root, "input")) {
        *ret_fault = (struct path_fault){"begins with neither \"input\" nor \"steps\"", root,
                                         nearest_word(root, roots)};
        return TROTH_ERROR_SYNTAX;
    }
    *ret_path = path;
    return 0;
}

/* An element of an array by its number, written without leading zeros. */
static bool element(struct json_tree *tree, uint32_t array, struct troth_span number,
                    uint32_t *ret_node)
{
    if (number.len > 6 || (number.len > 1 && number.data[0] == '0'))
        return false;
    uint32_t index = 0;
    for (size_t i = 0; i < number.len; i++) {
        if (number.data[i] < '0' || number.data[i] > '9')
            return false;
        index = index * 10 + (uint32_t)(number.data[i] - '0');
    }
    return json_tree_element(tree, array, index, ret_node);
}

bool path_lookup(struct json_tree *tree, struct troth_span rest, uint32_t *ret_node)
{
    struct troth_span segment;
    uint32_t node = 0;
    while (path_next(&rest, &segment))
        if (!json_tree_member(tree, node, segment, &node) && !element(tree, node, segment, &node))
            return false;
    *ret_node = node;
    return true;
}
