/* Names of hosts into addresses: what is answered, when, and what silence means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <event2/event.h>

#include <nameserver.h>
#include <resolve/resolve.h>

#define NAME "bank.example"

static struct event_base *base;
static struct nameserver server;
static struct resolver *resolver;

struct told {
    uint32_t times;
    int error;
    char text[80];
    uint64_t ttl_us;
    uint32_t count;
    char addresses[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_TEXT_MAX];
    struct resolver *destroys;
};

static uint64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
    struct told *told = arg;
    told->times++;
    told->error = answer->error;
    (void)snprintf(told->text, sizeof told->text, "%s", answer->text);
    told->ttl_us = answer->ttl_us;
    told->count = answer->count;
    for (uint32_t i = 0; i < answer->count; i++)
        resolver_address_format(&answer->addresses[i], told->addresses[i]);
    resolver_destroy(told->destroys);
}

static void setup(void)
{
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    nameserver_start(&server, base);
    ck_assert_int_eq(resolver_create(base, server.address, &resolver), 0);
}

static void teardown(void)
{
    resolver_destroy(resolver);
    nameserver_finish(&server);
    event_base_free(base);
}

static void wait_for(const struct told *told)
{
    uint64_t until_us = clock_us() + 30000000u;
    while (told->times == 0 && clock_us() < until_us)
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_uint_eq(told->times, 1);
}

static struct resolver_question *ask(const char *host, struct told *told)
{
    struct resolver_question *question = NULL;
    *told = (struct told){.destroys = told->destroys};
    ck_assert_int_eq(resolver_ask(resolver, host, 80, on_answer, told, &question), 0);
    ck_assert_uint_eq(told->times, 0); /* never from inside the call */
    return question;
}

static bool has(const struct told *told, const char *address)
{
    for (uint32_t i = 0; i < told->count; i++)
        if (strcmp(told->addresses[i], address) == 0)
            return true;
    return false;
}

START_TEST(all_addresses_and_the_ttl)
{
    /* Every address of both families is told, with the port asked for and the records' TTL. */
    struct told told = {0};
    nameserver_set(&server, NAME, 77, "192.0.2.1", "2001:db8::7", "192.0.2.2", NULL);
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_int_eq(told.error, 0);
    ck_assert_uint_eq(told.count, 3);
    ck_assert(has(&told, "192.0.2.1:80") && has(&told, "192.0.2.2:80"));
    ck_assert(has(&told, "[2001:db8::7]:80"));
    ck_assert_uint_eq(told.ttl_us, 77000000u);
    ck_assert_str_eq(told.text, "");
}
END_TEST

START_TEST(ttl_has_bounds)
{
    /* A TTL of none is a second, so that a name is not asked for at every call; one of a year is an
     * hour, so that a mistake in a zone has an end. */
    struct told told = {0};
    nameserver_set(&server, NAME, _i == 0 ? 0 : 31536000, "192.0.2.1", NULL);
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_uint_eq(told.ttl_us, _i == 0 ? RESOLVER_TTL_MIN_US : RESOLVER_TTL_MAX_US);
}
END_TEST

START_TEST(asked_anew_each_time)
{
    /* The resolver keeps nothing: the next question sees what the server says then. */
    struct told told = {0};
    nameserver_set(&server, NAME, 3600, "192.0.2.1", NULL);
    (void)ask(NAME, &told);
    wait_for(&told);
    nameserver_set(&server, NAME, 3600, "192.0.2.9", NULL);
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_uint_eq(told.count, 1);
    ck_assert(has(&told, "192.0.2.9:80"));
}
END_TEST

START_TEST(no_such_name)
{
    /* A name that does not exist, and one without an address, are answers: not found. */
    struct told told = {0};
    if (_i == 1)
        nameserver_set(&server, NAME, 5, NULL);
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_int_eq(told.error, TROTH_ERROR_NOT_FOUND);
    ck_assert_str_eq(told.text,
                     _i == 0 ? "there is no host of that name" : "the name has no address");
}
END_TEST

START_TEST(server_in_trouble)
{
    /* A server that cannot say has not said that there is no such name. */
    struct told told = {0};
    nameserver_set(&server, NAME, 5, "192.0.2.1", NULL);
    server.way = NAMESERVER_FAILS;
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_int_eq(told.error, TROTH_ERROR_UNAVAILABLE);
    ck_assert_str_ne(told.text, "");
}
END_TEST

START_TEST(silent_server)
{
    /* Silence ends in RESOLVER_TIMEOUT_US, and the loop goes on meanwhile. */
    struct told told = {0};
    struct told other = {0};
    server.way = NAMESERVER_SILENT;
    uint64_t begin_us = clock_us();
    (void)ask(NAME, &told);
    (void)ask("127.0.0.1", &other);
    wait_for(&other);
    ck_assert(has(&other, "127.0.0.1:80"));
    ck_assert_uint_lt(clock_us() - begin_us, 5000000u);
    wait_for(&told);
    ck_assert_int_eq(told.error, TROTH_ERROR_TIMEOUT);
    ck_assert_uint_le(clock_us() - begin_us, RESOLVER_TIMEOUT_US + 5000000u);
}
END_TEST

START_TEST(silent_about_ipv6)
{
    /* A server that never answers a question for IPv6 does not cost the addresses it has told. */
    struct told told = {0};
    nameserver_set(&server, NAME, 5, "192.0.2.1", NULL);
    server.way = NAMESERVER_SILENT_V6;
    uint64_t begin_us = clock_us();
    (void)ask(NAME, &told);
    wait_for(&told);
    ck_assert_int_eq(told.error, 0);
    ck_assert(has(&told, "192.0.2.1:80"));
    ck_assert_uint_lt(clock_us() - begin_us, RESOLVER_V4_AFTER_US + 2500000u);
}
END_TEST

START_TEST(hosts_file)
{
    /* What /etc/hosts says needs no server. */
    struct told told = {0};
    server.way = NAMESERVER_SILENT;
    (void)ask("localhost", &told);
    wait_for(&told);
    ck_assert_int_eq(told.error, 0);
    ck_assert(has(&told, "127.0.0.1:80"));
    ck_assert_uint_eq(server.asked, 0);
}
END_TEST

START_TEST(cancelled)
{
    /* What was cancelled is not told, whenever its answer comes; others are. */
    struct told told = {0};
    struct told other = {0};
    nameserver_set(&server, NAME, 5, "192.0.2.1", NULL);
    resolver_cancel(ask(NAME, &told));
    (void)ask(NAME, &other);
    wait_for(&other);
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

START_TEST(destroyed)
{
    /* The resolver may be destroyed with questions under way, and from inside an answer. */
    struct told told = {0};
    struct told other = {0};
    nameserver_set(&server, NAME, 5, "192.0.2.1", NULL);
    if (_i == 1)
        told.destroys = resolver;
    (void)ask(NAME, &told);
    (void)ask(NAME, &other);
    if (_i == 1)
        wait_for(&told);
    else
        resolver_destroy(resolver);
    resolver = NULL;
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_uint_eq(other.times, 0);
}
END_TEST

START_TEST(wrong_servers)
{
    /* A list of servers that is none is refused when the resolver is made. */
    struct resolver *made = NULL;
    ck_assert_int_eq(resolver_create(base, "not an address", &made), TROTH_ERROR_CONFIG);
    ck_assert_ptr_null(made);
    ck_assert_int_eq(resolver_create(base, "127.0.0.1:53,[::1]:5353", &made), 0);
    resolver_destroy(made);
    ck_assert_int_eq(resolver_create(base, "", &made), 0);
    resolver_destroy(made);
}
END_TEST

START_TEST(addresses)
{
    /* Numeric hosts need no question; equal is equal in address and port. */
    struct resolver_address a = {.size = 0};
    struct resolver_address b = {.size = 0};
    char text[RESOLVER_ADDRESS_TEXT_MAX];
    ck_assert(!resolver_numeric("localhost", 1, &a) && !resolver_numeric("127.1", 1, &a));
    ck_assert(resolver_numeric("127.0.0.1", 7800, &a));
    resolver_address_format(&a, text);
    ck_assert_str_eq(text, "127.0.0.1:7800");
    ck_assert(resolver_numeric("127.0.0.1", 7801, &b) && !resolver_address_same(&a, &b));
    ck_assert(resolver_numeric("127.0.0.1", 7800, &b) && resolver_address_same(&a, &b));
    ck_assert(resolver_numeric("::1", 7800, &b) && !resolver_address_same(&a, &b));
    resolver_address_format(&b, text);
    ck_assert_str_eq(text, "[::1]:7800");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolve");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, all_addresses_and_the_ttl);
    tcase_add_loop_test(all, ttl_has_bounds, 0, 2);
    tcase_add_test(all, asked_anew_each_time);
    tcase_add_loop_test(all, no_such_name, 0, 2);
    tcase_add_test(all, server_in_trouble);
    tcase_add_test(all, silent_server);
    tcase_add_test(all, silent_about_ipv6);
    tcase_add_test(all, hosts_file);
    tcase_add_test(all, cancelled);
    tcase_add_loop_test(all, destroyed, 0, 2);
    tcase_add_test(all, wrong_servers);
    tcase_add_test(all, addresses);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
