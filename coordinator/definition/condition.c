/* condition.c: `when`: does a step run at all? */
#include <assert.h>

#include <definition/definition.h>

#include "equal.h"
#include "expression.h"

/* The operand as a value of its own; what is not there is null. */
static int operand_render(const struct definition *definition,
                          const struct definition_values *values, struct troth_span operand,
                          struct buffer *ret_text, bool *ret_there)
{
    int r = template_fill(definition, operand, values, ret_text, NULL);
    *ret_there = r == 0;
    if (r == TROTH_ERROR_NO_MEMORY)
        return r;
    if (r < 0)
        buffer_append_text(ret_text, "null");
    return ret_text->failed ? TROTH_ERROR_NO_MEMORY : 0;
}

int definition_when(const struct definition *definition, uint32_t step,
                    const struct definition_values *values, bool *ret_runs)
{
    assert(step < definition->steps_count);
    struct troth_span when = definition->steps[step].when, operand;
    BUFFER_SCOPED struct buffer value = {0};
    BUFFER_SCOPED struct buffer other = {0};
    bool there, other_there, exists;
    if (when.data == NULL) {
        *ret_runs = true;
        return 0;
    }
    if (!json_member(when, "value", &operand))
        return TROTH_ERROR_INVALID; /* definition_parse() lets none such through */
    int r = operand_render(definition, values, operand, &value, &there);
    if (r < 0)
        return r;
    if (json_member(when, "exists", &operand) && json_bool(operand, &exists) == 0) {
        *ret_runs = there == exists;
        return 0;
    }
    bool wanted = json_member(when, "equals", &operand);
    if (!wanted && !json_member(when, "not_equals", &operand))
        return TROTH_ERROR_INVALID;
    r = operand_render(definition, values, operand, &other, &other_there);
    if (r == 0)
        *ret_runs = json_equal(buffer_span(&value), buffer_span(&other)) == wanted;
    return r;
}
