/* Every refusal of the API: the list made into values, and a value made into its body. */
#include <api/problem.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "problem_body.h"
#include <base/json.h>

#define RETRY_AFTER_DEFAULT_S 1u

static const struct {
    int status;
    const char *slug;
    const char *title;
} problems[API_PROBLEM_COUNT] = {
#define PROBLEM_LINE_(kind, status, slug, title) [API_PROBLEM_##kind] = {status, slug, title},
    API_PROBLEMS(PROBLEM_LINE_)
#undef PROBLEM_LINE_
};

int api_problem_set(struct api_problem *ret_problem, enum api_problem_kind kind, const char *format,
                    ...)
{
    assert(kind < API_PROBLEM_COUNT);
    *ret_problem = (struct api_problem){
        .status = problems[kind].status,
        .slug = problems[kind].slug,
        .title = problems[kind].title,
        .retry_after_s = problems[kind].status == 503 ? RETRY_AFTER_DEFAULT_S : 0,
    };
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_problem->detail, sizeof ret_problem->detail, format, arguments);
    va_end(arguments);
    return TROTH_ERROR_REFUSED;
}

void problem_append(struct buffer *body, const struct api_problem *problem)
{
    buffer_append_text(body, "{\"type\":\"https://troth.dev/problems/");
    buffer_append_text(body, problem->slug);
    buffer_append_text(body, "\",\"title\":");
    json_append_text(body, problem->title);
    buffer_append_text(body, ",\"status\":");
    buffer_append_uint(body, (uint64_t)problem->status);
    buffer_append_text(body, ",\"detail\":");
    json_append_text(body, problem->detail);
    if (problem->gtid != NULL) {
        char gtid[TROTH_GTID_TEXT_LEN + 1];
        troth_gtid_format(problem->gtid, gtid);
        buffer_append_text(body, ",\"gtid\":");
        json_append_text(body, gtid);
    }
    if (problem->faults != NULL) {
        buffer_append_text(body, ",\"errors\":");
        faults_json(problem->faults, body);
    }
    buffer_append_text(body, "}\n");
}

/* The server's own refusals are decided by status alone. */
static enum api_problem_kind kind_of_status(int status)
{
    switch (status) {
    case 400:
        return API_PROBLEM_MALFORMED_REQUEST;
    case 408:
        return API_PROBLEM_REQUEST_TIMEOUT;
    case 413:
        return API_PROBLEM_TOO_LARGE;
    case 414:
        return API_PROBLEM_TARGET_TOO_LONG;
    case 431:
        return API_PROBLEM_HEADERS_TOO_LARGE;
    case 501:
        return API_PROBLEM_NOT_IMPLEMENTED;
    case 503:
        return API_PROBLEM_FULL;
    case 505:
        return API_PROBLEM_HTTP_VERSION;
    default:
        return API_PROBLEM_INTERNAL;
    }
}

const char *api_server_problem(int status, const char *what, struct buffer *body)
{
    struct api_problem problem;
    api_problem_set(&problem, kind_of_status(status), "%s", what != NULL ? what : "");
    problem.status = status;
    problem_append(body, &problem);
    return "application/problem+json";
}
