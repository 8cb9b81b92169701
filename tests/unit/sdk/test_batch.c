/* The batch binding: a command a line, a result a line, streamed as they finish. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define HEADERS "Content-Type: application/x-ndjson\r\nTroth-Journal: " JOURNAL "\r\n"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig, NULL);
}

static void teardown(void)
{
    rig_stop(&rig);
}

static const char *ask(const char *body)
{
    const char *answer;
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", HEADERS, body, &answer), 200);
    return answer;
}

/* Each command of a request gets its result, and the reply announces the slots. */
START_TEST(each_gets_its_result)
{
    char body[2048];
    const char *answer;
    snprintf(body, sizeof body, "%s\n%s\n%s", line("prepare", 1, "echo", "{\"n\":1}"),
             line("commit", 2, "echo", NULL), line("prepare", 3, "no", "{}"));
    answer = ask(body);
    ck_assert_ptr_nonnull(strstr(answer, "Troth-Slots: 16"));
    ck_assert_ptr_nonnull(strstr(answer, "application/x-ndjson"));
    ck_assert_uint_eq(count_of(answer, "\"result\":"), 3);
    ck_assert_ptr_nonnull(
        strstr(answer, "\"result\":\"vote\",\"vote\":\"yes\",\"output\":{\"n\":1}}"));
    ck_assert_ptr_nonnull(strstr(answer, "\"reason\":\"not \\\"today\\\"\""));
}
END_TEST

/* Payloads come back byte for byte. */
START_TEST(payloads_are_untouched)
{
    const char *input = "{\"a\":9007199254740993,\"b\":0.10,\"c\":1e400,\"d\":\"\\u00e9\\/\"}";
    ck_assert_ptr_nonnull(strstr(ask(line("execute", 1, "echo", input)), input));
}
END_TEST

/* A result leaves as soon as it is there: it does not wait for another of its request. */
START_TEST(results_are_streamed)
{
    char body[1024];
    int fd = wire_dial(&rig);
    snprintf(body, sizeof body, "%s\n%s\n", line("prepare", 1, "late", "{}"),
             line("prepare", 2, "echo", "{}"));
    wire_request(fd, "POST", "/", HEADERS, body);
    rig_wait_late(&rig, 1);
    ck_assert_ptr_nonnull(strstr(wire_until(fd, gtid_text(2)), "\"vote\":\"yes\""));
    troth_reply_refused(rig.late[0], "after all", (struct troth_span){NULL, 0});
    ck_assert_ptr_nonnull(strstr(wire_until(fd, "0\r\n\r\n"), "after all"));
    close(fd);
}
END_TEST

struct answerer {
    pthread_t thread;
    unsigned first, step, count;
};

static void *answer_some(void *arg)
{
    const struct answerer *mine = arg;
    unsigned i;
    for (i = mine->first; i < mine->count; i += mine->step)
        troth_reply_vote(rig.late[i], TROTH_VOTE_YES, (struct troth_span){"{\"ok\":true}", 11});
    return NULL;
}

/* Replies from four threads at once: one result for each command, none twice, none missing. */
START_TEST(late_replies_from_threads)
{
    enum { COMMANDS = 400, THREADS = 4 };
    struct answerer answerers[THREADS];
    char *body = calloc(COMMANDS, 256);
    const char *answer;
    unsigned i;
    int fd = wire_dial(&rig);

    for (i = 1; i <= COMMANDS; i++)
        strcat(strcat(body, line("prepare", i, "late", "{}")), "\n");
    wire_request(fd, "POST", "/", "Connection: close\r\n" HEADERS, body);
    free(body);
    rig_wait_late(&rig, COMMANDS);
    for (i = 0; i < THREADS; i++) {
        answerers[i] = (struct answerer){.first = i, .step = THREADS, .count = COMMANDS};
        ck_assert_int_eq(pthread_create(&answerers[i].thread, NULL, answer_some, &answerers[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(answerers[i].thread, NULL);
    answer = wire_until(fd, NULL);
    ck_assert_uint_eq(count_of(answer, "\"result\":\"vote\""), COMMANDS);
    for (i = 1; i <= COMMANDS; i++)
        ck_assert_uint_eq(count_of(answer, gtid_text(i)), 1);
    close(fd);
}
END_TEST

static const char *said_last(void)
{
    static char said[sizeof rig.said];
    pthread_mutex_lock(&rig.lock);
    memcpy(said, rig.said, sizeof said);
    pthread_mutex_unlock(&rig.lock);
    return said;
}

/* A malformed line spoils no other: it gets no result and a diagnostic. */
START_TEST(one_bad_line)
{
    char body[1024];
    const char *answer;
    snprintf(body, sizeof body, "%s\n{\"op\":\"prepare\"}\n\n%s\r\n",
             line("prepare", 1, "echo", "{}"), line("prepare", 2, "echo", "{}"));
    answer = ask(body);
    ck_assert_uint_eq(count_of(answer, "\"result\":"), 2);
    ck_assert_uint_eq(rig.diagnostics, 1);
    ck_assert_ptr_nonnull(strstr(said_last(), "event=bad_command error="));
}
END_TEST

/* What is said of a command says of which branch it speaks, as far as that can be read. */
START_TEST(diagnostics_name_the_branch)
{
    char body[512], words[256];
    (void)ask(line("prepare", 1, "unheard_of", "{}"));
    snprintf(words, sizeof words,
             "event=no_handler gtid=%s branch=1 attempt=1 op=prepare operation=unheard_of",
             gtid_text(1));
    ck_assert_str_eq(said_last(), words);
    snprintf(body, sizeof body, "{\"op\":\"fly\",\"gtid\":\"%s\",\"branch\":3,\"attempt\":7}\n%s\n",
             gtid_text(2), line("prepare", 1, "echo", "{}"));
    (void)ask(body);
    snprintf(words, sizeof words,
             "event=bad_command gtid=%s branch=3 attempt=7 error=", gtid_text(2));
    ck_assert_msg(strncmp(said_last(), words, strlen(words)) == 0, "%s", said_last());
    (void)ask(line("execute", 4, "garbage", "{}"));
    snprintf(words, sizeof words, "event=bad_output gtid=%s branch=1 attempt=1 op=execute",
             gtid_text(4));
    ck_assert_msg(strncmp(said_last(), words, strlen(words)) == 0, "%s", said_last());
}
END_TEST

/* A commit that is done would be asked about for ever. */
START_TEST(a_commit_with_a_bad_output_is_done_without_it)
{
    const char *answer = ask(line("commit", 1, "garbage", NULL));
    ck_assert_msg(strstr(answer, "\"result\":\"done\"") != NULL, "%s", answer);
    ck_assert_ptr_null(strstr(answer, "output"));
    ck_assert_ptr_nonnull(strstr(said_last(), "event=bad_output"));
}
END_TEST

/* A body in which no line is a command is 400. */
START_TEST(no_command_at_all)
{
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", HEADERS, "hello\n[]\n", NULL), 400);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", HEADERS, NULL, NULL), 400);
    ck_assert_uint_eq(count_of(ask(line("prepare", 1, "echo", "{}")), "\"result\":"), 1);
}
END_TEST

/* A line above the limit is refused, its neighbours are not. */
START_TEST(too_long_a_line)
{
    const size_t len = (1u << 20) + 4096;
    char *body = malloc(len + 1024);
    memset(body, ' ', len);
    body[0] = '{';
    snprintf(body + len, 1024, "\n%s\n", line("prepare", 1, "echo", "{}"));
    ck_assert_uint_eq(count_of(ask(body), "\"result\":"), 1);
    ck_assert_uint_eq(rig.diagnostics, 1);
    free(body);
}
END_TEST

/* A body above the limit is refused as a whole. */
START_TEST(too_large_a_body)
{
    char head[256];
    int fd = wire_dial(&rig);
    snprintf(head, sizeof head,
             "POST / HTTP/1.1\r\nHost: x\r\n" HEADERS "Content-Length: %u\r\n\r\n", (2u << 20) + 1);
    wire_send(fd, head, strlen(head));
    ck_assert_int_eq(strncmp(wire_until(fd, NULL), "HTTP/1.1 413 ", 13), 0);
    close(fd);
}
END_TEST

/* Without a journal's id nothing is taken: prepared names could not be told apart. */
START_TEST(no_journal)
{
    const char *body = line("prepare", 1, "late", "{}");
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "", body, NULL), 400);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: nonsense\r\n", body, NULL), 400);
    ck_assert_uint_eq(rig.late_count, 0);
}
END_TEST

/* However many journals' ids are shown, none is turned away for those before. */
START_TEST(too_many_journals)
{
    const char *body = line("prepare", 1, "echo", "{}");
    char headers[64];
    unsigned i;
    for (i = 0; i <= 2 * TROTH_JOURNALS_MAX; i++) {
        snprintf(headers, sizeof headers, "Troth-Journal: %016x\r\n", i);
        ck_assert_int_eq(wire_ask(&rig, "POST", "/", headers, body, NULL), 200);
    }
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: 0000000000000001\r\n", body, NULL),
                     200);
}
END_TEST

/* Where it is said which, no other coordinator gets through. */
START_TEST(only_its_own_journals)
{
    const char *const ids[] = {"0000000000000001", "0000000000000002", NULL};
    const char *const wrong[] = {"0000000000000001", "one", NULL};
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .journals = ids};
    const struct troth_participant_config no_id = {TROTH_PARTICIPANT_CONFIG_INIT,
                                                   .journals = wrong};
    const char *body = line("prepare", 1, "echo", "{}");
    struct troth_participant *none = NULL;
    rig_stop(&rig);
    rig_start(&rig, &config);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: 0000000000000001\r\n", body, NULL),
                     200);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: 0000000000000002\r\n", body, NULL),
                     200);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: 0000000000000003\r\n", body, NULL),
                     403);
    ck_assert_int_eq(wire_ask(&rig, "POST", "/", "Troth-Journal: 3\r\n", body, NULL), 400);
    ck_assert_int_ne(troth_participant_create(&no_id, &none), 0);
    ck_assert_ptr_null(none);
}
END_TEST

/* An operation without a handler is no refusal: another replica may have it. */
START_TEST(nobody_there)
{
    static const char said[] = "\"result\":\"no_operation\",\"reason\":\"no handler for ";
    ck_assert_ptr_nonnull(strstr(ask(line("prepare", 1, "nosuch", "{}")), said));
    ck_assert_ptr_nonnull(strstr(ask(line("execute", 1, "bare", "{}")), said));
    ck_assert_ptr_nonnull(strstr(ask(line("commit", 1, "nosuch", NULL)), said));
    ck_assert_ptr_nonnull(strstr(ask(line("abort", 1, "bare", NULL)), said));
}
END_TEST

/* An output that is not JSON is unknown: the work may have been done. */
START_TEST(output_is_not_json)
{
    ck_assert_ptr_nonnull(
        strstr(ask(line("prepare", 1, "garbage", "{}")), "\"result\":\"unknown\""));
}
END_TEST

/* A client that leaves before its answer harms nobody; the late reply goes nowhere. */
START_TEST(client_leaves)
{
    int fd = wire_dial(&rig);
    const char *body = line("prepare", 1, "late", "{}");
    wire_request(fd, "POST", "/", HEADERS, body);
    rig_wait_late(&rig, 1);
    close(fd);
    (void)ask(line("prepare", 2, "echo", "{}"));
    troth_reply_vote(rig.late[0], TROTH_VOTE_YES, (struct troth_span){NULL, 0});
    ck_assert_uint_eq(count_of(ask(line("prepare", 3, "echo", "{}")), "\"vote\":\"yes\""), 1);
}
END_TEST

TCase *batch_tests(void)
{
    TCase *tests = tcase_create("batch");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, each_gets_its_result);
    tcase_add_test(tests, payloads_are_untouched);
    tcase_add_test(tests, results_are_streamed);
    tcase_add_test(tests, late_replies_from_threads);
    tcase_add_test(tests, one_bad_line);
    tcase_add_test(tests, diagnostics_name_the_branch);
    tcase_add_test(tests, a_commit_with_a_bad_output_is_done_without_it);
    tcase_add_test(tests, no_command_at_all);
    tcase_add_test(tests, too_long_a_line);
    tcase_add_test(tests, too_large_a_body);
    tcase_add_test(tests, no_journal);
    tcase_add_test(tests, too_many_journals);
    tcase_add_test(tests, only_its_own_journals);
    tcase_add_test(tests, nobody_there);
    tcase_add_test(tests, output_is_not_json);
    tcase_add_test(tests, client_leaves);
    return tests;
}
