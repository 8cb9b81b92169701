/* Memory that runs out: the nth allocation fails, for every n, in the parsers and on a request's
 * way through the participant. The linker sends the allocations of our own code through here
 * (USES.txt); those of libevent and libc are their own. */
#include <base/buffer.h>
#include <base/json.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wire/message.h>

#include "rig.h"

#define HEADERS       "Troth-Journal: " JOURNAL "\r\n"
#define NTH_MAX       1000 /* a request that takes more allocations is a fault of its own */
#define NEVER         INT32_MAX
#define span_of(text) ((struct troth_span){text, strlen(text)})

/* Allocations until the one that fails; below 0: it has failed. */
static _Atomic int32_t left = NEVER;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

/* Check's own, when it is linked statically, must not fail. */
static _Thread_local bool spared;

static bool fails(void)
{
    return !spared && atomic_load(&left) != NEVER && atomic_fetch_sub(&left, 1) == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : __real_realloc(memory, bytes);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

/* true: the allocation that was to fail has been made, and has failed. */
static bool has_failed(void)
{
    return atomic_exchange(&left, NEVER) < 0;
}

/* --- parsers ---------------------------------------------------------------------------------- */

#define GTID "019aa4b6-4500-8003-8000-004000000001"

/* A name with escapes is unescaped into memory. */
static int parse_command(void)
{
    const struct troth_span text =
        span_of("{\"op\":\"pr\\u0065pare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":2,"
                "\"operation\":\"de\\u0062it\",\"timeout\":\"5\\u0073\",\"input\":{\"a\":[1]}}");
    struct buffer scratch BUFFER_SCOPED = {0};
    struct command command = {.branch = 77};
    const char *why;
    const int error = message_command_parse(text, &scratch, &command, &why);
    spared = true;
    ck_assert_uint_eq(command.branch, error == 0 ? 1 : 77); /* untouched on failure */
    return error;
}

static int parse_result(void)
{
    const struct troth_span text =
        span_of("{\"op\":\"pr\\u0065pare\",\"gtid\":\"" GTID "\",\"branch\":1,\"attempt\":2,"
                "\"result\":\"ref\\u0075sed\",\"reason\":\"n\\u006f\",\"output\":{\"a\":[1]}}");
    struct buffer scratch BUFFER_SCOPED = {0};
    struct result result = {.branch = 77};
    const char *why;
    const int error = message_result_parse(text, &scratch, &result, &why);
    spared = true;
    ck_assert_uint_eq(result.branch, error == 0 ? 1 : 77);
    return error;
}

static int make_participant(void)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .base = "/bank"};
    struct troth_participant *made = NULL;
    const int error = troth_participant_create(&config, &made);
    spared = true;
    ck_assert((made != NULL) == (error == 0));
    troth_participant_destroy(made);
    return error;
}

/* Each says NO_MEMORY, until it has all that it needs. */
START_TEST(parsers_and_making)
{
    static int (*const tried[])(void) = {parse_command, parse_result, make_participant};
    unsigned i;
    int32_t n;

    for (i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        int error;

        for (n = 0, error = 1; error != 0; n++) {
            ck_assert_int_lt(n, NTH_MAX);
            atomic_store(&left, n);
            spared = false;
            error = tried[i]();
            ck_assert_msg(error == (has_failed() ? TROTH_ERROR_NO_MEMORY : 0), "%u, %d: %d", i, n,
                          error);
        }
        ck_assert_int_gt(n, 1); /* or it allocates nothing, and this shows nothing */
    }
}
END_TEST

/* --- requests --------------------------------------------------------------------------------- */

static unsigned sound_results(const char *answer)
{
    return count_of(answer, "\"vote\":\"yes\",\"output\":{\"n\":1}") +
           count_of(answer, "\"result\":\"unknown\"") + count_of(answer, "\"result\":\"refused\"");
}

/* What came of it: an answer of this request, a 5xx, or the end of the connection. Whoever waits
 * for ever fails in post(). */
static void check_broken(const char *answer)
{
    const bool fine = answer[0] == '\0' || strncmp(answer, "HTTP/1.1 200 ", 13) == 0 ||
                      strncmp(answer, "HTTP/1.1 5", 10) == 0 ||
                      strncmp(answer, "HTTP/1.1 409 ", 13) == 0;
    ck_assert_msg(fine, "%s", answer);
    ck_assert_msg(count_of(answer, "\"result\":") == sound_results(answer), "%s", answer);
}

/* One request, and all that comes back until the other side closes or resets the connection. */
static const char *post(int fd, const char *target, const char *headers, const char *body)
{
    static char answer[65536];
    size_t len = 0;
    ssize_t got;
    len = (size_t)snprintf(answer, sizeof answer,
                           "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", target,
                           headers, strlen(body), body);
    (void)send(fd, answer, len, MSG_NOSIGNAL); /* it may be closed already: then nothing comes */
    for (len = 0; (got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0;)
        len += (size_t)got;
    ck_assert_msg(got == 0 || errno == ECONNRESET, "it waits for ever: %s", strerror(errno));
    answer[len] = '\0';
    return answer;
}

/* The request over and over, another allocation failing each time; in between one that is whole. */
static void starve(const char *target, const char *headers, const char *body)
{
    struct rig rig;
    int32_t n;
    bool failed = true;
    spared = true; /* this thread; the participant has one of its own */
    for (n = 0; failed; n++) {
        const char *answer;
        int fd;

        ck_assert_int_lt(n, NTH_MAX);
        rig_start(&rig, NULL);
        fd = wire_dial(&rig);
        atomic_store(&left, n);
        answer = post(fd, target, headers, body);
        failed = has_failed();
        check_broken(answer);
        close(fd);
        if (!failed)
            ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
        ck_assert_int_eq(wire_ask(&rig, "POST", target, headers, body, &answer), 200);
        ck_assert_ptr_nonnull(strstr(answer, "{\"n\":1}"));
        rig_stop(&rig);
    }
    ck_assert_int_gt(n, 3);
}

/* A batch whose memory runs out anywhere leaves results out or says unknown; nothing hangs, nothing
 * wrong is said, and the next request is served. */
START_TEST(batch)
{
    char body[1024];
    snprintf(body, sizeof body, "%s\n%s\n", line("prepare", 1, "echo", "{\"n\":1}"),
             line("prepare", 2, "no", "{}"));
    starve("/", "Connection: close\r\n" HEADERS, body);
}
END_TEST

/* So with the http binding. */
START_TEST(plain)
{
    char headers[512];
    snprintf(headers, sizeof headers,
             "Connection: close\r\n" HEADERS "Troth-Gtid: %s\r\nTroth-Branch: 1\r\n"
             "Troth-Attempt: 1\r\nTroth-Timeout: 5s\r\n",
             gtid_text(1));
    starve("/echo/prepare", headers, "{\"n\":1}");
}
END_TEST

TCase *memory_tests(void)
{
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, parsers_and_making);
    tcase_add_test(tests, batch);
    tcase_add_test(tests, plain);
    return tests;
}
