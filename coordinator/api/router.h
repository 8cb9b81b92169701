/* router.h: which handler answers a request. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "context.h"
#include "pass.h"

/* Answers, or has a call answer later, and returns 0. Anything else: *ret_problem is the answer. */
typedef int (*route_handler)(const struct request *request, struct api_problem *ret_problem);

struct route {
    const char *method;
    const char *pattern;  /* at most one {…}, which matches one segment */
    enum api_scope scope; /* that who asks must have */
    enum route_by by;     /* which node answers */
    route_handler handler;
    const char *parameters[16]; /* of the query, NULL-terminated */
};

int transactions_start(const struct request *request, struct api_problem *ret_problem);
int transactions_get(const struct request *request, struct api_problem *ret_problem);
int transactions_abort(const struct request *request, struct api_problem *ret_problem);
int transactions_retry(const struct request *request, struct api_problem *ret_problem);
int by_hand_resolve(const struct request *request, struct api_problem *ret_problem);
int by_hand_forget(const struct request *request, struct api_problem *ret_problem);
int transactions_list(const struct request *request, struct api_problem *ret_problem);
int branches_enlist(const struct request *request, struct api_problem *ret_problem);
int branches_commit(const struct request *request, struct api_problem *ret_problem);
int events_follow(const struct request *request, struct api_problem *ret_problem);
int decision_get(const struct request *request, struct api_problem *ret_problem);
int definitions_put(const struct request *request, struct api_problem *ret_problem);
int definitions_get(const struct request *request, struct api_problem *ret_problem);
int definitions_status(const struct request *request, struct api_problem *ret_problem);
int definitions_delete(const struct request *request, struct api_problem *ret_problem);
int definitions_list(const struct request *request, struct api_problem *ret_problem);
int definitions_validate(const struct request *request, struct api_problem *ret_problem);
int participants_put(const struct request *request, struct api_problem *ret_problem);
int participants_get(const struct request *request, struct api_problem *ret_problem);
int participants_delete(const struct request *request, struct api_problem *ret_problem);
int participants_list(const struct request *request, struct api_problem *ret_problem);
int asides_list(const struct request *request, struct api_problem *ret_problem);
int asides_get(const struct request *request, struct api_problem *ret_problem);
int asides_resend(const struct request *request, struct api_problem *ret_problem);
int asides_discard(const struct request *request, struct api_problem *ret_problem);
int keys_list(const struct request *request, struct api_problem *ret_problem);
int keys_create(const struct request *request, struct api_problem *ret_problem);
int keys_revoke(const struct request *request, struct api_problem *ret_problem);
int keys_rotate(const struct request *request, struct api_problem *ret_problem);
int health_alive(const struct request *request, struct api_problem *ret_problem);
int health_ready(const struct request *request, struct api_problem *ret_problem);
int nodes_list(const struct request *request, struct api_problem *ret_problem);
int metrics_get(const struct request *request, struct api_problem *ret_problem);
int openapi_get(const struct request *request, struct api_problem *ret_problem);

#endif
