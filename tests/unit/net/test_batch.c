/* The batch binding, and what both bindings share: lanes, deadlines, replicas. */
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static uint16_t port;

/* Two slots, one replica. */
static void setup(void)
{
    world_start(&world);
    port = participant_start(&world, 0, 0);
    world.channel = channel_to(&world, CHANNEL_BATCH, 2, &port, 1);
}

static void teardown(void)
{
    world_finish(&world);
}

static struct channel_stats stats(void)
{
    struct channel_stats stats;
    channel_stats(world.channel, &stats);
    return stats;
}

static void check_header(const struct http_exchange *exchange, const char *name, const char *text)
{
    struct troth_span value;
    ck_assert_msg(http_exchange_header(exchange, name, &value), "%s", name);
    ck_assert_uint_eq(value.len, strlen(text));
    ck_assert_mem_eq(value.data, text, value.len);
}

START_TEST(one_command)
{
    /* A single command goes out in the turn it was sent in, as a batch of one, and its result comes
     * back with vote and output as the participant wrote them. */
    send_op(&world, OP_PREPARE, 1);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    BUFFER_SCOPED struct buffer scratch = {.data = NULL};
    struct troth_span body = http_exchange_body(exchange);
    struct command command;
    check_header(exchange, "troth-journal", "0123456789abcdef");
    check_header(exchange, "troth-oldest-open", "00000000-0001-8000-8000-004000000001");
    check_header(exchange, "content-type", "application/x-ndjson");
    ck_assert_uint_eq(http_exchange_path(exchange).len, strlen("/troth"));
    ck_assert_uint_eq(lines_in(exchange), 1);
    ck_assert_int_eq(message_command_parse((struct troth_span){body.data, body.len - 1}, &scratch,
                                           &command, NULL),
                     0);
    ck_assert_int_eq(command.op, OP_PREPARE);
    ck_assert_uint_le(command.timeout_us, 8000000);
    ck_assert_uint_gt(command.timeout_us, 7000000);
    ck_assert_mem_eq(command.input.data, "{\"amount\":0.10}", 15);
    struct result result = result_of(OP_PREPARE, 1, RESULT_VOTE);
    result.output = (struct troth_span){"{\"n\":9007199254740993}", 22};
    stream_begin(exchange);
    stream_result(exchange, &result);
    stream_end(&world, 0, 0);
    WAIT_FOR(&world, got_for(&world, OP_PREPARE, 1) != NULL);
    ck_assert_int_eq(world.got[0].result.result, RESULT_VOTE);
    ck_assert_int_eq(world.got[0].result.vote, VOTE_YES);
    ck_assert_str_eq(world.got[0].output, "{\"n\":9007199254740993}");
    ck_assert(world.got[0].was_sent);
}
END_TEST

START_TEST(one_turn_is_one_request)
{
    /* What is queued when a connection is free goes out as one request; each result is told as its
     * line comes, in any order, before the request has ended. */
    for (uint32_t i = 0; i < 3; i++)
        send_op(&world, OP_PREPARE, i);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    ck_assert_uint_eq(lines_in(exchange), 3);
    stream_begin(exchange);
    for (uint32_t i = 3; i-- > 0;) {
        struct result result = result_of(OP_PREPARE, i, RESULT_VOTE);
        stream_result(exchange, &result);
        WAIT_FOR(&world, got_for(&world, OP_PREPARE, i) != NULL);
        ck_assert_uint_eq(world.got_count, 3 - i);
        ck_assert_uint_eq(stats().in_flight, i);
    }
    stream_end(&world, 0, 0);
    world_turn_for(&world, 10000);
    ck_assert_uint_eq(world.participants[0].count, 1);
    ck_assert_uint_eq(world.got_count, 3);
}
END_TEST

START_TEST(held_up_request)
{
    /* A request that is held up holds up no other: the next goes out on another connection, up to
     * the number of slots; what comes then waits and goes as one when one is free. */
    send_op(&world, OP_PREPARE, 0);
    (void)request_at(&world, 0, 0);
    send_op(&world, OP_PREPARE, 1);
    (void)request_at(&world, 0, 1);
    for (uint32_t i = 2; i < 12; i++) {
        send_op(&world, OP_PREPARE, i);
        world_turn(&world);
    }
    world_turn_for(&world, 10000);
    ck_assert_uint_eq(world.participants[0].count, 2);
    ck_assert_uint_eq(stats().queued, 10);
    ck_assert_uint_eq(stats().in_flight, 2);
    answer_all(&world, 0, 1, RESULT_VOTE);
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 2)), 10);
    answer_all(&world, 0, 2, RESULT_VOTE);
    WAIT_FOR(&world, world.got_count == 11);
    ck_assert_ptr_null(got_for(&world, OP_PREPARE, 0));
    answer_all(&world, 0, 0, RESULT_VOTE);
    WAIT_FOR(&world, world.got_count == 12);
}
END_TEST

START_TEST(batch_limits)
{
    /* A request carries CHANNEL_BATCH_COMMANDS_MAX commands and CHANNEL_BATCH_BYTES_MAX bytes at
     * most; a single command may be larger than that. */
    static char large[300000];
    for (uint32_t i = 0; i < CHANNEL_BATCH_COMMANDS_MAX + 5; i++)
        send_op(&world, OP_PREPARE, i);
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 0)), CHANNEL_BATCH_COMMANDS_MAX);
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 1)), 5);
    answer_all(&world, 0, 0, RESULT_VOTE);
    answer_all(&world, 0, 1, RESULT_VOTE);
    WAIT_FOR(&world, world.got_count == CHANNEL_BATCH_COMMANDS_MAX + 5);
    memset(large, 'x', sizeof(large));
    large[0] = '"';
    large[sizeof(large) - 1] = '"';
    for (uint32_t i = 0; i < 2; i++) {
        struct command command = command_of(OP_EXECUTE, i);
        command.input = (struct troth_span){large, sizeof(large)};
        send_command(&world, &command);
    }
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 2)), 1);
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 3)), 1);
    answer_all(&world, 0, 2, RESULT_DONE);
    answer_all(&world, 0, 3, RESULT_DONE);
    WAIT_FOR(&world, got_for(&world, OP_EXECUTE, 0) && got_for(&world, OP_EXECUTE, 1));
}
END_TEST

START_TEST(one_result_each)
{
    /* Whatever a participant says: exactly one result a command. Answers that come twice, were not
     * asked for, are torn or are for another gtid, attempt or operation count for nothing, and what
     * stays open is unknown. */
    struct result result = result_of(OP_PREPARE, 0, RESULT_VOTE);
    for (uint32_t i = 0; i < 5; i++)
        send_op(&world, OP_PREPARE, i);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    stream_begin(exchange);
    stream_result(exchange, &result);
    stream_result(exchange, &result); /* twice, and then with another word */
    result.result = RESULT_REFUSED;
    stream_result(exchange, &result);
    result = result_of(OP_PREPARE, 77, RESULT_VOTE); /* never asked */
    stream_result(exchange, &result);
    result = result_of(OP_PREPARE, 1, RESULT_VOTE); /* another attempt, another branch */
    result.attempt = 2;
    stream_result(exchange, &result);
    result.attempt = 1;
    result.branch = 3;
    stream_result(exchange, &result);
    result = result_of(OP_COMMIT, 2, RESULT_DONE); /* another operation */
    stream_result(exchange, &result);
    result = result_of(OP_PREPARE, 3, RESULT_DONE); /* no answer to a prepare */
    stream_result(exchange, &result);
    stream_text(exchange, "{\"op\":\"prepare\"}\nnonsense\n\n[]\n{\"result\":\"vote\"}\n");
    stream_text(exchange, "{\"op\":\"prepare\",\"gtid\":\"00000000-000"); /* torn */
    stream_end(&world, 0, 0);
    WAIT_FOR(&world, world.got_count == 5);
    world_turn_for(&world, 10000);
    ck_assert_uint_eq(world.got_count, 5);
    ck_assert_int_eq(got_for(&world, OP_PREPARE, 0)->result.result, RESULT_VOTE);
    for (uint32_t i = 1; i < 5; i++) {
        ck_assert_int_eq(got_for(&world, OP_PREPARE, i)->result.result, RESULT_UNKNOWN);
        ck_assert_str_ne(got_for(&world, OP_PREPARE, i)->reason, "");
        ck_assert(got_for(&world, OP_PREPARE, i)->was_sent);
    }
}
END_TEST

START_TEST(connection_breaks)
{
    /* When the connection breaks in the middle of an answer, what was answered stands and the rest
     * is unknown, not unsent. */
    send_op(&world, OP_COMMIT, 0);
    send_op(&world, OP_COMMIT, 1);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    struct result result = result_of(OP_COMMIT, 1, RESULT_DONE);
    stream_begin(exchange);
    stream_result(exchange, &result);
    WAIT_FOR(&world, world.got_count == 1);
    participant_stop(&world, 0);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_COMMIT, 1)->result.result, RESULT_DONE);
    ck_assert_int_eq(got_for(&world, OP_COMMIT, 0)->result.result, RESULT_UNKNOWN);
    ck_assert(got_for(&world, OP_COMMIT, 0)->was_sent);
    ck_assert(!stats().reachable);
}
END_TEST

START_TEST(deadline_of_its_own)
{
    /* In one request each command has its own deadline: the short one is unknown when its time has
     * come, while the request goes on for the long one; the short one's late answer is nobody's. */
    struct command hasty = command_of(OP_PREPARE, 0);
    hasty.timeout_us = 100000;
    uint64_t begin_us = clock_us();
    send_command(&world, &hasty);
    send_op(&world, OP_PREPARE, 1);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    ck_assert_uint_eq(lines_in(exchange), 2);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_uint_ge(clock_us() - begin_us, 100000u);
    ck_assert_uint_lt(clock_us() - begin_us, 2000000u);
    ck_assert_int_eq(got_for(&world, OP_PREPARE, 0)->result.result, RESULT_UNKNOWN);
    ck_assert(got_for(&world, OP_PREPARE, 0)->was_sent);
    ck_assert_uint_eq(world.participants[0].gone, 0);
    answer_all(&world, 0, 0, RESULT_VOTE);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_PREPARE, 1)->result.result, RESULT_VOTE);
}
END_TEST

START_TEST(silent_participant)
{
    /* A participant that never answers: unknown when the time has come, and the connection is given
     * up, so that its slot is free again. */
    for (uint32_t i = 0; i < 2; i++) {
        struct command command = command_of(OP_PREPARE, i);
        command.timeout_us = 100000;
        send_command(&world, &command);
        (void)request_at(&world, 0, i);
    }
    WAIT_FOR(&world, world.got_count == 2 && world.participants[0].gone == 2);
    send_op(&world, OP_PREPARE, 2);
    answer_all(&world, 0, 2, RESULT_VOTE);
    WAIT_FOR(&world, got_for(&world, OP_PREPARE, 2) != NULL);
}
END_TEST

START_TEST(status_of_whole_request)
{
    /* A status for the whole request is no word about one command: 425, 429 and 503 are retry, with
     * Retry-After, everything else is unknown, also 409. */
    static const struct {
        int status;
        const char *retry_after;
        enum message_result kind;
        uint64_t retry_after_us;
    } cases[] = {
        {503, "2", RESULT_RETRY, 2000000},
        {425, NULL, RESULT_RETRY, 0},
        {503, "Fri, 31 Dec 1999 23:59:59 GMT", RESULT_RETRY, 0},
        {503, "-1", RESULT_RETRY, 0},
        {429, "99999999999999999999", RESULT_RETRY, UINT64_C(1000000000000000)},
        {503, "2 ", RESULT_RETRY, 2000000},
        {503, "Fri, 31 Dec 1999 23:59:59 CET", RESULT_RETRY, 0},
        {409, NULL, RESULT_UNKNOWN, 0},
        {404, "2", RESULT_UNKNOWN, 0},
        {500, NULL, RESULT_UNKNOWN, 0},
        {204, NULL, RESULT_UNKNOWN, 0},
    };
    const struct http_header headers[] = {{"Retry-After", cases[_i].retry_after}, {NULL, NULL}};
    send_op(&world, OP_COMMIT, 0);
    send_op(&world, OP_COMMIT, 1);
    answer_status(&world, 0, 0, cases[_i].status, cases[_i].retry_after != NULL ? headers : NULL,
                  "{}");
    WAIT_FOR(&world, world.got_count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(got_for(&world, OP_COMMIT, i)->result.result, cases[_i].kind);
        ck_assert_uint_eq(got_for(&world, OP_COMMIT, i)->result.retry_after_us,
                          cases[_i].retry_after_us);
    }
    ck_assert(stats().reachable);
}
END_TEST

START_TEST(phase_2_passes)
{
    /* Phase 2 never waits behind phase 1: with every slot held up and prepares queued, commit,
     * abort, compensate and status go out at once. */
    static const enum message_op ops[] = {OP_COMMIT, OP_ABORT, OP_COMPENSATE, OP_STATUS};
    for (uint32_t i = 0; i < 2; i++) {
        send_op(&world, OP_PREPARE, i);
        (void)request_at(&world, 0, i);
    }
    send_op(&world, OP_PREPARE, 2);
    send_op(&world, OP_EXECUTE, 3);
    for (uint32_t i = 0; i < 4; i++)
        send_op(&world, ops[i], 10 + i);
    ck_assert_uint_eq(lines_in(request_at(&world, 0, 2)), 4);
    answer_all(&world, 0, 2, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 4);
    ck_assert_uint_eq(stats().queued, 2);
}
END_TEST

START_TEST(no_deadlock)
{
    /* The deadlock of libraries.md: transaction 0 has a row locked and is prepared; the prepare of
     * 1 waits for that row and its request stays open, the prepare of 2 is queued behind it. The
     * commit of 0, which alone frees the row, must reach the participant; then 1 and 2 go on. */
    channel_destroy(world.channel);
    world.channel = channel_to(&world, CHANNEL_BATCH, 1, &port, 1);
    send_op(&world, OP_PREPARE, 0);
    answer_all(&world, 0, 0, RESULT_VOTE);
    WAIT_FOR(&world, got_for(&world, OP_PREPARE, 0) != NULL);
    send_op(&world, OP_PREPARE, 1);
    (void)request_at(&world, 0, 1); /* waits for the row: no answer */
    send_op(&world, OP_PREPARE, 2);
    send_op(&world, OP_COMMIT, 0);
    struct http_exchange *commit = request_at(&world, 0, 2);
    struct troth_span body = http_exchange_body(commit);
    ck_assert_ptr_nonnull(memmem(body.data, body.len, "\"commit\"", 8));
    answer_all(&world, 0, 2, RESULT_DONE);
    answer_all(&world, 0, 1, RESULT_VOTE); /* the row is free */
    answer_all(&world, 0, 3, RESULT_VOTE);
    WAIT_FOR(&world, world.got_count == 4);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(got_for(&world, OP_PREPARE, i)->result.result, RESULT_VOTE);
    ck_assert_int_eq(got_for(&world, OP_COMMIT, 0)->result.result, RESULT_DONE);
}
END_TEST

static void announce(const char *slots)
{
    const struct http_header headers[] = {{HEADER_SLOTS, slots}, {NULL, NULL}};
    uint32_t n = world.participants[0].count;
    send_op(&world, OP_STATUS, n);
    http_exchange_begin(request_at(&world, 0, n), 200, "application/x-ndjson", headers);
    struct result result = result_of(OP_STATUS, n, RESULT_DONE);
    stream_result(world.participants[0].held[n], &result);
    WAIT_FOR(&world, got_for(&world, OP_STATUS, n) != NULL);
}

START_TEST(slots_announced)
{
    /* A participant's announcement holds from its first line on, is capped, and is left alone when
     * it is no number above 0. */
    static const struct {
        const char *text;
        uint32_t slots;
    } cases[] = {{"3", 3},
                 {"0", 3},
                 {"-1", 3},
                 {"many", 3},
                 {"", 3},
                 {"1 2", 3},
                 {"1", 1},
                 {"123456789", CHANNEL_SLOTS_MAX},
                 {"99999999999", CHANNEL_SLOTS_MAX}};
    ck_assert_uint_eq(stats().slots, 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t n = world.participants[0].count;
        announce(cases[i].text);
        ck_assert_uint_eq(stats().slots, cases[i].slots);
        stream_end(&world, 0, n);
    }
}
END_TEST

START_TEST(a_part_of_the_slots)
{
    /* Of several nodes each uses its part of what the participant has, also of what it announces
     * later, and one slot at least; it is told of as it is for all of them. */
    channel_share(world.channel, 3);
    ck_assert_uint_eq(stats().slots, 1);
    ck_assert_uint_eq(stats().slots_of_all, 2);
    announce("16");
    ck_assert_uint_eq(stats().slots, 5);
    ck_assert_uint_eq(stats().places, 5);
    ck_assert_uint_eq(stats().slots_of_all, 16);
    channel_share(world.channel, 2);
    ck_assert_uint_eq(stats().slots, 8);
    channel_share(world.channel, 40);
    ck_assert_uint_eq(stats().slots, 1);
    channel_share(world.channel, 1);
    ck_assert_uint_eq(stats().slots, 16);
    stream_end(&world, 0, 0);
}
END_TEST

START_TEST(replicas_in_turn)
{
    /* Replicas are called in turn. */
    uint16_t ports[2] = {port, participant_start(&world, 1, 0)};
    channel_destroy(world.channel);
    world.channel = channel_to(&world, CHANNEL_BATCH, 8, ports, 2);
    for (uint32_t i = 0; i < 6; i++) {
        send_op(&world, OP_PREPARE, i);
        world_turn(&world);
    }
    WAIT_FOR(&world, world.participants[0].count == 3 && world.participants[1].count == 3);
}
END_TEST

START_TEST(fails_over)
{
    /* A replica that cannot be reached is passed over: its commands go to the next, once, and for
     * a while nothing else is tried there. */
    uint16_t ports[2] = {closed_port(), port};
    channel_destroy(world.channel);
    world.channel = channel_to(&world, CHANNEL_BATCH, 8, ports, 2);
    for (uint32_t i = 0; i < 4; i++) {
        send_op(&world, OP_PREPARE, i);
        answer_all(&world, 0, i, RESULT_VOTE);
        WAIT_FOR(&world, got_for(&world, OP_PREPARE, i) != NULL);
        ck_assert_int_eq(got_for(&world, OP_PREPARE, i)->result.result, RESULT_VOTE);
    }
    ck_assert_uint_eq(world.got_count, 4);
    ck_assert(stats().reachable);
}
END_TEST

START_TEST(nobody_there)
{
    /* No replica can be reached: unknown, and nothing left this process; not from inside a call of
     * the channel (the fixture checks). When one is back, it is found. */
    uint16_t ports[2] = {closed_port(), closed_port()};
    channel_destroy(world.channel);
    world.channel = channel_to(&world, CHANNEL_BATCH, 8, ports, 2);
    send_op(&world, OP_PREPARE, 0);
    send_op(&world, OP_COMMIT, 0);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_PREPARE, 0)->result.result, RESULT_UNKNOWN);
    ck_assert(!got_for(&world, OP_PREPARE, 0)->was_sent);
    ck_assert(!got_for(&world, OP_COMMIT, 0)->was_sent);
    ck_assert(!stats().reachable);
    (void)participant_start(&world, 1, ports[1]);
    send_op(&world, OP_PREPARE, 1);
    answer_all(&world, 1, 0, RESULT_VOTE);
    WAIT_FOR(&world, got_for(&world, OP_PREPARE, 1) != NULL);
    ck_assert(stats().reachable);
}
END_TEST

START_TEST(name_not_found)
{
    /* A name that does not resolve is known at once, and still told from an event only. */
    const char *const urls[] = {"http://no-such-name.invalid/"};
    channel_destroy(world.channel);
    world.channel = channel_to_url(&world, CHANNEL_BATCH, 1, urls, 1);
    send_op(&world, OP_PREPARE, 0);
    send_op(&world, OP_COMMIT, 0);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_PREPARE, 0)->result.result, RESULT_UNKNOWN);
    ck_assert(!got_for(&world, OP_PREPARE, 0)->was_sent);
}
END_TEST

START_TEST(restarted_participant)
{
    /* A participant that was restarted between two requests is called on a new connection; the
     * commands need no second try by the host. */
    send_op(&world, OP_COMMIT, 0);
    answer_all(&world, 0, 0, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 1);
    participant_stop(&world, 0);
    (void)participant_start(&world, 0, port);
    send_op(&world, OP_COMMIT, 1);
    answer_all(&world, 0, 1, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_COMMIT, 1)->result.result, RESULT_DONE);
}
END_TEST

START_TEST(queue_limits)
{
    /* A full queue and a command that can never be sent are refused, and no result comes. */
    static char large[MESSAGE_LINE_MAX];
    const struct mono none = {0};
    struct command command = command_of(OP_PREPARE, 0);
    memset(large, '1', sizeof(large));
    command.input = (struct troth_span){large, sizeof(large)};
    ck_assert_int_eq(channel_send(world.channel, &command, none), TROTH_ERROR_TOO_LARGE);
    command = command_of(OP_COMMIT, 0);
    for (uint32_t i = 0; i < CHANNEL_QUEUE_MAX; i++)
        ck_assert_int_eq(channel_send(world.channel, &command, none), 0);
    ck_assert_int_eq(channel_send(world.channel, &command, none), TROTH_ERROR_FULL);
    send_op(&world, OP_PREPARE, 1); /* phase 1 has a queue of its own */
    ck_assert_uint_eq(world.got_count, 0);
}
END_TEST

START_TEST(destroyed_at_work)
{
    /* A channel may be destroyed with commands queued, connecting, sent and half answered. */
    send_op(&world, OP_PREPARE, 0);
    send_op(&world, OP_PREPARE, 1);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    struct result result = result_of(OP_PREPARE, 1, RESULT_VOTE);
    stream_begin(exchange);
    stream_result(exchange, &result);
    WAIT_FOR(&world, world.got_count == 1);
    send_op(&world, OP_PREPARE, 2);
    channel_flush(world.channel);
    send_op(&world, OP_PREPARE, 3);
    channel_destroy(world.channel);
    world.channel = NULL;
    world_turn_for(&world, 5000);
    ck_assert_uint_eq(world.got_count, 1);
}
END_TEST

START_TEST(wrong_configuration)
{
    /* A URL that we cannot call, or none, is a wrong configuration. */
    struct channel_config config = {.name = "x",
                                    .binding = CHANNEL_BATCH,
                                    .urls = {"http://127.0.0.1:1/", "ftp://127.0.0.1/"},
                                    .phase2_connections = 1,
                                    .connect_timeout_us = 100000,
                                    .journal = "0123456789abcdef"};
    struct channel *channel = NULL;
    config.result = (channel_result)(void (*)(void))send_op; /* never called */
    ck_assert_int_eq(channel_create(world.loop, &config, &channel), TROTH_ERROR_CONFIG);
    config.urls[0] = NULL;
    ck_assert_int_eq(channel_create(world.loop, &config, &channel), TROTH_ERROR_CONFIG);
    ck_assert_ptr_null(channel);
}
END_TEST

Suite *batch_suite(void)
{
    Suite *suite = suite_create("batch");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, one_command);
    tcase_add_test(all, one_turn_is_one_request);
    tcase_add_test(all, held_up_request);
    tcase_add_test(all, batch_limits);
    tcase_add_test(all, one_result_each);
    tcase_add_test(all, connection_breaks);
    tcase_add_test(all, deadline_of_its_own);
    tcase_add_test(all, silent_participant);
    tcase_add_loop_test(all, status_of_whole_request, 0, 11);
    tcase_add_test(all, phase_2_passes);
    tcase_add_test(all, no_deadlock);
    tcase_add_test(all, slots_announced);
    tcase_add_test(all, a_part_of_the_slots);
    tcase_add_test(all, replicas_in_turn);
    tcase_add_test(all, fails_over);
    tcase_add_test(all, nobody_there);
    tcase_add_test(all, name_not_found);
    tcase_add_test(all, restarted_participant);
    tcase_add_test(all, queue_limits);
    tcase_add_test(all, destroyed_at_work);
    tcase_add_test(all, wrong_configuration);
    suite_add_tcase(suite, all);
    return suite;
}
