/* expression.h: "${…}" in the strings of a template.
 *
 *     ${input}  ${input.a.b}  ${input.items.0.sku}      the transaction's input
 *     ${steps.reserve.output}  ${steps.reserve.output.id}   what a step answered
 *     $${                                               the two characters "${"
 *
 * Works on the bytes between a string's quotes, with the escapes that a string cannot do without:
 * what was written as "\u0024{input.gr\u00f6\u00dfe}" is "${input.größe}", as every JSON parser
 * and the published schema read it. */
#ifndef DEFINITION_EXPRESSION_H
#define DEFINITION_EXPRESSION_H

#include <stdbool.h>

#include <base/json.h>
#include <base/tree.h>
#include <troth/error.h>
#include <troth/span.h>

#define EXPRESSION_BYTES_MAX 512u /* between the braces; longer is a fault of the definition */

enum expression_part_kind {
    EXPRESSION_TEXT,    /* raw JSON string bytes */
    EXPRESSION_PATH,    /* what stands between the braces */
    EXPRESSION_UNCLOSED /* from the "${" to the end: no "}" */
};

struct expression_part {
    enum expression_part_kind kind;
    struct troth_span text;
};

/* The bytes between the quotes of a JSON string. */
struct troth_span string_body(struct troth_span string);
/* The same, escaped only where it must be: `"`, `\` and control characters. Where that takes
 * rewriting, the body is in *scratch, which must be empty. TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int string_body_plain(struct troth_span string, struct buffer *scratch,
                                       struct troth_span *ret_body);
/* Takes the next part off the front of *body; false at the end. */
bool expression_next(struct troth_span *body, struct expression_part *ret_part);
/* The body is one expression and nothing else: a path. */
bool expression_is_whole(struct troth_span body, struct troth_span *ret_path);

enum path_root { PATH_INPUT, PATH_STEP };

struct path {
    enum path_root root;
    struct troth_span step; /* PATH_STEP: its name */
    struct troth_span rest; /* "a.b.c"; empty: the whole value */
};

/* 0, or TROTH_ERROR_SYNTAX with *ret_why (static) and *ret_near: the wrong word and the right one,
 * when there is one (both may be absent). */
struct path_fault {
    const char *why;
    struct troth_span word;
    const char *right;
};
TROTH_MUST_CHECK int path_parse(struct troth_span text, struct path *ret_path,
                                struct path_fault *ret_fault);
/* Takes the next segment off a path's rest; false at the end. */
bool path_next(struct troth_span *rest, struct troth_span *ret_segment);
/* Follows the rest of a path into a value: from the whole one of the tree. */
bool path_lookup(struct json_tree *tree, struct troth_span rest, uint32_t *ret_node);

#endif
