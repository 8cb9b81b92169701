/* call.h: replies, and the request that waits for its host. */
#ifndef API_CALL_H
#define API_CALL_H

#include "context.h"
#include "headers.h"

#define JSON_TYPE    "application/json"
#define PROBLEM_TYPE "application/problem+json"

/* Lives from the call of the host to its answer, which comes exactly once and perhaps after the
 * client has left; then it has no exchange and the answer goes nowhere. */
struct call {
    struct api *api;
    struct http_exchange *exchange; /* NULL: the client has left */
    struct buffer text;             /* a list so far */
    uint32_t count;                 /* entries in it */
    uint32_t limit;
    bool payloads;         /* they are listed, too */
    struct others *others; /* the other nodes' parts of a list; NULL: there are none */
    troth_gtid gtid;       /* asked about; in a list the last one shown */
    uint32_t branch;
    uint32_t attempt;
    char name[TROTH_NAME_LEN_MAX + 1]; /* of the definition or participant */
    uint32_t version;
    bool existed; /* before a PUT */
    struct preference prefer;
};

TROTH_MUST_CHECK int call_create(const struct request *request, struct call **ret_call,
                                 struct api_problem *ret_problem);
/* Each of these ends the call. */
void call_reply(struct call *call, int status, const struct http_header *headers,
                struct buffer *body);
void call_refuse(struct call *call, const struct api_problem *problem);

/* `body` failed: 503 instead. */
void reply_json(struct http_exchange *exchange, int status, const struct http_header *headers,
                struct buffer *body);
/* `allow`: value of the Allow header, or NULL. */
void reply_problem(struct http_exchange *exchange, const struct api_problem *problem,
                   const char *allow);

#endif
