/* waits.h: who waits for whose locks. */
#ifndef SDK_WAITS_H
#define SDK_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/participant.h>

struct event_base;
struct session;
struct troth_postgres;
struct troth_reply;
struct waits;

/* What failed since session_forget() failed because of another transaction: a lock not had in time
 * or given up (waits.c), a deadlock, a serialisation failure. The last two may be otherwise at
 * once, with another snapshot. */
bool waits_conflict(const struct session *session);
TROTH_MUST_CHECK int waits_create(struct troth_postgres *postgres, struct waits **ret_waits);
void waits_attached(struct waits *waits, struct event_base *base); /* loop thread */
void waits_detach(struct waits *waits);  /* loop thread: its memory stays */
void waits_destroy(struct waits *waits); /* loop thread; takes NULL */
/* Around one round of phase 1 on a session that is open, from its thread. false: the same call is
 * single.c's, in another session. */
bool waits_enter(struct waits *waits, struct session *session, const struct troth_reply *task);
void waits_leave(struct waits *waits, struct session *session);
/* The same from the loop's thread, single.c's, which waits for nobody. false: not now. */
bool waits_try_enter(struct waits *waits, struct session *session, const struct troth_reply *task);
bool waits_try_leave(struct waits *waits, struct session *session);
/* Attempts of the branch up to `through` that work in this process are cancelled, by `asking`,
 * whose thread it is: nobody need wait for what is about to be ended. A session that is between two
 * statements goes on, and the guard ends it. */
void waits_end_lower(struct waits *waits, struct session *asking, const struct troth_call *call,
                     uint32_t through);
/* An attempt of the branch above the call's works in this process. Any thread. */
bool waits_higher(struct waits *waits, const struct troth_call *call);
/* Its statement was cancelled, or is about to be, since it gives way. Any thread. */
bool waits_ended(struct waits *waits, const struct session *session);

#endif
