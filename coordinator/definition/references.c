/* references.c: what the templates of a definition name, and whether it can be there by then. */
#include <base/span.h>

#include <string.h>

#include "expression.h"
#include "references.h"
#include "schema.h"
#include "steps.h"

#define BIT(i) (UINT64_C(1) << (i))

/* Walks the strings of one template. `found` gets the place of each string and each path in it. */
typedef void (*path_found)(void *arg, const struct place *place, const struct path *path);
struct walk {
    struct check *check;
    bool tells; /* of malformed expressions; false: that is done elsewhere */
    path_found found;
    void *arg;
    uint32_t *references; /* counted here */
};

static void expression_wrong(struct check *check, const struct place *place, struct troth_span text,
                             const struct path_fault *fault)
{
    struct hint right = {""};
    if (fault->right != NULL)
        right = hint(fault->right);
    if (absent(fault->word))
        check_error(check, place, "\"${%s}\" %s", shown(text).text, fault->why);
    else
        check_error(check, place, "\"${%s}\" %s: \"%s\"%s", shown(text).text, fault->why,
                    shown(fault->word).text, right.text);
}

/* Told once; what stands behind it is not looked at. */
static void references_full(const struct walk *walk, const struct place *place)
{
    if (walk->tells && *walk->references == DEFINITION_REFERENCES_MAX + 1)
        check_error(walk->check, place, "is the expression that is too many: a file has at most %u",
                    DEFINITION_REFERENCES_MAX);
}

static void string_walk(const struct walk *walk, const struct place *place)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span body;
    struct expression_part part;
    if (string_body_plain(place->value, &scratch, &body) < 0) {
        walk->check->no_memory = true;
        return;
    }
    while (expression_next(&body, &part)) {
        struct path path;
        struct path_fault fault = {0};
        switch (part.kind) {
        case EXPRESSION_TEXT:
            break;
        case EXPRESSION_UNCLOSED:
            if (walk->tells)
                check_error(walk->check, place,
                            "\"%s\" has no closing \"}\"; write \"$${\" where \"${\" itself is "
                            "meant",
                            shown(part.text).text);
            break;
        case EXPRESSION_PATH:
            if (++*walk->references > DEFINITION_REFERENCES_MAX)
                references_full(walk, place);
            else if (path_parse(part.text, &path, &fault) == 0)
                walk->found(walk->arg, place, &path);
            else if (walk->tells)
                expression_wrong(walk->check, place, part.text, &fault);
            break;
        }
    }
}

static void key_check(struct check *check, const struct place *member)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span body;
    if (string_body_plain(member->key, &scratch, &body) < 0)
        check->no_memory = true;
    else if (memmem(body.data, body.len, "${", 2) != NULL)
        check_error_at_key(check, member, "%s: expressions are filled in values, not in keys",
                           shown(member->key).text);
}

static void template_walk(const struct walk *walk, const struct place *place)
{
    if (absent(place->value))
        return;
    enum json_type type = json_type(place->value);
    if (type == JSON_STRING)
        string_walk(walk, place);
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return;
    struct children children = place_children(walk->check, place);
    struct place member;
    while (children_next(walk->check, &children, &member)) {
        if (type == JSON_OBJECT && walk->tells)
            key_check(walk->check, &member);
        template_walk(walk, &member);
    }
}

/* --- what is named ---------------------------------------------------------------------------- */

static int32_t step_named(struct parse *parse, const struct path *path)
{
    int32_t found = step_find(parse, path->step);
    if (found >= 0 || path->step.len > TROTH_NAME_LEN_MAX)
        return found;
    const char *names[DEFINITION_STEPS_MAX + 1];
    char wrong[TROTH_NAME_LEN_MAX + 1];
    memcpy(wrong, path->step.data, path->step.len);
    wrong[path->step.len] = '\0';
    step_names(parse, names);
    const char *nearest = check_nearest(&parse->check, wrong, names);
    return nearest == NULL ? -1 : step_find(parse, span_of(nearest));
}

struct gather {
    const struct parse *parse;
    uint64_t steps;
};

static void gather_found(void *arg, const struct place *place, const struct path *path)
{
    struct gather *gather = arg;
    (void)place;
    int32_t step = path->root == PATH_STEP ? step_find(gather->parse, path->step) : -1;
    if (step >= 0)
        gather->steps |= BIT(step);
}

static uint64_t steps_used(struct parse *parse, const struct place *place)
{
    struct gather gather = {.parse = parse};
    struct walk walk = {&parse->check, false, gather_found, &gather, &parse->gathered};
    template_walk(&walk, place);
    return gather.steps;
}

void parse_needs(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->definition->steps_count; i++) {
        struct step_source *source = &parse->steps[i];
        struct definition_step *step = &parse->definition->steps[i];
        step->input_needs = steps_used(parse, &source->fields[STEP_INPUT]);
        step->when_needs = steps_used(parse, &source->fields[STEP_WHEN]);
        source->uses = step->input_needs | step->when_needs;
        step->compensate_needs = steps_used(parse, &source->compensate[COMPENSATE_INPUT]);
        step->needs = source->uses | step->compensate_needs;
    }
}

/* --- whether it is there ---------------------------------------------------------------------- */

struct reference {
    struct parse *parse;
    int32_t step; /* whose template this is; -1: the event key */
    bool own;     /* may name its own output: a compensation */
};

static void input_reference(struct parse *parse, const struct place *place, const struct path *path)
{
    struct schema_path_fault fault;
    const struct schema *schema = parse->definition->schema;
    if (schema == NULL || check_is_full(&parse->check) ||
        schema_path_possible(&parse->check, schema_root(schema), path->rest, &fault))
        return;
    if (fault.scalar)
        check_warning(&parse->check, place,
                      "\"${input.%s}\" asks for \"%s\" inside a value that has no parts by "
                      "input_schema",
                      shown(path->rest).text, shown(fault.segment).text);
    else
        check_warning(&parse->check, place, "\"${input.%s}\": input_schema has no \"%s\"%s",
                      shown(path->rest).text, shown(fault.segment).text,
                      hint(fault.right[0] == '\0' ? NULL : fault.right).text);
}

static void order_reference(const struct reference *reference, const struct place *place,
                            uint32_t named)
{
    struct parse *parse = reference->parse;
    const struct definition *definition = parse->definition;
    uint32_t self = (uint32_t)reference->step;
    const char *name = definition->steps[named].name;
    if (named == self) {
        if (!reference->own)
            check_error(&parse->check, place, "uses the step's own output, before there is one");
        return;
    }
    if (!parse->order_known || (parse->before[self] & BIT(named)) != 0)
        return;
    if ((parse->before[named] & BIT(self)) != 0)
        check_error(&parse->check, place, "uses the output of \"%s\", which runs after this step",
                    name);
    else
        check_error(&parse->check, place,
                    "uses the output of \"%s\", which may run beside this step: add it to "
                    "\"after\"",
                    name);
}

static void reference_found(void *arg, const struct place *place, const struct path *path)
{
    const struct reference *reference = arg;
    struct parse *parse = reference->parse;
    if (path->root == PATH_INPUT) {
        input_reference(parse, place, path);
        return;
    }
    int32_t named = step_find(parse, path->step);
    if (named < 0) {
        int32_t near = step_named(parse, path);
        const char *nearest = near < 0 ? NULL : parse->definition->steps[near].name;
        if (!step_may_be_unread(parse, nearest))
            check_error(&parse->check, place, "unknown step \"%s\"%s", shown(path->step).text,
                        hint(nearest).text);
    } else if (reference->step < 0) {
        check_warning(&parse->check, place,
                      "\"%s\" may not have answered when the outcome is told: then the key is the "
                      "gtid",
                      parse->definition->steps[named].name);
    } else {
        order_reference(reference, place, (uint32_t)named);
    }
}

/* How many there are. */
static uint32_t references_check(struct parse *parse, const struct place *place, int32_t step,
                                 bool own)
{
    struct reference reference = {parse, step, own};
    struct walk walk = {&parse->check, true, reference_found, &reference, &parse->references};
    uint32_t before = parse->references;
    template_walk(&walk, place);
    return parse->references - before;
}

/* A literal that a condition compares with; with expressions in it the limit holds when it is
 * filled in. */
static void operand_check(struct check *check, const struct place *operand)
{
    if (!absent(operand->value) && operand->value.len > DEFINITION_OPERAND_BYTES_MAX)
        check_error(check, operand, "has %zu bytes; a condition compares with at most %u",
                    operand->value.len, DEFINITION_OPERAND_BYTES_MAX);
}

void parse_references(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->definition->steps_count; i++) {
        struct step_source *source = &parse->steps[i];
        struct definition_step *step = &parse->definition->steps[i];
        step->input_references =
            references_check(parse, &source->fields[STEP_INPUT], (int32_t)i, false);
        for (uint32_t c = 0; c < CONDITION_FIELDS; c++)
            (void)references_check(parse, &source->when[c], (int32_t)i, false);
        operand_check(&parse->check, &source->when[CONDITION_EQUALS]);
        operand_check(&parse->check, &source->when[CONDITION_NOT_EQUALS]);
        step->compensate_references =
            references_check(parse, &source->compensate[COMPENSATE_INPUT], (int32_t)i, true);
    }
    (void)references_check(parse, &parse->events[EVENTS_KEY], -1, false);
}
