/* names.c: what a file alone cannot tell: whether the participants that it names are there, and
 * what the coordinator does not take. */
#include <base/duration.h>

#include <definition/definition.h>
#include <faults/check.h>

void definition_warn_participants(const struct definition *definition, definition_knows knows,
                                  void *arg, const char *const *names, struct faults *faults)
{
    struct check check = {.text = definition->text, .faults = faults};
    struct place root, steps, step, participant;
    struct troth_span text;
    if (json_check(definition->text, JSON_CHECK_DEFAULT, &text, NULL) == 0 &&
        check_root(&check, text, &root) && place_member(&check, &root, "steps", &steps)) {
        struct children children = place_children(&check, &steps);
        for (uint32_t i = 0; i < definition->steps_count && children_next(&check, &children, &step);
             i++) {
            const char *name = definition->steps[i].participant;
            if (knows(arg, name) || !place_member(&check, &step, "participant", &participant))
                continue;
            const char *nearest = check_nearest(&check, name, names);
            check_warning(&check, &participant, "participant \"%s\" is not registered%s", name,
                          hint(nearest).text);
        }
        check_sort(&check);
    }
    check_finish(&check);
}

/* The member, or where it would be: a default may be too long, too. */
static void check_timeout(struct check *check, const struct place *root, const char *name,
                          uint64_t us, uint64_t most_us)
{
    char text[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
    struct place place = *root;
    if (most_us == 0 || us <= most_us)
        return;
    (void)place_member(check, root, name, &place);
    (void)duration_format(us, text);
    (void)duration_format(most_us, most);
    check_error(check, &place, "%s: %s is longer than the coordinator's %s_max, %s", name, text,
                name, most);
}

int definition_check_timeouts(const struct definition *definition, uint64_t timeout_max_us,
                              uint64_t prepare_timeout_max_us, struct faults *faults)
{
    struct check check = {.text = definition->text, .faults = faults};
    struct troth_span text;
    struct place root;
    uint32_t before = faults->errors;
    if (json_check(definition->text, JSON_CHECK_DEFAULT, &text, NULL) == 0 &&
        check_root(&check, text, &root)) {
        check_timeout(&check, &root, "timeout", definition->timeout_us, timeout_max_us);
        if (definition->mode != DEFINITION_SAGA)
            check_timeout(&check, &root, "prepare_timeout", definition->prepare_timeout_us,
                          prepare_timeout_max_us);
    }
    check_sort(&check);
    check_finish(&check);
    if (check.no_memory)
        return TROTH_ERROR_NO_MEMORY;
    return faults->errors > before ? TROTH_ERROR_INVALID : 0;
}
