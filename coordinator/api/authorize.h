/* authorize.h: who sends a request, and whether he may. */
#ifndef API_AUTHORIZE_H
#define API_AUTHORIZE_H

#include <api/identity.h>

#include "context.h"

/* Fills request->identity, and holds it against what the route needs; API_SCOPE_ANY for what is no
 * route. 401, 403, or 503 where keys are not known here yet: nothing is said of what is behind. */
TROTH_MUST_CHECK int authorize(struct request *request, enum api_scope scope,
                               struct api_problem *ret_problem);
/* SHA-256 of a key's text: what is kept of it. false: no memory. */
bool authorize_hash(struct troth_span text, uint8_t ret_hash[API_KEY_HASH_BYTES]);
/* That identity begins a transaction of this definition; "": an interactive one, which only START
 * without patterns allows. */
TROTH_MUST_CHECK int authorize_start(const struct request *request, const char *definition,
                                     struct api_problem *ret_problem);

#endif
