/* schema_path.c: can an input that fits the schema have a path that a template asks for? */
#include <string.h>

#include <base/nearest.h>

#include "expression.h"
#include "schema.h"

#define NAMES_LOOKED_AT_MAX 256u /* keys of one object; further ones are no suggestions */

void nearest_key(struct troth_span object, struct troth_span plain,
                 char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    char wrong[TROTH_NAME_LEN_MAX + 1];
    char best[TROTH_NAME_LEN_MAX + 1] = "";
    ret_name[0] = '\0';
    if (plain.len > TROTH_NAME_LEN_MAX)
        return;
    memcpy(wrong, plain.data, plain.len);
    wrong[plain.len] = '\0';
    struct json_cursor cursor = json_cursor(object);
    struct troth_span key, value;
    for (uint32_t i = 0; i < NAMES_LOOKED_AT_MAX && json_next(&cursor, &key, &value); i++) {
        char name[TROTH_NAME_LEN_MAX + 1];
        if (json_string_copy(key, name, sizeof name) < 0)
            continue;
        const char *const pair[] = {best[0] == '\0' ? name : best, name, NULL};
        const char *nearest = name_nearest(wrong, pair);
        if (nearest == name)
            strcpy(best, name);
    }
    strcpy(ret_name, best);
}

bool schema_allows(struct troth_span schema, const char *type)
{
    struct troth_span types, key, one;
    struct troth_span wanted = {type, strlen(type)};
    if (!json_member(schema, "type", &types))
        return true;
    if (json_type(types) == JSON_STRING)
        return json_string_equals(types, wanted);
    if (json_type(types) != JSON_ARRAY)
        return true;
    struct json_cursor cursor = json_cursor(types);
    while (json_next(&cursor, &key, &one))
        if (json_type(one) == JSON_STRING && json_string_equals(one, wanted))
            return true;
    return false;
}

/* One segment down: the schema of the part, or absent when nothing is said about it. */
static bool schema_step(struct troth_span schema, struct troth_span segment,
                        struct troth_span *ret_inner, struct schema_path_fault *fault)
{
    struct troth_span properties, more;
    *ret_inner = (struct troth_span){0};
    *fault = (struct schema_path_fault){.segment = segment};
    if (!schema_allows(schema, "object") && !schema_allows(schema, "array")) {
        fault->scalar = true;
        return false;
    }
    if (schema_allows(schema, "array") && segment.data[0] >= '0' && segment.data[0] <= '9') {
        (void)json_member(schema, "items", ret_inner);
        return true;
    }
    if (!json_member(schema, "properties", &properties) || json_type(properties) != JSON_OBJECT)
        properties = (struct troth_span){0};
    if (!absent(properties) && json_member_span(properties, segment, ret_inner))
        return true;
    if (json_member(schema, "additionalProperties", &more) && json_type(more) != JSON_FALSE) {
        *ret_inner = more;
        return true;
    }
    if (absent(properties))
        return true;
    nearest_key(properties, segment, fault->right);
    return false;
}

bool schema_path_possible(struct troth_span schema, struct troth_span rest,
                          struct schema_path_fault *ret_fault)
{
    struct troth_span segment, inner;
    while (!absent(schema) && json_type(schema) == JSON_OBJECT && path_next(&rest, &segment)) {
        if (!schema_step(schema, segment, &inner, ret_fault))
            return false;
        schema = inner;
    }
    return true;
}
