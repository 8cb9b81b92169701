/* schema.h: the subset of JSON Schema (2020-12) that input_schema speaks.
 *
 *   any value  type (a name or a list of names), enum, const
 *   objects    required, properties, additionalProperties (bool or schema)
 *   arrays     items, minItems, maxItems
 *   strings    minLength, maxLength (code points)
 *   numbers    minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 *              multipleOf (a whole number from 1 to 4294967295)
 *   for people title, description, default, examples, $schema, $comment: not looked at
 *
 * Any other keyword is an error in the definition, never silently ignored: a rule that somebody
 * wrote and nobody checks is worse than none. `pattern` is among them: POSIX regular expressions
 * are not those of JSON Schema, and regcomp() has no bound on time or stack.
 *
 * Numbers compare exactly, as decimal text (decimal.h). A keyword for another type than the
 * value's is passed over, as the standard says.
 *
 * A schema is made into rules once, with the definition: what a value is held against costs the
 * same however much the schema lists. */
#ifndef DEFINITION_SCHEMA_H
#define DEFINITION_SCHEMA_H

#include <base/decimal.h>
#include <definition/definition.h>
#include <faults/check.h>

/* Is this a schema that we can check with? Faults are at the schema's own places. */
void schema_check(struct check *check, const struct place *schema);

#define TYPE_BIT(type) (1u << (type))
#define TYPE_INTEGER   (1u << 7) /* JSON_NUMBER's bit is that of any number */
#define TYPES_ALL      (~0u)

/* One value of an enum, or a const: a node of the schema's tree. */
struct choice {
    uint64_t hash; /* tree_hash() */
    uint32_t node;
};

struct property {
    struct troth_span name;  /* unescaped */
    const struct rule *rule; /* NULL: anything */
    uint32_t required; /* its number among all that are required in this schema, + 1; 0: not */
    bool listed;       /* in `properties`; else only `required` names it */
};

struct limit {
    struct troth_span text; /* absent: none */
    struct decimal value;
};

/* Of numbers, where there are any. */
struct number_rules {
    struct limit minimum, maximum, above, below;
    struct troth_span multiple_text; /* absent: none */
    uint32_t multiple;
};

struct rule {
    uint32_t types;         /* TYPE_BIT of what is allowed */
    const char *types_text; /* "integer or null"; NULL: all are */
    struct troth_span constant, choices_text;
    const struct choice *constant_choice, *choices;
    uint32_t choices_count, choices_places_count;
    uint32_t *choices_places;
    const struct number_rules *numbers;
    int64_t length_min, length_max, items_min, items_max; /* -1: no such limit */
    const struct rule *items;
    const struct rule *more; /* additionalProperties; NULL: anything */
    struct property *properties;
    uint32_t properties_count, properties_places_count;
    uint32_t *properties_places;
    uint32_t *required; /* into properties, in the schema's order */
    uint32_t required_count;
    bool nothing;   /* the schema `false` */
    bool lists;     /* it has `properties`, perhaps empty ones */
    bool says_more; /* it has `additionalProperties` */
};

/* The rules of a schema that schema_check() found right. They borrow the text. NULL: no memory. */
struct schema;
struct schema *schema_make(struct troth_span text);
void schema_destroy(struct schema *schema); /* takes NULL */
const struct rule *schema_root(const struct schema *schema);
uint32_t schema_required_count(const struct schema *schema);
const struct json_tree *schema_tree(const struct schema *schema);
/* The property of that name, or NULL. */
const struct property *rule_property(const struct rule *rule, struct troth_span name);

/* A value against the schema; faults are at the value's places. */
void schema_validate(struct check *check, const struct schema *schema, const struct place *value);

/* Can a value that fits the rule have this path? Only what the schema rules out, or does not list
 * where it lists the others, counts as wrong: then false, with the wrong segment and the nearest
 * right one (may be ""). */
struct schema_path_fault {
    struct troth_span segment;
    bool scalar; /* the value before the segment has no parts at all */
    char right[TROTH_NAME_LEN_MAX + 1];
};
bool schema_path_possible(struct check *check, const struct rule *rule, struct troth_span rest,
                          struct schema_path_fault *ret_fault);

/* The nearest among the names that `properties` lists; "" when none is near. */
void nearest_property(struct check *check, const struct rule *rule, struct troth_span plain,
                      char ret_name[TROTH_NAME_LEN_MAX + 1]);

#endif
