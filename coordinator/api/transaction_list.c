/* GET /v1/transactions: the list, filtered, a page at a time. */
#include <string.h>
#include <time.h>

#include "call.h"
#include "request.h"
#include "view.h"
#include <protocol/duration.h>

static const struct http_header no_headers[] = {{NULL, NULL}};

/* Where the filters' texts stand while the host is called. */
struct filters {
    struct api_list list;
    char definition[TROTH_NAME_LEN_MAX + 1];
    char participant[TROTH_NAME_LEN_MAX + 1];
};

typedef const char *(*name_at)(uint32_t i);

static const char *state_at(uint32_t i)
{
    return i < TXN_STATE_COUNT ? txn_state_name((enum txn_state)i) : NULL;
}

static const char *outcome_at(uint32_t i)
{
    return i + 1 < TXN_OUTCOME_COUNT ? txn_outcome_name((enum txn_outcome)(i + 1)) : NULL;
}

/* One of the words that `at` gives, which are static. */
static int query_word(const struct request *request, const char *name, name_at at,
                      const char **ret_word, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    BUFFER_SCOPED struct buffer all = {0};
    bool there = false;
    int error = query_text(request, name, &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    for (uint32_t i = 0; at(i) != NULL; i++) {
        if (strcmp(at(i), text.data) == 0) {
            *ret_word = at(i);
            return 0;
        }
        buffer_append_format(&all, "%s%s", i > 0 ? ", " : "", at(i));
    }
    const char *words = buffer_text(&all);
    return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                           "?%s: \"%.*s\" is none of %s", name, SHOWN(buffer_span(&text)),
                           words != NULL ? words : "those there are");
}

static int query_older_than(const struct request *request, struct wall *ret_before,
                            struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    uint64_t age_us = 0;
    struct timespec now;
    int error = query_text(request, "older_than", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (duration_parse(text.data, text.len, &age_us) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?older_than: \"%.*s\" is not a duration with its unit, such as 5m",
                               SHOWN(buffer_span(&text)));
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    /* 1 and not 0: before 0 means no limit. */
    ret_before->us = age_us < now_us ? now_us - age_us : 1;
    return 0;
}

static int query_cursor(const struct request *request, struct api_list *list,
                        struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    int error = query_text(request, "cursor", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (troth_gtid_parse(text.data, text.len, &list->cursor) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?cursor: \"%.*s\" is not the \"cursor\" of an earlier page",
                               SHOWN(buffer_span(&text)));
    list->has_cursor = true;
    return 0;
}

static int read_filters(const struct request *request, struct filters *filters,
                        struct api_problem *ret_problem)
{
    struct api_list *list = &filters->list;
    list->limit = LIST_LIMIT_DEFAULT;
    int error = query_word(request, "state", state_at, &list->state, ret_problem);
    if (error == 0)
        error = query_word(request, "outcome", outcome_at, &list->outcome, ret_problem);
    if (error == 0)
        error = query_name(request, "definition", filters->definition, ret_problem);
    if (error == 0)
        error = query_name(request, "participant", filters->participant, ret_problem);
    if (error == 0)
        error = query_older_than(request, &list->before, ret_problem);
    if (error == 0)
        error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &list->limit, ret_problem);
    if (error == 0)
        error = query_cursor(request, list, ret_problem);
    list->definition = filters->definition[0] != '\0' ? filters->definition : NULL;
    list->participant = filters->participant[0] != '\0' ? filters->participant : NULL;
    return error;
}

/* A full page may be followed by an empty one: nobody has looked behind it. */
static void finish_list(struct call *call)
{
    BUFFER_SCOPED struct buffer body = {0};
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    buffer_append_text(&body, "{\"transactions\":[");
    buffer_append_span(&body, buffer_span(&call->text));
    body.failed = body.failed || call->text.failed;
    if (call->count >= call->limit) {
        troth_gtid_format(&call->gtid, gtid);
        buffer_append_format(&body, "],\"cursor\":\"%s\"}\n", gtid);
    } else {
        buffer_append_text(&body, "],\"cursor\":null}\n");
    }
    call_reply(call, 200, no_headers, &body);
}

static void listed(void *arg, const struct api_problem *problem, const struct api_view *view,
                   bool fresh)
{
    struct call *call = arg;
    (void)fresh;
    if (problem != NULL) {
        call_refuse(call, problem);
    } else if (view == NULL) {
        finish_list(call);
    } else if (call->count < call->limit) {
        if (call->count > 0)
            buffer_append_char(&call->text, ',');
        call->gtid = view->origin->gtid;
        call->count++;
        view_append(&call->text, view, false);
    }
}

int transactions_list(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct filters filters = {.list = {.state = NULL}};
    struct call *call;
    int error = read_filters(request, &filters, ret_problem);
    if (error == 0)
        error = call_create(request, &call, ret_problem);
    if (error != 0)
        return error;
    call->limit = filters.list.limit;
    host->list(host->ctx, &filters.list, listed, call);
    return 0;
}
