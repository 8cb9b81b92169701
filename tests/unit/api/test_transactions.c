/* POST and GET /v1/transactions, abort, retry. */
#include <string.h>

#include "fixture.h"

/* printf '{"mode":"2pc"}' | sha256sum */
#define HASH_OF_MODE_2PC "ee01e4f56b0a37babc36fa2aee51cb7a39d0350e41a2e81d396c359bb01afd55"
#define START            "/v1/transactions"
#define GOOD             "{\"definition\":\"transfer\",\"input\":{\"from\":7,\"amount\":120}}"

START_TEST(starts_from_a_definition)
{
    /* A started transaction that reached its outcome is answered 201, with its place and view. */
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, NULL,
        "{\"definition\":\"transfer\",\"version\":1,\"input\":{\"from\":7, \"amount\":120},"
        "\"reply\":\"decided\",\"labels\":{\"tenant\":\"acme\"},\"timeout\":\"10s\"}",
        &reply);
    ck_assert_int_eq(reply.status, 201);
    reply_has_header(&reply, "Location: /v1/transactions/" FAKE_GTID);
    reply_has_header(&reply, "Content-Type: application/json");
    reply_lacks_header(&reply, "Idempotency-Replayed");
    reply_lacks_header(&reply, "Preference-Applied");
    reply_has(&reply, "{\"gtid\":\"" FAKE_GTID "\",\"definition\":\"transfer\",\"version\":2,"
                      "\"mode\":\"2pc\",\"attempt\":1,\"state\":\"ended\","
                      "\"outcome\":\"committed\",\"began_at\":\"2026-11-21T");
    reply_has(&reply, "\"labels\":{\"tenant\":\"acme\"},\"steps\":[{");
    const struct fake_asked *asked = &fx.fake.asked;
    ck_assert_str_eq(asked->call, "submit");
    ck_assert_str_eq(asked->definition, "transfer");
    ck_assert_uint_eq(asked->submit.definition->version, 1);
    ck_assert_str_eq(asked->input, "{\"from\":7, \"amount\":120}");
    ck_assert_str_eq(asked->labels, "{\"tenant\":\"acme\"}");
    ck_assert_uint_eq(asked->submit.timeout_us, 10000000);
    ck_assert_int_eq(asked->submit.reply, API_REPLY_DECIDED);
    ck_assert_ptr_null(asked->submit.idempotency_key.data);
    ck_assert_ptr_null(asked->submit.traceparent.data);
}
END_TEST

START_TEST(defaults_are_the_newest_version_and_completed)
{
    /* Without version, reply and timeout: the newest, completed, the definition's. */
    expect("POST", START, GOOD, 201, "\"outcome\":\"committed\"");
    const struct api_submit *submit = &fx.fake.asked.submit;
    ck_assert_uint_eq(submit->definition->version, 2);
    ck_assert_int_eq(submit->reply, API_REPLY_COMPLETED);
    ck_assert_uint_eq(submit->timeout_us, 30000000);
    ck_assert_uint_eq(submit->wait_us, 0);
}
END_TEST

START_TEST(the_hash_is_of_the_body)
{
    /* The hash of a request under a key is SHA-256 over the body's bytes; without a key nobody
     * compares it, and there is none. */
    REPLY_SCOPED struct reply keyed = {0};
    REPLY_SCOPED struct reply bare = {0};
    ask("POST", START, "Idempotency-Key: k\r\n", "{\"mode\":\"2pc\"}", &keyed);
    ck_assert_int_eq(keyed.status, 201);
    ck_assert_str_eq(fx.fake.asked.submit.request_hash, HASH_OF_MODE_2PC);
    ask("POST", START, NULL, "{\"mode\":\"2pc\"}", &bare);
    ck_assert_int_eq(bare.status, 201);
    ck_assert_str_eq(fx.fake.asked.submit.request_hash, "");
}
END_TEST

START_TEST(payloads_pass_byte_for_byte)
{
    /* Input and outputs keep numbers that no double can hold, and their white space. */
    fake_add_definition(&fx.fake, "any", 1);
    expect("POST", START,
           "{\"definition\":\"any\",\"input\":{\"from\":9007199254740993, \"amount\":120,"
           "\"rate\":0.10,\"huge\":1e400}}",
           201, "\"output\":{\"balance\":9007199254740993, \"rate\":0.10,\"huge\":1e400}}");
    ck_assert_str_eq(fx.fake.asked.input,
                     "{\"from\":9007199254740993, \"amount\":120,\"rate\":0.10,\"huge\":1e400}");
}
END_TEST

START_TEST(starts_interactive)
{
    /* An interactive transaction is open at once: 201 without an outcome. */
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.view.state = "open";
    fx.fake.view.outcome = TXN_OUTCOME_NONE;
    fx.fake.view.ended_at.us = 0;
    fx.fake.view.steps = (struct troth_span){NULL, 0};
    fx.fake.view.failure = (struct troth_span){NULL, 0};
    fx.fake.origin.labels = (struct troth_span){NULL, 0};
    ask("POST", START, NULL, "{\"mode\":\"2pc\",\"timeout\":\"1.5s\"}", &reply);
    ck_assert_int_eq(reply.status, 201);
    reply_has(&reply, "\"definition\":null,\"version\":null,\"mode\":\"2pc\",\"interactive\":true,"
                      "\"attempt\":1,\"state\":\"open\",\"outcome\":null,");
    reply_has(&reply, "\"ended_at\":null,\"steps\":[],\"failure\":null}");
    ck_assert_ptr_null(fx.fake.asked.submit.definition);
    ck_assert_uint_eq(fx.fake.asked.submit.timeout_us, 1500000);
    expect("POST", START, "{\"mode\":\"2pc\"}", 201, "\"open\"");
    ck_assert_uint_eq(fx.fake.asked.submit.timeout_us, DEFINITION_TIMEOUT_DEFAULT_US);
}
END_TEST

START_TEST(an_abort_is_no_error)
{
    /* An aborted transaction is answered 201: the request did what it promised. */
    fx.fake.view.outcome = TXN_OUTCOME_ABORTED;
    fx.fake.view.failure = (struct troth_span){"{\"cause\":\"refused\"}", 19};
    expect("POST", START, GOOD, 201, "\"failure\":{\"cause\":\"refused\"}}");
}
END_TEST

static void running(void)
{
    fx.fake.view.state = "preparing";
    fx.fake.view.outcome = TXN_OUTCOME_NONE;
    fx.fake.view.ended_at.us = 0;
}

START_TEST(still_running_is_202)
{
    /* What has no outcome yet is answered 202 with the place to look. */
    REPLY_SCOPED struct reply reply = {0};
    running();
    ask("POST", START, "Prefer: respond-async\r\n", GOOD, &reply);
    ck_assert_int_eq(reply.status, 202);
    reply_has_header(&reply, "Location: /v1/transactions/" FAKE_GTID);
    reply_has_header(&reply, "Preference-Applied: respond-async");
    ck_assert_int_eq(fx.fake.asked.submit.reply, API_REPLY_ACCEPTED);
    ck_assert_uint_eq(fx.fake.asked.submit.wait_us, 0);
}
END_TEST

static const struct {
    const char *prefer;
    const char *applied; /* NULL: the header is not there */
    enum api_reply reply;
    uint64_t wait_us;
} preferences[] = {
    {"wait=10", "wait=10", API_REPLY_COMPLETED, 10000000},
    {"Wait = \"10\"", "wait=10", API_REPLY_COMPLETED, 10000000},
    {"respond-async, wait=10", "respond-async, wait=10", API_REPLY_ACCEPTED, 10000000},
    {"wait=2;x=\"a,b\", RESPOND-ASYNC; foo", "respond-async, wait=2", API_REPLY_ACCEPTED, 2000000},
    {"wait=7, wait=9", "wait=7", API_REPLY_COMPLETED, 7000000},
    {"wait=100000", "wait=300", API_REPLY_COMPLETED, API_WAIT_MAX_US},
    {"wait=0", "wait=0", API_REPLY_ACCEPTED, 0},
    {"wait=ten", NULL, API_REPLY_COMPLETED, 0},
    {"wait", NULL, API_REPLY_COMPLETED, 0},
    {"return=minimal, handling=lenient", NULL, API_REPLY_COMPLETED, 0},
    {"\"respond-async", NULL, API_REPLY_COMPLETED, 0},
    {"x=\"\\\"\\\\, respond-async", NULL, API_REPLY_COMPLETED, 0},
    {",,;=", NULL, API_REPLY_COMPLETED, 0},
};

START_TEST(reads_prefer)
{
    /* Prefer is read as RFC 7240 says; what is malformed is passed over. */
    char line[200], applied[200];
    REPLY_SCOPED struct reply reply = {0};
    running();
    (void)snprintf(line, sizeof line, "Prefer: %s\r\n", preferences[_i].prefer);
    ask("POST", START, line, GOOD, &reply);
    ck_assert_int_eq(reply.status, 202);
    ck_assert_int_eq(fx.fake.asked.submit.reply, preferences[_i].reply);
    ck_assert_uint_eq(fx.fake.asked.submit.wait_us, preferences[_i].wait_us);
    if (preferences[_i].applied == NULL) {
        reply_lacks_header(&reply, "Preference-Applied");
        return;
    }
    (void)snprintf(applied, sizeof applied, "Preference-Applied: %s", preferences[_i].applied);
    reply_has_header(&reply, applied);
}
END_TEST

START_TEST(not_async_when_the_outcome_came)
{
    /* respond-async is not said to be applied where the answer has the outcome. */
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, "Prefer: respond-async, wait=5\r\n", GOOD, &reply);
    ck_assert_int_eq(reply.status, 201);
    reply_has_header(&reply, "Preference-Applied: wait=5");
}
END_TEST

START_TEST(shows_the_first_under_the_same_key)
{
    /* The same key again: 200 with the first transaction, and a header that says so. */
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.replayed = true;
    ask("POST", START, "Idempotency-Key: \"a \\\"b\\\\c\"\r\n", GOOD, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Idempotency-Replayed: true");
    reply_has_header(&reply, "Location: /v1/transactions/" FAKE_GTID);
    ck_assert_str_eq(fx.fake.asked.key, "a \"b\\c");
}
END_TEST

START_TEST(a_key_is_the_same_quoted_and_bare)
{
    /* "k-1" and k-1 are one key. */
    REPLY_SCOPED struct reply bare = {0};
    ask("POST", START, "Idempotency-Key: k-1\r\n", GOOD, &bare);
    ck_assert_int_eq(bare.status, 201);
    ck_assert_str_eq(fx.fake.asked.key, "k-1");
    REPLY_SCOPED struct reply quoted = {0};
    ask("POST", START, "Idempotency-Key: \"k-1\"\r\n", GOOD, &quoted);
    ck_assert_int_eq(quoted.status, 201);
    ck_assert_str_eq(fx.fake.asked.key, "k-1");
}
END_TEST

START_TEST(takes_the_longest_key)
{
    /* A key may have 255 characters, and no more. */
    char line[400] = "Idempotency-Key: ";
    REPLY_SCOPED struct reply reply = {0};
    size_t at = strlen(line);
    memset(line + at, 'k', API_IDEMPOTENCY_KEY_MAX + 1);
    strcpy(line + at + API_IDEMPOTENCY_KEY_MAX, "\r\n");
    ask("POST", START, line, GOOD, &reply);
    ck_assert_int_eq(reply.status, 201);
    ck_assert_uint_eq(strlen(fx.fake.asked.key), API_IDEMPOTENCY_KEY_MAX);
    strcpy(line + at + API_IDEMPOTENCY_KEY_MAX, "k\r\n");
    expect_problem("POST", START, line, GOOD, 400, "invalid-idempotency-key", "too long");
}
END_TEST

static const char *const wrong_keys[] = {
    "",     "\"\"",  "\"open",   "\"a\"b",      "a b",
    "a\"b", "\"a\\", "one, two", "caf\xc3\xa9", "\"caf\xc3\xa9\"",
};

START_TEST(not_known_names_the_transaction)
{
    /* What is not known here names the transaction, says where to ask, and does not invite to send
     * the request again: no Retry-After, and not 503. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_parse(FAKE_GTID, strlen(FAKE_GTID), &gtid), 0);
    api_problem_set(&problem, API_PROBLEM_OUTCOME_UNKNOWN, "it stops");
    problem.gtid = &gtid;
    fx.fake.problem = &problem;
    ask("POST", START, NULL, GOOD, &reply);
    ck_assert_int_eq(reply.status, 504);
    reply_has_header(&reply, "Location: " START "/" FAKE_GTID);
    ck_assert_ptr_null(strstr(reply.head, "Retry-After"));
    ck_assert_ptr_nonnull(strstr(reply.body.data, "\"gtid\":\"" FAKE_GTID "\""));
}
END_TEST

START_TEST(refuses_a_wrong_key)
{
    /* A key that is not one string of printable ASCII is refused before anything is done. */
    char line[100];
    (void)snprintf(line, sizeof line, "Idempotency-Key: %s\r\n", wrong_keys[_i]);
    expect_problem("POST", START, line, GOOD, 400, "invalid-idempotency-key", "Idempotency-Key: ");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static const struct {
    const char *value;
    bool taken;
} traces[] = {
    {TRACE, true},
    {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
    {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
    {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
    {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
    {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
    {"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false},
    {TRACE "-extra", false},
    {"00", false},
};

START_TEST(checks_traceparent)
{
    /* A well-formed traceparent is passed on; another one is ignored. */
    char line[200];
    REPLY_SCOPED struct reply reply = {0};
    (void)snprintf(line, sizeof line, "Traceparent: %s\r\n", traces[_i].value);
    ask("POST", START, line, GOOD, &reply);
    ck_assert_int_eq(reply.status, 201);
    ck_assert_str_eq(fx.fake.asked.traceparent, traces[_i].taken ? traces[_i].value : "");
}
END_TEST

static const struct {
    const char *body;
    int status;
    const char *slug;
    const char *detail;
} wrong_starts[] = {
    {"{\"definition\":\"transfer\",\n  \"input\":{,}}", 400, "malformed-json", "line 2, column 12"},
    {"", 400, "malformed-json", "the body is empty"},
    {"{\"mode\":\"2pc\",\"mode\":\"2pc\"}", 400, "malformed-json", "line 1, column"},
    {"[]", 400, "invalid-body", "must be a JSON object"},
    {"{}", 400, "invalid-body", "/definition: it is missing"},
    {"{\"definition\":\"transfer\",\"inptu\":{}}", 400, "unknown-member",
     "did you mean \"input\"?"},
    {"{\"definition\":7}", 400, "invalid-body", "/definition: 7 is not a name"},
    {"{\"definition\":\"Transfer\"}", 400, "invalid-body",
     "/definition: \"Transfer\" is not a name"},
    {"{\"definition\":\"transfer\",\"version\":0}", 400, "invalid-body", "/version: 0 is not"},
    {"{\"definition\":\"transfer\",\"version\":\"1\"}", 400, "invalid-body",
     "/version: \"1\" is not"},
    {"{\"definition\":\"transfer\",\"version\":1.5}", 400, "invalid-body", "/version: 1.5 is not"},
    {"{\"definition\":\"transfer\",\"reply\":\"soon\"}", 400, "invalid-body",
     "/reply: \"soon\" is not \"completed\" or \"decided\""},
    {"{\"definition\":\"transfer\",\"timeout\":\"31s\"}", 400, "invalid-body",
     "/timeout: it is longer than the definition's own, 30s"},
    {"{\"definition\":\"transfer\",\"timeout\":30}", 400, "invalid-body",
     "/timeout: 30 is not a duration"},
    {"{\"definition\":\"transfer\",\"timeout\":\"0s\"}", 400, "invalid-body",
     "/timeout: \"0s\" is not"},
    {"{\"definition\":\"transfer\",\"labels\":[]}", 400, "invalid-body",
     "/labels: it must be an object"},
    {"{\"definition\":\"transfer\",\"labels\":{\"a\":1}}", 400, "invalid-body",
     "\"a\" must be a string"},
    {"{\"definition\":\"transfr\"}", 422, "unknown-definition", "did you mean \"transfer\"?"},
    {"{\"definition\":\"transfer\",\"version\":9}", 422, "unknown-definition",
     "transfer has no version 9; its newest is 2"},
    {"{\"definition\":\"transfer\",\"input\":{\"amount\":0}}", 422, "invalid-input", "2 faults"},
    {"{\"definition\":\"transfer\"}", 422, "invalid-input", "in the input of transfer version 2"},
    {"{\"mode\":\"saga\"}", 400, "invalid-body", "/mode: \"saga\" is not \"2pc\""},
    {"{\"mode\":\"2pc\",\"definition\":\"transfer\"}", 400, "invalid-body",
     "/definition: not beside"},
    {"{\"mode\":\"2pc\",\"input\":{}}", 400, "invalid-body", "/input: not beside"},
    {"{\"mode\":\"2pc\",\"reply\":\"decided\"}", 400, "invalid-body", "/reply: not beside"},
    {"{\"mode\":\"2pc\",\"timeout\":\"soon\"}", 400, "invalid-body", "/timeout: \"soon\" is not"},
};

START_TEST(refuses_a_wrong_start)
{
    /* A wrong start is refused with what is wrong and where, and the host is not called. */
    expect_problem("POST", START, NULL, wrong_starts[_i].body, wrong_starts[_i].status,
                   wrong_starts[_i].slug, wrong_starts[_i].detail);
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(lists_every_fault_of_the_input)
{
    /* An input that breaks the schema is answered with all faults and their pointers. */
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, NULL,
        "{\"definition\":\"transfer\",\"input\":{\"from\":\"x\",\"amount\":0}}", &reply);
    ck_assert_int_eq(reply.status, 422);
    reply_has(&reply, "\"pointer\":\"/from\"");
    reply_has(&reply, "\"pointer\":\"/amount\"");
}
END_TEST

START_TEST(refuses_long_labels)
{
    /* Labels beyond their limit are refused, not cut. */
    static char body[API_LABELS_BYTES_MAX + 100] = "{\"mode\":\"2pc\",\"labels\":{\"a\":\"";
    size_t at = strlen(body);
    memset(body + at, 'x', API_LABELS_BYTES_MAX);
    strcpy(body + at + API_LABELS_BYTES_MAX, "\"}}");
    expect_problem("POST", START, NULL, body, 413, "too-large", "/labels: 4104 bytes");
}
END_TEST

START_TEST(refuses_another_content_type)
{
    /* A body that is not said to be JSON is refused. */
    expect_problem("POST", START, "Content-Type: application/x-www-form-urlencoded\r\n", GOOD, 415,
                   "unsupported-type", "send application/json");
    expect_problem("POST", START, "Content-Type: application/jsonx\r\n", GOOD, 415,
                   "unsupported-type", "application/jsonx");
    expect_problem("POST", START, "X-Content-Type: none\r\n", GOOD, 415, "unsupported-type",
                   "no Content-Type");
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, "Content-Type: Application/JSON; charset=utf-8\r\n", GOOD, &reply);
    ck_assert_int_eq(reply.status, 201);
}
END_TEST

START_TEST(passes_on_the_hosts_refusal)
{
    /* What the host refuses is answered as it says, with Retry-After. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_FULL, "%d transactions are open", 7);
    fx.fake.problem = &problem;
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, NULL, GOOD, &reply);
    ck_assert_int_eq(reply.status, 503);
    reply_has_header(&reply, "Retry-After: 1");
    reply_has(&reply, "\"detail\":\"7 transactions are open\"");
    api_problem_set(&problem, API_PROBLEM_KEY_REUSED, "of transaction " FAKE_GTID);
    expect_problem("POST", START, "Idempotency-Key: k\r\n", GOOD, 422, "idempotency-key-reused",
                   FAKE_GTID);
}
END_TEST

START_TEST(shows_one_with_its_timeline)
{
    /* GET of one shows the timeline, which no other answer does. */
    expect("GET", START "/" FAKE_GTID, NULL, 200,
           "\"timeline\":[{\"at\":\"+0s\",\"moment\":\"began\"}]}");
    ck_assert_str_eq(fx.fake.asked.call, "get");
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", START, NULL, GOOD, &reply);
    ck_assert_ptr_null(strstr(reply.body.data, "timeline"));
}
END_TEST

START_TEST(head_has_no_body)
{
    /* HEAD is GET without its body. */
    REPLY_SCOPED struct reply reply = {0};
    ask("HEAD", START "/" FAKE_GTID, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.body.len, 0);
    ck_assert_str_eq(fx.fake.asked.call, "get");
}
END_TEST

static const struct {
    const char *gtid;
    const char *detail;
} wrong_gtids[] = {
    {"7", "has 1 characters, a gtid has 36"},
    {"0198f3a2-1c40-8003-8000-04000000000x", "character 36 must be a hexadecimal digit"},
    {"0198F3A2-1c40-8003-8000-040000000001", "character 5 must be a hexadecimal digit"},
    {"0198f3a211c40-8003-8000-040000000001", "character 9 must be a hyphen"},
    {"0198f3a2-1c40-4003-8000-040000000001", "a UUID of version 4"},
    {"0198f3a2-1c40-8003-c000-040000000001", "another variant"},
    {"0198f3a2-1c40-8003-8000-000000000001", "an epoch or a counter of 0"},
};

START_TEST(says_why_a_gtid_is_wrong)
{
    /* A wrong gtid is refused with the reason, wherever it stands. */
    static const char *const calls[][2] = {
        {"GET", ""},          {"POST", "/abort"}, {"POST", "/commit"},  {"POST", "/branches"},
        {"GET", "/decision"}, {"POST", "/retry"}, {"POST", "/resolve"}, {"POST", "/forget"},
    };
    char target[200];
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        (void)snprintf(target, sizeof target, START "/%s%s", wrong_gtids[_i].gtid, calls[i][1]);
        expect_problem(calls[i][0], target, NULL, NULL, 400, "invalid-gtid",
                       wrong_gtids[_i].detail);
    }
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

START_TEST(says_that_there_is_none)
{
    /* A gtid that the host does not know is answered 404. */
    struct api_problem problem;
    api_problem_set(&problem, API_PROBLEM_NO_SUCH_TRANSACTION, "no row of " FAKE_GTID);
    fx.fake.problem = &problem;
    expect_problem("GET", START "/" FAKE_GTID, NULL, NULL, 404, "unknown-transaction", FAKE_GTID);
    expect_problem("POST", START "/" FAKE_GTID "/abort", NULL, NULL, 404, "unknown-transaction",
                   FAKE_GTID);
}
END_TEST

START_TEST(aborts)
{
    /* Abort takes an empty body; 200 with an outcome, 202 without, 409 when it has ended. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    fx.fake.view.outcome = TXN_OUTCOME_ABORTED;
    ask("POST", START "/" FAKE_GTID "/abort", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Location: /v1/transactions/" FAKE_GTID);
    ck_assert_str_eq(fx.fake.asked.call, "abort");
    expect("POST", START "/" FAKE_GTID "/abort", "{}", 200, "\"aborted\"");
    running();
    expect("POST", START "/" FAKE_GTID "/abort", "", 202, "\"outcome\":null");
    expect_problem("POST", START "/" FAKE_GTID "/abort", NULL, "{\"why\":1}", 400, "unknown-member",
                   "/why");
    api_problem_set(&problem, API_PROBLEM_ENDED, "it has committed");
    fx.fake.problem = &problem;
    expect_problem("POST", START "/" FAKE_GTID "/abort", NULL, NULL, 409, "ended", "committed");
}
END_TEST

START_TEST(retries)
{
    /* Retry takes an empty body; 200 with how it stands, 409 when nothing is parked. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    running();
    ask("POST", START "/" FAKE_GTID "/retry", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Location: /v1/transactions/" FAKE_GTID);
    reply_has(&reply, "\"outcome\":null");
    ck_assert_str_eq(fx.fake.asked.call, "retry");
    expect_problem("POST", START "/" FAKE_GTID "/retry", NULL, "{\"step\":1}", 400,
                   "unknown-member", "/step");
    api_problem_set(&problem, API_PROBLEM_WRONG_STATE, "none of its steps is parked");
    fx.fake.problem = &problem;
    expect_problem("POST", START "/" FAKE_GTID "/retry", NULL, "{}", 409, "wrong-state", "parked");
}
END_TEST

#define LOOP(tests, function, table)                                                               \
    tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof(table)[0]))

Suite *transactions_suite(void)
{
    Suite *suite = suite_create("transactions");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, starts_from_a_definition);
    tcase_add_test(tests, defaults_are_the_newest_version_and_completed);
    tcase_add_test(tests, the_hash_is_of_the_body);
    tcase_add_test(tests, payloads_pass_byte_for_byte);
    tcase_add_test(tests, starts_interactive);
    tcase_add_test(tests, an_abort_is_no_error);
    tcase_add_test(tests, still_running_is_202);
    LOOP(tests, reads_prefer, preferences);
    tcase_add_test(tests, not_async_when_the_outcome_came);
    tcase_add_test(tests, shows_the_first_under_the_same_key);
    tcase_add_test(tests, a_key_is_the_same_quoted_and_bare);
    tcase_add_test(tests, takes_the_longest_key);
    LOOP(tests, refuses_a_wrong_key, wrong_keys);
    tcase_add_test(tests, not_known_names_the_transaction);
    LOOP(tests, checks_traceparent, traces);
    LOOP(tests, refuses_a_wrong_start, wrong_starts);
    tcase_add_test(tests, lists_every_fault_of_the_input);
    tcase_add_test(tests, refuses_long_labels);
    tcase_add_test(tests, refuses_another_content_type);
    tcase_add_test(tests, passes_on_the_hosts_refusal);
    tcase_add_test(tests, shows_one_with_its_timeline);
    tcase_add_test(tests, head_has_no_body);
    LOOP(tests, says_why_a_gtid_is_wrong, wrong_gtids);
    tcase_add_test(tests, says_that_there_is_none);
    tcase_add_test(tests, aborts);
    tcase_add_test(tests, retries);
    return suite;
}
