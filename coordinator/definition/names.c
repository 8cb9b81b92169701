/* names.c: what a file alone can not tell: whether the participants that it names are there, and
 * what the coordinator does not take. */
#include <base/duration.h>
#include <base/nearest.h>

#include "check.h"

#include <string.h>

/* The member of an object, as a place. false: it has none of that name. */
static bool member_place(const struct place *object, const char *name, struct place *ret_place)
{
    struct json_cursor cursor = json_cursor(object->value);
    struct troth_span key, value;
    while (json_next(&cursor, &key, &value)) {
        if (json_string_equals(key, (struct troth_span){name, strlen(name)})) {
            *ret_place = (struct place){.up = object, .key = key, .value = value};
            return true;
        }
    }
    return false;
}

void definition_warn_participants(const struct definition *definition, definition_knows knows,
                                  void *arg, const char *const *names,
                                  struct definition_faults *faults)
{
    struct check check = {.text = definition->text, .faults = faults};
    struct place root = {.up = NULL}, steps, participant;
    if (json_check(definition->text, JSON_CHECK_DEFAULT, &root.value, NULL) != 0 ||
        !member_place(&root, "steps", &steps))
        return;
    struct json_cursor cursor = json_cursor(steps.value);
    struct place step = {.up = &steps};
    for (uint32_t i = 0; i < definition->steps_count && json_next(&cursor, NULL, &step.value);
         i++) {
        const char *name = definition->steps[i].participant;
        step.index = i;
        if (knows(arg, name) || !member_place(&step, "participant", &participant))
            continue;
        const char *nearest = check_is_full(&check) ? NULL : name_nearest(name, names);
        check_warning(&check, &participant, "participant \"%s\" is not registered%s", name,
                      hint(nearest).text);
    }
    check_sort(&check);
}

/* The member, or where it would be: a default may be too long, too. */
static void check_timeout(struct check *check, const struct place *root, const char *name,
                          uint64_t us, uint64_t most_us)
{
    char text[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
    struct place place = *root;
    if (most_us == 0 || us <= most_us)
        return;
    (void)member_place(root, name, &place);
    duration_format(us, text);
    duration_format(most_us, most);
    check_error(check, &place, "%s: %s is longer than the coordinator's %s_max, %s", name, text,
                name, most);
}

int definition_check_timeouts(const struct definition *definition, uint64_t timeout_max_us,
                              uint64_t prepare_timeout_max_us, struct definition_faults *faults)
{
    struct check check = {.text = definition->text, .faults = faults};
    struct place root = {.up = NULL};
    uint32_t before = faults->errors;
    if (json_check(definition->text, JSON_CHECK_DEFAULT, &root.value, NULL) != 0)
        return 0;
    check_timeout(&check, &root, "timeout", definition->timeout_us, timeout_max_us);
    if (definition->mode != DEFINITION_SAGA)
        check_timeout(&check, &root, "prepare_timeout", definition->prepare_timeout_us,
                      prepare_timeout_max_us);
    check_sort(&check);
    if (check.no_memory)
        return TROTH_ERROR_NO_MEMORY;
    return faults->errors > before ? TROTH_ERROR_INVALID : 0;
}
