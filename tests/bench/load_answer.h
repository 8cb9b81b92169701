/* load_answer.h: reads trothd's answers, as far as it counts them. */
#ifndef BENCH_LOAD_ANSWER_H
#define BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "load_options.h"

/* How long the answer at the beginning of `data` is. 0: its end is not there yet. Negative: it is
 * none that can be read. */
long answer_length(const char *data, size_t len);

struct answer {
    enum {
        ANSWER_GOOD,    /* what was asked for */
        ANSWER_ABORTED, /* its outcome is "aborted", which was not asked for */
        ANSWER_REFUSED, /* 503 with Retry-After: nothing was done */
        ANSWER_WRONG
    } kind;
    const char *wrong; /* what is wrong, in words */
    char gtid[40];     /* "": it names none */
    char outcome[16];  /* what it says; "": nothing */
};

/* `len` as answer_length() said. */
void answer_read(struct answer *answer, const char *data, size_t len,
                 const struct load_options *options);

#endif
