/* shards.h: which shards of the journal are this node's, who has the others, and which other nodes
 * there are. What is said here decides whom to ask first; who may write is the epochs' matter. */
#ifndef DAEMON_SHARDS_H
#define DAEMON_SHARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct driver;
struct journal_node;

/* It is led here, now: its open transactions are loaded, and what is asked of it is answered here.
 */
bool shards_led(const struct driver *driver, uint32_t shard);
/* It is on its way to or from here, or to nobody that is known: whoever asks for it may ask again
 * in a moment. */
bool shards_changing(const struct driver *driver, uint32_t shard);
/* Who leads it, as last seen; this node, too. NULL: nobody does, or it is not known. */
const struct journal_node *shards_leader(const struct driver *driver, uint32_t shard);
/* One that is led here, each in its turn, for a transaction without an idempotency key. false:
 * there is none. */
bool shards_any(struct driver *driver, uint32_t *ret_shard);
/* The nodes of the journal, the live ones first; this one may be among them. Until the next turn.
 */
size_t shards_nodes(const struct driver *driver, const struct journal_node **ret_nodes);
/* Makes the key pair of this process (api/node_key.h), whose public half, in hexadecimal, other
 * nodes read of it. false: it cannot be had. */
bool shards_make_key(struct driver *driver);
/* The body of GET /v1/nodes. */
void shards_host_nodes(void *ctx, struct buffer *ret_list);

#endif
