/* The token that requests show to a participant: in both bindings, as its file has it now. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

static const enum channel_binding bindings[] = {CHANNEL_HTTP, CHANNEL_BATCH};
static struct world world;
static uint16_t port;
static char file[64];

static void write_file(const char *text)
{
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.new", file);
    FILE *to = fopen(beside, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_int_ge(fputs(text, to), 0);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_int_eq(rename(beside, file), 0);
}

static void setup(void)
{
    world_start(&world);
    port = participant_start(&world, 0, 0);
    (void)snprintf(file, sizeof file, "/tmp/troth-net-token.%d", (int)getpid());
    world.token_file = file;
}

static void teardown(void)
{
    world_finish(&world);
    (void)unlink(file);
}

static bool shows(const struct http_exchange *exchange, const char *token)
{
    struct troth_span value;
    char shown[64];
    (void)snprintf(shown, sizeof shown, "Bearer %s", token);
    return http_exchange_header(exchange, "Authorization", &value) && value.len == strlen(shown) &&
           memcmp(value.data, shown, value.len) == 0;
}

/* The first token of the file, and of another file soon after it has changed, without a restart. */
START_TEST(the_first_of_the_file)
{
    uint32_t n = 0;
    write_file("# of bank_a\nold-token-0123456789\nold-token-that-is-second\n");
    world.channel = channel_to(&world, bindings[_i], 2, &port, 1);
    send_op(&world, OP_PREPARE, n);
    ck_assert(shows(request_at(&world, 0, n), "old-token-0123456789"));
    write_file("new-token-0123456789\n");
    while (!shows(request_at(&world, 0, n), "new-token-0123456789")) { /* the test's own timeout */
        answer_status(&world, 0, n, 503, NULL, NULL);
        world_turn_for(&world, 300000);
        send_op(&world, OP_PREPARE, ++n);
        ck_assert_uint_lt(n, HELD_MAX - 1);
    }
}
END_TEST

/* Without a token nothing leaves, and the words say why, and not what is in the file. */
START_TEST(nothing_without_it)
{
    if (_i == 0)
        write_file("too-short\n");
    world.channel = channel_to(&world, bindings[_i], 2, &port, 1);
    send_op(&world, OP_PREPARE, 0);
    WAIT_FOR(&world, world.got_count == 1);
    ck_assert(!world.got[0].was_sent);
    ck_assert_uint_eq(world.participants[0].count, 0);
    ck_assert_ptr_nonnull(strstr(world.got[0].reason, file));
    ck_assert_ptr_null(strstr(world.got[0].reason, "too-short"));
    write_file("new-token-0123456789\n");
    for (uint32_t n = 1; world.participants[0].count == 0; n++) {
        send_op(&world, OP_PREPARE, n);
        world_turn_for(&world, 300000);
        ck_assert_uint_lt(n, HELD_MAX - 1);
    }
    ck_assert(shows(request_at(&world, 0, 0), "new-token-0123456789"));
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 30);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, the_first_of_the_file, 0, 2);
    tcase_add_loop_test(all, nothing_without_it, 0, 2);
    suite_add_tcase(suite, all);
    return suite;
}
