/* definition.c: what one does with a whole definition. */
#include <base/span.h>

#include <definition/definition.h>

#include <stdlib.h>
#include <string.h>

#include "equal.h"
#include "schema.h"
#include "template.h"

void definition_destroy(struct definition *definition)
{
    if (definition == NULL)
        return;
    union { /* the text is ours, though readers see it as const */
        const char *read;
        char *own;
    } text = {.read = definition->text.data};
    schema_destroy(definition->schema);
    templates_destroy(definition);
    free(text.own);
    free(definition);
}

/* "version" is the same number, however it is written. */
static bool members_same(struct json_tree *a, struct json_tree *b)
{
    uint32_t like;
    if (a->nodes[0].count != b->nodes[0].count)
        return false;
    for (uint32_t i = 1; i < b->nodes[0].end; i = b->nodes[i].end) {
        struct troth_span key = json_tree_key(b, i);
        if (json_string_equals(key, span_of("version")))
            continue;
        if (!json_tree_member_like(a, 0, key, &like) || !tree_same(a, like, b, i))
            return false;
    }
    return true;
}

bool definition_same(const struct definition *a, const struct definition *b)
{
    struct json_tree x = {0}, y = {0};
    struct troth_span a_text, b_text;
    /* Both were parsed: the checks only take the white space off. */
    bool same = json_check(a->text, JSON_CHECK_DEFAULT, &a_text, NULL) == 0 &&
                json_check(b->text, JSON_CHECK_DEFAULT, &b_text, NULL) == 0 &&
                json_tree_build(&x, a_text) == 0 && json_tree_build(&y, b_text) == 0 &&
                members_same(&x, &y);
    json_tree_finish(&x);
    json_tree_finish(&y);
    return same;
}

int definition_check_input(const struct definition *definition, struct troth_span input,
                           struct faults *faults)
{
    struct check check = {.text = input, .faults = faults};
    struct place root;
    uint32_t before = faults->errors;
    if (definition->schema == NULL)
        return 0;
    if (check_root(&check, input, &root))
        schema_validate(&check, definition->schema, &root);
    check_sort(&check);
    check_finish(&check);
    if (check.no_memory)
        return TROTH_ERROR_NO_MEMORY;
    return faults->errors > before ? TROTH_ERROR_INVALID : 0;
}
