/* schema_validate.c: a value against the rules of an input_schema. */
#include <stdlib.h>
#include <string.h>

#include <base/hash.h>

#include "equal.h"
#include "schema.h"

struct validation {
    struct check *check;
    const struct schema *schema;
    uint32_t *seen;   /* of each required name: the object that was seen to have it last */
    uint32_t objects; /* looked at so far */
    uint64_t *hashes; /* of the value's nodes */
    uint64_t work;    /* nodes that were compared with those of an enum or a const */
};

/* Nested lists that each have an enum are compared again with each level. Beyond so many nodes for
 * each of the value's own the value is refused. */
#define WORK_PER_NODE_MAX 4u
#define WORK_MIN          10000u

static uint64_t work_max(const struct check *check)
{
    return (uint64_t)check->tree.count * WORK_PER_NODE_MAX + check->text.len / 8 + WORK_MIN;
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

static bool type_validate(struct check *check, const struct rule *rule, const struct place *value)
{
    enum json_type type = json_type(value->value);
    if ((rule->types & TYPE_BIT(type)) != 0 ||
        (type == JSON_NUMBER && (rule->types & TYPE_INTEGER) != 0 &&
         decimal_is_integer(value->value)))
        return true;
    if (!check_only_counts(check, 1))
        check_error(check, value, "must be %s, and is %s %s", rule->types_text,
                    value_type_name(value->value), shown(value->value).text);
    return false;
}

/* --- enum and const --------------------------------------------------------------------------- */

struct chosen {
    struct validation *validation;
    const struct choice *choices;
    uint64_t hash;
    uint32_t node;
};

/* Values of one hash are equal, so that at most one comparison is made for a value. */
static bool is_chosen(const void *arg, uint32_t i)
{
    const struct chosen *chosen = arg;
    struct validation *validation = chosen->validation;
    return chosen->choices[i].hash == chosen->hash &&
           tree_equal(&validation->check->tree, chosen->node, schema_tree(validation->schema),
                      chosen->choices[i].node, work_max(validation->check), &validation->work);
}

/* false: no memory, or more work than is done for one value; both are noted. */
static bool may_compare(struct validation *validation, const struct place *value)
{
    struct check *check = validation->check;
    if (validation->hashes == NULL) {
        validation->hashes = calloc(check->tree.count, sizeof *validation->hashes);
        check->no_memory = check->no_memory || validation->hashes == NULL;
    }
    if (validation->hashes == NULL)
        return false;
    if (validation->work <= work_max(check))
        return true;
    if (!check_only_counts(check, 1))
        check_error(check, value,
                    "too many values up to here are held against \"enum\" or "
                    "\"const\" again and again: the schema's lists are nested "
                    "too deep for so large an input");
    return false;
}

static void choice_validate(struct validation *validation, const struct rule *rule,
                            const struct place *value)
{
    struct check *check = validation->check;
    if ((rule->constant_choice == NULL && rule->choices == NULL) || !may_compare(validation, value))
        return;
    struct chosen chosen = {
        validation, rule->constant_choice,
        tree_hash(&check->tree, value->node, validation->hashes, &check->no_memory), value->node};
    if (rule->constant_choice != NULL && !is_chosen(&chosen, 0) && !check_only_counts(check, 1))
        check_error(check, value, "must be %s, and is %s", shown(rule->constant).text,
                    shown(value->value).text);
    chosen.choices = rule->choices;
    if (rule->choices != NULL &&
        *hash_place(rule->choices_places, rule->choices_places_count, chosen.hash, is_chosen,
                    &chosen) == 0 &&
        !check_only_counts(check, 1))
        check_error(check, value, "%s is none of %s", shown(value->value).text,
                    shown(rule->choices_text).text);
}

/* --- numbers and counts ----------------------------------------------------------------------- */

/* `order` of the number against the limit is one of those that are wrong: its bit (order + 1) is in
 * `wrong`. */
static void limit_validate(struct check *check, const struct limit *limit,
                           const struct decimal *number, unsigned wrong, const char *must,
                           const struct place *value)
{
    if (absent(limit->text) || (1u << (decimal_order(number, &limit->value) + 1) & wrong) == 0 ||
        check_only_counts(check, 1))
        return;
    check_error(check, value, "must be %s %s, and is %s", must, shown(limit->text).text,
                shown(value->value).text);
}

#define BELOW 1u
#define EQUAL 2u
#define ABOVE 4u

static void number_validate(struct check *check, const struct number_rules *numbers,
                            const struct place *value)
{
    struct decimal number = decimal_read(value->value);
    limit_validate(check, &numbers->minimum, &number, BELOW, "at least", value);
    limit_validate(check, &numbers->maximum, &number, ABOVE, "at most", value);
    limit_validate(check, &numbers->above, &number, BELOW | EQUAL, "above", value);
    limit_validate(check, &numbers->below, &number, ABOVE | EQUAL, "below", value);
    if (!absent(numbers->multiple_text) && !decimal_is_multiple(value->value, numbers->multiple) &&
        !check_only_counts(check, 1))
        check_error(check, value, "must be a multiple of %s, and is %s",
                    shown(numbers->multiple_text).text, shown(value->value).text);
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

static void count_validate(struct check *check, const struct place *value, int64_t count,
                           int64_t least, int64_t most, const char *unit)
{
    if (least >= 0 && count < least && !check_only_counts(check, 1))
        check_error(check, value, "must have at least %lld %s, and has %lld", (long long)least,
                    unit, (long long)count);
    if (most >= 0 && count > most && !check_only_counts(check, 1))
        check_error(check, value, "must have at most %lld %s, and has %lld", (long long)most, unit,
                    (long long)count);
}

/* --- containers ------------------------------------------------------------------------------- */

static void value_validate(struct validation *validation, const struct rule *rule,
                           const struct place *value);

static void array_validate(struct validation *validation, const struct rule *rule,
                           const struct place *value)
{
    struct check *check = validation->check;
    struct children children = place_children(check, value);
    struct place element;
    while (rule->items != NULL && children_next(check, &children, &element))
        value_validate(validation, rule->items, &element);
    count_validate(check, value, check->tree.nodes[value->node].count, rule->items_min,
                   rule->items_max, "elements");
}

/* `had`: so many of the required names the object has; `object`: what they are marked with. Each
 * name that is passed here is one that it has, or is told. */
static void required_validate(struct validation *validation, const struct rule *rule,
                              const struct place *value, uint32_t had, uint32_t object)
{
    uint32_t missing = rule->required_count - had;
    for (uint32_t i = 0; missing > 0 && !check_only_counts(validation->check, missing); i++) {
        const struct property *property = &rule->properties[rule->required[i]];
        if (validation->seen[property->required - 1] == object)
            continue;
        BUFFER_SCOPED struct buffer name = {0};
        json_append_string(&name, property->name);
        validation->check->no_memory = validation->check->no_memory || name.failed;
        check_error(validation->check, value, "%s is missing", shown(buffer_span(&name)).text);
        missing--;
    }
}

static void unknown_field(struct check *check, const struct rule *rule, const struct place *one,
                          struct troth_span name)
{
    char right[TROTH_NAME_LEN_MAX + 1] = "";
    if (check_only_counts(check, 1))
        return;
    nearest_property(check, rule, name, right);
    check_error_at_key(check, one, "unknown field %s%s", shown(one->key).text,
                       hint(right[0] == '\0' ? NULL : right).text);
}

/* true: it is a required one that was not there before. */
static bool member_validate(struct validation *validation, const struct rule *rule,
                            const struct place *one, uint32_t object)
{
    BUFFER_SCOPED struct buffer scratch = {0};
    struct troth_span name;
    if (!json_string_view(one->key, &scratch, &name)) {
        validation->check->no_memory = true;
        return false;
    }
    const struct property *property = rule_property(rule, name);
    if (property != NULL && property->listed) {
        if (property->rule != NULL)
            value_validate(validation, property->rule, one);
    } else if (rule->more != NULL && rule->more->nothing) {
        unknown_field(validation->check, rule, one, name);
    } else if (rule->more != NULL) {
        value_validate(validation, rule->more, one);
    }
    if (property == NULL || property->required == 0 ||
        validation->seen[property->required - 1] == object)
        return false;
    validation->seen[property->required - 1] = object;
    return true;
}

static void object_validate(struct validation *validation, const struct rule *rule,
                            const struct place *value)
{
    struct check *check = validation->check;
    struct children children = place_children(check, value);
    uint32_t had = 0, object = ++validation->objects;
    struct place one;
    if (rule->properties_count == 0 && rule->more == NULL)
        return;
    while (children_next(check, &children, &one))
        had += member_validate(validation, rule, &one, object);
    required_validate(validation, rule, value, had, object);
}

static void value_validate(struct validation *validation, const struct rule *rule,
                           const struct place *value)
{
    struct check *check = validation->check;
    enum json_type type = json_type(value->value);
    if (rule->nothing && !check_only_counts(check, 1))
        check_error(check, value, "nothing may stand here");
    if (rule->nothing || !type_validate(check, rule, value))
        return;
    choice_validate(validation, rule, value);
    if (type == JSON_NUMBER && rule->numbers != NULL)
        number_validate(check, rule->numbers, value);
    else if (type == JSON_STRING && (rule->length_min >= 0 || rule->length_max >= 0))
        count_validate(check, value, string_length(value->value), rule->length_min,
                       rule->length_max, "characters");
    else if (type == JSON_ARRAY)
        array_validate(validation, rule, value);
    else if (type == JSON_OBJECT)
        object_validate(validation, rule, value);
}

void schema_validate(struct check *check, const struct schema *schema, const struct place *value)
{
    struct validation validation = {.check = check, .schema = schema};
    uint32_t required = schema_required_count(schema);
    if (schema_root(schema) == NULL)
        return;
    if (required > 0)
        validation.seen = calloc(required, sizeof *validation.seen);
    if (required > 0 && validation.seen == NULL)
        check->no_memory = true;
    else
        value_validate(&validation, schema_root(schema), value);
    free(validation.seen);
    free(validation.hashes);
}
