/* task.c: a command under way: its memory, its text and its time. */
#include "task.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <base/now.h>

#include "mailbox.h"

uint64_t task_now_us(void)
{
    return mono_now().us;
}

uint64_t task_left_us(const struct troth_reply *task)
{
    uint64_t now;
    if (task->deadline_us == 0)
        return UINT64_MAX;
    now = task_now_us();
    return now >= task->deadline_us ? 0 : task->deadline_us - now;
}

struct troth_span task_copy(char **at, struct troth_span from)
{
    struct troth_span to = {*at, from.len};
    if (from.data == NULL)
        return from;
    memcpy(*at, from.data, from.len);
    (*at)[from.len] = '\0';
    *at += from.len + 1;
    return to;
}

struct troth_reply *task_create(struct mailbox *mailbox, const struct command *command,
                                const char *journal, uint64_t now_us)
{
    const struct troth_span id = {journal, strlen(journal)};
    size_t bytes = id.len + command->operation.len + command->input.len + command->traceparent.len;
    struct troth_reply *task = malloc(sizeof *task + bytes + 4);
    char *at;
    if (task == NULL)
        return NULL;
    memset(task, 0, sizeof *task);
    at = task->text;
    task->call.op = (enum troth_op)command->op;
    task->call.gtid = command->gtid;
    task->call.branch = command->branch;
    task->call.attempt = command->attempt;
    task->call.journal = task_copy(&at, id).data;
    task->call.operation = task_copy(&at, command->operation).data;
    task->call.timeout_us = command->timeout_us;
    task->call.lock_wait_us = command->lock_wait_us;
    task->call.ordered = command->ordered;
    task->call.input = task_copy(&at, command->input);
    task->call.traceparent = task_copy(&at, command->traceparent);
    task->deadline_us = command->timeout_us == 0 ? 0 : now_us + command->timeout_us;
    task->mailbox = mailbox_hold(mailbox);
    assert(at <= task->text + bytes + 4);
    return task;
}

void task_destroy(struct troth_reply *task)
{
    if (task == NULL)
        return;
    mailbox_release(task->mailbox);
    free(task->answer);
    free(task);
}

struct troth_span task_request(const struct troth_reply *task)
{
    /* task_create() has laid them one behind the other. */
    const size_t name = strlen(task->call.operation) + 1;

    return (struct troth_span){task->call.operation, name + task->call.input.len};
}

/* --- the hash of a request -------------------------------------------------------------------- */

static EVP_MD *sha256; /* found once: looking for it takes longer than the hash does */

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool task_request_hash(const struct troth_reply *task, unsigned char ret_hash[TASK_HASH_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct troth_span request = task_request(task);
    unsigned len = 0;
    (void)pthread_once(&once, find_sha256); /* cannot fail with these arguments */
    return sha256 != NULL &&
           EVP_Digest(request.data, request.len, ret_hash, &len, sha256, NULL) == 1 &&
           len == TASK_HASH_BYTES;
}
