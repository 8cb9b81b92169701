/* Whom trothd may call: hosts by their names, networks by their addresses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <net/reach.h>

#include "suites.h"

#define MANY "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,"

static struct reach *made(const char *hosts, const char *networks)
{
    BUFFER_SCOPED struct buffer why = {.data = NULL};
    struct reach *reach = NULL;
    ck_assert_msg(reach_create(hosts, networks, &why, &reach) == 0, "%s", buffer_text(&why));
    return reach;
}

static bool allows(const struct reach *reach, const char *host, const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return reach_refuses(reach, host, (const struct sockaddr *)&v4) == NULL;
    ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return reach_refuses(reach, host, (const struct sockaddr *)&v6) == NULL;
}

static const struct {
    const char *networks;
    const char *address;
    bool is_allowed;
} table[] = {
    {"loopback, private", "127.0.0.1", true},
    {"loopback, private", "127.255.0.9", true},
    {"loopback, private", "::1", true},
    {"loopback,private", "10.1.2.3", true},
    {"loopback,private", "172.31.255.255", true},
    {"loopback,private", "172.32.0.0", false},
    {"loopback,private", "192.168.0.1", true},
    {"loopback,private", "100.64.0.1", true},
    {"loopback,private", "fd12::1", true},
    {"loopback,private", "8.8.8.8", false},
    {"loopback,private", "2001:4860::1", false},
    {"private", "127.0.0.1", false},
    {"private", "::1", false},
    {"private", "::ffff:127.0.0.1", false},
    {"private", "::127.0.0.1", false},
    {"private", "64:ff9b::7f00:1", false},
    {"private", "2002:7f00:1::", false},
    {"private", "::ffff:10.0.0.1", true},
    {"private", "64:ff9b::a00:1", true},
    {"public", "8.8.8.8", true},
    {"public", "2001:4860::1", true},
    {"public", "::ffff:8.8.8.8", true},
    {"public", "10.0.0.1", false},
    {"public", "64:ff9b::a00:1", false},
    {"", "127.0.0.1", false},
    {"", "8.8.8.8", false},
    /* What no word opens, and no network larger than it. */
    {"loopback, private, public", "169.254.169.254", false},
    {"loopback, private, public", "169.254.1.1", false},
    {"loopback, private, public", "::ffff:169.254.169.254", false},
    {"loopback, private, public", "64:ff9b::a9fe:a9fe", false},
    {"loopback, private, public", "2002:a9fe:a9fe::", false},
    {"loopback, private, public", "fe80::1", false},
    {"loopback, private, public", "fd00:ec2::254", false},
    {"loopback, private, public", "100.100.100.200", false},
    {"loopback, private, public", "168.63.129.16", false},
    {"loopback, private, public", "0.0.0.0", false},
    {"loopback, private, public", "0.1.2.3", false},
    {"loopback, private, public", "::", false},
    {"loopback, private, public", "224.0.0.1", false},
    {"loopback, private, public", "255.255.255.255", false},
    {"loopback, private, public", "ff02::1", false},
    {"0.0.0.0/0, ::/0", "169.254.169.254", false},
    {"0.0.0.0/0, ::/0", "fe80::1", false},
    {"0.0.0.0/0", "8.8.8.8", true},
    {"0.0.0.0/0", "127.0.0.1", true},
    {"::/0", "8.8.8.8", true}, /* IPv4 is a part of it */
    {"169.254.0.0/16", "169.254.1.1", true},
    {"169.254.0.0/16", "169.254.169.254", false},
    {"169.254.169.254", "169.254.169.254", true},
    {"169.254.169.254", "169.254.169.253", false},
    {"fe80::/10", "fe80::1", true},
    {"fe80::/9", "fe80::1", false},
    /* Networks. */
    {"10.1.0.0/16", "10.1.255.1", true},
    {"10.1.0.0/16", "10.2.0.0", false},
    {"10.1.0.0/17", "10.1.127.255", true},
    {"10.1.0.0/17", "10.1.128.0", false},
    {"10.0.0.7", "10.0.0.7", true},
    {"10.0.0.7/32", "10.0.0.6", false},
    {"fd00:1::/32", "fd00:1:2::3", true},
    {"fd00:1::/32", "fd00:2::3", false},
    {"8.8.8.8, loopback", "8.8.8.8", true},
};

START_TEST(an_address)
{
    /* Whatever it is written as, where it leads counts. */
    struct reach *reach = made("*", table[_i].networks);
    ck_assert_msg(allows(reach, "a", table[_i].address) == table[_i].is_allowed, "%s in %s",
                  table[_i].address, table[_i].networks);
    reach_destroy(reach);
}
END_TEST

START_TEST(a_host)
{
    /* The name must fit as well as the address. */
    struct reach *reach = made("*.banks.internal, bank-a, 10.0.0.*", "loopback, private");
    ck_assert(allows(reach, "a.banks.internal", "10.9.9.9"));
    ck_assert(allows(reach, "A.B.Banks.Internal", "10.9.9.9"));
    ck_assert(!allows(reach, "banks.internal", "10.9.9.9"));
    ck_assert(!allows(reach, "a.banks.internal.example", "10.9.9.9"));
    ck_assert(!allows(reach, "xbanks.internal", "10.9.9.9"));
    ck_assert(!allows(reach, "a.banks.internal", "8.8.8.8"));
    ck_assert(allows(reach, "bank-a", "127.0.0.1"));
    ck_assert(!allows(reach, "bank-ab", "127.0.0.1"));
    ck_assert(allows(reach, "10.0.0.7", "10.0.0.7"));
    ck_assert(!allows(reach, "10.0.1.7", "10.0.1.7"));
    ck_assert(!allows(reach, "", "10.0.1.7"));
    ck_assert_ptr_nonnull(reach_refuses_host(reach, "other"));
    ck_assert_ptr_null(reach_refuses_host(reach, "bank-a"));
    reach_destroy(reach);
    reach = made("", "loopback");
    ck_assert(!allows(reach, "a", "127.0.0.1"));
    reach_destroy(reach);
}
END_TEST

static const char *const wrong[] = {"10.0.0.1/8",
                                    "10.0.0.0/33",
                                    "10.0.0.0/",
                                    "10.0.0.0/-1",
                                    "10.0.0",
                                    "::1/129",
                                    "fd00::1/8",
                                    "/8",
                                    "Private",
                                    "any",
                                    "10.0.0.0/8 172.16.0.0/12",
                                    "0x7f.1",
                                    "[::1]",
                                    "fe80::1%lo"};

START_TEST(a_list_that_is_none)
{
    /* What is no network is said at the start, with its words. */
    BUFFER_SCOPED struct buffer why = {.data = NULL};
    struct reach *reach = NULL;
    ck_assert_int_eq(reach_create("*", wrong[_i], &why, &reach), TROTH_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), wrong[_i]));
    ck_assert_ptr_null(reach);
}
END_TEST

START_TEST(too_many_hosts)
{
    BUFFER_SCOPED struct buffer why = {.data = NULL};
    struct reach *reach = NULL;
    ck_assert_int_eq(reach_create(MANY MANY MANY MANY "a", "", &why, &reach), TROTH_ERROR_CONFIG);
    ck_assert_int_eq(reach_create("http://a/", "", &why, &reach), TROTH_ERROR_CONFIG);
    ck_assert_ptr_null(reach);
}
END_TEST

Suite *reach_suite(void)
{
    Suite *suite = suite_create("reach");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, an_address, 0, (int)(sizeof table / sizeof table[0]));
    tcase_add_test(all, a_host);
    tcase_add_loop_test(all, a_list_that_is_none, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(all, too_many_hosts);
    suite_add_tcase(suite, all);
    return suite;
}
