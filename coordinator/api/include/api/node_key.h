/* api/node_key.h: how nodes of one journal know each other.
 *
 * Each process has a key pair of its own (X25519), whose public half stands in its row of the
 * journal. Two nodes make the same key of their own private and the other's public half, and show
 * each other what that key makes of their messages (HMAC-SHA-256). Nothing secret leaves a process,
 * also to an address that is no node's, and who only reads the journal cannot pose as one. */
#ifndef API_NODE_KEY_H
#define API_NODE_KEY_H

#include <stdint.h>

#include <troth/error.h>
#include <troth/span.h>

#define NODE_KEY_BYTES    32u
#define NODE_MAC_TEXT_LEN 64u /* hexadecimal */

/* TROTH_ERROR_SYSTEM: no randomness, or no memory. */
TROTH_MUST_CHECK int node_key_make(uint8_t ret_private[NODE_KEY_BYTES],
                                   uint8_t ret_public[NODE_KEY_BYTES]);
/* TROTH_ERROR_INVALID: that is no public key; _SYSTEM. */
TROTH_MUST_CHECK int node_key_share(const uint8_t private[NODE_KEY_BYTES],
                                    const uint8_t public[NODE_KEY_BYTES],
                                    uint8_t ret_shared[NODE_KEY_BYTES]);
/* TROTH_ERROR_SYSTEM. */
TROTH_MUST_CHECK int node_key_mac(const uint8_t shared[NODE_KEY_BYTES], struct troth_span text,
                                  char ret_mac[NODE_MAC_TEXT_LEN + 1]);

#endif
