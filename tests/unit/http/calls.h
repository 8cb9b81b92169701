/* calls.h: a peer (two connections) of a scripted server, and what became of its calls. */
#ifndef TEST_HTTP_CALLS_H
#define TEST_HTTP_CALLS_H

#include "fixture.h"

struct outcome {
    uint32_t done;
    int error;
    int status;
    struct buffer body;
    struct buffer lines;      /* each followed by '|' */
    struct buffer header;     /* the value of X */
    struct http_call *cancel; /* at the first line */
};

extern struct world world;
extern struct http_peer *peer;
extern int listening; /* the scripted server */
extern struct raw served[4];
extern struct outcome outcomes[4];
extern uint32_t ready; /* how often a connection became free */

void calls_setup(void);
void calls_teardown(void);
void start_peer(const char *host, const char *base, uint16_t port);

/* The end of a call is noted in its outcome. */
struct http_call *call_with(struct http_request request, int i);
struct http_call *get(int i, bool is_safe);
void on_line(void *arg, struct troth_span line);
void on_done(void *arg, int error, const struct http_reply *reply);
/* Accepts a connection and reads the head of a request from it. */
void serve_request(int i);
void answer(int i, const char *text);
/* Forgets what was read and how the call ended. */
void again(int i);

#endif
