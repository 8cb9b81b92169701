/* /v1/definitions: publish, show, list, delete, validate. */
#include <string.h>

#include "call.h"
#include "lookup.h"
#include "problem_body.h"
#include "request.h"
#include "router.h"
#include <base/json.h>
#include <base/number.h>
#include <base/span.h>

static const struct http_header no_headers[] = {{NULL, NULL}};

/* What is said of a definition without its text; open: the caller closes it. */
static void append_summary(struct buffer *object, const struct definition *definition)
{
    static const char *const modes[] = {
        [DEFINITION_2PC] = "2pc",
        [DEFINITION_SAGA] = "saga",
        [DEFINITION_2PC_THEN_SAGA] = "2pc_then_saga",
    };
    buffer_append_format(object, "{\"name\":\"%s\",\"version\":%u,\"mode\":\"%s\",\"steps\":%u",
                         definition->name, definition->version, modes[definition->mode],
                         definition->steps_count);
    if (definition->description.data != NULL) {
        buffer_append_text(object, ",\"description\":");
        buffer_append_span(object, definition->description);
    }
}

static void append_published(struct buffer *body, const struct definition *definition,
                             struct troth_span warnings)
{
    append_summary(body, definition);
    buffer_append_text(body, ",\"warnings\":");
    buffer_append_span(body, warnings);
    buffer_append_text(body, "}\n");
}

static void published(void *arg, const struct api_problem *problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    char location[sizeof "/v1/definitions/" + TROTH_NAME_LEN_MAX] = "/v1/definitions/";
    const struct http_header headers[] = {{"Location", location}, {NULL, NULL}};
    struct call *call = arg;
    struct api_problem gone;
    const struct definition *definition = NULL;
    int error = 0;
    if (problem == NULL) {
        error = lookup_definition(call->api, API_PROBLEM_NO_SUCH_DEFINITION, call->name,
                                  call->version, &definition, &gone);
        problem = error != 0 ? &gone : NULL;
    }
    if (problem != NULL) {
        call_refuse(call, problem);
        return;
    }
    strcat(location, call->name);
    append_published(&body, definition, buffer_span(&call->text));
    call_reply(call, 201, headers, &body);
}

static void refuse_faults(struct http_exchange *exchange, int error, const struct faults *faults)
{
    struct api_problem problem;
    if (error == TROTH_ERROR_NO_MEMORY) { /* faults may be missing from the list */
        api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "the definition: %s",
                        troth_error_text(error));
    } else {
        const struct fault *first = &faults->list[0];
        for (uint32_t i = 0; first->warning && i + 1 < faults->count; i++)
            first = &faults->list[i + 1];
        api_problem_set(&problem, API_PROBLEM_INVALID_DEFINITION,
                        "%u fault%s; the first: line %u, column %u: \"%s\": %s", faults->errors,
                        faults->errors == 1 ? "" : "s", first->line, first->column, first->pointer,
                        first->text);
        problem.faults = faults;
    }
    reply_problem(exchange, &problem, NULL);
}

/* A published version never changes. Takes the definition. */
static int publish(const struct request *request, struct definition *definition,
                   const struct faults *warnings, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    const struct definition *old =
        host->definition(host->ctx, definition->name, definition->version);
    BUFFER_SCOPED struct buffer list = {0};
    struct call *call = NULL;
    int error = 0;
    faults_json(warnings, &list);
    if (old != NULL && !definition_same(old, definition)) {
        error = api_problem_set(ret_problem, API_PROBLEM_VERSION_PUBLISHED,
                                "%s version %u is published with other content and never changes; "
                                "publish the new one under another version",
                                definition->name, definition->version);
    } else if (old != NULL) {
        BUFFER_SCOPED struct buffer body = {0};
        append_published(&body, old, buffer_span(&list));
        reply_json(request->exchange, 200, no_headers, &body);
    } else {
        error = call_create(request, &call, ret_problem);
    }
    if (call == NULL) {
        definition_destroy(definition);
        return error;
    }
    strcpy(call->name, definition->name);
    call->version = definition->version;
    buffer_append_span(&call->text, buffer_span(&list));
    host->definition_put(host->ctx, definition, published, call);
    return 0;
}

/* Not yet JSON: where it is none, that is a fault of the file like every other, with its place. */
static int read_text(const struct request *request, struct troth_span *ret_text,
                     struct api_problem *ret_problem)
{
    size_t bytes = http_exchange_body(request->exchange).len;
    if (bytes > DEFINITION_BYTES_MAX)
        return api_problem_set(ret_problem, API_PROBLEM_TOO_LARGE,
                               "the definition has %zu bytes, at most %u are taken", bytes,
                               DEFINITION_BYTES_MAX);
    return request_text(request, ret_text, ret_problem);
}

static int check_name(const struct request *request, const struct definition *definition,
                      struct api_problem *ret_problem)
{
    struct troth_span named = request->named;
    if (named.len == strlen(definition->name) &&
        memcmp(named.data, definition->name, named.len) == 0)
        return 0;
    return api_problem_set(ret_problem, API_PROBLEM_NAME_MISMATCH,
                           "/name: the body says \"%s\", the path \"%.*s\"", definition->name,
                           SHOWN(named));
}

/* Parsed, and within what this coordinator takes. Nothing is made where an error is returned. */
static int parse(const struct api *api, struct troth_span text, struct faults *faults,
                 struct definition **ret_definition)
{
    const struct api_host *host = &api->host;
    struct definition *definition = NULL;
    int error = definition_parse(text, faults, &definition);
    if (error == 0)
        error = definition_check_timeouts(definition, host->timeout_max_us,
                                          host->prepare_timeout_max_us, faults);
    if (error != 0) {
        definition_destroy(definition);
        return error;
    }
    *ret_definition = definition;
    return 0;
}

int definitions_put(const struct request *request, struct api_problem *ret_problem)
{
    struct faults faults = {0};
    char name[TROTH_NAME_LEN_MAX + 1];
    struct definition *definition = NULL;
    struct troth_span text = {NULL, 0};
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = read_text(request, &text, ret_problem);
    if (error != 0)
        return error;
    error = parse(request->api, text, &faults, &definition);
    if (error != 0) {
        refuse_faults(request->exchange, error, &faults);
        error = 0;
    } else {
        error = check_name(request, definition, ret_problem);
        if (error == 0) {
            lookup_warn_participants(request->api, definition, &faults);
            error = publish(request, definition, &faults, ret_problem);
        } else {
            definition_destroy(definition);
        }
    }
    faults_finish(&faults);
    return error;
}

int definitions_validate(const struct request *request, struct api_problem *ret_problem)
{
    struct faults faults = {0};
    struct definition *definition = NULL;
    BUFFER_SCOPED struct buffer body = {0};
    struct troth_span text = {NULL, 0};
    int error = read_text(request, &text, ret_problem);
    if (error != 0)
        return error;
    error = parse(request->api, text, &faults, &definition);
    if (error == 0)
        lookup_warn_participants(request->api, definition, &faults);
    definition_destroy(definition);
    if (error == TROTH_ERROR_NO_MEMORY) { /* likewise */
        faults_finish(&faults);
        return api_problem_set(ret_problem, API_PROBLEM_UNAVAILABLE, "the definition: %s",
                               troth_error_text(error));
    }
    buffer_append_format(&body, "{\"valid\":%s,\"faults\":", error == 0 ? "true" : "false");
    faults_json(&faults, &body);
    buffer_append_text(&body, "}\n");
    reply_json(request->exchange, 200, no_headers, &body);
    faults_finish(&faults);
    return 0;
}

/* The one that the path names, in the version that the query names, or the newest. */
static int asked_definition(const struct request *request, const struct definition **ret_definition,
                            struct api_problem *ret_problem)
{
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version = 0;
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = query_uint(request, "version", 1, INT32_MAX, &version, ret_problem);
    if (error == 0)
        error = lookup_definition(request->api, API_PROBLEM_NO_SUCH_DEFINITION, name, version,
                                  ret_definition, ret_problem);
    return error;
}

/* The file as it was published, byte for byte. */
int definitions_get(const struct request *request, struct api_problem *ret_problem)
{
    const struct definition *definition;
    int error = asked_definition(request, &definition, ret_problem);
    if (error == 0)
        http_exchange_reply(request->exchange, 200, JSON_TYPE, no_headers, definition->text);
    return error;
}

/* What this node has learnt of it. */
int definitions_status(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    BUFFER_SCOPED struct buffer body = {0};
    const struct definition *definition;
    int error = asked_definition(request, &definition, ret_problem);
    if (error != 0)
        return error;
    buffer_append_format(&body, "{\"name\":\"%s\",\"version\":%u,", definition->name,
                         definition->version);
    host->definition_status(host->ctx, definition, &body);
    buffer_append_text(&body, "}\n");
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}

static void deleted(void *arg, const struct api_problem *problem)
{
    struct call *call = arg;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        call_reply(call, 204, no_headers, NULL);
}

/* The version must be said: nobody deletes the newest, or all, by leaving something out. */
int definitions_delete(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    char name[TROTH_NAME_LEN_MAX + 1];
    const struct definition *definition;
    struct call *call;
    uint32_t version = 0;
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = query_uint(request, "version", 1, INT32_MAX, &version, ret_problem);
    if (error == 0 && version == 0)
        error = api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                                "?version: it is missing; say which version to delete");
    if (error == 0)
        error = lookup_definition(request->api, API_PROBLEM_NO_SUCH_DEFINITION, name, version,
                                  &definition, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->definition_delete(host->ctx, name, version, deleted, call);
    return 0;
}

/* name.version of the last one shown. */
struct list_cursor {
    char name[TROTH_NAME_LEN_MAX + 1];
    uint32_t version;
};

static int read_cursor(const struct request *request, struct list_cursor *ret_cursor,
                       struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    struct list_cursor cursor;
    bool there = false;
    int error = query_text(request, "cursor", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    const char *dot = memchr(text.data, '.', text.len);
    size_t len = dot != NULL ? (size_t)(dot - text.data) : 0;
    uint64_t version = 0;
    if (!troth_name_valid(text.data, len) ||
        number_parse(span_of(dot + 1), INT32_MAX, &version) != 0 || version == 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?cursor: \"%.*s\" is not the \"cursor\" of an earlier page",
                               SHOWN(buffer_span(&text)));
    memcpy(cursor.name, text.data, len);
    cursor.name[len] = '\0';
    cursor.version = (uint32_t)version;
    *ret_cursor = cursor;
    return 0;
}

static void append_page(const struct api_host *host, const struct list_cursor *cursor,
                        uint32_t limit, struct buffer *body)
{
    const struct definition *last = NULL;
    const struct definition *definition =
        host->definition_behind(host->ctx, cursor->name, cursor->version);
    buffer_append_text(body, "{\"definitions\":[");
    for (uint32_t count = 0; definition != NULL && count < limit && body->len < LIST_BYTES_MAX;
         count++) {
        if (count > 0)
            buffer_append_char(body, ',');
        append_summary(body, definition);
        buffer_append_char(body, '}');
        last = definition;
        definition = host->definition_behind(host->ctx, last->name, last->version);
    }
    if (definition != NULL && last != NULL)
        buffer_append_format(body, "],\"cursor\":\"%s.%u\"}\n", last->name, last->version);
    else
        buffer_append_text(body, "],\"cursor\":null}\n");
}

int definitions_list(const struct request *request, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    struct list_cursor cursor = {.version = 0};
    uint32_t limit = LIST_LIMIT_DEFAULT;
    int error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &limit, ret_problem);
    if (error == 0)
        error = read_cursor(request, &cursor, ret_problem);
    if (error != 0)
        return error;
    append_page(&request->api->host, &cursor, limit, &body);
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}
