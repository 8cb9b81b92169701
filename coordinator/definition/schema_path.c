/* schema_path.c: can an input that fits the schema have a path that a template asks for? */
#include <string.h>

#include "expression.h"
#include "schema.h"

#define NAMES_LOOKED_AT_MAX 64u /* of one object; further ones are no suggestions */

/* Zero-terminated, where it is short enough for a name. */
static bool name_copy(struct troth_span plain, char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    if (plain.len > TROTH_NAME_LEN_MAX)
        return false;
    memcpy(ret_name, plain.data, plain.len);
    ret_name[plain.len] = '\0';
    return true;
}

void nearest_property(struct check *check, const struct rule *rule, struct troth_span plain,
                      char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    char names[NAMES_LOOKED_AT_MAX][TROTH_NAME_LEN_MAX + 1];
    const char *list[NAMES_LOOKED_AT_MAX + 1];
    char wrong[TROTH_NAME_LEN_MAX + 1];
    uint32_t count = 0;
    ret_name[0] = '\0';
    if (check_is_full(check) || !name_copy(plain, wrong))
        return;
    for (uint32_t i = 0; i < rule->properties_count && count < NAMES_LOOKED_AT_MAX; i++) {
        if (rule->properties[i].listed && name_copy(rule->properties[i].name, names[count])) {
            list[count] = names[count];
            count++;
        }
    }
    list[count] = NULL;
    const char *nearest = check_nearest(check, wrong, list);
    if (nearest != NULL)
        strcpy(ret_name, nearest);
}

/* One segment down: the rule of the part, or NULL when nothing is said about it. */
static bool rule_step(struct check *check, const struct rule *rule, struct troth_span segment,
                      const struct rule **ret_inner, struct schema_path_fault *fault)
{
    bool object = (rule->types & TYPE_BIT(JSON_OBJECT)) != 0;
    bool array = (rule->types & TYPE_BIT(JSON_ARRAY)) != 0;
    *ret_inner = NULL;
    *fault = (struct schema_path_fault){.segment = segment, .scalar = !object && !array};
    if (fault->scalar)
        return false;
    if (array && segment.data[0] >= '0' && segment.data[0] <= '9') {
        *ret_inner = rule->items;
        return true;
    }
    const struct property *property = rule_property(rule, segment);
    if (property != NULL && property->listed) {
        *ret_inner = property->rule;
        return true;
    }
    if (rule->says_more && (rule->more == NULL || !rule->more->nothing)) {
        *ret_inner = rule->more;
        return true;
    }
    if (!rule->lists)
        return true;
    nearest_property(check, rule, segment, fault->right);
    return false;
}

bool schema_path_possible(struct check *check, const struct rule *rule, struct troth_span rest,
                          struct schema_path_fault *ret_fault)
{
    struct troth_span segment;
    const struct rule *inner;
    while (rule != NULL && !rule->nothing && path_next(&rest, &segment)) {
        if (!rule_step(check, rule, segment, &inner, ret_fault))
            return false;
        rule = inner;
    }
    return true;
}
