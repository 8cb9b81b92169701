/* /healthz: the process answers. /readyz: it can do its work. */
#include "call.h"
#include "router.h"

static const struct http_header no_headers[] = {{NULL, NULL}};

int health_alive(const struct request *request, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    (void)ret_problem;
    buffer_append_text(&body, "{\"status\":\"ok\"}\n");
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}

int health_ready(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer body = {0};
    (void)ret_problem;
    bool ready = host->ready(host->ctx, &body);
    buffer_append_char(&body, '\n');
    reply_json(request->exchange, ready ? 200 : 503, no_headers, &body);
    return 0;
}
