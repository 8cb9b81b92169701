/* notice.h: lines in the log. */
#ifndef DAEMON_NOTICE_H
#define DAEMON_NOTICE_H

#include <stdbool.h>

#include <txn/txn.h>

struct driver;
struct entry;
struct metrics_mark;

/* Behind each step: what parked, resumed, fell back, became mixed. */
void notice_step(struct entry *entry, const struct metrics_mark *before, enum txn_event_kind event);
/* Behind an answer that was none: every nth try. */
void notice_try(struct entry *entry, const struct txn_branch *branch, const struct result *result);
/* Its reachability has changed. */
void notice_participant(struct driver *driver, const char *name, bool is_up, const char *why);
/* A client's transaction is refused with 503. */
void notice_refused(struct driver *driver, const char *why);

#endif
