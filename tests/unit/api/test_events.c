/* GET /v1/transactions/{gtid}/events: the stream, its end, its limits, and clients that leave. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"

#define EVENTS "/v1/transactions/" FAKE_GTID "/events"
/* Without its end. */
#define VIEW                                                                                       \
    "{\"gtid\":\"" FAKE_GTID "\",\"definition\":\"transfer\",\"version\":2,\"mode\":\"2pc\","      \
    "\"attempt\":1,\"state\":\"preparing\",\"outcome\":null,"                                      \
    "\"began_at\":\"2026-11-21T05:34:49.112000Z\",\"ended_at\":null,"                              \
    "\"labels\":{\"tenant\":\"acme\"},\"steps\":[],\"failure\":null"

static uint32_t wanted;

static bool watched(void)
{
    return fx.fake.watches_count == wanted;
}

static bool nobody_connected(void)
{
    return http_server_connections(fx.server) == 0;
}

static void let_it_run(void)
{
    static const struct troth_span none = {"[]", 2};
    fx.fake.view.state = "preparing";
    fx.fake.view.outcome = TXN_OUTCOME_NONE;
    fx.fake.view.ended_at.us = 0;
    fx.fake.view.steps = none;
}

/* One more client that follows; the host knows it. */
static int follow(const char *target)
{
    int fd = client_open("GET", target, NULL, NULL);
    wanted++;
    run_until(watched, "the host is asked");
    return fd;
}

START_TEST(of_one_that_has_ended)
{
    /* A transaction that has ended: one event, `ended`, with the timeline; then the stream ends. */
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", EVENTS, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Content-Type: text/event-stream");
    reply_has_header(&reply, "Cache-Control: no-store");
    ck_assert_int_eq(strncmp(reply.body.data, "id: 1\nevent: ended\ndata: {\"gtid\":", 33), 0);
    reply_has(&reply, "\"outcome\":\"committed\"");
    reply_has(&reply, "\"timeline\":[{\"at\":\"+0s\",\"moment\":\"began\"}]}\n\n");
    ck_assert_str_eq(fx.fake.asked.call, "watch");
    ck_assert_uint_eq(fx.fake.watches_count, 0);
}
END_TEST

START_TEST(of_one_that_runs)
{
    /* First the state, without timeline; then what the host tells, numbered; silence is a comment;
     * `ended` is the end. */
    REPLY_SCOPED struct reply reply = {0};
    let_it_run();
    int fd = follow(EVENTS);
    fake_progress(&fx.fake, API_PROGRESS_MOMENT, "{\"at\":\"+0s\",\"moment\":\"began\"}");
    fake_progress(&fx.fake, API_PROGRESS_QUIET, NULL);
    fake_progress(&fx.fake, API_PROGRESS_STATE, NULL);
    fake_progress(&fx.fake, API_PROGRESS_ENDED, NULL);
    client_read(fd, &reply);
    ck_assert_str_eq(reply.body.data,
                     "id: 1\nevent: state\ndata: " VIEW "}\n\n"
                     "id: 2\nevent: moment\ndata: {\"at\":\"+0s\",\"moment\":\"began\"}\n\n"
                     ": nothing new\n\n"
                     "id: 3\nevent: state\ndata: " VIEW "}\n\n"
                     "id: 4\nevent: ended\ndata: " VIEW
                     ",\"timeline\":[{\"at\":\"+0s\",\"moment\":\"began\"}]}\n\n");
}
END_TEST

START_TEST(a_payload_may_have_lines)
{
    /* A payload that is laid out over lines is sent on one: it is the same JSON. */
    REPLY_SCOPED struct reply reply = {0};
    static const char steps[] =
        "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\",\r\n"
        "\"state\":\"committed\",\"tries\":1,\"output\":\n{\"a\":\"b\\n\"}}\n]";
    fx.fake.view.steps = (struct troth_span){steps, sizeof steps - 1};
    ask("GET", EVENTS, NULL, NULL, &reply);
    reply_has(&reply, "\"operation\":\"debit\",  \"state\":\"committed\",\"tries\":1,"
                      "\"output\": {\"a\":\"b\\n\"}} ],");
}
END_TEST

START_TEST(silence_before_the_first_event)
{
    /* While the host looks for the transaction nothing is sent, so that it can still be refused. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    fx.fake.hold = true;
    int fd = follow(EVENTS);
    fake_progress(&fx.fake, API_PROGRESS_QUIET, NULL);
    api_problem_set(&problem, API_PROBLEM_NO_SUCH_TRANSACTION, "never was");
    fake_progress_fails(&fx.fake, &problem);
    client_read(fd, &reply);
    ck_assert_int_eq(reply.status, 404);
    reply_has(&reply, "never was");
}
END_TEST

START_TEST(a_stream_may_break_off)
{
    /* When the host cannot go on the stream ends, without `ended`. */
    REPLY_SCOPED struct reply reply = {0};
    struct api_problem problem;
    let_it_run();
    int fd = follow(EVENTS);
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "the coordinator stops");
    fake_progress_fails(&fx.fake, &problem);
    client_read(fd, &reply);
    ck_assert_str_eq(reply.body.data, "id: 1\nevent: state\ndata: " VIEW "}\n\n");
}
END_TEST

START_TEST(refusals)
{
    /* What is no gtid, and what the host refuses at once. */
    struct api_problem problem;
    expect_problem("GET", "/v1/transactions/17/events", NULL, NULL, 400, "invalid-gtid", "17");
    expect_problem("GET", EVENTS "?since=1", NULL, NULL, 400, "unknown-parameter", "since");
    expect_problem("POST", EVENTS, NULL, "{}", 405, "method-not-allowed", "GET, HEAD");
    api_problem_set(&problem, API_PROBLEM_NO_SUCH_TRANSACTION, "never was");
    fx.fake.problem = &problem;
    expect_problem("GET", EVENTS, NULL, NULL, 404, "unknown-transaction", "never was");
    api_problem_set(&problem, API_PROBLEM_UNAVAILABLE, "does not lead");
    expect_problem("GET", EVENTS, NULL, NULL, 503, "unavailable", "does not lead");
}
END_TEST

START_TEST(head)
{
    /* HEAD says whether there is something to follow, and follows nothing. */
    REPLY_SCOPED struct reply reply = {0};
    let_it_run();
    ask("HEAD", EVENTS, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has_header(&reply, "Content-Type: text/event-stream");
    ck_assert_uint_eq(reply.body.len, 0);
    ck_assert_str_eq(fx.fake.asked.call, "get");
}
END_TEST

START_TEST(a_client_that_leaves_is_forgotten)
{
    /* The host is told, and the others still hear. */
    REPLY_SCOPED struct reply reply = {0};
    let_it_run();
    int leaves = follow(EVENTS);
    int stays = follow(EVENTS);
    close(leaves);
    wanted--;
    run_until(watched, "the host forgets it");
    ck_assert_str_eq(fx.fake.asked.call, "unwatch");
    fake_progress(&fx.fake, API_PROGRESS_ENDED, NULL);
    client_read(stays, &reply);
    reply_has(&reply, "event: ended");
    run_until(nobody_connected, "all have left");
}
END_TEST

START_TEST(a_client_may_leave_before_the_first_event)
{
    /* The same while the host still looks. */
    fx.fake.hold = true;
    close(follow(EVENTS));
    wanted--;
    run_until(watched, "the host forgets it");
}
END_TEST

START_TEST(the_server_may_go_first)
{
    /* A server that closes takes the streams with it, and the host is told. */
    let_it_run();
    int fd = follow(EVENTS);
    http_server_destroy(fx.server);
    fx.server = NULL;
    ck_assert_uint_eq(fx.fake.watches_count, 0);
    close(fd);
}
END_TEST

static bool is_cut_off(void)
{
    static char moment[65536];
    if (moment[0] == '\0') {
        memset(moment, ' ', sizeof moment - 1);
        memcpy(moment, "{\"moment\":\"began\"", 17);
        moment[sizeof moment - 2] = '}';
    }
    fake_progress(&fx.fake, API_PROGRESS_MOMENT, moment);
    return fx.fake.watches_count == 0;
}

START_TEST(a_slow_client_is_cut_off)
{
    /* What waits for a client that does not read is bounded: beyond it the client is forgotten, and
     * its last event, behind what had begun to leave, says why. */
    REPLY_SCOPED struct reply reply = {0};
    let_it_run();
    int fd = follow(EVENTS);
    run_until(is_cut_off, "the client is cut off");
    ck_assert_str_eq(fx.fake.asked.call, "unwatch");
    client_read(fd, &reply);
    const char *last = strstr(reply.body.data, "\nevent: dropped\ndata: {");
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_nonnull(strstr(last, "events are not read"));
    ck_assert_str_eq(reply.body.data + reply.body.len - 3, "}\n\n");
}
END_TEST

#define STEP(n)                                                                                    \
    "{\"branch\":" #n ",\"participant\":\"bank_a\",\"operation\":\"debit\",\"state\":\"done\""

START_TEST(large_outputs_are_left_out_of_the_end)
{
    /* What is too long is shown without the outputs, and says so; GET shows them. */
    REPLY_SCOPED struct reply reply = {0};
    static char steps[API_ENDED_STEPS_BYTES_MAX + 200];
    int at = snprintf(steps, sizeof steps, "[" STEP(1) ",\"output\":\"");
    memset(steps + at, 'x', sizeof steps - 100 - (size_t)at);
    (void)snprintf(steps + sizeof steps - 100, 100, "\",\"reason\":\"r\"}," STEP(2) "}]");
    fx.fake.view.steps = (struct troth_span){steps, strlen(steps)};
    ask("GET", EVENTS, NULL, NULL, &reply);
    reply_has(&reply,
              "\"steps\":[" STEP(1) ",\"reason\":\"r\"}," STEP(2) "}],"
                                                                  "\"left_out\":[\"outputs\"],");
    ck_assert_uint_lt(reply.body.len, 2000);
}
END_TEST

START_TEST(watchers_of_one)
{
    /* So many may follow one transaction; one more is refused, and another transaction is not. */
    int fds[API_WATCHERS_PER_TRANSACTION_MAX];
    let_it_run();
    for (uint32_t i = 0; i < API_WATCHERS_PER_TRANSACTION_MAX; i++)
        fds[i] = follow(EVENTS);
    expect_problem("GET", EVENTS, NULL, NULL, 503, "full", "32 clients watch this transaction");
    close(follow("/v1/transactions/0198f3a2-1c40-8003-8000-040000000002/events"));
    wanted--;
    run_until(watched, "it is forgotten");
    close(fds[0]);
    wanted--;
    run_until(watched, "there is room");
    close(follow(EVENTS));
    for (uint32_t i = 1; i < API_WATCHERS_PER_TRANSACTION_MAX; i++)
        close(fds[i]);
    run_until(nobody_connected, "all have left");
}
END_TEST

START_TEST(watchers_of_all)
{
    /* So many may follow in all; one more is refused. */
    static int fds[API_WATCHERS_MAX];
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_ge(files.rlim_max, 2 * API_WATCHERS_MAX + 100);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    let_it_run();
    for (uint32_t i = 0; i < API_WATCHERS_MAX; i++) {
        char target[100];
        (void)snprintf(target, sizeof target,
                       "/v1/transactions/0198f3a2-1c40-8003-8000-04000000%04x/events",
                       16 + i / API_WATCHERS_PER_TRANSACTION_MAX);
        fds[i] = follow(target);
    }
    expect_problem("GET", EVENTS, NULL, NULL, 503, "full", "1000 clients watch transactions");
    for (uint32_t i = 0; i < API_WATCHERS_MAX; i++)
        close(fds[i]);
    run_until(nobody_connected, "all have left");
}
END_TEST

Suite *events_suite(void)
{
    Suite *suite = suite_create("events");
    TCase *tests = suite_case(suite);
    tcase_add_test(tests, of_one_that_has_ended);
    tcase_add_test(tests, of_one_that_runs);
    tcase_add_test(tests, a_payload_may_have_lines);
    tcase_add_test(tests, silence_before_the_first_event);
    tcase_add_test(tests, a_stream_may_break_off);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, head);
    tcase_add_test(tests, a_client_that_leaves_is_forgotten);
    tcase_add_test(tests, a_client_may_leave_before_the_first_event);
    tcase_add_test(tests, the_server_may_go_first);
    tcase_add_test(tests, a_slow_client_is_cut_off);
    tcase_add_test(tests, large_outputs_are_left_out_of_the_end);
    tcase_add_test(tests, watchers_of_one);
    tcase_add_test(tests, watchers_of_all);
    return suite;
}
