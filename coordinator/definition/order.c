/* order.c: which step runs behind which: `after`, the defaults, and circles. */
#include <assert.h>
#include <string.h>

#include <base/span.h>

#include "order.h"
#include "steps.h"

#define BIT(i) (UINT64_C(1) << (i))

/* One name of an `after` list. A misspelt one counts as its nearest: one slip, one fault. */
static void after_name(struct parse *parse, uint32_t index, const struct place *place)
{
    struct check *check = &parse->check;
    struct definition_step *step = &parse->definition->steps[index];
    char name[TROTH_NAME_LEN_MAX + 1] = "";
    if (!field_is(check, place, JSON_STRING)) {
        parse->order_known = false;
        return;
    }
    (void)!json_string_copy(place->value, name, sizeof name);
    int32_t found = step_find(parse, span_of(name));
    if (found == (int32_t)index) {
        check_error(check, place, "the step names itself: it would never begin");
        parse->order_known = false;
        return;
    }
    if (found < 0) {
        const char *names[DEFINITION_STEPS_MAX + 1];
        step_names(parse, names);
        const char *nearest = nearest_of(check, place->value, names);
        if (!step_may_be_unread(parse, nearest))
            check_error(check, place, "unknown step %s%s", shown(place->value).text,
                        hint(nearest).text);
        if (nearest != NULL)
            found = step_find(parse, span_of(nearest));
    } else if ((step->after & BIT(found)) != 0) {
        check_error(check, place, "%s is named twice", shown(place->value).text);
    }
    if (found >= 0 && found != (int32_t)index)
        step->after |= step->after_named |= BIT(found);
    else
        parse->order_known = false;
}

static void after_parse(struct parse *parse, uint32_t index)
{
    const struct place *after = &parse->steps[index].fields[STEP_AFTER];
    struct definition_step *step = &parse->definition->steps[index];
    bool two_phase = parse->definition->mode == DEFINITION_2PC;
    if (absent(after->value)) {
        if (index > 0 && !two_phase && parse->mode_known)
            step->after = BIT(index - 1);
        return;
    }
    if (!field_is(&parse->check, after, JSON_ARRAY)) {
        parse->order_known = false;
        return;
    }
    uint32_t count = parse->check.tree.nodes[after->node].count;
    if (count > DEFINITION_STEPS_MAX) {
        check_error(&parse->check, after, "names %u steps; at most %u", count,
                    DEFINITION_STEPS_MAX);
        parse->order_known = false;
        return;
    }
    struct children children = place_children(&parse->check, after);
    struct place element;
    while (children_next(&parse->check, &children, &element))
        after_name(parse, index, &element);
}

/* before[i]: everything that i waits for, and what that waits for, and so on (Warshall). */
static void closure(struct parse *parse)
{
    uint32_t count = parse->definition->steps_count;
    assert(count <= DEFINITION_STEPS_MAX); /* a bit each */
    for (uint32_t i = 0; i < count; i++)
        parse->before[i] = parse->definition->steps[i].after;
    for (uint32_t by = 0; by < count; by++)
        for (uint32_t i = 0; i < count; i++)
            if ((parse->before[i] & BIT(by)) != 0)
                parse->before[i] |= parse->before[by];
}

/* How many edges of `after` lie between each step and the goal; UNREACHED where there is no way. */
#define UNREACHED UINT32_MAX
static void distances(const struct definition *definition, uint32_t goal,
                      uint32_t ret_distance[DEFINITION_STEPS_MAX])
{
    uint64_t last = BIT(goal);
    assert(goal < definition->steps_count);
    for (uint32_t i = 0; i < definition->steps_count; i++)
        ret_distance[i] = i == goal ? 0 : UNREACHED;
    for (uint32_t far = 1; last != 0; far++) {
        uint64_t next = 0;
        for (uint32_t i = 0; i < definition->steps_count; i++)
            if (ret_distance[i] == UNREACHED && (definition->steps[i].after & last) != 0) {
                ret_distance[i] = far;
                next |= BIT(i);
            }
        last = next;
    }
}

/* The next step on a shortest way from `at` to where the distances are counted from. */
static uint32_t nearer(const struct definition *definition, uint32_t at,
                       const uint32_t distance[DEFINITION_STEPS_MAX])
{
    uint32_t best = at;
    uint32_t best_distance = UNREACHED;
    for (uint32_t j = 0; j < definition->steps_count; j++) {
        if ((definition->steps[at].after & BIT(j)) == 0 || distance[j] >= best_distance)
            continue;
        best = j;
        best_distance = distance[j];
    }
    return best;
}

/* "a" → "b" → "a", and where an edge is not written in the file, why it is there. */
static uint64_t circle_report(struct parse *parse, uint32_t start)
{
    const struct definition *definition = parse->definition;
    BUFFER_SCOPED struct buffer way = {0};
    BUFFER_SCOPED struct buffer why = {0};
    uint32_t distance[DEFINITION_STEPS_MAX];
    uint64_t seen = 0;
    uint32_t at = start;
    distances(definition, start, distance);
    do {
        seen |= BIT(at);
        buffer_append_format(&way, "\"%s\" \xe2\x86\x92 ", definition->steps[at].name);
        if (absent(parse->steps[at].fields[STEP_AFTER].value) && definition->mode != DEFINITION_2PC)
            buffer_append_format(&why, "; \"%s\" has no \"after\", so it waits for the step above",
                                 definition->steps[at].name);
        uint32_t next = nearer(definition, at, distance);
        assert(next != at || at == start); /* each of a circle has a way back */
        at = next;
    } while (at != start);
    buffer_append_format(&way, "\"%s\"", definition->steps[start].name);
    const struct step_source *source = &parse->steps[start];
    const struct place *place =
        absent(source->fields[STEP_AFTER].value) ? &source->place : &source->fields[STEP_AFTER];
    const char *way_text = buffer_text(&way), *why_text = buffer_text(&why);
    check_error(&parse->check, place, "the steps wait for each other in a circle: %s%s",
                way_text == NULL ? "" : way_text, why_text == NULL ? "" : why_text);
    return seen;
}

static void circles_check(struct parse *parse)
{
    uint64_t reported = 0;
    for (uint32_t i = 0; i < parse->definition->steps_count; i++) {
        if ((parse->before[i] & BIT(i)) == 0)
            continue;
        parse->order_known = false;
        /* One report a circle: not again for steps that wait for each other with a reported one. */
        uint64_t together = 0;
        for (uint32_t j = 0; j < parse->definition->steps_count; j++)
            if ((parse->before[i] & BIT(j)) != 0 && (parse->before[j] & BIT(i)) != 0)
                together |= BIT(j);
        if ((together & reported) == 0)
            reported |= circle_report(parse, i);
    }
}

void parse_order(struct parse *parse)
{
    for (uint32_t i = 0; i < parse->definition->steps_count; i++) {
        after_parse(parse, i);
        if (parse->definition->mode == DEFINITION_2PC)
            parse->definition->steps[i].after |= parse->steps[i].uses & ~BIT(i);
    }
    closure(parse);
    circles_check(parse);
    if (!parse->mode_known)
        parse->order_known = false; /* only circles in what `after` says are so in every mode */
}
