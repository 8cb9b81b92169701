/* resource.h: what the PostgreSQL resource is made of.
 *
 * Each connection has a thread: `work` is the service's own blocking SQL, so that the loop stays
 * free. Two pools, phase 1 (prepare, execute) and phase 2 (abort, compensate, status, scan, sweep,
 * and what the committer does not do by itself on the loop's thread), so that phase 2 never waits
 * behind work that waits for locks only phase 2 frees (protocol.md, section 4; faults.md 40). */
#ifndef SDK_RESOURCE_H
#define SDK_RESOURCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <hosts/hosts.h>
#include <troth/postgres.h>

#include "statement.h"

struct committer;
struct event;
struct event_base;
struct outputs;
struct pool;
struct scan;
struct sweep;
struct turns;
struct waits;

#define PG_CONNECTIONS_MAX 1000u

struct pg_operation {
    struct pg_operation *next;
    struct troth_postgres *postgres;
    struct troth_postgres_operation is; /* a statement in it stands below; work runs it, too */
    void *work_arg, *undo_arg;
    struct pg_statement statement, undo;
    uint32_t not_brief; /* loop thread: so many more of its commands are not (single.c) */
};

struct troth_postgres {
    struct troth_participant *participant;
    char *conninfo;
    char *coordinator;                 /* NULL: none */
    char *resolver;                    /* NULL: resolv.conf's */
    struct tls_files *coordinator_tls; /* NULL: the client's default */
    char *api_key_file;                /* shown to the coordinator; NULL: none */
    uint32_t slots;
    uint32_t phase2_connections;
    uint64_t lock_timeout_us;
    uint64_t guard_timeout_us;
    uint64_t answer_timeout_us;
    uint64_t work_timeout_us;
    uint64_t stop_timeout_us;
    struct hosts hosts;
    _Atomic unsigned host;     /* of them: who was good last */
    _Atomic unsigned replaced; /* so often operations were: connections forget their statements */
    struct event *look;        /* for answers that are late */
    struct event_base *base;   /* NULL: not attached */
    pthread_mutex_t saying;    /* around `participant` where a thread has something to say */
    uint64_t scan_interval_us;
    uint64_t sweep_interval_us;
    struct pg_operation *operations;
    struct pg_operation others; /* stands for those that are not here: without work */
    bool closing;               /* loop thread: nothing new is begun */
    struct outputs *outputs;
    struct pool *phase1;
    struct pool *phase2;
    struct committer *committer;
    struct scan *scan;
    struct sweep *sweep;
    struct waits *waits;
    struct turns *turns;
};

#endif
