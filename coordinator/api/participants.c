/* /v1/participants: the registry. The coordinator calls nothing that is not in it. */
#include <string.h>

#include "call.h"
#include "lookup.h"
#include "registration.h"
#include "request.h"
#include "router.h"
#include <base/json.h>

static const struct http_header no_headers[] = {{NULL, NULL}};

static void append_urls(struct buffer *object, const struct api_participant *participant)
{
    buffer_append_text(object, ",\"urls\":[");
    for (uint32_t i = 0; i < REGISTRATION_URLS_MAX && participant->urls[i] != NULL; i++) {
        if (i > 0)
            buffer_append_char(object, ',');
        json_append_text(object, participant->urls[i]);
    }
    buffer_append_char(object, ']');
}

static void append_participant(struct buffer *object, const struct api_host *host,
                               const struct api_participant *participant)
{
    buffer_append_text(object, "{\"name\":");
    json_append_text(object, participant->name);
    buffer_append_text(object, ",\"binding\":");
    json_append_text(object, participant->binding);
    append_urls(object, participant);
    if (participant->slots > 0) {
        buffer_append_text(object, ",\"slots\":");
        buffer_append_uint(object, participant->slots);
    }
    if (participant->token_file != NULL) {
        buffer_append_text(object, ",\"token_file\":");
        json_append_text(object, participant->token_file);
    }
    buffer_append_text(object, ",\"status\":{");
    host->participant_status(host->ctx, participant->name, object);
    buffer_append_text(object, "}}");
}

static void registered(void *arg, const struct api_problem *problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    char location[sizeof "/v1/participants/" + TROTH_NAME_LEN_MAX] = "/v1/participants/";
    const struct http_header headers[] = {{"Location", location}, {NULL, NULL}};
    struct api_participant participant;
    struct api_problem gone;
    struct call *call = arg;
    if (problem == NULL && lookup_participant(call->api, API_PROBLEM_NO_SUCH_PARTICIPANT,
                                              call->name, &participant, &gone) != 0)
        problem = &gone;
    if (problem != NULL) {
        call_refuse(call, problem);
        return;
    }
    strcat(location, call->name);
    append_participant(&body, &call->api->host, &participant);
    buffer_append_char(&body, '\n');
    call_reply(call, call->existed ? 200 : 201, headers, &body);
}

int participants_put(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct registration registration = {.urls_count = 0};
    char name[TROTH_NAME_LEN_MAX + 1];
    struct api_participant old;
    struct call *call = NULL;
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = registration_read(request, name, &registration, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error == 0) {
        strcpy(call->name, name);
        call->existed = host->participant(host->ctx, name, &old);
        host->participant_put(host->ctx, &registration.participant, registered, call);
    }
    registration_finish(&registration);
    return error;
}

int participants_get(const struct request *request, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    char name[TROTH_NAME_LEN_MAX + 1];
    struct api_participant participant;
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = lookup_participant(request->api, API_PROBLEM_NO_SUCH_PARTICIPANT, name,
                                   &participant, ret_problem);
    if (error != 0)
        return error;
    append_participant(&body, &request->api->host, &participant);
    buffer_append_char(&body, '\n');
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}

static void removed(void *arg, const struct api_problem *problem)
{
    struct call *call = arg;
    if (problem != NULL)
        call_refuse(call, problem);
    else
        call_reply(call, 204, no_headers, NULL);
}

int participants_delete(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    char name[TROTH_NAME_LEN_MAX + 1];
    struct api_participant participant;
    struct call *call;
    bool force = false;
    int error = request_name(request, name, ret_problem);
    if (error == 0)
        error = query_bool(request, "force", &force, ret_problem);
    if (error == 0)
        error = lookup_participant(request->api, API_PROBLEM_NO_SUCH_PARTICIPANT, name,
                                   &participant, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    host->participant_delete(host->ctx, name, force, removed, call);
    return 0;
}

static void append_page(const struct api_host *host, const char *cursor, uint32_t limit,
                        struct buffer *body)
{
    const char *last = "";
    struct api_participant participant;
    bool more = host->participant_behind(host->ctx, cursor, &participant);
    buffer_append_text(body, "{\"participants\":[");
    for (uint32_t count = 0; more && count < limit && body->len < LIST_BYTES_MAX; count++) {
        if (count > 0)
            buffer_append_char(body, ',');
        append_participant(body, host, &participant);
        last = participant.name;
        more = host->participant_behind(host->ctx, last, &participant);
    }
    if (more)
        buffer_append_format(body, "],\"cursor\":\"%s\"}\n", last);
    else
        buffer_append_text(body, "],\"cursor\":null}\n");
}

int participants_list(const struct request *request, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer body = {0};
    char cursor[TROTH_NAME_LEN_MAX + 1] = "";
    uint32_t limit = LIST_LIMIT_DEFAULT;
    int error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &limit, ret_problem);
    if (error == 0)
        error = query_name(request, "cursor", cursor, ret_problem);
    if (error != 0)
        return error;
    append_page(&request->api->host, cursor, limit, &body);
    reply_json(request->exchange, 200, no_headers, &body);
    return 0;
}
