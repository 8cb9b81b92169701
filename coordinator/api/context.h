/* context.h: what every file of the API works on: the API itself, and one request. */
#ifndef API_CONTEXT_H
#define API_CONTEXT_H

#include <api/api.h>
#include <api/identity.h>

/* Requests that wait for their host, also those whose client has left. Beyond: 503. */
#define API_CALLS_MAX 100000u

struct limits;
struct passed;
struct watch;

struct api {
    struct api_host host;
    struct limits *limits;
    uint32_t calls;
    struct buffer body;    /* borrowed by who answers with a transaction */
    struct watch *watches; /* clients that follow a transaction (events.c) */
    struct passed *passed; /* requests that another node answers (pass.c) */
    uint64_t numbered;     /* requests that went to other nodes */
    struct buffer starts;  /* of the identity of a request that another node has passed on */
};

/* events.c: nothing more for those who follow a transaction under that identity. */
void events_end_of(struct api *api, const char *who);

struct request {
    struct api *api;
    struct http_exchange *exchange;
    struct troth_span named;      /* what stands in the place of {gtid} or {name} in the pattern */
    struct api_identity identity; /* who asks */
    bool is_passed;               /* by another node, which has looked who asks */
    struct troth_span caller;     /* where it comes from, as that one says; absent: as it is seen */
};

#endif
