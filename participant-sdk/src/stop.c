/* stop.c: the end of the PostgreSQL resource, in its time whatever the database does.
 *
 *   nothing new is begun -> what runs may end -> connections are cut, so that nothing waits for the
 *   database any more -> who has not come back even so stays behind, with what he uses
 *
 * The last are threads in the service's own code, or in the system's look-up of a name. */
#include "stop.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "committer.h"
#include "inside.h"
#include "operations.h"
#include "outputs.h"
#include "participant.h"
#include "pool.h"
#include "resource.h"
#include "say.h"
#include "scan.h"
#include "single.h"
#include "sweep.h"
#include "task.h"
#include "tls_files.h"
#include "turns.h"
#include "waits.h"

#define CUT_US_MAX                                                                                 \
    1000000u /* before the end: the time to come back from a connection that was cut */

bool postgres_end_pools(struct troth_postgres *postgres, uint64_t end_us)
{
    bool first, second;
    pool_close(postgres->phase1);
    pool_close(postgres->phase2);
    (void)pool_wait(postgres->phase1, end_us);
    (void)pool_wait(postgres->phase2, end_us);
    first = pool_destroy(postgres->phase1);
    second = pool_destroy(postgres->phase2);
    if (first)
        postgres->phase1 = NULL;
    if (second)
        postgres->phase2 = NULL;
    return first && second;
}

static void drain(struct troth_postgres *postgres)
{
    if (postgres->participant->loop != NULL)
        participant_drain(postgres->participant);
}

/* false: threads stay behind. */
static bool stop(struct troth_postgres *postgres)
{
    const uint64_t end_us = task_now_us() + postgres->stop_timeout_us;
    const uint64_t share_us = postgres->stop_timeout_us / 4;
    const uint64_t cut_us = end_us - (share_us < CUT_US_MAX ? share_us : CUT_US_MAX);
    bool ended;
    pool_end_lending(postgres->phase1, single_finish);
    committer_close(postgres->committer, cut_us);
    pool_close(postgres->phase1);
    pool_close(postgres->phase2);
    ended = pool_wait(postgres->phase1, cut_us);
    ended = pool_wait(postgres->phase2, cut_us) && ended;
    if (!ended) {
        participant_say(postgres->participant, TROTH_SEVERITY_WARNING,
                        "event=stop_cut reason=\"calls were still under way: their connections to"
                        " the database are cut\"");
        pool_cut(postgres->phase1);
        pool_cut(postgres->phase2);
    }
    committer_cut(postgres->committer);
    drain(postgres);
    ended = postgres_end_pools(postgres, end_us);
    /* Answers of the threads, also the scan's own, leave while what they point to is there. */
    drain(postgres);
    if (!ended) {
        participant_say(postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=stop_left reason=\"threads have not come back from the service's own"
                        " code: they and what they use stay until the process ends\"");
    }
    return ended;
}

/* What a thread may still use stays. */
static void leave(struct troth_postgres *postgres)
{
    committer_leave(postgres->committer);
    scan_leave(postgres->scan);
    sweep_leave(postgres->sweep);
    waits_detach(postgres->waits);
    pthread_mutex_lock(&postgres->saying);
    postgres->participant = NULL;
    pthread_mutex_unlock(&postgres->saying);
}

static void free_all(struct troth_postgres *postgres)
{
    struct pg_operation *operation;
    committer_destroy(postgres->committer);
    scan_destroy(postgres->scan);
    sweep_destroy(postgres->sweep);
    waits_destroy(postgres->waits);
    turns_destroy(postgres->turns);
    outputs_destroy(postgres->outputs);
    while ((operation = postgres->operations) != NULL) {
        postgres->operations = operation->next;
        operation_free(operation);
    }
    hosts_finish(&postgres->hosts);
    pthread_mutex_destroy(&postgres->saying);
    free(postgres->conninfo);
    free(postgres->coordinator);
    free(postgres->resolver);
    tls_files_destroy(postgres->coordinator_tls);
    free(postgres->api_key_file);
    free(postgres);
}

int troth_postgres_destroy(struct troth_postgres *postgres)
{
    if (postgres == NULL)
        return 0;
    if (pool_is_here()) /* it would wait for itself */
        return TROTH_ERROR_INVALID;
    postgres->closing = true;
    operations_detach(postgres);
    if (postgres->look != NULL)
        event_free(postgres->look);
    if (stop(postgres))
        free_all(postgres);
    else
        leave(postgres);
    return 0;
}
