/* postgres.c: making and starting the PostgreSQL resource. */
#include <troth/postgres.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "committer.h"
#include "footing.h"
#include "inside.h"
#include "operations.h"
#include "outputs.h"
#include "participant.h"
#include "pool.h"
#include "resource.h"
#include "say.h"
#include "scan.h"
#include "sized.h"
#include "stop.h"
#include "sweep.h"
#include "task.h"
#include "tls_files.h"
#include "turns.h"
#include "waits.h"

#define LOCK_TIMEOUT_DEFAULT_US   UINT64_C(1000000)
#define GUARD_TIMEOUT_DEFAULT_US  UINT64_C(200000)
#define ANSWER_TIMEOUT_DEFAULT_US UINT64_C(10000000)
#define WORK_TIMEOUT_DEFAULT_US   UINT64_C(300000000)
#define STOP_TIMEOUT_DEFAULT_US   UINT64_C(5000000)
#define LOOK_MS                   250 /* so often late answers are looked for */
#define SCAN_INTERVAL_DEFAULT_US  UINT64_C(5000000)
#define SWEEP_INTERVAL_DEFAULT_US UINT64_C(60000000)
#define OUTPUTS_DEFAULT           4096u
#define OUTPUTS_MAX               1000000u

/* --- making ----------------------------------------------------------------------------------- */

static void on_news(void *arg, enum server_news news)
{
    struct troth_postgres *postgres = arg;
    (void)news; /* both mean: ask about everything, now */
    troth_postgres_scan(postgres);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct troth_postgres *postgres = arg;
    const uint64_t now_us = task_now_us();
    (void)fd;
    (void)what;
    pool_look(postgres->phase1, now_us);
    pool_look(postgres->phase2, now_us);
    committer_look(postgres->committer, now_us);
}

static void look_from_now_on(struct troth_postgres *postgres, struct event_base *base)
{
    const struct timeval every = {.tv_usec = LOOK_MS * 1000};
    if (postgres->look != NULL)
        return;
    postgres->look = event_new(base, -1, EV_PERSIST, on_look, postgres);
    if (postgres->look == NULL || event_add(postgres->look, &every) != 0)
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR, "event=no_look reason=memory");
}

static void on_attached(void *arg, struct event_base *base)
{
    struct troth_postgres *postgres = arg;
    postgres->base = base;
    if (postgres->phase2 != NULL) {
        look_from_now_on(postgres, base);
        committer_attached(postgres->committer, base);
        scan_attached(postgres->scan, base);
        sweep_attached(postgres->sweep, base);
        waits_attached(postgres->waits, base);
    }
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static bool config_valid(const struct troth_postgres_config *config)
{
    return config->conninfo != NULL && config->slots <= PG_CONNECTIONS_MAX &&
           config->phase2_connections <= PG_CONNECTIONS_MAX &&
           config->cached_outputs <= OUTPUTS_MAX;
}

static int fill(struct troth_postgres *made, const struct troth_postgres_config *config)
{
    int error;
    made->slots = (uint32_t)or_default(config->slots, TROTH_SLOTS_DEFAULT);
    made->phase2_connections =
        (uint32_t)or_default(config->phase2_connections, TROTH_POSTGRES_PHASE2_DEFAULT);
    made->lock_timeout_us = or_default(config->lock_timeout_us, LOCK_TIMEOUT_DEFAULT_US);
    made->guard_timeout_us = or_default(config->guard_timeout_us, GUARD_TIMEOUT_DEFAULT_US);
    made->answer_timeout_us = or_default(config->answer_timeout_us, ANSWER_TIMEOUT_DEFAULT_US);
    made->work_timeout_us = or_default(config->work_timeout_us, WORK_TIMEOUT_DEFAULT_US);
    made->stop_timeout_us = or_default(config->stop_timeout_us, STOP_TIMEOUT_DEFAULT_US);
    made->scan_interval_us = or_default(config->scan_interval_us, SCAN_INTERVAL_DEFAULT_US);
    made->sweep_interval_us = or_default(config->sweep_interval_us, SWEEP_INTERVAL_DEFAULT_US);
    made->conninfo = strdup(config->conninfo);
    made->coordinator = config->coordinator == NULL ? NULL : strdup(config->coordinator);
    made->resolver = config->resolver == NULL ? NULL : strdup(config->resolver);
    if (made->conninfo == NULL || (config->coordinator != NULL && made->coordinator == NULL) ||
        (config->resolver != NULL && made->resolver == NULL))
        return TROTH_ERROR_NO_MEMORY;
    made->api_key_file = config->api_key_file == NULL ? NULL : strdup(config->api_key_file);
    if (config->api_key_file != NULL && made->api_key_file == NULL)
        return TROTH_ERROR_NO_MEMORY;
    error = tls_files_take(config->tls, NULL, NULL, &made->coordinator_tls);
    if (error == 0)
        error = hosts_init(&made->hosts, made->conninfo);
    if (error == 0) {
        error = outputs_create((uint32_t)or_default(config->cached_outputs, OUTPUTS_DEFAULT),
                               &made->outputs);
    }
    if (error == 0)
        error = scan_create(made, &made->scan);
    if (error == 0)
        error = sweep_create(made, &made->sweep);
    if (error == 0)
        error = waits_create(made, &made->waits);
    if (error == 0)
        error = turns_create(made->slots, &made->turns);
    return error;
}

int troth_postgres_create(struct troth_participant *participant,
                          const struct troth_postgres_config *config,
                          struct troth_postgres **ret_postgres)
{
    struct troth_postgres_config taken;
    struct troth_postgres *made;
    int error = SIZED_TAKE(&taken, config, struct troth_postgres_config, conninfo);
    if (error != 0 || participant == NULL || !config_valid(&taken) || ret_postgres == NULL)
        return TROTH_ERROR_INVALID;
    if (participant->resource != NULL)
        return TROTH_ERROR_EXISTS;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return TROTH_ERROR_NO_MEMORY;
    made->participant = participant;
    (void)pthread_mutex_init(&made->saying, NULL); /* never fails with default attributes */
    error = fill(made, &taken);
    if (error != 0) {
        (void)troth_postgres_destroy(made);
        return error;
    }
    participant_set_slots(participant, made->slots);
    participant->resource = made;
    participant->news = on_news;
    participant->attached = on_attached;
    operations_for_others(made);
    *ret_postgres = made;
    return 0;
}

/* --- starting --------------------------------------------------------------------------------- */

int troth_postgres_start(struct troth_postgres *postgres, char *ret_why, size_t why_cap)
{
    char own[512];
    char *why = ret_why == NULL || why_cap == 0 ? own : ret_why;
    const size_t cap = why == own ? sizeof own : why_cap;
    int error;
    why[0] = '\0';
    if (postgres->phase1 != NULL) {
        (void)snprintf(why, cap, "started already");
        return TROTH_ERROR_EXISTS;
    }
    error = footing_check(postgres, why, cap);
    if (error != 0) {
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=start_failed reason=\"%s\"", why);
        return error;
    }
    error = pool_create(postgres, postgres->phase2_connections, &postgres->phase2);
    if (error == 0)
        error = pool_create(postgres, postgres->slots, &postgres->phase1);
    if (error == 0)
        error = committer_create(postgres, postgres->phase2_connections, &postgres->committer);
    if (error != 0) {
        (void)snprintf(why, cap, "cannot start the connections' threads");
        postgres_end_pools(postgres, UINT64_MAX); /* they have nothing to do */
        return error;
    }
    if (postgres->participant->event_base != NULL)
        on_attached(postgres, postgres->participant->event_base);
    return 0;
}

void troth_postgres_scan(struct troth_postgres *postgres)
{
    if (postgres != NULL)
        scan_now(postgres->scan);
}
