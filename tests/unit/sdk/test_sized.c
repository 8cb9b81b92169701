/* Structs that a caller fills in, of sizes that this library does not have. */
#include <stdio.h>
#include <string.h>

#include <troth/postgres.h>
#include <troth/troth.h>

#include "rig.h"
#include "sized.h"

struct known {
    size_t size;
    const char *url; /* required */
    uint32_t many;
    uint32_t few;
    uint64_t last;
};

struct newer {
    struct known known;
    const char *more;
};

static int take(const void *from, struct known *ret_known)
{
    return SIZED_TAKE(ret_known, from, struct known, url);
}

START_TEST(an_older_struct_has_defaults_where_it_ends)
{
    struct known given = {.url = "x", .many = 1, .few = 2, .last = 3}, taken;
    for (size_t size = 0; size <= sizeof given; size += sizeof given.few) {
        given.size = size;
        memset(&taken, 0xff, sizeof taken);
        int error = take(&given, &taken);
        if (size < offsetof(struct known, many)) {
            ck_assert_int_eq(error, TROTH_ERROR_INVALID);
            continue;
        }
        ck_assert_int_eq(error, 0);
        ck_assert_uint_eq(taken.size, sizeof taken);
        ck_assert_str_eq(taken.url, "x");
        ck_assert_uint_eq(taken.many, (size > offsetof(struct known, many) ? 1 : 0));
        ck_assert_uint_eq(taken.few, (size > offsetof(struct known, few) ? 2 : 0));
        ck_assert_uint_eq(taken.last, (size > offsetof(struct known, last) ? 3 : 0));
    }
}
END_TEST

START_TEST(a_newer_struct_is_taken_unless_it_wants_more)
{
    struct newer given = {.known = {.size = sizeof given, .url = "x", .last = 3}};
    struct known taken;
    ck_assert_int_eq(take(&given, &taken), 0);
    ck_assert_uint_eq(taken.last, 3);
    given.more = "y";
    ck_assert_int_eq(take(&given, &taken), TROTH_ERROR_INVALID);
}
END_TEST

START_TEST(a_size_that_nobody_set_is_refused)
{
    struct known given = {.size = SIZED_BYTES_MAX + 1, .url = "x"}, taken;
    ck_assert_int_eq(take(&given, &taken), TROTH_ERROR_INVALID);
    given.size = SIZE_MAX;
    ck_assert_int_eq(take(&given, &taken), TROTH_ERROR_INVALID);
    ck_assert_int_eq(take(NULL, &taken), TROTH_ERROR_INVALID);
}
END_TEST

static void answered(void *arg, const struct troth_answer *answer)
{
    (void)arg;
    (void)answer;
}

static int work(void *arg, PGconn *connection, const struct troth_call *call,
                struct troth_output *output)
{
    (void)arg;
    (void)connection;
    (void)call;
    (void)output;
    return 0;
}

/* As somebody writes it who does not know of the size. */
START_TEST(each_call_refuses_a_struct_without_its_size)
{
    const struct troth_client_config client = {TROTH_CLIENT_CONFIG_INIT, .url = "http://10.0.0.1"};
    const struct troth_participant_config service = {TROTH_PARTICIPANT_CONFIG_INIT};
    struct troth_client *made_client;
    struct troth_participant *made;
    struct troth_postgres *postgres = NULL;
    ck_assert_int_eq(troth_client_create(NULL,
                                         &(struct troth_client_config){.url = "http://10.0.0.1"},
                                         &made_client),
                     TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_client_create(NULL, &client, &made_client), 0);
    ck_assert_int_eq(
        troth_client_start(made_client, &(struct troth_start){.definition = "a"}, answered, NULL),
        TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_client_enlist(
                         made_client, &(struct troth_enlist){.participant = "a", .operation = "b"},
                         answered, NULL),
                     TROTH_ERROR_INVALID);
    troth_client_destroy(made_client);
    ck_assert_int_eq(troth_participant_create(&(struct troth_participant_config){.port = 0}, &made),
                     TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_create(&service, &made), 0);
    ck_assert_int_eq(
        troth_participant_handle(made, "a", &(struct troth_handlers){.prepare = NULL}, NULL),
        TROTH_ERROR_INVALID);
    ck_assert_int_eq(
        troth_postgres_create(made, &(struct troth_postgres_config){.conninfo = ""}, &postgres),
        TROTH_ERROR_INVALID);
    ck_assert_int_eq(
        troth_postgres_create(
            made, &(struct troth_postgres_config){TROTH_POSTGRES_CONFIG_INIT, .conninfo = ""},
            &postgres),
        0);
    ck_assert_int_eq(
        troth_postgres_handle(postgres, "b", &(struct troth_postgres_operation){.work = work}),
        TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_postgres_destroy(postgres), 0);
    ck_assert_int_eq(troth_participant_destroy(made), 0);
}
END_TEST

START_TEST(what_is_missing_is_an_error_and_no_crash)
{
    char text[8];
    int64_t number;
    uint32_t branch = 1;
    troth_gtid gtid;
    ck_assert_int_eq(troth_client_start(NULL, NULL, NULL, NULL), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_client_begin(NULL, 0, answered, NULL), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_client_commit(NULL, NULL, &branch, 1, TROTH_REPLY_DECIDED, NULL, NULL),
                     TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_client_block(NULL), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_attach(NULL, NULL), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_run(NULL), TROTH_ERROR_INVALID);
    ck_assert_uint_eq(troth_participant_port(NULL), 0);
    troth_participant_stop(NULL);
    ck_assert_int_eq(troth_call_int64(NULL, "a", &number), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_call_text(NULL, "a", text, sizeof text), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_postgres_migrate(NULL, NULL, 0), TROTH_ERROR_INVALID);
    troth_postgres_scan(NULL);
    ck_assert_int_eq(troth_gtid_parse(NULL, 36, &gtid), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_gtid_make(NULL, &gtid), TROTH_ERROR_INVALID);
    ck_assert(!troth_name_valid(NULL, 0) && !troth_journal_id_valid(NULL, 16));
}
END_TEST

START_TEST(the_library_says_which_it_is)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", TROTH_VERSION_MAJOR, TROTH_VERSION_MINOR,
             TROTH_VERSION_PATCH);
    ck_assert_str_eq(troth_version(), text);
    ck_assert_str_eq(TROTH_VERSION, text);
    ck_assert_uint_eq(troth_version_number(), TROTH_VERSION_NUMBER);
}
END_TEST

TCase *sized_tests(void)
{
    TCase *tests = tcase_create("sized");
    tcase_add_test(tests, an_older_struct_has_defaults_where_it_ends);
    tcase_add_test(tests, a_newer_struct_is_taken_unless_it_wants_more);
    tcase_add_test(tests, a_size_that_nobody_set_is_refused);
    tcase_add_test(tests, each_call_refuses_a_struct_without_its_size);
    tcase_add_test(tests, what_is_missing_is_an_error_and_no_crash);
    tcase_add_test(tests, the_library_says_which_it_is);
    return tests;
}
