/* kinds.h: the pivot, and what stands before and behind it. Private to the definition module. */
#ifndef DEFINITION_KINDS_H
#define DEFINITION_KINDS_H

#include "draft.h"

void parse_kinds(struct parse *parse);

#endif
