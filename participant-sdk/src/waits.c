/* waits.c: who waits for whose locks (protocol.md, section 4, "Conflict").
 *
 * What is prepared waits nowhere that PostgreSQL could see, so two transactions that prepare in
 * order can wait for each other inside one database, where one of them has two steps. Nobody sees
 * the circle; so it is broken by age: who has waited for LOOK_AFTER_US asks, from another
 * connection, who holds the lock, and gives way to an older transaction whose branch has been
 * prepared for STUCK_US [NOAGE]. The youngest of a circle does. Waiting on is right for all others,
 * and keeps their places: in a queue that moves, the holder has been prepared for milliseconds.
 *
 *   the loop's timer -> a phase-2 thread asks the database about all who have waited for long
 *   -> pg_cancel_backend() of those that give way -> their own threads answer the conflict
 *
 * And those who wait must not keep everybody else out: when every slot is taken, and more than half
 * of them wait for a lock that does not move, the youngest give way until half of the slots are
 * free. */
#include "waits.h"

#include <assert.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "inside.h"
#include "pool.h"
#include "resource.h"
#include "say.h"
#include "session.h"
#include "sql.h"
#include "task.h"

#define SQLSTATE_LOCK_TIMEOUT "55P03"
#define TICK_US               100000u
#define LOOK_AFTER_US         UINT64_C(500000) /* or half of the time that it may wait, */
#define LOOK_LEAST_US         UINT64_C(250000) /* which is no less: others are soon told anyway */
#define LOOK_EVERY_US         UINT64_C(250000)
/* A holder that has been prepared for so long may be waiting itself, elsewhere. */
#define STUCK_US       UINT64_C(500000)
#define CROWD_AFTER_US UINT64_C(1000000)

struct waits {
    struct troth_postgres *postgres;
    struct event *timer;
    bool looking; /* loop thread */
    pthread_mutex_t lock;
    struct session *first; /* whose threads work in phase 1 */
    uint32_t count;
};

/* What the database says of one that waits. */
struct holder {
    int waiter;
    bool ours, prepared;
    troth_gtid gtid;
    uint32_t attempt;
    uint64_t held_us; /* so long it has been prepared */
    const char *words;
};

int waits_create(struct troth_postgres *postgres, struct waits **ret_waits)
{
    struct waits *waits = calloc(1, sizeof *waits);
    if (waits == NULL)
        return TROTH_ERROR_NO_MEMORY;
    waits->postgres = postgres;
    (void)pthread_mutex_init(&waits->lock, NULL); /* never fails with default attributes */
    *ret_waits = waits;
    return 0;
}

void waits_detach(struct waits *waits)
{
    if (waits->timer != NULL) {
        event_free(waits->timer);
        waits->timer = NULL;
    }
}

void waits_destroy(struct waits *waits)
{
    if (waits == NULL)
        return;
    waits_detach(waits);
    pthread_mutex_destroy(&waits->lock);
    free(waits);
}

/* --- phase-1 threads -------------------------------------------------------------------------- */

static bool is_of(const struct wait *wait, const struct troth_call *call)
{
    return wait->branch == call->branch && troth_gtid_equal(&wait->gtid, &call->gtid) &&
           strcmp(wait->journal, call->journal) == 0;
}

/* Under the lock: the same call works, and its guard row will come behind its work, where whoever
 * has the row meanwhile would keep it from being written. (Others may have answered already.) */
static bool is_there(const struct waits *waits, const struct troth_call *call)
{
    const struct session *session = waits->first;
    while (session != NULL && !(session->wait.behind && session->wait.attempt == call->attempt &&
                                is_of(&session->wait, call)))
        session = session->wait.next;
    return session != NULL;
}

/* Under the lock. false: the same is there. */
static bool enter(struct waits *waits, struct session *session, const struct troth_reply *task,
                  bool behind)
{
    struct wait *wait = &session->wait;
    if (is_there(waits, &task->call))
        return false;
    assert(session->connection != NULL && wait->prev == NULL && waits->first != session);
    memset(wait, 0, sizeof *wait);
    /* Copied: the task has gone with its answer before the session leaves. */
    memcpy(wait->journal, task->call.journal, sizeof wait->journal);
    wait->gtid = task->call.gtid;
    wait->branch = task->call.branch;
    wait->attempt = task->call.attempt;
    wait->ordered = task->call.ordered;
    wait->behind = behind;
    wait->began_us = task->began_us;
    wait->lock_wait_us = task->call.lock_wait_us;
    wait->pid = PQbackendPID(session->connection);
    wait->next = waits->first;
    if (wait->next != NULL)
        wait->next->wait.prev = session;
    waits->first = session;
    waits->count++;
    return true;
}

bool waits_enter(struct waits *waits, struct session *session, const struct troth_reply *task)
{
    bool entered;
    pthread_mutex_lock(&waits->lock);
    entered = enter(waits, session, task, false);
    pthread_mutex_unlock(&waits->lock);
    return entered;
}

bool waits_try_enter(struct waits *waits, struct session *session, const struct troth_reply *task)
{
    bool entered;
    if (pthread_mutex_trylock(&waits->lock) != 0)
        return false;
    entered = enter(waits, session, task, true);
    pthread_mutex_unlock(&waits->lock);
    return entered;
}

/* Under the lock. */
static void leave(struct waits *waits, const struct session *session)
{
    const struct wait *wait = &session->wait;
    assert(waits->count > 0 && (wait->prev != NULL || waits->first == session));
    if (wait->prev != NULL)
        wait->prev->wait.next = wait->next;
    else
        waits->first = wait->next;
    if (wait->next != NULL)
        wait->next->wait.prev = wait->prev;
    waits->count--;
}

void waits_leave(struct waits *waits, struct session *session)
{
    pthread_mutex_lock(&waits->lock);
    leave(waits, session);
    pthread_mutex_unlock(&waits->lock);
}

bool waits_try_leave(struct waits *waits, struct session *session)
{
    if (pthread_mutex_trylock(&waits->lock) != 0)
        return false;
    leave(waits, session);
    pthread_mutex_unlock(&waits->lock);
    return true;
}

bool waits_ended(struct waits *waits, const struct session *session)
{
    bool ended;
    pthread_mutex_lock(&waits->lock);
    ended = session->wait.ended;
    pthread_mutex_unlock(&waits->lock);
    return ended;
}

bool waits_conflict(const struct session *session)
{
    return strcmp(session->failed, SQLSTATE_LOCK_TIMEOUT) == 0 || session_again(session) ||
           (strcmp(session->failed, SQLSTATE_CANCELLED) == 0 &&
            waits_ended(session->postgres->waits, session));
}

/* --- giving way ------------------------------------------------------------------------------- */

static uint64_t look_after_us(const struct waits *waits, const struct session *session)
{
    const uint64_t told = session->wait.lock_wait_us;
    const uint64_t half = (told != 0 ? told : waits->postgres->lock_timeout_us) / 2;
    return half < LOOK_LEAST_US ? UINT64_MAX : half < LOOK_AFTER_US ? half : LOOK_AFTER_US;
}

static bool crowded(const struct waits *waits)
{
    return waits->count >= waits->postgres->slots;
}

/* Under the lock: for long enough to ask for whom. */
static bool waits_long(const struct waits *waits, const struct session *session, uint64_t now_us)
{
    const uint64_t waited = now_us - session->wait.began_us;
    return !session->wait.ended && (waited >= look_after_us(waits, session) ||
                                    (crowded(waits) && waited >= CROWD_AFTER_US));
}

/* Under the lock: and it was not asked just now. */
static bool to_look(const struct waits *waits, const struct session *session, uint64_t now_us)
{
    const uint64_t looked_us = session->wait.looked_us;
    return waits_long(waits, session, now_us) &&
           (looked_us == 0 || now_us - looked_us >= LOOK_EVERY_US);
}

static struct session *find(const struct waits *waits, int pid)
{
    struct session *session = waits->first;
    while (session != NULL && session->wait.pid != pid)
        session = session->wait.next;
    return session;
}

/* Older: by time, shard, epoch and counter, which is the order of a gtid's bytes; never a younger
 * one, or the older would not get on [ANYAGE]. Its own
 * transaction is no younger one, but waiting for what it has prepared itself has no end; what an
 * attempt before this one has left is about to go. */
static bool gives_way_to(const struct wait *wait, const struct holder *holder)
{
    const int order = memcmp(wait->gtid.bytes, holder->gtid.bytes, sizeof wait->gtid.bytes);
    return wait->ordered && holder->ours && holder->prepared &&
           ((order > 0 && holder->held_us >= STUCK_US) ||
            (order == 0 && holder->attempt == wait->attempt));
}

static bool is_own(const struct wait *wait, const struct holder *holder)
{
    return holder->ours && troth_gtid_equal(&wait->gtid, &holder->gtid);
}

/* Under the lock. A session of this process that the database does not know by its branch's name
 * (single.c). */
static void know_own(const struct waits *waits, struct holder *holder)
{
    const struct session *session;
    int pid = 0;
    if (holder->ours || sscanf(holder->words, "pid %d,", &pid) != 1)
        return;
    session = find(waits, pid);
    if (session == NULL)
        return;
    holder->ours = true;
    holder->gtid = session->wait.gtid;
    holder->attempt = session->wait.attempt;
}

/* A session of ours that holds the lock works, and ends by itself; one of somebody else's may hold
 * it for as long as it likes. What an earlier attempt of its own has left is nobody's to name: a
 * blocker of the same gtid is another step of this attempt [OWNLOCK]. */
static void keep_holder(struct wait *wait, const struct holder *holder, uint64_t now_us)
{
    wait->known = true;
    wait->ours = holder->ours && (!is_own(wait, holder) || holder->attempt == wait->attempt);
    wait->blocker = holder->gtid;
    wait->stuck = now_us - wait->began_us >= CROWD_AFTER_US &&
                  (holder->prepared ? holder->held_us >= CROWD_AFTER_US : !holder->ours);
    (void)snprintf(wait->holder, sizeof wait->holder, "%s", holder->words);
}

/* Under the lock, so that the session is still in the call that was looked at. A signal that comes
 * too late finds it between two statements, and does nothing. */
static void end_wait(struct session *asking, struct session *session, const char *why)
{
    struct sql_parameters parameters = {.count = 0};
    struct sql_error error;
    PGresult *result = NULL;
    (void)snprintf(session->wait.why, sizeof session->wait.why, "%s", why);
    session->wait.ended = true;
    sql_int4(&parameters, (uint32_t)session->wait.pid);
    if (session_run(asking, SQL_CANCEL, &parameters, &result, &error) != SQL_OK)
        session->wait.ended = false; /* it waits on; the next look comes to the same end */
    PQclear(result);
}

/* --- attempts of one branch ------------------------------------------------------------------- */

bool waits_higher(struct waits *waits, const struct troth_call *call)
{
    const struct session *session;
    bool found = false;
    pthread_mutex_lock(&waits->lock);
    for (session = waits->first; session != NULL && !found; session = session->wait.next)
        found = is_of(&session->wait, call) && session->wait.attempt > call->attempt;
    pthread_mutex_unlock(&waits->lock);
    return found;
}

void waits_end_lower(struct waits *waits, struct session *asking, const struct troth_call *call,
                     uint32_t through)
{
    struct session *session;
    pthread_mutex_lock(&waits->lock);
    for (session = waits->first; session != NULL && asking->connection != NULL;
         session = session->wait.next)
        if (is_of(&session->wait, call) && session->wait.attempt <= through && !session->wait.ended)
            end_wait(asking, session, "its attempt was ended");
    pthread_mutex_unlock(&waits->lock);
}

/* --- looking, on a phase-2 thread ------------------------------------------------------------- */

/* "{12,34}": the backends of all that have waited for long, also of those that were looked at just
 * now: how many they are counts, too. */
static void list_waiting(struct waits *waits, struct buffer *list)
{
    const uint64_t now_us = task_now_us();
    struct session *session;
    buffer_append_char(list, '{');
    pthread_mutex_lock(&waits->lock);
    for (session = waits->first; session != NULL; session = session->wait.next) {
        if (waits_long(waits, session, now_us)) {
            buffer_append_format(list, "%s%d", list->len > 1 ? "," : "", session->wait.pid);
            session->wait.looked_us = now_us;
        }
    }
    pthread_mutex_unlock(&waits->lock);
    buffer_append_char(list, '}');
}

static void holder_read(const PGresult *result, int row, struct holder *ret_holder)
{
    const char *gtid = PQgetvalue(result, row, 1);
    memset(ret_holder, 0, sizeof *ret_holder);
    ret_holder->waiter = atoi(PQgetvalue(result, row, 0));
    ret_holder->ours = troth_gtid_parse(gtid, strlen(gtid), &ret_holder->gtid) == 0;
    ret_holder->attempt = (uint32_t)strtoul(PQgetvalue(result, row, 2), NULL, 10);
    ret_holder->prepared = PQgetvalue(result, row, 3)[0] == 't';
    ret_holder->words = PQgetvalue(result, row, 4);
    ret_holder->held_us = strtoull(PQgetvalue(result, row, 5), NULL, 10);
}

/* Under the lock: the youngest of those that the answer names and that get no further; NULL:
 * nobody. */
static struct session *youngest(const struct waits *waits, const PGresult *result,
                                uint32_t *ret_waiting)
{
    struct session *found = NULL;
    int row;
    *ret_waiting = 0;
    for (row = 0; row < PQntuples(result); row++) {
        struct session *session = find(waits, atoi(PQgetvalue(result, row, 0)));

        if (session == NULL || session->wait.ended || !session->wait.stuck)
            continue;
        (*ret_waiting)++;
        if (found == NULL ||
            memcmp(session->wait.gtid.bytes, found->wait.gtid.bytes, sizeof(troth_gtid)) > 0)
            found = session;
    }
    return found;
}

static void by_age(struct waits *waits, struct session *asking, const PGresult *result)
{
    struct holder holder;
    struct session *session;
    int row;
    for (row = 0; row < PQntuples(result) && asking->connection != NULL; row++) {
        holder_read(result, row, &holder);
        pthread_mutex_lock(&waits->lock);
        session = find(waits, holder.waiter);
        if (session != NULL && !session->wait.ended) {
            know_own(waits, &holder);
            keep_holder(&session->wait, &holder, task_now_us());
            if (gives_way_to(&session->wait, &holder)) {
                end_wait(asking, session,
                         is_own(&session->wait, &holder)
                             ? "another step of this transaction has locked what this one needs"
                             : "it gives way to an older transaction");
            }
        }
        pthread_mutex_unlock(&waits->lock);
    }
}

static void by_room(struct waits *waits, struct session *asking, const PGresult *result)
{
    const uint32_t keep = waits->postgres->slots < 2 ? 1 : waits->postgres->slots / 2;
    struct session *session = NULL;
    uint32_t waiting;
    do {
        pthread_mutex_lock(&waits->lock);
        session = crowded(waits) ? youngest(waits, result, &waiting) : NULL;
        if (session != NULL && waiting > keep)
            end_wait(asking, session, "every connection is taken, most of them wait for locks");
        else
            session = NULL;
        pthread_mutex_unlock(&waits->lock);
    } while (session != NULL && asking->connection != NULL);
}

static void waits_run(struct session *asking, struct troth_reply *task)
{
    struct waits *waits = task->done_arg;
    struct buffer list BUFFER_SCOPED = {0};
    struct sql_parameters parameters = {.count = 0};
    struct sql_error error;
    PGresult *result = NULL;
    const char *pids;
    list_waiting(waits, &list);
    pids = buffer_text(&list);
    sql_text(&parameters, pids);
    if (pids != NULL && session_open(asking) == 0 &&
        session_run(asking, SQL_HOLDERS, &parameters, &result, &error) == SQL_OK) {
        by_age(waits, asking, result);
        by_room(waits, asking, result);
    }
    PQclear(result);
    troth_reply_done(task, TROTH_BRANCH_UNSAID, (struct troth_span){NULL, 0});
}

/* --- loop ------------------------------------------------------------------------------------- */

static void on_looked(void *arg, const struct result *result)
{
    struct waits *waits = arg;
    (void)result;
    waits->looking = false;
}

static bool anybody(struct waits *waits)
{
    const uint64_t now_us = task_now_us();
    const struct session *session;
    bool found = false;
    if (pthread_mutex_trylock(&waits->lock) != 0)
        return false; /* the loop waits for nobody: the next tick looks again */
    for (session = waits->first; session != NULL && !found; session = session->wait.next)
        found = to_look(waits, session, now_us);
    pthread_mutex_unlock(&waits->lock);
    return found;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    const struct command command = {.op = OP_STATUS, .operation = {"", 0}};
    struct waits *waits = arg;
    struct troth_reply *task;
    (void)fd;
    (void)what;
    if (waits->looking || waits->postgres->closing || !anybody(waits))
        return;
    task = task_create(waits->postgres->participant->mailbox, &command, "", task_now_us());
    if (task == NULL)
        return;
    waits->looking = true;
    task->done = on_looked;
    task->done_arg = waits;
    task->run = waits_run;
    pool_give(waits->postgres->phase2, task);
}

void waits_attached(struct waits *waits, struct event_base *base)
{
    const struct timeval every = {.tv_usec = TICK_US};
    if (waits->timer != NULL)
        return;
    waits->timer = event_new(base, -1, EV_PERSIST, on_tick, waits);
    if (waits->timer == NULL || event_add(waits->timer, &every) != 0) {
        participant_say(waits->postgres->participant, TROTH_SEVERITY_ERROR,
                        "event=no_look_at_waits reason=memory");
    }
}
