/* admission.h: which transaction may begin when others have taken much. Pure: counts, no I/O.
 *
 * A transaction holds a seat from its beginning to its end. Most seats are shared: whoever comes
 * gets one while one is free. The others are reserved, a third for definitions, a third for
 * participants, a third for callers, and in each third everybody has the same number of its own:
 *
 *   shared       anybody's
 *   definition   of its own definition, all versions together (interactive ones are one definition)
 *   participant  where every participant that it needs has one of its own left
 *   caller       of who asked for it
 *
 * So whoever fills the shared seats (a participant that is dead, a client that begins and never
 * ends) leaves its own to every definition, participant and caller that has not used them: who is
 * refused has used up all of its own, too. A seat is reserved only for as long as no shared one is
 * free: when one becomes free, who holds a reserved one longest moves there, so that what waits
 * for days uses up nothing while there is room. */
#ifndef DAEMON_ADMISSION_H
#define DAEMON_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Callers are not known before they come: so many have their own seats for certain. */
#define ADMISSION_CALLERS      32u
#define ADMISSION_RESERVED_MAX 90u /* per cent */
#define ADMISSION_OWN_MIN      1u  /* of more owners than seats, who comes first */

enum seat_kind {
    SEAT_NONE, /* not admitted */
    SEAT_SHARED,
    SEAT_DEFINITION,
    SEAT_PARTICIPANT,
    SEAT_CALLER,
    SEAT_KINDS
};

/* What one definition, participant or caller has. Zero is none. */
struct share {
    uint32_t open;    /* transactions; whoever owns this counts them */
    uint32_t seats;   /* of its own, in use */
    uint64_t refused; /* transactions, likewise counted by the owner */
};

/* One transaction's. Who it belongs to is filled in before it is admitted and stays until it has
 * left; borrowed. */
struct seat {
    struct share *definition;
    struct share *caller;        /* NULL: not known, since it began before a restart */
    struct share **participants; /* each once; none: interactive */
    uint32_t participants_count;
    enum seat_kind kind;
    TAILQ_ENTRY(seat) link; /* while it is a reserved one */
};

TAILQ_HEAD(seat_list, seat);

struct admission {
    uint32_t seats[SEAT_KINDS]; /* how many there are; [SEAT_NONE]: in all */
    uint32_t used[SEAT_KINDS];
    uint32_t owners[SEAT_KINDS];
    struct seat_list reserved; /* in use, the oldest first */
};

/* `reserved`: per cent of `seats`, at most ADMISSION_RESERVED_MAX. */
void admission_init(struct admission *admission, uint32_t seats, uint32_t reserved);
/* How many definitions or participants there are. What is in use stays. */
void admission_owners(struct admission *admission, enum seat_kind kind, uint32_t owners);
/* How many each owner of a kind has. */
uint32_t admission_own(const struct admission *admission, enum seat_kind kind);

/* Which seat it would get; SEAT_NONE: it is refused. */
enum seat_kind admission_look(const struct admission *admission, const struct seat *seat);
/* Takes it. One that is refused gets a shared one all the same: what the journal says is open is
 * open. */
void admission_enter(struct admission *admission, struct seat *seat);
/* Takes a seat that has none, or has left. */
void admission_leave(struct admission *admission, struct seat *seat);

#endif
