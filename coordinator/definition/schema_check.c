/* schema_check.c: is an input_schema one that we can check with? */
#include <string.h>

#include <base/decimal.h>

#include "schema.h"

static const char *const type_names[] = {"null",   "boolean", "integer", "number",
                                         "string", "array",   "object",  NULL};

static bool is_type_name(struct troth_span string)
{
    for (const char *const *name = type_names; *name != NULL; name++)
        if (json_string_equals(string, (struct troth_span){*name, strlen(*name)}))
            return true;
    return false;
}

static bool is(struct check *check, const struct place *place, enum json_type type)
{
    if (json_type(place->value) == type)
        return true;
    if (check_only_counts(check, 1))
        return false;
    check_error(check, place, "must be %s, and is %s", type_text(type),
                type_text(json_type(place->value)));
    return false;
}

static void type_name_check(struct check *check, const struct place *place)
{
    if (is(check, place, JSON_STRING) && !is_type_name(place->value) &&
        !check_only_counts(check, 1))
        check_error(check, place, "unknown type %s%s", shown(place->value).text,
                    hint(nearest_of(check, place->value, type_names)).text);
}

static void type_check(struct check *check, const struct place *place)
{
    enum json_type type = json_type(place->value);
    if (type == JSON_STRING) {
        type_name_check(check, place);
        return;
    }
    if (type != JSON_ARRAY) {
        check_error(check, place, "must be a type or a list of types, and is %s", type_text(type));
        return;
    }
    struct children children = place_children(check, place);
    struct place element;
    while (children_next(check, &children, &element))
        type_name_check(check, &element);
    if (children.index == 0)
        check_error(check, place, "is an empty list: no value can fit it");
}

#define NAMES_LOOKED_AT_MAX 64u /* of `properties`; further ones are no suggestions */

/* The nearest among the names of an object's members. "" when none is near. */
static void nearest_member(struct check *check, const struct place *object,
                           struct troth_span string, char ret_name[TROTH_NAME_LEN_MAX + 1])
{
    char names[NAMES_LOOKED_AT_MAX][TROTH_NAME_LEN_MAX + 1];
    const char *list[NAMES_LOOKED_AT_MAX + 1];
    struct children children = place_children(check, object);
    struct place member;
    uint32_t count = 0;
    while (count < NAMES_LOOKED_AT_MAX && children_next(check, &children, &member)) {
        if (json_string_copy(member.key, names[count], sizeof names[count]) < 0)
            continue;
        list[count] = names[count];
        count++;
    }
    list[count] = NULL;
    const char *nearest = nearest_of(check, string, list);
    strcpy(ret_name, nearest == NULL ? "" : nearest);
}

/* What required names and properties does not list: somebody misspelt one of the two. */
static void required_known_check(struct check *check, const struct place *properties,
                                 const struct place *name)
{
    char right[TROTH_NAME_LEN_MAX + 1];
    uint32_t any;
    if (check_is_full(check) ||
        json_tree_member_like(&check->tree, properties->node, name->value, &any))
        return;
    nearest_member(check, properties, name->value, right);
    check_warning(check, name, "%s is required and not among the properties%s",
                  shown(name->value).text, hint(right[0] == '\0' ? NULL : right).text);
}

static void required_check(struct check *check, const struct place *place)
{
    struct place properties, element;
    if (!is(check, place, JSON_ARRAY))
        return;
    bool lists = place_member(check, place->up, "properties", &properties) &&
                 json_type(properties.value) == JSON_OBJECT;
    struct children children = place_children(check, place);
    while (children_next(check, &children, &element))
        if (is(check, &element, JSON_STRING) && lists)
            required_known_check(check, &properties, &element);
}

static void properties_check(struct check *check, const struct place *place)
{
    if (!is(check, place, JSON_OBJECT))
        return;
    struct children children = place_children(check, place);
    struct place member;
    while (children_next(check, &children, &member))
        schema_check(check, &member);
}

static void enum_check(struct check *check, const struct place *place)
{
    if (is(check, place, JSON_ARRAY) && check->tree.nodes[place->node].count == 0)
        check_error(check, place, "is an empty list: no value can fit it");
}

static void number_check(struct check *check, const struct place *place)
{
    (void)is(check, place, JSON_NUMBER);
}

static void count_check(struct check *check, const struct place *place)
{
    int64_t count;
    if (!is(check, place, JSON_NUMBER))
        return;
    if (decimal_int64(place->value, &count) < 0 || count < 0)
        check_error(check, place, "must be a whole number from 0, and is %s",
                    shown(place->value).text);
}

static void multiple_check(struct check *check, const struct place *place)
{
    int64_t divisor;
    if (!is(check, place, JSON_NUMBER))
        return;
    if (decimal_int64(place->value, &divisor) < 0 || divisor < 1 || divisor > DECIMAL_DIVISOR_MAX)
        check_error(check, place, "must be a whole number from 1 to 4294967295, and is %s",
                    shown(place->value).text);
}

static const struct keyword {
    const char *name;
    void (*check)(struct check *check, const struct place *place); /* NULL: for people */
} keywords[] = {{"type", type_check},
                {"required", required_check},
                {"properties", properties_check},
                {"additionalProperties", schema_check},
                {"enum", enum_check},
                {"const", NULL},
                {"minimum", number_check},
                {"maximum", number_check},
                {"exclusiveMinimum", number_check},
                {"exclusiveMaximum", number_check},
                {"multipleOf", multiple_check},
                {"minLength", count_check},
                {"maxLength", count_check},
                {"items", schema_check},
                {"minItems", count_check},
                {"maxItems", count_check},
                {"title", NULL},
                {"description", NULL},
                {"default", NULL},
                {"examples", NULL},
                {"$schema", NULL},
                {"$comment", NULL}};
#define KEYWORDS (sizeof keywords / sizeof *keywords)

/* JSON Schema that we know of and do not check with: told apart from a misspelling. */
static const char *const unsupported[] = {"pattern",
                                          "format",
                                          "uniqueItems",
                                          "contains",
                                          "minContains",
                                          "maxContains",
                                          "prefixItems",
                                          "patternProperties",
                                          "propertyNames",
                                          "dependentSchemas",
                                          "dependentRequired",
                                          "minProperties",
                                          "maxProperties",
                                          "allOf",
                                          "anyOf",
                                          "oneOf",
                                          "not",
                                          "if",
                                          "then",
                                          "else",
                                          "$ref",
                                          "$defs",
                                          "$id",
                                          "$anchor",
                                          "$dynamicRef",
                                          "definitions",
                                          "unevaluatedProperties",
                                          "unevaluatedItems",
                                          "deprecated",
                                          "readOnly",
                                          "writeOnly",
                                          "contentEncoding",
                                          "$vocabulary",
                                          "$dynamicAnchor",
                                          "contentMediaType",
                                          "contentSchema",
                                          "dependencies",
                                          "additionalItems",
                                          NULL};

static const struct keyword *keyword_find(struct troth_span key)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (json_string_equals(key,
                               (struct troth_span){keywords[i].name, strlen(keywords[i].name)}))
            return &keywords[i];
    return NULL;
}

static void keyword_unknown(struct check *check, const struct place *member)
{
    if (check_only_counts(check, 1))
        return;
    for (const char *const *name = unsupported; *name != NULL; name++) {
        if (json_string_equals(member->key, (struct troth_span){*name, strlen(*name)})) {
            check_error_at_key(check, member,
                               "%s is JSON Schema, but none that Troth checks: leave it out, and "
                               "let the participants check it",
                               shown(member->key).text);
            return;
        }
    }
    const char *names[KEYWORDS + 1];
    for (size_t i = 0; i < KEYWORDS; i++)
        names[i] = keywords[i].name;
    names[KEYWORDS] = NULL;
    check_error_at_key(check, member, "unknown keyword %s%s", shown(member->key).text,
                       hint(nearest_of(check, member->key, names)).text);
}

/* A range that nothing fits into. */
static void range_check(struct check *check, const struct place *schema, const char *low,
                        const char *high)
{
    struct place from, to;
    if (!place_member(check, schema, low, &from) || !place_member(check, schema, high, &to) ||
        json_type(from.value) != JSON_NUMBER || json_type(to.value) != JSON_NUMBER ||
        decimal_compare(from.value, to.value) <= 0)
        return;
    check_error(check, schema, "%s %s is above %s %s: no value can fit it", low,
                shown(from.value).text, high, shown(to.value).text);
}

void schema_check(struct check *check, const struct place *schema)
{
    enum json_type type = json_type(schema->value);
    if (type == JSON_TRUE || type == JSON_FALSE)
        return;
    if (type != JSON_OBJECT) {
        check_error(check, schema, "must be a schema: an object, true or false; it is %s",
                    type_text(type));
        return;
    }
    struct children children = place_children(check, schema);
    struct place member;
    while (children_next(check, &children, &member)) {
        const struct keyword *keyword = keyword_find(member.key);
        if (keyword == NULL)
            keyword_unknown(check, &member);
        else if (keyword->check != NULL)
            keyword->check(check, &member);
    }
    range_check(check, schema, "minimum", "maximum");
    range_check(check, schema, "minLength", "maxLength");
    range_check(check, schema, "minItems", "maxItems");
}
