/* events.c: outcome events: those that only the journal's table has, and those that Kafka will not
 * take. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include <api/refusal.h>
#include <journal/journal.h>
#include <outbox/outbox.h>

#include "answer.h"
#include "clock.h"
#include "config.h"
#include "log.h"
#include "state.h"

#define AGAIN_US UINT64_C(1000000) /* behind a journal that could not be read */

static void on_event(void *arg, int error, const struct record_outbox_row *row, bool more)
{
    struct driver *driver = arg;
    struct troth_gtid_parts parts;
    if (row != NULL) {
        troth_gtid_split(&row->gtid, &parts);
        driver->events_place = (struct journal_place){
            .begun = true, .shard = parts.shard, .epoch = row->epoch, .seq = row->seq};
        outbox_load(driver->outbox, row);
        return;
    }
    driver->events_reading = false;
    if (error != 0) {
        driver->events_not_before.us = driver_now().mono.us + AGAIN_US;
    } else if (!more) {
        driver->events_place = (struct journal_place){0};
        outbox_loaded(driver->outbox);
    }
}

void events_turn(struct driver *driver)
{
    if (driver->outbox == NULL || driver->events_reading || !driver->recovered ||
        driver->outbox_mode != CONFIG_OUTBOX_KAFKA || !outbox_wants(driver->outbox) ||
        driver_now().mono.us < driver->events_not_before.us)
        return;
    driver->events_reading = true;
    journal_events(driver->journal, &driver->events_place, on_event, driver);
}

/* --- what was set aside: for an operator ------------------------------------------------------ */

static bool find(const struct driver *driver, const uint8_t *id, struct outbox_aside *ret_aside)
{
    return driver->outbox != NULL && outbox_aside(driver->outbox, id, ret_aside);
}

static struct api_event event_of(const struct outbox_aside *aside)
{
    return (struct api_event){.id = aside->id,
                              .gtid = aside->gtid,
                              .topic = aside->topic,
                              .reason = aside->why,
                              .key = aside->key,
                              .bytes = aside->bytes,
                              .made_at = aside->made_at,
                              .set_aside_at = aside->aside_at};
}

struct listing {
    uint32_t limit, count;
    api_event_fn fn;
    void *arg;
};

static void list_one(void *arg, const struct outbox_aside *aside)
{
    struct listing *listing = arg;
    struct api_event event = event_of(aside);
    if (listing->count++ < listing->limit)
        listing->fn(listing->arg, NULL, &event);
}

uint32_t events_list(void *ctx, uint32_t limit, api_event_fn fn, void *arg)
{
    const struct driver *driver = ctx;
    struct listing listing = {.limit = limit, .fn = fn, .arg = arg};
    if (driver->outbox != NULL)
        outbox_asides(driver->outbox, list_one, &listing);
    return listing.count;
}

struct event_question {
    struct driver *driver;
    uint8_t id[API_EVENT_ID_BYTES];
    api_event_fn fn;
    api_done_fn done;
    void *arg;
};

static struct event_question *ask(struct driver *driver, const uint8_t *id, void *arg)
{
    struct event_question *question = calloc(1, sizeof *question);
    if (question != NULL) {
        question->driver = driver;
        question->arg = arg;
        memcpy(question->id, id, sizeof question->id);
    }
    return question;
}

static void on_shown(void *arg, int error, const struct record_outbox_row *row, bool more)
{
    struct event_question *question = arg;
    struct outbox_aside aside;
    struct api_problem problem;
    (void)more;
    if (error != 0 && error != TROTH_ERROR_NOT_FOUND) {
        api_refuse_unavailable(&problem, API_WHY_JOURNAL_UNASKED);
        question->fn(question->arg, &problem, NULL);
    } else if (row == NULL || !find(question->driver, question->id, &aside)) {
        api_refuse_no_event(&problem);
        question->fn(question->arg, &problem, NULL);
    } else {
        struct api_event event = event_of(&aside);
        event.type = row->type;
        event.headers = row->headers;
        event.payload = row->payload;
        question->fn(question->arg, NULL, &event);
    }
    free(question);
}

void events_get(void *ctx, const uint8_t *id, api_event_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct outbox_aside aside;
    struct api_problem problem;
    struct event_question *question = NULL;
    if (!find(driver, id, &aside)) {
        api_refuse_no_event(&problem);
    } else if ((question = ask(driver, id, arg)) == NULL) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
    } else {
        question->fn = fn;
        journal_event_get(driver->journal, &aside.gtid, id, on_shown, question);
        return;
    }
    fn(arg, &problem, NULL);
}

/* Whoever looks later finds what an operator did in the diagnostics. */
static void log_operator(const char *what, const troth_gtid *gtid)
{
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(gtid, text);
    log_line(LOG_WARN, what, "txn", text, NULL);
}

void events_resend(void *ctx, const uint8_t *id, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct outbox_aside aside;
    struct api_problem problem;
    if (!find(driver, id, &aside)) {
        api_refuse_no_event(&problem);
        fn(arg, &problem);
        return;
    }
    log_operator("an operator has an event sent again that was set aside", &aside.gtid);
    (void)!outbox_resend(driver->outbox, id); /* it was found */
    fn(arg, NULL);
}

static void on_discarded(void *arg, int error, const struct record_outbox_row *row, bool more)
{
    struct event_question *question = arg;
    struct api_problem problem;
    (void)row;
    (void)more;
    if (error == 0) {
        (void)!outbox_discarded(question->driver->outbox, question->id); /* or gone meanwhile */
        question->done(question->arg, NULL);
    } else {
        api_refuse_unavailable(&problem, API_WHY_UNCONFIRMED);
        question->done(question->arg, &problem);
    }
    free(question);
}

void events_discard(void *ctx, const uint8_t *id, api_done_fn fn, void *arg)
{
    struct driver *driver = ctx;
    struct outbox_aside aside;
    struct api_problem problem;
    struct event_question *question = NULL;
    if (!find(driver, id, &aside)) {
        api_refuse_no_event(&problem);
    } else if ((question = ask(driver, id, arg)) == NULL) {
        api_refuse_unavailable(&problem, API_WHY_NO_MEMORY);
    } else {
        question->done = fn;
        log_operator("an operator discards an event that was set aside", &aside.gtid);
        journal_event_discard(driver->journal, &aside.gtid, id, on_discarded, question);
        return;
    }
    fn(arg, &problem);
}
