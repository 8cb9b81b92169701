/* steps.h: the steps, and a step by its name. Private to the definition module. */
#ifndef DEFINITION_STEPS_H
#define DEFINITION_STEPS_H

#include "draft.h"

void parse_steps(struct parse *parse);

/* The step of that name, or -1. `name` is plain. */
int32_t step_find(const struct parse *parse, struct troth_span name);
/* A name that is not found may still be the name of a step that could not be read: one whose own
 * name is missing or wrong, unless the name is near to that of another, or one that was not looked
 * at. The fault is told there; that nobody has the name would only follow from it. */
bool step_may_be_unread(const struct parse *parse, const char *nearest);
/* All step names, NULL-terminated, for suggestions. */
void step_names(const struct parse *parse, const char *ret_names[DEFINITION_STEPS_MAX + 1]);

#endif
