/* names.c: what a file alone can not tell: whether the participants that it names are there. */
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
