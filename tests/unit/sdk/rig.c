#include "rig.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    if (call->op == TROTH_OP_PREPARE)
        troth_reply_vote(reply, TROTH_VOTE_YES, call->input);
    else
        troth_reply_done(reply, TROTH_BRANCH_COMMITTED, call->input);
}

static void keep(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    struct rig *rig = arg;
    (void)call;
    pthread_mutex_lock(&rig->lock);
    ck_assert_uint_lt(rig->late_count, LATE_MAX);
    rig->late[rig->late_count++] = reply;
    pthread_cond_broadcast(&rig->moved);
    pthread_mutex_unlock(&rig->lock);
}

static void no(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_refused(reply, "not \"today\"", (struct troth_span){NULL, 0});
}

static void later(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_retry(reply, 1500000, "busy");
}

/* Says what it was told about waits, and that the transaction which asks holds its own lock. */
static void hot(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    char reason[64];
    (void)arg;
    (void)snprintf(reason, sizeof reason, "waited %llu us%s",
                   (unsigned long long)call->lock_wait_us, call->ordered ? ", in order" : "");
    troth_reply_conflict(reply, reason, call->ordered ? &call->gtid : NULL);
}

static void lost(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_unknown(reply, "who knows");
}

static void spoilt(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_heuristic(reply, "gone");
}

static void garbage(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    const struct troth_span output = {"{]", 2};
    (void)arg;
    if (call->op == TROTH_OP_COMMIT)
        troth_reply_done(reply, TROTH_BRANCH_COMMITTED, output);
    else
        troth_reply_vote(reply, TROTH_VOTE_YES, output);
}

static void quiet(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    (void)call;
    troth_reply_done(reply, TROTH_BRANCH_ABORTED, (struct troth_span){NULL, 0});
}

static void handle(struct rig *rig, const char *name, troth_handler handler)
{
    const struct troth_handlers handlers = {
        TROTH_HANDLERS_INIT, .prepare = handler,    .commit = handler, .abort = handler,
        .execute = handler,  .compensate = handler, .status = handler};
    ck_assert_int_eq(troth_participant_handle(rig->participant, name, &handlers, rig), 0);
}

static void *run(void *arg)
{
    struct rig *rig = arg;
    ck_assert_int_eq(troth_participant_run(rig->participant), 0);
    return NULL;
}

static void diagnostic(void *arg, enum troth_severity severity, const char *text)
{
    struct rig *rig = arg;
    (void)severity;
    if (strchr(text, '\n') != NULL) /* no ck_assert_…: that allocates */
        ck_abort_msg("%s", text);
    pthread_mutex_lock(&rig->lock);
    rig->diagnostics++;
    (void)snprintf(rig->said, sizeof rig->said, "%s", text);
    pthread_mutex_unlock(&rig->lock);
}

void rig_start(struct rig *rig, const struct troth_participant_config *config)
{
    struct troth_participant_config mine = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    memset(rig, 0, sizeof *rig);
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->moved, NULL);
    if (config != NULL)
        mine = *config;
    mine.diagnostic = diagnostic;
    mine.diagnostic_arg = rig;
    ck_assert_int_eq(troth_participant_create(&mine, &rig->participant), 0);
    handle(rig, "echo", echo);
    handle(rig, "late", keep);
    handle(rig, "no", no);
    handle(rig, "later", later);
    handle(rig, "hot", hot);
    handle(rig, "lost", lost);
    handle(rig, "spoilt", spoilt);
    handle(rig, "garbage", garbage);
    handle(rig, "quiet", quiet);
    handle(rig, "bare", NULL);
    rig->base = event_base_new();
    ck_assert_int_eq(troth_participant_attach(rig->participant, rig->base), 0);
    rig->port = troth_participant_port(rig->participant);
    ck_assert_uint_ne(rig->port, 0);
    ck_assert_int_eq(pthread_create(&rig->thread, NULL, run, rig), 0);
}

void rig_stop(struct rig *rig)
{
    troth_participant_stop(rig->participant);
    pthread_join(rig->thread, NULL);
    troth_participant_destroy(rig->participant);
    event_base_free(rig->base);
}

void rig_wait_late(struct rig *rig, unsigned count)
{
    pthread_mutex_lock(&rig->lock);
    while (rig->late_count < count) /* the test's own timeout is the bound */
        pthread_cond_wait(&rig->moved, &rig->lock);
    pthread_mutex_unlock(&rig->lock);
}

/* --- the wire --------------------------------------------------------------------------------- */

int wire_dial(const struct rig *rig)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void wire_send(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        ck_assert_int_gt(sent, 0);
        text += sent;
        len -= (size_t)sent;
    }
}

void wire_request(int fd, const char *method, const char *target, const char *headers,
                  const char *body)
{
    char head[2048];
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
             method, target, headers, body == NULL ? 0 : strlen(body));
    wire_send(fd, head, strlen(head));
    if (body != NULL)
        wire_send(fd, body, strlen(body));
}

const char *wire_until(int fd, const char *text)
{
    static char answer[REPLY_BYTES];
    size_t len = 0;
    ssize_t got;
    do {
        got = recv(fd, answer + len, sizeof answer - 1 - len, 0);
        ck_assert_msg(got >= 0, "no answer in time");
        len += (size_t)got;
        answer[len] = '\0';
    } while (got > 0 && (text == NULL || strstr(answer, text) == NULL));
    return answer;
}

int wire_ask(const struct rig *rig, const char *method, const char *target, const char *headers,
             const char *body, const char **ret_answer)
{
    char all[1024];
    int fd = wire_dial(rig);
    const char *answer;
    snprintf(all, sizeof all, "Connection: close\r\n%s", headers);
    wire_request(fd, method, target, all, body);
    answer = wire_until(fd, NULL);
    close(fd);
    ck_assert_msg(strncmp(answer, "HTTP/1.1 ", 9) == 0, "%s", answer);
    if (ret_answer != NULL)
        *ret_answer = answer;
    return atoi(answer + 9);
}

const char *gtid_text(unsigned counter)
{
    static char texts[4][TROTH_GTID_TEXT_LEN + 1];
    static unsigned next;
    const struct troth_gtid_parts parts = {
        .unix_ms = 1763700000000, .shard = 3, .epoch = 1, .counter = counter};
    char *text = texts[next++ % 4];
    troth_gtid gtid;
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    troth_gtid_format(&gtid, text);
    return text;
}

const char *line(const char *op, unsigned counter, const char *operation, const char *input)
{
    static char lines[4][512];
    static unsigned next;
    char *text = lines[next++ % 4];
    snprintf(text, sizeof lines[0],
             "{\"op\":\"%s\",\"gtid\":\"%s\",\"branch\":1,\"attempt\":1,\"operation\":\"%s\","
             "\"timeout\":\"5s\"%s%s}",
             op, gtid_text(counter), operation,
             input == NULL ? "" : ",\"input\":", input == NULL ? "" : input);
    return text;
}

unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}
