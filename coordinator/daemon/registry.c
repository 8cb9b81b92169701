/* registry.c: what is registered, as the journal has it: loaded at the start, and again whenever it
 * is not known what became of a change. Definitions: definitions.c. Participants: participants.c
 * and participant_changes.c. */
#include "registry.h"

#include <api/refusal.h>
#include <event2/event.h>
#include <journal/journal.h>

#include "answer.h"
#include "log.h"
#include "state.h"

#define LOOK_US 300000 /* so often it is looked whether another node has changed it */

static void load(struct driver *driver);
static void look_later(struct driver *driver);

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    load(arg);
}

/* --- what other nodes change --------------------------------------------------------------------
 */

/* Where it cannot be asked, what is known serves; a reading looks again by itself. */
static void on_looked(void *arg, int error, bool changed)
{
    struct driver *driver = arg;
    driver->registry_looking = false;
    if (error == 0 && changed)
        load(driver);
    if (!driver->registry_loading)
        look_later(driver);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct driver *driver = arg;
    (void)fd;
    (void)what;
    if (driver->registry_loading || driver->registry_looking)
        return;
    driver->registry_looking = true;
    journal_registry_look(driver->journal, on_looked, driver);
}

static void look_later(struct driver *driver)
{
    static const struct timeval later = {.tv_usec = LOOK_US};
    if (driver->registry_look == NULL)
        driver->registry_look = evtimer_new(driver->base, on_look, driver);
    if (driver->registry_look == NULL || evtimer_add(driver->registry_look, &later) != 0)
        driver_fail(driver, "no memory to look for changes of the registry");
}

/* --- reading it ----------------------------------------------------------------------------------
 */

/* A database that cannot answer now is no end: it is asked again. What is known serves meanwhile.
 */
static void not_loaded(struct driver *driver)
{
    static const struct timeval later = {.tv_sec = 1};
    log_line(LOG_WARN, "the registry cannot be read from the journal yet: trying again", "reason",
             journal_words(driver->journal), NULL);
    driver->registry_loading = false;
    if (driver->registry_again == NULL)
        driver->registry_again = evtimer_new(driver->base, on_again, driver);
    if (driver->registry_again == NULL || evtimer_add(driver->registry_again, &later) != 0)
        driver_fail(driver, "no memory to read the registry again");
}

static void on_loaded(void *arg, int error, const struct journal_entry *entry)
{
    struct driver *driver = arg;
    if (error != 0)
        not_loaded(driver);
    else
        driver->hooks.registry(driver, entry);
    if (error == 0 && entry == NULL) {
        driver->registry_round++;
        driver->registry_loaded = true;
        driver->registry_loading = false;
        look_later(driver);
    }
}

static void load(struct driver *driver)
{
    if (!driver->registry_loading) {
        driver->registry_loading = true;
        journal_registry_load(driver->journal, on_loaded, driver);
    }
}

void registry_load(struct driver *driver)
{
    load(driver);
}

bool registry_refused(struct driver *driver, int error, struct api_problem *problem)
{
    bool unknown = error == TROTH_ERROR_LOST || error == TROTH_ERROR_UNKNOWN;
    if (unknown)
        api_refuse_unconfirmed(problem);
    else
        api_refuse_unavailable(problem, API_WHY_JOURNAL_REFUSED);
    load(driver);
    return unknown;
}

void registry_finish(struct driver *driver)
{
    if (driver->registry_again != NULL)
        event_free(driver->registry_again);
    if (driver->registry_look != NULL)
        event_free(driver->registry_look);
}
