/* server.c: both bindings of the participant protocol, from a request to tasks.
 *
 *   batch  POST {base}                    application/x-ndjson, a command a line
 *   http   POST {base}/{operation}/{op}   the command in path and headers, the input in the body */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include <base/crash.h>
#include <base/duration.h>
#include <base/json.h>
#include <base/number.h>

#include "inbound.h"
#include "inside.h"
#include "participant.h"
#include "reply.h"
#include "say.h"
#include "task.h"

#define PATH_NAMES_MAX (TROTH_NAME_LEN_MAX + 16u)

#define REFUSAL_PAUSE_US UINT64_C(1000000)

static void refuse(struct http_exchange *exchange, int status, const char *why)
{
    static const struct http_header challenge[] = {{"WWW-Authenticate", "Bearer realm=\"troth\""},
                                                   {NULL, NULL}};
    struct buffer body BUFFER_SCOPED = {0};
    buffer_append_text(&body, "{\"detail\":");
    json_append_text(&body, why);
    buffer_append_text(&body, "}\n");
    http_exchange_reply(exchange, status, "application/problem+json",
                        status == 401 ? challenge : NULL, buffer_span(&body));
}

/* At most a line a second: whoever knocks does not fill anybody's disk. */
static void say_refused(struct troth_participant *participant, struct http_exchange *exchange,
                        int status, const char *why)
{
    struct callers *callers = &participant->callers;
    const uint64_t now_us = task_now_us();
    char client[HTTP_CLIENT_TEXT_MAX];
    if (callers->said_us != 0 && now_us - callers->said_us < REFUSAL_PAUSE_US) {
        callers->left_out++;
        return;
    }
    http_exchange_client(exchange, client);
    participant_say(participant, TROTH_SEVERITY_WARNING,
                    "event=caller_refused client=%s status=%d left_out=%llu reason=\"%s\"", client,
                    status, (unsigned long long)callers->left_out, why);
    callers->said_us = now_us;
    callers->left_out = 0;
}

/* Before anything else is said or looked at. false: it has been answered. */
static bool admit(struct troth_participant *participant, struct http_exchange *exchange)
{
    struct troth_span journal = {"", 0};
    const char *why = "";
    int status;
    (void)http_exchange_header(exchange, HEADER_JOURNAL, &journal);
    status = callers_check(&participant->callers, exchange, journal, &why);
    if (status == 0)
        return true;
    say_refused(participant, exchange, status, why);
    refuse(exchange, status, why);
    return false;
}

/* What it says of the oldest open transactions is believed of a coordinator that has shown who it
 * is. Otherwise rows of the guard stay, which is told once. */
static void take_oldest(struct troth_participant *participant, struct journal_seen *journal,
                        struct troth_span oldest)
{
    if (callers_are_known(&participant->callers)) {
        if (journals_oldest_open(journal, oldest) && participant->news != NULL)
            participant->news(participant->resource, SERVER_NEWS_EPOCH);
    } else if (participant->resource != NULL && !participant->said_unbelieved) {
        participant->said_unbelieved = true;
        participant_say(participant, TROTH_SEVERITY_INFO,
                        "event=marks_not_believed reason=\"no token and no certificate is asked of "
                        "coordinators, so anybody may say what is forgotten: rows of the guard "
                        "stay\"");
    }
}

/* What every request says of its coordinator. false: it has been answered. */
static bool take_headers(struct troth_participant *participant, struct http_exchange *exchange,
                         struct journal_seen **ret_journal)
{
    struct troth_span id, oldest;
    int error;
    if (!http_exchange_header(exchange, HEADER_JOURNAL, &id)) {
        refuse(exchange, 400, "the header " HEADER_JOURNAL " is missing");
        return false;
    }
    error = journals_find(&participant->journals, id, ret_journal);
    if (error != 0) {
        refuse(exchange,
               error == TROTH_ERROR_SYNTAX      ? 400
               : error == TROTH_ERROR_NOT_FOUND ? 403
                                                : 503,
               error == TROTH_ERROR_SYNTAX ? "the header " HEADER_JOURNAL " is not a journal's id"
               : error == TROTH_ERROR_NOT_FOUND
                   ? "this participant does not serve the coordinator's journal"
                   : "out of memory");
        return false;
    }
    if (http_exchange_header(exchange, HEADER_OLDEST_OPEN, &oldest))
        take_oldest(participant, *ret_journal, oldest);
    return true;
}

/* So that a coordinator whose journal went back notices (protocol.md, section 8). It ends itself
 * with that: so it is not told of an epoch that anybody may have said. */
static void tell_newer(struct inbound *inbound, const struct journal_seen *journal,
                       const troth_gtid *gtid)
{
    uint32_t newer = journals_newer(journal, gtid);
    struct troth_gtid_parts parts;
    troth_gtid_split(gtid, &parts);
    if (newer != 0 && callers_are_known(&inbound->participant->callers))
        inbound_tell_epoch(inbound, parts.shard, newer);
}

static void give(struct inbound *inbound, const struct command *command,
                 struct journal_seen *journal, uint64_t now_us)
{
    struct troth_participant *participant = inbound->participant;
    struct troth_reply *task = task_create(participant->mailbox, command, journal->id, now_us);
    if (task == NULL) { /* no line comes for it: unknown, asked again */
        participant_say(participant, TROTH_SEVERITY_ERROR, "event=command_lost reason=memory");
        return;
    }
    CRASH_POINTS("command.received", message_op_name, OP_COUNT, command->op);
    task->inbound = inbound;
    inbound->pending++;
    participant->pending++;
    if (journals_gtid(journal, &command->gtid) && participant->news != NULL)
        participant->news(participant->resource, SERVER_NEWS_EPOCH);
    tell_newer(inbound, journal, &command->gtid);
    if (participant->pending > participant->pending_max) {
        task_set_sink(participant->mailbox, inbound_deliver, participant);
        troth_reply_retry(task, 0, "the participant has too many commands waiting");
        task_set_sink(NULL, NULL, NULL);
        return;
    }
    participant_dispatch(participant, task);
}

/* --- batch ------------------------------------------------------------------------------------ */

/* true: it was a command. One bad line spoils no other: it gets no result, which is "unknown". */
static bool take_line(struct inbound *inbound, struct journal_seen *journal, struct troth_span line,
                      uint64_t now_us)
{
    struct troth_participant *participant = inbound->participant;
    struct command command;
    const char *why = "too long";
    int error = TROTH_ERROR_TOO_LARGE;
    if (line.len <= MESSAGE_LINE_MAX)
        error = message_command_parse(line, &participant->scratch, &command, &why);
    if (error != 0) {
        BUFFER_SCOPED struct buffer origin = {0};

        if (line.len <= MESSAGE_LINE_MAX)
            say_origin(&origin, line);
        participant_say(participant, TROTH_SEVERITY_WARNING,
                        "event=bad_command%s error=%s reason=\"%s\"",
                        origin.len > 0 ? buffer_text(&origin) : "", troth_error_name(error), why);
        return false;
    }
    give(inbound, &command, journal, now_us);
    return true;
}

static void take_lines(struct inbound *inbound, struct journal_seen *journal,
                       struct troth_span body)
{
    const uint64_t now_us = task_now_us();
    const char *at = body.data;
    const char *const end = body.data + body.len;
    uint32_t taken = 0;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct troth_span line = {at, (size_t)((stop == NULL ? end : stop) - at)};

        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0 && take_line(inbound, journal, line, now_us))
            taken++;
        at = stop == NULL ? end : stop + 1;
    }
    if (taken == 0) {
        struct http_exchange *exchange = inbound->exchange;

        inbound->exchange = NULL;
        refuse(exchange, 400, "no line of the body is a command");
    }
}

static void handle_batch(struct troth_participant *participant, struct http_exchange *exchange,
                         struct journal_seen *journal)
{
    struct inbound *inbound = inbound_create(participant, exchange, INBOUND_BATCH);
    if (inbound == NULL) {
        refuse(exchange, 503, "out of memory");
        return;
    }
    take_lines(inbound, journal, http_exchange_body(exchange));
    inbound_given_out(inbound);
}

/* --- http ------------------------------------------------------------------------------------- */

/* A decimal number without sign, 1 … max. */
static bool number(struct troth_span text, uint32_t max, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (number_parse(text, max, &value) != 0 || value == 0)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

/* /{operation}/{op} behind the base. */
static bool split_path(struct troth_span path, struct command *command)
{
    const char *slash;
    if (path.len < 2 || path.len > PATH_NAMES_MAX || path.data[0] != '/')
        return false;
    path.data++;
    path.len--;
    slash = memchr(path.data, '/', path.len);
    if (slash == NULL)
        return false;
    command->operation = (struct troth_span){path.data, (size_t)(slash - path.data)};
    return troth_name_valid(command->operation.data, command->operation.len) &&
           message_op_parse((struct troth_span){slash + 1, path.len - command->operation.len - 1},
                            &command->op) == 0;
}

/* Absent: stays. "0s": nothing is left of it, which is not "there is none". */
static bool duration_header(struct http_exchange *exchange, const char *name, uint64_t *ret_us)
{
    struct troth_span value;
    if (!http_exchange_header(exchange, name, &value))
        return true;
    if (duration_parse(value.data, value.len, ret_us) != 0)
        return false;
    if (*ret_us == 0)
        *ret_us = 1;
    return true;
}

/* NULL: all is well; otherwise what is wrong. */
static const char *plain_command(struct http_exchange *exchange, struct command *command)
{
    struct troth_span value;
    struct troth_span body = http_exchange_body(exchange);
    if (!http_exchange_header(exchange, HEADER_GTID, &value) ||
        troth_gtid_parse(value.data, value.len, &command->gtid) != 0)
        return "the header " HEADER_GTID " is missing or not a gtid";
    if (!http_exchange_header(exchange, HEADER_BRANCH, &value) ||
        !number(value, TROTH_BRANCH_NUMBER_MAX, &command->branch))
        return "the header " HEADER_BRANCH " is missing or not a branch number";
    if (!http_exchange_header(exchange, HEADER_ATTEMPT, &value) ||
        !number(value, TROTH_ATTEMPT_MAX, &command->attempt))
        return "the header " HEADER_ATTEMPT " is missing or not an attempt";
    if (!duration_header(exchange, HEADER_TIMEOUT, &command->timeout_us))
        return "the header " HEADER_TIMEOUT " is not a duration";
    if (!duration_header(exchange, HEADER_LOCK_TIMEOUT, &command->lock_wait_us))
        return "the header " HEADER_LOCK_TIMEOUT " is not a duration";
    command->ordered = http_exchange_header(exchange, HEADER_ORDERED, &value) &&
                       value.len == strlen("true") && memcmp(value.data, "true", value.len) == 0;
    if (http_exchange_header(exchange, "traceparent", &value) &&
        value.len == MESSAGE_TRACEPARENT_LEN)
        command->traceparent = value;
    if (body.len > 0 && json_check(body, JSON_CHECK_KEPT, &command->input, NULL) != 0)
        return "the body is not JSON";
    return NULL;
}

static void handle_plain(struct troth_participant *participant, struct http_exchange *exchange,
                         struct journal_seen *journal, struct command *command)
{
    const char *wrong = plain_command(exchange, command);
    struct inbound *inbound;
    if (wrong != NULL) {
        refuse(exchange, 400, wrong);
        return;
    }
    inbound = inbound_create(participant, exchange, INBOUND_PLAIN);
    if (inbound == NULL) {
        refuse(exchange, 503, "out of memory");
        return;
    }
    give(inbound, command, journal, task_now_us());
    if (inbound->pending == 1 && !inbound->dirty && inbound->exchange != NULL) {
        /* give() had no memory for the task: the request must not wait for ever. */
        inbound->exchange = NULL;
        refuse(exchange, 503, "out of memory");
    }
    inbound_given_out(inbound);
}

static void handle(struct troth_participant *participant, struct http_exchange *exchange)
{
    const struct troth_span method = http_exchange_method(exchange);
    struct troth_span path = http_exchange_path(exchange);
    const size_t base_len = strlen(participant->base);
    struct command command = {0};
    struct journal_seen *journal;
    bool batch;
    if (!admit(participant, exchange))
        return;
    if (path.len < base_len || memcmp(path.data, participant->base, base_len) != 0) {
        refuse(exchange, 404, "nothing is here");
        return;
    }
    path.data += base_len;
    path.len -= base_len;
    batch = path.len == 0 || (path.len == 1 && path.data[0] == '/');
    if (!batch && !split_path(path, &command)) {
        refuse(exchange, 404, "no such operation: POST {base}/{operation}/{op}");
        return;
    }
    if (method.len != 4 || memcmp(method.data, "POST", 4) != 0) {
        refuse(exchange, 405, "POST only");
        return;
    }
    if (!take_headers(participant, exchange, &journal))
        return;
    if (batch)
        handle_batch(participant, exchange, journal);
    else
        handle_plain(participant, exchange, journal, &command);
    inbound_flush_all(participant);
}

void server_handle(void *arg, struct http_exchange *exchange)
{
    struct troth_participant *participant = arg;
    participant->in_request = true;
    handle(participant, exchange);
    participant->in_request = false;
    if (participant->destroyed)
        participant_finish(participant);
}
