/* draft.h: a definition while it is parsed: where each of its parts is, and what is known of them.
 * Private to the definition module. */
#ifndef DEFINITION_DRAFT_H
#define DEFINITION_DRAFT_H

#include <definition/definition.h>
#include <faults/check.h>
#include <faults/fields.h>

enum step_field {
    STEP_NAME,
    STEP_PARTICIPANT,
    STEP_OPERATION,
    STEP_KIND,
    STEP_TIMEOUT,
    STEP_INPUT,
    STEP_AFTER,
    STEP_WHEN,
    STEP_RETRY,
    STEP_COMPENSATE,
    STEP_FIELDS
};

enum compensate_field {
    COMPENSATE_OPERATION,
    COMPENSATE_INPUT,
    COMPENSATE_RETRY,
    COMPENSATE_FIELDS
};

/* Exactly one of the three tests beside the value. */
enum condition_field {
    CONDITION_VALUE,
    CONDITION_EQUALS,
    CONDITION_NOT_EQUALS,
    CONDITION_EXISTS,
    CONDITION_FIELDS
};

enum top_field {
    TOP_SCHEMA,
    TOP_NAME,
    TOP_VERSION,
    TOP_DESCRIPTION,
    TOP_MODE,
    TOP_TIMEOUT,
    TOP_PREPARE_TIMEOUT,
    TOP_PREPARE,
    TOP_INPUT_SCHEMA,
    TOP_RETRIES,
    TOP_STEPS,
    TOP_EVENTS,
    TOP_FIELDS
};

enum events_field { EVENTS_TOPIC, EVENTS_KEY, EVENTS_FIELDS };

/* A step as it stands in the file: where each of its parts is. */
struct step_source {
    struct place place;
    struct place fields[STEP_FIELDS];
    struct place compensate[COMPENSATE_FIELDS];
    struct place when[CONDITION_FIELDS];
    uint64_t uses; /* bit i: input or when name the output of steps[i] */
};

struct parse {
    struct check check;
    struct definition *definition;
    struct place root;
    struct place top[TOP_FIELDS];
    struct place events[EVENTS_FIELDS];
    struct place retries[DEFINITION_RETRIES_MAX]; /* the entries, in the definition's order */
    uint32_t retries_used;                        /* bit i: somebody names it */
    struct step_source steps[DEFINITION_STEPS_MAX];
    uint64_t before[DEFINITION_STEPS_MAX]; /* bit j: steps[j] surely ends before this one begins */
    uint32_t gathered, references; /* expressions, as the two walks over them have counted */
    bool mode_known;    /* false: `mode` is missing or wrong; rules that hang on it are not applied,
                           and the order of steps is one of them */
    bool kinds_known;   /* false: some step's `kind` could not be read; the same */
    bool timeout_known; /* false: `timeout` is wrong; nothing is held against it */
    bool steps_unread;  /* there are more than DEFINITION_STEPS_MAX, or none at all */
    bool retries_unread; /* the same of DEFINITION_RETRIES_MAX and "retries" */
    bool order_known;    /* false: some step or `after` is so wrong that the order means nothing */
};

#endif
