/* condition.c: `when`: does a step run at all? */
#include <assert.h>

#include <definition/definition.h>

#include "equal.h"
#include "expression.h"
#include "render.h"

/* One side of a condition: a node of what was named, or of a text of its own. */
struct operand {
    struct found found;
    struct buffer text;
    struct json_tree own;
    bool there;
};

static void operand_finish(struct operand *operand)
{
    buffer_finish(&operand->text);
    json_tree_finish(&operand->own);
}

static int own_make(struct operand *operand)
{
    int error = operand->text.failed ? TROTH_ERROR_NO_MEMORY
                                     : json_tree_build(&operand->own, buffer_span(&operand->text));
    operand->found = (struct found){&operand->own, 0};
    return error;
}

/* A whole expression is looked at where it stands; what is not there is null. */
static int operand_read(const struct definition *definition, struct definition_values *values,
                        struct troth_span template_text, struct operand *operand,
                        const char **ret_why)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span body, path;
    int error = 0;
    if (json_type(template_text) == JSON_STRING)
        error = string_body_plain(template_text, &scratch, &body);
    if (error < 0)
        return error;
    bool whole = json_type(template_text) == JSON_STRING && expression_is_whole(body, &path);
    error = whole ? expression_find(definition, values, path, &operand->found, ret_why)
                  : template_fill(definition, template_text, values, DEFINITION_OPERAND_BYTES_MAX,
                                  &operand->text, ret_why);
    operand->there = error == 0;
    if (error == TROTH_ERROR_NO_MEMORY || error == TROTH_ERROR_TOO_LARGE || (error == 0 && whole))
        return error;
    if (error < 0)
        buffer_append_text(&operand->text, "null");
    return own_make(operand);
}

static int compare(const struct operand *value, const struct operand *other, bool *ret_equal,
                   const char **ret_why)
{
    uint64_t work = 0;
    *ret_equal = tree_equal(value->found.tree, value->found.node, other->found.tree,
                            other->found.node, DEFINITION_COMPARED_VALUES_MAX, &work);
    if (work <= DEFINITION_COMPARED_VALUES_MAX)
        return 0;
    *ret_why = "a condition compares values that are too large";
    return TROTH_ERROR_TOO_LARGE;
}

static int test(const struct definition *definition, struct troth_span when,
                struct definition_values *values, struct operand *value, struct operand *other,
                bool *ret_runs, const char **ret_why)
{
    struct troth_span operand;
    bool exists, equal = false;
    if (!json_member(when, "value", &operand))
        return TROTH_ERROR_INVALID; /* definition_parse() lets none such through */
    int error = operand_read(definition, values, operand, value, ret_why);
    if (error < 0)
        return error;
    if (json_member(when, "exists", &operand) && json_bool(operand, &exists) == 0) {
        *ret_runs = value->there == exists;
        return 0;
    }
    bool wanted = json_member(when, "equals", &operand);
    if (!wanted && !json_member(when, "not_equals", &operand))
        return TROTH_ERROR_INVALID;
    error = operand_read(definition, values, operand, other, ret_why);
    if (error == 0)
        error = compare(value, other, &equal, ret_why);
    if (error == 0)
        *ret_runs = equal == wanted;
    return error;
}

int definition_when(const struct definition *definition, uint32_t step,
                    struct definition_values *values, bool *ret_runs, const char **ret_why)
{
    assert(step < definition->steps_count);
    struct troth_span when = definition->steps[step].when;
    struct operand value = {.there = false}, other = {.there = false};
    const char *why = NULL;
    if (absent(when)) {
        *ret_runs = true;
        return 0;
    }
    int error = test(definition, when, values, &value, &other, ret_runs, &why);
    if (error < 0 && ret_why != NULL)
        *ret_why = error == TROTH_ERROR_NO_MEMORY ? troth_error_text(error) : why;
    operand_finish(&value);
    operand_finish(&other);
    return error;
}
