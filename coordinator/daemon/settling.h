/* settling.h: what an operator settles by hand. */
#ifndef DAEMON_SETTLING_H
#define DAEMON_SETTLING_H

#include <api/api.h>
#include <troth/id.h>

void settling_resolve(void *ctx, const troth_gtid *gtid, const struct api_word *word,
                      api_view_fn fn, void *arg);
void settling_forget(void *ctx, const troth_gtid *gtid, const struct api_word *word, api_view_fn fn,
                     void *arg);

#endif
