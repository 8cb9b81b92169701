/* steps.c: "steps": each step's own fields. What the steps are to each other: order.c, kinds.c. */
#include <string.h>

#include "expression.h"
#include "retries.h"
#include "steps.h"

static const struct field step_fields[] = {
    {"name", true},     {"participant", true}, {"operation", true}, {"kind", false},
    {"timeout", false}, {"input", false},      {"after", false},    {"when", false},
    {"retry", false},   {"compensate", false}, {NULL, false}};

static const struct field compensate_fields[] = {
    {"operation", true}, {"input", false}, {"retry", false}, {NULL, false}};

static const struct field condition_fields[] = {
    {"value", true}, {"equals", false}, {"not_equals", false}, {"exists", false}, {NULL, false}};

int32_t step_find(const struct parse *parse, struct troth_span name)
{
    for (uint32_t i = 0; i < parse->definition->steps_count; i++) {
        const char *known = parse->definition->steps[i].name;
        if (strlen(known) == name.len && name.len > 0 && memcmp(known, name.data, name.len) == 0)
            return (int32_t)i;
    }
    return -1;
}

static bool name_is_wrong(const char *name)
{
    return !troth_name_valid(name, strlen(name));
}

bool step_may_be_unread(const struct parse *parse, const char *nearest)
{
    if (parse->steps_unread)
        return true;
    if (nearest != NULL)
        return name_is_wrong(nearest);
    for (uint32_t i = 0; i < parse->definition->steps_count; i++)
        if (name_is_wrong(parse->definition->steps[i].name))
            return true;
    return false;
}

void step_names(const struct parse *parse, const char *ret_names[DEFINITION_STEPS_MAX + 1])
{
    uint32_t count = parse->definition->steps_count;
    for (uint32_t i = 0; i < count; i++)
        ret_names[i] = parse->definition->steps[i].name;
    ret_names[count] = NULL;
}

static void name_parse(struct parse *parse, uint32_t index)
{
    struct definition_step *step = &parse->definition->steps[index];
    const struct place *place = &parse->steps[index].fields[STEP_NAME];
    field_name(&parse->check, place, step->name);
    if (absent(place->value) || json_type(place->value) != JSON_STRING)
        return;
    /* A bad name is kept too, so that who names the step is not told that there is none. */
    if (json_string_copy(place->value, step->name, sizeof step->name) < 0)
        return;
    int32_t first = step_find(parse, (struct troth_span){step->name, strlen(step->name)});
    if (first >= 0 && (uint32_t)first < index)
        check_error(&parse->check, place, "a second step named %s; the first is /steps/%d",
                    shown(place->value).text, first);
}

/* Also one that has no end: that is told by references.c. */
static bool is_one_expression(struct check *check, struct troth_span value)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span body;
    struct expression_part part;
    if (json_type(value) != JSON_STRING)
        return false;
    if (string_body_plain(value, &scratch, &body) < 0) {
        check->no_memory = true;
        return true;
    }
    return expression_next(&body, &part) && part.kind != EXPRESSION_TEXT && body.len == 0;
}

static void condition_parse(struct parse *parse, struct step_source *source)
{
    const struct place *when = &source->fields[STEP_WHEN];
    struct check *check = &parse->check;
    uint32_t tests = 0;
    if (!field_is(check, when, JSON_OBJECT))
        return;
    fields_read(check, when, "a condition", condition_fields, source->when);
    for (uint32_t i = CONDITION_EQUALS; i <= CONDITION_EXISTS; i++)
        tests += !absent(source->when[i].value);
    /* A test that we do not know was told with the names of those that we do. */
    uint32_t known = tests + !absent(source->when[CONDITION_VALUE].value);
    if (tests > 1 || (tests == 0 && known == parse->check.tree.nodes[when->node].count))
        check_error(check, when, "must have exactly one of equals, not_equals and exists");
    const struct place *value = &source->when[CONDITION_VALUE];
    const struct place *exists = &source->when[CONDITION_EXISTS];
    if (absent(value->value))
        return;
    if (!is_one_expression(check, value->value))
        check_error(check, value,
                    "must be one expression, as \"${input.email}\"; otherwise the "
                    "condition never changes");
    if (!absent(exists->value) && json_type(exists->value) != JSON_TRUE &&
        json_type(exists->value) != JSON_FALSE)
        check_error(check, exists, "must be true or false, and is %s",
                    type_text(json_type(exists->value)));
}

static void compensate_parse(struct parse *parse, struct step_source *source,
                             struct definition_step *step)
{
    const struct place *place = &source->fields[STEP_COMPENSATE];
    struct place *fields = source->compensate;
    step->compensate_retry = -1;
    if (!field_is(&parse->check, place, JSON_OBJECT))
        return;
    step->has_compensation = true;
    fields_read(&parse->check, place, "a compensation", compensate_fields, fields);
    field_name(&parse->check, &fields[COMPENSATE_OPERATION], step->compensate_operation);
    step->compensate_input = fields[COMPENSATE_INPUT].value;
    parse_retry_name(parse, &fields[COMPENSATE_RETRY], &step->compensate_retry);
}

static void timeout_parse(struct parse *parse, const struct place *place, uint64_t *ret_us)
{
    const struct definition *definition = parse->definition;
    *ret_us = DEFINITION_STEP_TIMEOUT_DEFAULT_US < definition->timeout_us
                  ? DEFINITION_STEP_TIMEOUT_DEFAULT_US
                  : definition->timeout_us;
    field_duration(&parse->check, place, DEFINITION_TIMEOUT_MIN_US, ret_us);
    if (parse->timeout_known && *ret_us > definition->timeout_us)
        check_warning(&parse->check, place,
                      "%s is longer than the whole transaction may take: it never runs out",
                      shown(place->value).text);
}

static void step_parse(struct parse *parse, uint32_t index)
{
    static const char *const kinds[] = {"compensatable", "pivot", "retriable", NULL};
    struct step_source *source = &parse->steps[index];
    struct definition_step *step = &parse->definition->steps[index];
    struct place *fields = source->fields;
    uint32_t kind = DEFINITION_COMPENSATABLE;
    step->retry = -1;
    step->compensate_retry = -1;
    if (!field_is(&parse->check, &source->place, JSON_OBJECT)) {
        parse->order_known = false;
        parse->kinds_known = false;
        return;
    }
    fields_read(&parse->check, &source->place, "a step", step_fields, fields);
    name_parse(parse, index);
    field_name(&parse->check, &fields[STEP_PARTICIPANT], step->participant);
    field_name(&parse->check, &fields[STEP_OPERATION], step->operation);
    if (!field_choice(&parse->check, &fields[STEP_KIND], kinds, &kind) &&
        !absent(fields[STEP_KIND].value))
        parse->kinds_known = false;
    step->kind = (enum definition_kind)kind;
    timeout_parse(parse, &fields[STEP_TIMEOUT], &step->timeout_us);
    step->input = fields[STEP_INPUT].value;
    step->when = fields[STEP_WHEN].value;
    condition_parse(parse, source);
    parse_retry_name(parse, &fields[STEP_RETRY], &step->retry);
    compensate_parse(parse, source, step);
}

void parse_steps(struct parse *parse)
{
    const struct place *steps = &parse->top[TOP_STEPS];
    struct definition *definition = parse->definition;
    if (!field_is(&parse->check, steps, JSON_ARRAY)) {
        parse->order_known = false;
        parse->steps_unread = true;
        return;
    }
    uint32_t count = parse->check.tree.nodes[steps->node].count;
    struct children children = place_children(&parse->check, steps);
    definition->steps_count = count < DEFINITION_STEPS_MAX ? count : DEFINITION_STEPS_MAX;
    for (uint32_t i = 0; i < definition->steps_count; i++)
        (void)children_next(&parse->check, &children, &parse->steps[i].place);
    if (count == 0) {
        check_error(&parse->check, steps, "is empty: a definition needs at least one step");
        parse->steps_unread = true;
    }
    if (count > DEFINITION_STEPS_MAX) {
        check_error(&parse->check, steps, "has %u steps; at most %u", count, DEFINITION_STEPS_MAX);
        parse->order_known = false; /* what is named may be among those not looked at */
        parse->steps_unread = true;
        parse->kinds_known = false;
    }
    for (uint32_t i = 0; i < definition->steps_count; i++)
        step_parse(parse, i);
}
