/* addresses.h: the coordinators that a client may ask: any of them answers any request, so one that
 * cannot be reached is passed over. */
#ifndef SDK_ADDRESSES_H
#define SDK_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include <http/client.h>

#define ADDRESSES_MAX 8u

struct addresses {
    struct http_peer *peers[ADDRESSES_MAX];
    uint32_t count;
    uint32_t first; /* the one that was good last: asked first */
};

/* A peer for each URL of `urls`, separated by commas; *config is that of each of them, but for the
 * URL. TROTH_ERROR_CONFIG: none, too many, or one that cannot be called; TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int addresses_open(struct http_loop *loop, const char *urls,
                                    const struct http_peer_config *config,
                                    struct addresses *ret_addresses);
void addresses_close(struct addresses *addresses);
/* It did not answer, or not for long enough: others begin with the next. */
void addresses_failed(struct addresses *addresses, uint32_t which);
/* One of the URLs is https. */
bool addresses_need_tls(const char *urls);

#endif
