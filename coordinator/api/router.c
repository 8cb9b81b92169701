/* The table of routes, and the way from a request to its line in it. */
#include "router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "call.h"
#include "limits.h"
#include "passed.h"
#include "request.h"

#include <base/span.h>

#define ROUTE(method, pattern, scope, by, handler, ...)                                            \
    {                                                                                              \
        method, pattern, API_SCOPE_##scope, ROUTE_BY_##by, handler,                                \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* A literal segment comes before a {…} that would match it too. */
static const struct route routes[] = {
    ROUTE("POST", "/v1/transactions", START, KEY, transactions_start, NULL),
    ROUTE("GET", "/v1/transactions", READ, ALL, transactions_list, "state", "outcome", "definition",
          "participant", "older_than", "began_after", "began_before", "label", "key", "gtid",
          "in_doubt", "limit", "cursor", "payloads", NULL),
    ROUTE("GET", "/v1/transactions/{gtid}", READ, GTID, transactions_get, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/branches", START, GTID, branches_enlist, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/commit", START, GTID, branches_commit, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/abort", OPERATE, GTID, transactions_abort, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/retry", OPERATE, GTID, transactions_retry, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/resolve", OPERATE, GTID, by_hand_resolve, NULL),
    ROUTE("POST", "/v1/transactions/{gtid}/forget", OPERATE, GTID, by_hand_forget, NULL),
    ROUTE("GET", "/v1/transactions/{gtid}/decision", INQUIRE, GTID, decision_get, "branch",
          "attempt", "journal", NULL),
    ROUTE("GET", "/v1/transactions/{gtid}/events", READ, GTID, events_follow, NULL),
    ROUTE("GET", "/v1/definitions", READ, ANYBODY, definitions_list, "limit", "cursor", NULL),
    ROUTE("POST", "/v1/definitions/validate", READ, ANYBODY, definitions_validate, NULL),
    ROUTE("PUT", "/v1/definitions/{name}", DEFINITIONS, ANYBODY, definitions_put, NULL),
    ROUTE("GET", "/v1/definitions/{name}", READ, ANYBODY, definitions_get, "version", NULL),
    ROUTE("DELETE", "/v1/definitions/{name}", DEFINITIONS, ANYBODY, definitions_delete, "version",
          NULL),
    ROUTE("GET", "/v1/definitions/{name}/status", READ, ANYBODY, definitions_status, "version",
          NULL),
    ROUTE("GET", "/v1/participants", READ, ANYBODY, participants_list, "limit", "cursor", NULL),
    ROUTE("PUT", "/v1/participants/{name}", PARTICIPANTS, ANYBODY, participants_put, NULL),
    ROUTE("GET", "/v1/participants/{name}", READ, ANYBODY, participants_get, NULL),
    ROUTE("DELETE", "/v1/participants/{name}", PARTICIPANTS, ANYBODY, participants_delete, "force",
          NULL),
    ROUTE("GET", "/v1/events", READ, ANYBODY, asides_list, "limit", NULL),
    ROUTE("GET", "/v1/events/{id}", READ, ANYBODY, asides_get, NULL),
    ROUTE("DELETE", "/v1/events/{id}", OPERATE, ANYBODY, asides_discard, NULL),
    ROUTE("POST", "/v1/events/{id}/resend", OPERATE, ANYBODY, asides_resend, NULL),
    ROUTE("GET", "/v1/keys", ADMIN, ANYBODY, keys_list, "limit", "cursor", NULL),
    ROUTE("POST", "/v1/keys", ADMIN, ANYBODY, keys_create, NULL),
    ROUTE("DELETE", "/v1/keys/{name}", ADMIN, ANYBODY, keys_revoke, NULL),
    ROUTE("POST", "/v1/keys/{name}/rotate", ADMIN, ANYBODY, keys_rotate, NULL),
    ROUTE("GET", "/v1/nodes", READ, ANYBODY, nodes_list, NULL),
    ROUTE("GET", "/healthz", NONE, ANYBODY, health_alive, NULL),
    ROUTE("GET", "/readyz", NONE, ANYBODY, health_ready, NULL),
    ROUTE("GET", "/metrics", METRICS, ANYBODY, metrics_get, NULL),
    ROUTE("GET", "/openapi.json", ANY, ANYBODY, openapi_get, NULL),
};

#define ROUTES_COUNT (sizeof routes / sizeof routes[0])

bool api_route_at(uint32_t i, struct api_route *ret_route)
{
    if (i >= ROUTES_COUNT)
        return false;
    *ret_route = (struct api_route){
        .method = routes[i].method,
        .pattern = routes[i].pattern,
        .parameters = routes[i].parameters,
        .scope = routes[i].scope,
    };
    return true;
}

/* One segment for {…}, everything else letter by letter. */
static bool pattern_matches(const char *pattern, struct troth_span path,
                            struct troth_span *ret_named)
{
    struct troth_span named = {NULL, 0};
    size_t at = 0;
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t begin = at;
            while (at < path.len && path.data[at] != '/')
                at++;
            if (at == begin)
                return false;
            named = (struct troth_span){path.data + begin, at - begin};
            pattern = strchr(pattern, '}') + 1;
        } else {
            if (at == path.len || path.data[at] != *pattern)
                return false;
            at++;
            pattern++;
        }
    }
    if (at != path.len)
        return false;
    *ret_named = named;
    return true;
}

/* Appends the methods the path takes: "GET, HEAD, PUT"; nothing when there is no such path. */
static void append_allowed(struct troth_span path, struct buffer *list)
{
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        struct troth_span named;
        if (!pattern_matches(routes[i].pattern, path, &named))
            continue;
        if (list->len > 0)
            buffer_append_text(list, ", ");
        buffer_append_text(list, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            buffer_append_text(list, ", HEAD");
    }
}

static void refuse_unrouted(struct http_exchange *exchange)
{
    struct troth_span path = http_exchange_path(exchange);
    struct troth_span method = http_exchange_method(exchange);
    BUFFER_SCOPED struct buffer allowed = {0};
    struct api_problem problem;
    append_allowed(path, &allowed);
    const char *allow = allowed.len > 0 ? buffer_text(&allowed) : NULL;
    if (allow != NULL)
        api_problem_set(&problem, API_PROBLEM_METHOD_NOT_ALLOWED, "%.*s takes %s, not %.*s",
                        SHOWN(path), allow, SHOWN(method));
    else
        api_problem_set(&problem, API_PROBLEM_NO_SUCH_PATH,
                        "%.*s: see /openapi.json for the paths there are", SHOWN(path));
    reply_problem(exchange, &problem, allow);
}

static const struct route *find_route(struct http_exchange *exchange, struct troth_span *ret_named)
{
    struct troth_span method = http_exchange_method(exchange);
    struct troth_span path = http_exchange_path(exchange);
    bool head = span_is(method, "HEAD");
    for (size_t i = 0; i < ROUTES_COUNT; i++)
        if (span_is(method, routes[i].method) || (head && strcmp(routes[i].method, "GET") == 0))
            if (pattern_matches(routes[i].pattern, path, ret_named))
                return &routes[i];
    return NULL;
}

/* Probes, metrics, the nodes and the OpenAPI file are served always. */
static int check_serving(const struct request *request, const struct route *route,
                         struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    bool always = strncmp(route->pattern, "/v1/", 4) != 0 || route->handler == nodes_list;
    if (always || host->serving(host->ctx))
        return 0;
    return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE,
                           "this node does not lead the journal yet, or is still loading it: see "
                           "/readyz; nothing was done, try again");
}

/* Who asks, whether he may, and whether he asks too often; probes are everybody's. */
static int admit(struct request *request, enum api_scope scope, struct api_problem *ret_problem)
{
    int error = authorize(request, scope, ret_problem);
    if (error != 0 && ret_problem->status == 401)
        limits_failed(request, ret_problem);
    return error != 0 || scope == API_SCOPE_NONE ? error : limits_take(request, ret_problem);
}

void api_handle(void *arg, struct http_exchange *exchange)
{
    struct request request = {.api = arg, .exchange = exchange};
    struct api_problem problem;
    const struct route *route = find_route(exchange, &request.named);
    int error = passed_read(&request, &problem);
    if (error == 0)
        error = admit(&request, route != NULL ? route->scope : API_SCOPE_ANY, &problem);
    if (route == NULL && error == 0) {
        refuse_unrouted(exchange);
        return;
    }
    if (error == 0)
        error = check_serving(&request, route, &problem);
    if (error == 0)
        error = request_check_query(&request, route->parameters, &problem);
    bool is_ours = true;
    if (error == 0)
        error = pass_request(&request, route->by, &is_ours, &problem);
    if (error == 0 && is_ours)
        error = route->handler(&request, &problem);
    if (error != 0)
        reply_problem(exchange, &problem, NULL);
}

static void assert_complete(const struct api_host *host)
{
    assert(host->serving != NULL && host->identify != NULL);
    assert(host->whose != NULL && host->node_at != NULL && host->pass != NULL);
    assert(host->is_new != NULL && host->mac != NULL && host->node_key != NULL);
    assert(host->submit != NULL && host->enlist != NULL && host->commit != NULL);
    assert(host->abort != NULL && host->get != NULL && host->list != NULL && host->inquire != NULL);
    assert(host->retry != NULL && host->resolve != NULL && host->forget != NULL);
    assert(host->metrics != NULL && host->nodes != NULL);
    assert(host->watch != NULL && host->unwatch != NULL);
    assert(host->definition != NULL && host->definition_behind != NULL);
    assert(host->definition_status != NULL);
    assert(host->definition_put != NULL && host->definition_delete != NULL);
    assert(host->participant != NULL && host->participant_behind != NULL);
    assert(host->participant_status != NULL && host->participant_put != NULL);
    assert(host->participant_delete != NULL && host->ready != NULL);
    assert(host->events != NULL && host->event_get != NULL);
    assert(host->key != NULL && host->key_behind != NULL);
    assert(host->key_put != NULL && host->key_delete != NULL);
    assert(host->event_resend != NULL && host->event_discard != NULL);
}

int api_create(const struct api_host *host, struct api **ret_api)
{
    assert_complete(host);
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return TROTH_ERROR_NO_MEMORY;
    api->host = *host;
    api->limits = limits_create();
    if (api->limits == NULL) {
        free(api);
        return TROTH_ERROR_NO_MEMORY;
    }
    *ret_api = api;
    return 0;
}

void api_destroy(struct api *api)
{
    if (api == NULL)
        return;
    assert(api->calls == 0 && api->watches == NULL && api->passed == NULL);
    buffer_finish(&api->body);
    buffer_finish(&api->starts);
    limits_destroy(api->limits);
    free(api);
}
