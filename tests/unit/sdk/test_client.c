/* The client against a scripted coordinator on the same loop. */
#include <base/buffer.h>
#include <base/now.h>
#include <event2/event.h>
#include <http/server.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

#define GTID_BODY "{\"gtid\":\"019aa4b6-4500-8003-8000-004000000001\",\"outcome\":%s}"

static struct event_base *base;
static struct http_loop *loop;
static struct http_server *server;
static struct troth_client *client;
static char last_request[1024]; /* method, target and body of the last request */
static char last_headers[256];
static int status;
static const char *reply_body;
static unsigned open_for; /* so many answers more are without an outcome */
static unsigned requests;
static struct troth_answer heard;
static unsigned answers;

static void append_header(struct http_exchange *exchange, const char *name)
{
    struct troth_span value;
    if (http_exchange_header(exchange, name, &value)) {
        snprintf(last_headers + strlen(last_headers), sizeof last_headers - strlen(last_headers),
                 "%s: %.*s;", name, (int)value.len, value.data);
    }
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    const struct troth_span method = http_exchange_method(exchange);
    const struct troth_span path = http_exchange_path(exchange);
    const struct troth_span query = http_exchange_query(exchange);
    const struct troth_span body = http_exchange_body(exchange);
    char text[256];
    (void)arg;
    requests++;
    snprintf(last_request, sizeof last_request, "%.*s %.*s %.*s %.*s", (int)method.len, method.data,
             (int)path.len, path.data, (int)query.len, query.data, (int)body.len, body.data);
    last_headers[0] = '\0';
    append_header(exchange, "Idempotency-Key");
    append_header(exchange, "Prefer");
    if (status == 0)
        return; /* never answered */
    snprintf(text, sizeof text, "%s", reply_body);
    if (open_for > 0) {
        open_for--;
        snprintf(text, sizeof text, GTID_BODY, "null");
    }
    http_exchange_reply(exchange, status, "application/json", NULL,
                        (struct troth_span){text, strlen(text)});
}

static void on_answer(void *arg, const struct troth_answer *answer)
{
    (void)arg;
    heard = *answer;
    answers++;
}

static void setup(void)
{
    const struct http_server_config config = {.address = "127.0.0.1",
                                              .connections_max = 8,
                                              .limits = HTTP_LIMITS_DEFAULT,
                                              .handler = on_request};
    char url[64];
    struct troth_client_config mine = {TROTH_CLIENT_CONFIG_INIT, .url = url, .connections_max = 2};
    base = event_base_new();
    ck_assert_int_eq(http_loop_create(base, &loop), 0);
    http_loop_autoflush(loop);
    ck_assert_int_eq(http_server_create(loop, &config, &server), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(server));
    ck_assert_int_eq(troth_client_create(base, &mine, &client), 0);
    status = 200;
    reply_body = "{\"gtid\":\"019aa4b6-4500-8003-8000-004000000001\",\"outcome\":\"committed\"}";
    answers = requests = open_for = 0;
}

static void teardown(void)
{
    troth_client_destroy(client);
    http_server_destroy(server);
    http_loop_destroy(loop);
    event_base_free(base);
}

static void until_answered(void)
{
    while (answers == 0) /* the test's own timeout is the bound */
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_uint_eq(answers, 1);
    answers = 0;
}

static troth_gtid gtid(void)
{
    troth_gtid id;
    ck_assert_int_eq(
        troth_gtid_parse("019aa4b6-4500-8003-8000-004000000001", TROTH_GTID_TEXT_LEN, &id), 0);
    return id;
}

/* Start sends definition, version, input as it is, key and wait; the answer has gtid and outcome.
 */
START_TEST(starting)
{
    const struct troth_start start = {TROTH_START_INIT,
                                      .definition = "transfer",
                                      .version = 2,
                                      .input = {"{\"n\":0.10}", 10},
                                      .idempotency_key = "k-1",
                                      .wait_s = 3};
    ck_assert_int_eq(troth_client_start(client, &start, on_answer, NULL), 0);
    ck_assert_uint_eq(answers, 0);
    until_answered();
    ck_assert_str_eq(last_request,
                     "POST /v1/transactions  {\"definition\":\"transfer\",\"version\":2,"
                     "\"input\":{\"n\":0.10},\"reply\":\"completed\"}");
    ck_assert_str_eq(last_headers, "Idempotency-Key: k-1;Prefer: wait=3;");
    ck_assert_int_eq(heard.error, 0);
    ck_assert(heard.has_gtid);
    ck_assert_int_eq(heard.outcome, TROTH_OUTCOME_COMMITTED);
}
END_TEST

/* The interactive calls say what interfaces.md gives. */
START_TEST(interactive)
{
    const troth_gtid id = gtid();
    const uint32_t branches[] = {1, 7};
    const struct troth_enlist enlist = {TROTH_ENLIST_INIT,    .gtid = id,
                                        .branch = 7,          .participant = "bank_a",
                                        .operation = "debit", .prepared = true};
    ck_assert_int_eq(troth_client_begin(client, 30000000, on_answer, NULL), 0);
    until_answered();
    ck_assert_str_eq(last_request, "POST /v1/transactions  {\"mode\":\"2pc\",\"timeout\":\"30s\"}");
    ck_assert_int_eq(troth_client_enlist(client, &enlist, on_answer, NULL), 0);
    until_answered();
    ck_assert_str_eq(last_request, "POST /v1/transactions/019aa4b6-4500-8003-8000-004000000001/"
                                   "branches  {\"branch\":7,\"participant\":\"bank_a\","
                                   "\"operation\":\"debit\",\"prepared\":true}");
    ck_assert_int_eq(
        troth_client_commit(client, &id, branches, 2, TROTH_REPLY_DECIDED, on_answer, NULL), 0);
    until_answered();
    ck_assert_str_eq(last_request, "POST /v1/transactions/019aa4b6-4500-8003-8000-004000000001/"
                                   "commit  {\"branches\":[1,7],\"reply\":\"decided\"}");
    ck_assert_int_eq(troth_client_abort(client, &id, on_answer, NULL), 0);
    until_answered();
    ck_assert_str_eq(last_request,
                     "POST /v1/transactions/019aa4b6-4500-8003-8000-004000000001/abort  {}");
}
END_TEST

/* Each decision's word is understood; another word is an error, never a decision. */
START_TEST(inquire)
{
    static const struct {
        const char *body;
        int error;
        enum troth_decision decision;
    } cases[] = {
        {"{\"decision\":\"committed\"}", 0, TROTH_DECISION_COMMITTED},
        {"{\"decision\":\"aborted\"}", 0, TROTH_DECISION_ABORTED},
        {"{\"decision\":\"undecided\"}", 0, TROTH_DECISION_UNDECIDED},
        {"{\"decision\":\"unknown\"}", 0, TROTH_DECISION_UNKNOWN},
        {"{\"decision\":\"perhaps\"}", TROTH_ERROR_PROTOCOL, TROTH_DECISION_UNDECIDED},
        {"{\"decision\":7}", TROTH_ERROR_PROTOCOL, TROTH_DECISION_UNDECIDED},
        {"not json", TROTH_ERROR_PROTOCOL, TROTH_DECISION_UNDECIDED},
    };
    const troth_gtid id = gtid();
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reply_body = cases[i].body;
        ck_assert_int_eq(troth_client_inquire(client, JOURNAL, &id, 2, 3, on_answer, NULL), 0);
        until_answered();
        ck_assert_int_eq(heard.error, cases[i].error);
        ck_assert_int_eq(heard.decision, cases[i].decision);
    }
    ck_assert_str_eq(last_request, "GET /v1/transactions/019aa4b6-4500-8003-8000-004000000001/"
                                   "decision branch=2&attempt=3&journal=" JOURNAL " ");
    ck_assert_int_eq(troth_client_inquire(client, "x", &id, 2, 3, on_answer, NULL),
                     TROTH_ERROR_INVALID);
}
END_TEST

/* A coordinator's problems are told apart by their status. */
START_TEST(problems)
{
    static const struct {
        int status;
        int error;
    } cases[] = {{400, TROTH_ERROR_INVALID}, {404, TROTH_ERROR_NOT_FOUND}, {409, TROTH_ERROR_ENDED},
                 {422, TROTH_ERROR_EXISTS},  {403, TROTH_ERROR_REFUSED},   {503, TROTH_ERROR_FULL},
                 {500, TROTH_ERROR_UNKNOWN}, {504, TROTH_ERROR_UNKNOWN}};
    const troth_gtid id = gtid();
    size_t i;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        status = cases[i].status;
        reply_body = "{\"title\":\"no\"}";
        ck_assert_int_eq(troth_client_get(client, &id, on_answer, NULL), 0);
        until_answered();
        ck_assert_int_eq(heard.status, cases[i].status);
        ck_assert_int_eq(heard.error, cases[i].error);
    }
}
END_TEST

/* A coordinator that stops says whom to ask for. What has no key is sent once, by the client itself
 * never again; waiting goes on until somebody knows. */
START_TEST(not_known_here)
{
    const struct troth_start start = {TROTH_START_INIT, .definition = "transfer"};
    const troth_gtid id = gtid();
    status = 504;
    reply_body = "{\"title\":\"?\",\"gtid\":\"019aa4b6-4500-8003-8000-004000000001\"}";
    ck_assert_int_eq(troth_client_start(client, &start, on_answer, NULL), 0);
    until_answered();
    ck_assert_int_eq(heard.error, TROTH_ERROR_UNKNOWN);
    ck_assert_int_eq(troth_error_class(heard.error), TROTH_CLASS_UNKNOWN);
    ck_assert(heard.has_gtid);
    ck_assert_mem_eq(&heard.gtid, &id, sizeof id);
    ck_assert_uint_eq(requests, 1);
    ck_assert_int_eq(troth_client_wait(client, &id, 200000, on_answer, NULL), 0);
    until_answered();
    ck_assert_uint_gt(requests, 2);
    ck_assert_int_eq(troth_error_class(heard.error), TROTH_CLASS_UNKNOWN);
}
END_TEST

/* Wait asks until there is an outcome, or its time is over. */
START_TEST(waiting)
{
    const troth_gtid id = gtid();
    open_for = 2;
    ck_assert_int_eq(troth_client_wait(client, &id, 10000000, on_answer, NULL), 0);
    until_answered();
    ck_assert_uint_eq(requests, 3);
    ck_assert_int_eq(heard.error, 0);
    ck_assert_int_eq(heard.outcome, TROTH_OUTCOME_COMMITTED);
    open_for = 1000;
    ck_assert_int_eq(troth_client_wait(client, &id, 60000, on_answer, NULL), 0);
    until_answered();
    ck_assert_int_eq(heard.error, TROTH_ERROR_TIMEOUT);
}
END_TEST

/* A coordinator that takes the question and does not answer uses up the waiting client's time, and
 * not a whole call's (30 s). */
START_TEST(waiting_for_a_silent_one)
{
    const troth_gtid id = gtid();
    const uint64_t began_us = mono_now().us;
    status = 0;
    ck_assert_int_eq(troth_client_wait(client, &id, 300000, on_answer, NULL), 0);
    until_answered();
    ck_assert_int_eq(heard.error, TROTH_ERROR_TIMEOUT);
    ck_assert_uint_ge(mono_now().us - began_us, 300000);
    ck_assert_uint_lt(mono_now().us - began_us, 15000000);
}
END_TEST

/* Calls beyond connections_max are refused at once; those under way when the client goes are
 * answered. */
START_TEST(full_and_gone)
{
    const troth_gtid id = gtid();
    status = 0;
    ck_assert_int_eq(troth_client_get(client, &id, on_answer, NULL), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_answer, NULL), 0);
    ck_assert_int_eq(troth_client_get(client, &id, on_answer, NULL), TROTH_ERROR_FULL);
    while (requests < 2)
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    troth_client_destroy(client);
    client = NULL;
    ck_assert_uint_eq(answers, 2);
    ck_assert_int_eq(heard.error, TROTH_ERROR_SHUTTING_DOWN);
}
END_TEST

/* A client without a base blocks for its answer; nobody listening is UNAVAILABLE. */
START_TEST(blocking)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT,
                                               .url = "http://127.0.0.1:1"};
    const struct troth_client_config bad = {TROTH_CLIENT_CONFIG_INIT, .url = "gopher://x"};
    const troth_gtid id = gtid();
    struct troth_client *own = NULL;
    ck_assert_int_eq(troth_client_create(NULL, &bad, &own), TROTH_ERROR_CONFIG);
    ck_assert_int_eq(troth_client_create(NULL, &config, &own), 0);
    ck_assert_int_eq(troth_client_get(own, &id, on_answer, NULL), 0);
    ck_assert_int_eq(troth_client_block(own), 0);
    ck_assert_uint_eq(answers, 1);
    ck_assert_int_eq(heard.error, TROTH_ERROR_UNAVAILABLE);
    troth_client_destroy(own);
    ck_assert_int_eq(troth_client_block(client), TROTH_ERROR_INVALID);
}
END_TEST

TCase *client_tests(void)
{
    TCase *tests = tcase_create("client");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, starting);
    tcase_add_test(tests, interactive);
    tcase_add_test(tests, inquire);
    tcase_add_test(tests, problems);
    tcase_add_test(tests, not_known_here);
    tcase_add_test(tests, waiting);
    tcase_add_test(tests, waiting_for_a_silent_one);
    tcase_add_test(tests, full_and_gone);
    tcase_add_test(tests, blocking);
    return tests;
}
