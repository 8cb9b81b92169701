/* mailbox.h: how other threads reach the loop: a list under a mutex and an eventfd that wakes it.
 *
 * Counted: the participant and every task hold it, so that an answer that comes after the
 * participant has gone finds a closed mailbox instead of freed memory. */
#ifndef SDK_MAILBOX_H
#define SDK_MAILBOX_H

#include <stdbool.h>

#include <troth/error.h>

struct troth_reply;
struct mailbox;

TROTH_MUST_CHECK int mailbox_create(struct mailbox **ret_mailbox);
struct mailbox *mailbox_hold(struct mailbox *mailbox);
void mailbox_release(struct mailbox *mailbox); /* takes NULL */
/* No post is taken from now on; what lies there is returned, as by mailbox_take(). */
struct troth_reply *mailbox_close(struct mailbox *mailbox);
/* Takes `reply` and wakes the loop if it was not told yet. false: closed; the caller keeps it. */
bool mailbox_post(struct mailbox *mailbox, struct troth_reply *reply);
void mailbox_stop(struct mailbox *mailbox); /* asks the loop to end */
/* All posts, oldest first, linked by `next`; resets the wake-up. */
struct troth_reply *mailbox_take(struct mailbox *mailbox, bool *ret_stop);
int mailbox_fd(const struct mailbox *mailbox); /* readable when there is something to take */

#endif
