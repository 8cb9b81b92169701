/* pool.c: the threads of one phase, a connection each, and the queue they share.
 *
 * Who became idle last works next: its thread, and more so its backend of the database, has what it
 * needs in the processor's caches, and the others sleep on. */
#include <signal.h>
#include <stdlib.h>

#include "pg.h"

struct worker {
    pthread_t thread;
    pthread_cond_t wake;
    struct troth_reply *task; /* given while it was idle */
    struct worker *next_idle;
    struct pool *pool;
    struct session session;
};

struct pool {
    pthread_mutex_t lock;
    struct worker *idle;
    struct troth_reply *first; /* nobody is idle; bounded by the participant's pending_max */
    struct troth_reply **last;
    bool stop;
    uint32_t started;
    struct worker *workers;
};

static struct troth_reply *queue_take(struct pool *pool)
{
    struct troth_reply *task = pool->first;

    if (task != NULL) {
        pool->first = task->next;
        if (pool->first == NULL) {
            pool->last = &pool->first;
        }
    }
    return task;
}

/* The next task, or NULL: stop. */
static struct troth_reply *next_task(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct troth_reply *task;

    pthread_mutex_lock(&pool->lock);
    task = pool->stop ? NULL : queue_take(pool);
    if (task == NULL && !pool->stop) {
        worker->next_idle = pool->idle;
        pool->idle = worker;
        while (worker->task == NULL && !pool->stop) {
            pthread_cond_wait(&worker->wake, &pool->lock);
        }
        task = worker->task;
        worker->task = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return task;
}

static _Thread_local bool is_worker;

bool pool_is_here(void)
{
    return is_worker;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct troth_reply *task;

    is_worker = true;
    while ((task = next_task(worker)) != NULL) {
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
    (void)pthread_cond_init(&worker->wake, NULL); /* never fails with default attributes */
    error = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* the same call has just succeeded */
    if (error != 0) {
        (void)pthread_cond_destroy(&worker->wake);
        return TROTH_ERROR_SYSTEM;
    }
    return 0;
}

int pool_create(const struct troth_postgres *postgres, uint32_t count, struct pool **ret_pool)
{
    struct pool *pool = calloc(1, sizeof *pool);
    int error = 0;

    if (pool == NULL) {
        return TROTH_ERROR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&pool->lock, NULL); /* never fails with default attributes */
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
    struct worker *worker;

    task->next = NULL;
    pthread_mutex_lock(&pool->lock);
    worker = pool->idle;
    if (worker != NULL) {
        pool->idle = worker->next_idle;
        worker->task = task;
    } else {
        *pool->last = task;
        pool->last = &task->next;
    }
    pthread_mutex_unlock(&pool->lock);
    if (worker != NULL) {
        pthread_cond_signal(&worker->wake);
    }
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
    for (i = 0; i < pool->started; i++) {
        (void)pthread_cond_signal(&pool->workers[i].wake);
        (void)pthread_join(pool->workers[i].thread, NULL); /* ours, joined once */
        pthread_cond_destroy(&pool->workers[i].wake);
    }
    task = pool->first;
    while (task != NULL) {
        struct troth_reply *next = task->next;

        troth_reply_retry(task, 0, "the participant is shutting down");
        task = next;
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}
