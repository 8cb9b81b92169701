/* A client with several addresses: which of them is asked, and what is sent again. */
#include <event2/event.h>
#include <http/server.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define GTID      "019aa4b6-4500-8003-8000-004000000001"
#define COMMITTED "{\"gtid\":\"" GTID "\",\"outcome\":\"committed\"}"
#define NOT_HERE  "{\"type\":\"https://troth.dev/problems/unavailable\",\"status\":503}"
#define IS_FULL   "{\"type\":\"https://troth.dev/problems/full\",\"status\":503}"
#define NINE                                                                                       \
    "http://a:1,http://a:2,http://a:3,http://a:4,http://a:5,http://a:6,http://a:7,http://a:8,"     \
    "http://a:9"
#define WHO_KNOWS "{\"type\":\"https://troth.dev/problems/outcome-unknown\",\"gtid\":\"" GTID "\"}"

/* Two coordinators as a client sees them. */
static struct coordinator {
    struct http_server *server;
    int status; /* 0: it never answers; -1: it closes the connection */
    const char *body;
    unsigned requests;
    char last[512]; /* method, target, key, body */
} nodes[2];

static struct event_base *base;
static struct http_loop *loop;
static struct troth_client *client;
static struct troth_answer heard;
static unsigned answers;

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct coordinator *node = arg;
    const struct troth_span method = http_exchange_method(exchange);
    const struct troth_span path = http_exchange_path(exchange);
    const struct troth_span body = http_exchange_body(exchange);
    struct troth_span key = {"", 0};
    (void)http_exchange_header(exchange, "Idempotency-Key", &key);
    snprintf(node->last, sizeof node->last, "%.*s %.*s %.*s %.*s", (int)method.len, method.data,
             (int)path.len, path.data, (int)key.len, key.data, (int)body.len, body.data);
    node->requests++;
    if (node->status < 0) {
        http_server_destroy(node->server);
        node->server = NULL;
    } else if (node->status > 0) {
        http_exchange_reply(exchange, node->status, "application/json", NULL,
                            (struct troth_span){node->body, strlen(node->body)});
    }
}

static void on_answer(void *arg, const struct troth_answer *answer)
{
    (void)arg;
    heard = *answer;
    answers++;
}

static void connect_to(const char *urls)
{
    const struct troth_client_config mine = {TROTH_CLIENT_CONFIG_INIT, .url = urls,
                                             .connections_max = 2, .timeout_us = 2000000};
    ck_assert_int_eq(troth_client_create(base, &mine, &client), 0);
}

static void setup(void)
{
    char urls[128];
    base = event_base_new();
    ck_assert_int_eq(http_loop_create(base, &loop), 0);
    http_loop_autoflush(loop);
    for (int i = 0; i < 2; i++) {
        const struct http_server_config config = {.address = "127.0.0.1",
                                                  .connections_max = 8,
                                                  .limits = HTTP_LIMITS_DEFAULT,
                                                  .handler = on_request,
                                                  .arg = &nodes[i]};
        nodes[i] = (struct coordinator){.status = 200, .body = COMMITTED};
        ck_assert_int_eq(http_server_create(loop, &config, &nodes[i].server), 0);
    }
    snprintf(urls, sizeof urls, "http://127.0.0.1:%u,http://127.0.0.1:%u/",
             http_server_port(nodes[0].server), http_server_port(nodes[1].server));
    connect_to(urls);
    answers = 0;
}

static void teardown(void)
{
    troth_client_destroy(client);
    http_server_destroy(nodes[0].server);
    http_server_destroy(nodes[1].server);
    http_loop_destroy(loop);
    event_base_free(base);
}

static void until_answered(void)
{
    answers = 0;
    while (answers == 0) /* the test's own timeout is the bound */
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_uint_eq(answers, 1);
}

static void start(const char *key)
{
    const struct troth_start start = {TROTH_START_INIT, .definition = "transfer",
                                      .input = {"{\"n\":0.10}", 10}, .idempotency_key = key};
    ck_assert_int_eq(troth_client_start(client, &start, on_answer, NULL), 0);
    until_answered();
}

static void commit(void)
{
    const uint32_t branches[] = {1, 7};
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_parse(GTID, TROTH_GTID_TEXT_LEN, &gtid), 0);
    ck_assert_int_eq(
        troth_client_commit(client, &gtid, branches, 2, TROTH_REPLY_DECIDED, on_answer, NULL), 0);
    until_answered();
}

static void get(void)
{
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_parse(GTID, TROTH_GTID_TEXT_LEN, &gtid), 0);
    ck_assert_int_eq(troth_client_get(client, &gtid, on_answer, NULL), 0);
    until_answered();
}

/* One that refuses connections is passed over, also by what must not come twice, and is not asked
 * first again. */
START_TEST(refused)
{
    http_server_destroy(nodes[0].server);
    nodes[0].server = NULL;
    start(NULL);
    ck_assert_int_eq(heard.error, 0);
    ck_assert_int_eq(heard.outcome, TROTH_OUTCOME_COMMITTED);
    ck_assert_str_eq(nodes[1].last, "POST /v1/transactions  {\"definition\":\"transfer\","
                                    "\"input\":{\"n\":0.10},\"reply\":\"completed\"}");
    get();
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(nodes[1].requests, 2);
}
END_TEST

/* One that does not lead has done nothing: the next is asked, with all that was said to the first.
 */
START_TEST(not_leading)
{
    nodes[0].status = 503;
    nodes[0].body = NOT_HERE;
    start("k-1");
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(nodes[0].requests, 1);
    ck_assert_str_eq(nodes[0].last, nodes[1].last);
    ck_assert_ptr_nonnull(strstr(nodes[1].last, " k-1 "));
}
END_TEST

/* One that is full is no reason to burden another one. */
START_TEST(full)
{
    nodes[0].status = 503;
    nodes[0].body = IS_FULL;
    start("k-1");
    ck_assert_int_eq(heard.error, TROTH_ERROR_FULL);
    ck_assert_int_eq(heard.status, 503);
    ck_assert_uint_eq(nodes[1].requests, 0);
}
END_TEST

/* A start without a key whose answer was lost is sent nowhere else: it would be another one. */
START_TEST(never_twice)
{
    nodes[0].status = -1;
    start(NULL);
    ck_assert_int_eq(heard.error, TROTH_ERROR_LOST);
    ck_assert_uint_eq(nodes[1].requests, 0);
}
END_TEST

/* With a key, and a commit, it is asked for at the next one, which shows how it ended. */
START_TEST(twice_under_its_key)
{
    nodes[0].status = -1;
    start("k-1");
    ck_assert_int_eq(heard.error, 0);
    ck_assert_int_eq(heard.outcome, TROTH_OUTCOME_COMMITTED);
    ck_assert_uint_eq(nodes[1].requests, 1);
    commit();
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(nodes[1].requests, 2);
}
END_TEST

/* "Not known here" is asked at the next one, too; where nobody knows it stays unknown. */
START_TEST(not_known)
{
    nodes[0].status = 504;
    nodes[0].body = WHO_KNOWS;
    commit();
    ck_assert_int_eq(heard.error, 0);
    nodes[1] = (struct coordinator){
        .server = nodes[1].server, .status = 503, .body = NOT_HERE, .requests = 0};
    nodes[0].requests = 0;
    start("k-1"); /* the one that answered last is asked first */
    ck_assert_int_eq(heard.error, TROTH_ERROR_UNKNOWN);
    ck_assert_uint_eq(nodes[0].requests, 1);
    ck_assert_uint_eq(nodes[1].requests, 1);
}
END_TEST

/* Where one may have taken it and the next could do nothing, "nothing was done" is not said. */
START_TEST(stays_in_doubt)
{
    nodes[0].status = -1;
    nodes[1].status = 503;
    nodes[1].body = NOT_HERE;
    start("k-1");
    ck_assert_int_eq(heard.error, TROTH_ERROR_LOST);
    ck_assert_int_eq(heard.status, 503);
}
END_TEST

/* A question to one that takes connections and is silent goes on within the call's own time. */
START_TEST(silent)
{
    nodes[0].status = 0;
    get();
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(nodes[0].requests, 1);
    get(); /* and it is not asked first again */
    ck_assert_uint_eq(nodes[0].requests, 1);
}
END_TEST

/* What answers there and is no coordinator is passed over. */
START_TEST(somebody_else)
{
    nodes[0].body = "<html>";
    get();
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(nodes[1].requests, 1);
}
END_TEST

/* Waiting for an outcome goes on at another one. */
START_TEST(waiting)
{
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_parse(GTID, TROTH_GTID_TEXT_LEN, &gtid), 0);
    nodes[0].status = -1;
    ck_assert_int_eq(troth_client_wait(client, &gtid, 10000000, on_answer, NULL), 0);
    until_answered();
    ck_assert_int_eq(heard.error, 0);
    ck_assert_int_eq(heard.outcome, TROTH_OUTCOME_COMMITTED);
}
END_TEST

/* No address, a wrong one among good ones, and too many are refused when the client is made. */
START_TEST(wrong_ones)
{
    static const char *const wrong[] = {"", ",", "http://127.0.0.1:1,gopher://x", NINE};
    struct troth_client *none = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT, .url = wrong[i]};
        ck_assert_int_eq(troth_client_create(base, &config, &none), TROTH_ERROR_CONFIG);
    }
}
END_TEST

TCase *addresses_tests(void)
{
    TCase *tests = tcase_create("addresses");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, not_leading);
    tcase_add_test(tests, full);
    tcase_add_test(tests, never_twice);
    tcase_add_test(tests, twice_under_its_key);
    tcase_add_test(tests, not_known);
    tcase_add_test(tests, stays_in_doubt);
    tcase_add_test(tests, silent);
    tcase_add_test(tests, somebody_else);
    tcase_add_test(tests, waiting);
    tcase_add_test(tests, wrong_ones);
    return tests;
}
