/* passed.h: what a request shows that one node passes on to another, and what that one believes.
 *
 *   Troth-Passed-By, -To   the two processes. Who is not the second does not answer it
 *   Troth-Number           another one with each request of the first: the second answers each once
 *   Troth-Who, -Scopes, -Starts, -Caller   who asks, as the first one has seen and looked up
 *   Troth-Proof            what only the two can make of all of it, with target, key and body
 *
 * The answer bears Troth-Node: what only the two can make of the proof. So an address that is
 * another's, or nobody's, is noticed in both directions, and what would open anything never leaves.
 * A request that was passed on is answered here or not at all: it goes no further. One from a
 * process that the journal did not name yet (it has just started) is refused with Troth-Node, so
 * that it knows that nothing was done. */
#ifndef API_PASSED_H
#define API_PASSED_H

#include "context.h"

#define PASSED_BY     "Troth-Passed-By"
#define PASSED_TO     "Troth-Passed-To"
#define PASSED_NUMBER "Troth-Number"
#define PASSED_WHO    "Troth-Who"
#define PASSED_SCOPES "Troth-Scopes"
#define PASSED_STARTS "Troth-Starts"
#define PASSED_CALLER "Troth-Caller"
#define PASSED_PROOF  "Troth-Proof"
#define PASSED_ANSWER "Troth-Node"

/* What is proven; absent values are empty. */
struct passed_claims {
    struct troth_span by, to, number, method, path, query, who, scopes, starts, caller, key, prefer;
    struct troth_span body;
};
/* false: the other node's key is none, or there is no memory. */
bool passed_prove(const struct api *api, struct troth_span node, const struct passed_claims *claims,
                  char ret_proof[NODE_MAC_TEXT_LEN + 1]);
/* What the answer to a request with this proof bears. */
bool passed_answer(const struct api *api, struct troth_span node, const char *proof,
                   char ret_answer[NODE_MAC_TEXT_LEN + 1]);

/* Fills is_passed, identity and caller where another node has passed the request on. 503: it is not
 * for this process, nobody known has sent it, or it came before; nothing was done. */
TROTH_MUST_CHECK int passed_read(struct request *request, struct api_problem *ret_problem);
/* Where the client is, also of a request that was passed on. */
void passed_caller(const struct request *request, char ret_text[HTTP_CLIENT_TEXT_MAX]);

#endif
