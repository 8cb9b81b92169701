/* A request over HTTP, to the client API and to a participant, with each allocation on its way
 * failing: the right answer, an error of the server's (5xx), or none; and the next request
 * succeeds.
 */
#include <string.h>

#include <api/api.h>
#include <fake_host.h>
#include <inside.h>
#include <pair.h>

#include "failing.h"

#define ANSWER_BYTES 65536u
/* Where there is no memory to watch a socket, its deadline ends the connection. */
#define PATIENCE_US 20000u

struct asked {
    const char *line, *headers, *body;
    bool may_miss; /* an answer without its one line means "unknown", as that word does */
};

static struct buffer right, said;

static bool is_right(void)
{
    return said.len == right.len && memcmp(said.data, right.data, said.len) == 0;
}

static bool is_missing(const struct asked *asked)
{
    static const char none[] = "Content-Length: 0\r\n", unknown[] = "\"result\":\"unknown\"";
    return asked->may_miss && (memmem(said.data, said.len, none, sizeof none - 1) != NULL ||
                               memmem(said.data, said.len, unknown, sizeof unknown - 1) != NULL);
}

static bool is_begun(const char *text)
{
    return said.len >= strlen(text) && memcmp(said.data, text, strlen(text)) == 0;
}

/* `before` and `after` each request: what the server is about. */
static void ask_each(struct http_server *server, const struct asked *asked, void (*before)(void),
                     void (*after)(void))
{
    struct buffer request = {0};
    buffer_append_format(&request,
                         "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s"
                         "Content-Length: %zu\r\n\r\n%s",
                         asked->line, asked->headers, strlen(asked->body), asked->body);
    const struct troth_span text = buffer_span(&request);
    bool reached = true;
    ck_assert(buffer_reserve(&right, ANSWER_BYTES) && buffer_reserve(&said, ANSWER_BYTES));
    before();
    pair_ask(server, text, text.len, &right);
    after();
    ck_assert_msg(right.len > 12 && memcmp(right.data, "HTTP/1.1 20", 11) == 0, "%.*s",
                  (int)right.len, right.data);
    for (uint32_t nth = 1; reached; nth++) {
        before();
        buffer_clear(&said);
        failing_begin(nth);
        pair_ask(server, text, text.len, &said);
        reached = failing_end();
        ck_assert_msg(is_right() || (reached && (said.len == 0 || is_begun("HTTP/1.1 5") ||
                                                 is_missing(asked))),
                      "allocation %u failing: %.*s", nth, (int)said.len, said.data);
        after();
        before();
        buffer_clear(&said);
        pair_ask(server, text, text.len, &said);
        ck_assert_msg(is_right(), "after allocation %u has failed: %.*s", nth, (int)said.len,
                      said.data);
        after();
    }
    buffer_finish(&request);
    buffer_finish(&right);
    buffer_finish(&said);
}

/* --- the client API --------------------------------------------------------------------------- */

static struct fake_host fake;

static void fake_begin(void)
{
    fake_init(&fake);
}

static void fake_end(void)
{
    ck_assert(!fake_holds(&fake));
    fake_finish(&fake);
}

#define TYPE_JSON "Content-Type: application/json\r\n"

static const struct asked asked_of_api[] = {
    {"POST /v1/transactions", TYPE_JSON "Idempotency-Key: \"k \\\" 1\"\r\n",
     "{\"definition\":\"transfer\",\"input\":{\"from\":7,\"to\":9,\"amount\":120},\"labels\":{"
     "\"a\":\"b\"}}",
     false},
    {"POST /v1/transactions/" FAKE_GTID "/branches", TYPE_JSON,
     "{\"branch\":3,\"participant\":\"bank_a\",\"operation\":\"debit\"}", false},
    {"POST /v1/definitions/validate", TYPE_JSON, "{\"name\":1}", false},
    {"GET /v1/transactions?state=o%70en&limit=2", "", "", false},
};

START_TEST(an_api_request_without_memory_is_answered_rightly_or_refused)
{
    struct http_server *server = NULL;
    struct api *api = NULL;
    fake_init(&fake);
    ck_assert_int_eq(api_create(&fake.host, &api), 0);
    fake_finish(&fake);
    struct http_server_config config = {
        .address = "127.0.0.1",
        .connections_max = 4,
        .limits = HTTP_LIMITS_DEFAULT,
        .handler = api_handle,
        .problem = api_server_problem,
        .arg = api,
    };
    config.limits.idle_timeout_us = config.limits.head_timeout_us = config.limits.body_timeout_us =
        config.limits.write_timeout_us = PATIENCE_US;
    failing_begin(0); /* libevent's memory from here on is ours */
    ck_assert_int_eq(http_server_create(pair_loop(), &config, &server), 0);
    ask_each(server, &asked_of_api[_i], fake_begin, fake_end);
    http_server_destroy(server);
    api_destroy(api);
}
END_TEST

/* --- a participant ---------------------------------------------------------------------------- */

#define GTID    "018bcfe5-687b-8007-8000-00c000000063"
#define JOURNAL "Troth-Journal: 00000000000000aa\r\n"
#define COMMAND(op, branch)                                                                        \
    "{\"op\":\"" op "\",\"gtid\":\"" GTID "\",\"branch\":" branch                                  \
    ",\"attempt\":1,\"operation\":\"debit\",\"input\":{\"a\":1}}\n"

static const struct asked asked_of_participant[] = {
    {"POST /bank/debit/execute",
     JOURNAL "Troth-Gtid: " GTID "\r\nTroth-Branch: 1\r\nTroth-Attempt: 1\r\n", "{\"a\":1}", false},
    {"POST /bank", JOURNAL, COMMAND("execute", "1"), true},
};

static struct troth_participant *participant;

static void done(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    troth_reply_done(reply, TROTH_BRANCH_UNSAID, call->input);
}

static void nothing(void)
{
}

static void forget(void)
{
    ck_assert(participant->requests == NULL && participant->pending == 0);
    journals_finish(&participant->journals);
}

START_TEST(a_command_without_memory_is_answered_rightly_or_not_at_all)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .base = "/bank"};
    const struct troth_handlers handlers = {TROTH_HANDLERS_INIT, .commit = done, .execute = done};
    failing_begin(0);
    ck_assert_int_eq(troth_participant_create(&config, &participant), 0);
    ck_assert_int_eq(troth_participant_handle(participant, "debit", &handlers, NULL), 0);
    ck_assert_int_eq(troth_participant_attach(participant, http_loop_base(pair_loop())), 0);
    ask_each(participant->server, &asked_of_participant[_i], nothing, forget);
    troth_participant_destroy(participant);
}
END_TEST

TCase *http_tests(void)
{
    TCase *tests = tcase_create("http");
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, an_api_request_without_memory_is_answered_rightly_or_refused, 0,
                        sizeof asked_of_api / sizeof asked_of_api[0]);
    tcase_add_loop_test(tests, a_command_without_memory_is_answered_rightly_or_not_at_all, 0,
                        sizeof asked_of_participant / sizeof asked_of_participant[0]);
    return tests;
}
