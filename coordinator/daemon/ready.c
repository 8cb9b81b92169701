/* ready.c: GET /readyz: whether this node can do its work, and what hinders it. */
#include "ready.h"

#include <string.h>

#include <base/buffer.h>
#include <base/json.h>
#include <journal/journal.h>
#include <outbox/outbox.h>

#include "config.h"
#include "metrics.h"
#include "seats.h"
#include "state.h"

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

/* ,"reason":"…", or null where there is none. */
static void append_reason(struct buffer *object, const char *why)
{
    buffer_append_text(object, ",\"reason\":");
    if (why == NULL || why[0] == '\0')
        buffer_append_text(object, "null");
    else
        json_append_text(object, why);
}

static void append_journal(struct buffer *object, const struct driver *driver,
                           const struct journal_stats *stats)
{
    bool known = driver->journal != NULL;
    char wrote_at[WALL_TEXT_LEN + 3] = "null";
    if (stats->wrote_at.us != 0) {
        wrote_at[0] = '"';
        wall_format(stats->wrote_at, wrote_at + 1);
        wrote_at[WALL_TEXT_LEN + 1] = '"';
        wrote_at[WALL_TEXT_LEN + 2] = '\0';
    }
    buffer_append_format(object, "\"journal\":{\"id\":\"%s\",\"connected\":%s,\"writable\":%s",
                         known ? journal_id(driver->journal) : "", boolean(stats->connected),
                         boolean(stats->writable));
    append_reason(object, known ? journal_trouble(driver->journal) : NULL);
    buffer_append_format(object,
                         ",\"wrote_at\":%s,\"shards\":%u,\"rows\":%llu,\"batches\":%llu,"
                         "\"gathered\":%u,\"gathered_bytes\":%llu,\"unknown_commits\":%llu,"
                         "\"lost_shards\":%u}",
                         wrote_at, driver->shards_count, (unsigned long long)stats->rows,
                         (unsigned long long)stats->batches, stats->gathered,
                         (unsigned long long)stats->gathered_bytes,
                         (unsigned long long)stats->unknown_commits, stats->lost_shards);
}

static void append_outbox(struct buffer *object, const struct driver *driver)
{
    static const char *const names[] = {"kafka", "table", "off"};
    struct outbox_stats stats = {0};
    if (driver->outbox != NULL && driver->outbox_mode == CONFIG_OUTBOX_KAFKA)
        outbox_stats(driver->outbox, &stats);
    buffer_append_format(object, "\"outbox\":{\"mode\":\"%s\",\"reachable\":%s",
                         names[driver->outbox_mode], boolean(stats.reachable));
    append_reason(object, stats.reachable ? NULL : stats.why);
    buffer_append_format(object, ",\"waiting\":%llu,\"confirmed\":%llu,\"set_aside\":%llu}",
                         (unsigned long long)stats.waiting, (unsigned long long)stats.confirmed,
                         (unsigned long long)stats.set_aside);
}

bool driver_ready(void *ctx, struct buffer *ret_details)
{
    const struct driver *driver = ctx;
    struct journal_stats journal = {0};
    if (driver->journal != NULL)
        journal_stats(driver->journal, &journal);
    bool leading = driver_serving(driver);
    enum journal_state state =
        driver->journal != NULL ? journal_state(driver->journal) : JOURNAL_CONNECTING;
    bool ready = leading && journal.writable && !driver->draining && !driver->failed &&
                 (state == JOURNAL_LEADING || state == JOURNAL_WAITING);
    buffer_append_format(ret_details,
                         "{\"ready\":%s,\"leading\":%s,\"shards_led\":%u,\"draining\":%s,"
                         "\"open_transactions\":%u,\"parked_transactions\":%llu,",
                         boolean(ready), boolean(leading && journal.shards_led > 0),
                         journal.shards_led, boolean(driver->draining), driver->open,
                         (unsigned long long)metrics_parked(driver));
    append_journal(ret_details, driver, &journal);
    buffer_append_char(ret_details, ',');
    seats_append_all(driver, ret_details);
    buffer_append_char(ret_details, ',');
    append_outbox(ret_details, driver);
    buffer_append_char(ret_details, '}');
    return ready;
}
