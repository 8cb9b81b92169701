/* pool.h: threads, each with a connection, and the queue they share. */
#ifndef SDK_POOL_H
#define SDK_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <troth/error.h>

struct pool;
struct session;
struct troth_postgres;
struct troth_reply;

/* `count` threads. */
TROTH_MUST_CHECK int pool_create(struct troth_postgres *postgres, uint32_t count,
                                 struct pool **ret_pool);
/* Takes the task: task->run is called on one of the threads. From the loop's thread. */
void pool_give(struct pool *pool, struct troth_reply *task);
/* The session of a thread that is idle, with a good connection; NULL: there is none. The thread
 * leaves it alone until it is given back, or a task with it; before it goes on, `leave` is called.
 * From the loop's thread, all three. */
struct session *pool_lend(struct pool *pool, void (*leave)(struct session *session));
void pool_give_back(struct session *session);
void pool_hand_over(struct session *session, struct troth_reply *task);
/* Before pool_close(), for each session: nothing is lent any more. Takes NULL. */
void pool_end_lending(struct pool *pool, void (*finish)(struct session *session));
/* This is one of the threads of some pool: work or compensate are on the stack. */
bool pool_is_here(void);
/* Cuts what is late. */
void pool_look(struct pool *pool, uint64_t now_us);
/* The end, in this order; each takes NULL. Nothing is begun any more: queued tasks are answered
 * `retry`, threads end behind their running work. */
void pool_close(struct pool *pool);
/* All threads have ended; false: not until then (CLOCK_MONOTONIC). */
bool pool_wait(struct pool *pool, uint64_t until_us);
/* Whatever waits for the database does not any more. */
void pool_cut(struct pool *pool);
/* Frees; false: threads have not ended, and keep what they use. */
bool pool_destroy(struct pool *pool);

#endif
