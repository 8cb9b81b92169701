/* resolve/resolve.h: names of hosts into addresses, without blocking.
 *
 * c-ares on libevent. Not getaddrinfo(), which holds up the loop and tells no TTL; not libevent's
 * evdns, which tells none either and does not ask over TCP what UDP cut off. c-ares honours
 * /etc/hosts, /etc/nsswitch.conf ("files" and "dns", in its order; other modules are not asked) and
 * /etc/resolv.conf with its search list, ndots, timeout, attempts and rotate; resolv.conf is read
 * again when it has changed. Single-threaded: from the loop's thread. Never blocks, but for reading
 * those files. */
#ifndef RESOLVE_RESOLVE_H
#define RESOLVE_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <troth/error.h>

struct event_base;
struct resolver;
struct resolver_question;

#define RESOLVER_ADDRESSES_MAX 16u         /* of one name; more are not looked at */
#define RESOLVER_TTL_MIN_US    1000000u    /* a shorter one (/etc/hosts has none) counts as this */
#define RESOLVER_TTL_MAX_US    3600000000u /* a longer one counts as this */
#define RESOLVER_TIMEOUT_US    12000000u   /* of a question as a whole */
#define RESOLVER_V4_AFTER_US                                                                       \
    2000000u /* then IPv4 is asked for alone as well: there are name                               \
                servers that never answer a question for IPv6 */

struct resolver_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t size; /* of the one that it is */
};
#define RESOLVER_ADDRESS_TEXT_MAX 56u /* "[…]:65535" of the longest IPv6 address */

struct resolver_answer {
    int error; /* 0: one address at least. TROTH_ERROR_NOT_FOUND: no such name, or none of its
                  addresses; _TIMEOUT: no name server answered; _UNAVAILABLE: none can be asked, or
                  it could not say; _NO_MEMORY */
    const char *text; /* why, for people, in a few words; "" when error is 0 */
    const struct resolver_address *addresses; /* in the order to try them */
    uint32_t count;
    uint64_t ttl_us; /* they are good for so long; 0 when error is not 0 */
};
/* Valid during the call. */
typedef void (*resolver_answered)(void *arg, const struct resolver_answer *answer);

/* `base` is borrowed. `servers`: the name servers that are asked instead of resolv.conf's, numeric,
 * "127.0.0.1:5353" or several separated by commas; "" or NULL: resolv.conf's. TROTH_ERROR_CONFIG:
 * not such a list. */
TROTH_MUST_CHECK int resolver_create(struct event_base *base, const char *servers,
                                     struct resolver **ret_resolver);
/* Questions under way get no answer any more. Takes NULL. */
void resolver_destroy(struct resolver *resolver);

/* Exactly one answer comes, in RESOLVER_TIMEOUT_US at the latest, never from inside this call, and
 * not after resolver_cancel(). A numeric host is answered like any other. Asks anew each time: who
 * asks keeps the answer for its TTL. */
TROTH_MUST_CHECK int resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                                  resolver_answered answered, void *arg,
                                  struct resolver_question **ret_question);
/* Takes NULL. */
void resolver_cancel(struct resolver_question *question);

/* A numeric address ("127.0.0.1", "::1"), which needs no question. */
bool resolver_numeric(const char *host, uint16_t port, struct resolver_address *ret_address);
bool resolver_address_same(const struct resolver_address *a, const struct resolver_address *b);
/* "127.0.0.1:80", "[::1]:80". */
void resolver_address_format(const struct resolver_address *address,
                             char ret_text[RESOLVER_ADDRESS_TEXT_MAX]);

#endif
