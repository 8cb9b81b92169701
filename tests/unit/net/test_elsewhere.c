/* A replica that lacks an operation: the same try goes to another one, and nothing is sent twice to
 * one that may have acted (faults.md 46, 47). */
#include <string.h>

#include "fixture.h"
#include "suites.h"

static struct world world;
static uint16_t ports[3];

static void setup(void)
{
    world_start(&world);
}

static void teardown(void)
{
    world_finish(&world);
}

/* So many replicas, of which the ones of `closed` (bit i) are not there. */
static void replicas(int count, unsigned closed)
{
    for (int i = 0; i < count; i++)
        ports[i] = (closed >> i & 1u) != 0 ? closed_port() : participant_start(&world, i, 0);
    world.channel = channel_to(&world, CHANNEL_BATCH, 8, ports, count);
}

START_TEST(another_replica_has_it)
{
    /* Nobody hears of it: the command goes on to the replica that has the operation, once. */
    replicas(2, 0);
    send_op(&world, OP_EXECUTE, 1);
    answer_all(&world, 0, 0, RESULT_NO_OPERATION);
    answer_all(&world, 1, 0, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_int_eq(got_for(&world, OP_EXECUTE, 1)->result.result, RESULT_DONE);
    ck_assert_uint_eq(world.participants[0].count, 1);
    ck_assert_uint_eq(world.participants[1].count, 1);
}
END_TEST

START_TEST(nobody_has_it)
{
    /* All say so: that is the answer, with their words, and the next try asks them again. */
    replicas(2, 0);
    for (uint32_t n = 0; n < 2; n++) {
        send_op(&world, OP_COMMIT, n);
        answer_all(&world, 0, n, RESULT_NO_OPERATION);
        answer_all(&world, 1, n, RESULT_NO_OPERATION);
        WAIT_FOR(&world, world.got_count == n + 1);
        ck_assert_int_eq(got_for(&world, OP_COMMIT, n)->result.result, RESULT_NO_OPERATION);
        ck_assert(got_for(&world, OP_COMMIT, n)->was_sent);
    }
}
END_TEST

START_TEST(the_other_is_down)
{
    /* The only other replica cannot be reached: it ends so, and does not go round between the two
     * until its time is over. */
    replicas(3, 2u); /* the second one */
    send_op(&world, OP_EXECUTE, 1);
    answer_all(&world, 0, 0, RESULT_NO_OPERATION);
    answer_all(&world, 2, 0, RESULT_NO_OPERATION);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert_int_eq(world.got[0].result.result, RESULT_UNKNOWN);
    ck_assert(!world.got[0].was_sent);
    ck_assert_uint_eq(world.participants[0].count + world.participants[2].count, 2);
}
END_TEST

START_TEST(others_of_the_batch_stay)
{
    /* Only the command that it is about goes on; its neighbours have their answers. */
    replicas(2, 0);
    send_op(&world, OP_EXECUTE, 1);
    send_op(&world, OP_EXECUTE, 2);
    struct http_exchange *exchange = request_at(&world, 0, 0);
    ck_assert_uint_eq(lines_in(exchange), 2);
    struct result none = result_of(OP_EXECUTE, 1, RESULT_NO_OPERATION);
    struct result done = result_of(OP_EXECUTE, 2, RESULT_DONE);
    stream_begin(exchange);
    stream_result(exchange, &none);
    stream_result(exchange, &done);
    stream_end(&world, 0, 0);
    ck_assert_uint_eq(lines_in(request_at(&world, 1, 0)), 1);
    answer_all(&world, 1, 0, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_EXECUTE, 1)->result.result, RESULT_DONE);
}
END_TEST

START_TEST(kept_connection_breaks)
{
    /* A command that went out over a kept connection and got no answer is unknown: it is not sent
     * again from here, to nobody. */
    replicas(2, 2u);
    send_op(&world, OP_EXECUTE, 1);
    answer_all(&world, 0, 0, RESULT_DONE);
    WAIT_FOR(&world, world.got_count == 1);
    send_op(&world, OP_EXECUTE, 2);
    (void)request_at(&world, 0, 1);
    participant_stop(&world, 0); /* with the request in it, unanswered */
    (void)participant_start(&world, 0, ports[0]);
    WAIT_FOR(&world, world.got_count == 2);
    ck_assert_int_eq(got_for(&world, OP_EXECUTE, 2)->result.result, RESULT_UNKNOWN);
    ck_assert(got_for(&world, OP_EXECUTE, 2)->was_sent);
    world_turn_for(&world, 20000);
    ck_assert_uint_eq(world.participants[0].count, 2); /* ever */
}
END_TEST

Suite *elsewhere_suite(void)
{
    Suite *suite = suite_create("elsewhere");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, another_replica_has_it);
    tcase_add_test(all, nobody_has_it);
    tcase_add_test(all, the_other_is_down);
    tcase_add_test(all, others_of_the_batch_stay);
    tcase_add_test(all, kept_connection_breaks);
    suite_add_tcase(suite, all);
    return suite;
}
