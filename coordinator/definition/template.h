/* template.h: a template read once: what it copies and what it looks up, in its order. Private to
 * the definition module.
 *
 * The steps' templates are made with the definition and filled for every transaction; others (a
 * condition's operand) are made where they are filled. */
#ifndef DEFINITION_TEMPLATE_H
#define DEFINITION_TEMPLATE_H

#include <definition/definition.h>

/* What stands between the braces, and where it leads. */
struct template_path {
    struct troth_span expression; /* as written */
    int32_t source;               /* 0: the input, i + 1: the output of steps[i]; -1: nowhere */
    struct troth_span rest;       /* the path in it; empty: the whole value */
};

enum template_part_kind {
    TEMPLATE_TEXT,  /* copied */
    TEMPLATE_WHOLE, /* a string that is one whole expression: the value itself */
    TEMPLATE_INSERT /* inside a longer string: a scalar's text */
};

struct template_part {
    enum template_part_kind kind;
    struct troth_span text; /* TEMPLATE_TEXT */
    struct template_path path;
};

/* Its spans point into the text that it was made of, and into what it keeps. */
struct template
{
    struct template_part *parts;
    uint32_t count, cap;
    struct template_kept *kept; /* strings that had to be written anew, by their escapes */
};

struct template_path template_path(const struct definition *definition,
                                   struct troth_span expression);
/* Those of a definition's steps, when it is whole. TROTH_ERROR_NO_MEMORY: some are there. */
TROTH_MUST_CHECK int templates_create(struct definition *definition);
void templates_destroy(struct definition *definition);

#endif
