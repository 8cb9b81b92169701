/* /openapi.json: the description of this API, compiled in. */
#include <api_files.h>

#include "call.h"
#include "router.h"

struct troth_span api_openapi(void)
{
    return (struct troth_span){api_files[0].text, api_files[0].len};
}

int openapi_get(const struct request *request, struct api_problem *ret_problem)
{
    static const struct http_header no_headers[] = {{NULL, NULL}};
    (void)ret_problem;
    http_exchange_reply(request->exchange, 200, JSON_TYPE, no_headers, api_openapi());
    return 0;
}
