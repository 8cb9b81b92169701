/* definition.c: what one does with a whole definition. */
#include <definition/definition.h>

#include <stdlib.h>
#include <string.h>

#include "equal.h"
#include "schema.h"

void definition_destroy(struct definition *definition)
{
    if (definition == NULL)
        return;
    union { /* the text is ours, though readers see it as const */
        const char *read;
        char *own;
    } text = {.read = definition->text.data};
    free(text.own);
    free(definition);
}

/* "version" is the same number, however it is written. */
static bool members_same(struct troth_span a, struct troth_span b)
{
    struct json_cursor cursor = json_cursor(a);
    struct troth_span key, x, y;
    while (json_next(&cursor, &key, &x)) {
        if (json_string_equals(key, (struct troth_span){"version", strlen("version")}))
            continue;
        if (!json_member_like(b, key, &y) || !json_same(x, y))
            return false;
    }
    return true;
}

bool definition_same(const struct definition *a, const struct definition *b)
{
    struct troth_span x, y;
    /* Both were parsed: this only takes the white space off. */
    return json_check(a->text, JSON_CHECK_DEFAULT, &x, NULL) == 0 &&
           json_check(b->text, JSON_CHECK_DEFAULT, &y, NULL) == 0 &&
           json_members(x) == json_members(y) && members_same(x, y);
}

int definition_check_input(const struct definition *definition, struct troth_span input,
                           struct definition_faults *faults)
{
    struct check check = {.text = input, .faults = faults};
    struct place root = {.value = input};
    uint32_t before = faults->errors;
    if (absent(definition->input_schema))
        return 0;
    schema_validate(&check, definition->input_schema, &root);
    check_sort(&check);
    if (check.no_memory)
        return TROTH_ERROR_NO_MEMORY;
    return faults->errors > before ? TROTH_ERROR_INVALID : 0;
}
