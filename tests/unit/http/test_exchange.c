/* The request as the handler sees it. */
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static struct raw client;

static void setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    world_start(&world, &limits, 100);
    raw_connect(&client, http_server_port(world.server));
}

static void teardown(void)
{
    raw_close(&client);
    world_finish(&world);
}

static struct http_exchange *held(const char *request)
{
    raw_send(&client, request);
    WAIT_FOR(&world, world.held_count == 1);
    return world.held[0];
}

static void check_span(struct troth_span span, const char *text)
{
    ck_assert_uint_eq(span.len, strlen(text));
    ck_assert_mem_eq(span.data, text, span.len);
}

START_TEST(parts)
{
    /* Method, path, query, headers and body are as they were sent. */
    struct http_exchange *exchange =
        held("PUT /hold?a=1&b HTTP/1.1\r\nHost: a\r\nX-One:  two words \t\r\nX-Empty:\r\n"
             "Content-Length: 4\r\n\r\nb\r\nd");
    struct troth_span value;
    check_span(http_exchange_method(exchange), "PUT");
    check_span(http_exchange_path(exchange), "/hold");
    check_span(http_exchange_query(exchange), "a=1&b");
    check_span(http_exchange_body(exchange), "b\r\nd");
    ck_assert(http_exchange_header(exchange, "x-one", &value));
    check_span(value, "two words");
    ck_assert(http_exchange_header(exchange, "X-EMPTY", &value));
    check_span(value, "");
    ck_assert(!http_exchange_header(exchange, "X-On", &value));
}
END_TEST

START_TEST(repeated_header)
{
    /* A header that came twice: its values joined by a comma; earlier spans stay good. */
    struct http_exchange *exchange =
        held("GET /hold HTTP/1.1\r\nHost: a\r\nPrefer: wait=1\r\nX: y\r\nprefer: x \r\nX: z\r\n"
             "\r\n");
    struct troth_span prefer;
    struct troth_span x;
    ck_assert(http_exchange_header(exchange, "Prefer", &prefer));
    ck_assert(http_exchange_header(exchange, "X", &x));
    check_span(prefer, "wait=1, x");
    check_span(x, "y, z");
}
END_TEST

START_TEST(absolute_target)
{
    /* http://host/path is the path /path. */
    struct http_exchange *exchange = held("GET HTTP://b:1/hold?q HTTP/1.1\r\nHost: a\r\n\r\n");
    check_span(http_exchange_path(exchange), "/hold");
    check_span(http_exchange_query(exchange), "q");
    check_span(http_exchange_body(exchange), "");
}
END_TEST

START_TEST(spans_stay)
{
    /* The spans of an exchange stay good while more of the connection is read. */
    struct http_exchange *exchange =
        held("POST /hold HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 4\r\n\r\nbody");
    struct troth_span body = http_exchange_body(exchange);
    struct troth_span x;
    ck_assert(http_exchange_header(exchange, "x", &x));
    for (int i = 0; i < 200; i++)
        raw_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nmore");
    world_turn_for(&world, 20000);
    check_span(body, "body");
    check_span(x, "y");
}
END_TEST

START_TEST(parameters)
{
    /* Query parameters are found by name and decoded; bad encodings and NUL are refused. */
    static const struct {
        const char *name;
        const char *value; /* NULL: refused or absent */
    } cases[] = {
        {"state", "a b c/d"}, {"empty", ""},  {"flag", ""},   {"na me", "1"},   {"bad", NULL},
        {"cut", NULL},        {"zero", NULL}, {"stat", NULL}, {"states", NULL}, {"twice", "1"},
    };
    struct http_exchange *exchange =
        held("GET /hold?state=a+b%20c%2Fd&empty=&flag&na%20me=1&bad=%zz&zero=%00&twice=1&twice=2"
             "&cut=%2 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_SCOPED struct buffer value = {0};
        buffer_append_char(&value, '>');
        bool is_there = http_exchange_parameter(exchange, cases[i].name, &value);
        ck_assert_msg(is_there == (cases[i].value != NULL), "%s", cases[i].name);
        ck_assert_str_eq(buffer_text(&value) + 1, is_there ? cases[i].value : "");
    }
}
END_TEST

START_TEST(upgrade_is_ignored)
{
    /* An offer to change the protocol (curl --http2) is answered as if it was not there. */
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                      "Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n");
    WAIT_FOR(&world, raw_has(&client, "HTTP/1.1 200 OK"));
    raw_send(&client, "GET /constant HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, world.handled == 2);
}
END_TEST

START_TEST(reply_headers)
{
    /* The host's headers are in the reply; 204 has neither length nor body. */
    const struct http_header headers[] = {{"Retry-After", "7"}, {"X", "y z"}, {NULL, NULL}};
    struct http_exchange *exchange = held("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    http_exchange_reply(exchange, 204, NULL, headers, (struct troth_span){"dropped", 7});
    WAIT_FOR(&world, raw_has(&client, "\r\n\r\n"));
    ck_assert_int_eq(strncmp(raw_text(&client), "HTTP/1.1 204 No Content\r\n", 25), 0);
    ck_assert_ptr_nonnull(strstr(raw_text(&client), "Retry-After: 7\r\nX: y z\r\n\r\n"));
    ck_assert_ptr_null(strstr(raw_text(&client), "Content-Length"));
}
END_TEST

START_TEST(wrong_address)
{
    /* A name, or nonsense, is no address to listen on; a taken port says so. */
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct http_server *server = NULL;
    struct http_server_config config = {
        .address = "localhost", .connections_max = 1, .limits = limits, .handler = (http_handler)0};
    config.handler = (http_handler)(void (*)(void))http_exchange_set; /* never called */
    ck_assert_int_eq(http_server_create(world.loop, &config, &server), TROTH_ERROR_CONFIG);
    config.address = "127.0.0.1";
    config.port = http_server_port(world.server);
    ck_assert_int_eq(http_server_create(world.loop, &config, &server), TROTH_ERROR_SYSTEM);
    ck_assert_ptr_null(server);
}
END_TEST

Suite *exchange_suite(void)
{
    Suite *suite = suite_create("exchange");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, parts);
    tcase_add_test(all, repeated_header);
    tcase_add_test(all, absolute_target);
    tcase_add_test(all, spans_stay);
    tcase_add_test(all, parameters);
    tcase_add_test(all, upgrade_is_ignored);
    tcase_add_test(all, reply_headers);
    tcase_add_test(all, wrong_address);
    suite_add_tcase(suite, all);
    return suite;
}
