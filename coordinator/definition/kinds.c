/* kinds.c: which kinds of step a mode allows, and where the pivot stands (protocol.md, sections 4
 * to 6). */
#include <string.h>

#include "kinds.h"

#define BIT(i) (UINT64_C(1) << (i))

static const struct place *kind_place(const struct parse *parse, uint32_t index)
{
    const struct step_source *source = &parse->steps[index];
    return absent(source->fields[STEP_KIND].value) ? &source->place : &source->fields[STEP_KIND];
}

/* Mode 2pc: whoever votes yes can still be told either; there is nothing to compensate. */
static void two_phase_check(struct parse *parse, uint32_t index)
{
    const struct place *fields = parse->steps[index].fields;
    struct check *check = &parse->check;
    if (parse->definition->steps[index].kind != DEFINITION_COMPENSATABLE)
        check_error(check, &fields[STEP_KIND],
                    "mode \"2pc\" has no kinds: every step prepares, then all commit or none; "
                    "\"2pc_then_saga\" and \"saga\" have them");
    if (!absent(fields[STEP_COMPENSATE].value))
        check_error(check, &fields[STEP_COMPENSATE],
                    "mode \"2pc\" has no compensation: what is not committed was never done; "
                    "\"2pc_then_saga\" and \"saga\" have it");
    if (!absent(fields[STEP_RETRY].value))
        check_warning(check, &fields[STEP_RETRY],
                      "has no effect in mode \"2pc\": a prepare is tried until prepare_timeout, a "
                      "commit or abort without end");
}

static bool behind_a_pivot(const struct parse *parse, uint32_t index)
{
    for (uint32_t i = 0; i < parse->definition->steps_count; i++)
        if (parse->definition->steps[i].kind == DEFINITION_PIVOT &&
            (parse->before[index] & BIT(i)) != 0)
            return true;
    return false;
}

/* A limit that is said where a step is never given up, or should not be. */
static uint32_t limit_of(const struct definition *definition, int32_t retry)
{
    if (retry < 0 || !definition->retries[retry].attempts_given)
        return 0;
    return definition->retries[retry].max_attempts;
}

static void compensation_check(struct parse *parse, uint32_t index)
{
    const struct definition_step *step = &parse->definition->steps[index];
    uint32_t limit = limit_of(parse->definition, step->compensate_retry);
    if (limit != 0)
        check_warning(&parse->check, &parse->steps[index].compensate[COMPENSATE_RETRY],
                      "the compensation of \"%s\" parks the transaction behind %u tries (\"%s\"): "
                      "without max_attempts it is tried without end",
                      step->name, limit, parse->definition->retries[step->compensate_retry].name);
}

static void saga_step_check(struct parse *parse, uint32_t index)
{
    const struct place *fields = parse->steps[index].fields;
    const struct definition *definition = parse->definition;
    const struct definition_step *step = &definition->steps[index];
    struct check *check = &parse->check;
    if (step->kind == DEFINITION_COMPENSATABLE) {
        if (absent(fields[STEP_COMPENSATE].value) && parse->kinds_known && step->name[0] != '\0' &&
            !behind_a_pivot(parse, index))
            check_warning(check, &parse->steps[index].place,
                          "\"%s\" has no \"compensate\": nothing undoes it when the saga turns "
                          "back",
                          step->name);
        compensation_check(parse, index);
        return;
    }
    if (!absent(fields[STEP_COMPENSATE].value))
        check_error(check, &fields[STEP_COMPENSATE],
                    "a %s step is never undone: it has no compensation",
                    step->kind == DEFINITION_PIVOT ? "pivot" : "retriable");
    uint32_t limit = limit_of(definition, step->retry);
    if (step->kind == DEFINITION_RETRIABLE && limit != 0)
        check_warning(check, &fields[STEP_RETRY],
                      "a retriable step is retried without end: max_attempts %u of \"%s\" has no "
                      "effect here",
                      limit, definition->retries[step->retry].name);
}

/* The first pivot; a second one is an error. -1: none. */
static int32_t pivot_find(struct parse *parse)
{
    const struct definition *definition = parse->definition;
    int32_t pivot = -1;
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        if (definition->steps[i].kind != DEFINITION_PIVOT)
            continue;
        if (pivot < 0)
            pivot = (int32_t)i;
        else
            check_error(&parse->check, kind_place(parse, i),
                        "a second pivot; the first is \"%s\", and behind it the saga only goes "
                        "forward",
                        definition->steps[pivot].name);
    }
    return pivot;
}

static void before_pivot_check(struct parse *parse, uint32_t index, uint32_t pivot)
{
    const struct definition_step *steps = parse->definition->steps;
    if ((parse->before[pivot] & BIT(index)) != 0)
        return;
    bool behind = (parse->before[index] & BIT(pivot)) != 0;
    check_error(&parse->check, kind_place(parse, index),
                "\"%s\" is compensatable and %s the pivot \"%s\", when nothing is undone any more: "
                "%s",
                steps[index].name, behind ? "runs after" : "can run beside", steps[pivot].name,
                behind ? "make it \"retriable\"" : "let the pivot run \"after\" it");
}

static void pivot_check(struct parse *parse)
{
    const struct definition *definition = parse->definition;
    int32_t pivot = pivot_find(parse);
    for (uint32_t i = 0; i < definition->steps_count; i++) {
        const struct definition_step *step = &definition->steps[i];
        if (step->kind == DEFINITION_RETRIABLE && pivot < 0)
            check_error(&parse->check, kind_place(parse, i),
                        "retriable steps come after the pivot, and there is no step of kind "
                        "\"pivot\"");
        if (pivot < 0 || !parse->order_known)
            continue;
        if (step->kind == DEFINITION_COMPENSATABLE)
            before_pivot_check(parse, i, (uint32_t)pivot);
        else if (step->kind == DEFINITION_RETRIABLE && (parse->before[i] & BIT(pivot)) == 0)
            check_error(&parse->check, kind_place(parse, i),
                        "\"%s\" is retriable and can run before or beside the pivot \"%s\": name "
                        "it in \"after\"",
                        step->name, definition->steps[pivot].name);
    }
}

/* On one row, two prepared branches of one transaction would block each other. */
static void one_participant_check(struct parse *parse)
{
    const struct definition *definition = parse->definition;
    for (uint32_t i = 1; i < definition->steps_count; i++) {
        const struct definition_step *step = &definition->steps[i];
        for (uint32_t j = 0; j < i; j++) {
            const struct definition_step *other = &definition->steps[j];
            if (step->kind == DEFINITION_RETRIABLE || other->kind == DEFINITION_RETRIABLE ||
                step->participant[0] == '\0' || strcmp(step->participant, other->participant) != 0)
                continue;
            check_warning(&parse->check, &parse->steps[i].fields[STEP_PARTICIPANT],
                          "\"%s\" and \"%s\" both prepare at \"%s\": on one row they would block "
                          "each other",
                          other->name, step->name, step->participant);
            break;
        }
    }
}

void parse_kinds(struct parse *parse)
{
    if (!parse->mode_known)
        return;
    enum definition_mode mode = parse->definition->mode;
    for (uint32_t i = 0; i < parse->definition->steps_count; i++)
        if (mode == DEFINITION_2PC)
            two_phase_check(parse, i);
        else
            saga_step_check(parse, i);
    if (mode != DEFINITION_2PC && parse->kinds_known)
        pivot_check(parse);
    if (mode != DEFINITION_SAGA)
        one_participant_check(parse);
}
