/* submit.h: a client begins a transaction. */
#ifndef DAEMON_SUBMIT_H
#define DAEMON_SUBMIT_H

#include <stdbool.h>

#include <api/api.h>

struct driver;

/* What waits for the journal is below its limits. */
bool submit_journal_has_room(const struct driver *driver);
/* false: *problem, and it was counted and told of. */
bool submit_journal_takes(struct driver *driver, struct api_problem *problem);
/* For struct api_host. */
void submit_host(void *ctx, const struct api_submit *submit, api_view_fn fn, void *arg);

#endif
