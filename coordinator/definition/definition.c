/* definition.c: what one does with a whole definition. */
#include <definition/definition.h>

#include <stdlib.h>
#include <string.h>

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

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte that means something; *in_string goes along. -1: the end. */
static int significant_next(const char **at, const char *end, bool *in_string)
{
    while (!*in_string && *at < end && is_space(**at))
        ++*at;
    if (*at == end)
        return -1;
    char c = *(*at)++;
    if (c == '"')
        *in_string = !*in_string;
    return (unsigned char)c;
}

bool definition_same(const struct definition *a, const struct definition *b)
{
    const char *x = a->text.data, *x_end = x + a->text.len;
    const char *y = b->text.data, *y_end = y + b->text.len;
    bool x_string = false, y_string = false;
    for (;;) {
        int c = significant_next(&x, x_end, &x_string);
        if (c != significant_next(&y, y_end, &y_string))
            return false;
        if (c == -1)
            return true;
        if (c != '\\') /* only ever in strings: what it escapes opens and closes nothing */
            continue;
        if (*x++ != *y++)
            return false;
    }
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
