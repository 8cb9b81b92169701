/* parse.h: what the parts of the parser share. Private to the definition module. */
#ifndef DEFINITION_PARSE_H
#define DEFINITION_PARSE_H

#include "check.h"
#include "fields.h"

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

/* The parts, in the order in which parse.c calls them. Each adds its faults and goes on. */
void parse_retries(struct parse *parse);
/* A retry policy by name; stays -1 when it is not there. */
void parse_retry_name(struct parse *parse, const struct place *place, int32_t *ret_retry);
void parse_steps(struct parse *parse);
/* `after` of every step, the order that follows, and the circles in it. */
void parse_order(struct parse *parse);
/* What the templates name: needs, input_needs. Before parse_order() in mode 2pc, where the needs
 * make the order; whether what is named comes before is checked by parse_references(). */
void parse_needs(struct parse *parse);
void parse_references(struct parse *parse);
void parse_kinds(struct parse *parse);
void parse_events(struct parse *parse);

/* The step of that name, or -1. `name` is plain. */
int32_t step_find(const struct parse *parse, struct troth_span name);
/* A name that is not found may still be the name of a step that could not be read: one whose own
 * name is missing or wrong, unless the name is near to that of another, or one that was not looked
 * at. The fault is told there; that nobody has the name would only follow from it. */
bool step_may_be_unread(const struct parse *parse, const char *nearest);
/* All step names, NULL-terminated, for suggestions. */
void step_names(const struct parse *parse, const char *ret_names[DEFINITION_STEPS_MAX + 1]);

#endif
