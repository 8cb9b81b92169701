/* transaction_reply.h: the answers that show one transaction. */
#ifndef API_TRANSACTION_REPLY_H
#define API_TRANSACTION_REPLY_H

#include "call.h"
#include "view.h"

/* Ends the call: the view without its timeline, Location, and what was preferred and applied. */
void transaction_reply(struct call *call, int status, const struct api_view *view, bool replayed);

/* An api_view_fn, arg is the call: 200 with an outcome, 202 without. */
void transaction_changed(void *arg, const struct api_problem *problem, const struct api_view *view,
                         bool fresh);

/* Reads Prefer into the call's preference and what the host is asked for. `asked` is what the body
 * says; whoever does not wait is answered when the transaction is accepted. */
void transaction_prefer(const struct request *request, enum api_reply asked,
                        struct preference *ret_prefer, enum api_reply *ret_reply,
                        uint64_t *ret_wait_us);

#endif
