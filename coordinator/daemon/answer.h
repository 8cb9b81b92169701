/* answer.h: what clients are told of a transaction. */
#ifndef DAEMON_ANSWER_H
#define DAEMON_ANSWER_H

#include <stdbool.h>

#include <api/api.h>

struct driver;
struct entry;
struct journal_row;

/* The lease is ours by our own clock, now. */
bool answer_may_leave(const struct driver *driver);
/* The timeline is for who looks at a transaction, not for who began it. */
void answer_entry(struct entry *entry, api_view_fn fn, void *arg, bool fresh);
/* For who watches: steps without outputs. */
void answer_progress(struct entry *entry, api_view_fn fn, void *arg);
void answer_entry_timeline(struct entry *entry, api_view_fn fn, void *arg, bool fresh);
void answer_row(const struct driver *driver, const struct journal_row *row, api_view_fn fn,
                void *arg, bool fresh);
/* For lists, whose lease is looked at when they begin. */
bool answer_listed(struct entry *entry, bool payloads, api_list_fn fn, void *arg);
bool answer_row_listed(const struct journal_row *row, api_list_fn fn, void *arg);
/* Who no longer leads is silent: nothing leaves in a turn that has not looked here: commands
 * (http_loop_hold), events (the outbox), what clients are told (answer.c). `arg`: the driver. */
bool driver_may_speak(void *arg);

#endif
