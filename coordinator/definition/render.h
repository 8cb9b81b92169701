/* render.h: what conditions and templates look up. Private to the definition module. */
#ifndef DEFINITION_RENDER_H
#define DEFINITION_RENDER_H

#include <base/tree.h>
#include <definition/definition.h>

#include <faults/check.h>

/* A value that an expression names. */
struct found {
    struct json_tree *tree; /* of the values */
    uint32_t node;
};

/* TROTH_ERROR_NOT_FOUND, _TOO_LARGE (DEFINITION_SOURCES_VALUES_MAX), _NO_MEMORY; *ret_why as
 * definition_render() says it. */
TROTH_MUST_CHECK int expression_find(const struct definition *definition,
                                     struct definition_values *values, struct troth_span expression,
                                     struct found *ret_found, const char **ret_why);

/* definition_render() with another limit and none of depth: for values that are only looked at. */
TROTH_MUST_CHECK int template_fill(const struct definition *definition,
                                   struct troth_span template_text,
                                   struct definition_values *values, size_t bytes_max,
                                   struct buffer *ret_text, const char **ret_why);

#endif
