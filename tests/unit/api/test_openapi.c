/* openapi.json against the routes, the refusals and the names there are. */
#include <string.h>
#include <strings.h>

#include "fixture.h"
#include <base/span.h>

static struct troth_span document(void)
{
    struct troth_span value;
    ck_assert_int_eq(json_check(api_openapi(), JSON_CHECK_UNIQUE_KEYS, &value, NULL), 0);
    return value;
}

/* Follows "a", "b", NULL; fails where one is not there. */
static struct troth_span at(struct troth_span value, const char *const *names)
{
    for (; *names != NULL; names++)
        ck_assert_msg(json_member(value, *names, &value), "openapi.json has no %s", *names);
    return value;
}

#define AT(value, ...) at(value, (const char *const[]){__VA_ARGS__, NULL})

/* A parameter, inline or by reference. */
static struct troth_span resolve(struct troth_span parameter)
{
    struct troth_span reference;
    char text[200];
    if (!json_member(parameter, "$ref", &reference))
        return parameter;
    ck_assert_int_eq(json_string_copy(reference, text, sizeof text), 0);
    return AT(document(), "components", "parameters", strrchr(text, '/') + 1);
}

static bool in_query(struct troth_span parameter)
{
    return json_string_equals(AT(parameter, "in"), (struct troth_span){"query", 5});
}

static bool says_parameter(struct troth_span operation, const char *name)
{
    struct troth_span list, key, parameter;
    if (!json_member(operation, "parameters", &list))
        return false;
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &parameter)) {
        parameter = resolve(parameter);
        struct troth_span named = AT(parameter, "name");
        if (in_query(parameter) &&
            json_string_equals(named, (struct troth_span){name, strlen(name)}))
            return true;
    }
    return false;
}

static void lower(const char *method, char ret_method[16])
{
    size_t i = 0;
    for (; method[i] != '\0'; i++)
        ret_method[i] = (char)(method[i] | 0x20);
    ret_method[i] = '\0';
}

static const char *scope_word(enum api_scope scope)
{
    const char *word = api_scope_word(scope);
    return word != NULL ? word : scope == API_SCOPE_ANY ? "any" : "none";
}

START_TEST(every_route_is_described)
{
    /* Every route stands in openapi.json, with each of its query parameters and the scope it needs.
     */
    struct api_route route;
    char method[16];
    ck_assert(api_route_at(0, &route));
    for (uint32_t i = 0; api_route_at(i, &route); i++) {
        lower(route.method, method);
        struct troth_span operation = AT(document(), "paths", route.pattern, method);
        for (const char *const *name = route.parameters; *name != NULL; name++)
            ck_assert_msg(says_parameter(operation, *name), "%s %s: ?%s is not described",
                          route.method, route.pattern, *name);
        ck_assert_msg(
            json_string_equals(AT(operation, "x-scope"), span_of(scope_word(route.scope))),
            "%s %s: another scope is described", route.method, route.pattern);
    }
}
END_TEST

static bool find_route(struct troth_span path, const char *method, struct api_route *ret_route)
{
    for (uint32_t i = 0; api_route_at(i, ret_route); i++)
        if (strcasecmp(ret_route->method, method) == 0 &&
            json_string_equals(path,
                               (struct troth_span){ret_route->pattern, strlen(ret_route->pattern)}))
            return true;
    return false;
}

static bool takes(const struct api_route *route, struct troth_span name)
{
    for (const char *const *known = route->parameters; *known != NULL; known++)
        if (json_string_equals(name, (struct troth_span){*known, strlen(*known)}))
            return true;
    return false;
}

static void check_operation(struct troth_span path, const char *method, struct troth_span operation)
{
    struct api_route route;
    struct troth_span list, key, parameter;
    ck_assert_msg(find_route(path, method, &route), "%.*s %s is described and not there",
                  (int)path.len, path.data, method);
    if (!json_member(operation, "parameters", &list))
        return;
    struct json_cursor cursor = json_cursor(list);
    while (json_next(&cursor, &key, &parameter)) {
        parameter = resolve(parameter);
        struct troth_span name = AT(parameter, "name");
        ck_assert_msg(!in_query(parameter) || takes(&route, name),
                      "%.*s %s: ?%.*s is described and not there", (int)path.len, path.data, method,
                      (int)name.len, name.data);
    }
}

START_TEST(every_description_is_a_route)
{
    /* Every operation of openapi.json is a route, with no parameter too many. */
    struct troth_span path, item, key, operation;
    char method[16];
    uint32_t operations = 0;
    struct json_cursor paths = json_cursor(AT(document(), "paths"));
    while (json_next(&paths, &path, &item)) {
        struct json_cursor members = json_cursor(item);
        while (json_next(&members, &key, &operation)) {
            ck_assert_int_eq(json_string_copy(key, method, sizeof method), 0);
            if (strcmp(method, "parameters") == 0)
                continue;
            check_operation(path, method, operation);
            operations++;
        }
    }
    ck_assert_uint_gt(operations, 0);
}
END_TEST

/* The words of an enum, in the order given, and no others. */
static void check_words(struct troth_span list, const char *(*word_at)(uint32_t i))
{
    struct troth_span key, value;
    struct json_cursor cursor = json_cursor(list);
    uint32_t i = 0;
    while (json_next(&cursor, &key, &value)) {
        const char *word = word_at(i++);
        ck_assert_msg(word != NULL &&
                          json_string_equals(value, (struct troth_span){word, strlen(word)}),
                      "%.*s is described, %s is there", (int)value.len, value.data,
                      word != NULL ? word : "nothing");
    }
    ck_assert_msg(word_at(i) == NULL, "%s is there and not described", word_at(i));
}

static const char *branch_state_at(uint32_t i)
{
    return i < TXN_BRANCH_STATE_COUNT ? txn_branch_state_name((enum txn_branch_state)i) : NULL;
}

/* The first of each list is "none", which is never shown. */
static const char *outcome_at(uint32_t i)
{
    return i + 1 < TXN_OUTCOME_COUNT ? txn_outcome_name((enum txn_outcome)(i + 1)) : NULL;
}

static const char *cause_at(uint32_t i)
{
    if (i + 1 == TXN_CAUSE_COUNT)
        return API_CAUSE_STUCK;
    return i + 1 < TXN_CAUSE_COUNT ? txn_cause_name((enum txn_cause)(i + 1)) : NULL;
}

static const char *moment_at(uint32_t i)
{
    if (i < TXN_MOMENT_COUNT)
        return txn_moment_name((enum txn_moment)i);
    return i == TXN_MOMENT_COUNT ? "left_out" : NULL;
}

static const char *mode_at(uint32_t i)
{
    return i < TXN_MODE_COUNT ? txn_mode_name((enum txn_mode)i) : NULL;
}

static const char *problem_at(uint32_t i)
{
    static char type[100];
    struct api_problem problem;
    const char *seen[API_PROBLEM_COUNT];
    uint32_t count = 0;
    for (int kind = 0; kind < API_PROBLEM_COUNT; kind++) {
        api_problem_set(&problem, (enum api_problem_kind)kind, "x");
        uint32_t k = 0;
        while (k < count && strcmp(seen[k], problem.slug) != 0)
            k++;
        if (k < count)
            continue; /* a slug with two statuses */
        if (count == i) {
            (void)snprintf(type, sizeof type, "https://troth.dev/problems/%s", problem.slug);
            return type;
        }
        seen[count++] = problem.slug;
    }
    return NULL;
}

START_TEST(every_word_is_described)
{
    /* States, outcomes, modes, causes, moments and refusals are described as they are, all of them.
     */
    struct troth_span schemas = AT(document(), "components", "schemas");
    check_words(AT(schemas, "State", "enum"), txn_shown_word);
    check_words(AT(schemas, "Outcome", "enum"), outcome_at);
    check_words(AT(schemas, "Mode", "enum"), mode_at);
    check_words(AT(schemas, "Step", "properties", "state", "enum"), branch_state_at);
    check_words(AT(schemas, "Failure", "properties", "cause", "enum"), cause_at);
    check_words(AT(schemas, "Moment", "properties", "moment", "enum"), moment_at);
    check_words(AT(schemas, "Problem", "properties", "type", "enum"), problem_at);
}
END_TEST

START_TEST(is_served)
{
    /* The file that is compiled in is what /openapi.json answers. */
    REPLY_SCOPED struct reply reply = {0};
    struct troth_span file = api_openapi();
    ask("GET", "/openapi.json", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Content-Type: application/json");
    ck_assert_uint_eq(reply.body.len, file.len);
    ck_assert_mem_eq(reply.body.data, file.data, file.len);
}
END_TEST

Suite *openapi_suite(void)
{
    Suite *suite = suite_create("openapi");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, every_route_is_described);
    tcase_add_test(tests, every_description_is_a_route);
    tcase_add_test(tests, every_word_is_described);
    tcase_add_test(tests, is_served);
    return suite;
}
