/* load_options.h: what a run of bench_load is asked to do. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_CLIENTS_MAX 4096u
#define LOAD_PORTS_MAX   8u

struct load_options {
    uint16_t ports[LOAD_PORTS_MAX]; /* each client stays with one of them */
    uint32_t port_count;
    uint32_t clients;
    uint64_t warm_up_us;
    uint64_t window_us;
    uint64_t count;  /* so many requests in place of a time; 0: none */
    double rate;     /* arrivals a second, whoever is busy (open loop); 0: closed loop */
    const char *get; /* a path that is asked for, in place of transactions */
    const char *definition;
    const char *input;      /* JSON; @a and @b are accounts, @n the request's number */
    const char *reply;      /* completed, decided, or accepted: 202, at once */
    const char *outcome;    /* what each transaction must come to */
    const char *step_state; /* of each step of a committed one; "": is not looked at */
    uint32_t accounts;      /* of each client at either bank */
    uint32_t hot[2];        /* accounts that all clients share; 0: each has its own */
    bool refusals;          /* 503 with Retry-After is counted, and is no wrong answer */
    const char *tls_certificate, *tls_key, *tls_ca; /* files; NULL: plain http */
    const char *told; /* a file for each gtid and what was said of it; NULL: none */
};

/* Ends the program where something is wrong, and says what. */
void load_options_read(struct load_options *options, int argc, char **argv);

#endif
