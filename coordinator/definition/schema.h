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
 * value's is passed over, as the standard says. */
#ifndef DEFINITION_SCHEMA_H
#define DEFINITION_SCHEMA_H

#include "check.h"

/* Is this a schema that we can check with? Faults are at the schema's own places. */
void schema_check(struct check *check, const struct place *schema);

/* A value against a schema that schema_check() found right; faults are at the value's places. */
void schema_validate(struct check *check, struct troth_span schema, const struct place *value);

/* Can a value that fits the schema have this path? Only what the schema rules out, or does not list
 * where it lists the others, counts as wrong: then false, with the wrong segment and the nearest
 * right one (may be ""). */
struct schema_path_fault {
    struct troth_span segment;
    bool scalar; /* the value before the segment has no parts at all */
    char right[TROTH_NAME_LEN_MAX + 1];
};
bool schema_path_possible(struct troth_span schema, struct troth_span rest,
                          struct schema_path_fault *ret_fault);

/* The nearest name among an object's keys; "" when none is near. */
void nearest_key(struct troth_span object, struct troth_span plain,
                 char ret_name[TROTH_NAME_LEN_MAX + 1]);

/* Does the schema's "type" allow this type name? Absent allows all. */
bool schema_allows(struct troth_span schema, const char *type);

#endif
