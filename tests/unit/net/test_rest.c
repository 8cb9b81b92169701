/* The http binding: a request a command, the result by class. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/json.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static uint16_t port;

static void setup(void)
{
    world_start(&world);
    port = participant_start(&world, 0, 0);
    world.channel = channel_to(&world, CHANNEL_HTTP, 2, &port, 1);
}

static void teardown(void)
{
    world_finish(&world);
}

static void check_header(const struct http_exchange *exchange, const char *name, const char *text)
{
    struct troth_span value;
    ck_assert_msg(http_exchange_header(exchange, name, &value), "%s", name);
    ck_assert_msg(value.len == strlen(text) && memcmp(value.data, text, value.len) == 0, "%s: %.*s",
                  name, (int)value.len, value.data);
}

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

START_TEST(request)
{
    /* Path, headers and body of interfaces.md; the body is the input, byte for byte. */
    struct command command = command_of(OP_PREPARE, 4);
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    char key[80];
    struct troth_span value;
    command.traceparent = (struct troth_span){TRACEPARENT, MESSAGE_TRACEPARENT_LEN};
    command.lock_wait_us = 4500000;
    command.ordered = true;
    troth_gtid_format(&command.gtid, gtid);
    (void)snprintf(key, sizeof(key), "%s:2:prepare:1", gtid);
    send_command(&world, &command);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    value = http_exchange_path(exchange);
    ck_assert_uint_eq(value.len, strlen("/troth/debit/prepare"));
    ck_assert_mem_eq(value.data, "/troth/debit/prepare", value.len);
    ck_assert_mem_eq(http_exchange_method(exchange).data, "POST", 4);
    check_header(exchange, HEADER_JOURNAL, "0123456789abcdef");
    check_header(exchange, HEADER_OLDEST_OPEN, "00000000-0001-8000-8000-004000000001");
    check_header(exchange, HEADER_GTID, gtid);
    check_header(exchange, HEADER_BRANCH, "2");
    check_header(exchange, HEADER_ATTEMPT, "1");
    check_header(exchange, "Idempotency-Key", key);
    check_header(exchange, "traceparent", TRACEPARENT);
    check_header(exchange, HEADER_LOCK_TIMEOUT, "4.5s");
    check_header(exchange, HEADER_ORDERED, "true");
    check_header(exchange, "content-type", "application/json");
    ck_assert(http_exchange_header(exchange, HEADER_TIMEOUT, &value));
    ck_assert_mem_eq(value.data, "7.9", 3);
    value = http_exchange_body(exchange);
    ck_assert_uint_eq(value.len, 15);
    ck_assert_mem_eq(value.data, "{\"amount\":0.10}", 15);
}
END_TEST

START_TEST(request_without_input)
{
    /* commit and abort have no body; a command without timeout says none. */
    struct command command = command_of(OP_COMMIT, 4);
    struct troth_span value;
    command.timeout_us = 0;
    send_command(&world, &command);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    ck_assert_uint_eq(http_exchange_body(exchange).len, 0);
    check_header(exchange, "content-length", "0");
    ck_assert(!http_exchange_header(exchange, "content-type", &value));
    ck_assert(!http_exchange_header(exchange, HEADER_TIMEOUT, &value));
    ck_assert(!http_exchange_header(exchange, "traceparent", &value));
    ck_assert(!http_exchange_header(exchange, HEADER_LOCK_TIMEOUT, &value));
    ck_assert(!http_exchange_header(exchange, HEADER_ORDERED, &value));
}
END_TEST

struct answer {
    enum message_op op;
    int status;
    const char *name; /* of one header, or NULL */
    const char *value;
    const char *body;
    enum message_result kind;
    enum message_vote vote;
    enum message_state state;
    uint64_t retry_after_us;
    const char *output;
    const char *reason; /* NULL: any but none */
};

static const struct answer answers[] = {
    {OP_PREPARE, 200, NULL, NULL, "{\"a\":0.10}", RESULT_VOTE, VOTE_YES, 0, 0, "{\"a\":0.10}", ""},
    {OP_PREPARE, 204, NULL, NULL, NULL, RESULT_VOTE, VOTE_YES, 0, 0, "", ""},
    {OP_PREPARE, 200, HEADER_VOTE, "read_only", NULL, RESULT_VOTE, VOTE_READ_ONLY, 0, 0, "", ""},
    {OP_PREPARE, 201, HEADER_VOTE, "yes", NULL, RESULT_VOTE, VOTE_YES, 0, 0, "", ""},
    {OP_PREPARE, 200, HEADER_VOTE, "no", NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_PREPARE, 200, HEADER_VOTE, "maybe", NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_EXECUTE, 200, NULL, NULL, " 1e400 ", RESULT_DONE, 0, 0, 0, "1e400", ""},
    {OP_EXECUTE, 200, NULL, NULL, "fine", RESULT_DONE, 0, 0, 0, "", NULL},
    {OP_COMMIT, 202, NULL, NULL, NULL, RESULT_DONE, 0, 0, 0, "", ""},
    {OP_ABORT, 200, HEADER_STATE, "aborted", NULL, RESULT_DONE, 0, BRANCH_IS_ABORTED, 0, "", ""},
    {OP_ABORT, 200, HEADER_STATE, "committed", "{}", RESULT_DONE, 0, BRANCH_IS_COMMITTED, 0, "{}",
     ""},
    {OP_STATUS, 200, HEADER_STATE, "prepared", NULL, RESULT_DONE, 0, BRANCH_IS_PREPARED, 0, "", ""},
    {OP_STATUS, 200, HEADER_STATE, "fine", NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    /* refused: the words are for people, the decision is the status */
    {OP_PREPARE, 409, NULL, NULL, "{\"detail\":\"no \\\"money\\\"\"}", RESULT_REFUSED, 0, 0, 0, "",
     "no \"money\""},
    {OP_PREPARE, 409, NULL, NULL, "  no money\r\nat all\n", RESULT_REFUSED, 0, 0, 0, "",
     "  no money  at all"},
    {OP_PREPARE, 409, NULL, NULL, "{\"a\":1}", RESULT_REFUSED, 0, 0, 0, "", "{\"a\":1}"},
    {OP_PREPARE, 409, NULL, NULL, NULL, RESULT_REFUSED, 0, 0, 0, "", ""},
    {OP_PREPARE, 409, NULL, NULL, "\xff\xfe", RESULT_REFUSED, 0, 0, 0, "",
     "\xef\xbf\xbd\xef\xbf\xbd"},
    {OP_PREPARE, 409, NULL, NULL, "{\"result\":\"vote\",\"vote\":\"yes\"}", RESULT_REFUSED, 0, 0, 0,
     "", NULL},
    {OP_COMPENSATE, 409, NULL, NULL, NULL, RESULT_REFUSED, 0, 0, 0, "", ""},
    /* and whether a tombstone stands is a header */
    {OP_EXECUTE, 409, HEADER_STATE, "aborted", NULL, RESULT_REFUSED, 0, BRANCH_IS_ABORTED, 0, "",
     ""},
    {OP_EXECUTE, 409, HEADER_STATE, "committed", NULL, RESULT_REFUSED, 0, 0, 0, "", ""},
    {OP_EXECUTE, 409, HEADER_STATE, "gone", NULL, RESULT_REFUSED, 0, 0, 0, "", ""},
    /* it is not there: no refusal, and no answer to a try before */
    {OP_EXECUTE, 404, NULL, NULL, NULL, RESULT_NO_OPERATION, 0, 0, 0, "", "said 404"},
    {OP_EXECUTE, 405, NULL, NULL, "<html>", RESULT_NO_OPERATION, 0, 0, 0, "", NULL},
    {OP_EXECUTE, 501, NULL, NULL, "{\"detail\":\"no handler\"}", RESULT_NO_OPERATION, 0, 0, 0, "",
     "said 501 \"no handler\""},
    {OP_ABORT, 501, NULL, NULL, NULL, RESULT_NO_OPERATION, 0, 0, 0, "", NULL},
    /* conflict: said by the header, with these three */
    {OP_PREPARE, 409, HEADER_CONFLICT, "true", "{\"detail\":\"row 7\"}", RESULT_CONFLICT, 0, 0, 0,
     "", "row 7"},
    {OP_EXECUTE, 425, HEADER_CONFLICT, "True", NULL, RESULT_CONFLICT, 0, 0, 0, "", ""},
    {OP_PREPARE, 503, HEADER_CONFLICT, "true", NULL, RESULT_CONFLICT, 0, 0, 0, "", ""},
    {OP_PREPARE, 409, HEADER_CONFLICT, "false", NULL, RESULT_REFUSED, 0, 0, 0, "", ""},
    {OP_PREPARE, 503, HEADER_CONFLICT, "yes", NULL, RESULT_RETRY, 0, 0, 0, "", NULL},
    {OP_PREPARE, 500, HEADER_CONFLICT, "true", NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_PREPARE, 200, HEADER_CONFLICT, "true", NULL, RESULT_VOTE, VOTE_YES, 0, 0, "", ""},
    /* not now */
    {OP_PREPARE, 425, NULL, NULL, NULL, RESULT_RETRY, 0, 0, 0, "", "said 425"},
    {OP_PREPARE, 503, "Retry-After", "120", "{\"detail\":\"the disk is full\"}", RESULT_RETRY, 0, 0,
     120000000, "", "said 503 \"the disk is full\""},
    {OP_PREPARE, 503, "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT", NULL, RESULT_RETRY, 0, 0, 0,
     "", NULL},
    {OP_PREPARE, 429, "Retry-After", "1", NULL, RESULT_RETRY, 0, 0, 1000000, "", "said 429"},
    /* anything else */
    {OP_PREPARE, 404, NULL, NULL, "no such route /v2/charge\n", RESULT_NO_OPERATION, 0, 0, 0, "",
     "said 404 \"no such route /v2/charge\""},
    {OP_PREPARE, 400, NULL, NULL, "{\"detail\":\"refused\"}", RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_PREPARE, 403, NULL, NULL, NULL, RESULT_UNKNOWN, 0, 0, 0, "", "said 403"},
    {OP_PREPARE, 422, NULL, NULL, NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_PREPARE, 500, NULL, NULL, "{\"result\":\"done\"}", RESULT_UNKNOWN, 0, 0, 0, "", NULL},
    {OP_PREPARE, 307, "Location", "http://127.0.0.1:1/", NULL, RESULT_UNKNOWN, 0, 0, 0, "", NULL},
};

START_TEST(asked_again_at_a_date)
{
    /* Retry-After as a date: by the participant's own clock, which its Date header tells. */
    char at[64];
    const struct http_header headers[] = {{"Retry-After", at}, {NULL, NULL}};
    const time_t then_s = time(NULL) + 1000;
    struct tm then;
    gmtime_r(&then_s, &then);
    ck_assert_uint_eq(strftime(at, sizeof(at), "%a, %d %b %Y %H:%M:%S GMT", &then), 29);
    send_op(&world, OP_EXECUTE, 1);
    answer_status(&world, 0, 0, 429, headers, NULL);
    WAIT_FOR(&world, world.got_count == 1);
    const struct got *got = got_for(&world, OP_EXECUTE, 1);
    ck_assert_int_eq(got->result.result, RESULT_RETRY);
    ck_assert_uint_ge(got->result.retry_after_us, 980000000);
    ck_assert_uint_le(got->result.retry_after_us, 1001000000);
}
END_TEST

START_TEST(result_by_class)
{
    /* The result comes from the status and the Troth headers, never from words in a body. */
    const struct answer *answer = &answers[_i];
    const struct http_header headers[] = {{answer->name, answer->value}, {NULL, NULL}};
    send_op(&world, answer->op, 1);
    answer_status(&world, 0, 0, answer->status, headers, answer->body);
    WAIT_FOR(&world, world.got_count == 1);
    const struct got *got = got_for(&world, answer->op, 1);
    ck_assert_int_eq(got->result.result, answer->kind);
    ck_assert_int_eq(got->result.vote, answer->vote);
    ck_assert_int_eq(got->result.state, answer->state);
    ck_assert_uint_eq(got->result.retry_after_us, answer->retry_after_us);
    ck_assert_str_eq(got->output, answer->output);
    if (answer->reason != NULL)
        ck_assert_str_eq(got->reason, answer->reason);
    else
        ck_assert_str_ne(got->reason, "");
    ck_assert(got->was_sent);
}
END_TEST

START_TEST(conflict_names_its_blocker)
{
    /* Whose lock it is comes along; what is no gtid is as good as absent. */
    static const troth_gtid no_gtid;
    const struct command command = command_of(OP_PREPARE, 1);
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&command.gtid, gtid);
    const struct http_header named[] = {
        {HEADER_CONFLICT, "true"}, {HEADER_BLOCKER, gtid}, {"Retry-After", "2"}, {NULL, NULL}};
    const struct http_header garbled[] = {
        {HEADER_CONFLICT, "true"}, {HEADER_BLOCKER, "pid 7"}, {NULL, NULL}};
    send_op(&world, OP_PREPARE, 1);
    answer_status(&world, 0, 0, 503, named, NULL);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert(troth_gtid_equal(&world.got[0].result.blocker, &command.gtid));
    ck_assert_uint_eq(world.got[0].result.retry_after_us, 2000000);
    send_op(&world, OP_PREPARE, 2);
    answer_status(&world, 0, 1, 409, garbled, NULL);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(world.got[1].result.result, RESULT_CONFLICT);
    ck_assert(troth_gtid_equal(&world.got[1].result.blocker, &no_gtid));
}
END_TEST

START_TEST(output_as_it_came)
{
    /* An output is kept byte for byte, also where a string in it is no text; what cannot be kept
     * leaves the answer as it is, and says why. */
    static const char any[] = "{\"a\":\"\\u0000\\ud800\", \"n\":0.10}";
    static char deep[2 * JSON_DEPTH_MAX + 3], large[MESSAGE_PAYLOAD_MAX + 3];
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    send_op(&world, OP_EXECUTE, 1);
    answer_status(&world, 0, 0, 200, NULL, any);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_str_eq(world.got[0].output, any);
    send_op(&world, OP_EXECUTE, 2);
    answer_status(&world, 0, 1, 200, NULL, deep);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_str_eq(world.got[1].output, deep);
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    send_op(&world, OP_EXECUTE, 3);
    answer_status(&world, 0, 2, 200, NULL, deep);
    WAIT_FOR(&world, world.got_count == 3);
    ck_assert_int_eq(world.got[2].result.result, RESULT_DONE);
    ck_assert_str_eq(world.got[2].output, "");
    ck_assert_str_eq(world.got[2].reason,
                     "what it answered is no output: nested too deep (at most 64)");
    memset(large, ' ', sizeof(large) - 1);
    large[0] = '1';
    send_op(&world, OP_EXECUTE, 4);
    answer_status(&world, 0, 3, 200, NULL, large);
    WAIT_FOR(&world, world.got_count == 4);
    ck_assert_int_eq(world.got[3].result.result, RESULT_DONE);
    ck_assert_str_eq(world.got[3].reason,
                     "what it answered is no output: it is larger than 512 KiB");
}
END_TEST

START_TEST(long_reason)
{
    /* A reason is cut at MESSAGE_REASON_MAX, never in the middle of a character. */
    char body[MESSAGE_REASON_MAX * 2 + 2];
    for (size_t i = 0; i < sizeof(body) - 2; i += 2)
        memcpy(body + i + 1, "\xc3\xa4", 2);
    body[0] = 'a'; /* so that the limit falls between the two bytes of one */
    body[sizeof(body) - 1] = 0;
    send_op(&world, OP_PREPARE, 1);
    answer_status(&world, 0, 0, 409, NULL, body);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_uint_gt(strlen(world.got[0].reason), MESSAGE_REASON_MAX - 4);
    ck_assert_mem_eq(world.got[0].reason, body, strlen(world.got[0].reason) - 3);
    ck_assert_uint_eq((unsigned char)world.got[0].reason[1], 0xc3);
}
END_TEST

START_TEST(one_request_each)
{
    /* Each command is a request of its own, as many at a time as there are slots; phase 2 has its
     * own. */
    struct channel_stats stats;
    for (uint32_t i = 0; i < 4; i++)
        send_op(&world, OP_PREPARE, i);
    send_op(&world, OP_COMMIT, 9);
    WAIT_FOR(&world, world.participants[0].count == 3);
    world_turn_for(&world, 5000);
    channel_stats(world.channel, &stats);
    ck_assert_uint_eq(stats.in_flight, 3);
    ck_assert_uint_eq(stats.queued, 2);
    for (uint32_t n = 0; n < 5; n++)
        answer_status(&world, 0, n, 200, NULL, NULL);
    WAIT_FOR(&world, world.got_count == 5);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_int_eq(got_for(&world, OP_PREPARE, i)->result.result, RESULT_VOTE);
}
END_TEST

START_TEST(slots_announced)
{
    /* A plain http participant may announce its slots too. */
    const struct http_header headers[] = {{HEADER_SLOTS, "5"}, {NULL, NULL}};
    struct channel_stats stats;
    send_op(&world, OP_PREPARE, 0);
    answer_status(&world, 0, 0, 200, headers, NULL);
    WAIT_FOR(&world, world.got_count == 1);
    channel_stats(world.channel, &stats);
    ck_assert_uint_eq(stats.slots, 5);
}
END_TEST

START_TEST(times_out)
{
    /* No answer in time: unknown once, also when the answer comes later. */
    struct command command = command_of(OP_PREPARE, 0);
    command.timeout_us = 100000;
    send_command(&world, &command);
    (void)request_at(&world, 0, 0);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_int_eq(world.got[0].result.result, RESULT_UNKNOWN);
    ck_assert(world.got[0].was_sent);
    WAIT_FOR(&world, world.participants[0].gone == 1);
    ck_assert_uint_eq(world.got_count, 1);
}
END_TEST

Suite *rest_suite(void)
{
    Suite *suite = suite_create("rest");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, request);
    tcase_add_test(all, request_without_input);
    tcase_add_test(all, asked_again_at_a_date);
    tcase_add_loop_test(all, result_by_class, 0, (int)(sizeof(answers) / sizeof(answers[0])));
    tcase_add_test(all, conflict_names_its_blocker);
    tcase_add_test(all, output_as_it_came);
    tcase_add_test(all, long_reason);
    tcase_add_test(all, one_request_each);
    tcase_add_test(all, slots_announced);
    tcase_add_test(all, times_out);
    suite_add_tcase(suite, all);
    return suite;
}
