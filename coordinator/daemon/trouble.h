/* trouble.h: transactions that cannot go on by themselves. */
#ifndef DAEMON_TROUBLE_H
#define DAEMON_TROUBLE_H

#include <stdbool.h>

#include <api/api.h>

struct entry;

/* For people, from now on; logged. Without memory for the words it is parked all the same. */
void trouble_set(struct entry *entry, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trouble_clear(struct entry *entry);
/* By the core, or by its trouble. */
bool entry_is_parked(const struct entry *entry);
/* As it is shown. */
const char *entry_state_name(const struct entry *entry);
/* As txn_failure_tell(), or the trouble. */
void trouble_failure_append(const struct entry *entry, struct buffer *object);

#endif
