/* /v1/nodes: who shares the journal. */
#include "call.h"
#include "router.h"

int nodes_list(const struct request *request, struct api_problem *ret_problem)
{
    static const struct http_header no_headers[] = {{NULL, NULL}};
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer body = {0};
    host->nodes(host->ctx, &body);
    buffer_append_char(&body, '\n');
    if (body.failed)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "out of memory");
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}
