/* api/problem.h: every refusal of the API, in one list (RFC 9457).
 *
 * The API and its host take status, slug and title from here, so that openapi.json can name them
 * all and a test can hold the two together. A new refusal is a new line here and in openapi.json.
 *
 * 400 and 415: the request itself is malformed. 422: it is well formed, and what it asks for can
 * not be. 404: the path names nothing. 409: it could have been, at another time. 503: nothing
 * happened, try again. 504: it may have happened: ask, and send it again only where that is safe.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <stdint.h>

#include <troth/error.h>

struct api_problem;

/* X(kind, status, slug, title). One slug may come with two statuses: 404 when the path names what
 * is not there, 422 when the body does. */
#define API_PROBLEMS(X)                                                                            \
    X(MALFORMED_REQUEST, 400, "malformed-request", "The request is not well-formed HTTP")          \
    X(MALFORMED_JSON, 400, "malformed-json", "The body is not well-formed JSON")                   \
    X(INVALID_BODY, 400, "invalid-body", "The body does not have the right shape")                 \
    X(UNKNOWN_MEMBER, 400, "unknown-member", "The body has a member that does not exist")          \
    X(UNKNOWN_PARAMETER, 400, "unknown-parameter", "There is no such query parameter")             \
    X(INVALID_PARAMETER, 400, "invalid-parameter", "A query parameter has a wrong value")          \
    X(INVALID_GTID, 400, "invalid-gtid", "That is not a gtid")                                     \
    X(INVALID_NAME, 400, "invalid-name", "That is not a name")                                     \
    X(INVALID_KEY, 400, "invalid-idempotency-key", "The Idempotency-Key is wrong")                 \
    X(UNAUTHENTICATED, 401, "unauthenticated", "Nobody who is known asks")                         \
    X(FORBIDDEN, 403, "forbidden", "Who asks may not do this")                                     \
    X(NO_SUCH_PATH, 404, "no-such-path", "There is nothing at this path")                          \
    X(NO_SUCH_TRANSACTION, 404, "unknown-transaction", "There is no such transaction")             \
    X(NO_SUCH_DEFINITION, 404, "unknown-definition", "There is no such definition")                \
    X(NO_SUCH_PARTICIPANT, 404, "unknown-participant", "There is no such participant")             \
    X(NO_SUCH_EVENT, 404, "unknown-event", "No such event was set aside")                          \
    X(NO_SUCH_KEY, 404, "unknown-key", "There is no such key")                                     \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed", "The path does not take this method")         \
    X(REQUEST_TIMEOUT, 408, "request-timeout", "The request did not arrive in time")               \
    X(ENDED, 409, "ended", "The transaction has ended")                                            \
    X(WRONG_STATE, 409, "wrong-state", "The transaction is not in a state for this")               \
    X(NOT_INTERACTIVE, 409, "not-interactive", "The transaction is not interactive")               \
    X(UNSAFE, 409, "unsafe", "It is not safe, and not done without force")                         \
    X(BRANCH_EXISTS, 409, "branch-exists", "The branch has enlisted already, as another one")      \
    X(VERSION_PUBLISHED, 409, "version-published", "A published version never changes")            \
    X(KEY_EXISTS, 409, "key-exists", "There is a key of this name")                                \
    X(IN_USE, 409, "in-use", "It is in use")                                                       \
    X(TOO_LARGE, 413, "too-large", "Larger than its limit")                                        \
    X(TARGET_TOO_LONG, 414, "target-too-long", "The request target is too long")                   \
    X(UNSUPPORTED_TYPE, 415, "unsupported-type", "The body has the wrong content type")            \
    X(INVALID_INPUT, 422, "invalid-input", "The input breaks the definition's input_schema")       \
    X(INVALID_DEFINITION, 422, "invalid-definition", "The definition has faults")                  \
    X(NAME_MISMATCH, 422, "name-mismatch", "The name in the path is not the name in the body")     \
    X(UNKNOWN_DEFINITION, 422, "unknown-definition", "There is no such definition")                \
    X(UNKNOWN_PARTICIPANT, 422, "unknown-participant", "There is no such participant")             \
    X(WRONG_URL, 422, "wrong-url", "A URL cannot be called")                                       \
    X(WRONG_TOKEN_FILE, 422, "wrong-token-file", "There is no token in such a file")               \
    X(TOO_MANY_BRANCHES, 422, "too-many-branches", "More branches than a transaction may have")    \
    X(COMMIT_DIFFERS, 422, "commit-differs", "It was committed with other branches")               \
    X(KEY_REUSED, 422, "idempotency-key-reused", "The Idempotency-Key belongs to another request") \
    X(TOO_MANY_REQUESTS, 429, "too-many-requests", "More than one caller may ask for")             \
    X(HEADERS_TOO_LARGE, 431, "headers-too-large", "The headers are too large, or too many")       \
    X(INTERNAL, 500, "internal", "The coordinator could not do this")                              \
    X(NOT_IMPLEMENTED, 501, "not-implemented", "The coordinator does not do this")                 \
    X(FULL, 503, "full", "A limit is reached; nothing was accepted")                               \
    X(UNAVAILABLE, 503, "unavailable", "The coordinator cannot do this now")                       \
    X(OUTCOME_UNKNOWN, 504, "outcome-unknown", "How it ends is not known here: ask")               \
    X(HTTP_VERSION, 505, "http-version", "The coordinator speaks HTTP/1.1")

enum api_problem_kind {
#define API_PROBLEM_ENUM_(kind, status, slug, title) API_PROBLEM_##kind,
    API_PROBLEMS(API_PROBLEM_ENUM_)
#undef API_PROBLEM_ENUM_
        API_PROBLEM_COUNT
};

/* Fills status, slug and title from the list and detail from the format (what is longer than the
 * field is cut off); no faults; Retry-After 1 s with 503, else none. Returns TROTH_ERROR_REFUSED,
 * for `return api_problem_set(…)`. */
int api_problem_set(struct api_problem *ret_problem, enum api_problem_kind kind, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

#endif
