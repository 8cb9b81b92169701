/* queries.h: what is asked about transactions. */
#ifndef DAEMON_QUERIES_H
#define DAEMON_QUERIES_H

#include <stdbool.h>
#include <stdint.h>

#include <api/api.h>
#include <troth/id.h>
#include <troth/span.h>

struct driver;

/* Exactly one answer, perhaps from inside. `fresh` as in api_view_fn. */
void queries_get_as(struct driver *driver, const troth_gtid *gtid, api_view_fn fn, void *arg,
                    bool fresh);
/* For struct api_host. */
void queries_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
void queries_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg);
void queries_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                     struct troth_span journal, api_answer_fn fn, void *arg);

#endif
