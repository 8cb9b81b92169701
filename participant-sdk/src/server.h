/* server.h: the participant's inside: operations, requests, and the way of a result back to its
 * request. Loop thread only, unless a function says otherwise. */
#ifndef SDK_SERVER_H
#define SDK_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <http/server.h>
#include <troth/participant.h>
#include <wire/message.h>

#include "journals.h"
#include "task.h"

struct event;
struct mailbox;
struct timeval;

/* Why the resource may want to look for branches left prepared. */
enum server_news { SERVER_NEWS_EPOCH, SERVER_NEWS_BROKEN };
typedef void (*server_news_fn)(void *arg, enum server_news news);
/* Called once the participant has its event base. */
typedef void (*server_attached_fn)(void *arg, struct event_base *base);

struct operation {
    char name[TROTH_NAME_LEN_MAX + 1];
    struct troth_handlers handlers;
    void *arg;
};

enum request_binding { REQUEST_BATCH, REQUEST_PLAIN };

/* One HTTP request and its commands not yet answered. */
struct request {
    struct request *next, *prev; /* of the participant */
    struct request *next_dirty;
    struct troth_participant *participant;
    struct http_exchange *exchange; /* NULL: the client has left */
    enum request_binding binding;
    uint32_t pending; /* commands not yet answered, +1 while they are being given out */
    bool begun;       /* the head of a streamed reply has been written */
    bool dirty;       /* `out` waits for request_flush_all() */
    struct buffer out;
    struct result plain; /* REQUEST_PLAIN: the only result; its spans point into `out` */
};

struct troth_participant {
    char *address;
    char *base; /* without a slash at its end: "" or "/bank" */
    uint16_t port;
    uint32_t slots;
    char slots_text[16];
    char places_text[16]; /* "": as many as slots */
    uint32_t connections_max;
    uint32_t pending_max;
    uint32_t pending; /* commands of all requests */
    troth_diagnostic diagnostic;
    void *diagnostic_arg;
    struct operation *operations[TROTH_OPERATIONS_MAX];
    uint32_t operations_count;
    struct troth_handlers others; /* what a resource answers of operations that are not here */
    void *resource_others;        /* their argument */
    struct journals journals;
    struct mailbox *mailbox;
    struct event_base *event_base;
    bool owns_event_base;
    bool running;    /* troth_participant_run() is on the stack */
    bool in_request; /* server_handle() is, and so perhaps a handler */
    bool destroyed;  /* from inside of one of them, which frees it */
    struct event *woken;
    struct http_loop *loop;
    struct http_server *server;
    struct request *requests;
    struct request *dirty;
    struct buffer scratch;
    server_news_fn news;
    server_attached_fn attached;
    void *resource; /* argument of both */
};

/* participant.c */
/* Any thread. Formats one line for the diagnostic callback. */
void participant_say(const struct troth_participant *participant, enum troth_severity severity,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
void participant_set_slots(struct troth_participant *participant, uint32_t slots);
void participant_set_places(struct troth_participant *participant, uint32_t places);
const struct operation *participant_operation(const struct troth_participant *participant,
                                              struct troth_span name);
/* Gives one command to its handler; the task is answered or taken on return. */
void participant_dispatch(struct troth_participant *participant, struct troth_reply *task);
/* Ends what troth_participant_destroy() has begun, with nothing of this library on the stack but
 * troth_participant_run(). */
void participant_finish(struct troth_participant *participant);
/* Takes answers out of the mailbox to their requests. */
void participant_drain(struct troth_participant *participant);

/* server.c: an http_handler; arg is the participant. */
void server_handle(void *arg, struct http_exchange *exchange);

/* request.c */
struct request *request_create(struct troth_participant *participant,
                               struct http_exchange *exchange, enum request_binding binding);
/* A result reaches its request; takes the task. A task_sink: arg is the participant. */
void request_deliver(void *arg, struct troth_reply *task);
/* The commands of the request have all been given out. */
void request_given_out(struct request *request);
/* Writes what requests of this turn have to say, ends those that are complete. */
void request_flush_all(struct troth_participant *participant);
void request_destroy_all(struct troth_participant *participant);

#endif
