/* trouble.c: transactions that cannot go on by themselves for a reason that the core knows nothing
 * of: a row that cannot be read, a definition that is gone, a record that the database refuses.
 *
 * Each is parked: in memory, so that it counts as open, holds its place in its shard (guard rows at
 * its participants stay) and its idempotency key; and shown with its reason wherever one looks. */
#include "trouble.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <api/api.h>
#include <base/buffer.h>
#include <base/json.h>
#include <txn/txn.h>

#include "counting.h"
#include "entry.h"
#include "log.h"

#define TROUBLE_BYTES 400u

static char no_memory[] = "it cannot go on, and there was no memory to note why: see the log";

void trouble_clear(struct entry *entry)
{
    if (entry->trouble != no_memory)
        free(entry->trouble);
    entry->trouble = NULL;
}

void trouble_set(struct entry *entry, const char *format, ...)
{
    char text[TROUBLE_BYTES];
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trouble_clear(entry);
    entry->trouble = strdup(text);
    if (entry->trouble == NULL)
        entry->trouble = no_memory;
    troth_gtid_format(&entry->origin.gtid, gtid);
    log_line(LOG_ERROR, "a transaction is parked: it cannot go on", "txn", gtid, "reason", text,
             NULL);
}

bool entry_is_parked(const struct entry *entry)
{
    return entry->trouble != NULL || metrics_is_parked(&entry->txn);
}

const char *entry_state_name(const struct entry *entry)
{
    return entry->trouble != NULL ? TXN_PARKED_NAME : txn_shown_name(&entry->txn);
}

void trouble_failure_append(const struct entry *entry, struct buffer *object)
{
    if (entry->trouble == NULL) {
        txn_failure_tell(&entry->txn, object);
        return;
    }
    buffer_append_text(object, "{\"cause\":\"" API_CAUSE_STUCK "\",\"reason\":");
    json_append_text(object, entry->trouble);
    buffer_append_text(object, "}");
}
