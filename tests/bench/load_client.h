/* load_client.h: one client of trothd: a keep-alive connection and one request at a time. */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "load_options.h"

#define ANSWER_BYTES_MAX (64u << 10)

struct client {
    int fd;
    struct ssl_st *tls; /* NULL: plain */
    uint32_t number;
    uint64_t random;
    uint64_t began_us; /* when the request under way was due; 0: none is */
    size_t len;
    struct client *next_idle;
    char answer[ANSWER_BYTES_MAX];
};

/* What fails ends the program. */
void client_connect(struct client *client, uint32_t number, const struct load_options *options);
/* `due_us`: latency is counted from there. */
void client_send(struct client *client, const struct load_options *options, uint64_t due_us);
/* The length of a whole answer; 0: not yet. */
size_t client_receive(struct client *client);
/* A random number, for choices that nobody has to foresee. */
uint64_t client_random(struct client *client);

#endif
