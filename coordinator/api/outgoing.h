/* outgoing.h: a request as it leaves for another node, and whether it was that one that answered.
 */
#ifndef API_OUTGOING_H
#define API_OUTGOING_H

#include <http/client.h>

#include "context.h"

/* What is kept of it until its answer is there. */
struct outgoing {
    struct api *api;
    char node[API_NODE_TEXT_MAX]; /* its name, for people */
    char key[2 * NODE_KEY_BYTES + 1];
    char proof[NODE_MAC_TEXT_LEN + 1];
};

/* Sends the client's request to the node, with who asks and the proof of that; *how has what is to
 * become of the answer (timeouts, callbacks), and is filled in otherwise. 503: nothing was sent. */
TROTH_MUST_CHECK int outgoing_send(const struct request *request, const struct api_node *node,
                                   struct http_request *how, struct outgoing *ret_outgoing,
                                   struct http_call **ret_call, struct api_problem *ret_problem);
/* During on_head and on_done: the answer is that node's, and fits the request. */
bool outgoing_is_answered(const struct outgoing *outgoing, const struct http_reply *reply);

#endif
