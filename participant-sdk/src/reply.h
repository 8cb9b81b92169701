/* reply.h: how tasks are answered, beside the public troth_reply_… functions. */
#ifndef SDK_REPLY_H
#define SDK_REPLY_H

#include <troth/participant.h>

struct mailbox;

/* Whoever was asked lacks the operation, and has done nothing. */
void task_reply_no_operation(struct troth_reply *reply, const char *reason);

/* While a handler runs on the loop's thread its answers need no mailbox: they are given here.
 * NULL: switch off. Per thread. */
typedef void (*task_sink)(void *arg, struct troth_reply *task);
void task_set_sink(const struct mailbox *mailbox, task_sink sink, void *arg);

#endif
