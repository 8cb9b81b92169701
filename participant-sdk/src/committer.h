/* committer.h: COMMIT PREPARED on the loop's thread. Loop thread. */
#ifndef SDK_COMMITTER_H
#define SDK_COMMITTER_H

#include <stdint.h>

#include <troth/error.h>

struct committer;
struct event_base;
struct troth_postgres;
struct troth_reply;

TROTH_MUST_CHECK int committer_create(struct troth_postgres *postgres, uint32_t connections,
                                      struct committer **ret_committer);
void committer_attached(struct committer *committer, struct event_base *base);
/* Takes the task, a commit of a branch that writes. */
void committer_commit(struct committer *committer, struct troth_reply *task);
/* Cuts what is late. */
void committer_look(struct committer *committer, uint64_t now_us);
/* The end, in this order; each takes NULL. Before phase 2's pool is closed: waits for what is under
 * way until then. */
void committer_close(struct committer *committer, uint64_t until_us);
/* What still is, is answered `unknown`. */
void committer_cut(struct committer *committer);
/* Leaves the loop, and keeps what a thread may still use. */
void committer_leave(struct committer *committer);
void committer_destroy(struct committer *committer);

#endif
