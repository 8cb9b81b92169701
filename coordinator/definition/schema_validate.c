/* schema_validate.c: a value against an input_schema. */
#include <string.h>

#include "decimal.h"
#include "equal.h"
#include "schema.h"

static bool member(struct troth_span schema, const char *keyword, struct troth_span *ret_value)
{
    return json_member(schema, keyword, ret_value);
}

static const char *value_type_name(struct troth_span value)
{
    switch (json_type(value)) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
    case JSON_TRUE:
        return "boolean";
    case JSON_NUMBER:
        return decimal_is_integer(value) ? "integer" : "number";
    case JSON_STRING:
        return "string";
    case JSON_ARRAY:
        return "array";
    case JSON_OBJECT:
        return "object";
    }
    return "";
}

/* "integer" or "string or null" */
static void types_append(struct buffer *text, struct troth_span types)
{
    if (json_type(types) == JSON_STRING) {
        (void)!json_string(types, text);
        return;
    }
    struct json_cursor cursor = json_cursor(types);
    struct troth_span key, one;
    for (const char *between = ""; json_next(&cursor, &key, &one); between = " or ") {
        buffer_append_text(text, between);
        (void)!json_string(one, text);
    }
}

static bool type_validate(struct check *check, struct troth_span schema, const struct place *value)
{
    struct troth_span types;
    const char *name = value_type_name(value->value);
    if (schema_allows(schema, name) ||
        (strcmp(name, "integer") == 0 && schema_allows(schema, "number")))
        return true;
    BUFFER_SCOPED struct buffer text = {0};
    if (member(schema, "type", &types))
        types_append(&text, types);
    const char *wanted = buffer_text(&text);
    if (wanted == NULL)
        check->no_memory = true;
    else
        check_error(check, value, "must be %s, and is %s %s", wanted, name,
                    shown(value->value).text);
    return false;
}

static void choice_validate(struct check *check, struct troth_span schema,
                            const struct place *value)
{
    struct troth_span list, key, one;
    if (member(schema, "const", &one) && !json_equal(one, value->value))
        check_error(check, value, "must be %s, and is %s", shown(one).text,
                    shown(value->value).text);
    if (!member(schema, "enum", &list))
        return;
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &one))
        if (json_equal(one, value->value))
            return;
    check_error(check, value, "%s is none of %s", shown(value->value).text, shown(list).text);
}

static void number_validate(struct check *check, struct troth_span schema,
                            const struct place *value)
{
    struct troth_span limit;
    struct troth_span number = value->value;
    int64_t divisor;
    if (member(schema, "minimum", &limit) && decimal_compare(number, limit) < 0)
        check_error(check, value, "must be at least %s, and is %s", shown(limit).text,
                    shown(number).text);
    if (member(schema, "maximum", &limit) && decimal_compare(number, limit) > 0)
        check_error(check, value, "must be at most %s, and is %s", shown(limit).text,
                    shown(number).text);
    if (member(schema, "exclusiveMinimum", &limit) && decimal_compare(number, limit) <= 0)
        check_error(check, value, "must be above %s, and is %s", shown(limit).text,
                    shown(number).text);
    if (member(schema, "exclusiveMaximum", &limit) && decimal_compare(number, limit) >= 0)
        check_error(check, value, "must be below %s, and is %s", shown(limit).text,
                    shown(number).text);
    if (member(schema, "multipleOf", &limit) && decimal_int64(limit, &divisor) == 0 &&
        !decimal_is_multiple(number, (uint32_t)divisor))
        check_error(check, value, "must be a multiple of %s, and is %s", shown(limit).text,
                    shown(number).text);
}

/* Code points between the quotes: an escape is one, and so is a pair of surrogates. */
static int64_t string_length(struct troth_span string)
{
    int64_t length = 0;
    const char *at = string.data + 1, *end = string.data + string.len - 1;
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        if (c == '\\' && at[1] == 'u') {
            bool low = (at[2] == 'd' || at[2] == 'D') && strchr("cdefCDEF", at[3]) != NULL;
            length += !low; /* the high half was counted */
            at += 6;
        } else if (c == '\\') {
            length++;
            at += 2;
        } else {
            length += (c & 0xc0) != 0x80;
            at++;
        }
    }
    return length;
}

static void count_validate(struct check *check, struct troth_span schema, const struct place *value,
                           int64_t count, const char *least, const char *most, const char *unit)
{
    struct troth_span limit;
    int64_t number;
    if (member(schema, least, &limit) && decimal_int64(limit, &number) == 0 && count < number)
        check_error(check, value, "must have at least %lld %s, and has %lld", (long long)number,
                    unit, (long long)count);
    if (member(schema, most, &limit) && decimal_int64(limit, &number) == 0 && count > number)
        check_error(check, value, "must have at most %lld %s, and has %lld", (long long)number,
                    unit, (long long)count);
}

static void array_validate(struct check *check, struct troth_span schema, const struct place *value)
{
    struct troth_span items;
    bool has_items = member(schema, "items", &items);
    struct json_cursor cursor = json_cursor(value->value);
    struct place element = {.up = value};
    while (json_next(&cursor, &element.key, &element.value)) {
        element.key = (struct troth_span){0};
        if (has_items)
            schema_validate(check, items, &element);
        element.index++;
    }
    count_validate(check, schema, value, element.index, "minItems", "maxItems", "elements");
}

static void required_validate(struct check *check, struct troth_span schema,
                              const struct place *value)
{
    struct troth_span list, key, name, any;
    if (!member(schema, "required", &list))
        return;
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &name)) {
        BUFFER_SCOPED struct buffer plain = {0};
        if (json_string(name, &plain) < 0 || plain.failed)
            check->no_memory = true;
        else if (!json_member_span(value->value, buffer_span(&plain), &any))
            check_error(check, value, "%s is missing", shown(name).text);
    }
}

/* A member that properties does not list. */
static void further_validate(struct check *check, struct troth_span schema,
                             struct troth_span properties, const struct place *one,
                             struct troth_span name)
{
    struct troth_span more;
    char right[TROTH_NAME_LEN_MAX + 1] = "";
    if (!member(schema, "additionalProperties", &more))
        return;
    if (json_type(more) != JSON_FALSE) {
        schema_validate(check, more, one);
        return;
    }
    if (!absent(properties) && !check_is_full(check))
        nearest_key(properties, name, right);
    check_error_at_key(check, one, "unknown field %s%s", shown(one->key).text,
                       hint(right[0] == '\0' ? NULL : right).text);
}

static void object_validate(struct check *check, struct troth_span schema,
                            const struct place *value)
{
    struct troth_span properties = {0}, inner;
    (void)member(schema, "properties", &properties);
    required_validate(check, schema, value);
    struct json_cursor cursor = json_cursor(value->value);
    struct place one = {.up = value};
    while (json_next(&cursor, &one.key, &one.value)) {
        BUFFER_SCOPED struct buffer plain = {0};
        if (json_string(one.key, &plain) < 0 || plain.failed)
            check->no_memory = true;
        else if (!absent(properties) && json_member_span(properties, buffer_span(&plain), &inner))
            schema_validate(check, inner, &one);
        else
            further_validate(check, schema, properties, &one, buffer_span(&plain));
    }
}

void schema_validate(struct check *check, struct troth_span schema, const struct place *value)
{
    enum json_type type = json_type(value->value);
    if (json_type(schema) == JSON_FALSE)
        check_error(check, value, "nothing may stand here");
    if (json_type(schema) != JSON_OBJECT || !type_validate(check, schema, value))
        return;
    choice_validate(check, schema, value);
    if (type == JSON_NUMBER)
        number_validate(check, schema, value);
    else if (type == JSON_STRING)
        count_validate(check, schema, value, string_length(value->value), "minLength", "maxLength",
                       "characters");
    else if (type == JSON_ARRAY)
        array_validate(check, schema, value);
    else if (type == JSON_OBJECT)
        object_validate(check, schema, value);
}
