/* name.h: what a peer's host is at present: its addresses, for how long, and who waits for them.
 *
 * A numeric host has its one address for ever. A name is asked for when a call wants it: first,
 * when its TTL has passed, and again, with a growing pause, after a failure. A call waits for the
 * answer, within its connect timeout; while the name servers are silent or in trouble the addresses
 * known last go on being used (RFC 8767), but "there is no such host" is believed. */
#ifndef HTTP_NAME_H
#define HTTP_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include <resolve/resolve.h>

#define NAME_AGAIN_MIN_US  250000u /* after a failure; doubles */
#define NAME_AGAIN_MAX_US  10000000u
#define NAME_STALE_WAIT_US 500000u   /* for a fresh answer, when older addresses are at hand */
#define NAME_AVOID_US      10000000u /* an address that failed is tried after the others */

struct http_loop;

struct name_address {
    struct resolver_address to;
    uint64_t avoid_until_us;
};

/* Something has changed: addresses are known, or it is known that there are none. */
typedef void (*name_changed)(void *arg);

struct name {
    struct http_loop *loop;
    const char *host; /* borrowed */
    uint16_t port;
    name_changed changed;
    void *arg;
    struct resolver_question *question; /* under way */
    uint64_t asked_us;
    struct name_address addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t count;
    uint32_t round;      /* of answers: another one, perhaps other addresses */
    uint64_t expires_us; /* UINT64_MAX: numeric */
    uint64_t again_us;   /* not asked before, after a failure */
    uint64_t pause_us;
    const char *why; /* static; "" */
};

enum name_state {
    NAME_KNOWN, /* go on with the addresses */
    NAME_ASKED, /* wait for `changed` */
    NAME_NONE   /* no way there for now: `why` */
};

void name_init(struct name *name, struct http_loop *loop, const char *host, uint16_t port,
               name_changed changed, void *arg);
void name_finish(struct name *name);
/* Asks, when it is time to. */
enum name_state name_look(struct name *name, uint64_t now_us);
/* The address to try next: not among `tried` (bits), those that have not failed lately first.
 * UINT32_MAX: none is left. */
uint32_t name_choose(const struct name *name, uint32_t tried, uint64_t now_us);
void name_failed(struct name *name, const struct resolver_address *address, uint64_t now_us);
void name_worked(struct name *name, const struct resolver_address *address);
/* Whether the name still has that address. */
bool name_has(const struct name *name, const struct resolver_address *address);

#endif
