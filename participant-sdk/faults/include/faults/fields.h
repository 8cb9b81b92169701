/* faults/fields.h: reads an object's known fields and says what is wrong with them. */
#ifndef FAULTS_FIELDS_H
#define FAULTS_FIELDS_H

#include <faults/check.h>

#define FIELDS_MAX 16u

struct field {
    const char *name; /* NULL ends the list */
    bool required;
};

/* Fills ret_fields[i] for fields[i]; an absent one has no value. An unknown field is an error; when
 * its nearest right name is missing it is taken for that one, so that one slip of the pen is one
 * fault and what stands behind it is still checked. Duplicates: the first. `what` is for messages:
 * "a step". */
void fields_read(struct check *check, const struct place *object, const char *what,
                 const struct field *fields, struct place *ret_fields);

/* All below: an absent field is passed over in silence and *ret_… keeps its default. */
bool field_is(struct check *check, const struct place *place, enum json_type type);
/* [a-z][a-z0-9_]*, 1 … 63 bytes. */
void field_name(struct check *check, const struct place *place,
                char ret_name[TROTH_NAME_LEN_MAX + 1]);
/* least_us … DURATION_MAX_US. false: it is there, and wrong. */
bool field_duration(struct check *check, const struct place *place, uint64_t least_us,
                    uint64_t *ret_us);
/* The index into `names` (NULL-terminated). A wrong word is an error and counts as its nearest;
 * false: it is near to none. */
bool field_choice(struct check *check, const struct place *place, const char *const *names,
                  uint32_t *ret_index);
void field_integer(struct check *check, const struct place *place, int64_t least, int64_t most,
                   int64_t *ret_value);

#endif
