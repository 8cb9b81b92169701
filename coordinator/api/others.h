/* others.h: what each node knows a part of is asked of all of them. */
#ifndef API_OTHERS_H
#define API_OTHERS_H

#include "outgoing.h"

#define OTHERS_MAX 32u

struct others;

/* What one of them has answered: 2xx, or what else it says. */
struct other_answer {
    int status;
    struct buffer body;
};

/* Every other live node gets the client's request, as one that is passed on: it answers for itself
 * alone. `then` is called when all have answered or their time is over, from inside where that is
 * at once; false: there is no other, or no memory for asking, and nothing is called. The request is
 * not needed any more behind this. */
typedef void (*others_then)(void *arg, struct others *others);
bool others_ask(const struct request *request, others_then then, void *arg);
/* From `then` on; until others_finish(). */
uint32_t others_count(const struct others *others);
const struct other_answer *others_at(const struct others *others, uint32_t i);
/* Appends ,"missing":["b"]: those that have not answered; nothing where all have. */
void others_append_missing(const struct others *others, struct buffer *object);
/* Takes NULL. */
void others_finish(struct others *others);

#endif
