/* again.h: what is said again to a participant waits for its turn. Pure: times come in. */
#ifndef DAEMON_AGAIN_H
#define DAEMON_AGAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <base/clock.h>
#include <wire/message.h>

struct entry;
struct participant;

/* Of one participant. */
struct again_pace {
    TAILQ_ENTRY(again_pace) link;       /* among those for which something waits */
    TAILQ_HEAD(again_line, again) line; /* first come, first served */
    uint32_t waiting;                   /* in line */
    uint32_t granted;                   /* so many may leave for what was acknowledged … */
    uint64_t credit_us;                 /* … and others with time: a second each, in us */
    struct mono credit_at;              /* when that was counted */
};
TAILQ_HEAD(again_paces, again_pace);

/* A command that waits: what its effect says. */
struct again {
    TAILQ_ENTRY(again) in_line;
    LIST_ENTRY(again) of_entry;
    struct again_pace *pace;
    struct entry *entry;
    struct participant *participant;
    uint32_t branch; /* its index */
    enum message_op op;
    uint32_t attempt;
    uint64_t number, timeout_us; /* number: the effect's `again` */
};
LIST_HEAD(again_own, again);

void again_init(struct again_pace *pace);
/* Whether one may leave now, before which nobody waits; `rate` a second may. */
bool again_leaves(struct again_pace *pace, uint64_t rate, struct mono now);
/* A copy of `what` waits. false: no memory. */
bool again_wait(struct again_paces *paces, const struct again *what, struct again_own *own);
/* One that was said again has been acknowledged: it is worth saying more. */
void again_acknowledged(struct again_pace *pace);
/* The next whose turn has come, out of its line; false: nobody's has. */
bool again_next(struct again_paces *paces, uint64_t rate, struct mono now, struct again *ret_again);
/* All of one transaction: it says nothing any more. */
void again_forget(struct again_paces *paces, struct again_own *own);

#endif
