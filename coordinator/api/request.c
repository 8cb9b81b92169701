/* What a handler reads from path, query and body before it looks at any member. */
#include "request.h"

#include <string.h>

#include "headers.h"
#include <base/json.h>
#include <base/nearest.h>
#include <base/number.h>
#include <base/span.h>

/* --- the query -------------------------------------------------------------------------------- */

/* Takes the next name=value of the query; its value stays encoded. */
static bool next_parameter(struct troth_span *rest, struct troth_span *ret_name)
{
    while (rest->len > 0 && rest->data[0] == '&') {
        rest->data++;
        rest->len--;
    }
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->data, '&', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    const char *equals = memchr(rest->data, '=', len);
    *ret_name =
        (struct troth_span){rest->data, equals != NULL ? (size_t)(equals - rest->data) : len};
    rest->data += len;
    rest->len -= len;
    return true;
}

static bool is_known(struct troth_span name, const char *const *known)
{
    for (; *known != NULL; known++)
        if (span_is(name, *known))
            return true;
    return false;
}

static int unknown_parameter(struct troth_span name, const char *const *known,
                             struct api_problem *ret_problem)
{
    char wrong[SHOWN_MAX + 1] = {0};
    memcpy(wrong, name.data, name.len < SHOWN_MAX ? name.len : SHOWN_MAX);
    const char *nearest = known[0] != NULL ? name_nearest(wrong, known) : NULL;
    if (nearest != NULL)
        return api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_PARAMETER,
                               "?%s: there is no such parameter here; did you mean \"%s\"?", wrong,
                               nearest);
    return api_problem_set(ret_problem, API_PROBLEM_UNKNOWN_PARAMETER,
                           "?%s: there is no such parameter here", wrong);
}

static uint32_t count_parameter(struct troth_span query, struct troth_span wanted)
{
    struct troth_span name;
    uint32_t count = 0;
    while (next_parameter(&query, &name))
        if (span_same(name, wanted))
            count++;
    return count;
}

int request_check_query(const struct request *request, const char *const *known,
                        struct api_problem *ret_problem)
{
    const struct troth_span query = http_exchange_query(request->exchange);
    struct troth_span rest = query;
    struct troth_span name;
    while (next_parameter(&rest, &name)) {
        if (!is_known(name, known))
            return unknown_parameter(name, known, ret_problem);
        if (count_parameter(query, name) > 1)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                                   "?%.*s: it is there more than once", SHOWN(name));
    }
    return 0;
}

int query_text(const struct request *request, const char *name, struct buffer *ret_text,
               bool *ret_there, struct api_problem *ret_problem)
{
    struct troth_span wanted = span_of(name);
    if (count_parameter(http_exchange_query(request->exchange), wanted) == 0) {
        *ret_there = false;
        return 0;
    }
    if (!http_exchange_parameter(request->exchange, name, ret_text))
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?%s: a %% that no two hexadecimal digits follow", name);
    if (buffer_text(ret_text) == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    *ret_there = true;
    return 0;
}

int query_uint(const struct request *request, const char *name, uint32_t least, uint32_t most,
               uint32_t *ret_value, struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    uint64_t value = 0;
    int error = query_text(request, name, &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (number_parse(buffer_span(&text), most, &value) != 0 || value < least)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?%s: \"%.*s\" is not a number from %u to %u", name,
                               SHOWN(buffer_span(&text)), least, most);
    *ret_value = (uint32_t)value;
    return 0;
}

int query_bool(const struct request *request, const char *name, bool *ret_value,
               struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    int error = query_text(request, name, &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    bool value = strcmp(text.data, "true") == 0;
    if (!value && strcmp(text.data, "false") != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?%s: \"%.*s\" is neither true nor false", name,
                               SHOWN(buffer_span(&text)));
    *ret_value = value;
    return 0;
}

int query_name(const struct request *request, const char *name,
               char ret_name[TROTH_NAME_LEN_MAX + 1], struct api_problem *ret_problem)
{
    BUFFER_SCOPED struct buffer text = {0};
    bool there = false;
    int error = query_text(request, name, &text, &there, ret_problem);
    if (error != 0 || !there)
        return error;
    if (name_read(buffer_span(&text), name, ret_name, ret_problem) != 0)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_PARAMETER,
                               "?%s: \"%.*s\" is not a name: a-z first, then a-z, 0-9 and _, at "
                               "most %u characters",
                               name, SHOWN(buffer_span(&text)), TROTH_NAME_LEN_MAX);
    return 0;
}

/* --- the path --------------------------------------------------------------------------------- */

/* Why troth_gtid_parse() refused it, in words. */
static int wrong_gtid(struct troth_span text, const char *what, struct api_problem *ret_problem)
{
    if (text.len != TROTH_GTID_TEXT_LEN)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_GTID,
                               "%s: \"%.*s\" has %zu characters, a gtid has %d", what, SHOWN(text),
                               text.len, TROTH_GTID_TEXT_LEN);
    for (size_t i = 0; i < text.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        char c = text.data[i];
        bool hexadecimal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (hyphen ? c != '-' : !hexadecimal)
            return api_problem_set(ret_problem, API_PROBLEM_INVALID_GTID,
                                   "%s: \"%.*s\": character %zu must be %s", what, SHOWN(text),
                                   i + 1, hyphen ? "a hyphen" : "a hexadecimal digit, 0-9 or a-f");
    }
    if (text.data[14] != '8')
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_GTID,
                               "%s: \"%.*s\" is a UUID of version %c, a gtid is one of version 8",
                               what, SHOWN(text), text.data[14]);
    if (strchr("89ab", text.data[19]) == NULL)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_GTID,
                               "%s: \"%.*s\" is a UUID of another variant: character 20 must be "
                               "8, 9, a or b",
                               what, SHOWN(text));
    return api_problem_set(ret_problem, API_PROBLEM_INVALID_GTID,
                           "%s: \"%.*s\" has an epoch or a counter of 0: no coordinator made it",
                           what, SHOWN(text));
}

int gtid_read(struct troth_span text, const char *what, troth_gtid *ret_gtid,
              struct api_problem *ret_problem)
{
    if (troth_gtid_parse(text.data, text.len, ret_gtid) != 0)
        return wrong_gtid(text, what, ret_problem);
    return 0;
}

int name_read(struct troth_span text, const char *what, char ret_name[TROTH_NAME_LEN_MAX + 1],
              struct api_problem *ret_problem)
{
    if (!troth_name_valid(text.data, text.len))
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_NAME,
                               "%s: \"%.*s\" is not a name: a-z first, then a-z, 0-9 and _, at "
                               "most %u characters",
                               what, SHOWN(text), TROTH_NAME_LEN_MAX);
    memcpy(ret_name, text.data, text.len);
    ret_name[text.len] = '\0';
    return 0;
}

int request_gtid(const struct request *request, troth_gtid *ret_gtid,
                 struct api_problem *ret_problem)
{
    return gtid_read(request->named, "gtid", ret_gtid, ret_problem);
}

int request_name(const struct request *request, char ret_name[TROTH_NAME_LEN_MAX + 1],
                 struct api_problem *ret_problem)
{
    return name_read(request->named, "name", ret_name, ret_problem);
}

/* --- the body --------------------------------------------------------------------------------- */

static int check_type(const struct request *request, struct api_problem *ret_problem)
{
    struct troth_span type;
    if (!http_exchange_header(request->exchange, "Content-Type", &type))
        return api_problem_set(ret_problem, API_PROBLEM_UNSUPPORTED_TYPE,
                               "the request has no Content-Type; send application/json");
    if (!headers_is_json(type))
        return api_problem_set(ret_problem, API_PROBLEM_UNSUPPORTED_TYPE,
                               "Content-Type: \"%.*s\"; send application/json", SHOWN(type));
    return 0;
}

int request_text(const struct request *request, struct troth_span *ret_text,
                 struct api_problem *ret_problem)
{
    struct troth_span body = http_exchange_body(request->exchange);
    int error = body.len > 0 ? check_type(request, ret_problem) : 0;
    if (error == 0)
        *ret_text = body;
    return error;
}

static int malformed(struct troth_span body, const struct json_fault *fault,
                     struct api_problem *ret_problem)
{
    uint32_t line = 0, column = 0;
    json_position(body, fault->offset, &line, &column);
    return api_problem_set(ret_problem, API_PROBLEM_MALFORMED_JSON, "line %u, column %u: %s", line,
                           column, fault->text);
}

int request_object(const struct request *request, bool may_be_empty, json_member_fn member,
                   void *arg, struct api_problem *ret_problem)
{
    struct troth_span body, object;
    struct json_fault fault;
    if (may_be_empty && http_exchange_body(request->exchange).len == 0)
        return 0;
    int error = request_text(request, &body, ret_problem);
    if (error != 0)
        return error;
    if (body.len == 0)
        return api_problem_set(ret_problem, API_PROBLEM_MALFORMED_JSON,
                               "the body is empty, a JSON value is expected");
    error = json_check_object(body, JSON_CHECK_UNIQUE_KEYS | JSON_CHECK_ENVELOPE, member, arg,
                              &object, &fault);
    if (error == TROTH_ERROR_NO_MEMORY) /* says nothing of the body, and has no place in it */
        return api_problem_set(ret_problem, API_PROBLEM_FULL, "out of memory");
    if (error == TROTH_ERROR_TYPE)
        return api_problem_set(ret_problem, API_PROBLEM_INVALID_BODY,
                               "the body must be a JSON object");
    return error != 0 ? malformed(body, &fault, ret_problem) : 0;
}
