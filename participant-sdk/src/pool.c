/* pool.c: the threads of one phase, a connection each, and the queue they share.
 *
 * Who became idle last works next: its thread, and more so its backend of the database, has what it
 * needs in the processor's caches, and the others sleep on. */
#include "pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <base/now.h>

#include "connection.h"
#include "task.h"
#include "watch.h"

struct worker {
    pthread_t thread;
    pthread_cond_t wake;
    struct troth_reply *task; /* given while it was idle */
    struct worker *next_idle;
    struct pool *pool;
    struct session session;
    void (*leave)(struct session *session); /* see pool_lend(); NULL: it was never lent */
    bool ended;
};

struct pool {
    pthread_mutex_t lock;
    struct worker *idle;
    struct troth_reply *first; /* nobody is idle; bounded by the participant's pending_max */
    struct troth_reply **last;
    bool stop;
    uint32_t started;
    uint32_t ended;
    pthread_cond_t all_ended;
    struct worker *workers;
};

static struct troth_reply *queue_take(struct pool *pool)
{
    struct troth_reply *task = pool->first;
    if (task != NULL) {
        pool->first = task->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
    }
    return task;
}

/* Whose connection is gone stands behind those that have one. */
static void become_idle(struct worker *worker)
{
    struct worker **at = &worker->pool->idle;
    while (worker->session.connection == NULL && *at != NULL)
        at = &(*at)->next_idle;
    worker->next_idle = *at;
    *at = worker;
}

/* The next task, or NULL: stop. */
static struct troth_reply *next_task(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct troth_reply *task;
    pthread_mutex_lock(&pool->lock);
    task = pool->stop ? NULL : queue_take(pool);
    if (task == NULL && !pool->stop) {
        become_idle(worker);
        while (worker->task == NULL && !pool->stop)
            pthread_cond_wait(&worker->wake, &pool->lock);
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
        session_begin_task(&worker->session, task);
        task->run(&worker->session, task);
        session_end_task(&worker->session);
    }
    session_close(&worker->session);
    pthread_mutex_lock(&worker->pool->lock);
    worker->ended = true;
    worker->pool->ended++;
    pthread_cond_signal(&worker->pool->all_ended);
    pthread_mutex_unlock(&worker->pool->lock);
    return NULL;
}

/* The host's signals stay with the host's threads. */
static int start(struct worker *worker)
{
    sigset_t all, before;
    int error;
    (void)sigfillset(&all); /* cannot fail */
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return TROTH_ERROR_SYSTEM;
    (void)pthread_cond_init(&worker->wake, NULL); /* never fails with default attributes */
    error = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* the same call has just succeeded */
    if (error != 0) {
        (void)pthread_cond_destroy(&worker->wake);
        return TROTH_ERROR_SYSTEM;
    }
    return 0;
}

static void init_all_ended(struct pool *pool)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes); /* none of these fails with valid arguments */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pool->all_ended, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int pool_create(struct troth_postgres *postgres, uint32_t count, struct pool **ret_pool)
{
    struct pool *pool = calloc(1, sizeof *pool);
    int error = 0;
    if (pool == NULL)
        return TROTH_ERROR_NO_MEMORY;
    pool->workers = calloc(count, sizeof *pool->workers);
    if (pool->workers == NULL) {
        free(pool);
        return TROTH_ERROR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&pool->lock, NULL); /* never fails with default attributes */
    init_all_ended(pool);
    pool->last = &pool->first;
    while (error == 0 && pool->started < count) {
        struct worker *worker = &pool->workers[pool->started];

        worker->pool = pool;
        session_init(&worker->session, postgres);
        error = start(worker);
        if (error == 0)
            pool->started++;
        else
            session_finish(&worker->session);
    }
    if (error != 0) {
        pool_close(pool);
        (void)pool_wait(pool, UINT64_MAX); /* they have nothing to do */
        (void)pool_destroy(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

/* Its thread goes on, with the session as its own. */
static void wake(struct worker *worker, struct troth_reply *task)
{
    if (worker->leave != NULL)
        worker->leave(&worker->session);
    pthread_mutex_lock(&worker->pool->lock);
    worker->task = task;
    pthread_mutex_unlock(&worker->pool->lock);
    pthread_cond_signal(&worker->wake);
}

void pool_give(struct pool *pool, struct troth_reply *task)
{
    struct worker *worker;
    assert(task->run != NULL);
    task->next = NULL;
    pthread_mutex_lock(&pool->lock);
    worker = pool->idle;
    if (worker != NULL) {
        pool->idle = worker->next_idle;
    } else {
        *pool->last = task;
        pool->last = &task->next;
    }
    pthread_mutex_unlock(&pool->lock);
    if (worker != NULL)
        wake(worker, task);
}

/* --- lending ---------------------------------------------------------------------------------- */

static struct worker *worker_of(struct session *session)
{
    return (struct worker *)(void *)((char *)session - offsetof(struct worker, session));
}

static bool is_good(const struct session *session)
{
    return session->connection != NULL && !session_is_outdated(session) &&
           PQstatus(session->connection) == CONNECTION_OK &&
           PQtransactionStatus(session->connection) == PQTRANS_IDLE;
}

struct session *pool_lend(struct pool *pool, void (*leave)(struct session *session))
{
    struct session *session = NULL;
    pthread_mutex_lock(&pool->lock);
    if (!pool->stop && pool->idle != NULL && is_good(&pool->idle->session)) {
        session = &pool->idle->session;
        pool->idle->leave = leave;
        pool->idle = pool->idle->next_idle;
    }
    pthread_mutex_unlock(&pool->lock);
    return session;
}

void pool_give_back(struct session *session)
{
    struct worker *worker = worker_of(session);
    struct troth_reply *task;
    assert(worker->task == NULL);
    pthread_mutex_lock(&worker->pool->lock);
    task = queue_take(worker->pool);
    if (task == NULL)
        become_idle(worker);
    pthread_mutex_unlock(&worker->pool->lock);
    if (task != NULL)
        wake(worker, task);
}

void pool_hand_over(struct session *session, struct troth_reply *task)
{
    wake(worker_of(session), task);
}

void pool_end_lending(struct pool *pool, void (*finish)(struct session *session))
{
    uint32_t i;
    for (i = 0; pool != NULL && i < pool->started; i++)
        finish(&pool->workers[i].session);
}

void pool_look(struct pool *pool, uint64_t now_us)
{
    uint32_t i;
    for (i = 0; i < pool->started; i++)
        watch_look(&pool->workers[i].session.watch, now_us);
}

void pool_close(struct pool *pool)
{
    struct troth_reply *task;
    uint32_t i;
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    task = pool->first;
    pool->first = NULL;
    pool->last = &pool->first;
    pthread_mutex_unlock(&pool->lock);
    for (i = 0; i < pool->started; i++)
        (void)pthread_cond_signal(&pool->workers[i].wake);
    while (task != NULL) {
        struct troth_reply *next = task->next;

        troth_reply_retry(task, 0, "the participant is shutting down");
        task = next;
    }
}

bool pool_wait(struct pool *pool, uint64_t until_us)
{
    const struct timespec until = timespec_of(until_us);
    bool all;
    if (pool == NULL)
        return true;
    pthread_mutex_lock(&pool->lock);
    while (pool->ended < pool->started &&
           pthread_cond_timedwait(&pool->all_ended, &pool->lock, &until) == 0) {
    }
    all = pool->ended == pool->started;
    pthread_mutex_unlock(&pool->lock);
    return all;
}

void pool_cut(struct pool *pool)
{
    uint32_t i;
    for (i = 0; pool != NULL && i < pool->started; i++)
        watch_end(&pool->workers[i].session.watch);
}

bool pool_destroy(struct pool *pool)
{
    uint32_t i;
    if (pool == NULL)
        return true;
    if (!pool_wait(pool, 0)) {
        for (i = 0; i < pool->started; i++)
            (void)pthread_detach(pool->workers[i].thread); /* ours, and not joined */
        return false;
    }
    for (i = 0; i < pool->started; i++) {
        (void)pthread_join(pool->workers[i].thread, NULL); /* ours, joined once */
        pthread_cond_destroy(&pool->workers[i].wake);
        session_finish(&pool->workers[i].session);
    }
    pthread_cond_destroy(&pool->all_ended);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
    return true;
}
