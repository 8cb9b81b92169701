/* The participant's own life: configuration, registration, limits, replies after its end. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define HEADERS "Troth-Journal: " JOURNAL "\r\n"

/* Configurations out of range are refused, and nothing is made. */
START_TEST(bad_configuration)
{
    const struct troth_participant_config slots = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                   .slots = TROTH_SLOTS_MAX + 1};
    const struct troth_participant_config base = {TROTH_PARTICIPANT_CONFIG_INIT, .base = "bank"};
    struct troth_participant *made = NULL;
    ck_assert_int_eq(troth_participant_create(NULL, &made), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_create(&slots, &made), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_create(&base, &made), TROTH_ERROR_INVALID);
    ck_assert_ptr_null(made);
    troth_participant_destroy(NULL);
}
END_TEST

/* Operations have names, once each, and a maximum. */
START_TEST(registration)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    const struct troth_handlers none = {TROTH_HANDLERS_INIT};
    struct troth_participant *made;
    char name[16];
    unsigned i;
    ck_assert_int_eq(troth_participant_create(&config, &made), 0);
    ck_assert_int_eq(troth_participant_handle(made, "Debit", &none, NULL), TROTH_ERROR_INVALID);
    ck_assert_int_eq(troth_participant_handle(made, "", &none, NULL), TROTH_ERROR_INVALID);
    for (i = 0; i < TROTH_OPERATIONS_MAX; i++) {
        snprintf(name, sizeof name, "op_%u", i);
        ck_assert_int_eq(troth_participant_handle(made, name, &none, NULL), 0);
    }
    ck_assert_int_eq(troth_participant_handle(made, "op_7", &none, NULL), TROTH_ERROR_EXISTS);
    ck_assert_int_eq(troth_participant_handle(made, "more", &none, NULL), TROTH_ERROR_FULL);
    troth_participant_destroy(made);
}
END_TEST

/* An address that is none, or is taken, is an error of attach; the participant can try again. */
START_TEST(cannot_listen)
{
    const struct troth_participant_config nowhere = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                     .address = "the moon"};
    struct troth_participant_config taken = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    struct troth_participant *made;
    struct rig rig;
    rig_start(&rig, NULL);
    taken.port = rig.port;
    ck_assert_int_eq(troth_participant_create(&nowhere, &made), 0);
    ck_assert_int_eq(troth_participant_run(made), TROTH_ERROR_CONFIG);
    ck_assert_uint_eq(troth_participant_port(made), 0);
    troth_participant_destroy(made);
    ck_assert_int_eq(troth_participant_create(&taken, &made), 0);
    ck_assert_int_eq(troth_participant_run(made), TROTH_ERROR_SYSTEM);
    troth_participant_destroy(made);
    rig_stop(&rig);
}
END_TEST

/* Commands beyond pending_max are answered retry, those before them are not touched. */
START_TEST(too_many_pending)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .pending_max = 2,
                                                    .slots = 5};
    struct rig rig;
    char body[2048];
    const char *answer;
    int fd;
    rig_start(&rig, &config);
    fd = wire_dial(&rig);
    snprintf(body, sizeof body, "%s\n%s\n%s\n", line("prepare", 1, "late", "{}"),
             line("prepare", 2, "late", "{}"), line("prepare", 3, "late", "{}"));
    wire_request(fd, "POST", "/", HEADERS, body);
    answer = wire_until(fd, gtid_text(3));
    ck_assert_ptr_nonnull(strstr(answer, "\"result\":\"retry\""));
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Slots: 5"));
    ck_assert_uint_eq(rig.late_count, 2);
    troth_reply_vote(rig.late[0], TROTH_VOTE_YES, (struct troth_span){NULL, 0});
    troth_reply_vote(rig.late[1], TROTH_VOTE_READ_ONLY, (struct troth_span){NULL, 0});
    ck_assert_ptr_nonnull(strstr(wire_until(fd, "0\r\n\r\n"), "\"vote\":\"read_only\""));
    close(fd);
    rig_stop(&rig);
}
END_TEST

/* A reply that comes after the participant has gone goes nowhere, and frees what it held. */
START_TEST(reply_after_the_end)
{
    struct rig rig;
    int fd;
    rig_start(&rig, NULL);
    fd = wire_dial(&rig);
    wire_request(fd, "POST", "/", HEADERS, line("prepare", 1, "late", "{\"n\":1}"));
    rig_wait_late(&rig, 1);
    rig_stop(&rig);
    troth_reply_vote(rig.late[0], TROTH_VOTE_YES, (struct troth_span){"{\"n\":2}", 7});
    close(fd);
}
END_TEST

TCase *participant_tests(void)
{
    TCase *tests = tcase_create("participant");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, bad_configuration);
    tcase_add_test(tests, registration);
    tcase_add_test(tests, cannot_listen);
    tcase_add_test(tests, too_many_pending);
    tcase_add_test(tests, reply_after_the_end);
    return tests;
}
