/* /v1/definitions. */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define ALL "/v1/definitions"

#define STEPS                                                                                      \
    "\"steps\":[{\"name\":\"one\",\"participant\":\"bank_a\",\"operation\":\"debit\"},"            \
    "{\"name\":\"two\",\"participant\":\"bank_b\",\"operation\":\"credit\"}]"
#define ORDER "{\"name\":\"order\",\"version\":1,\"mode\":\"2pc\"," STEPS "}"

START_TEST(publishes)
{
    /* A new version is published: 201 with its place and what is in it. */
    REPLY_SCOPED struct reply reply = {0};
    ask("PUT", ALL "/order", NULL, ORDER, &reply);
    ck_assert_int_eq(reply.status, 201);
    reply_has_header(&reply, "Location: /v1/definitions/order");
    reply_has(&reply, "{\"name\":\"order\",\"version\":1,\"mode\":\"2pc\",\"steps\":2,"
                      "\"warnings\":[]}");
    ck_assert_str_eq(fx.fake.asked.call, "definition_put");
    expect("GET", ALL "/order", NULL, 200, ORDER);
}
END_TEST

START_TEST(says_how_its_transactions_prepare_now)
{
    expect("PUT", ALL "/order", ORDER, 201, "order");
    expect("GET", ALL "/order/status", NULL, 200,
           "{\"name\":\"order\",\"version\":1,\"prepare\":{\"order\":\"ordered\",\"learnt\":true,");
    expect_problem("GET", ALL "/none/status", NULL, NULL, 404, "unknown-definition", "none");
}
END_TEST

START_TEST(publishes_a_saga)
{
    /* Definitions of every mode can be stored; it is the host that does not run them yet. */
    expect(
        "PUT", ALL "/pay",
        "{\"name\":\"pay\",\"version\":1,\"mode\":\"2pc_then_saga\",\"steps\":[{\"name\":\"one\","
        "\"participant\":\"bank_a\",\"operation\":\"debit\",\"compensate\":{\"operation\":"
        "\"credit\"}}]}",
        201, "\"mode\":\"2pc_then_saga\"");
}
END_TEST

START_TEST(the_same_again_is_200)
{
    /* The same content under the same version changes nothing, white space aside. */
    expect("PUT", ALL "/order", ORDER, 201, "order");
    fx.fake.asked.call = NULL;
    expect("PUT", ALL "/order",
           " {\"name\" : \"order\",\"version\":1,\"mode\":\"2pc\"," STEPS "}\n", 200,
           "\"version\":1");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(a_published_version_never_changes)
{
    /* Other content under a published version is refused. */
    expect("PUT", ALL "/order", ORDER, 201, "order");
    expect_problem("PUT", ALL "/order", NULL,
                   "{\"name\":\"order\",\"version\":1,\"mode\":\"2pc\",\"timeout\":\"1s\"," STEPS
                   "}",
                   409, "version-published", "order version 1 is published with other content");
}
END_TEST

START_TEST(lists_every_fault_of_a_definition)
{
    /* A wrong definition is refused with every fault, its place and its pointer. */
    REPLY_SCOPED struct reply reply = {0};
    const char *wrong = "{\"name\":\"order\",\"version\":0,\n"
                        "\"mode\":\"2pc\",\"stepz\":[]," STEPS "}";
    ask("PUT", ALL "/order", NULL, wrong, &reply);
    ck_assert_int_eq(reply.status, 422);
    reply_has(&reply, "https://troth.dev/problems/invalid-definition");
    reply_has(&reply, "\"pointer\":\"/version\",\"line\":1,");
    reply_has(&reply, "\"pointer\":\"/stepz\",\"line\":2,");
    reply_has(&reply, "steps");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(refuses_what_is_no_definition)
{
    /* Broken JSON, another name, a wrong name in the path: each says what is wrong. */
    expect_problem("PUT", ALL "/order", NULL, "{\n \"name\" 1}", 422, "invalid-definition",
                   "line 2, column 9");
    expect_problem("PUT", ALL "/order", NULL, NULL, 422, "invalid-definition", "the text ends");
    expect_problem("PUT", ALL "/orders", NULL, ORDER, 422, "name-mismatch",
                   "the body says \"order\", the path \"orders\"");
    expect_problem("PUT", ALL "/Order", NULL, ORDER, 400, "invalid-name",
                   "\"Order\" is not a name");
    expect_problem("PUT", ALL "/order", "Content-Type: text/plain\r\n", ORDER, 415,
                   "unsupported-type", "text/plain");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(refuses_what_is_too_large)
{
    /* A definition beyond its limit is refused. */
    char *body = malloc(DEFINITION_BYTES_MAX + 2);
    ck_assert_ptr_nonnull(body);
    memset(body, ' ', DEFINITION_BYTES_MAX + 1);
    body[DEFINITION_BYTES_MAX + 1] = '\0';
    expect_problem("PUT", ALL "/order", NULL, body, 413, "too-large", "at most 262144");
    free(body);
}
END_TEST

START_TEST(the_host_can_refuse_to_publish)
{
    /* What the host could not write is not there. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "the journal did not confirm it");
    fx.fake.problem = &problem;
    expect_problem("PUT", ALL "/order", NULL, ORDER, 503, "unavailable", "the journal");
    fx.fake.problem = NULL;
    expect_problem("GET", ALL "/order", NULL, NULL, 404, "unknown-definition", "\"order\"");
}
END_TEST

START_TEST(shows_versions)
{
    /* GET shows the newest, or the version asked for, or says what there is. */
    expect("GET", ALL "/transfer", NULL, 200, "\"name\":\"transfer\",\"version\":2");
    expect("GET", ALL "/transfer?version=1", NULL, 200, "\"name\":\"transfer\",\"version\":1");
    expect_problem("GET", ALL "/transfer?version=7", NULL, NULL, 404, "unknown-definition",
                   "its newest is 2");
    expect_problem("GET", ALL "/transfre", NULL, NULL, 404, "unknown-definition",
                   "did you mean \"transfer\"?");
    expect_problem("GET", ALL "/transfer?version=x", NULL, NULL, 400, "invalid-parameter",
                   "?version");
    expect_problem("GET", ALL "/transfer?versoin=1", NULL, NULL, 400, "unknown-parameter",
                   "did you mean \"version\"?");
}
END_TEST

START_TEST(lists_in_pages)
{
    /* The list goes by name and version, a page at a time, until the cursor is null. */
    fake_add_definition(&fx.fake, "any", 1);
    expect("GET", ALL, NULL, 200,
           "\"version\":2,\"mode\":\"2pc\",\"steps\":2,"
           "\"description\":\"Move \\\"money\\\"\"}],\"cursor\":null}");
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", ALL "?limit=2", NULL, NULL, &reply);
    reply_has(&reply, "{\"definitions\":[{\"name\":\"any\",\"version\":1,");
    reply_has(&reply, "],\"cursor\":\"transfer.1\"}");
    expect("GET", ALL "?limit=2&cursor=transfer.1", NULL, 200,
           "{\"definitions\":[{\"name\":\"transfer\",\"version\":2,");
    expect("GET", ALL "?cursor=transfer.2", NULL, 200, "{\"definitions\":[],\"cursor\":null}");
}
END_TEST

static const char *const wrong_cursors[] = {"transfer",   "transfer.",   ".1", "transfer.0",
                                            "transfer.x", "transfer.1x", "T.1"};

START_TEST(refuses_a_wrong_cursor)
{
    /* A cursor that no page gave is refused. */
    char target[100];
    (void)snprintf(target, sizeof target, ALL "?cursor=%s", wrong_cursors[_i]);
    expect_problem("GET", target, NULL, NULL, 400, "invalid-parameter", "?cursor");
}
END_TEST

START_TEST(deletes_one_version)
{
    /* A version is deleted by number: 204; what is in use stays. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    expect_problem("DELETE", ALL "/transfer", NULL, NULL, 400, "invalid-parameter",
                   "?version: it is missing");
    expect_problem("DELETE", ALL "/transfer?version=3", NULL, NULL, 404, "unknown-definition",
                   "its newest is 2");
    ck_assert_ptr_null(fx.fake.asked.call);
    api_problem_set(&problem, API_PROBLEM_IN_USE, "transactions run it");
    fx.fake.problem = &problem;
    expect_problem("DELETE", ALL "/transfer?version=2", NULL, NULL, 409, "in-use", "run it");
    fx.fake.problem = NULL;
    ask("DELETE", ALL "/transfer?version=2", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 204);
    ck_assert_uint_eq(reply.body.len, 0);
    expect("GET", ALL "/transfer", NULL, 200, "\"version\":1");
}
END_TEST

START_TEST(validates)
{
    /* Validate tells every fault and stores nothing. */
    expect("POST", ALL "/validate", ORDER, 200, "{\"valid\":true,\"faults\":[]}");
    expect("POST", ALL "/validate", "{\"name\":\"order\",\"mode\":\"3pc\"}", 200,
           "{\"valid\":false,\"faults\":[{\"pointer\":");
    /* Also where it is no JSON at all: that is a fault of the file, with its place. */
    expect("POST", ALL "/validate", "{\n \"name\" 1}", 200,
           "{\"valid\":false,\"faults\":[{\"pointer\":\"\",\"line\":2,\"column\":9,");
    expect("POST", ALL "/validate", NULL, 200, "\"line\":1,\"column\":1,");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(validate_is_a_name_too)
{
    /* A definition may be called validate: only POST means the check. */
    fake_add_definition(&fx.fake, "validate", 1);
    expect("GET", ALL "/validate", NULL, 200, "\"name\":\"validate\"");
}
END_TEST

Suite *definitions_suite(void)
{
    Suite *suite = suite_create("definitions");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, publishes);
    tcase_add_test(tests, publishes_a_saga);
    tcase_add_test(tests, says_how_its_transactions_prepare_now);
    tcase_add_test(tests, the_same_again_is_200);
    tcase_add_test(tests, a_published_version_never_changes);
    tcase_add_test(tests, lists_every_fault_of_a_definition);
    tcase_add_test(tests, refuses_what_is_no_definition);
    tcase_add_test(tests, refuses_what_is_too_large);
    tcase_add_test(tests, the_host_can_refuse_to_publish);
    tcase_add_test(tests, shows_versions);
    tcase_add_test(tests, lists_in_pages);
    tcase_add_loop_test(tests, refuses_a_wrong_cursor, 0,
                        (int)(sizeof wrong_cursors / sizeof wrong_cursors[0]));
    tcase_add_test(tests, deletes_one_version);
    tcase_add_test(tests, validates);
    tcase_add_test(tests, validate_is_a_name_too);
    return suite;
}
