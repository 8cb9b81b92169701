/* listing.h: lists by a state that only the memory knows. */
#ifndef DAEMON_LISTING_H
#define DAEMON_LISTING_H

#include <stdbool.h>

#include <api/api.h>
#include <troth/id.h>

struct driver;

/* The journal does not know such a state. */
bool listing_in_memory(const struct api_list *list);
/* false: who asked wants no more. */
bool listing_entries(struct driver *driver, const struct api_list *list, api_list_fn fn, void *arg);
/* Of the gtids that the list asks for. */
bool listing_in_range(const struct api_list *list, const troth_gtid *gtid);
/* The whole answer. */
void listing_from_memory(struct driver *driver, const struct api_list *list, api_list_fn fn,
                         void *arg);

#endif
