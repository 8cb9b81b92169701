/* headers.h: the request headers that mean something to the API. */
#ifndef API_HEADERS_H
#define API_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include <api/api.h>

/* Prefer (RFC 7240). */
struct preference {
    bool respond_async;
    bool has_wait;
    uint32_t wait_s; /* as applied: at most API_WAIT_MAX_US */
};

/* What is malformed or unknown is passed over, as the RFC wants it; of two the first counts. */
void headers_prefer(struct troth_span value, struct preference *ret_preference);
/* Preference-Applied; false: none was. `later`: the answer comes before the outcome. */
bool headers_preference_applied(const struct preference *preference, bool later,
                                struct buffer *ret_value);

/* A string of structured fields, quoted, or the same bare. Appends the key itself.
 * TROTH_ERROR_REFUSED: *ret_problem says why. */
TROTH_MUST_CHECK int headers_idempotency_key(struct troth_span value, struct buffer *ret_key,
                                             struct api_problem *ret_problem);

/* W3C trace context, in the form that every version shares. */
bool headers_traceparent_valid(struct troth_span value);

/* application/json, with any parameters. */
bool headers_is_json(struct troth_span content_type);

#endif
