/* watch.c: clients that follow the progress of a transaction.
 *
 * A watcher of a transaction in memory hangs on its entry and is told after each step what the core
 * noted in it. The journal answers for all others, which have ended. */
#include "watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <base/buffer.h>
#include <event2/event.h>
#include <txn/txn.h>

#include "answer.h"
#include "entry.h"
#include "queries.h"
#include "state.h"
#include "table.h"

struct watcher {
    LIST_ENTRY(watcher) of_driver;
    LIST_ENTRY(watcher) of_entry;
    struct driver *driver;
    struct entry *entry;   /* NULL: the journal is being asked */
    struct lookup *lookup; /* that question */
    troth_gtid gtid;
    api_progress_fn fn;
    void *arg;
    uint64_t told; /* of the moments noted so far */
    /* As last told. */
    const char *state; /* its word; NULL: not told yet */
    enum txn_outcome outcome;
    uint32_t attempt;
};

/* Outlives its watcher when that leaves before the answer. */
struct lookup {
    struct watcher *watcher; /* NULL: it has left */
};

/* --- a watcher's life ------------------------------------------------------------------------- */

static void stop_timer(struct driver *driver)
{
    if (driver->watch_timer != NULL) {
        event_free(driver->watch_timer);
        driver->watch_timer = NULL;
    }
}

static void watcher_destroy(struct watcher *watcher)
{
    LIST_REMOVE(watcher, of_driver);
    if (watcher->entry != NULL)
        LIST_REMOVE(watcher, of_entry);
    if (watcher->lookup != NULL)
        watcher->lookup->watcher = NULL;
    if (LIST_EMPTY(&watcher->driver->watchers))
        stop_timer(watcher->driver);
    free(watcher);
}

static void tell(struct watcher *watcher, enum api_progress_kind kind, const struct api_view *view,
                 struct troth_span moment)
{
    struct api_progress progress = {.kind = kind, .view = view, .moment = moment};
    watcher->fn(watcher->arg, NULL, &progress);
}

/* Freed before the last word: the watcher is nobody's any more while that is said. */
static void refuse(struct watcher *watcher, const struct api_problem *problem)
{
    api_progress_fn fn = watcher->fn;
    void *arg = watcher->arg;
    watcher_destroy(watcher);
    fn(arg, problem, NULL);
}

static void refuse_unavailable(struct watcher *watcher, enum api_why why)
{
    struct api_problem problem;
    api_refuse_unavailable(&problem, why);
    refuse(watcher, &problem);
}

static void tell_ended(struct watcher *watcher, const struct api_view *view)
{
    struct api_progress progress = {.kind = API_PROGRESS_ENDED, .view = view};
    api_progress_fn fn = watcher->fn;
    void *arg = watcher->arg;
    watcher_destroy(watcher);
    fn(arg, NULL, &progress);
}

/* --- what is new ------------------------------------------------------------------------------ */

/* A moment that there is no memory for comes with the next step. */
static void tell_moments(struct watcher *watcher)
{
    BUFFER_SCOPED struct buffer moment = {0};
    uint64_t told = watcher->told;
    while (txn_history_next(&watcher->entry->txn, &told, &moment) && !moment.failed) {
        watcher->told = told;
        tell(watcher, API_PROGRESS_MOMENT, NULL, buffer_span(&moment));
        buffer_clear(&moment);
    }
}

static void take_view(void *arg, const struct api_problem *problem, const struct api_view *view,
                      bool fresh)
{
    struct watcher *watcher = arg;
    (void)fresh;
    if (problem == NULL) /* else no memory: the next change of state is told */
        tell(watcher, API_PROGRESS_STATE, view, (struct troth_span){NULL, 0});
}

static void tell_state(struct watcher *watcher)
{
    const struct txn *txn = &watcher->entry->txn;
    watcher->state = txn_shown_name(txn);
    watcher->outcome = txn->outcome;
    watcher->attempt = txn->attempt;
    answer_progress(watcher->entry, take_view, watcher);
}

static bool state_is_new(const struct watcher *watcher)
{
    const struct txn *txn = &watcher->entry->txn;
    return watcher->state != txn_shown_name(txn) || watcher->outcome != txn->outcome ||
           watcher->attempt != txn->attempt;
}

void watch_step(struct entry *entry)
{
    if (LIST_EMPTY(&entry->watchers) || !answer_may_leave(entry->driver))
        return; /* told with the next step, where the lease is ours then */
    struct watcher *watcher = NULL;
    LIST_FOREACH(watcher, &entry->watchers, of_entry)
    {
        tell_moments(watcher);
        if (state_is_new(watcher) && !entry->ended) /* ended: told when the journal has it */
            tell_state(watcher);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void end_with_view(void *arg, const struct api_problem *problem, const struct api_view *view,
                          bool fresh)
{
    struct watcher *watcher = arg;
    (void)fresh;
    if (problem != NULL)
        refuse(watcher, problem);
    else
        tell_ended(watcher, view);
}

void watch_buried(struct entry *entry)
{
    while (!LIST_EMPTY(&entry->watchers)) {
        struct watcher *watcher = LIST_FIRST(&entry->watchers);
        if (entry->ended && entry->writes == 0)
            answer_entry_timeline(entry, end_with_view, watcher, false);
        else
            refuse_unavailable(watcher, API_WHY_NO_LONGER_DRIVEN);
    }
}

void watch_finish(struct driver *driver)
{
    while (!LIST_EMPTY(&driver->watchers))
        refuse_unavailable(LIST_FIRST(&driver->watchers), API_WHY_STOPS);
    stop_timer(driver);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
    struct driver *driver = arg;
    struct watcher *watcher = NULL;
    (void)fd;
    (void)what;
    LIST_FOREACH(watcher, &driver->watchers, of_driver)
    {
        tell(watcher, API_PROGRESS_QUIET, NULL, (struct troth_span){NULL, 0});
    }
}

static bool start_timer(struct driver *driver)
{
    static const struct timeval every = {.tv_sec = API_WATCH_QUIET_US / 1000000u};
    if (driver->watch_timer != NULL)
        return true;
    driver->watch_timer = event_new(driver->base, -1, EV_PERSIST, on_quiet, driver);
    return driver->watch_timer != NULL && event_add(driver->watch_timer, &every) == 0;
}

/* All that was noted so far comes first: a client that begins late misses nothing. */
static void join(struct watcher *watcher, struct entry *entry)
{
    watcher->entry = entry;
    LIST_INSERT_HEAD(&entry->watchers, watcher, of_entry);
    tell_state(watcher);
    tell_moments(watcher);
}

static void on_looked_up(void *arg, const struct api_problem *problem, const struct api_view *view,
                         bool fresh)
{
    struct lookup *lookup = arg;
    struct watcher *watcher = lookup->watcher;
    (void)fresh;
    free(lookup);
    if (watcher == NULL)
        return;
    watcher->lookup = NULL;
    struct entry *entry = entry_find(watcher->driver, &watcher->gtid);
    if (entry != NULL && !entry->looking_up)
        join(watcher, entry);
    else if (problem != NULL)
        refuse(watcher, problem);
    else if (view->ended_at.us != 0)
        tell_ended(watcher, view);
    else
        refuse_unavailable(watcher, API_WHY_NOT_DRIVEN);
}

static void look_up(struct watcher *watcher)
{
    struct lookup *lookup = malloc(sizeof *lookup);
    if (lookup == NULL) {
        refuse_unavailable(watcher, API_WHY_NO_MEMORY);
        return;
    }
    lookup->watcher = watcher;
    watcher->lookup = lookup;
    queries_get(watcher->driver, &watcher->gtid, on_looked_up, lookup);
}

void watch_host(void *ctx, const troth_gtid *gtid, api_progress_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct api_problem problem;
    struct watcher *watcher = NULL;
    if (!driver_serving(driver))
        api_refuse_unavailable(&problem, API_WHY_NOT_LEADING);
    else if (!start_timer(driver) || (watcher = calloc(1, sizeof *watcher)) == NULL)
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
    if (watcher == NULL) {
        fn(arg, &problem, NULL);
        return;
    }
    *watcher = (struct watcher){.driver = driver, .gtid = *gtid, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&driver->watchers, watcher, of_driver);
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && !entry->looking_up)
        join(watcher, entry);
    else
        look_up(watcher);
}

void unwatch_host(void *ctx, void *arg)
{
    struct driver *driver = ctx;
    struct watcher *watcher = LIST_FIRST(&driver->watchers);
    while (watcher != NULL && watcher->arg != arg)
        watcher = LIST_NEXT(watcher, of_driver);
    assert(watcher != NULL);
    watcher_destroy(watcher);
}
