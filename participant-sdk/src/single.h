/* single.h: prepare and execute in one message. Loop thread, but for single_wait(). */
#ifndef SDK_SINGLE_H
#define SDK_SINGLE_H

#include <stdbool.h>

struct session;
struct troth_postgres;
struct troth_reply;

/* Takes the task, of an operation that is a statement; false: it does not. */
bool single_run(struct troth_postgres *postgres, struct troth_reply *task);
/* The loop does not listen any more, and the connection blocks: the session is its thread's. */
void single_leave(struct session *session);
/* On the session's thread: until all has come, or the connection is lost. */
void single_wait(struct session *session);
/* The connection is as before. false: it is lost. */
bool single_end(struct session *session);
void single_finish(struct session *session);

#endif
