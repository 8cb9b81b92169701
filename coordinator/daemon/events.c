/* events.c: outcome events: those that only the journal's table has, and those that Kafka will not
 * take. */
#include "driver_private.h"

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
        driver_now().mono.us < driver->events_not_before.us) {
        return;
    }
    driver->events_reading = true;
    journal_events(driver->journal, &driver->events_place, on_event, driver);
}
