/* /metrics: for Prometheus. */
#include "call.h"
#include "limits.h"
#include "router.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

int metrics_get(const struct request *request, struct api_problem *ret_problem)
{
    static const struct http_header no_headers[] = {{NULL, NULL}};
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer text = {0};
    host->metrics(host->ctx, &text);
    limits_append_metrics(request->api->limits, &text);
    if (text.failed)
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "out of memory");
    http_exchange_reply(request->exchange, 200, METRICS_TYPE, no_headers, buffer_span(&text));
    return 0;
}
