/* task.h: one command under way. The public name of a task is struct troth_reply. */
#ifndef SDK_TASK_H
#define SDK_TASK_H

#include <stdint.h>

#include <troth/participant.h>
#include <wire/message.h>

/* SHA-256 */
#define TASK_HASH_BYTES 32

struct mailbox;
struct pg_operation;
struct inbound;
struct session;

/* For tasks that the library makes itself (the scan): called on the loop's thread. */
typedef void (*task_done)(void *arg, const struct result *result);

struct troth_reply {
    struct troth_reply *next; /* mailbox, or the queue of a pool */
    struct troth_call call;
    uint64_t deadline_us;    /* CLOCK_MONOTONIC; 0: none */
    uint64_t began_us;       /* when a connection took it up; 0: not yet */
    struct inbound *inbound; /* who asked; belongs to the loop's thread; NULL: `done` instead */
    task_done done;
    void *done_arg;
    struct mailbox *mailbox;
    /* For the PostgreSQL resource: what runs it on which registered operation. */
    void (*run)(struct session *session, struct troth_reply *task);
    struct pg_operation *operation;
    struct result result; /* filled by the reply; spans point into `answer` */
    const char
        *complaint; /* static: what is wrong with the output that it was given; NULL: nothing */
    char *answer;
    char text[]; /* journal, operation, input, traceparent */
};

/* Copies what `command` and `journal` say. NULL: out of memory. */
struct troth_reply *task_create(struct mailbox *mailbox, const struct command *command,
                                const char *journal, uint64_t now_us);
void task_destroy(struct troth_reply *task);

/* What the guard takes the hash of: operation, a zero byte, input. */
struct troth_span task_request(const struct troth_reply *task);
/* That hash, as the database would take it. false: no memory. */
bool task_request_hash(const struct troth_reply *task, unsigned char ret_hash[TASK_HASH_BYTES]);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t task_now_us(void);
/* What is left of the call's time; UINT64_MAX without a deadline, 0 when it is over. */
uint64_t task_left_us(const struct troth_reply *task);

/* Copies a span to *at with a zero behind it, and moves *at. */
struct troth_span task_copy(char **at, struct troth_span from);

#endif
