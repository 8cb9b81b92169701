/* keys.h: API keys: whose they are, and what they may do. In memory as the journal has them. */
#ifndef DAEMON_KEYS_H
#define DAEMON_KEYS_H

#include <api/api.h>
#include <journal/journal.h>

struct driver;

/* From the registry: each key, then what is behind the last one. */
void keys_load(struct driver *driver, const struct journal_entry *entry);
void keys_loaded(struct driver *driver);
void keys_finish(struct driver *driver);

/* struct api_host. */
int keys_identify(void *ctx, const uint8_t hash[API_KEY_HASH_BYTES],
                  struct api_identity *ret_identity);
bool keys_behind(void *ctx, const char *name, struct api_key *ret_key);
bool keys_get(void *ctx, const char *name, struct api_key *ret_key);
void keys_put(void *ctx, const struct api_key *key, api_done_fn fn, void *arg);
void keys_delete(void *ctx, const char *name, api_done_fn fn, void *arg);

#endif
