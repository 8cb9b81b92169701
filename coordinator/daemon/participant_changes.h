/* participant_changes.h: participants come, change and go. */
#ifndef DAEMON_PARTICIPANT_CHANGES_H
#define DAEMON_PARTICIPANT_CHANGES_H

#include <stdbool.h>

#include <api/api.h>

struct driver;
struct journal_entry;

/* One of the journal's registry; one that cannot be loaded is logged and passed over. */
void participants_load(struct driver *driver, const struct journal_entry *entry);
/* Behind all of them: who is in memory and not in the journal any more goes, unless it is needed.
 */
void participants_loaded(struct driver *driver);
/* For struct api_host. */
bool registry_host_participant(void *ctx, const char *name, struct api_participant *ret);
bool registry_host_participant_behind(void *ctx, const char *name, struct api_participant *ret);
void registry_host_participant_status(void *ctx, const char *name, struct buffer *ret_members);
void registry_host_participant_put(void *ctx, const struct api_participant *participant,
                                   api_done_fn fn, void *arg);
void registry_host_participant_delete(void *ctx, const char *name, bool force, api_done_fn fn,
                                      void *arg);

#endif
