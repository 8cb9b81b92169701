/* start.h: a request to start a transaction, read and checked. */
#ifndef API_START_H
#define API_START_H

#include "context.h"
#include "headers.h"

struct start {
    struct api_submit submit; /* spans into the request, `key` and `labels` */
    struct preference prefer;
    struct buffer key;
    struct buffer labels; /* without white space, and with one way of escaping: they are searched */
    struct faults faults; /* of the input; *ret_problem points here */
};

/* `start` is zero-initialised and finished by the caller, also after a refusal. */
TROTH_MUST_CHECK int start_read(const struct request *request, struct start *start,
                                struct api_problem *ret_problem);
void start_finish(struct start *start);

#endif
