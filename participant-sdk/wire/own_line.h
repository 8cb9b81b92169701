/* own_line.h: a result's line in the very spelling that message_result_append() gives it, which is
 * that of every participant with libtroth. Read at a glance; any other spelling is not read here,
 * and message.c reads it as the JSON that it is. Private to the module. */
#ifndef WIRE_OWN_LINE_H
#define WIRE_OWN_LINE_H

#include <wire/message.h>

/* false: it is spelt otherwise, or says something that is seldom said; nothing is told of it. */
bool own_line_read(struct troth_span line, struct result *ret_result);

#endif
