/* definition_changes.h: definitions are published, deleted and shown. */
#ifndef DAEMON_DEFINITION_CHANGES_H
#define DAEMON_DEFINITION_CHANGES_H

#include <stdint.h>

#include <api/api.h>

/* For struct api_host. */
const struct definition *registry_host_definition(void *ctx, const char *name, uint32_t version);
void registry_host_definition_status(void *ctx, const struct definition *definition,
                                     struct buffer *ret_members);
void registry_host_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg);
void registry_host_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                     void *arg);

#endif
