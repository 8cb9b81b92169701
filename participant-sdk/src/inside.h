/* inside.h: what a participant is made of. It is the loop's thread's; what other threads need of it
 * they get through say.h and the mailbox. */
#ifndef SDK_INSIDE_H
#define SDK_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/participant.h>

#include "callers.h"
#include "journals.h"

struct event;
struct event_base;
struct http_loop;
struct http_server;
struct http_tls;
struct tls_files;
struct mailbox;
struct inbound;

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
    struct callers callers;
    struct journals journals;
    bool said_unbelieved; /* that marks are not */
    struct mailbox *mailbox;
    struct event_base *event_base;
    bool owns_event_base;
    bool running;    /* troth_participant_run() is on the stack */
    bool in_request; /* server_handle() is, and so perhaps a handler */
    bool destroyed;  /* from inside of one of them, which frees it */
    struct event *woken;
    struct http_loop *loop;
    struct http_server *server;
    struct tls_files *tls_files; /* NULL: plain */
    struct http_tls *tls;
    struct inbound *requests;
    struct inbound *dirty;
    struct buffer scratch;
    server_news_fn news;
    server_attached_fn attached;
    void *resource; /* argument of both */
};

#endif
