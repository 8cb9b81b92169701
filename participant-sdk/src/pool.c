/* pool.c: the threads of one phase, a connection each, and the queue they share. */
#include <signal.h>
#include <stdlib.h>

#include "pg.h"

struct worker {
    pthread_t thread;
    struct pool *pool;
    struct session session;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct troth_reply *first; /* bounded by the participant's pending_max */
    struct troth_reply **last;
    bool stop;
    uint32_t started;
    struct worker *workers;
};

/* The next task, or NULL: stop. */
static struct troth_reply *next_task(struct pool *pool)
{
    struct troth_reply *task;

    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stop) {
        pthread_cond_wait(&pool->more, &pool->lock);
    }
    task = pool->stop ? NULL : pool->first;
    if (task != NULL) {
        pool->first = task->next;
        if (pool->first == NULL) {
            pool->last = &pool->first;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return task;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct troth_reply *task;

    while ((task = next_task(worker->pool)) != NULL) {
        task->run(&worker->session, task);
    }
    session_close(&worker->session);
    return NULL;
}

/* The host's signals stay with the host's threads. */
static int start(struct worker *worker)
{
    sigset_t all, before;
    int error;

    (void)sigfillset(&all); /* cannot fail */
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return TROTH_ERROR_SYSTEM;
    }
    error = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* the same call has just succeeded */
    return error == 0 ? 0 : TROTH_ERROR_SYSTEM;
}

int pool_create(const struct troth_postgres *postgres, uint32_t count, struct pool **ret_pool)
{
    struct pool *pool = calloc(1, sizeof *pool);
    int error = 0;

    if (pool == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&pool->lock, NULL); /* neither fails with default attributes */
    (void)pthread_cond_init(&pool->more, NULL);
    pool->last = &pool->first;
    pool->workers = calloc(count, sizeof *pool->workers);
    if (pool->workers == NULL) {
        error = TROTH_ERROR_NO_MEMORY;
    }
    while (error == 0 && pool->started < count) {
        struct worker *worker = &pool->workers[pool->started];

        worker->pool = pool;
        worker->session.postgres = postgres;
        error = start(worker);
        if (error == 0) {
            pool->started++;
        }
    }
    if (error != 0) {
        pool_destroy(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

void pool_give(struct pool *pool, struct troth_reply *task)
{
    task->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->last = task;
    pool->last = &task->next;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->more);
}

void pool_destroy(struct pool *pool)
{
    struct troth_reply *task;
    uint32_t i;

    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->more);
    for (i = 0; i < pool->started; i++) {
        (void)pthread_join(pool->workers[i].thread, NULL); /* ours, joined once */
    }
    task = pool->first;
    while (task != NULL) {
        struct troth_reply *next = task->next;

        troth_reply_retry(task, 0, "the participant is shutting down");
        task = next;
    }
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}
