/* phase2.h: commit, abort, compensate and status, as task->run. */
#ifndef SDK_PHASE2_H
#define SDK_PHASE2_H

struct session;
struct troth_reply;

void commit_run(struct session *session, struct troth_reply *task);
void abort_run(struct session *session, struct troth_reply *task);
void compensate_run(struct session *session, struct troth_reply *task);
void status_run(struct session *session, struct troth_reply *task);

#endif
