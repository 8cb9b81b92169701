/* Who may command a participant: tokens of a file, and what can be wrong with it. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define FIRST      "first-token-of-the-file"
#define SECOND     "second-token-of-the-file"
#define OTHERS     "00000000000000bb"
#define WAIT_MS    20000
#define PAUSE_MS   20
#define BODY       line("prepare", 1, "echo", "{}")
#define HEADERS    "Troth-Journal: " JOURNAL "\r\n"
#define SHOWN(how) HEADERS "Authorization: " how "\r\n"

static struct rig rig;
static char file[64];

static void write_file(const char *text)
{
    char beside[80];
    FILE *to;
    snprintf(beside, sizeof beside, "%s.new", file);
    to = fopen(beside, "w");
    ck_assert_ptr_nonnull(to);
    ck_assert_int_ge(fputs(text, to), 0);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_int_eq(rename(beside, file), 0);
}

static void setup(void)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                    .token_file = file};
    snprintf(file, sizeof file, "/tmp/troth-callers.%d", (int)getpid());
    write_file("# tokens\n" FIRST "\n\n" SECOND " " OTHERS "\n");
    rig_start(&rig, &config);
}

static void teardown(void)
{
    rig_stop(&rig);
    (void)unlink(file);
}

static int ask(const char *headers)
{
    return wire_ask(&rig, "POST", "/", headers, BODY, NULL);
}

/* Nothing is done, and nothing told of what is there, before a token was shown: not even to a path
 * that is not there. */
START_TEST(no_token)
{
    const char *answer;
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", HEADERS, BODY, &answer), 401);
    ck_assert_ptr_nonnull(strstr(answer, "WWW-Authenticate: Bearer"));
    ck_assert_ptr_nonnull(strstr(answer, "only from who shows a token"));
    ck_assert_ptr_null(strstr(answer, "Troth-Slots"));
    ck_assert_int_eq(wire_ask(&rig, "GET", "/nowhere", "", NULL, NULL), 401);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/echo/prepare", HEADERS, "{}", NULL), 401);
    ck_assert_uint_eq(rig.late_count, 0);
    ck_assert_ptr_nonnull(strstr(rig.said, "event=caller_refused client=127.0.0.1 status=401"));
    ck_assert_ptr_null(strstr(rig.said, FIRST));
}
END_TEST

/* What is nearly a token is none. */
START_TEST(nearly_a_token)
{
    ck_assert_int_eq(ask(SHOWN("Bearer " FIRST "x")), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer first-token-of-the-fil")), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer first-token-of-the-filE")), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer ")), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer")), 401);
    ck_assert_int_eq(ask(SHOWN(FIRST)), 401);
    ck_assert_int_eq(ask(SHOWN("Basic " FIRST)), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer # tokens")), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer " SECOND " " OTHERS)), 401);
    ck_assert_int_eq(ask(SHOWN("Bearer " FIRST "\r\nAuthorization: Bearer " FIRST)), 401);
}
END_TEST

/* A token counts for the journals that its line names, or for all. */
START_TEST(a_token_of_one_journal)
{
    ck_assert_int_eq(ask(SHOWN("Bearer " FIRST)), 200);
    ck_assert_int_eq(ask(SHOWN("bearer " FIRST)), 200);
    ck_assert_int_eq(ask(SHOWN("Bearer " SECOND)), 403);
    ck_assert_int_eq(ask("Troth-Journal: " OTHERS "\r\nAuthorization: Bearer " SECOND "\r\n"), 200);
    ck_assert_int_eq(ask("Authorization: Bearer " SECOND "\r\n"), 403);
    ck_assert_int_eq(ask("Authorization: Bearer " FIRST "\r\n"), 400); /* no journal */
}
END_TEST

static void wait_for(const char *headers, int status)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += PAUSE_MS) {
        if (ask(headers) == status)
            return;
        nanosleep(&pause, NULL);
    }
    ck_abort_msg("not %d within %d ms", status, WAIT_MS);
}

/* Another file counts soon, without a restart; one that is broken or gone changes nothing. */
START_TEST(another_file)
{
    write_file("third-token-of-the-file\n");
    wait_for(SHOWN("Bearer third-token-of-the-file"), 200);
    ck_assert_int_eq(ask(SHOWN("Bearer " FIRST)), 401);
    write_file("short\n");
    ck_assert_int_eq(unlink(file), 0);
    ck_assert_int_eq(ask(SHOWN("Bearer third-token-of-the-file")), 200);
    write_file(FIRST "\n");
    wait_for(SHOWN("Bearer " FIRST), 200);
    ck_assert_int_eq(ask(SHOWN("Bearer third-token-of-the-file")), 401);
}
END_TEST

/* Who commands under an older epoch than another one did is told so; what is only said of the
 * oldest open transactions is no command. */
START_TEST(a_newer_epoch)
{
    static const char call[] = SHOWN("Bearer " FIRST) "Troth-Branch: 1\r\nTroth-Attempt: 1\r\n";
    static const char newer[] = "Troth-Gtid: 019aa4d9-1e00-8003-8000-00c000000001\r\n";
    static const char mark[] = "Troth-Oldest-Open: 019aa4d9-1e00-8003-8000-010000000001\r\n";
    char headers[512];
    const char *answer;
    snprintf(headers, sizeof headers, "%s%sTroth-Gtid: %s\r\n", call, mark, gtid_text(1));
    ck_assert_int_eq(wire_ask(&rig, "POST", "/quiet/abort", headers, NULL, NULL), 204);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/quiet/abort", headers, NULL, &answer), 204);
    ck_assert_ptr_null(strstr(answer, "Troth-Epoch"));
    snprintf(headers, sizeof headers, "%s%s", call, newer);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/quiet/abort", headers, NULL, &answer), 204);
    ck_assert_ptr_null(strstr(answer, "Troth-Epoch"));
    snprintf(headers, sizeof headers, "%sTroth-Gtid: %s\r\n", call, gtid_text(1));
    ck_assert_int_eq(wire_ask(&rig, "POST", "/quiet/abort", headers, NULL, &answer), 204);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Epoch: 3/3\r\n"));
}
END_TEST

/* Without a token to compare with nobody could be let in: that is said at the start. */
START_TEST(no_file)
{
    static const char *const wrong[] = {"", "# nothing\n", "short\n", "a token of words\n",
                                        "sixteen-characters-and-\x01\n"};
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                    .token_file = file};
    struct troth_participant *participant;
    struct event_base *base = event_base_new();
    for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
        if (i == 0)
            ck_assert_int_eq(unlink(file), 0);
        else
            write_file(wrong[i - 1]);
        ck_assert_int_eq(troth_participant_create(&config, &participant), 0);
        ck_assert_int_eq(troth_participant_attach(participant, base), TROTH_ERROR_CONFIG);
        troth_participant_destroy(participant);
    }
    event_base_free(base);
}
END_TEST

/* Names are of certificates, which must be asked for. */
START_TEST(wrong_names)
{
    static const char *const good[] = {"DNS:trothd.internal", NULL};
    static const char *const bad[] = {"trothd.internal", NULL}, *const empty[] = {"DNS:", NULL};
    const struct troth_tls tls = {TROTH_TLS_INIT, .certificate = "c.pem", .ca = "ca.pem",
                                  .clients = TROTH_TLS_CLIENTS_REQUIRED};
    struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .coordinators = good};
    struct troth_participant *participant = NULL;
    ck_assert_int_eq(troth_participant_create(&config, &participant), TROTH_ERROR_INVALID);
    config.tls = &tls;
    config.coordinators = bad;
    ck_assert_int_eq(troth_participant_create(&config, &participant), TROTH_ERROR_INVALID);
    config.coordinators = empty;
    ck_assert_int_eq(troth_participant_create(&config, &participant), TROTH_ERROR_INVALID);
    ck_assert_ptr_null(participant);
    config.coordinators = good;
    ck_assert_int_eq(troth_participant_create(&config, &participant), 0);
    troth_participant_destroy(participant);
}
END_TEST

TCase *callers_tests(void)
{
    TCase *tests = tcase_create("callers");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, no_token);
    tcase_add_test(tests, nearly_a_token);
    tcase_add_test(tests, a_token_of_one_journal);
    tcase_add_test(tests, a_newer_epoch);
    tcase_add_test(tests, another_file);
    tcase_add_test(tests, no_file);
    tcase_add_test(tests, wrong_names);
    return tests;
}
