/* GET /v1/transactions: the list, filtered, a page at a time. */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "merge.h"
#include "request.h"
#include "router.h"
#include "view.h"
#include <base/duration.h>
#include <base/json.h>
#include <base/now.h>

#define GTID_PREFIX_MIN 4u

static const struct http_header no_headers[] = {{NULL, NULL}};

/* Where the filters' texts stand while the host is called. */
struct filters {
    struct api_list list;
    char definition[TROTH_NAME_LEN_MAX + 1];
    char participant[TROTH_NAME_LEN_MAX + 1];
    struct buffer label, key;
};

static void filters_finish(struct filters *filters)
{
    buffer_finish(&filters->label);
    buffer_finish(&filters->key);
}

typedef const char *(*name_at)(uint32_t i);

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
    int error = query_text(request, "older_than", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (duration_parse(text.data, text.len, &age_us) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?older_than: \"%.*s\" is not a duration with its unit, such as 5m",
                               SHOWN(buffer_span(&text)));
    uint64_t now_us = wall_now().us;
    /* 1 and not 0: before 0 means no limit. */
    ret_before->us = age_us < now_us ? now_us - age_us : 1;
    return 0;
}

static int query_time(const struct request *request, const char *name, struct wall *ret_time,
                      struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    struct wall time;
    int error = query_text(request, name, &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (wall_parse(text.data, text.len, &time) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?%s: \"%.*s\" is not a time such as 2026-11-21T05:34:49Z", name,
                               SHOWN(buffer_span(&text)));
    ret_time->us = time.us > 0 ? time.us : 1; /* 0 means no limit */
    return 0;
}

/* NAME=VALUE, as the labels of a transaction have it. */
static int query_label(const struct request *request, struct filters *filters,
                       struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    int error = query_text(request, "label", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    size_t len = strcspn(text.data, "=");
    if (len == 0 || text.data[len] == '\0')
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?label: \"%.*s\" is not NAME=VALUE", SHOWN(buffer_span(&text)));
    json_append_string(&filters->label, (struct troth_span){text.data, len});
    buffer_append_char(&filters->label, ':');
    json_append_string(&filters->label,
                       (struct troth_span){text.data + len + 1, text.len - len - 1});
    filters->list.label = buffer_span(&filters->label);
    return 0;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The beginning of a gtid, with its hyphens: the gtids between the least and the greatest that
 * begin so. */
static int query_prefix(const struct request *request, struct api_list *list,
                        struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    size_t digits = 0;
    int error = query_text(request, "gtid", &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    bool good = text.len >= GTID_PREFIX_MIN && text.len <= TROTH_GTID_TEXT_LEN;
    memset(list->first.bytes, 0x00, sizeof(list->first.bytes));
    memset(list->last.bytes, 0xff, sizeof(list->last.bytes));
    for (size_t i = 0; good && i < text.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        int value = hex_of(text.data[i]);
        good = hyphen ? text.data[i] == '-' : value >= 0;
        if (hyphen || !good)
            continue;
        unsigned shift = digits % 2 == 0 ? 4 : 0;
        uint8_t *first = &list->first.bytes[digits / 2], *last = &list->last.bytes[digits / 2];
        *first = (uint8_t)(*first | (unsigned)value << shift);
        *last = (uint8_t)((*last & ~(0x0fu << shift)) | (unsigned)value << shift);
        digits++;
    }
    if (!good)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?gtid: \"%.*s\" is not the beginning of a gtid: %u characters or "
                               "more of 0-9 and a-f, with its hyphens",
                               SHOWN(buffer_span(&text)), GTID_PREFIX_MIN);
    list->has_range = true;
    return 0;
}

static int query_key(const struct request *request, struct filters *filters,
                     struct api_problem *ret_problem)
{
    bool there = false;
    int error = query_text(request, "key", &filters->key, &there, ret_problem);
    if (error == 0 && there)
        filters->list.key = buffer_span(&filters->key);
    return error;
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
    struct wall before = {0};
    list->limit = LIST_LIMIT_DEFAULT;
    int error = query_word(request, "state", txn_shown_word, &list->state, ret_problem);
    if (error == 0)
        error = query_word(request, "outcome", outcome_at, &list->outcome, ret_problem);
    if (error == 0)
        error = query_name(request, "definition", filters->definition, ret_problem);
    if (error == 0)
        error = query_name(request, "participant", filters->participant, ret_problem);
    if (error == 0)
        error = query_older_than(request, &list->before, ret_problem);
    if (error == 0)
        error = query_time(request, "began_before", &before, ret_problem);
    if (before.us != 0 && (list->before.us == 0 || before.us < list->before.us))
        list->before = before;
    if (error == 0)
        error = query_time(request, "began_after", &list->after, ret_problem);
    if (error == 0)
        error = query_label(request, filters, ret_problem);
    if (error == 0)
        error = query_prefix(request, list, ret_problem);
    if (error == 0)
        error = query_key(request, filters, ret_problem);
    if (error == 0)
        error = query_uint(request, "limit", 1, LIST_LIMIT_MAX, &list->limit, ret_problem);
    if (error == 0)
        error = query_cursor(request, list, ret_problem);
    if (error == 0)
        error = query_bool(request, "in_doubt", &list->in_doubt, ret_problem);
    if (error == 0)
        error = query_bool(request, "payloads", &list->payloads, ret_problem);
    list->definition = filters->definition[0] != '\0' ? filters->definition : NULL;
    list->participant = filters->participant[0] != '\0' ? filters->participant : NULL;
    return error;
}

/* In number, or in bytes: payloads may be large, and a page is one answer. */
static bool is_full(const struct call *call)
{
    return call->count >= call->limit || call->text.len >= LIST_BYTES_MAX;
}

/* A full page may be followed by an empty one: nobody has looked behind it. */
static void finish_list(struct call *call)
{
    BUFFER_SCOPED struct buffer body = {0};
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    if (call->others != NULL) {
        merge_append(buffer_span(&call->text), is_full(call), call->limit, call->others, &body);
        body.failed = body.failed || call->text.failed;
        call_reply(call, 200, no_headers, &body);
        return;
    }
    buffer_append_text(&body, "{\"transactions\":[");
    buffer_append_span(&body, buffer_span(&call->text));
    body.failed = body.failed || call->text.failed;
    if (is_full(call)) {
        troth_gtid_format(&call->gtid, gtid);
        buffer_append_format(&body, "],\"cursor\":\"%s\"}\n", gtid);
    } else {
        buffer_append_text(&body, "],\"cursor\":null}\n");
    }
    call_reply(call, 200, no_headers, &body);
}

static bool listed(void *arg, const struct api_problem *problem, const struct api_view *view)
{
    struct call *call = arg;
    if (problem != NULL) {
        call_refuse(call, problem);
        return false;
    }
    if (view == NULL) {
        finish_list(call);
        return false;
    }
    if (call->count > 0)
        buffer_append_char(&call->text, ',');
    call->gtid = view->origin->gtid;
    call->count++;
    view_append(&call->text, view, call->payloads ? VIEW_STEPS | VIEW_INPUT : 0);
    return !is_full(call) && call->exchange != NULL && !call->text.failed;
}

/* Pages with payloads are large, and made piece by piece: they may have half of what answers may
 * take, so that all other questions find room. */
static int promise_page(const struct request *request, struct api_problem *ret_problem)
{
    if (!http_exchange_has_room(request->exchange, 50))
        return api_problem_set(ret_problem, API_PROBLEM_FULL,
                               "too many bytes of answers wait for clients that do not read them "
                               "(half of answers_bytes_max); ask again, or without payloads");
    http_exchange_promise(request->exchange, LIST_BYTES_MAX);
    return 0;
}

/* A list, while the other nodes are asked for their parts. */
struct listing {
    struct filters filters;
    struct call *call;
};

static void listing_destroy(struct listing *listing)
{
    filters_finish(&listing->filters);
    free(listing);
}

/* This node's own part is listed last: what another one had is no longer in its memory then, but in
 * the journal. */
static void on_others(void *arg, struct others *others)
{
    struct listing *listing = arg;
    struct call *call = listing->call;
    const struct api_host *host = &call->api->host;
    call->others = others;
    host->list(host->ctx, &listing->filters.list, listed, call);
    listing_destroy(listing);
}

/* One key's transaction is the whole list of who leads its shard (pass.c). */
static bool is_of_all(const struct listing *listing)
{
    return listing->filters.list.key.data == NULL;
}

static int begin(const struct request *request, struct listing *listing,
                 struct api_problem *ret_problem)
{
    struct api_list *list = &listing->filters.list;
    int error = read_filters(request, &listing->filters, ret_problem);
    if (error == 0 && list->payloads)
        error = promise_page(request, ret_problem);
    if (error == 0)
        error = call_create(request, &listing->call, ret_problem);
    if (error != 0)
        return error;
    list->in_memory = request->is_passed && is_of_all(listing);
    listing->call->limit = list->limit;
    listing->call->payloads = list->payloads;
    return 0;
}

int transactions_list(const struct request *request, struct api_problem *ret_problem)
{
    const struct api_host *host = &request->api->host;
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    int error = begin(request, listing, ret_problem);
    if (error == 0 && is_of_all(listing) && others_ask(request, on_others, listing))
        return 0;
    if (error == 0)
        host->list(host->ctx, &listing->filters.list, listed, listing->call);
    listing_destroy(listing);
    return error;
}
