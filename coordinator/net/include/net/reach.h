/* net/reach.h: whom trothd may call: hosts by their names, and networks by their addresses.
 *
 * Both must allow it, at every connect, once the host's name has led to an address: what a URL
 * looks like says nothing of where it leads, and may lead elsewhere tomorrow. Hosts are patterns of
 * what stands in URLs ("*.internal", "10.0.0.7"). Networks are CIDR ("10.1.0.0/16", "fd00::/8"),
 * addresses, and the words
 *
 *     loopback  127.0.0.0/8, ::1
 *     private   10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7
 *     public    all that is neither of these nor one of those below
 *
 * Link-local addresses, those where clouds serve their machines' credentials (169.254.169.254 and
 * its like), multicast, reserved and unspecified ones are in no word, and in no network that is
 * larger than they are: only what is listed as small as they are opens them. An IPv4 address within
 * an IPv6 one (mapped, NAT64, 6to4) is that IPv4 address. */
#ifndef NET_REACH_H
#define NET_REACH_H

#include <base/buffer.h>
#include <troth/error.h>

struct reach;
struct sockaddr;

#define REACH_ENTRIES_MAX 64u /* of each list */

/* Lists with commas between their entries. TROTH_ERROR_CONFIG: an entry is none, `why` says which;
 * _NO_MEMORY. */
TROTH_MUST_CHECK int reach_create(const char *hosts, const char *networks, struct buffer *why,
                                  struct reach **ret_reach);
void reach_destroy(struct reach *reach); /* takes NULL */
/* NULL: it may be called, as far as its name says. Else why not, in a few words. */
const char *reach_refuses_host(const struct reach *reach, const char *host);
/* The same of where it leads: IPv4 or IPv6. */
const char *reach_refuses(const struct reach *reach, const char *host,
                          const struct sockaddr *address);

#endif
