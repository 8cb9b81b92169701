/* order.h: whether first attempts prepare in order. */
#ifndef DAEMON_ORDER_H
#define DAEMON_ORDER_H

#include <stdint.h>

struct buffer;
struct definition_slot;
struct entry;
struct metrics_mark;
struct result;

/* Before it begins: whether its first attempt prepares in order. */
void order_choose(struct entry *entry);
/* Behind each step: a conflict, or the end of a probe, is learnt. */
void order_step(struct entry *entry, const struct metrics_mark *before);
/* Before a result is stepped: counts conflicts, and learns how long a prepare in order took. */
void order_result(struct entry *entry, uint32_t index, const struct result *result);
/* What was learnt, as a member of an object: "prepare":{…}. */
void order_append(const struct definition_slot *slot, struct buffer *ret_members);
/* The participant that prepares last, as was learnt; NULL: none. */
const char *order_last(const struct definition_slot *slot);

#endif
