/* phase1.h: prepare and execute, as task->run. */
#ifndef SDK_PHASE1_H
#define SDK_PHASE1_H

#include <troth/span.h>

struct session;
struct troth_reply;

void phase1_run(struct session *session, struct troth_reply *task); /* prepare, execute */
/* The same, where single.c has begun it: its session's round is ended here. */
void phase1_go_on(struct session *session, struct troth_reply *task);
/* All has gone well: keeps the output for the commit, and answers. Any thread. */
void phase1_done(struct session *session, struct troth_reply *task, struct troth_span output);
void read_only_run(struct session *session, struct troth_reply *task);

#endif
