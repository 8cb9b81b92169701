/* commands.h: what clients and operators ask of an open transaction. */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include <stdint.h>

#include <api/api.h>
#include <troth/id.h>

void commands_enlist(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                     api_view_fn fn, void *arg);
void commands_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                     enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg);
void commands_abort(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn, void *arg);
void commands_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);

#endif
