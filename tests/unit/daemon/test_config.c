/* The configuration: one file, environment over it, flags over both; what is wrong is named with
 * its place and the nearest right key. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config.h>

#include "suites.h"

static struct config config;
static struct buffer why;
static char path[] = "/tmp/troth-config.XXXXXX";

static void set_up(void)
{
    ck_assert_int_eq(config_init(&config), 0);
    memset(&why, 0, sizeof why);
    strcpy(path, "/tmp/troth-config.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
}

static void tear_down(void)
{
    config_finish(&config);
    buffer_finish(&why);
    (void)unlink(path);
}

static int read_text(const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return config_read_file(&config, path, &why);
}

static void expect_fault(const char *text, const char *line, const char *part)
{
    buffer_clear(&why);
    ck_assert_int_eq(read_text(text), TROTH_ERROR_CONFIG);
    ck_assert_msg(strstr(buffer_text(&why), line) != NULL, "%s: no %s", why.data, line);
    ck_assert_msg(strstr(buffer_text(&why), part) != NULL, "%s: no %s", why.data, part);
}

START_TEST(defaults_listen_on_loopback)
{
    ck_assert_str_eq(config.listen, "127.0.0.1:7800");
    ck_assert_uint_eq(config.retry_interval_us, 100000);
    ck_assert_int_eq(config_check(&config, &why), 0);
    ck_assert_int_eq(config_outbox(&config), CONFIG_OUTBOX_OFF);
}
END_TEST

START_TEST(a_file_sets_keys_and_ignores_comments)
{
    ck_assert_int_eq(read_text("# comment\n\n  listen = [::1]:0\nkafka_brokers= a:1,b:2\n"
                               "reply_wait =1.5s"),
                     0);
    ck_assert_str_eq(config.listen, "[::1]:0");
    ck_assert_str_eq(config.kafka_brokers, "a:1,b:2");
    ck_assert_uint_eq(config.reply_wait_us, 1500000);
    ck_assert_int_eq(config_outbox(&config), CONFIG_OUTBOX_KAFKA);
}
END_TEST

START_TEST(an_unknown_key_names_its_line_and_the_nearest)
{
    expect_fault("listen = 127.0.0.1:1\n\nretry_intervall = 1s\n",
                 ":3: ", "unknown key \"retry_intervall\"; did you mean \"retry_interval\"?");
}
END_TEST

START_TEST(wrong_values_say_what_is_right)
{
    expect_fault("reply_wait = 10\n", ":1: ", "is not a duration from 1ms to 5m");
    expect_fault("\nconnections_max = many\n", ":2: ", "not a whole number from 1 to 100000");
    expect_fault("connections_max = 0\n", ":1: ", "from 1 to 100000");
    expect_fault("connections_max = -1\n", ":1: ", "from 1 to 100000");
    expect_fault("listen = localhost:7800\n", ":1: ", "not a numeric address and a port");
    expect_fault("listen = 127.0.0.1:70000\n", ":1: ", "not a numeric address and a port");
    expect_fault("log_level = loud\n", ":1: ", "not one of error|warn|info|debug");
    expect_fault("listen\n", ":1: ", "not \"key = value\"");
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    ck_assert_int_eq(config_read_file(&config, "/nowhere/trothd.conf", &why), TROTH_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), "/nowhere/trothd.conf: No such file"));
}
END_TEST

START_TEST(the_environment_stands_over_the_file)
{
    ck_assert_int_eq(read_text("log_level = error\n"), 0);
    ck_assert_int_eq(setenv("TROTH_LOG_LEVEL", "debug", 1), 0);
    ck_assert_int_eq(config_read_environment(&config, &why), 0);
    ck_assert_str_eq(config.log_level, "debug");
    ck_assert_int_eq(setenv("TROTH_LOG_LEVEL", "loud", 1), 0);
    ck_assert_int_eq(config_read_environment(&config, &why), TROTH_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), "environment TROTH_LOG_LEVEL"));
    ck_assert_int_eq(unsetenv("TROTH_LOG_LEVEL"), 0);
}
END_TEST

START_TEST(keys_that_contradict_each_other_are_refused)
{
    ck_assert_int_eq(config_set(&config, "retry_interval", "20s", &why), 0);
    ck_assert_int_eq(config_check(&config, &why), TROTH_ERROR_CONFIG);
    ck_assert_int_eq(config_set(&config, "retry_interval", "1s", &why), 0);
    ck_assert_int_eq(config_set(&config, "outbox", "kafka", &why), 0);
    ck_assert_int_eq(config_check(&config, &why), TROTH_ERROR_CONFIG);
}
END_TEST

/* Prints the configuration into the test's file; the text is the test's to free. */
static char *printed(void)
{
    FILE *file = fopen(path, "w+");
    ck_assert_ptr_nonnull(file);
    config_print(&config, file);
    long size = ftell(file);
    ck_assert_int_gt(size, 0);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

/* Together they are refused, with these words; NULL: they are taken. */
static void expect_check(const char *listen, const char *words, const char *const *pairs)
{
    buffer_clear(&why);
    config_finish(&config);
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert_int_eq(config_set(&config, "listen", listen, &why), 0);
    for (; pairs[0] != NULL; pairs += 2)
        ck_assert_int_eq(config_set(&config, pairs[0], pairs[1], &why), 0);
    ck_assert_int_eq(config_check(&config, &why), words == NULL ? 0 : TROTH_ERROR_CONFIG);
    if (words != NULL)
        ck_assert_msg(strstr(buffer_text(&why), words) != NULL, "%s: %s", listen, why.data);
}

START_TEST(what_others_can_reach_is_closed_or_says_that_it_is_not)
{
    static const char *const none[] = {NULL};
    static const char *const tls[] = {"tls_certificate", "c.pem", NULL};
    static const char *const closed[] = {"tls_certificate", "c.pem", "authentication", "required",
                                         NULL};
    static const char *const plain[] = {"authentication", "required", NULL};
    static const char *const insecure[] = {"insecure", "yes", NULL};
    static const char *const exposed[] = {"0.0.0.0:0", "[::]:0", "10.0.0.7:7800", "[2001:db8::1]:1",
                                          "[::ffff:10.0.0.7]:1"};
    static const char *const local[] = {"127.0.0.1:0", "127.8.0.1:7800", "[::1]:0",
                                        "[::ffff:127.0.0.1]:1"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        expect_check(local[i], NULL, none);
    for (size_t i = 0; i < sizeof exposed / sizeof exposed[0]; i++) {
        expect_check(exposed[i], "plain HTTP", none);
        expect_check(exposed[i], "plain HTTP", plain);
        expect_check(exposed[i], "authentication = required", tls);
        expect_check(exposed[i], NULL, closed);
        expect_check(exposed[i], NULL, insecure);
    }
}
END_TEST

START_TEST(files_of_certificates_go_together)
{
    static const char *const key[] = {"tls_key", "k.pem", NULL};
    static const char *const clients[] = {"tls_clients", "required", "tls_client_ca", "a.pem",
                                          NULL};
    static const char *const no_ca[] = {"tls_clients", "optional", "tls_certificate", "c.pem",
                                        NULL};
    static const char *const calls[] = {"participant_tls_key", "k.pem", NULL};
    static const char *const socket_path[] = {"listen_unix", "trothd.sock", NULL};
    expect_check("127.0.0.1:0", "tls_key needs tls_certificate", key);
    expect_check("127.0.0.1:0", "tls_clients needs tls_certificate", clients);
    expect_check("127.0.0.1:0", "tls_clients needs tls_client_ca", no_ca);
    expect_check("127.0.0.1:0", "participant_tls_key needs", calls);
    expect_check("127.0.0.1:0", "listen_unix: a path", socket_path);
}
END_TEST

START_TEST(what_is_printed_can_be_read_again)
{
    ck_assert_int_eq(config_set(&config, "lease", "90s", &why), 0);
    free(printed());
    struct config again;
    ck_assert_int_eq(config_init(&again), 0);
    ck_assert_msg(config_read_file(&again, path, &why) == 0, "%s", buffer_text(&why));
    ck_assert_uint_eq(again.lease_us, 90000000);
    ck_assert_str_eq(again.journal, config.journal);
    config_finish(&again);
}
END_TEST

/* However libpq lets them be written: spaces around the sign, quotes, twice, in a URI or its query.
 */
START_TEST(passwords_are_not_printed)
{
    static const char *const journals[] = {
        "host=a password=geheim dbname=b",
        "host=a password = 'geheim und geheim' dbname=b",
        "host=a password=x dbname=b password='so geheim'",
        "postgresql://u:geheim@a/b",
        "postgresql://u@a/b?password=geheim&sslpassword=geheim",
    };
    for (size_t i = 0; i < sizeof journals / sizeof journals[0]; i++) {
        ck_assert_int_eq(config_set(&config, "journal", journals[i], &why), 0);
        char *text = printed();
        ck_assert_msg(strstr(text, "geheim") == NULL, "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "password=***"));
        ck_assert_ptr_nonnull(strstr(text, "dbname=b"));
        ck_assert_ptr_nonnull(strstr(text, "host=a"));
        free(text);
    }
}
END_TEST

START_TEST(a_journal_that_libpq_does_not_understand_is_refused)
{
    ck_assert_int_eq(config_set(&config, "journal", "hots=a dbname=b", &why), 0);
    ck_assert_int_eq(config_check(&config, &why), TROTH_ERROR_CONFIG);
    ck_assert_str_eq(buffer_text(&why), "journal: invalid connection option \"***\"; did you mean "
                                        "\"host\"?");
}
END_TEST

START_TEST(no_piece_of_a_password_is_shown)
{
    static const char *const journals[] = {"host=a password=geh eim dbname=b",
                                           "postgres://u:geheim@[::1",
                                           "postgres://u:geheim@a:x/",
                                           "host=a password='geheim",
                                           "geheim",
                                           "password=a geheim=b",
                                           "postgres://u:%zgeheim@a/b"};
    for (size_t i = 0; i < sizeof journals / sizeof journals[0]; i++) {
        buffer_clear(&why);
        ck_assert_int_eq(config_set(&config, "journal", journals[i], &why), 0);
        if (config_check(&config, &why) != 0)
            ck_assert_msg(strstr(buffer_text(&why), "eim") == NULL, "%s", why.data);
    }
    expect_fault("listen = [::1]:1\npassword geheim\n", ":2: ", "is not \"key = value\"");
    ck_assert_ptr_null(strstr(buffer_text(&why), "geheim"));
    expect_fault("password geheim = x\n", ":1: ", "is no key");
    ck_assert_ptr_null(strstr(buffer_text(&why), "geheim"));
}
END_TEST

START_TEST(a_key_that_stands_twice_is_refused)
{
    expect_fault("node = a\nlease = 5s\nnode = a\n", ":3: ", "node stands in line 1 already");
}
END_TEST

START_TEST(a_misspelt_variable_is_refused)
{
    ck_assert_int_eq(setenv("TROTH_LOG_LEVLE", "debug", 1), 0);
    ck_assert_int_eq(config_read_environment(&config, &why), TROTH_ERROR_CONFIG);
    ck_assert_str_eq(buffer_text(&why),
                     "environment TROTH_LOG_LEVLE: unknown key; did you mean \"log_level\"?");
    ck_assert_int_eq(unsetenv("TROTH_LOG_LEVLE"), 0);
}
END_TEST

/* What trothctl reads, and what Kubernetes sets beside a service called troth. */
START_TEST(others_variables_are_left_alone)
{
    static const char *const names[] = {"TROTH_URL",           "TROTH_SERVICE_HOST",
                                        "TROTH_SERVICE_PORT",  "TROTH_PORT",
                                        "TROTH_PORT_7800_TCP", "TROTH_PORT_7800_TCP_ADDR"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(setenv(names[i], "tcp://10.0.0.1:7800", 1), 0);
        ck_assert_int_eq(config_read_environment(&config, &why), 0);
        ck_assert_int_eq(unsetenv(names[i]), 0);
    }
}
END_TEST

START_TEST(a_value_is_one_line)
{
    ck_assert_int_eq(config_set(&config, "node", "a\nlease = 1s", &why), TROTH_ERROR_CONFIG);
    ck_assert_str_eq(config.node, "");
}
END_TEST

START_TEST(topics_are_checked)
{
    static const char *const wrong[] = {"__consumer_offsets", "a b", "", "..", "a/b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        buffer_clear(&why);
        ck_assert_int_eq(config_set(&config, "kafka_topic", wrong[i], &why), 0);
        ck_assert_int_eq(config_check(&config, &why), TROTH_ERROR_CONFIG);
        ck_assert_ptr_nonnull(strstr(buffer_text(&why), "kafka_topic: "));
    }
}
END_TEST

START_TEST(resolvers_are_checked)
{
    ck_assert_int_eq(config_set(&config, "resolver", "10.0.0.2,127.0.0.1:5353,[::1]:53,::1", &why),
                     0);
    ck_assert_int_eq(config_set(&config, "resolver", "", &why), 0);
    ck_assert_int_eq(config_set(&config, "resolver", "dns.example", &why), TROTH_ERROR_CONFIG);
    ck_assert_int_eq(config_set(&config, "resolver", "10.0.0.2,", &why), TROTH_ERROR_CONFIG);
}
END_TEST

Suite *suite_config(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, defaults_listen_on_loopback);
    tcase_add_test(tests, a_file_sets_keys_and_ignores_comments);
    tcase_add_test(tests, an_unknown_key_names_its_line_and_the_nearest);
    tcase_add_test(tests, wrong_values_say_what_is_right);
    tcase_add_test(tests, a_missing_file_is_named);
    tcase_add_test(tests, the_environment_stands_over_the_file);
    tcase_add_test(tests, keys_that_contradict_each_other_are_refused);
    tcase_add_test(tests, what_others_can_reach_is_closed_or_says_that_it_is_not);
    tcase_add_test(tests, files_of_certificates_go_together);
    tcase_add_test(tests, what_is_printed_can_be_read_again);
    tcase_add_test(tests, passwords_are_not_printed);
    tcase_add_test(tests, no_piece_of_a_password_is_shown);
    tcase_add_test(tests, a_key_that_stands_twice_is_refused);
    tcase_add_test(tests, a_misspelt_variable_is_refused);
    tcase_add_test(tests, others_variables_are_left_alone);
    tcase_add_test(tests, a_value_is_one_line);
    tcase_add_test(tests, topics_are_checked);
    tcase_add_test(tests, resolvers_are_checked);
    tcase_add_test(tests, a_journal_that_libpq_does_not_understand_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
