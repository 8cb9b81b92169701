/* publishing.c: the outbox, made when the journal's id is known, and what it says of outcome
 * events. */
#include "publishing.h"

#include <stdio.h>

#include <base/buffer.h>
#include <journal/journal.h>
#include <outbox/outbox.h>
#include <txn/txn.h>

#include "answer.h"
#include "config.h"
#include "driver.h"
#include "entry.h"
#include "log.h"
#include "state.h"
#include "table.h"

static void on_confirmed(void *arg, const troth_gtid *gtid, const uint8_t *id)
{
    struct driver *driver = arg;
    journal_outbox_delete(driver->journal, gtid, id);
    struct entry *entry = entry_find(driver, gtid);
    if (entry != NULL && !entry->looking_up && !entry->unloaded) {
        struct txn_event event = {.kind = TXN_EVENT_PUBLISHED};
        driver_step(driver, entry, &event);
    }
}

static void on_set_aside(void *arg, const troth_gtid *gtid, const uint8_t *id, const char *why)
{
    (void)arg;
    (void)id;
    char text[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(gtid, text);
    log_line(LOG_ERROR, "outcome event set aside: Kafka will not take it", "txn", text, "reason",
             why, NULL);
}

static void on_outbox_state(void *arg, bool reachable, const char *why)
{
    (void)arg;
    log_line(reachable ? LOG_INFO : LOG_WARN, "kafka", "reachable", reachable ? "true" : "false",
             "reason", why, NULL);
}

bool driver_make_outbox(struct driver *driver)
{
    if (driver->outbox != NULL)
        return true;
    char source[64];
    (void)snprintf(source, sizeof source, "/troth/%s", journal_id(driver->journal));
    bool kafka = driver->outbox_mode == CONFIG_OUTBOX_KAFKA;
    struct outbox_config config = {.brokers = kafka ? driver->config->kafka_brokers : NULL,
                                   .source = source,
                                   .topic_default = driver->config->kafka_topic,
                                   .memory_bytes_max = driver->config->outbox_memory_max,
                                   .event_bytes_max = driver->config->kafka_message_bytes_max,
                                   .properties = driver->kafka_properties,
                                   .confirmed = on_confirmed,
                                   .set_aside = on_set_aside,
                                   .may_send = driver_may_speak,
                                   .state = on_outbox_state,
                                   .arg = driver};
    BUFFER_SCOPED struct buffer why = {0};
    if (outbox_create(driver->base, &config, &why, &driver->outbox) != 0) {
        driver_fail(driver, why.len > 0 ? buffer_text(&why) : "the outbox cannot be made");
        return false;
    }
    return true;
}
