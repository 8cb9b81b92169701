/* sizes.c: the bytes of what the transaction's input alone makes, before anything begins. */
#include <stdio.h>

#include <definition/definition.h>

#include <faults/check.h>

struct sizes {
    const struct definition *definition;
    struct definition_values values;
    uint64_t all;
};

/* The most that a template can become: each expression the whole input. */
static uint64_t bound(struct troth_span template_text, uint32_t references, struct troth_span input)
{
    return template_text.len + (uint64_t)references * input.len;
}

/* Most transactions are far from any limit, and nothing is rendered to see that. */
static bool is_far_below(const struct definition *definition, struct troth_span input)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        const struct definition_step *step = &definition->steps[i];
        all += bound(step->input, step->input_references, input) +
               bound(step->compensate_input, step->compensate_references, input);
    }
    return all <= DEFINITION_RENDERED_BYTES_MAX;
}

/* Only its size is wanted: what cannot be made is told when it is sent. */
static int add(struct sizes *sizes, const struct template *template, bool counts,
               const char **ret_why)
{
    BUFFER_SCOPED struct buffer text = {0};
    int error = definition_render(sizes->definition, template, &sizes->values, &text, ret_why);
    if (error == TROTH_ERROR_NOT_FOUND || error == TROTH_ERROR_TYPE)
        return 0;
    if (error < 0 || !counts)
        return error;
    sizes->all += text.len;
    if (sizes->all <= DEFINITION_RENDERED_ALL_BYTES_MAX)
        return 0;
    *ret_why = DEFINITION_RENDERED_ALL_WORDS;
    return TROTH_ERROR_TOO_LARGE;
}

static int step_add(struct sizes *sizes, uint32_t index, const char **ret_why)
{
    const struct definition_step *step = &sizes->definition->steps[index];
    bool runs = step->when_needs == 0;
    int error = 0;
    if (runs)
        error = definition_when(sizes->definition, index, &sizes->values, &runs, ret_why);
    if (error == 0 && runs && step->input_needs == 0)
        error = add(sizes, step->made, true, ret_why);
    if (error == 0 && runs && step->has_compensation && step->compensate_needs == 0)
        error = add(sizes, step->compensate_made, false, ret_why);
    return error;
}

int definition_check_sizes(const struct definition *definition, struct troth_span input,
                           uint32_t *ret_step, const char **ret_why)
{
    struct sizes sizes = {.definition = definition, .values = {.input = input}};
    int error = 0;
    if (is_far_below(definition, input))
        return 0;
    for (uint32_t i = 0; i < definition->steps_count && error == 0; i++) {
        error = step_add(&sizes, i, ret_why);
        *ret_step = i;
    }
    definition_values_finish(&sizes.values);
    return error;
}
