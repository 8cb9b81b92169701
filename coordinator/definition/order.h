/* order.h: the order of the steps. Private to the definition module. */
#ifndef DEFINITION_ORDER_H
#define DEFINITION_ORDER_H

#include "draft.h"

/* `after` of every step, the order that follows, and the circles in it. */
void parse_order(struct parse *parse);

#endif
