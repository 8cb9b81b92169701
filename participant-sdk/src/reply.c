/* reply.c: the troth_reply_… functions that end a task, and what a service reads of its call. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include <base/duration.h>
#include <base/json.h>

#include "mailbox.h"
#include "task.h"

#define SAME(public, wire) _Static_assert((int)(public) == (int)(wire), #public)
SAME(TROTH_OP_PREPARE, OP_PREPARE);
SAME(TROTH_OP_COMMIT, OP_COMMIT);
SAME(TROTH_OP_ABORT, OP_ABORT);
SAME(TROTH_OP_EXECUTE, OP_EXECUTE);
SAME(TROTH_OP_COMPENSATE, OP_COMPENSATE);
SAME(TROTH_OP_STATUS, OP_STATUS);
SAME(TROTH_BRANCH_UNSAID, BRANCH_IS_UNSAID);
SAME(TROTH_BRANCH_PREPARED, BRANCH_IS_PREPARED);
SAME(TROTH_BRANCH_COMMITTED, BRANCH_IS_COMMITTED);
SAME(TROTH_BRANCH_ABORTED, BRANCH_IS_ABORTED);
SAME(TROTH_BRANCH_COMPENSATED, BRANCH_IS_COMPENSATED);
SAME(TROTH_BRANCH_UNKNOWN, BRANCH_IS_UNKNOWN);

/* Set for the time of a handler, on the loop's thread. */
static _Thread_local struct {
    const struct mailbox *mailbox;
    task_sink sink;
    void *arg;
} here;

void task_set_sink(const struct mailbox *mailbox, task_sink sink, void *arg)
{
    here.mailbox = mailbox;
    here.sink = sink;
    here.arg = arg;
}

static void set_unknown(struct result *result, const char *reason)
{
    result->result = RESULT_UNKNOWN;
    result->vote = VOTE_NONE;
    result->state = BRANCH_IS_UNSAID;
    result->retry_after_us = 0;
    result->output = (struct troth_span){NULL, 0};
    result->reason = (struct troth_span){reason, strlen(reason)};
}

/* NULL: it is an output that the coordinator can keep. */
static const char *output_wrong(struct troth_span output, struct troth_span *ret_value)
{
    struct json_fault fault;
    if (output.len > MESSAGE_PAYLOAD_MAX)
        return "the output is larger than 512 KiB";
    return json_check(output, JSON_CHECK_PAYLOAD, ret_value, &fault) == 0 ? NULL : fault.text;
}

/* Keeps the answer's bytes in the task; what cannot be kept makes the answer unknown. Only a commit
 * stays done, without an output: it would be asked about for ever, and be answered the same. */
static void keep(struct troth_reply *task, struct troth_span output, const char *reason)
{
    struct result *result = &task->result;
    struct troth_span value = {NULL, 0};
    struct troth_span words = {reason, reason == NULL ? 0 : strlen(reason)};
    char *at;
    if (output.data != NULL && (task->complaint = output_wrong(output, &value)) != NULL) {
        value = (struct troth_span){NULL, 0};
        if (result->op != OP_COMMIT || result->result != RESULT_DONE) {
            set_unknown(result, task->complaint);
            return;
        }
    }
    if (words.len > MESSAGE_REASON_MAX)
        words.len = MESSAGE_REASON_MAX;
    if (value.data == NULL && words.data == NULL)
        return;
    at = task->answer = malloc(value.len + words.len + 2);
    if (at == NULL) {
        set_unknown(result, "the participant is out of memory");
        return;
    }
    result->output = task_copy(&at, value);
    result->reason = task_copy(&at, words);
}

/* A result is one line: JSON may hold line feeds between its tokens, which mean nothing. */
static void one_line(struct troth_reply *task)
{
    char *at = task->answer;
    size_t i;
    if (task->result.output.data == NULL || at == NULL)
        return;
    for (i = 0; i < task->result.output.len; i++)
        if (at[i] == '\n' || at[i] == '\r')
            at[i] = ' ';
}

static void finish(struct troth_reply *task, const struct result *what, struct troth_span output,
                   const char *reason)
{
    task->result = *what;
    task->result.op = (enum message_op)task->call.op;
    task->result.gtid = task->call.gtid;
    task->result.branch = task->call.branch;
    task->result.attempt = task->call.attempt;
    keep(task, output, reason);
    one_line(task);
    if (here.mailbox == task->mailbox && here.sink != NULL)
        here.sink(here.arg, task);
    else if (!mailbox_post(task->mailbox, task))
        task_destroy(task); /* the participant has gone: nobody is there to hear it */
}

void troth_reply_vote(struct troth_reply *reply, enum troth_vote vote, struct troth_span output)
{
    const struct result result = {.result = RESULT_VOTE,
                                  .vote = vote == TROTH_VOTE_READ_ONLY ? VOTE_READ_ONLY : VOTE_YES};
    finish(reply, &result, output, NULL);
}

void troth_reply_done(struct troth_reply *reply, enum troth_branch_state state,
                      struct troth_span output)
{
    const struct result result = {.result = RESULT_DONE, .state = (enum message_state)state};
    finish(reply, &result, output, NULL);
}

void troth_reply_refused(struct troth_reply *reply, const char *reason, struct troth_span output)
{
    const struct result result = {.result = RESULT_REFUSED};
    finish(reply, &result, output, reason);
}

void troth_reply_revoked(struct troth_reply *reply, const char *reason, struct troth_span output)
{
    const struct result result = {.result = RESULT_REFUSED, .state = BRANCH_IS_ABORTED};
    finish(reply, &result, output, reason);
}

void troth_reply_fenced(struct troth_reply *reply, const char *reason, struct troth_span output)
{
    troth_reply_revoked(reply, reason, output);
}

void task_reply_no_operation(struct troth_reply *reply, const char *reason)
{
    const struct result result = {.result = RESULT_NO_OPERATION};
    finish(reply, &result, (struct troth_span){NULL, 0}, reason);
}

void troth_reply_retry(struct troth_reply *reply, uint64_t after_us, const char *reason)
{
    const struct result result = {.result = RESULT_RETRY,
                                  .retry_after_us =
                                      after_us < DURATION_MAX_US ? after_us : DURATION_MAX_US};
    finish(reply, &result, (struct troth_span){NULL, 0}, reason);
}

void troth_reply_conflict(struct troth_reply *reply, const char *reason, const troth_gtid *blocker)
{
    struct result result = {.result = RESULT_CONFLICT};
    if (blocker != NULL)
        result.blocker = *blocker;
    finish(reply, &result, (struct troth_span){NULL, 0}, reason);
}

void troth_reply_unknown(struct troth_reply *reply, const char *reason)
{
    const struct result result = {.result = RESULT_UNKNOWN};
    finish(reply, &result, (struct troth_span){NULL, 0}, reason);
}

void troth_reply_heuristic(struct troth_reply *reply, const char *reason)
{
    const struct result result = {.result = RESULT_HEURISTIC};
    finish(reply, &result, (struct troth_span){NULL, 0}, reason);
}

/* --- reading the input ------------------------------------------------------------------------ */

static int member(const struct troth_call *call, const char *name, struct troth_span *ret_value)
{
    struct troth_span value;
    if (call == NULL || name == NULL)
        return TROTH_ERROR_INVALID;
    if (call->input.data == NULL || json_type(call->input) != JSON_OBJECT ||
        !json_member(call->input, name, &value) || json_type(value) == JSON_NULL)
        return TROTH_ERROR_NOT_FOUND;
    *ret_value = value;
    return 0;
}

int troth_call_int64(const struct troth_call *call, const char *name, int64_t *ret_value)
{
    struct troth_span value;
    int error = ret_value == NULL ? TROTH_ERROR_INVALID : member(call, name, &value);
    return error != 0 ? error : json_int64(value, ret_value);
}

int troth_call_text(const struct troth_call *call, const char *name, char *ret_text, size_t cap)
{
    struct troth_span value;
    int error = ret_text == NULL ? TROTH_ERROR_INVALID : member(call, name, &value);
    return error != 0 ? error : json_string_copy(value, ret_text, cap);
}
