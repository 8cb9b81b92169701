/* retries.h: retry policies. Private to the definition module. */
#ifndef DEFINITION_RETRIES_H
#define DEFINITION_RETRIES_H

#include "draft.h"

/* Each function that parses a part adds its faults and goes on. */
void parse_retries(struct parse *parse);
/* A retry policy by name; stays -1 when it is not there. */
void parse_retry_name(struct parse *parse, const struct place *place, int32_t *ret_retry);

#endif
