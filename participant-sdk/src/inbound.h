/* inbound.h: one HTTP request and the way of results back to it. Loop thread only. */
#ifndef SDK_INBOUND_H
#define SDK_INBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <http/server.h>
#include <troth/participant.h>
#include <wire/message.h>

struct troth_reply;

enum inbound_binding { INBOUND_BATCH, INBOUND_PLAIN };

/* With its commands that are not yet answered. */
struct inbound {
    struct inbound *next, *prev; /* of the participant */
    struct inbound *next_dirty;
    struct troth_participant *participant;
    struct http_exchange *exchange; /* NULL: the client has left */
    enum inbound_binding binding;
    uint32_t pending; /* commands not yet answered, +1 while they are being given out */
    bool begun;       /* the head of a streamed reply has been written */
    char epoch[24];   /* what it says of the newest epoch; "": nothing */
    bool dirty;       /* `out` waits for request_flush_all() */
    struct buffer out;
    struct result plain; /* REQUEST_PLAIN: the only result; its spans point into `out` */
};

struct inbound *inbound_create(struct troth_participant *participant,
                               struct http_exchange *exchange, enum inbound_binding binding);
/* A result reaches its request; takes the task. A task_sink: arg is the participant. */
void inbound_deliver(void *arg, struct troth_reply *task);
/* Its answer tells that a newer epoch of a shard was seen than that of one of its commands. */
void inbound_tell_epoch(struct inbound *inbound, uint32_t shard, uint32_t epoch);
/* The commands of the request have all been given out. */
void inbound_given_out(struct inbound *inbound);
/* Writes what requests of this turn have to say, ends those that are complete. */
void inbound_flush_all(struct troth_participant *participant);
void inbound_destroy_all(struct troth_participant *participant);

#endif
