/* queries.h: what is asked about transactions. */
#ifndef DAEMON_QUERIES_H
#define DAEMON_QUERIES_H

#include <stdbool.h>
#include <stdint.h>

#include <api/api.h>
#include <troth/id.h>
#include <troth/span.h>

struct driver;

/* The transaction that a start's key belongs to. One that leaves by its age meanwhile is no answer
 * to a start: its next try begins a new one. Exactly one answer, perhaps from inside. */
void queries_get_earlier(struct driver *driver, const troth_gtid *gtid, api_view_fn fn, void *arg);
/* For struct api_host. */
void queries_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
void queries_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg);
void queries_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                     struct troth_span journal, api_answer_fn fn, void *arg);

#endif
